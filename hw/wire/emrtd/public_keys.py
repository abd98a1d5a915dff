"""A chip's own public key, as DG14 and DG15 hold it (SubjectPublicKeyInfo, RFC 5280; BSI TR-03111 for explicit curves).

Read here and not by a library: half of the documents in use write their curve out number by number.
"""

from dataclasses import dataclass, field

from hw.wire.emrtd.curves import STANDARDISED, Curve, Point
from hw.wire.emrtd.refusal import ChipRefused, Why, unreadable
from hw.wire.emrtd.tlv import Object, number, objects, only

_RSA, _EC = bytes.fromhex("2A864886F70D010101"), bytes.fromhex("2A8648CE3D0201")
_PRIME_FIELD = bytes.fromhex("2A8648CE3D0101")
_STANDARDISED_DOMAIN = bytes.fromhex("04007F00070102")
_NAMED = {
    bytes.fromhex("2B81040021"): 10,
    bytes.fromhex("2A8648CE3D030107"): 12,
    bytes.fromhex("2B2403030208010107"): 13,
    bytes.fromhex("2B81040022"): 15,
    bytes.fromhex("2B240303020801010B"): 16,
    bytes.fromhex("2B240303020801010D"): 17,
    bytes.fromhex("2B81040023"): 18,
}
MIN_RSA_BITS, MAX_RSA_BITS = 1024, 4096

SEQUENCE, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x30, 0x02, 0x03, 0x04, 0x06


@dataclass(frozen=True, slots=True)
class EcKey:
    curve: Curve
    point: Point = field(repr=False)


@dataclass(frozen=True, slots=True)
class RsaKey:
    modulus: int = field(repr=False)
    exponent: int = field(repr=False)

    @property
    def size_bytes(self) -> int:
        return (self.modulus.bit_length() + 7) // 8


def unsupported(message: str) -> ChipRefused:
    return ChipRefused(Why.UNSUPPORTED, message)


def public_key(info: bytes) -> EcKey | RsaKey:
    """The key of a SubjectPublicKeyInfo. Raises ChipRefused: malformed, or of a kind that is not done."""
    match objects(only(info, SEQUENCE)):
        case [Object(tag=0x30) as algorithm, Object(tag=0x03) as bits] if bits.value[:1] == b"\x00":
            encoded = bits.value[1:]
        case _:
            raise unreadable("a public key that is not an algorithm and a whole number of bytes")
    match objects(algorithm.value):
        case [Object(tag=0x06, value=name), *_] if name == _RSA:
            return _rsa(encoded)
        case [Object(tag=0x06, value=name), parameters] if name in (_EC, _STANDARDISED_DOMAIN):
            curve = _curve(parameters)
            return EcKey(curve, curve.decode(encoded))
    raise unsupported("a public key that is neither RSA nor on an elliptic curve")


def _rsa(encoded: bytes) -> RsaKey:
    parts = objects(only(encoded, SEQUENCE))
    if len(parts) != 2:
        raise unreadable("an RSA key that is not a modulus and an exponent")
    modulus, exponent = (number(part) for part in parts)
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS or not modulus & 1:
        raise unsupported(f"an RSA key of {modulus.bit_length()} bits: from {MIN_RSA_BITS} to {MAX_RSA_BITS} are taken")
    if not 3 <= exponent < 2**32 or not exponent & 1:
        raise unsupported("an RSA key whose exponent is even, too small or longer than 32 bits")
    return RsaKey(modulus, exponent)


def _curve(parameters: Object) -> Curve:
    """A curve by its name, by its number, or written out; written out it must be one of ours to the last bit."""
    if parameters.tag == OID and parameters.value in _NAMED:
        return STANDARDISED[_NAMED[parameters.value]]
    if parameters.tag == INTEGER and (curve := STANDARDISED.get(number(parameters))):
        return curve
    if parameters.tag == SEQUENCE:
        return _explicit(parameters.value)
    raise unsupported("a public key on a curve that is not done")


def _explicit(value: bytes) -> Curve:
    match objects(value):
        case [version, Object(tag=0x30) as field_, Object(tag=0x30) as equation, base, order, *cofactor]:
            pass
        case _:
            raise unreadable("a curve that is not written as version, field, equation, base and order")
    match objects(field_.value):
        case [Object(tag=0x06, value=kind), prime] if kind == _PRIME_FIELD:
            pass
        case _:
            raise unsupported("a curve over another field than a prime one")
    match objects(equation.value):
        case [Object(tag=0x04) as a, Object(tag=0x04) as b, *_] if base.tag == OCTET_STRING and number(version) == 1:
            numbers = number(prime), int.from_bytes(a.value, "big"), int.from_bytes(b.value, "big"), number(order)
        case _:
            raise unreadable("a curve whose equation or base is not written as bytes")
    if any(number(item) != 1 for item in cofactor):
        raise unsupported("a curve with a cofactor")
    for curve in STANDARDISED.values():
        if numbers == (curve.prime, curve.a % curve.prime, curve.b, curve.order):
            if curve.decode(base.value) == curve.generator:
                return curve
            break
    raise unsupported("a curve, written out, that is none of those that are done")
