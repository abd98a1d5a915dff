"""What a signature needs of an X.509 certificate or revocation list, as the very bytes that were signed (RFC 5280).

Dates, extensions and lists of serial numbers are read by a library. Names, keys and algorithms are taken out here: the
libraries refuse keys whose curve is spelt out, and ICAO 9303-12 demands that issuers spell it out.
"""

from dataclasses import dataclass, field

from hw.wire import der
from hw.wire.der import BIT_STRING, CONTEXT_0, INTEGER, OBJECT_ID, SEQUENCE, Items


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An AlgorithmIdentifier: dotted object identifier, and its parameters still encoded (empty: there are none)."""

    name: str
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate or a revocation list: `body` is what `signature` is over."""

    body: der.Element = field(repr=False)
    algorithm: Algorithm
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose certificate this is. Names are encoded Names; `key` is an encoded SubjectPublicKeyInfo."""

    serial: int
    issuer: bytes = field(repr=False)
    name: bytes = field(repr=False)
    key: bytes = field(repr=False)


def algorithm(element: der.Element) -> Algorithm:
    """An AlgorithmIdentifier. Raises Malformed."""
    parts = Items(element)
    name = der.object_id(parts.take(OBJECT_ID))
    parameters = parts.take_any().encoded if parts.left else b""
    parts.end()
    return Algorithm(name, parameters)


def signed(data: bytes) -> Signed:
    """The three parts of everything that is signed in X.509. Raises Malformed."""
    parts = Items(der.only(data, SEQUENCE))
    found = Signed(parts.take(SEQUENCE), algorithm(parts.take(SEQUENCE)), der.bits(parts.take(BIT_STRING)))
    parts.end()
    return found


def subject(certificate: Signed) -> Subject:
    """Serial number, names and key in a certificate's body. Raises Malformed."""
    parts = Items(certificate.body)
    parts.take_if(CONTEXT_0)  # version
    serial = der.integer(parts.take(INTEGER))
    inner = algorithm(parts.take(SEQUENCE))
    issuer, _validity, name, key = (parts.take(SEQUENCE).encoded for _ in range(4))
    if inner != certificate.algorithm:
        raise der.Malformed("a certificate names two signature algorithms")
    if serial <= 0:
        raise der.Malformed("a certificate has no serial number of its own (RFC 5280, 4.1.2.2)")
    return Subject(serial, issuer, name, key)
