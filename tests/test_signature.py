"""The allow-list of signatures: what is on it verifies, what is not is refused by name."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gatefw import signature
from gatefw.country import may_sign_for
from gatefw.signature import NotAllowed
from hw.wire import certificate, der
from hw.wire.certificate import Algorithm
from hw.wire.der import Malformed

DATA = b"what is signed"
NULL = der.encode(der.NULL)
SHA_1 = "1.3.14.3.2.26"
SHA_2 = {
    "2.16.840.1.101.3.4.2.4": hashes.SHA224(),
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
ECDSA = dict(zip([f"1.2.840.10045.4.3.{each}" for each in (1, 2, 3, 4)], SHA_2.values(), strict=True))
RSA = dict(zip([f"1.2.840.113549.1.1.{each}" for each in (14, 11, 12, 13)], SHA_2.values(), strict=True))
CURVES = [
    ec.SECP224R1,
    ec.SECP256R1,
    ec.SECP384R1,
    ec.SECP521R1,
    ec.BrainpoolP256R1,
    ec.BrainpoolP384R1,
    ec.BrainpoolP512R1,
]
# P-256 and brainpoolP256r1 spelt out, as `openssl ecparam -name NAME -param_enc explicit -outform DER` writes them.
SPELT_OUT = {
    "P-256": (
        ec.SECP256R1,
        "3081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffff"
        "ffff305b0420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3eb"
        "bd55769886bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17"
        "d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce3357"
        "6b315ececbb6406837bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101",
    ),
    "brainpoolP256r1": (
        ec.BrainpoolP256R1,
        "3081e0020101302c06072a8648ce3d0101022100a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e"
        "5377304404207d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9042026dc5c6ce94a4b44f330"
        "b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b60441048bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a"
        "4453bd9ace3262547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997022100a9fb57dba1eea9bc"
        "3e660a909d838d718c397aa3b561a6f7901e0e82974856a7020101",
    ),
}


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def spki(key: object) -> bytes:
    public: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return public


def named(name: str, *parameters: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.encode_object_id(name), *parameters)


def pss(
    digest: str, mask: str, salt: int = 32, trailer: int | None = None, mgf: str = "1.2.840.113549.1.1.8"
) -> Algorithm:
    parts = [der.encode(der.CONTEXT_0, named(digest)), der.encode(der.CONTEXT_1, named(mgf, named(mask)))]
    parts.append(der.encode(der.CONTEXT_2, der.encode_integer(salt)))
    if trailer is not None:
        parts.append(der.encode(der.CONTEXT_3, der.encode_integer(trailer)))
    return Algorithm("1.2.840.113549.1.1.10", der.encode(der.SEQUENCE, *parts))


SHA256_NAME = "2.16.840.1.101.3.4.2.1"


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
@pytest.mark.parametrize("name", ECDSA)
def test_every_curve_verifies_with_every_hash_and_only_what_was_signed(
    curve: type[ec.EllipticCurve], name: str
) -> None:
    private = ec.generate_private_key(curve())
    key, made = signature.public_key(spki(private)), private.sign(DATA, ec.ECDSA(ECDSA[name]))
    assert signature.verify(key, Algorithm(name), made, DATA)
    assert not signature.verify(key, Algorithm(name), made, DATA + b"!")
    assert not signature.verify(key, Algorithm(name), made[:-1], DATA)
    assert not signature.verify(key, Algorithm(name), b"", DATA)


@pytest.mark.parametrize(("name", "digest"), RSA.items())
def test_rsa_verifies_with_every_hash_and_only_what_was_signed(name: str, digest: hashes.HashAlgorithm) -> None:
    key, made = signature.public_key(spki(rsa_key())), rsa_key().sign(DATA, padding.PKCS1v15(), digest)
    assert signature.verify(key, Algorithm(name, NULL), made, DATA)
    assert not signature.verify(key, Algorithm(name, NULL), made, DATA + b"!")


@pytest.mark.parametrize(("name", "digest"), SHA_2.items())
def test_a_bare_rsa_takes_the_hash_that_is_named_beside_it(name: str, digest: hashes.HashAlgorithm) -> None:
    key, made = signature.public_key(spki(rsa_key())), rsa_key().sign(DATA, padding.PKCS1v15(), digest)
    bare = Algorithm("1.2.840.113549.1.1.1", NULL)
    assert signature.verify(key, bare, made, DATA, Algorithm(name))
    with pytest.raises(NotAllowed):
        signature.verify(key, bare, made, DATA)
    with pytest.raises(NotAllowed, match=SHA_1):
        signature.verify(key, bare, made, DATA, Algorithm(SHA_1))


@pytest.mark.parametrize(("name", "digest"), SHA_2.items())
@pytest.mark.parametrize("salt", [0, 20, 32, 64])
def test_pss_verifies_as_its_parameters_say(name: str, digest: hashes.HashAlgorithm, salt: int) -> None:
    key = signature.public_key(spki(rsa_key()))
    made = rsa_key().sign(DATA, padding.PSS(padding.MGF1(digest), salt), digest)
    assert signature.verify(key, pss(name, name, salt), made, DATA)
    assert signature.verify(key, pss(name, name, salt, trailer=1), made, DATA)
    assert not signature.verify(key, pss(name, name, salt + 1 if salt < 64 else 63), made, DATA)


@pytest.mark.parametrize(
    "scheme",
    [
        pss(SHA_1, SHA_1, 20),
        pss(SHA256_NAME, SHA_1),
        pss(SHA256_NAME, "2.16.840.1.101.3.4.2.2"),
        pss(SHA256_NAME, SHA256_NAME, salt=65),
        pss(SHA256_NAME, SHA256_NAME, trailer=2),
        pss(SHA256_NAME, SHA256_NAME, mgf="1.2.840.113549.1.1.9"),
        Algorithm("1.2.840.113549.1.1.10", der.encode(der.SEQUENCE)),
        Algorithm("1.2.840.113549.1.1.5", NULL),
        Algorithm("1.2.840.113549.1.1.11", der.encode_integer(1)),
        Algorithm("1.2.840.10045.4.3.2"),
    ],
)
def test_rsa_with_what_is_not_on_the_list_is_refused(scheme: Algorithm) -> None:
    with pytest.raises(NotAllowed, match="not allowed"):
        signature.verify(signature.public_key(spki(rsa_key())), scheme, bytes(256), DATA)


@pytest.mark.parametrize("name", ["1.2.840.10045.4.1", "1.2.840.113549.1.1.11", "1.2.840.10040.4.3"])
def test_a_curve_with_what_is_not_on_the_list_is_refused(name: str) -> None:
    key = signature.public_key(spki(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(NotAllowed, match=name):
        signature.verify(key, Algorithm(name), bytes(70), DATA)


def rsa_numbers(modulus: int, exponent: int) -> bytes:
    numbers = der.encode(der.SEQUENCE, der.encode_integer(modulus), der.encode_integer(exponent))
    return der.encode(der.SEQUENCE, named("1.2.840.113549.1.1.1", NULL), der.encode(der.BIT_STRING, b"\0" + numbers))


UNWANTED: dict[str, Callable[[], bytes]] = {
    "short": lambda: rsa_numbers((1 << 1023) + 1, 65537),
    "endless": lambda: rsa_numbers((1 << 8192) + 1, 65537),
    "exponent 1": lambda: rsa_numbers((1 << 2047) + 1, 1),
    "even exponent": lambda: rsa_numbers((1 << 2047) + 1, 65536),
    "huge exponent": lambda: rsa_numbers((1 << 2047) + 1, (1 << 33) + 1),
    "even modulus": lambda: rsa_numbers(1 << 2047, 65537),
    "another curve": lambda: spki(ec.generate_private_key(ec.SECP256K1())),
    "Edwards curve": lambda: spki(ed25519.Ed25519PrivateKey.generate()),
    "DSA": lambda: spki(dsa.generate_private_key(1024)),
}


@pytest.mark.parametrize("make", UNWANTED.values(), ids=UNWANTED.keys())
def test_weak_strange_and_endless_keys_are_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(NotAllowed, match="not allowed"):
        signature.public_key(make())


def test_a_point_beside_its_curve_is_no_key() -> None:
    info = bytearray(spki(ec.generate_private_key(ec.SECP256R1())))
    info[-1] ^= 1
    with pytest.raises(Malformed, match="no point"):
        signature.public_key(bytes(info))


def spelt_out(parameters: bytes, private: ec.EllipticCurvePrivateKey) -> bytes:
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return der.encode(der.SEQUENCE, named("1.2.840.10045.2.1", parameters), der.encode(der.BIT_STRING, b"\0" + point))


@pytest.mark.parametrize(("curve", "parameters"), SPELT_OUT.values(), ids=SPELT_OUT.keys())
def test_a_curve_that_is_spelt_out_is_recognised(curve: type[ec.EllipticCurve], parameters: str) -> None:
    private = ec.generate_private_key(curve())
    key = signature.public_key(spelt_out(bytes.fromhex(parameters), private))
    made = private.sign(DATA, ec.ECDSA(hashes.SHA256()))
    assert signature.verify(key, Algorithm("1.2.840.10045.4.3.2"), made, DATA)


def test_a_curve_with_a_base_point_of_ones_own_is_the_real_curve_or_none() -> None:
    """CVE-2020-0601: with a base point of his choice anybody knows a private key for somebody else's public one."""
    authority = ec.generate_private_key(ec.SECP256R1())
    parameters = bytes.fromhex(SPELT_OUT["P-256"][1])
    own = authority.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    base = der.Items(der.only(parameters, der.SEQUENCE))
    for tag in (der.INTEGER, der.SEQUENCE, der.SEQUENCE):
        base.take(tag)
    forged = parameters.replace(base.take(der.OCTET_STRING).value, own)
    assert forged != parameters
    key = signature.public_key(spelt_out(forged, authority))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.public_numbers() == authority.public_key().public_numbers()  # and with it the real base point


