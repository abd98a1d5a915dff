"""The models: installed, unaltered, measured."""

import os
from collections.abc import Iterator

from gatefw.doctor.files import owner
from gatefw.doctor.finding import Finding, Severity, Unseen
from gatefw.doctor.seen import Seen
from gatefw.errors import ModelError

FOLLOWS = ("G0020", "G0021", "G0024", "G0031")


def installed(seen: Seen) -> Iterator[Finding]:
    """whether each model that the lane names is there, and the one that was measured"""
    if seen.lane is None or not seen.lane.having("camera"):
        return
    from gatefw.biometrics import card

    models, settings = seen.vision / "models", seen.lane.vision
    if seen.vision.exists() and not os.access(seen.vision, os.X_OK):
        raise Unseen(f"{seen.vision} is vision's alone; run it with sudo")
    install = "gatefw models install"
    if seen.vision != seen.paths.state:
        install = f"sudo -u {owner(seen.vision)} env STATE_DIRECTORY={seen.vision} gatefw models install"
    for name in dict.fromkeys(filter(None, (settings.detector, settings.embedder, seen.lane.face.pad))):
        try:
            card.installed(models, name)
        except ModelError as error:
            found = str(error)
            code, cause = "G0243", f"this model cannot be used: {found}"
            if not (models / f"{name}.toml").exists() or "cannot be read" in found:
                code, cause = "G0240", f"the model {name} is not installed: no face can be looked at"
            elif "sha256 is" in found:
                code, cause = "G0241", f"the model {name} was altered: its file is not the one that was measured"
            elif "not measured" in found:
                code, cause = "G0242", f"the model {name} was never measured: nobody knows how often it errs"
            evidence = {"found": found, "models": str(models)}
            yield Finding(code, Severity.ERROR, f"model {name}", cause, install, evidence, FOLLOWS)


CHECKS = (installed,)
