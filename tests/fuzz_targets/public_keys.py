"""Public keys of chips (DG15, DG14): any bytes are a key that is done here, or are refused."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hw.wire import der
from hw.wire.emrtd.public_keys import RSA_BITS, RsaKey, public_key
from hw.wire.emrtd.refusal import ChipRefused


def read_key(chunks: list[bytes]) -> None:
    try:
        key = public_key(b"".join(chunks))
    except (ChipRefused, der.Malformed):
        return
    if isinstance(key, RsaKey):
        assert key.modulus.bit_length() in RSA_BITS


def _info(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


TARGETS = {"public_key": read_key}
SEEDS = {
    "public_key": [
        _info(ec.derive_private_key(7, ec.SECP256R1()).public_key()),
        _info(ec.derive_private_key(7, ec.BrainpoolP384R1()).public_key()),
        _info(rsa.generate_private_key(65537, 1024).public_key()),
    ]
}
