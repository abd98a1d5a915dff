"""Where operators' orders arrive, on the control socket's thread, and where the lane's answers to them go out.

An order for the lane is queued, and answered when the loop has taken it. `status` is answered from a snapshot that the
loop has made; what is about records goes to the clerk. Nothing here waits.
"""

import threading
import time
from collections.abc import Callable, Mapping

from gatefw import __version__, order_reason
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.errors import Refusal
from gatefw.gate import Gate
from gatefw.gate_terms import GateInput, Ordered, Tell
from gatefw.maintenance_order import asked
from gatefw.model import Verb
from gatefw.orders import LET_OUT_BY, ways_out

VERBS = {verb.value: verb for verb in Verb}
Reply = Callable[[Answer], None]
WAITING_MAX = 256


class OrderDesk:
    """`stop` ends the daemon; `elsewhere` takes the orders that are not the lane's; `why_not` refuses some of all."""

    def __init__(
        self,
        put: Callable[[GateInput], None],
        stop: Callable[[], None],
        elsewhere: Callable[[Order, Reply], None],
        why_not: Callable[[Order], str] = lambda _order: "",
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._put, self._stop, self._elsewhere, self._why_not = put, stop, elsewhere, why_not
        self._taking, self._going_elsewhere = threading.Lock(), threading.Lock()
        self._waiting: dict[int, Reply] = {}
        self._tickets = 0
        self._status: tuple[Mapping[str, object], float] = {}, now_s()
        self.health: Callable[[], object] = dict
        """How each device does: made for who asks, not by the loop."""

    def take(self, order: Order, reply: Reply) -> None:
        """On the thread of the control socket, of the bus, or of whoever orders in somebody's place. Raises Refusal."""
        if why := self._why_not(order):
            raise Refusal(why)
        if order.verb == "status":
            status, at_s = self._status
            reply(Done({**status, "age_s": round(self._now_s() - at_s, 2), "health": self.health()}))
        elif order.verb == "stop":
            self._stop()
            reply(Done({"stopping": True}))
        elif order.verb in VERBS:
            verb = _meant(VERBS[order.verb], order.args)
            stay = asked(verb, order.args, order.by)
            why = order_reason.asked(verb, order.args)
            with self._taking:
                self._tickets += 1
                self._waiting[self._tickets] = reply
                if len(self._waiting) > WAITING_MAX:  # the loop lost them with a full queue; they have expired
                    del self._waiting[next(iter(self._waiting))]
                self._put(Ordered(self._tickets, verb, order.by, order.expects, order.deadline_s, stay, why))
        else:
            with self._going_elsewhere:  # no desk was made for two at once
                self._elsewhere(order, reply)

    @property
    def status(self) -> Mapping[str, object]:
        """As the loop published it last."""
        return self._status[0]

    def publish(self, status: Mapping[str, object]) -> None:
        """On the loop: how the lane is now. A loop that hangs while its threads answer is told by the age of that."""
        self._status = status, self._now_s()

    def tell(self, told: Tell, phase: str) -> None:
        """On the loop: the answer to an order that it has taken."""
        with self._taking:
            reply = self._waiting.pop(told.ticket, None)
        if reply is not None:
            done = Done({"detail": told.detail, "phase": phase})
            reply(done if told.accepted else Rejected(Rejection.REFUSED, told.detail))


def _meant(verb: Verb, args: Mapping[str, object]) -> Verb:
    """To let out by one of the doors is an order of its own. Raises Refusal."""
    door = args.get("door")
    if verb is not Verb.LET_OUT or door is None:
        return verb
    by = {each.value: order for order, each in LET_OUT_BY.items()}
    if not isinstance(door, str) or door not in by:
        raise Refusal(f"{verb.value}: door: one of {', '.join(by)} is wanted")
    return by[door]


def lane_status(gate: Gate) -> dict[str, object]:
    """What anybody may know of a lane now: no traveller, no token."""
    state, sensed, senses = gate.state, gate.sensed, gate.senses
    return {
        "version": __version__,
        "phase": state.phase.value,
        "in_service": state.in_service,
        "doors": {door.value: sensed.position(door).value for door in state.policy.doors},
        "beams": {door.value: sensed.beam(door).value for door in state.policy.doors},
        "released": {door.value: str(gate.leases.held(door) or "") for door in state.policy.doors},
        "occupancy": sensed.occupancy.value,
        "ways_out": [door.value for door in ways_out(state)],
        "inputs": {name: getattr(sensed, name).value for name in ("fire", "evacuate", "stop")},
        "maintenance": gate.maintenance.told(gate.now_s),
        "missing": sorted(senses.missing),
        "impaired": {name: sorted(reasons) for name, reasons in sorted(senses.impaired.items()) if reasons},
    }
