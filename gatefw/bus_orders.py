"""Orders that come over the bus: who may give which, each once, and none later than it was meant.

The same requests as over the control socket, with a nonce that the gate gave out for one order. Its time runs from
there, so clocks need not agree; it is good once, for the key that asked for it, and no longer than `NONCE_S`. Nonces
are in memory alone: what somebody recorded before a restart is as worthless as a nonce that was used. No I/O here.
"""

import dataclasses
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gatefw import wire_json
from gatefw.bus_keys import Grant, Permission
from gatefw.control import (
    ACKNOWLEDGE,
    CASE,
    CLEAR,
    EDGES,
    PENDING,
    SILENT_ALARM,
    VERBS,
    Answer,
    Done,
    Handler,
    Order,
    Rejected,
    Rejection,
    RequestId,
    line_of,
    request_id_of,
    understand,
)
from gatefw.errors import BadReply, GateError
from gatefw.events import ORDERS, TECHNICIAN
from gatefw.model import Fact, FactKind, Reason, Verb
from gatefw.order_reason import AT_ONCE, noted

NONCE = "nonce"
NONCE_S = 60.0
NONCES = 16  # of one key; more, and the oldest is void
BURST, REFILL_S = 30, 1.0  # orders of one key that are journalled at once, and how soon there may be another
LANE = frozenset(verb.value for verb in Verb)
WRITTEN = LANE | {
    SILENT_ALARM,
    ACKNOWLEDGE,
    CASE,
    "device_test",
    "device_trace",
    "device_renew_secret",
    "device_install",
}
"""Who does these writes down that they were ordered, done or not; `change_facts`, when it was done."""

NEVER = frozenset(("key_new", "key_revoke", "key_rotate", "keys", "device_trace_raw", EDGES, "commission_sign"))
"""Not over the bus, whoever asks: no key makes another; what a wire says in the clear, and when somebody passed which
beam, stays on the machine; a report that the lane signs comes from who stood at it."""
READ = frozenset((NONCE, "status", "devices", "cameras"))
URGENT = AT_ONCE | {SILENT_ALARM}
"""What must not be refused because of something else: the lane moved on a moment before, or this key is busy."""
OPERATE = URGENT | {"open", "close", "reset", "let_out", "let_out_entry", "let_out_exit", CLEAR, ACKNOWLEDGE, CASE}


def needed(verb: str) -> Permission | None:
    """What a key must be allowed for it; a verb that nobody sorted is for maintenance; None: over the bus, never."""
    if verb in NEVER:
        return None
    return Permission.READ if verb in READ else Permission.OPERATE if verb in OPERATE else Permission.MAINTAIN


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. `order` is None where a nonce is asked for; its deadline is seconds after the nonce."""

    order: Order | None
    nonce: str = ""


def written_by_bus(order: Order) -> bool:
    """Whether an order that is refused is journalled here, and by nobody else."""
    return order.by.startswith("bus-") and order.verb not in WRITTEN


def decode(payload: bytes, by: str) -> tuple[RequestId, Asked | Rejected]:
    """The request in one message, or why it is none, with its id when it has one."""
    try:
        message = wire_json.decode(payload)
    except BadReply as error:
        return None, Rejected(Rejection.MALFORMED, str(error))
    request_id = request_id_of(message)
    if request_id is None:
        return None, Rejected(Rejection.MALFORMED, "id: a number or a text of at most 64 characters is wanted")
    if message.keys() == {"id", "verb"} and message["verb"] == NONCE:
        return request_id, Asked(None)
    nonce = message.pop("nonce", None)
    if not isinstance(nonce, str) or len(nonce) != 32:
        return request_id, Rejected(Rejection.MALFORMED, f"{NONCE}: the 32 digits that the verb {NONCE} answers")
    name = message.pop("name", None)
    if name is not None and not TECHNICIAN.fits(name):
        return request_id, Rejected(Rejection.MALFORMED, f"name: who orders it, in a short code: {TECHNICIAN.says}")
    order = understand(message, by if name is None else f"{by}/{name}", 0.0)
    if isinstance(order, Order) and order.verb in LANE - URGENT and order.expects is None:
        return request_id, Rejected(Rejection.MALFORMED, "expects: over the bus, the phase that you believe it is in")
    return request_id, order if isinstance(order, Rejected) else Asked(order, nonce)


@dataclass(eq=False, slots=True)
class Waiting:
    """An order that is being done, and whom to tell."""

    client: bytes
    request_id: RequestId
    key: str
    order: Order


@dataclass(slots=True)
class _Allowance:
    """How many more of a key's orders may be journalled now."""

    left: float = BURST
    at_s: float = 0.0

    def spend(self, now_s: float) -> bool:
        self.left = min(BURST, self.left + (now_s - self.at_s) / REFILL_S)
        self.at_s = now_s
        if self.left < 1:
            return False
        self.left -= 1
        return True


