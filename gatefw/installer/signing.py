"""Who made a stick: Ed25519 over its list. A gate that was given a public key takes no stick of another maker.

The first stick brings the key, as the first host key of ssh does: whoever fits the gate vouches for it. From then on
the version that is in place checks, before anything of the new one runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from gatefw import private_file, whole_file
from gatefw.errors import SetupError
from gatefw.installer.stick import PUBLIC, SIGNATURE, Stick

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_key(path: Path) -> str:
    """Make a key to sign sticks with (mode 0600), and return its public half. Raises SetupError, StoreError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    if not private_file.create(path, key.private_bytes_raw().hex().encode() + b"\n"):
        raise SetupError(f"{path}: there is a file already; a key is never replaced, choose another name")
    return key.public_key().public_bytes_raw().hex()


def opened(key_file: Path) -> "Ed25519PrivateKey":
    """A key to sign with. Raises SetupError, StoreError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private_file.read(key_file, 128).decode()))
    except ValueError as error:
        raise SetupError(f"{key_file}: not a key of `gatefw stick new-key`: {error}") from error


def sign(place: Path, manifest: bytes, key_file: Path) -> str:
    """Put signature and public key beside the list, and return the public key. Raises SetupError, StoreError."""
    key = opened(key_file)
    whole_file.write(place / SIGNATURE, key.sign(manifest).hex().encode() + b"\n")
    public = key.public_key().public_bytes_raw().hex()
    whole_file.write(place / PUBLIC, public.encode() + b"\n")
    return public


def check(stick: Stick, trusted: Path, key: bytes | None = None) -> None:
    """Raise SetupError unless the stick is signed with the key in `trusted`. key: what was read there already."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex((key or trusted.read_bytes()).decode("ascii")))
    except (OSError, ValueError) as error:
        raise SetupError(f"{trusted}: not a public key of 64 hex digits ({error}); put the maker's there") from error
    path = stick.place / SIGNATURE
    try:
        signature = bytes.fromhex(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{path}: no signature ({error}); this gate trusts {trusted}: make the stick with --key"
        ) from error
    try:
        public.verify(signature, stick.manifest)
    except InvalidSignature:
        raise SetupError(
            f"{path}: signed with another key than {trusted}; do not use this stick, or put its maker's key there"
        ) from None
