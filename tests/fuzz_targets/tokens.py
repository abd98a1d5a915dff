"""Signed tokens: base45, CBOR and the token itself, each a text that somebody holds before a scanner."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatefw import base45, cbor, signed_token
from gatefw.model import Token
from gatefw.signed_token import Claims, Direction, Forged, Malformed

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_CLAIMS = Claims(
    "GATE1:ABCDEFGHIJKLMNOPQRSTUVWXYZ22", "lane-1", Direction.ARRIVAL, 1_800_000_000, 1_800_000_300, b"12345678"
)
_TEXT = signed_token.issue(_CLAIMS, "5f", _KEY)


def _cbor(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    try:
        value = cbor.decode(data)
    except cbor.NotCbor:
        return
    assert cbor.encode(value) == data, "two spellings of one value were read"


def _base45(chunks: list[bytes]) -> None:
    text = b"".join(chunks)
    try:
        data = base45.decode(text)
    except ValueError:
        return
    assert base45.encode(data) == text, "two spellings of the same bytes were read"


def _token(chunks: list[bytes]) -> None:
    text = b"".join(chunks)
    for payload in (text, signed_token.PREFIX + base45.encode(text)):
        try:
            signed = signed_token.read(Token(payload), {"5f": _KEY.public_key()})
        except (Malformed, Forged):
            continue
        assert signed.claims == _CLAIMS, "claims came out that nobody signed"


TARGETS: dict[str, Callable[[list[bytes]], None]] = {"cbor": _cbor, "base45": _base45, "signed token": _token}
SEEDS: dict[str, list[bytes]] = {
    "cbor": [base45.decode(_TEXT[4:]), cbor.encode({2: "text", 3: b"bytes", 4: -7, -65537: (1, 2)})],
    "base45": [_TEXT[4:], b"%69 VD92EX0"],
    "signed token": [_TEXT, base45.decode(_TEXT[4:])],
}
