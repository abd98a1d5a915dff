"""A signed token: who may use which lane, in which direction, from when to when, once. Vouched for by an issuer.

    GW1: + base45( COSE_Sign1 (RFC 9052, tag 18), EdDSA over Ed25519 )
      protected header   1 algorithm: -8,  4 key id: 1 to 16 bytes; the unprotected header is empty
      claims (RFC 8392)  2 subject, text: the identifier that the traveller's record is found by
                         3 audience, text: the name of one lane
                         4 expires, 5 not before: whole seconds since 1970 UTC
                         7 id, 8 to 16 bytes: the token is used once
                         -65537 direction: 1 arrival, 2 departure (private use)

Exactly these, in deterministic CBOR: a claim more or less is malformed. The claims are looked at only after the
signature held. A QR code can be read over somebody's shoulder: this token is spent by its first use, and its subject
ought to be a random identifier and never a document number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gatefw import base45, cbor
from gatefw.model import Failed, Reason, Token

PREFIX = b"GW1:"
MAX_TEXT_BYTES = 640
SIGNATURE_BYTES = 64
KEY_BYTES = 32
ID_BYTES = range(8, 17)
LATEST_S = 1 << 33  # the year 2242
_SUBJECT = re.compile(r"[A-Z0-9:]{8,40}")
_LANE = re.compile(r"[a-z0-9][a-z0-9\-]{0,39}")
_COSE_SIGN1, _ALGORITHM, _KEY_ID, _EDDSA = 18, 1, 4, -8
_SUB, _AUD, _EXP, _NBF, _CTI, _DIRECTION = 2, 3, 4, 5, 7, -65537
_P = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = {0, 1, _P - 1, _P, _P + 1, _ORDER_8, _P - _ORDER_8}


class Direction(StrEnum):
    """Which way across the border a lane leads."""

    ARRIVAL = "arrival"
    DEPARTURE = "departure"


_DIRECTIONS = {1: Direction.ARRIVAL, 2: Direction.DEPARTURE}
_NUMBERS = {direction: number for number, direction in _DIRECTIONS.items()}


@dataclass(frozen=True, slots=True)
class Claims:
    """What an issuer vouches for. Times are whole seconds since 1970 UTC; it holds from `not_before` until `expires`,
    that second excluded."""

    subject: str = field(repr=False)
    lane: str
    direction: Direction
    not_before: int
    expires: int
    id: bytes = field(repr=False)

    @property
    def life_s(self) -> int:
        return self.expires - self.not_before


@dataclass(frozen=True, slots=True)
class Signed:
    """Claims with the id of the key that signed them."""

    key_id: str
    claims: Claims


Issuers = Mapping[str, Ed25519PublicKey]
"""Public keys by their key id (hex)."""


class Malformed(ValueError):
    """Not of the form above. The message names the place, never the content."""


class Forged(ValueError):
    """Of the right form, but not signed by an issuer whom this lane knows."""


def is_signed(token: Token) -> bool:
    """Whether this claims to be a signed token at all."""
    return token.payload.startswith(PREFIX)


def public_key(text: str) -> Ed25519PublicKey:
    """The key that 64 hex digits spell. Raises ValueError.

    A point of small order is refused (RFC 8032, 5.1.7 leaves it open): zeros, for one, a place holder that somebody
    forgot, would verify signatures that anybody can make.
    """
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError("64 hex digits are wanted, as `gatefw tokens new-issuer` prints them")
    raw = bytes.fromhex(text)
    if int.from_bytes(raw, "little") & (1 << 255) - 1 in _SMALL_ORDER:
        raise ValueError("anybody can sign for this key: it is a place holder, not a key")
    return Ed25519PublicKey.from_public_bytes(raw)


def issue(claims: Claims, key_id: str, key: Ed25519PrivateKey) -> bytes:
    """The text of a QR code. Raises Malformed for claims that no lane would read."""
    payload = cbor.encode(
        {
            _SUB: claims.subject,
            _AUD: claims.lane,
            _EXP: claims.expires,
            _NBF: claims.not_before,
            _CTI: claims.id,
            _DIRECTION: _NUMBERS[claims.direction],
        }
    )
    _claims(payload)
    protected = cbor.encode({_ALGORITHM: _EDDSA, _KEY_ID: bytes.fromhex(key_id)})
    signature = key.sign(_to_be_signed(protected, payload))
    return PREFIX + base45.encode(cbor.encode(cbor.Tagged(_COSE_SIGN1, (protected, {}, payload, signature))))


def read(token: Token, issuers: Issuers) -> Signed:
    """What an issuer signed, its form and signature checked and nothing else. Raises Malformed, Forged."""
    protected, payload, signature = _envelope(token)
    key_id = _key_id(protected)
    key = issuers.get(key_id)
    if key is None:
        raise Forged(f"no issuer of this lane has the key id {key_id}")
    try:
        key.verify(signature, _to_be_signed(protected, payload))
    except InvalidSignature:
        raise Forged(f"the signature is not that of the issuer {key_id}") from None
    return Signed(key_id, _claims(payload))


def failure(error: Malformed | Forged) -> Failed:
    return Failed(Reason.TOKEN_FORGED if isinstance(error, Forged) else Reason.TOKEN_MALFORMED)


def _envelope(token: Token) -> tuple[bytes, bytes, bytes]:
    """Protected header, claims and signature, as the bytes they are."""
    if token.symbology and not token.symbology.startswith("]Q"):
        raise Malformed("a signed token comes as a QR code")
    if len(token.payload) > MAX_TEXT_BYTES or not is_signed(token):
        raise Malformed(f"wanted is GW1: and base45, at most {MAX_TEXT_BYTES} characters")
    try:
        outer = cbor.decode(base45.decode(token.payload[len(PREFIX) :]))
    except ValueError as error:
        raise Malformed(str(error)) from None
    match outer:
        case cbor.Tagged(18, (bytes(protected), dict(unprotected), bytes(payload), bytes(signature))):
            if not unprotected and len(signature) == SIGNATURE_BYTES:
                return protected, payload, signature
    raise Malformed("wanted is COSE_Sign1 with an empty unprotected header and 64 bytes of signature")


def _key_id(protected: bytes) -> str:
    header = _map(protected, "protected header", {_ALGORITHM, _KEY_ID})
    key_id = header[_KEY_ID]
    if header[_ALGORITHM] != _EDDSA or not isinstance(key_id, bytes) or not 1 <= len(key_id) <= 16:
        raise Malformed("protected header: wanted are EdDSA and a key id of 1 to 16 bytes")
    return key_id.hex()


def _claims(payload: bytes) -> Claims:
    order = (_SUB, _AUD, _EXP, _NBF, _CTI, _DIRECTION)
    found = _map(payload, "claims", set(order))
    match tuple(found[key] for key in order):
        case (str(subject), str(lane), int(expires), int(not_before), bytes(id_), int(way)):
            times = 0 <= not_before < expires < LATEST_S
            texts = _SUBJECT.fullmatch(subject) and _LANE.fullmatch(lane)
            if times and texts and len(id_) in ID_BYTES and way in _DIRECTIONS:
                return Claims(subject, lane, _DIRECTIONS[way], not_before, expires, id_)
    raise Malformed("claims: one of them is not of its kind or out of its bounds")


def _map(spelt: bytes, what: str, keys: set[int]) -> dict[cbor.Value, cbor.Value]:
    try:
        found = cbor.decode(spelt)
    except cbor.NotCbor as error:
        raise Malformed(f"{what}: {error}") from None
    if not isinstance(found, dict) or found.keys() != keys:
        raise Malformed(f"{what}: wanted are exactly the keys {', '.join(map(str, sorted(keys)))}")
    return found


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Sig_structure of RFC 9052, 4.4, without external data."""
    return cbor.encode(("Signature1", protected, b"", payload))
