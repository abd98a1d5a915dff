"""The display socket: what the traveller's screen must show now, and their touch on it.

Its file is 0660, and its group that of its directory: see systemd/gatefw.tmpfiles.

One JSON object a line. To every screen, at once, whenever it changes, and again each BEAT_S while the lane's loop runs:

    {"phase": "token_presented", "reason": null, "hint": "", "asks": ["confirm"], "front": null, "invites": false,
     "out": [], "mirror": false,
     "confirm": {"run": "...", "facts": {"document.name": "C** T** M**", "born": "1990"}},
     "language": "", "lane": {"begins": ["card"], "behind": "shut", "languages": [], "alone": false, "audio": false}}

From a screen, while it is asked: {"touch": "confirm", "run": "..."} or "decline". `confirm` is null while nobody is.
`asks` is what the lane wants now of whom it serves (`model.Asked`), `front` of one who waits in front meanwhile, each
null while there is nobody; `invites`: a token that is shown now begins a passage. `out`: the doors by which somebody
who was turned away is let out. `mirror`: a screen may show them what
the camera sees while their face is wanted, see `mirror_wire`; no picture comes this way. `language`: that of the
traveller who is served, "" for all; `lane` never changes, see `display_lane`.
What was read of a document is masked, goes nowhere else, and is forgotten with the question. A screen that does not
read gets the newest line when it reads again, and nothing of what came between; one that says anything else is sent
away.
"""

import contextlib
import logging
import queue
import select
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from gatefw import unix_socket, wire_json
from gatefw.display_mask import masked
from gatefw.errors import BadReply
from gatefw.gate_terms import Answered, Ask, Asking, GateInput
from gatefw.model import Answer, Asked, Confirm, Confirmed, Failed, Phase, Reason, RunId, SubjectId
from gatefw.tongue import Tongue
from gatefw.waker import Waker
from gatefw.work_queue import WorkQueue

SOCKET = Path("screen", "display.sock")
"""Below the runtime directory, in a directory whose group may look at it and order nothing."""
MODE = 0o660
SCREENS = 4
TOUCH_BYTES = 1024
READ_BYTES = 4096
BEAT_S = 0.5
"""A screen that hears nothing for some of these knows that nothing it was told is true any more."""
TOUCHES: Mapping[str, Answer] = {"confirm": Confirmed(), "decline": Failed(Reason.DECLINED)}
FACES = frozenset({Asked.VERIFY_FACE, Asked.VERIFY_PORTRAIT, Asked.IDENTIFY_FACE, Asked.ENROL_TRAVELLER})
"""Questions for which somebody is looked at."""
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Screen:
    """`sending` is what is left of a line that was begun; `newest` what comes after it, if anything new."""

    sock: socket.socket
    lines: wire_json.Lines = field(default_factory=lambda: wire_json.Lines(TOUCH_BYTES))
    sending: bytes = b""
    newest: bytes = b""

    @property
    def wants(self) -> int:
        return select.POLLIN | (select.POLLOUT if self.sending or self.newest else 0)

    def flush(self) -> None:
        """As much as the screen takes."""
        with contextlib.suppress(BlockingIOError):
            while self.sending or self.newest:
                if not self.sending:
                    self.sending, self.newest = self.newest, b""
                self.sending = self.sending[self.sock.send(self.sending) :]


