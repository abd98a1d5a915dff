"""The converter in an environment of its own: pinned packages, made for one run and thrown away with its workplace.

The quantizer never enters the product's own environment. The int8 file is compared with the float one and judged by
tolerance: its hash may depend on the processor.
"""

import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gatefw.biometrics import fetch
from gatefw.biometrics.fetch import Say
from gatefw.errors import ModelError

CONVERT = Path(__file__).resolve().with_name("convert")
SPACE_BYTES = 800_000_000
"""Free space asked for: archives 136 MB, environment 313 MB, pip's own unpacking, and air."""
DIFFERENCE_MAX = 0.15
"""int8 against float, as a share of vector length or eye distance: the largest on drawn faces (measured: 0.075 and
0.077), and the median on real chips where ranges were measured on them (0.030)."""


@dataclass(frozen=True, slots=True)
class Converted:
    """An int8 file and the largest difference to its float model on drawn faces, a share of the vector's length."""

    content: bytes
    difference: float


def environment(work: Path, say: Say, offline: Path | None) -> Path:
    """The python of a new environment that holds the converter's pinned packages."""
    say("converter: making a throw-away environment (some 90 MB to download) ...")
    begun_s = time.monotonic()
    what, home = "converter's environment", work / "environment"
    fetch.run([sys.executable, "-m", "venv", str(home)], what, work, "is the package python3-venv installed?")
    python = home / "bin" / "python"
    where = [] if offline is None else ["--no-index", f"--find-links={offline}"]
    requirements = str(CONVERT / "requirements.txt")
    fetch.pip(str(python), ["install", "--only-binary=:all:", *where, "-r", requirements], what, work)
    shutil.copytree(CONVERT, work / "convert", ignore=shutil.ignore_patterns("__pycache__"))
    say(f"converter: ready after {time.monotonic() - begun_s:.0f} s")
    return python


def convert(name: str, kind: str, published: bytes, python: Path, work: Path, chips: bytes = b"") -> Converted:
    """The int8 file of a published one. Raises ModelError when it computes something else than its float model.

    chips: a .npy of faces on which the ranges of an embedder's tensors are measured; none: the ranges that ship.
    """
    before, after = work / f"{name}.published", work / f"{name}.int8"
    before.write_bytes(published)
    command = [str(python), "-m", "convert", kind, str(before), str(after), *(["-"] if chips else [])]
    advice = "the converter's packages are at fault, please report it"
    outcome = json.loads(fetch.run(command, f"{name}: conversion", work, advice, chips))
    within = outcome["difference"] <= DIFFERENCE_MAX and outcome.get("on_chips", 0) <= DIFFERENCE_MAX
    if not outcome["same_shapes"] or not within:
        raise ModelError(
            f"{name}: the int8 model does not compute what the float model does: {outcome}, "
            f"at most {DIFFERENCE_MAX} is allowed; {advice}"
        )
    return Converted(after.read_bytes(), outcome["difference"])
