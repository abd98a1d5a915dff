"""What goes into a Gate and what comes out of it, written down line by line, so that it can be played again.

    {"gatefw_recording": 1, "version", "lane", "config", "procedure", "latched", "settings", "photograph"}
    {"t": 81.25, "in": {"TokenRead": ...}, "out": [{"Record": ...}, ...]}      "out": null when the Gate raised
    {"t": [81.35, 81.45]}                                                      ticks from which nothing followed
    {"t": 90.1, "timers": {...}}                                               other times, by a reload

`t` is monotonic seconds. A segment begins with the process, or with a photograph of a Gate between two runs; so the
oldest ones can go. Nothing personal is in it: see `tape`.
"""

import errno
import json
import logging
import os
import queue
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gatefw import __version__
from gatefw.gate import Gate
from gatefw.gate_settings import GateSettings
from gatefw.gate_terms import Effect, GateInput, Tick
from gatefw.keys import make_directory
from gatefw.model import Reason, Timer
from gatefw.photograph import photograph
from gatefw.tape import Json, Masks, packed

SEGMENTS = 4
"""So many are kept, each a quarter of what may be kept."""
TICKS_A_LINE = 600
WAITING_LINES = 4096
LEAST_FREE_BYTES = 256 * 1024 * 1024
"""The journal's, and more: with less than its own the gate lets nobody in, and a recording is never why."""
GROWS_BYTES = 1024 * 1024
"""A segment has twice its size and so much more at most."""
LOOK_BYTES = 1024 * 1024
"""After so many written it is looked again how much is free."""
_log = logging.getLogger(__name__)


class Recorder:
    """Of one Gate. `keep(line, begins)` takes a line, the first of a segment with `begins`, and says whether it did.

    `photo` is the Gate's, if it has lived before; one that was just built has none, and may be `latched`.
    """

    def __init__(
        self,
        gate: Gate,
        settings: GateSettings,
        about: Mapping[str, str],
        latched: Reason | None,
        keep: Callable[[bytes, bool], bool],
        segment_bytes: int,
        photo: Json = None,
    ) -> None:
        self._gate, self._settings, self._about, self._keep = gate, settings, dict(about), keep
        self._segment_bytes, self._masks = segment_bytes, Masks()
        self._room, self._whole = 0, False
        self._ticks: list[float] = []
        self._begin(latched, photo)

    def took(self, event: GateInput, effects: Sequence[Effect] | None, now_s: float) -> None:
        """The Gate was given an input and said these effects; None: it raised."""
        if isinstance(event, Tick) and effects is not None and not effects:
            self._ticks.append(now_s)
            if len(self._ticks) < TICKS_A_LINE:
                return
            self._say_ticks()
        else:
            self._say_ticks()
            told = packed(event, self._masks)  # first: its signs are those of what follows
            out = None if effects is None else [packed(each, self._masks) for each in effects]
            self._say({"t": now_s, "in": told, "out": out})
        self._look()

    def retimed(self, timers: Mapping[Timer, float], now_s: float) -> None:
        """The lane runs by other times from now on."""
        self._say_ticks()
        self._say({"t": now_s, "timers": packed(dict(timers), self._masks)})

    def close(self) -> None:
        self._say_ticks()

    def _look(self) -> None:
        """Between two runs what was said of one is not tied to the next, and a new segment may begin."""
        if not self._gate.between_runs:
            return
        self._masks.forget()
        if self._room <= 0 or not self._whole:
            self._begin(None, photograph(self._gate, self._masks))

    def _begin(self, latched: Reason | None, photo: Json) -> None:
        about = {"gatefw_recording": 1, "version": __version__, **self._about}
        self._room = self._segment_bytes
        known = {
            "latched": packed(latched, self._masks),
            "settings": packed(self._settings, self._masks),
            "photograph": photo,
        }
        self._whole = self._keep(_line(about | known), True)

    def _say_ticks(self) -> None:
        if self._ticks:
            ticks, self._ticks = self._ticks, []
            self._say({"t": ticks})

    def _say(self, told: Json) -> None:
        """A segment that lost a line is worth nothing behind it.

        Nor does one grow on and on: a lane with a dead sensor may not be between two runs for weeks.
        """
        if self._whole:
            line = _line(told)
            self._room -= len(line)
            self._whole = self._room > -self._segment_bytes - GROWS_BYTES and self._keep(line, False)


