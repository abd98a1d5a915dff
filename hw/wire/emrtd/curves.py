"""Elliptic curves: the key agreements of PACE and Chip Authentication (ICAO 9303-11, 9.5 and 9.6; BSI TR-03111).

Every multiplication of a point by a secret is OpenSSL's, in constant time; what is done here are sums of two points.
OpenSSL's key agreement gives the abscissa of a product alone. For the last step that is all one needs; where the
ordinate matters, a second product, one larger, tells which of the two points it is.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from hw.wire.emrtd.refusal import unreadable

Point = tuple[int, int]

_NIST_P224 = 2**224 - 2**96 + 1
_NIST_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_NIST_P384 = 2**384 - 2**128 - 2**96 + 2**32 - 1
_NIST_P521 = 2**521 - 1


@dataclass(frozen=True)
class Curve:
    """y² = x³ + ax + b modulo `prime`; its generator has the prime order `order`. b and the generator are OpenSSL's."""

    named: ec.EllipticCurve
    prime: int
    a: int
    order: int

    @property
    def coordinate_bytes(self) -> int:
        return (self.prime.bit_length() + 7) // 8

    @property
    def generator(self) -> Point:
        return self.times_generator(1)

    @property
    def b(self) -> int:
        x, y = self.generator
        return (y * y - x * x * x - self.a * x) % self.prime

    def secret(self, chance: bytes) -> int:
        """A number from 2 to order - 2 out of at least eight bytes more than the order has: a bias below 2^-64."""
        return 2 + int.from_bytes(chance, "big") % (self.order - 3)

    @property
    def chance_bytes(self) -> int:
        """How many random bytes `secret` wants."""
        return (self.order.bit_length() + 7) // 8 + 8

    def encode(self, point: Point) -> bytes:
        """The point uncompressed: 04, x, y."""
        return b"\x04" + b"".join(part.to_bytes(self.coordinate_bytes, "big") for part in point)

    def decode(self, encoded: bytes) -> Point:
        """Raises ChipRefused: not an uncompressed point of this curve."""
        if encoded[:1] != b"\x04":
            raise unreadable("a public key that is not an uncompressed point")
        numbers = self._key(encoded).public_numbers()
        return numbers.x, numbers.y

    def public_key(self, point: Point) -> ec.EllipticCurvePublicKey:
        return self._key(self.encode(point))

    def times_generator(self, factor: int) -> Point:
        numbers = ec.derive_private_key(factor, self.named).public_key().public_numbers()
        return numbers.x, numbers.y

    def agree(self, secret: int, point: Point) -> bytes:
        """The abscissa of secret * point: what both ends of a Diffie-Hellman agreement have in common."""
        return ec.derive_private_key(secret, self.named).exchange(ec.ECDH(), self.public_key(point))

    def times(self, secret: int, point: Point) -> Point:
        """secret * point, both its coordinates; `secret` as `Curve.secret` makes it."""
        product = self.times_up_to_sign(secret, point)
        further = int.from_bytes(self.agree(secret + 1, point), "big")
        mirrored = product[0], self.prime - product[1]
        return product if self.add(product, point)[0] == further else mirrored

    def times_up_to_sign(self, secret: int, point: Point) -> Point:
        """secret * point or its negative: as good as it where only abscissae are agreed on."""
        numbers = self._key(b"\x02" + self.agree(secret, point)).public_numbers()
        return numbers.x, numbers.y

    def add(self, p: Point, q: Point) -> Point:
        """The sum of two points. Raises ChipRefused: it is the point at infinity."""
        if p[0] != q[0]:
            slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, self.prime)
        elif p[1] == q[1]:
            slope = (3 * p[0] * p[0] + self.a) * pow(2 * p[1], -1, self.prime)
        else:
            raise unreadable("a point at infinity")
        x = (slope * slope - p[0] - q[0]) % self.prime
        return x, (slope * (p[0] - x) - p[1]) % self.prime

    def _key(self, encoded: bytes) -> ec.EllipticCurvePublicKey:
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(self.named, encoded)
        except ValueError:
            raise unreadable(f"a public key that is no point of {self.named.name}") from None


def _h(text: str) -> int:
    return int(text.replace(" ", ""), 16)


P224 = Curve(ec.SECP224R1(), _NIST_P224, -3, _h("ffffffff ffffffff ffffffff ffff16a2 e0b8f03e 13dd2945 5c5c2a3d"))
P256 = Curve(ec.SECP256R1(), _NIST_P256, -3, _h("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"))
P384 = Curve(
    ec.SECP384R1(),
    _NIST_P384,
    -3,
    _h("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
)
P521 = Curve(
    ec.SECP521R1(),
    _NIST_P521,
    -3,
    _h(
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
    ),
)
BRAINPOOL_P256 = Curve(
    ec.BrainpoolP256R1(),
    _h("a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377"),
    _h("7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9"),
    _h("a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7"),
)
BRAINPOOL_P384 = Curve(
    ec.BrainpoolP384R1(),
    _h("8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53"),
    _h("7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826"),
    _h("8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565"),
)
BRAINPOOL_P512 = Curve(
    ec.BrainpoolP512R1(),
    _h(
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330871"
        "7d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3"
    ),
    _h(
        "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc"
        "2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca"
    ),
    _h(
        "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870"
        "553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069"
    ),
)

STANDARDISED = {
    10: P224,
    12: P256,
    13: BRAINPOOL_P256,
    15: P384,
    16: BRAINPOOL_P384,
    17: BRAINPOOL_P512,
    18: P521,
}
"""By their number in ICAO 9303-11, 9.5.1.

Not done: 0 to 2 (modular exponentiation; Python's is not in constant time), 8 and 9 (192 bits are too few), 11 and 14
(OpenSSL's Python binding does not have brainpoolP224r1 and brainpoolP320r1).
"""
