"""What a signed token costs: to read and judge it, and to use it up on the disk before anything follows.

`verify`, a peer: one Ed25519 verification of as many bytes, no reading. `read`: base45, CBOR, signature, claims.
`take`: the same, judged, and its use committed and synced; `sync`, its other peer, is 4 KiB written and synced. All on
the disk where the state is. A lane does one `take` for each traveller.

Seen in November 2026 on two shared, noisy x86-64 cores and a disk that synced in 2 ms: verify 0.11 ms, read 0.20 ms,
take 2.5 to 3.1 ms; 259 characters in the QR code, 53 modules square at error correction M.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.harness import Row, rotate, row, timed
from gatefw import signed_token
from gatefw.model import Failed, Token
from gatefw.seen_tokens import SeenTokens
from gatefw.signed_token import Claims, Direction
from gatefw.state import state_dir
from gatefw.token_check import TokenCheck, TokenTerms
from gatefw.wall_time import WallTime

ROUNDS = 30
CALLS = 20
NOW = 1_800_000_000
KEY = Ed25519PrivateKey.generate()
LANE = "contactless-e-channel"


def run(rounds: int) -> list[Row]:
    """A row for each way. Raises StoreError when the state directory cannot be used."""
    token, issuers, public = _token(), {"5f1c09d2": KEY.public_key()}, KEY.public_key()
    message = bytes(110)
    signature = KEY.sign(message)
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=state_dir())))
        seen = stack.enter_context(closing(SeenTokens(state / "tokens.sqlite")))
        file = os.open(state / "sync", os.O_CREAT | os.O_WRONLY, 0o600)
        stack.callback(os.close, file)
        terms = TokenTerms(LANE, Direction.ARRIVAL, issuers)
        check = TokenCheck(terms, seen, lambda: WallTime(NOW * 1_000_000_000, synchronised=True))
        fresh = _tokens(rounds * CALLS)
        samples = rotate(
            {
                "verify": timed(lambda: public.verify(signature, message), CALLS),
                "sync": timed(lambda: _sync(file), CALLS),
                "read": timed(lambda: signed_token.read(token, issuers), CALLS),
                "take": timed(lambda: _take(check, next(fresh)), CALLS),
            },
            rounds,
        )
    note = f"{len(token.payload)} characters in the QR code"
    peers = {"read": ("verify",), "take": ("read", "sync")}
    return [row(samples, each, "ms", 1e3, peers.get(each, ()), note if each == "read" else "") for each in samples]


def _token() -> Token:
    identifier = "GATE1:ABCDEFGHIJKLMNOPQRSTUVWXYZ22"
    claims = Claims(identifier, LANE, Direction.ARRIVAL, NOW, NOW + 300, secrets.token_bytes(8))
    return Token(signed_token.issue(claims, "5f1c09d2", KEY))


def _tokens(count: int) -> Iterator[Token]:
    """Made before, so that signing them is not measured."""
    return iter([_token() for _ in range(count)])


def _take(check: TokenCheck, token: Token) -> None:
    taken = check.take(token)
    assert not isinstance(taken, Failed), taken.reason


def _sync(file: int) -> None:
    os.pwrite(file, bytes(4096), 0)
    os.fsync(file)