class OrderBook:
    """Takes messages of known keys, hands their orders on, and says what each is to be answered.

    `handle` and `record` as in `ControlServer`; `later(waiting, answer)` is called from any thread, and brings
    both back to `answered` on the bus's own.
    """

    def __init__(
        self,
        handle: Handler,
        record: Callable[[Fact], None],
        later: Callable[[Waiting, Answer], None],
    ) -> None:
        self._handle, self._record, self._later = handle, record, later
        self._nonces: dict[str, OrderedDict[str, float]] = {}
        self._allowed: dict[tuple[str, bool], _Allowance] = {}
        self._waiting: set[Waiting] = set()

    def take(self, client: bytes, payload: bytes, grant: Grant, now_s: float) -> bytes | None:
        """The answer, or None while it is not there yet. What has no effect and no verb of ours is not journalled."""
        request_id, asked = decode(payload, f"bus-{grant.name}")
        if isinstance(asked, Rejected):
            return _line(request_id, asked)
        if asked.order is None:
            return _line(request_id, Done({NONCE: self._new_nonce(grant.public, now_s), "lives_s": NONCE_S}))
        order, refused = self._judged(asked.order, asked.nonce, grant, now_s)
        if refused is not None:
            return _line(request_id, refused)
        return self._handed_on(Waiting(client, request_id, grant.public, order))

    def answered(self, waiting: Waiting, answer: Answer) -> bytes | None:
        """What to tell its client; nothing when it was told already. What nobody else journals is journalled."""
        verb, done = waiting.order.verb, isinstance(answer, Done)
        if verb not in WRITTEN and not (done and verb == "change_facts"):
            self._note(waiting.order, Reason.OK if done else Reason.NOT_NOW)
        if waiting not in self._waiting:
            return None
        self._waiting.discard(waiting)
        return _line(waiting.request_id, answer)

    def expired(self, now_s: float) -> list[tuple[Waiting, bytes]]:
        """Who waited long enough, and what to tell them."""
        late = [each for each in self._waiting if each.order.deadline_s <= now_s]
        self._waiting.difference_update(late)
        rejected = Rejected(Rejection.EXPIRED, "no outcome in time; ask for the status")
        return [(each, _line(each.request_id, rejected)) for each in late]

    def forget_clients(self) -> None:
        """Every connection has ended. What was ordered goes on."""
        self._waiting.clear()

    @property
    def next_deadline_s(self) -> float | None:
        return min((each.order.deadline_s for each in self._waiting), default=None)

    # ---------------------------------------------------------------- judging

    def _judged(self, order: Order, nonce: str, grant: Grant, now_s: float) -> tuple[Order, Rejected | None]:
        """The order with its deadline, and why it is not to be done."""
        issued_s = self._nonces.get(grant.public, OrderedDict()).pop(nonce, None)
        permission, urgent = needed(order.verb), order.verb in URGENT
        allowed = self._allowed.setdefault((grant.public, urgent), _Allowance(at_s=now_s))
        if order.verb in ORDERS.words and not allowed.spend(now_s):
            why = f"more than {BURST} orders at once, and one each {REFILL_S:g} s after that; wait"
            return order, Rejected(Rejection.UNAVAILABLE, why)
        reason, refused = Reason.OK, None
        if permission is None or permission not in grant.may:
            wanted = "is never taken over the bus" if permission is None else f"wants a key that may {permission.value}"
            reason, refused = Reason.NOT_PERMITTED, Rejected(Rejection.NOT_PERMITTED, f"{order.verb} {wanted}")
        elif issued_s is None or issued_s + NONCE_S <= now_s:
            why = "its nonce was used, is too old, or is not one of ours for this key; ask for another"
            reason, refused = Reason.ORDER_REPLAYED, Rejected(Rejection.REPLAYED, why)
        else:
            order = dataclasses.replace(order, deadline_s=issued_s + order.deadline_s)
            if order.deadline_s <= now_s:
                reason, refused = Reason.ORDER_EXPIRED, Rejected(Rejection.EXPIRED, "it had expired when it came")
            elif not urgent and sum(each.key == grant.public for each in self._waiting) >= PENDING:
                why = f"{PENDING} orders of this key wait for their answers"
                reason, refused = Reason.NOT_NOW, Rejected(Rejection.UNAVAILABLE, why)
        if refused is not None:
            self._note(order, reason)
        return order, refused

    def _note(self, order: Order, reason: Reason) -> None:
        """Who only asked changed nothing, and is not written down."""
        if order.verb in ORDERS.words:
            fields = (("verb", order.verb), ("by", order.by), ("accepted", reason is Reason.OK), ("reason", reason))
            self._record(Fact(FactKind.OPERATOR_ORDERED, None, fields + noted(order)))

    def _new_nonce(self, public: str, now_s: float) -> str:
        given = self._nonces.setdefault(public, OrderedDict())
        nonce = secrets.token_hex(16)
        given[nonce] = now_s
        while len(given) > NONCES:
            given.popitem(last=False)
        return nonce

    def _handed_on(self, waiting: Waiting) -> bytes | None:
        self._waiting.add(waiting)
        try:
            self._handle(waiting.order, lambda answer: self._later(waiting, answer))
        except GateError as error:
            return self.answered(waiting, Rejected.by(error))
        except Exception as error:  # noqa: BLE001  one order must not take the bus from all others
            return self.answered(waiting, Rejected(Rejection.FAILED, f"{type(error).__name__}: {error}"))
        return None


def permissions() -> dict[str, Permission | None]:
    """What each verb wants, for the documentation."""
    return {verb: needed(verb) for verb in sorted(VERBS | {NONCE})}


def _line(request_id: RequestId, answer: Answer) -> bytes:
    return line_of(request_id, answer).rstrip(b"\n")
