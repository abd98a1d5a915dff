"""Which signatures are worth anything: the allow-list of algorithms, keys and curves for travel documents.

RSA (PKCS #1 v1.5 and PSS, 2048 to 8192 bits) and ECDSA (NIST and Brainpool curves from 224 bits) with SHA-2, as ICAO
9303-12 has them. SHA-1, DSA, MD5 and shorter keys are refused: who can make a second document with the same hash needs
no key. An algorithm that is not in this file is not believed, however well its numbers fit.

A curve may be spelt out, as ICAO 9303-12 demands. It is recognised by its prime and coefficients and then taken from
the library, base point and all: whoever spells out a base point of his own (CVE-2020-0601) gains nothing.
"""

import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from hw.wire import der
from hw.wire.certificate import Algorithm, algorithm
from hw.wire.der import BIT_STRING, CONTEXT_0, CONTEXT_1, CONTEXT_2, CONTEXT_3, INTEGER, OCTET_STRING, SEQUENCE, Items

RSA_BITS = range(2048, 8193)
_RSA_EXPONENTS = range(3, 1 << 33)
_NULL = der.encode(der.NULL)

_DIGESTS: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "2.16.840.1.101.3.4.2.4": hashes.SHA224,
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
_RSA, _RSA_PSS, _MGF1 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
_RSA_WITH: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "1.2.840.113549.1.1.14": hashes.SHA224,
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
_ECDSA_WITH: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "1.2.840.10045.4.3.1": hashes.SHA224,
    "1.2.840.10045.4.3.2": hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
_EC_KEY, _PRIME_FIELD = "1.2.840.10045.2.1", "1.2.840.10045.1.1"
_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "1.3.132.0.33": ec.SECP224R1,
    "1.2.840.10045.3.1.7": ec.SECP256R1,
    "1.3.132.0.34": ec.SECP384R1,
    "1.3.132.0.35": ec.SECP521R1,
    "1.3.36.3.3.2.8.1.1.7": ec.BrainpoolP256R1,
    "1.3.36.3.3.2.8.1.1.11": ec.BrainpoolP384R1,
    "1.3.36.3.3.2.8.1.1.13": ec.BrainpoolP512R1,
}
# SHA-256 of prime, a and b, each as long as the prime: how a curve that is spelt out is recognised.
_SPELT_OUT: dict[str, Callable[[], ec.EllipticCurve]] = {
    "99730b8999dfb937df4fdcad052e94a4705de82f41c47a6fed67d4ebb0c81a38": ec.SECP224R1,
    "21c340f46a1a0dc2111197afc95d89dff0e3890997933026839b3a49b55dd568": ec.SECP256R1,
    "05acdc72467671978cde894a23ce52dda11106335d4eb3112b4c0168bfcba6d8": ec.SECP384R1,
    "3499fd278822be4835a928a12ba68c28ec7e903e96c32eb5ead57e09cf577fdb": ec.SECP521R1,
    "5db67c5d549a8b28adf44545b4dfc4313f48fd59e1e1cc934048389bafa0b5ff": ec.BrainpoolP256R1,
    "7b69b16aa4c43d157e25c92f58d3f854c464de9ac028d4b723d431ecd62c21a1": ec.BrainpoolP384R1,
    "0cdc011a7b28df2c2bcb0624f62862931937593305393d2fff30c440c2b4a932": ec.BrainpoolP512R1,
}

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class NotAllowed(ValueError):
    """An algorithm, key or curve that is not on the list. The message says which."""


def digest(name: Algorithm) -> hashes.HashAlgorithm:
    """The hash that an AlgorithmIdentifier names. Raises NotAllowed."""
    if name.name not in _DIGESTS or name.parameters not in (b"", _NULL):
        raise NotAllowed(f"hash {name.name} is not allowed: SHA-224, SHA-256, SHA-384 and SHA-512 are")
    return _DIGESTS[name.name]()


def hashed(name: Algorithm, data: bytes) -> bytes:
    """The hash of `data`. Raises NotAllowed."""
    state = hashes.Hash(digest(name))
    state.update(data)
    return state.finalize()


def public_key(encoded: bytes) -> PublicKey:
    """The key in a SubjectPublicKeyInfo. Raises NotAllowed, der.Malformed."""
    parts = Items(der.only(encoded, SEQUENCE))
    kind, value = algorithm(parts.take(SEQUENCE)), der.bits(parts.take(BIT_STRING))
    parts.end()
    if kind.name == _RSA:
        return _rsa_key(value)
    if kind.name == _EC_KEY:
        curve = _curve(kind.parameters)
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, value)
        except ValueError as problem:
            raise der.Malformed("a public key is no point of its curve") from problem
    raise NotAllowed(f"keys of kind {kind.name} are not allowed: RSA and elliptic curves are")


