"""The supervisor's side of the vision process: its questions, their answers, and what it means when nobody answers.

To the lane, the vision process and each of its cameras are devices, `vision` and `camera.NAME`. When the process goes,
everything it was asked has failed at that moment. A camera that looks for codes is a reader as well, while wanted.
"""

import base64
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw.errors import BadReply, DeviceLost, Refusal
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceImpaired, DeviceWent, GateInput, TokenRead
from gatefw.model import Answer, Failed, IdentifyFace, Reason, RunId, Token, VerifyFace, VerifyPortrait
from gatefw.vision_client import VisionClient
from gatefw.vision_settings import CameraPlace
from gatefw.vision_wire import (
    PORTRAIT_BYTES_MAX,
    UNDECIDED,
    WRONG_WAY,
    CameraState,
    Message,
    ailments_told,
    cameras_told,
    code_found,
    hint_told,
    identify_reply,
    quality_told,
    verify_reply,
)

VISION = "vision"
QR_CODE = "]Q1"
REQUESTS_MAX = 32
"""More of them than a lane and its operators have under way; `vision_server` would hang up at twice as many."""
UNTOLD = CameraState(Reason.DEVICE_LOST, why="the vision process has not told of it")

_log = logging.getLogger(__name__)
Heard = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class _Verify:
    run: RunId
    number: int
    reply: Callable[[Message], Answer | None]


