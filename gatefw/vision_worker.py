"""What the vision process does: requests one after the other, and one verification at a time beside them."""

import base64
import binascii
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gatefw import code_search, portrait
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import TEMPLATES_MAX, Gallery
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import threshold_for
from gatefw.biometrics.verify import Hint, Outcome, Rules, Verification
from gatefw.code_search import CodeWatch
from gatefw.errors import DeviceLost, GateError, Refusal
from gatefw.model import Reason, SubjectId
from gatefw.vision_feed import OVERDUE_S, Eyes
from gatefw.vision_server import Asked, Client, Connected, Gone, Server
from gatefw.vision_settings import VisionSettings

LOOK_S = 0.05
REST_S = 0.1

_log = logging.getLogger(__name__)


class Vision:
    """Serves requests until `stop`. `now_s`: monotonic; `wall_s`: Unix seconds, for expiry alone."""

    def __init__(
        self,
        settings: VisionSettings,
        chain: Chain,
        gallery: Gallery,
        eyes: Eyes,
        server: Server,
        now_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._chain, self._gallery, self._server = chain, gallery, server
        self._eyes = eyes
        self._now_s, self._wall_s = now_s, wall_s
        self._threshold = threshold_for(chain.embedder.card, settings.fmr)
        self._loosest = max(row.distance for row in chain.embedder.card.threshold)
        self._rules = Rules(settings.mismatch_frames, settings.compare_every_s)
        self._running: tuple[Asked, Verification] | None = None
        self._seeking: dict[str, CodeWatch] | None = None
        self._client: Client | None = None
        self._told: Mapping[str, object] = {}
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End `run` soon. Any thread, any signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Raises DeviceLost when a camera that worked has been lost for long: a new process may get it back."""
        while not self._stopping.is_set():
            self._happen(0 if self._running or self._seeking is not None else REST_S)
            if self._running:
                self._look(*self._running)
            if self._seeking is not None:
                self._seek(self._seeking, 0.0 if self._running else LOOK_S)
            self._tell_health()
            if self._eyes.faces.overdue and self._running is None:
                raise DeviceLost(f"a camera has shown nothing for {OVERDUE_S:g} s; perhaps its driver holds on to it")
        self._end_running("the vision process stops")

    # ------------------------------------------------------------ requests

    def _happen(self, wait_s: float) -> None:
        """Deal with one thing from the socket, if there is one within `wait_s`."""
        try:
            happening = self._server.happenings.get(timeout=wait_s) if wait_s else self._server.happenings.get_nowait()
        except queue.Empty:
            return
        if isinstance(happening, Connected):
            self._client, self._told = happening.client, {}
        elif isinstance(happening, Gone):
            self._client = None
            self._seek_codes(False)
            self._end_running("its supervisor went away")
        else:
            self._answer(happening)

    def _answer(self, asked: Asked) -> None:
        does: dict[str, Callable[[Asked], dict[str, object] | None]] = {
            "verify": self._verify,
            "verify_portrait": self._verify_portrait,
            "codes": self._codes_wanted,
            "cancel": self._cancel,
            "enrol": self._enrol,
            "revoke": self._revoke,
            "list": lambda _: {"subjects": [asdict(entry) for entry in self._gallery.list()]},
            "health": lambda _: self._state(),
            "figures": lambda _: {"cameras": self._eyes.figures},
            "stop": self._stop,
        }
        try:
            if asked.do not in does:
                raise Refusal(f"vision: nothing is called {asked.do!r}; there are {', '.join(does)}")
            done = does[asked.do](asked)
        except GateError as error:
            # What a refusal says, a photograph's name perhaps, is for who asked.
            _log.warning("%s: %s", asked.do, "refused" if isinstance(error, Refusal) else error)
            failed = {"kind": error.consequence.value, "message": str(error)}
            asked.client.send({"id": asked.number, "failed": failed})
        else:
            if done is not None:
                asked.client.send({"id": asked.number, "done": done})

    def _verify(self, asked: Asked) -> dict[str, object] | None:
        self._end_running("a newer one began")
        begun_s = self._now_s()
        subject = _text(asked, "subject")
        deadline_s = _number(asked, "deadline_s")
        found = self._gallery.get(SubjectId(subject), self._wall_s())
        if isinstance(found, Reason):
            return self._undecided(found)
        for reference in found:
            reference.require_comparable(self._chain.maker)
        self._begin(asked, found, begun_s, deadline_s)
        return None

    def _verify_portrait(self, asked: Asked) -> dict[str, object] | None:
        """As `_verify`, against a picture that came along. It, and what is made of it, end with the verification."""
        self._end_running("a newer one began")
        begun_s = self._now_s()
        deadline_s = _number(asked, "deadline_s")
        try:
            encoded = base64.b64decode(_text(asked, "portrait", shown=False), validate=True)
        except binascii.Error:
            raise Refusal("verify_portrait: portrait must be base64") from None
        try:
            found = self._chain.probe(portrait.decode(encoded))
        except Refusal:
            found = Reason.DOCUMENT_UNREADABLE
        if isinstance(found, Reason):
            _log.warning("verify_portrait: the portrait cannot be compared: %s", found)
            return self._undecided(Reason.DOCUMENT_UNREADABLE)
        self._begin(asked, [found.template], begun_s, deadline_s)
        return None

    def _begin(self, asked: Asked, references: Sequence[Template], begun_s: float, deadline_s: float) -> None:
        """Its outcome is told when there is one."""
        self._running = (asked, Verification(references, self._threshold, self._rules, begun_s, deadline_s))
        self._eyes.faces.want(True)

    def _undecided(self, reason: Reason) -> dict[str, object]:
        return asdict(Outcome(False, reason, None, self._threshold.distance, self._threshold.fmr, 0))

    def _codes_wanted(self, asked: Asked) -> dict[str, object]:
        wanted = asked.fields.get("wanted")
        if not isinstance(wanted, bool):
            raise Refusal(f"codes: wanted must be true or false, it is {wanted!r}")
        self._seek_codes(wanted)
        return {}

    def _cancel(self, asked: Asked) -> dict[str, object]:
        number = _number(asked, "of")
        if self._running and self._running[0].number == number:
            self._end_running("as asked")
        return {}

    def _enrol(self, asked: Asked) -> dict[str, object]:
        subject, expires_at = _text(asked, "subject"), _number(asked, "expires_at")
        photos = _texts(asked, "photos")
        if not 1 <= len(photos) <= TEMPLATES_MAX:
            raise Refusal(f"enrol: {len(photos)} photographs; 1 to {TEMPLATES_MAX} are wanted, 3 are a good number")
        templates = [self._template_of(Path(path)) for path in photos]
        for path, template in zip(photos, templates, strict=True):
            distance = template.distance(templates[0])
            if distance > self._loosest:
                raise Refusal(f"photograph {path}: shows another person than the first one ({distance:.2f})")
        self._gallery.enrol(SubjectId(subject), templates, expires_at)
        return {"templates": len(templates)}

    def _revoke(self, asked: Asked) -> dict[str, object]:
        return {"revoked": self._gallery.revoke(SubjectId(_text(asked, "subject")))}

    def _stop(self, _asked: Asked) -> dict[str, object]:
        self.stop()
        return {}

    def _template_of(self, path: Path) -> Template:
        found = self._chain.probe(picture.load(path))
        if isinstance(found, Reason):
            raise Refusal(f"photograph {path}: {found}; one face, whole, sharp and evenly lit is wanted")
        return found.template

    # ------------------------------------------------------------ frames

    def _look(self, asked: Asked, verification: Verification) -> None:
        """One frame of the running verification, if one comes soon."""
        seen = self._eyes.faces.take(LOOK_S)
        found: Hint | Outcome | None = None
        if seen is not None and verification.wants(seen.frame.captured_s):
            probe = self._chain.probe(np.asarray(seen.frame.rgb))
            found = verification.seen(probe, seen.frame.captured_s, seen.repeated, seen.camera)
        if isinstance(found, Hint):
            asked.client.send({"id": asked.number, "hint": found.reason})
        elif outcome := found or verification.late(self._now_s()):
            self._rest()
            asked.client.send({"id": asked.number, "done": asdict(outcome)})

    def _seek_codes(self, wanted: bool) -> None:
        """Look for codes from now on, or no more; asking again for what is done already changes nothing."""
        if wanted is (self._seeking is not None):
            return
        self._seeking = {} if wanted else None
        self._eyes.codes.want(wanted)

    def _seek(self, watches: dict[str, CodeWatch], timeout_s: float) -> None:
        """One frame of a camera that looks for codes, if one comes soon."""
        seen = self._eyes.codes.take(timeout_s)
        if seen is None or self._client is None:
            return
        watch = watches.setdefault(seen.camera, CodeWatch())
        if seen.repeated or not watch.due(seen.frame.captured_s):
            return
        code = watch.seen(code_search.search(np.asarray(seen.frame.rgb)), seen.frame.captured_s)
        if code is not None:
            payload = base64.b64encode(code).decode("ascii")
            self._client.send({"code": {"camera": seen.camera, "payload": payload}})

    def _rest(self) -> None:
        self._running = None
        self._eyes.faces.want(False)

    def _end_running(self, why: str) -> None:
        if self._running:
            asked, _ = self._running
            self._rest()
            asked.client.send({"id": asked.number, "failed": {"kind": "cancelled", "message": f"verify: {why}"}})

    # ------------------------------------------------------------ health

    def _state(self) -> dict[str, object]:
        states = self._eyes.states
        ok = not any(state.lost or state.ail for state in states.values())
        return {"ok": ok, "cameras": {name: state.message() for name, state in states.items()}}

    def _tell_health(self) -> None:
        state = self._state()
        if self._client is not None and state != self._told:
            self._told = state
            self._client.send({"health": state})


def _text(asked: Asked, name: str, shown: bool = True) -> str:
    value = asked.fields.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(f"{asked.do}: {name} must be a text" + (f", it is {value!r}" if shown else ""))
    return value


def _texts(asked: Asked, name: str) -> list[str]:
    value = asked.fields.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Refusal(f"{asked.do}: {name} must be a list of texts, it is {value!r}")
    return value


def _number(asked: Asked, name: str) -> float:
    value: object = asked.fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e18:
        raise Refusal(f"{asked.do}: {name} must be a number from 0 up, it is {value!r}")
    return float(value)
