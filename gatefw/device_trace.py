"""What a device says on its wire, live: its owner opens it anew through a link that records, and again without.

The recording lies in a directory of its own, 0700, which goes with the trace; an opening that comes too late finds no
directory and fails. What leaves it was scrubbed line by line, unless whoever asked for it raw was written down.
"""

import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw.device_secrets import Installer
from gatefw.device_session import Outcome, Session
from gatefw.errors import DeviceLost, Refusal
from gatefw.worker import OPEN_S, Worker

PREFIX = "trace-"  # of the directory
LOOK_S = 0.1
READ_BYTES = 64 * 1024
RECORDING_BYTES_MAX = 8 * 1024 * 1024
SCRUBBED_HEAD = "# gatefw trace: everything personal replaced"
"""The first line of a file of a trace that may leave the site; one made raw has none."""
OVER_S = OPEN_S + 10.0  # so long is it waited for that every device is opened anew without

_log = logging.getLogger(__name__)
Scrub = Callable[[str, bytes], bytes]
"""(`<` or `>`, what was said) to what may be shown of it, in the same length. Remembers what it was given before."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One link, and everybody on it: a line of several units is one wire."""

    link: str
    ends: Sequence[tuple[Worker[Any], Installer]]

    def record(self, file: Path | None) -> None:
        """Have everybody open anew, recorded to this file, or not at all."""
        for worker, installer in self.ends:
            installer.recording = file
            worker.fail(DeviceLost(f"{worker.name}: is opened anew, its trace {'begins' if file else 'is over'}"))

    def clean(self) -> bool:
        """Whether nobody on it is recorded any more; who still is has to open anew."""
        recorded = [(worker, installer) for worker, installer in self.ends if installer.recorded]
        for worker, _ in recorded:
            worker.fail(DeviceLost(f"{worker.name}: is opened anew, its trace is over"))
        return not recorded


def wire_of(name: str, ends: Sequence[tuple[Worker[Any], Installer]]) -> Wire:
    """The wire of the device of this name. Raises Refusal: it has none, or it is recorded already by the lane file."""
    links = {worker.name: installer.link for worker, installer in ends}
    link = links.get(name)
    if link is None:
        raise Refusal(f"{name}: {_instead(name)}")
    if link.startswith("spy:"):
        raise Refusal(f"{name}: its lane file records it already, by spy: in its link; look there, or take that away")
    return Wire(link, [(worker, installer) for worker, installer in ends if installer.link == link])


def _instead(name: str) -> str:
    match name.partition(".")[0]:
        case "camera" | "vision":
            return "has pictures and no wire; `gatefw device test` tells what is wrong with a camera's"
        case "document":
            return (
                "belongs to pcscd, which passes it on as commands; `gatefw device test` tells whether it finds a chip"
            )
        case _:
            return "hangs on pins and has no wire; `gatefw device test` shows its levels, a meter the current"


def trace(session: Session, wire: Wire, directory: Path, raw: bool) -> Outcome:
    """Tell line by line what is said, until the time is over or who watches has seen enough."""
    told = 0
    if "+" in str(directory):
        raise Refusal(f"{session.device}: a link cannot be recorded in {directory}: its name has a +")
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=directory, ignore_cleanup_errors=True) as folder:
        recording = Path(folder) / "dialogue"
        lines = Lines(recording, _unchanged if raw else wire.ends[0][1].scrubber)
        try:
            wire.record(recording)
            while session.goes_on:
                if lines.waiting_bytes > RECORDING_BYTES_MAX:
                    return Outcome(False, "it says more than can be followed", {"lines": told})
                for line in itertools.islice(lines, session.room):
                    session.say(wire=line)
                    told += 1
                session.rest(LOOK_S)
        finally:
            wire.record(None)
            _see_it_clean(session, wire)
    return Outcome(True, "" if told else "it said nothing, and nothing was said to it", {"lines": told, "raw": raw})


def _see_it_clean(session: Session, wire: Wire) -> None:
    """A device that was being opened as the trace ended is recorded still: until it is not, this is not over."""
    ends_s = time.monotonic() + OVER_S
    while not wire.clean():
        if time.monotonic() > ends_s:
            _log.error("%s: does not open anew, and is recorded still, to a file that nobody can open", wire.link)
            return
        if session.ending.wait(LOOK_S):  # and every device is closed
            return


def forget_recordings(directory: Path) -> None:
    """Remove what a daemon that was killed left behind."""
    for folder in directory.glob(f"{PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)  # what is no such directory is nobody's to remove


class Lines:
    """The lines of a recording that is being written, each scrubbed and given once; ends where there is no more yet."""

    def __init__(self, file: Path, scrubber: Callable[[], Scrub]) -> None:
        self._file, self._scrubber = file, scrubber
        self._scrub = scrubber()
        self._read_bytes, self._held = 0, b""

    @property
    def waiting_bytes(self) -> int:
        """Of the recording, how much has not been given yet."""
        try:
            return self._file.stat().st_size - self._read_bytes + len(self._held)
        except FileNotFoundError:  # nobody has opened it yet
            return 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if b"\n" not in self._held:
            self._read()
        line, ended, rest = self._held.partition(b"\n")
        if not ended:
            raise StopIteration
        self._held = rest
        return self._scrubbed(line.decode("ascii"))

    def _read(self) -> None:
        try:
            with self._file.open("rb") as file:
                file.seek(self._read_bytes)
                fresh = file.read(READ_BYTES)
        except FileNotFoundError:
            return
        self._read_bytes += len(fresh)
        self._held += fresh

    def _scrubbed(self, line: str) -> str:
        if line.startswith("#"):
            self._scrub = self._scrubber()  # it was opened anew
            return line
        when, direction, what = line.split(" ")
        if what == "lost":
            return line
        return f"{when} {direction} {self._scrub(direction, bytes.fromhex(what)).hex()}"


def _unchanged() -> Scrub:
    return lambda _direction, data: data
