"""Who plays the vision process: the real socket and its real wire, and answers by script, at once or late."""

import heapq
import itertools
import queue
import threading
import time
from pathlib import Path
from typing import Any

from gatefw.vision_server import Asked, Client, Connected, Server

Word = dict[str, Any]
MATCH: Word = {"done": {"matched": True, "reason": "ok", "score": 0.3, "threshold": 0.54, "fmr": 0.001, "frames": 3}}
MISMATCH: Word = {
    "done": {"matched": False, "reason": "face_mismatch", "score": 0.9, "threshold": 0.54, "fmr": 0.001, "frames": 3}
}
NO_FACE: Word = {"done": {"matched": False, "reason": "no_face"}}
WELL = {"lost": "", "ail": "", "why": ""}
GONE = {"lost": "device_lost", "ail": "", "why": "unplugged"}


class ScriptedVision:
    """Finds whoever was enrolled, after `identify_s`; says `verdict` of their face inside, after `verify_s`."""

    def __init__(self, path: Path) -> None:
        self.identify_s = self.verify_s = 0.0
        self.verdict = MATCH
        self._cameras_there = True
        self._people: dict[str, Word] = {}
        self._due: list[tuple[float, int, Client, Word]] = []
        self._order = itertools.count()
        self._client: Client | None = None
        self._ending = threading.Event()
        self._server = Server(path)
        self._thread = threading.Thread(target=self._work, name="scripted vision")
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._server.close()

    def see(self, well: bool) -> None:
        """Its cameras are there, or are not. Told at once."""
        self._cameras_there = well
        if self._client is not None:
            self._client.send(self._health())

    def as_usual(self) -> None:
        """At once, and a match."""
        self.identify_s = self.verify_s = 0.0
        self.verdict = MATCH

    def _health(self) -> Word:
        each = WELL if self._cameras_there else GONE
        return {"health": {"ok": True, "reversed": False, "ailments": [],
                           "cameras": {"camera.inside": each, "camera.front": each}}}  # fmt: skip

    def _work(self) -> None:
        while not self._ending.is_set():
            wait_s = self._due[0][0] - time.monotonic() if self._due else 0.1
            try:
                happening = self._server.happenings.get(timeout=min(0.1, max(0.001, wait_s)))
            except queue.Empty:
                happening = None
            if isinstance(happening, Connected):
                self._client, self._due = happening.client, []
                happening.client.send(self._health())
            elif isinstance(happening, Asked):
                self._asked(happening)
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, client, word = heapq.heappop(self._due)
                client.send(word)

    def _asked(self, asked: Asked) -> None:
        after_s, word = 0.0, Word(done={})
        match asked.do:
            case "identify":
                after_s, word = self.identify_s, self._found()
            case "verify":
                after_s, word = self.verify_s, self.verdict
            case "cancel":
                self._due = [each for each in self._due if each[3]["id"] != asked.fields["of"]]
                heapq.heapify(self._due)
            case "enrol":
                subject, ends = asked.fields["subject"], asked.fields["expires_at"]
                self._people[subject] = {
                    "subject": subject, "templates": 1, "expires_at": ends, "partition": "main",
                }  # fmt: skip
                word = {"done": {"templates": 1, "twice": []}}
            case "list":
                word = {"done": {"subjects": sorted(self._people.values(), key=lambda each: str(each["subject"]))}}
        due_s = time.monotonic() + after_s
        heapq.heappush(self._due, (due_s, next(self._order), asked.client, {"id": asked.number, **word}))

    def _found(self) -> Word:
        subject = next(iter(self._people))
        numbers = {"score": 0.3, "threshold": 0.54, "gallery": 1, "fpir": 0.01, "frames": 3}
        return {"done": {"reason": "ok", "subject": subject, **numbers, "more_evidence": False}}
