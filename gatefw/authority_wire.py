"""What a lane and an authority say to each other: docs/authority.md in code, both ends of it.

A letter goes from the lane to one authority, signed by the lane, its contents in boxes for that authority. An answer is
signed by the authority over the hash of the whole letter, so that an answer to another letter is no answer to this one.
The answer to a query is sealed with a key that lay in the query: nobody on the way reads who is looked for.

Everything is deterministic CBOR. What does not fit raises Malformed, what is not signed by whom it should be Forged;
neither message repeats what was in it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gatefw import cbor
from gatefw.authority_seal import KEY_BYTES, NotSealed, seal, unseal

PROTOCOL = "gatefw-authority-1"
MOST_BYTES = 60_000
ID_BYTES, HASH_BYTES, SIGNATURE_BYTES, NONCE_BYTES = 16, 32, 64, 12
QUERY, TRAVELLER, PASSAGE = "query", "traveller", "passage"
"""What a box holds; part of the place it is bound to."""
_NAME_CHARS = 40
Contents = dict[str, str | int | bytes]


class Malformed(ValueError):
    """Not of the form of the protocol."""


class Forged(ValueError):
    """Of the right form, but not signed by whom it should be."""


class Kind(IntEnum):
    """What a letter wants."""

    HELLO = 0  # nothing but a signed answer: who is there?
    QUERY = 1
    RECORD = 2


class Word(IntEnum):
    """What an authority says."""

    HERE = 0
    CLEAR = 1
    HIT = 2
    USED_TWICE = 3
    REFUSED = 4
    RECEIVED = 5


ANSWERS = {
    Kind.HELLO: frozenset({Word.HERE}),
    Kind.QUERY: frozenset({Word.CLEAR, Word.HIT, Word.USED_TWICE, Word.REFUSED}),
    Kind.RECORD: frozenset({Word.RECEIVED}),
}
"""Which answers a letter can have."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """An authority as the lane file names it. `signs` its answers, `seals` what is for it alone."""

    name: str
    signs: Ed25519PublicKey
    seals: X25519PublicKey


@dataclass(frozen=True, slots=True)
class Sender:
    """A lane. Whoever has `key` can ask authorities in its name."""

    lane: str
    key: Ed25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """As it was read. `boxes` are still shut; `hash` is what an answer must name."""

    kind: Kind
    authority: str
    lane: str
    id: bytes
    boxes: tuple[bytes, ...] = field(repr=False)
    hash: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """A letter that waits for its answer. `answer_key` opens it; only a query has one."""

    kind: Kind
    message: bytes = field(repr=False)
    answer_key: bytes = field(default=b"", repr=False)

    @property
    def hash(self) -> bytes:
        return sha256(self.message).digest()


@dataclass(frozen=True, slots=True)
class Said:
    """An authority's word, signed; `at` is its own clock, whole seconds since 1970 UTC."""

    word: Word
    at: int


# ---------------------------------------------------------------- the lane's end


def new_id() -> bytes:
    """The random number of a letter."""
    return secrets.token_bytes(ID_BYTES)


def hello(to: Addressee, sender: Sender) -> Sent:
    return Sent(Kind.HELLO, _letter(Kind.HELLO, to, sender, new_id(), ()))


def query(to: Addressee, sender: Sender, contents: Contents) -> Sent:
    """A question about one passage, in a box; see docs/authority.md for what is in it."""
    number, answer_key = new_id(), secrets.token_bytes(KEY_BYTES)
    sealed = shut(contents | {"answer_key": answer_key}, QUERY, to, sender.lane, number)
    return Sent(Kind.QUERY, _letter(Kind.QUERY, to, sender, number, (sealed,)), answer_key)


def record(to: Addressee, sender: Sender, number: bytes, traveller: bytes, passage: bytes) -> Sent:
    """A clearance record, of two boxes that were shut at their own time: see `shut`."""
    return Sent(Kind.RECORD, _letter(Kind.RECORD, to, sender, number, (traveller, passage)))


def shut(contents: Contents, part: str, to: Addressee, lane: str, number: bytes) -> bytes:
    """A box for `to`, bound to the letter that it goes with."""
    return seal(cbor.encode(dict(contents.items())), to.seals, _place(part, to.name, lane, number))


def named_in(answer: bytes) -> bytes:
    """The hash of the letter that an answer claims to answer; nothing is believed yet. Raises Malformed."""
    return _answer(answer)[0]


