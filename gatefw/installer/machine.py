"""The machine and the gate that runs on it: systemd's units, the daemon's own word, and the self-test of a version."""

import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from gatefw.control import call
from gatefw.errors import DeviceError, SetupError
from gatefw.installer.places import LANE, PROGRAMS, Places, write
from gatefw.installer.system import SPARED, UNITS, started
from gatefw.model import Phase

SOCKET = Path("/run/gatefw/control.sock")
TRIAL = Path("/run/systemd/system/gatefw.service.d/trial.conf")
STOPPED_S, SELF_TEST_S = 120.0, 600.0
FAMILY = (
    "gatefw.service",
    "gatefw-vision.service",
    "gatefw-watcher.service",
    "gatefw-console.service",
    "gatefw-web.service",
    "gatefw-screen.service",
)
"""In the order in which they stop: the watcher stands by until the supervisor is gone."""


class Machine(Protocol):
    """What an upgrade asks of a machine. Methods that order raise GateError or OSError."""

    def status(self) -> dict[str, Any] | None:
        """What the daemon says of the lane; None when nobody answers."""

    def order(self, verb: str, /) -> None:
        """`close` or `open`."""

    def stop(self) -> None:
        """End every process of the gate; the doors are made safe."""

    def start(self, *, in_service: bool) -> None:
        """Start them, without waiting; out of service until it is ordered into it, unless `in_service`."""

    def gave_up(self) -> bool:
        """Whether the daemon ended for good."""

    def settle(self) -> None:
        """The next start is the ordinary one, whatever the last one was; units and rules are read anew."""

    def self_test(self, version: str, /) -> list[str]:
        """What is wrong with a version on this machine; it moves nothing."""

    def now_s(self) -> float: ...

    def wait(self, seconds: float, /) -> None: ...


class Here:
    """The machine that this runs on. With `booting` systemd starts the units by itself, and is not interfered with."""

    def __init__(self, places: Places, *, booting: bool = False) -> None:
        self._places, self._booting = places, booting

    def status(self) -> dict[str, Any] | None:
        with suppress(DeviceError):
            return call(SOCKET, "status")
        return None

    def order(self, verb: str) -> None:
        if not self._booting:  # nobody runs yet who could take one, and who starts goes by the lane file
            call(SOCKET, verb)

    def stop(self) -> None:
        if not self._booting:
            systemctl("stop", "--", *family(self._places))

    def start(self, *, in_service: bool) -> None:
        if not in_service and not self._booting:
            lines = ("[Service]", "ExecStart=", f"ExecStart={PROGRAMS}/current/bin/gatefw run --out-of-service {LANE}")
            write(TRIAL, "\n".join((*lines, "")).encode())
            systemctl("daemon-reload")
        if not self._booting:
            wanted = [f"{unit}.service" for unit in started(self._places)]
            systemctl("reset-failed", "--", *wanted, may_fail=True)
            systemctl("start", "--no-block", "--", *wanted)

    def gave_up(self) -> bool:
        return systemctl("is-failed", "--quiet", "gatefw.service", may_fail=True) == 0

    def settle(self) -> None:
        TRIAL.unlink(missing_ok=True)
        systemctl("daemon-reload")
        if not self._booting:
            for arguments in (["control", "--reload"], ["trigger", "-s", "gpio", "-s", "tty"]):
                with suppress(FileNotFoundError):  # a container has no udev, and no devices for it
                    subprocess.run(["udevadm", *arguments], capture_output=True, check=False)

    def self_test(self, version: str) -> list[str]:
        program = PROGRAMS / version / "bin" / "gatefw"
        # The installer may run out of a wheel on the stick; what is tested is what was unpacked.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        ours |= {"STATE_DIRECTORY": str(self._places.vision), "GATEFW_RUN": str(SOCKET.parent)}
        return problems([str(program), "self-test", str(LANE), "--json"], ours)

    def now_s(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)  # a daemon that comes up tells nobody: it is asked again


class Image:
    """The files of a machine that does not run: nothing to stop or to start, and nobody inside."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def status(self) -> dict[str, Any] | None:
        lane = {"phase": Phase.OUT_OF_SERVICE, "in_service": False, "doors": {}, "occupancy": "empty", "missing": []}
        return {"version": self._places.version_of(self._places.current), **lane}

    def order(self, _verb: str) -> None:
        pass

    def stop(self) -> None:
        pass

    def start(self, *, in_service: bool) -> None:
        pass

    def gave_up(self) -> bool:
        return False

    def settle(self) -> None:
        pass

    def self_test(self, _version: str) -> list[str]:
        return []

    def now_s(self) -> float:
        return 0.0

    def wait(self, _seconds: float) -> None:
        pass


def problems(command: list[str], surroundings: dict[str, str]) -> list[str]:
    """What a version's own self-test finds; that it does not run at all is a finding."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SELF_TEST_S, env=surroundings)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"its self-test does not run: {error}"]
    try:
        return [f"{each['what']}: {each['problem']}" for each in json.loads(done.stdout)["tests"] if each["problem"]]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [f"its self-test ends with {done.returncode}: {last}"]


def family(places: Places) -> list[str]:
    """What is to be stopped: systemd refuses a name that it never heard of, as that of a unit which an older version
    did not bring.
    """
    spared = {f"{unit}.service" for unit in SPARED}
    return [unit for unit in FAMILY if unit not in spared or (places.root / UNITS / unit).is_file()]


def systemctl(*arguments: str, may_fail: bool = False) -> int:
    """Its exit status. Raises SetupError with systemd's own words, unless it `may_fail`."""
    try:
        done = subprocess.run(  # in a session of its own: who presses Ctrl-C again does not end it on the way back
            ["systemctl", *arguments], capture_output=True, text=True, timeout=STOPPED_S, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"systemctl {arguments[0]}: {error}; is this a machine with systemd?") from error
    if done.returncode and not may_fail:
        raise SetupError(f"systemctl {arguments[0]}: {done.stderr.strip()[-300:]}")
    return done.returncode
