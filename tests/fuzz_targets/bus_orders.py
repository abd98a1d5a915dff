"""Orders over the bus: what a client with a key may send, and what it is answered."""

import json
from collections.abc import Callable

from gatefw.bus_keys import Grant, Permission
from gatefw.bus_orders import Asked, OrderBook, decode, needed
from gatefw.control import Done, Rejected
from gatefw.model import Fact

_NONCE = "5f" * 16
_READ = json.dumps({"id": 3, "verb": "status", "nonce": _NONCE}).encode()
_SEEDS = [
    b'{"id": 1, "verb": "nonce"}',
    json.dumps({"id": 2, "verb": "close", "nonce": _NONCE, "args": {}, "expires_s": 5, "expects": "idle"}).encode(),
    _READ,
    json.dumps({"id": "a", "verb": "enrol", "nonce": _NONCE, "args": {"tokens": ["x"], "photos": ["/p"]}}).encode(),
]
_READER = Grant("reader", "." * 40, frozenset((Permission.READ,)))


def _order(pieces: list[bytes]) -> None:
    payload = b"".join(pieces)
    request_id, asked = decode(payload, "bus-reader")
    if isinstance(asked, Rejected):
        return
    assert isinstance(asked, Asked) and request_id is not None
    if asked.order is not None:
        assert asked.order.by == "bus-reader" and 0 < asked.order.deadline_s <= 3600.0


def _desk(pieces: list[bytes]) -> None:
    """Each piece is a message of somebody who may read, and has a good nonce. Whatever they say changes nothing."""
    facts: list[Fact] = []
    waiting: list[bytes | None] = []
    book = OrderBook(
        lambda order, reply: reply(Done({"verb": order.verb})),
        facts.append,
        lambda asked, answer: waiting.append(book.answered(asked, answer)),
    )
    for number, piece in enumerate(pieces):
        given = json.loads(book.take(b"client", _SEEDS[0], _READER, float(number)) or b"")["result"]["nonce"]
        line = book.take(b"client", piece.replace(_NONCE.encode(), given.encode()), _READER, float(number))
        told = json.loads(line or waiting.pop() or b"")
        if told["ok"] and "verb" in told["result"]:
            assert needed(told["result"]["verb"]) is Permission.READ, "an order was taken that the key may not give"
    assert len(facts) <= len(pieces)


TARGETS: dict[str, Callable[[list[bytes]], None]] = {"bus order": _order, "bus order desk": _desk}
SEEDS: dict[str, list[bytes]] = {"bus order": _SEEDS, "bus order desk": _SEEDS}