@pytest.mark.parametrize("at", range(0, 224, 7))
def test_a_curve_that_is_spelt_out_a_little_wrong_is_never_another_one(at: int) -> None:
    parameters = bytearray.fromhex(SPELT_OUT["P-256"][1])
    parameters[at % len(parameters)] ^= 1
    private = ec.generate_private_key(ec.SECP256R1())
    try:
        key = signature.public_key(spelt_out(bytes(parameters), private))
    except (NotAllowed, Malformed):
        return
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


@pytest.mark.parametrize("name", [SHA_1, "1.2.840.113549.2.5"])
def test_a_weak_hash_is_refused(name: str) -> None:
    with pytest.raises(NotAllowed, match=name):
        signature.hashed(Algorithm(name), DATA)
    with pytest.raises(NotAllowed):
        signature.digest(Algorithm(SHA256_NAME, der.encode_integer(1)))


@given(st.data())
def test_any_damage_to_a_key_is_a_key_or_refused(data: st.DataObject) -> None:
    seeds = (spki(rsa_key()), spelt_out(bytes.fromhex(SPELT_OUT["P-256"][1]), ec.derive_private_key(7, ec.SECP256R1())))
    info = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 3))):
        info[data.draw(st.integers(0, len(info) - 1))] = data.draw(st.integers(0, 255))
    with suppress(NotAllowed, Malformed):
        signature.public_key(bytes(info))


def test_an_algorithm_identifier_has_two_parts() -> None:
    element = der.read(named(SHA_1, NULL))
    assert certificate.algorithm(element) == Algorithm(SHA_1, NULL)
    with pytest.raises(Malformed, match="more parts"):
        certificate.algorithm(der.read(named(SHA_1, NULL, NULL)))


@pytest.mark.parametrize(
    ("signer", "issuer", "may"),
    [
        ("UT", "UTO", True), ("DE", "D", True), ("de", "D", True), ("HK", "CHN", True), ("GB", "GBN", True),
        ("UT", "D", False), ("DE", "UTO", False), ("CN", "HKG", False), ("", "UTO", False), ("UT", "", False),
        ("UT", "XYZ", False),
    ],
)  # fmt: skip
def test_a_state_vouches_for_its_own_documents_only(signer: str, issuer: str, may: bool) -> None:
    assert may_sign_for(signer, issuer) is may