def believe(answer: bytes, sent: Sent, by: Ed25519PublicKey) -> Said:
    """What the authority says to `sent`. Raises Malformed, Forged."""
    named, body = _answer(answer)
    if named != sent.hash:
        raise Malformed("the answer is to another letter")
    if sent.answer_key:
        try:
            cipher = ChaCha20Poly1305(sent.answer_key)
            body = cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], named)
        except (InvalidTag, ValueError):
            raise Forged("the answer was not sealed with the key of the question") from None
    match _decoded(body):
        case (int(number), int(at), bytes(signature)) if len(signature) == SIGNATURE_BYTES:
            pass
        case _:
            raise Malformed("an answer is a word, a time and a signature")
    _verify(by, signature, "answer", (named, number, at))
    if number not in ANSWERS[sent.kind]:
        raise Malformed(f"the word {number} is no answer to this letter")
    return Said(Word(number), at)


# ---------------------------------------------------------------- the authority's end


def read(message: bytes, authority: str, lanes: Mapping[str, Ed25519PublicKey]) -> Letter:
    """A letter of one of these lanes to this authority, signed. Raises Malformed, Forged."""
    match _decoded(message):
        case (str(protocol), int(kind), str(to), str(lane), bytes(number), tuple(boxes), bytes(signature)):
            pass
        case _:
            raise Malformed("a letter has seven parts")
    if protocol != PROTOCOL or to != authority or kind not in list(Kind):
        raise Malformed(f"wanted is a letter of {PROTOCOL} to {authority}")
    if len(number) != ID_BYTES or not all(isinstance(box, bytes) for box in boxes):
        raise Malformed("the number or the boxes of a letter are not what they should be")
    if lane not in lanes:
        raise Forged("the lane is not known here")
    _verify(lanes[lane], signature, "letter", (kind, to, lane, number, boxes))
    shut_boxes = tuple(box for box in boxes if isinstance(box, bytes))
    return Letter(Kind(kind), to, lane, number, shut_boxes, sha256(message).digest())


def opened(letter: Letter, index: int, part: str, key: X25519PrivateKey) -> Contents:
    """What is in one box of a letter. Raises Malformed."""
    try:
        content = unseal(letter.boxes[index], key, _place(part, letter.authority, letter.lane, letter.id))
    except (IndexError, NotSealed) as error:
        raise Malformed(f"the box {part} does not open") from error
    found = _decoded(content)
    if not isinstance(found, dict):
        raise Malformed(f"the box {part} holds no table")
    contents: Contents = {}
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str | int | bytes):
            raise Malformed(f"the box {part} holds something else than words and numbers")
        contents[name] = value
    return contents


def answer(to: bytes, word: int, at: int, key: Ed25519PrivateKey, answer_key: bytes = b"") -> bytes:
    """The signed answer to the letter with the hash `to`, sealed where the letter had a key for it."""
    body = cbor.encode((int(word), at, key.sign(_signed("answer", (to, int(word), at)))))
    if answer_key:
        nonce = secrets.token_bytes(NONCE_BYTES)
        body = nonce + ChaCha20Poly1305(answer_key).encrypt(nonce, body, to)
    return cbor.encode((PROTOCOL, to, body))


# ---------------------------------------------------------------- both


def _letter(kind: Kind, to: Addressee, sender: Sender, number: bytes, boxes: tuple[bytes, ...]) -> bytes:
    head: tuple[cbor.Value, ...] = (int(kind), to.name, sender.lane, number, boxes)
    return cbor.encode((PROTOCOL, *head, sender.key.sign(_signed("letter", head))))


def _place(part: str, authority: str, lane: str, number: bytes) -> bytes:
    return cbor.encode((PROTOCOL, part, authority, lane, number))


def _signed(what: str, values: tuple[cbor.Value, ...]) -> bytes:
    """What a signature is over. `what` keeps a letter from being taken for an answer."""
    return cbor.encode((PROTOCOL, what, values))


def _verify(key: Ed25519PublicKey, signature: bytes, what: str, values: tuple[cbor.Value, ...]) -> None:
    try:
        key.verify(signature, _signed(what, values))
    except InvalidSignature:
        raise Forged(f"the signature of the {what} is not that of who should have signed it") from None


def _answer(data: bytes) -> tuple[bytes, bytes]:
    match _decoded(data):
        case (str(protocol), bytes(named), bytes(body)) if protocol == PROTOCOL and len(named) == HASH_BYTES:
            return named, body
    raise Malformed(f"an answer of {PROTOCOL} names a letter")


def _decoded(data: bytes) -> cbor.Value:
    try:
        return cbor.decode(data, MOST_BYTES)
    except cbor.NotCbor as error:
        raise Malformed(str(error)) from None
