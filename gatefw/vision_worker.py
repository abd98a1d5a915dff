"""What the vision process does: requests one after the other, and one question about a face at a time beside them."""

import base64
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gatefw import code_search
from gatefw import vision_request as want
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.liveness import Judge
from gatefw.biometrics.search import Search
from gatefw.code_search import CodeWatch
from gatefw.errors import DeviceLost, GateError, Refusal
from gatefw.model import Reason
from gatefw.vision_faces import Faces, Reply
from gatefw.vision_feed import OVERDUE_S, Eyes
from gatefw.vision_gallery import Enrolment
from gatefw.vision_look import LOOK_S, NO_GLASS, Glass, Looking
from gatefw.vision_server import Asked, Client, Connected, Gone, Server
from gatefw.vision_settings import VisionSettings
from gatefw.vision_wire import PEOPLE_MAX

REST_S = 0.1

_log = logging.getLogger(__name__)


class Vision:
    """Serves requests until `stop`. `now_s`: monotonic; `wall_s`: Unix seconds, for expiry alone. `turned`: each turn.

    Raises ModelError when the model cannot hold what the settings demand of a search.
    """

    def __init__(
        self,
        settings: VisionSettings,
        chain: Chain,
        gallery: Gallery,
        eyes: Eyes,
        server: Server,
        now_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
        judge: Judge | None = None,
        turned: Callable[[], None] = lambda: None,
        glass: Glass = NO_GLASS,
    ) -> None:
        self._turned, self._glass = turned, glass
        self._chain, self._server, self._eyes, self._now_s = chain, server, eyes, now_s
        many = settings.searched
        most = max(many.most, settings.twice_most) if many.outgrown == "close" else PEOPLE_MAX
        self._search = Search(gallery, chain.maker, many.partitions, most, wall_s)
        self._enrolment = Enrolment(chain, gallery, self._search, settings.twice_most)
        self._faces = Faces(settings, chain, gallery, self._search, self._enrolment, eyes, now_s, wall_s, judge)
        self._running: Looking[Any] | None = None
        self._seeking: dict[str, CodeWatch] | None = None
        self._client: Client | None = None
        self._told: Mapping[str, object] = {}
        self._ails: frozenset[Reason] = frozenset()
        self._reversed = settings.reversed
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End `run` soon. Any thread, any signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Raises DeviceLost when a camera that worked has been lost for long: a new process may get it back."""
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._search.close()
        self._end_running("the vision process stops")

    def _turn(self) -> None:
        self._turned()
        self._happen(0 if self._running or self._seeking is not None else REST_S)
        if self._running:
            self._look(self._running)
        if self._seeking is not None:
            self._seek(self._seeking, 0.0 if self._running else LOOK_S)
        self._search.drop_stale()
        self._tell_health()
        if self._eyes.overdue and self._running is None:
            raise DeviceLost(f"a camera has shown nothing for {OVERDUE_S:g} s; perhaps its driver holds on to it")

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
        faces, enrolment = self._faces, self._enrolment
        looks = {
            "verify": faces.verify,
            "verify_portrait": faces.verify_portrait,
            "identify": faces.identify,
            "enrol_live": faces.enrol_live,
        }
        does: dict[str, Callable[[Asked], Reply]] = {
            **looks,
            "codes": self._codes_wanted,
            "cancel": self._cancel,
            "enrol": enrolment.enrol,
            "revoke": enrolment.revoke,
            "partition_make": enrolment.make_partition,
            "partition_destroy": enrolment.destroy_partition,
            "list": enrolment.everybody,
            "health": lambda _: self._state(),
            "figures": lambda _: {"cameras": self._eyes.figures},
            "stop": self._stop,
        }
        if asked.do in looks:
            self._end_running("a newer one began")

        def done() -> Reply:
            if asked.do not in does:
                raise Refusal(f"vision: nothing is called {asked.do!r}; there are {', '.join(does)}")
            return does[asked.do](asked)

        self._reply(asked, done)

    def _reply(self, asked: Asked, done: Callable[[], Reply | None]) -> bool:
        """The last word on a request, unless it is looked at from now on. Whether it was said."""
        try:
            reply = done()
        except GateError as error:
            # What a refusal says, a photograph's name perhaps, is for who asked.
            _log.warning("%s: %s", asked.do, "refused" if isinstance(error, Refusal) else error)
            failed = {"kind": error.consequence.value, "message": str(error)}
            asked.client.send({"id": asked.number, "failed": failed})
            return True
        if isinstance(reply, Looking):
            self._running = reply
            self._glass.begin(self._eyes.place(reply.feeds), self._now_s())
            reply.feeds.want(True)
        elif reply is not None:
            asked.client.send({"id": asked.number, "done": reply})
        return isinstance(reply, dict)

    def _codes_wanted(self, asked: Asked) -> dict[str, object]:
        self._seek_codes(want.truth(asked, "wanted"))
        return {}

    def _cancel(self, asked: Asked) -> dict[str, object]:
        number = want.number(asked, "of")
        if self._running and self._running.asked.number == number:
            self._end_running("as asked")
        return {}

    def _stop(self, _asked: Asked) -> dict[str, object]:
        self.stop()
        return {}

    # ------------------------------------------------------------ frames

    def _look(self, running: Looking[Any]) -> None:
        """One frame of the running question, if one comes soon."""
        if self._reply(running.asked, lambda: running.step(self._chain, self._now_s, self._glass)):
            self._rest(running)

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

    def _rest(self, running: Looking[Any]) -> None:
        self._running = None
        self._glass.end()
        running.feeds.want(False)

    def _end_running(self, why: str) -> None:
        if running := self._running:
            self._rest(running)
            asked = running.asked
            asked.client.send({"id": asked.number, "failed": {"kind": "cancelled", "message": f"{asked.do}: {why}"}})

    # ------------------------------------------------------------ health

    def _state(self) -> dict[str, object]:
        if self._running is None:  # a gallery that changed is read anew, and a look has no time for that
            self._ails = self._faces.ailments
        states = self._eyes.states
        ok = not self._ails and not any(state.lost or state.ail for state in states.values())
        told = {name: state.message() for name, state in states.items()}
        return {"ok": ok, "reversed": self._reversed, "cameras": told, "ailments": sorted(self._ails)}

    def _tell_health(self) -> None:
        state = self._state()
        if self._client is not None and state != self._told:
            self._told = state
            self._client.send({"health": state})
