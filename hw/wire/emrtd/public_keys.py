"""A chip's own public key, as DG14 and DG15 hold it (SubjectPublicKeyInfo, RFC 5280; ICAO 9303-11, 9.4.4).

Read here and not by a library: half of the documents in use write their curve out number by number. Such a curve must
be one of ours to the last bit, its base point too.
"""

from dataclasses import dataclass, field

from hw.wire import der
from hw.wire.certificate import Algorithm, algorithm
from hw.wire.der import BIT_STRING, INTEGER, OBJECT_ID, OCTET_STRING, SEQUENCE, Items
from hw.wire.emrtd.curves import STANDARDISED, Curve, Point
from hw.wire.emrtd.refusal import unsupported

_RSA, _EC, _STANDARDISED_DOMAIN = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "0.4.0.127.0.7.1.2"
_PRIME_FIELD = "1.2.840.10045.1.1"
_NAMED = {
    "1.3.132.0.33": 10,
    "1.2.840.10045.3.1.7": 12,
    "1.3.36.3.3.2.8.1.1.7": 13,
    "1.3.132.0.34": 15,
    "1.3.36.3.3.2.8.1.1.11": 16,
    "1.3.36.3.3.2.8.1.1.13": 17,
    "1.3.132.0.35": 18,
}
RSA_BITS = range(1024, 4097)
_RSA_EXPONENTS = range(3, 2**32, 2)


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


def public_key(info: bytes) -> EcKey | RsaKey:
    """The key of a SubjectPublicKeyInfo. Raises Malformed, ChipRefused (of a kind that is not done)."""
    parts = Items(der.only(info, SEQUENCE))
    kind, encoded = algorithm(parts.take(SEQUENCE)), der.bits(parts.take(BIT_STRING))
    parts.end()
    if kind.name == _RSA:
        return _rsa(encoded)
    if kind.name in (_EC, _STANDARDISED_DOMAIN):
        curve = _curve(kind)
        return EcKey(curve, curve.decode(encoded))
    raise unsupported(f"a public key of kind {kind.name}: RSA and elliptic curves are done")


def _rsa(encoded: bytes) -> RsaKey:
    parts = Items(der.only(encoded, SEQUENCE))
    modulus, exponent = der.integer(parts.take(INTEGER)), der.integer(parts.take(INTEGER))
    parts.end()
    if modulus < 0 or modulus.bit_length() not in RSA_BITS or modulus % 2 == 0:
        raise unsupported(
            f"an RSA key of {modulus.bit_length()} bits: {RSA_BITS.start} to {RSA_BITS.stop - 1} are taken"
        )
    if exponent not in _RSA_EXPONENTS:
        raise unsupported("an RSA key whose exponent is even, too small or longer than 32 bits")
    return RsaKey(modulus, exponent)


def _curve(kind: Algorithm) -> Curve:
    """A curve by its name, by its number, or written out."""
    parameters = der.read(kind.parameters)
    number = None
    if kind.name == _STANDARDISED_DOMAIN:
        number = der.integer(parameters)
    elif parameters.tag == OBJECT_ID:
        number = _NAMED.get(der.object_id(parameters))
    elif parameters.tag == SEQUENCE:
        return _written_out(Items(parameters))
    if number not in STANDARDISED:
        raise unsupported("a public key on a curve that is not done")
    return STANDARDISED[number]


def _written_out(parts: Items) -> Curve:
    parts.take(INTEGER)  # version
    kind, equation = Items(parts.take(SEQUENCE)), Items(parts.take(SEQUENCE))
    base, order = parts.take(OCTET_STRING).value, der.integer(parts.take(INTEGER))
    if der.object_id(kind.take(OBJECT_ID)) != _PRIME_FIELD:
        raise unsupported("a curve over another field than a prime one")
    prime = der.integer(kind.take(INTEGER))
    a, b = (int.from_bytes(equation.take(OCTET_STRING).value, "big") for _ in range(2))
    for curve in STANDARDISED.values():
        if (prime, a, order) == (curve.prime, curve.a % curve.prime, curve.order) and b == curve.b:
            if base == curve.encode(curve.generator):
                return curve
            break
    raise unsupported("a curve, written out, that is none of those that are done")
