"""Where the gate of this machine is, and what of it can be seen by whoever asks."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import hw
from gatefw import config, lane_check
from gatefw.config import Config, Finding, Paths
from gatefw.control import call
from gatefw.doctor.seen import Machine, Seen, Silence
from gatefw.errors import BadReply, ConfigError, GateError, SetupError
from gatefw.state import runtime_dir, state_dir

INSTALLED = {"GATEFW_RUN": "/run/gatefw", "GATEFW_STATE": "/var/lib/gatefw"}
"""Of a gate that systemd starts; see systemd/."""
INSTALLED_FILE, INSTALLED_VISION = Path("/etc/gatefw/lane.toml"), Path("/var/lib/gatefw-vision")
NAMED = ("RUNTIME_DIRECTORY", "GATEFW_RUN", "STATE_DIRECTORY", "GATEFW_STATE")
ANSWER_S = 5.0


def gather(
    file: Path | None,
    directory: Path | None,
    machine: Machine,
    env: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] = lambda _words: None,
) -> Seen:
    """What there is to look at. `file`: the lane file, None for the running daemon's or the installed one;
    `directory`: where its sockets are, None for where the environment says, or the installed gate's.

    Raises SetupError: nobody says where the state is.
    """
    env = _environment(directory, machine, env)
    run = runtime_dir(env)
    tell("the running daemon")
    status, silence = _status(run / "control.sock")
    running: Mapping[str, Any] = (status or {}).get("config", status or {})
    if "state" in running and _same_user(Path(running["state"]), run / "control.sock"):
        env = {**env, "GATEFW_STATE": running["state"]}
    installed = machine.path(INSTALLED_FILE)
    file = file or (Path(running["file"]) if "file" in running else installed if _may_be_there(installed) else None)
    paths = Paths(state_dir(env), run)
    seen = Seen(
        paths=paths,
        vision=paths.state,
        file=file,
        status=status,
        silence=silence,
        ask=lambda verb: call(run / "control.sock", verb, timeout_s=ANSWER_S),
        machine=machine,
        tell=tell,
    )
    return _with_lane(seen, file, env, tell) if file else seen


def _environment(directory: Path | None, machine: Machine, env: Mapping[str, str]) -> Mapping[str, str]:
    named = machine.here and any(env.get(name) for name in NAMED)
    if not named and any(_may_be_there(machine.path(place)) for place in INSTALLED.values()):
        env = {"HOME": env.get("HOME", ""), **{name: str(machine.path(place)) for name, place in INSTALLED.items()}}
    if directory is None:
        return env
    return {**env, "RUNTIME_DIRECTORY": "", "GATEFW_RUN": str(directory.absolute())}


def _same_user(state: Path, socket: Path) -> bool:
    """A daemon that was taken over must not send root, who mends things, into a directory that is not the daemon's."""
    try:
        return state.stat().st_uid == socket.stat().st_uid
    except OSError:
        return False


def _status(socket: Path) -> tuple[Mapping[str, Any] | None, Silence | None]:
    try:
        return call(socket, "status", timeout_s=ANSWER_S), None
    except (BadReply, SetupError):
        return None, Silence.STRANGE
    except GateError as error:
        number = error.__cause__.errno if isinstance(error.__cause__, OSError) else None
    return None, {
        errno.ENOENT: Silence.ABSENT,
        errno.ECONNREFUSED: Silence.STALE,
        errno.EACCES: Silence.FORBIDDEN,
        errno.EPERM: Silence.FORBIDDEN,
    }.get(number or 0, Silence.HANGS)


def _with_lane(seen: Seen, file: Path, env: Mapping[str, str], tell: Callable[[str], None]) -> Seen:
    """With the lane file read, as far as it may be and holds together; models are looked for where vision has them."""
    tell(str(file))
    env = {**env, "STATE_DIRECTORY": "", "RUNTIME_DIRECTORY": "", "GATEFW_STATE": str(seen.paths.state)}
    env |= {"GATEFW_RUN": str(seen.paths.run)}
    if _may_be_there(file) and not os.access(file, os.R_OK):
        return seen
    lane = _loaded(file, env)
    own = seen.machine.path(INSTALLED_VISION)
    as_unit = lane is not None and lane.vision_table.start == "unit" and _may_be_there(own)
    vision = own if as_unit else seen.paths.state
    examined = lane_check.examine(file, env, seen.machine.path("/sys"), vision / "models")
    problems = tuple(each for each in examined.findings if _seen(each, vision))
    return replace(seen, paths=lane.paths if lane else seen.paths, vision=vision, lane=lane, problems=problems)


def _loaded(file: Path, env: Mapping[str, str]) -> Config | None:
    try:
        return config.load(file, hw.schema, env)
    except ConfigError:
        return None


def _seen(problem: Finding, vision: Path) -> bool:
    """Not what only says that whoever asks may not look into vision's directory; areas.models says that."""
    return problem.key not in MODEL_KEYS or not _may_be_there(vision) or os.access(vision, os.X_OK)


def _may_be_there(path: Path) -> bool:
    """Whether it is there, or it may not be seen whether it is."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


MODEL_KEYS = ("vision.detector", "vision.embedder", "face.pad", "gallery.most")
"""Of the lane file: what is looked up among the models."""
