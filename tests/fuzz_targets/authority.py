"""What comes from an authority, and what comes to one: nothing is believed that nobody signed."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gatefw import authority_wire as wire
from gatefw.authority_wire import Addressee, Forged, Malformed, Sender, Word
from gatefw.errors import BadReply
from hw.authority_socket import Settings, SocketAuthority
from hw.sim.authority import AuthorityLine, SimulatedAuthority

_SIGNS = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
_SEALS = X25519PrivateKey.from_private_bytes(bytes([2]) * 32)
_LANE = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
_TO = Addressee("hong-kong", _SIGNS.public_key(), _SEALS.public_key())
_SENT = wire.hello(_TO, Sender("hetao", _LANE))
_ANSWER = wire.answer(_SENT.hash, Word.HERE, 1_900_000_000, _SIGNS)


def _answer(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    try:
        wire.named_in(data)
        said = wire.believe(data, _SENT, _TO.signs)
    except (Malformed, Forged):
        return
    assert said == wire.Said(Word.HERE, 1_900_000_000), "a word came out that nobody signed"


def _letter(chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    try:
        wire.read(data, "hong-kong", {"hetao": _LANE.public_key()})
    except (Malformed, Forged):
        return
    assert data == _SENT.message, "a letter was read that nobody signed"


def _line(chunks: list[bytes]) -> None:
    line = AuthorityLine(SimulatedAuthority("hong-kong", {}, lambda: 0.0))
    driver = SocketAuthority(Settings("memory:fuzz", "", "", ""), line)
    line._said = b"".join(chunks)
    try:
        while line._said:
            answer = driver.receive(0.0)
            assert answer is None or 0 < len(answer) <= 4096
    except BadReply:
        return


TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "authority's answer": _answer,
    "letter to an authority": _letter,
    "line to an authority": _line,
}
SEEDS: dict[str, list[bytes]] = {
    "authority's answer": [_ANSWER],
    "letter to an authority": [_SENT.message],
    "line to an authority": [len(_ANSWER).to_bytes(2, "big") + _ANSWER, b"\x00\x00"],
}
