"""The supervisor's side of the vision process: its questions, their answers, and what it means when nobody answers.

To the lane, the vision process and its camera are two devices, `vision` and `camera`. When the process goes, everything
it was asked has failed at that moment.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw.errors import BadReply, DeviceLost
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.model import Failed, Reason, RunId, VerifyFace
from gatefw.vision_client import Message, VisionClient, verify_reply

VISION, CAMERA = "vision", "camera"

_log = logging.getLogger(__name__)
Heard = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class _Verify:
    run: RunId
    number: int


class VisionDesk:
    """Asks and hears. `hint(reason)` is told what keeps the traveller's face from being compared: it is telemetry."""

    def __init__(
        self,
        path: Path,
        put: Callable[[GateInput], None],
        came: Callable[[], None],
        hint: Callable[[RunId, str], None],
    ) -> None:
        self._put, self._came, self._hint = put, came, hint
        self._lock = threading.Lock()
        self._verifies: dict[int, _Verify] = {}
        self._requests: dict[int, Heard] = {}
        self._camera_ok: bool | None = None
        self._client = VisionClient(path, self._hear, self._lost, lambda: None)

    def close(self) -> None:
        self._client.close()

    def verify(self, ask: Ask) -> None:
        """Ask for a comparison; its answer, or that there is none to be had, arrives in the inbox."""
        request = ask.request
        assert isinstance(request, VerifyFace)
        try:
            with self._lock:
                number = self._client.ask("verify", subject=request.subject, deadline_s=request.deadline_s)
                self._verifies[number] = _Verify(ask.run, ask.number)
        except DeviceLost as error:
            _log.warning("%s", error)
            self._put(Answered(ask.run, ask.number, Failed(Reason.VISION_UNAVAILABLE)))

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
                self._requests[self._client.ask(do, **fields)] = heard
        except DeviceLost as error:
            heard({"failed": {"kind": "retry", "message": str(error)}})

    # ------------------------------------------------------------ the client's thread

    def _hear(self, message: Message) -> None:
        if "health" in message:
            self._health(message["health"])
            return
        number = message.get("id")
        with self._lock:
            verify = self._verifies.get(number) if isinstance(number, int) else None
            heard = None
            if "hint" not in message and isinstance(number, int):
                self._verifies.pop(number, None)
                heard = self._requests.pop(number, None)
        if verify is not None and "hint" in message:
            self._hint(verify.run, str(message["hint"]))
        elif verify is not None:
            self._answer(verify, message)
        elif heard is not None:
            heard(message)

    def _answer(self, verify: _Verify, message: Message) -> None:
        try:
            reply = verify_reply(message)
        except BadReply as error:
            _log.warning("%s", error)
            reply = Failed(Reason.VISION_UNAVAILABLE)
        if reply is not None:
            self._put(Answered(verify.run, verify.number, reply))

    def _health(self, health: Any) -> None:
        """The first one after connecting says that the process is there; each says whether frames come."""
        ok = isinstance(health, dict) and health.get("ok") is True
        first, self._camera_ok = self._camera_ok is None, ok
        self._put(DeviceCame(CAMERA) if ok else DeviceWent(CAMERA))
        if first:
            self._came()
            self._put(DeviceCame(VISION))

    def _lost(self, why: str) -> None:
        _log.warning("%s", why)
        with self._lock:
            verifies, self._verifies = list(self._verifies.values()), {}
            requests, self._requests = list(self._requests.values()), {}
        self._camera_ok = None
        self._put(DeviceWent(VISION))
        for verify in verifies:
            self._put(Answered(verify.run, verify.number, Failed(Reason.VISION_UNAVAILABLE)))
        for heard in requests:
            heard({"failed": {"kind": "retry", "message": why}})
