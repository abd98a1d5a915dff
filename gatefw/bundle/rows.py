"""A slice of the journal for support: every row written anew from its fields, as the schema allows them.

A row that does not come out byte for byte as it was journalled is left out by its number: a hand that wrote a name into
a journal writes none into a bundle.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from gatefw.errors import GateError
from gatefw.events import encode
from gatefw.journal_audit import named, opened
from gatefw.model import Fact, FactKind, RunId
from gatefw.wall_time import WallTime

MOST_ROWS = 20_000
TECHNICIANS = (
    FactKind.MAINTENANCE_STARTED,
    FactKind.MAINTENANCE_EXTENDED,
    FactKind.MAINTENANCE_ENDED,
    FactKind.COMMISSIONED,
)
"""Say by initials or badge who worked there, which is nobody's business outside of the site."""


def journal_slice(path: Path, since: datetime) -> bytes:
    """The newest MOST_ROWS rows that are not older, a line each. Raises StoreError."""
    since_ns = int(since.timestamp() * 1e9)
    query = "select n, at, body from event where at >= ? order by n desc limit ?"
    with named(path), contextlib.closing(opened(path)) as database:
        rows = database.execute(query, (since_ns, MOST_ROWS)).fetchall()
    return b"".join(line + b"\n" for line in _lines(reversed(rows)))


def _lines(rows: Iterator[tuple[int, int, bytes]]) -> Iterator[bytes]:
    for n, at_ns, body in rows:
        yield (
            _again(n, at_ns, body) or json.dumps({"sequence": n, "left_out": "not as this version writes it"}).encode()
        )


def _again(n: int, at_ns: int, body: bytes) -> bytes | None:
    """The row as its fields make it; None where that is not what stands there."""
    try:
        told = json.loads(body)
        kind = FactKind(told["type"].removeprefix("gatefw.").removesuffix(".v1"))
        fact = Fact(kind, RunId(told["run"]) if "run" in told else None, tuple(told["data"].items()))
        lane, at = told["source"].removeprefix("/gatefw/"), WallTime(at_ns, told["clockquality"] == "synchronised")
        again = encode(fact, lane, told["epoch"], n, at)
    except (AttributeError, GateError, KeyError, TypeError, ValueError):
        return None
    if again != body:
        return None
    return json.dumps(told | {"data": told["data"] | {"name": "..."}}).encode() if kind in TECHNICIANS else again
