"""What the gate wants done, one errand after the other: whose each is, and that one which fails keeps no other back."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

from gatefw.authority_desk import AuthorityDesk
from gatefw.clerk import Clerk
from gatefw.crew import Crew
from gatefw.display import Display
from gatefw.gate import Gate
from gatefw.gate_terms import (
    Answered,
    Ask,
    Asking,
    CancelAsk,
    Drive,
    Drop,
    Effect,
    ForgetLatch,
    ForgetMaintenance,
    GateInput,
    KeepLatch,
    KeepMaintenance,
    Record,
    SetTimer,
    Show,
    Tell,
)
from gatefw.going_on import Face
from gatefw.model import (
    CheckEligibility,
    Confirm,
    Elapsed,
    EnrolTraveller,
    Failed,
    Faulted,
    IdentifyFace,
    LookUpRecord,
    Phase,
    Reason,
    RunId,
    VerifyFace,
    VerifyPortrait,
)
from gatefw.order_desk import OrderDesk
from gatefw.oversight import Oversight
from gatefw.scribe import Scribe
from gatefw.vision_desk import VisionDesk

_log = logging.getLogger(__name__)


class Errands:
    """Of one lane, for its loop; nothing here waits for a disk, a device or a subscriber.

    publish: makes the status anew. desk: is there before the first input is taken. timer: the lane's, when and which.
    """

    desk: VisionDesk

    def __init__(
        self,
        gate: Gate,
        crew: Crew,
        scribe: Scribe,
        clerk: Clerk,
        authorities: AuthorityDesk | None,
        display: Display,
        oversight: Oversight,
        orders: OrderDesk,
        put: Callable[[GateInput], None],
        publish: Callable[[], None],
    ) -> None:
        self._gate, self._crew, self._scribe, self._clerk, self._authorities = gate, crew, scribe, clerk, authorities
        self._display, self._oversight, self._orders = display, oversight, orders
        self._put, self._publish = put, publish
        self.timer: tuple[float, Elapsed] | None = None  # a new one voids it
        self.face = Face()
        self._kept: Future[None] | None = None  # of what is being handled: that somebody works on the lane

    def do(self, effects: Sequence[Effect], event: GateInput) -> None:
        """All that came of an input. What cannot be brought about is a FAULT of the lane, unless it came of one."""
        self._kept = None
        for effect in effects:
            try:
                self.take(effect)
            except Exception:  # noqa: BLE001  the effects behind it may let somebody out
                _log.exception("%s could not be brought about", type(effect).__name__)
                if not isinstance(event, Faulted):
                    self._put(Faulted(Reason.SOFTWARE))

    @property
    def due_s(self) -> float:
        """When the lane's timer is over; infinite while none runs."""
        return self.timer[0] if self.timer else math.inf

    def elapsed(self, now_s: float) -> Elapsed | None:
        """The lane's timer, once, when its time is over."""
        if self.timer is None or self.timer[0] > now_s:
            return None
        (_, elapsed), self.timer = self.timer, None
        return elapsed

    def hinted(self, _run: RunId, hint: str) -> None:
        """What keeps a face from being compared, as vision says."""
        self.face.hint = hint
        self._display.hint(hint)

    def judged(self, camera: str, quality: dict[str, int]) -> None:
        """How good a camera's newest face was, as vision says."""
        self.face = Face(self.face.hint, camera, quality, time.monotonic())

    def take(self, effect: Effect) -> None:
        """Bring about one. Raises what its driver or desk raises."""
        match effect:
            case Drive() | Drop():
                self._crew.drive(effect)
            case Record(fact, ticket):
                self._oversight.notice(fact)
                self._scribe.append(fact, ticket)
                self._clerk.notice(fact)
                if self._authorities:
                    self._authorities.notice(fact)
            case Ask():
                self._ask(effect)
            case CancelAsk(run):
                self.desk.cancel(run)
                self._display.cancel(run)
                self._crew.cancel(run)
            case SetTimer(timer, generation, after_s):
                self.timer = (time.monotonic() + after_s, Elapsed(timer, generation))
            case Show(phase, reason):
                self.face = Face() if phase is Phase.TOKEN_PRESENTED else self.face.without_hint()
                invites = self._gate.takes_tokens
                self._crew.show(phase, reason, invites)
                self._display.show(phase, reason)
                self.desk.want_codes(invites)
                self._publish()
            case Asking():
                served = self._gate.runs.served
                self._display.asking(effect, served.run if served else None)
            case Tell():
                self._publish()
                self._tell(effect)
            case KeepLatch(reason):
                self._scribe.keep_latch(reason)
            case ForgetLatch():
                self._scribe.forget_latch()
            case KeepMaintenance():
                self._kept = self._scribe.keep_maintenance(True)
            case ForgetMaintenance():
                self._scribe.keep_maintenance(False)

    def _tell(self, told: Tell) -> None:
        """Who is to have the lane for maintenance hears of it when the disk knows it, and the next daemon would."""
        phase = self._gate.state.phase.value

        def answer(kept: "Future[None]") -> None:
            lost = kept.exception()
            detail = f"{told.detail}, and the disk does not keep that somebody works there: {lost}"
            self._orders.tell(replace(told, accepted=False, detail=detail) if lost else told, phase)

        if self._kept is None:
            self._orders.tell(told, phase)
        else:
            self._kept.add_done_callback(answer)

    def _ask(self, ask: Ask) -> None:
        self._display.met(ask)
        match ask.request:
            case LookUpRecord():
                self._clerk.look_up(ask)
            case Confirm():
                self._display.ask(ask)
            case CheckEligibility():
                self._clerk.check(ask)
                if self._authorities:
                    self._authorities.begin(ask)
            case EnrolTraveller():
                self._clerk.enrol_traveller(ask)
            case VerifyFace() | VerifyPortrait() | IdentifyFace():
                self.desk.verify(ask)
            case request if type(request) in self._crew.answering:
                self._crew.answering[type(request)].ask(ask)
            case _:  # the lane file has no device for what its procedure wants to know
                self._put(Answered(ask.run, ask.number, Failed(Reason.SOFTWARE)))