class VisionDesk:
    """Asks and hears. `hint(run, reason)` is told what keeps the traveller's face from being compared, and
    `judged(camera, quality)` how good its picture is, on the client's thread: both are telemetry.
    """

    def __init__(
        self,
        path: Path,
        cameras: Iterable[CameraPlace],
        put: Callable[[GateInput], None],
        came: Callable[[], None],
        hint: Callable[[RunId, str], None],
        reverse: bool = False,
        judged: Callable[[str, dict[str, int]], None] = lambda _camera, _quality: None,
    ) -> None:
        """`reverse`: which way the lane goes; a vision process that has it the other way shows no camera of it."""
        self._put, self._came, self._hint, self._reverse = put, came, hint, reverse
        self._judged = judged
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._verifies: dict[int, _Verify] = {}
        self._requests: dict[int, Heard] = {}
        self._cameras: dict[str, CameraState | None] = {camera.name: None for camera in cameras}
        self._readers = {camera.name for camera in cameras if camera.codes}
        self._ails: frozenset[Reason] = frozenset()
        self._there = self._codes_wanted = False
        self.heard, self.connected, self._asking = 0, False, False
        self._client = VisionClient(path, self._hear, self._lost, self._connected)

    def close(self) -> None:
        self._client.close()

    @property
    def pid(self) -> int:
        """Of the process that is connected, or was last."""
        return self._client.pid

    def ask_alive(self) -> None:
        """Have it say anything, which `heard` counts; once, until it has."""
        if not self._asking:
            self._asking = True
            self.request("health", self._answered_alive)

    def hang_up(self) -> None:
        """It does not work any more: whatever it was asked has failed."""
        self._client.hang_up()

    def verify(self, ask: Ask) -> None:
        """Ask for a comparison or a search; its answer, or that there is none to be had, arrives in the inbox."""
        try:
            with self._lock:
                number = self._ask_for(ask.request)
                reply = identify_reply if isinstance(ask.request, IdentifyFace) else verify_reply
                self._verifies[number] = _Verify(ask.run, ask.number, reply)
        except DeviceLost as error:
            _log.warning("%s", error)
            self._put(Answered(ask.run, ask.number, Failed(Reason.VISION_UNAVAILABLE)))
        except Refusal:
            self._put(Answered(ask.run, ask.number, Failed(Reason.DOCUMENT_UNREADABLE)))

    def _ask_for(self, request: object) -> int:
        if isinstance(request, VerifyFace):
            return self._client.ask("verify", subject=request.subject, deadline_s=request.deadline_s)
        if isinstance(request, IdentifyFace):
            return self._client.ask("identify", deadline_s=request.deadline_s)
        assert isinstance(request, VerifyPortrait)
        if len(request.portrait) > PORTRAIT_BYTES_MAX:
            raise Refusal(f"portrait: {len(request.portrait)} bytes, over {PORTRAIT_BYTES_MAX}")
        portrait = base64.b64encode(request.portrait).decode("ascii")
        return self._client.ask("verify_portrait", portrait=portrait, deadline_s=request.deadline_s)

    def want_codes(self, wanted: bool) -> None:
        """Take codes from the cameras that look for them, or no more; a process that comes back is told as well."""
        if self._readers and wanted is not self._codes_wanted:
            self._codes_wanted = wanted
            self._tell_codes()

    def cancel(self, run: RunId) -> None:
        """The run is over: its comparison should stop looking at whoever stands there now."""
        with self._lock:
            numbers = [number for number, verify in self._verifies.items() if verify.run == run]
            for number in numbers:
                del self._verifies[number]
        for number in numbers:
            self.request("cancel", lambda _message: None, of=number)

    def request(self, do: str, heard: Heard, **fields: Any) -> None:
        """Ask for anything else; `heard` gets the last word on it, from another thread: it must only enqueue."""
        try:
            with self._lock:
                if len(self._requests) >= REQUESTS_MAX:
                    raise DeviceLost(f"vision: {do} was asked, but it has not answered {REQUESTS_MAX} questions before")
                self._requests[self._client.ask(do, **fields)] = heard
        except DeviceLost as error:
            heard({"failed": {"kind": "retry", "message": str(error)}})

    # ------------------------------------------------------------ the client's thread

    def _connected(self) -> None:
        self.connected = True

    def _answered_alive(self, _message: Message) -> None:
        self._asking = False

    def _hear(self, message: Message) -> None:
        self.heard += 1
        if "health" in message or "code" in message:
            self._told(message)
            return
        number = message.get("id")
        with self._lock:
            verify = self._verifies.get(number) if isinstance(number, int) else None
            heard = None
            undecided = UNDECIDED & message.keys()
            if not undecided and isinstance(number, int):
                self._verifies.pop(number, None)
                heard = self._requests.pop(number, None)
        if verify is not None and undecided:
            self._undecided(verify.run, message)
        elif verify is not None:
            self._answer(verify, message)
        elif heard is not None:
            heard(message)

    def _undecided(self, run: RunId, message: Message) -> None:
        try:
            if "hint" in message:
                self._hint(run, hint_told(message["hint"]))
            else:
                camera, quality = quality_told(message["judged"])
                if camera in self._cameras:
                    self._judged(camera, quality)
        except BadReply as error:
            _log.warning("%s", error)

    def _answer(self, verify: _Verify, message: Message) -> None:
        try:
            reply = verify.reply(message)
        except BadReply as error:
            _log.warning("%s", error)
            reply = Failed(Reason.VISION_UNAVAILABLE)
        if reply is not None:
            self._put(Answered(verify.run, verify.number, reply))

    def _told(self, message: Message) -> None:
        """What it says unasked. What cannot be read is as if it were not said: its cameras are then as they were."""
        try:
            if "code" in message:
                self._code(*code_found(message["code"]))
            else:
                health = message["health"]
                self._health(cameras_told(health, self._reverse), ailments_told(health))
        except BadReply as error:
            _log.warning("%s", error)

    def _code(self, camera: str, payload: bytes) -> None:
        if camera in self._readers and self._codes_wanted:
            self._put(TokenRead(camera, Token(payload, QR_CODE)))

    def _health(self, told: dict[str, CameraState], ails: frozenset[Reason]) -> None:
        """The first one after connecting says that the process is there; each says how it and its cameras are."""
        for name, before in self._cameras.items():
            now = self._cameras[name] = told.get(name, UNTOLD)
            if now == WRONG_WAY != before:
                _log.error("%s: %s", name, now.why)
            for event in _changes(name, before, now):
                self._put(event)
        if not self._there:
            self._there = True
            self._came()
            self._put(DeviceCame(VISION))
            if self._codes_wanted:
                self._tell_codes()
        for reason in sorted(ails ^ self._ails):
            self._put(DeviceImpaired(VISION, reason, reason in ails))
        self._ails = ails

    def _tell_codes(self) -> None:
        """Whoever tells last tells how it is: the loop and the client's thread may both want to."""
        with self._telling:
            self.request("codes", lambda _message: None, wanted=self._codes_wanted)

    def _lost(self, why: str) -> None:
        _log.warning("%s", why)
        with self._lock:
            verifies, self._verifies = list(self._verifies.values()), {}
            requests, self._requests = list(self._requests.values()), {}
        self._there, self.connected, self._ails = False, False, frozenset()
        self._put(DeviceWent(VISION))
        for verify in verifies:
            self._put(Answered(verify.run, verify.number, Failed(Reason.VISION_UNAVAILABLE)))
        for heard in requests:
            heard({"failed": {"kind": "retry", "message": why}})


def _changes(name: str, before: CameraState | None, now: CameraState) -> Iterable[GateInput]:
    """What the lane must hear of a camera. A lost one has no ailment; what ails it is told when it is back."""
    if now.lost:
        if before is None or before.lost is not now.lost:
            yield DeviceWent(name, now.lost)
        return
    ailed = None
    if before is None or before.lost:
        yield DeviceCame(name)
    else:
        ailed = before.ail
    if ailed is not now.ail:
        if ailed:
            yield DeviceImpaired(name, ailed, False)
        if now.ail:
            yield DeviceImpaired(name, now.ail, True)
