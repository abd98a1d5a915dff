"""The doctor's rounds: it looks again and again, while somebody reads what it says."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gatefw.doctor import report
from gatefw.doctor.examine import examine
from gatefw.doctor.gather import gather
from gatefw.doctor.seen import machine_at
from gatefw.errors import GateError

EVERY_S = 60.0
"""It reads much, asks tools of the system, and takes a second or two of a processor that the lane wants."""
LOOK_S = 1.0
CHANGED = "G0012"
"""The daemon does not run by the lane file as it is now."""

Report = Mapping[str, Any]
Look = Callable[[Callable[[], None]], Report]
"""Looks at everything once; calls what it is given between one check and the next, which raises Ended."""


class Ended(Exception):
    """Nobody waits for the rest."""


def doctor(file: Path | None, directory: Path | None) -> Look:
    """Looks as `gatefw doctor FILE --dir DIRECTORY` does, with the rights of this process."""

    def look(between: Callable[[], None]) -> Report:
        def tell(_words: str) -> None:
            between()

        try:
            seen = gather(file, directory, machine_at(Path("/")), tell=tell)
            found = examine(seen)
        except GateError as error:
            return {"state": "unknown", "why": str(error), "findings": [], "unseen": []}
        told = report.told(seen, [each for each in found if each.code != report.UNSEEN])
        return {
            **told,
            "file": None if seen.file is None else str(seen.file),
            "findings": [_plain(each) for each in told["findings"]],
            "changed": any(each.code == CHANGED for each in found),
            "unseen": [f"{each.cause}: {each.remedy}" for each in found if each.code == report.UNSEEN],
        }

    return look


def _plain(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was measured, which is for support and not for a wall."""
    kept = {name: finding[name] for name in ("code", "severity", "where", "cause", "remedy")}
    return {**kept, "follows": [_plain(each) for each in finding.get("follows", ())]}


class Rounds:
    """From `start` to `close`, which waits for one check at most. The first look is taken when somebody wants it."""

    def __init__(
        self,
        look: Look,
        wanted: Callable[[], bool],
        every_s: float = EVERY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._wanted, self._every_s, self._now_s = look, wanted, every_s, now_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="doctor's rounds")
        self._latest: tuple[Report, float] | None = None

    @property
    def latest(self) -> tuple[Report, float] | None:
        """What was found, and how many seconds ago; None before the first look has ended."""
        latest = self._latest
        return None if latest is None else (latest[0], self._now_s() - latest[1])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def round(self) -> bool:
        """Looks, if that is wanted and the last look is old; whether it did."""
        began_s = self._now_s()
        if not self._wanted() or (self._latest is not None and began_s - self._latest[1] < self._every_s):
            return False
        found = self._look(self._between)
        self._latest = found, self._now_s()
        return True

    def _between(self) -> None:
        if self._ended.is_set():
            raise Ended

    def _work(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                self.round()
            except Ended:
                return