def verify(
    key: PublicKey, name: Algorithm, signature: bytes, data: bytes, digest_beside: Algorithm | None = None
) -> bool:
    """Whether `signature` is `key`'s over `data`. `digest_beside`: what CMS names beside it, for a bare "RSA".

    Raises NotAllowed for an algorithm off the list, or one that does not go with the key; der.Malformed.
    """
    try:
        if isinstance(key, rsa.RSAPublicKey):
            scheme, chosen = _rsa_scheme(name, digest_beside)
            key.verify(signature, data, scheme, chosen)
        else:
            if name.name not in _ECDSA_WITH or name.parameters not in (b"", _NULL):
                raise NotAllowed(f"signature algorithm {name.name} is not allowed with a curve: ECDSA with SHA-2 is")
            key.verify(signature, data, ec.ECDSA(_ECDSA_WITH[name.name]()))
    except InvalidSignature:
        return False
    return True


def _rsa_key(value: bytes) -> rsa.RSAPublicKey:
    numbers = Items(der.only(value, SEQUENCE))
    modulus, exponent = der.integer(numbers.take(INTEGER)), der.integer(numbers.take(INTEGER))
    numbers.end()
    if modulus.bit_length() not in RSA_BITS or modulus < 0:
        raise NotAllowed(f"RSA keys of {modulus.bit_length()} bits are not allowed: 2048 to 8192 are")
    if exponent not in _RSA_EXPONENTS or exponent % 2 == 0 or modulus % 2 == 0:
        raise NotAllowed("an RSA key with such numbers is not allowed")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _curve(parameters: bytes) -> ec.EllipticCurve:
    element = der.read(parameters)
    if element.tag == der.OBJECT_ID:
        name = der.object_id(element)
        if name not in _CURVES:
            raise NotAllowed(f"curve {name} is not allowed")
        return _CURVES[name]()
    parts = Items(der.only(parameters, SEQUENCE))
    parts.take(INTEGER)
    field = Items(parts.take(SEQUENCE))
    if der.object_id(field.take(der.OBJECT_ID)) != _PRIME_FIELD:
        raise NotAllowed("curves over binary fields are not allowed")
    prime = der.integer(field.take(INTEGER))
    coefficients = Items(parts.take(SEQUENCE))
    a, b = coefficients.take(OCTET_STRING).value, coefficients.take(OCTET_STRING).value
    size = (prime.bit_length() + 7) // 8
    if not 0 < size <= 66 or prime < 0 or max(len(a), len(b)) > size:
        raise NotAllowed("a curve spelt out in such numbers is not allowed")
    spelt = prime.to_bytes(size, "big") + a.rjust(size, b"\0") + b.rjust(size, b"\0")
    known = _SPELT_OUT.get(hashlib.sha256(spelt).hexdigest())
    if known is None:
        raise NotAllowed("a curve is spelt out that is none of the NIST and Brainpool curves")
    return known()


def _rsa_scheme(name: Algorithm, beside: Algorithm | None) -> tuple[padding.AsymmetricPadding, hashes.HashAlgorithm]:
    if name.name == _RSA_PSS:
        return _pss(name.parameters)
    if name.name == _RSA and beside is not None:
        return padding.PKCS1v15(), digest(beside)
    if name.name in _RSA_WITH and name.parameters in (b"", _NULL):
        return padding.PKCS1v15(), _RSA_WITH[name.name]()
    raise NotAllowed(f"signature algorithm {name.name} is not allowed with RSA: PKCS #1 v1.5 and PSS with SHA-2 are")


def _pss(parameters: bytes) -> tuple[padding.AsymmetricPadding, hashes.HashAlgorithm]:
    """RSASSA-PSS as its parameters say (RFC 4055, 3.1). Their defaults are SHA-1, so both hashes must be named."""
    parts = Items(der.only(parameters, SEQUENCE))
    named, mask, salt = parts.take_if(CONTEXT_0), parts.take_if(CONTEXT_1), parts.take_if(CONTEXT_2)
    trailer = parts.take_if(CONTEXT_3)
    parts.end()
    if named is None or mask is None:
        raise NotAllowed("RSASSA-PSS with SHA-1 is not allowed")
    chosen = algorithm(der.only(named.value, SEQUENCE))
    generator = algorithm(der.only(mask.value, SEQUENCE))
    masked = algorithm(der.only(generator.parameters, SEQUENCE))
    length = der.integer(der.only(salt.value, INTEGER)) if salt is not None else 20
    if generator.name != _MGF1 or digest(masked).name != digest(chosen).name or not 0 <= length <= 64:
        raise NotAllowed("RSASSA-PSS with another mask, a second hash or a salt over 64 bytes is not allowed")
    if trailer is not None and der.integer(der.only(trailer.value, INTEGER)) != 1:
        raise NotAllowed("RSASSA-PSS with another trailer is not allowed")
    return padding.PSS(padding.MGF1(digest(chosen)), length), digest(chosen)
