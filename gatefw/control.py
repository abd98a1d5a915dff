"""The command socket: operators' orders in, their outcome out. Its file is 0600, so the system says who may order.

One JSON object a line, at most 64 KiB, both ways:

    {"id": 7, "verb": "open", "args": {}, "expires_s": 5, "expects": "out_of_service"}
    {"id": 7, "ok": true, "result": {...}}
    {"id": 7, "ok": false, "error": "expired", "message": "..."}

`args`, `expires_s` (10) and `expects` may be left out. Every request gets exactly one answer, as soon as it is ready:
the outcome, or `expired` once its time is over, whatever happens to it then. `error` is one of `Rejection`.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from gatefw import unix_socket, wire_json
from gatefw.errors import BadReply, DeviceLost, GateError, Refusal, system_words
from gatefw.events import ORDERS
from gatefw.model import Phase

CLEAR, RELOAD, EDGES = "clear_by_hand", "reload", "edges"
SILENT_ALARM, ACKNOWLEDGE, CASE = "silent_alarm", "acknowledge", "case"
VERBS = frozenset((*ORDERS.words, "status", "subjects", "partitions", "devices", "cameras", "keys", EDGES))
EXPIRES_S = 10.0
LONGEST_S = 3600.0
CONNECTIONS = 16
PENDING = 8  # orders of one connection that wait for their answers
ANSWER_BYTES = 16 * 1024 * 1024
_FIELDS = frozenset(("id", "verb", "args", "expires_s", "expects"))


class Rejection(StrEnum):
    """Why an order had no effect."""

    MALFORMED = "malformed"  # not a request
    OVERSIZE = "oversize"  # a line beyond the limit; the connection is closed
    UNKNOWN_VERB = "unknown_verb"
    EXPIRED = "expired"  # no outcome in time
    NOT_PERMITTED = "not_permitted"  # over the bus: the key may not do that
    REPLAYED = "replayed"  # over the bus: its nonce is not good, or not any more
    REFUSED = "refused"  # understood and not done: the message says why
    UNAVAILABLE = "unavailable"  # the daemon is ending, or has too many connections
    FAILED = "failed"  # the daemon could not do it, through no fault of the request


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done. `deadline_s` is monotonic.

    by: `uid-<number>`, told by the kernel, or `bus-<name of the key>`.
    """

    verb: str
    args: Mapping[str, Any]
    by: str
    expects: Phase | None
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Done:
    result: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    error: Rejection
    message: str

    @classmethod
    def by(cls, error: GateError) -> "Rejected":
        """What an error tells who ordered: a refusal as one, everything else as our failure."""
        return cls(Rejection.REFUSED if isinstance(error, Refusal) else Rejection.FAILED, str(error))


Answer = Done | Rejected
RequestId = int | str | None
Handler = Callable[[Order, Callable[[Answer], None]], None]


def parse(line: bytes, by: str, now_s: float) -> tuple[RequestId, Order | Rejected]:
    """The request in `line`, or why it is none, with its id when it has one."""
    try:
        message = wire_json.decode(line)
    except BadReply as error:
        return None, Rejected(Rejection.MALFORMED, str(error))
    request_id = request_id_of(message)
    if request_id is None:
        return None, Rejected(Rejection.MALFORMED, "id: a number or a text of at most 64 characters is wanted")
    return request_id, understand(message, by, now_s)


def request_id_of(message: Mapping[str, Any]) -> RequestId:
    """Its id, None where that is none."""
    request_id = message.get("id")
    return request_id if type(request_id) in (int, str) and len(str(request_id)) <= 64 else None


def understand(message: Mapping[str, Any], by: str, now_s: float) -> Order | Rejected:
    """The order in a decoded request, whose id was looked at."""
    verb, args, expires_s = message.get("verb"), message.get("args", {}), message.get("expires_s", EXPIRES_S)
    expects = message.get("expects")
    if unknown := message.keys() - _FIELDS:
        return Rejected(Rejection.MALFORMED, f"fields are {', '.join(sorted(_FIELDS))}; {len(unknown)} do not belong")
    if not isinstance(verb, str) or verb not in VERBS:
        return Rejected(Rejection.UNKNOWN_VERB, f"verb is one of {', '.join(sorted(VERBS))}")
    if not isinstance(args, dict):
        return Rejected(Rejection.MALFORMED, "args: an object is wanted")
    if type(expires_s) not in (int, float) or not -LONGEST_S <= expires_s <= LONGEST_S:
        return Rejected(Rejection.MALFORMED, f"expires_s: seconds from now are wanted, at most {LONGEST_S:.0f}")
    if expects is not None and expects not in list(Phase):
        return Rejected(Rejection.MALFORMED, f"expects is a phase: {', '.join(Phase)}")
    if expires_s <= 0:
        return Rejected(Rejection.EXPIRED, "it had expired when it came")
    return Order(verb, args, by, None if expects is None else Phase(expects), now_s + expires_s)


def line_of(request_id: RequestId, answer: Answer) -> bytes:
    """The answer as it goes over the socket."""
    match answer:
        case Done(result):
            try:
                return wire_json.encode({"id": request_id, "ok": True, "result": dict(result)})
            except (TypeError, ValueError) as error:
                return line_of(request_id, Rejected(Rejection.FAILED, f"the outcome cannot be told: {error}"))
        case Rejected(why, message):
            return wire_json.encode({"id": request_id, "ok": False, "error": why.value, "message": message})


# ---------------------------------------------------------------- the client


def call(
    path: Path,
    verb: str,
    args: Mapping[str, object] | None = None,
    timeout_s: float = EXPIRES_S,
    expects: Phase | None = None,
) -> dict[str, Any]:
    """Give one order to the daemon at `path` and return its result; the order expires with `timeout_s`.

    Raises Refusal (the daemon said no: the message is its own), DeviceLost (nobody answers there, or not in time),
    BadReply (something else answers), SetupError (the path cannot be a socket's).
    """
    request = {"id": 1, "verb": verb, "args": dict(args or {}), "expires_s": timeout_s}
    if expects is not None:
        request["expects"] = expects.value
    line = wire_json.encode(request)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.settimeout(timeout_s + 1.0)  # the daemon's own "expired" says more than our silence
            sock.connect(unix_socket.checked(path))
            sock.sendall(line)
            answer = wire_json.decode(_receive(sock, path))
        except PermissionError as error:
            raise DeviceLost(f"gatefw at {path}: {verb} is not for this user to ask: {system_words(error)}") from error
        except OSError as error:
            raise DeviceLost(
                f"gatefw at {path}: {verb} got no answer: {error.strerror or error}; is `gatefw run` running there?"
            ) from error
    return outcome(answer, verb, str(path))


def outcome(answer: Mapping[str, Any], verb: str, where: str) -> dict[str, Any]:
    """The result in an answer. Raises Refusal (the daemon said no: the message is its own), BadReply."""
    match answer:
        case {"ok": True, "result": dict(result)}:
            return result
        case {"ok": False, "error": error, "message": message}:
            raise Refusal(f"{verb}: {error}: {message}")
    raise BadReply(f"gatefw at {where}: its answer to {verb} is neither ok nor an error; is it another version?")


def _receive(sock: socket.socket, path: Path) -> bytes:
    lines = wire_json.Lines(ANSWER_BYTES)
    while chunk := sock.recv(64 * 1024):
        for line in lines.feed(chunk):
            return line
    raise DeviceLost(f"gatefw at {path}: closed the connection without an answer; ask for the status")