class Display:
    """Serves screens from a thread of its own, from construction to `close`. Nothing here makes the caller wait.

    `facts_of` reads a record, on that thread; `spoken` are languages by nationality, `lane` is of `display_lane`.
    Raises SetupError when the socket cannot be made.
    """

    def __init__(
        self,
        path: Path,
        facts_of: Callable[[SubjectId], Mapping[str, str]],
        put: Callable[[GateInput], None],
        mirror: bool = False,
        lane: Mapping[str, object] = MappingProxyType({}),
        spoken: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._path, self._facts_of, self._put, self.progress = path, facts_of, put, 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener = unix_socket.listen(path, SCREENS, MODE)
        self._waker = Waker()
        self._told = WorkQueue("display")
        self._screens: list[_Screen] = []
        self._phase, self._reason, self._hint = Phase.RECOVERING, "", ""
        self._asking, self._mirror, self._lane = Asking(), mirror, dict(lane)
        self._tongue = Tongue(spoken, facts_of)
        self._asked: Ask | None = None
        self._facts: dict[str, str] = {}
        self._beat_s = 0.0
        self._again = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="display")
        self._thread.start()

    def close(self) -> None:
        """End the thread, remove the socket. May be called twice."""
        self._closing.set()
        self._waker.wake()
        self._thread.join()

    # ------------------------------------------------------------ any thread

    def poke(self) -> None:
        """Have the thread take a turn, which `progress` counts."""
        self._waker.wake()

    def show(self, phase: Phase, reason: Reason | None) -> None:
        """What everybody may see; `reason` is one that `gate_terms.shown` let through."""
        self._tell(lambda: self._set_shown(phase, reason))

    def beat(self, now_s: float) -> None:
        """The loop is alive: screens are told once more what they show, at most each BEAT_S."""
        if now_s >= self._beat_s:
            self._beat_s = now_s + BEAT_S
            self._tell(self._repeat)

    def asking(self, asking: Asking, run: RunId | None = None) -> None:
        """What is wanted of people now, and whom the lane serves. A hint is of the face that is looked at, and of no
        other question."""
        self._tell(lambda: self._set_asking(asking, run))

    def met(self, ask: Ask) -> None:
        """A question about somebody, by whose document a language may be chosen."""
        self._tell(lambda: self._tongue.met(ask))

    def hint(self, hint: str) -> None:
        """What the traveller should do before the camera."""
        self._tell(lambda: self._set_hint(hint))

    def ask(self, ask: Ask) -> None:
        """Show what was read of whom `Confirm` is about, until the answer comes or the question is taken back."""
        self._tell(lambda: self._set_asked(ask))

    def cancel(self, run: RunId) -> None:
        """The run is over: what was read is shown no more."""
        self._tell(lambda: self._forget(run))

    def _tell(self, do: Callable[[], None]) -> None:
        self._told.put(do)
        self._waker.wake()

    # ------------------------------------------------------------ the display's thread: what is shown

    def _set_shown(self, phase: Phase, reason: Reason | None) -> None:
        self._phase, self._reason, self._hint = phase, reason or "", ""
        if phase is not Phase.TOKEN_PRESENTED:  # they have answered: whoever stands here now is somebody else
            self._asked, self._facts = None, {}
        self._tongue.shown(phase, reason)

    def _set_asking(self, asking: Asking, run: RunId | None) -> None:
        self._asking = asking
        self._tongue.serves(run)
        if not FACES.intersection(asking.served or ()):
            self._hint = ""

    def _repeat(self) -> None:
        self._again = True

    def _set_hint(self, hint: str) -> None:
        self._hint = hint

    def _set_asked(self, ask: Ask) -> None:
        assert isinstance(ask.request, Confirm)
        try:
            self._facts = masked(self._facts_of(ask.request.subject))
        except Exception as error:  # noqa: BLE001  who is shown nothing has nothing to say yes to
            _log.error("display: %s: nothing can be shown to confirm", type(error).__name__)
            self._put(Answered(ask.run, ask.number, Failed(Reason.RECORDS_UNAVAILABLE)))
        else:
            self._asked = ask

    def _forget(self, run: RunId) -> None:
        self._tongue.forget(run)
        if self._asked is not None and self._asked.run == run:
            self._asked, self._facts = None, {}

    def _line(self) -> bytes:
        confirm = None if self._asked is None else {"run": self._asked.run, "facts": self._facts}
        return wire_json.encode(
            {
                "phase": self._phase.value,
                "reason": self._reason or None,
                "hint": self._hint,
                "asks": self._asking.served,
                "front": self._asking.waiting,
                "invites": self._asking.invites,
                "out": self._asking.out,
                "mirror": self._mirror,
                "confirm": confirm,
                "language": self._tongue.now,
                "lane": self._lane,
            }
        )

    # ------------------------------------------------------------ the display's thread: screens

    def _work(self) -> None:
        with self._listener, self._waker:
            while not self._closing.is_set():
                self._turn()
            for screen in self._screens:
                screen.sock.close()
            self._path.unlink(missing_ok=True)

    def _turn(self) -> None:
        self.progress += 1
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._waker, select.POLLIN)
        for screen in self._screens:
            poll.register(screen.sock, screen.wants)
        happened = dict(poll.poll())
        if self._waker.fileno() in happened:
            self._waker.hear()
            self._be_told()
        if self._listener.fileno() in happened:
            self._accept()
        for screen in list(self._screens):
            self._serve(screen, happened.get(screen.sock.fileno(), 0))

    def _be_told(self) -> None:
        before = self._line()
        with contextlib.suppress(queue.Empty):
            while True:
                self._told.take()()
        line, again = self._line(), self._again
        self._again = False
        if again or line != before:
            for screen in self._screens:
                screen.newest = line

    def _accept(self) -> None:
        sock = unix_socket.accept(self._listener)
        if sock is None:
            return
        if len(self._screens) >= SCREENS:
            sock.close()
        else:
            self._screens.append(_Screen(sock, newest=self._line()))

    def _serve(self, screen: _Screen, events: int) -> None:
        try:
            if events & select.POLLIN:
                self._read(screen)
            elif events & _GONE:
                raise ConnectionError
            screen.flush()
        except (OSError, BadReply):
            self._screens.remove(screen)
            screen.sock.close()

    def _read(self, screen: _Screen) -> None:
        """Raises ConnectionError when the screen has left, BadReply when it says what is no touch."""
        chunk = screen.sock.recv(READ_BYTES)
        if not chunk:
            raise ConnectionError
        for line in screen.lines.feed(chunk):
            self._touched(wire_json.decode(line))

    def _touched(self, message: Mapping[str, object]) -> None:
        """A touch on what is no longer asked is late, and says nothing."""
        touch, run = message.get("touch"), message.get("run")
        if message.keys() != {"touch", "run"} or not isinstance(touch, str) or touch not in TOUCHES:
            raise BadReply(f"display: a touch is one of {', '.join(TOUCHES)}, and of which run")
        if self._asked is None or run != self._asked.run:
            return
        self._put(Answered(self._asked.run, self._asked.number, TOUCHES[touch]))
        self._asked, self._facts = None, {}  # it was answered, once: nothing of it stays to be read or touched
        for screen in self._screens:
            screen.newest = self._line()