def _line(told: Json) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


class Shelf:
    """Keeps the newest segments below a directory, on a thread of its own; whoever records waits for no disk.

    A disk that is full or broken ends the recording and nothing else.
    """

    def __init__(
        self,
        directory: Path,
        segments: int = SEGMENTS,
        waiting: int = WAITING_LINES,
        free_bytes: Callable[[Path], int] = lambda place: shutil.disk_usage(place).free,
    ) -> None:
        make_directory(directory)
        self._free_bytes = free_bytes
        self._directory, self._segments, self._waiting = directory, segments, waiting
        self._queue: queue.SimpleQueue[tuple[bytes, bool] | None] = queue.SimpleQueue()
        self._broken = False
        self._thread = threading.Thread(target=self._work, name="recording")
        self._thread.start()

    def keep(self, line: bytes, begins: bool) -> bool:
        """False: it was lost, since the disk does not keep up or the recording is over."""
        if self._broken or self._queue.qsize() >= self._waiting:
            return False
        self._queue.put((line, begins))
        return True

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        file, unlooked = None, 0
        try:
            while (item := self._queue.get()) is not None:
                line, begins = item
                if self._broken:
                    continue
                try:
                    if begins:
                        if file is not None:
                            file.close()
                        file = os.fdopen(os.open(self._next(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", 0)
                    if file is not None:
                        file.write(line)
                    if (unlooked := unlooked + len(line)) >= LOOK_BYTES:
                        unlooked = 0
                        self._require_space()
                except OSError as error:
                    self._broken = True
                    _log.warning("recording in %s is over: %s", self._directory, error.strerror)
        finally:
            if file is not None:
                file.close()

    def _next(self) -> Path:
        """Where the next segment is written; the oldest have gone. Raises OSError."""
        found = segments(self._directory)
        for old in found[: max(0, len(found) - self._segments + 1)]:
            old.unlink()
        self._require_space()
        number = int(found[-1].stem) + 1 if found else 1
        return self._directory / f"{number:08}.jsonl"

    def _require_space(self) -> None:
        if self._free_bytes(self._directory) < LEAST_FREE_BYTES:
            raise OSError(errno.ENOSPC, "the disk is nearly full")


def segments(directory: Path) -> list[Path]:
    """The oldest first."""
    return sorted(path for path in directory.glob("*.jsonl") if path.stem.isdecimal())


class Recording:
    """Of a running lane, where its file wants one (`most_mb` of it); else nothing is done.

    A mistake in it is logged, ends it, and harms no lane.
    """

    def __init__(
        self,
        directory: Path,
        most_mb: int,
        gate: Gate,
        settings: GateSettings,
        about: Mapping[str, str],
        latched: Reason | None,
    ) -> None:
        """Raises StoreError: the directory cannot be made."""
        self._shelf = Shelf(directory) if most_mb else None
        self._recorder: Recorder | None = None
        if self._shelf is not None:
            keep, segment_bytes = self._shelf.keep, most_mb * 1024 * 1024 // SEGMENTS
            self._recorder = Recorder(gate, settings, about, latched, keep, segment_bytes)

    def took(self, event: GateInput, effects: Sequence[Effect] | None, now_s: float) -> None:
        self._do(lambda recorder: recorder.took(event, effects, now_s))

    def retimed(self, timers: Mapping[Timer, float], now_s: float) -> None:
        self._do(lambda recorder: recorder.retimed(timers, now_s))

    def close(self) -> None:
        self._do(lambda recorder: recorder.close())
        if self._shelf is not None:
            self._shelf.close()

    def _do(self, what: Callable[[Recorder], None]) -> None:
        if self._recorder is None:
            return
        try:
            what(self._recorder)
        except Exception:  # noqa: BLE001  whatever it is, the lane goes on
            _log.exception("the recording is over")
            self._recorder = None
