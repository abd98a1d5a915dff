"""Signed words about a journal, each one line of text: the checkpoints of a lane, the receipts of an archive.

    gatefw-checkpoint-1 lane=L epoch=E n=N hash=H time=T clock=Q previous=P key=K signature=S
    gatefw-receipt-1 lane=L epoch=E n=N hash=H key=K signature=S

A checkpoint says that row N of this journal has the hash H, and with it every row before. T is when, Q whether somebody
vouched for the clock, P the SHA-256 of the checkpoint before (zeros before the first). A receipt says that an archive
holds every row up to N. S signs, with Ed25519, all that stands before ` signature=`; K is the public key to it, which
proves nothing by itself: who verifies knows the lane's key from elsewhere.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gatefw.errors import StoreError
from gatefw.events import ANCHOR, RECEIPT
from gatefw.wall_time import WallTime

NO_ANCHOR = bytes(32)
_SIGNED = " signature="


@dataclass(frozen=True)
class Signed:
    """One line that its key signed; made by `of`, so the signature holds. `n` and `hash` name the row it is about."""

    line: str

    @classmethod
    def of(cls, line: str) -> "Signed":
        """Raises StoreError: not of one of the two shapes, or the signature does not hold."""
        if not line or not (ANCHOR.fits(line) or RECEIPT.fits(line)):
            raise StoreError(f"{line[:40]!r}: is no line of a checkpoint or a receipt; copy it whole")
        signed = cls(line)
        message, _, signature = line.rpartition(_SIGNED)
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.key)).verify(
                bytes.fromhex(signature), message.encode()
            )
        except (InvalidSignature, ValueError) as error:
            raise StoreError(f"{line[:40]!r}: its signature does not hold; it was altered") from error
        return signed

    @cached_property
    def _fields(self) -> dict[str, str]:
        return dict(part.split("=", 1) for part in self.line.split(" ")[1:])

    @property
    def is_checkpoint(self) -> bool:
        return self.line.startswith("gatefw-checkpoint-1 ")

    @property
    def lane(self) -> str:
        return self._fields["lane"]

    @property
    def epoch(self) -> str:
        return self._fields["epoch"]

    @property
    def n(self) -> int:
        return int(self._fields["n"])

    @property
    def hash(self) -> bytes:
        return bytes.fromhex(self._fields["hash"])

    @property
    def time(self) -> str:
        """Of a checkpoint."""
        return self._fields["time"]

    @property
    def previous(self) -> bytes:
        """Of a checkpoint: the `digest` of the one before."""
        return bytes.fromhex(self._fields["previous"])

    @property
    def key(self) -> str:
        """The public key, as 64 hex digits."""
        return self._fields["key"]

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.line.encode()).digest()


class Signer:
    """Signs for one lane, or for an archive, with the 32 bytes of its key file."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw().hex()

    def checkpoint(self, lane: str, epoch: str, n: int, row_hash: bytes, at: WallTime, previous: bytes) -> Signed:
        told = f"time={at.rfc3339} clock={at.quality} previous={previous.hex()}"
        return self._sign(f"gatefw-checkpoint-1 {_row(lane, epoch, n, row_hash)} {told}")

    def receipt(self, about: Signed) -> Signed:
        """For every row up to the one that a checkpoint is about."""
        return self._sign(f"gatefw-receipt-1 {_row(about.lane, about.epoch, about.n, about.hash)}")

    def _sign(self, told: str) -> Signed:
        message = f"{told} key={self.public}"
        return Signed(f"{message}{_SIGNED}{self._key.sign(message.encode()).hex()}")


def _row(lane: str, epoch: str, n: int, row_hash: bytes) -> str:
    return f"lane={lane} epoch={epoch} n={n} hash={row_hash.hex()}"
