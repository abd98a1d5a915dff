"""The lane's word for a report: one line of text, signed with the key that signs its journal.

    gatefw-commissioning-1 lane=L report=R config=C time=T clock=Q by=O key=K signature=S

It says that at T the daemon of the lane L, which runs by the lane file with the SHA-256 C, was handed the report with
the SHA-256 R by O. Q is whether somebody vouched for the clock. S signs, with Ed25519, all that stands before
` signature=`; K is the public key to it, which proves nothing by itself: who verifies knows the lane's key from
elsewhere, as with the journal. That it was handed in also stands in the journal.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gatefw.errors import StoreError
from gatefw.wall_time import WallTime

_LINE = re.compile(
    r"gatefw-commissioning-1 lane=(?P<lane>[a-z0-9\-]{1,40}) report=(?P<report>[0-9a-f]{64}) "
    r"config=(?P<config>[0-9a-f]{64}) time=(?P<time>[0-9T:.\-]{26}Z) clock=(?P<clock>(un)?synchronised) "
    r"by=(?P<by>[a-z0-9\-]{1,40}) key=(?P<key>[0-9a-f]{64}) signature=(?P<signature>[0-9a-f]{128})"
)


def digest(report: Mapping[str, Any]) -> str:
    """The SHA-256 of a report, however it is laid out: keys in order, no spaces."""
    return hashlib.sha256(json.dumps(report, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Seal:
    """What a line says, its signature proven."""

    lane: str
    report: str
    config: str
    time: str
    clock: str
    by: str
    key: str


def seal(seed: bytes, lane: str, report: str, config: str, at: WallTime, by: str) -> str:
    """The line; `seed` is the 32 bytes of the lane's signing key."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw().hex()
    told = (
        f"gatefw-commissioning-1 lane={lane} report={report} config={config} time={at.rfc3339} clock={at.quality} "
        f"by={by} key={public}"
    )
    return f"{told} signature={key.sign(told.encode()).hex()}"


def opened(line: str, report: Mapping[str, Any]) -> Seal:
    """What is said of this report. Raises StoreError: no such line, it was altered, or it is another report's."""
    matched = _LINE.fullmatch(line)
    if matched is None:
        raise StoreError(f"{line[:40]!r}: is no line of a commissioning; copy the report whole")
    said = matched.groupdict()
    message, _, signature = line.rpartition(" signature=")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["key"]))
        key.verify(bytes.fromhex(signature), message.encode())
    except (InvalidSignature, ValueError) as error:
        raise StoreError("the signature does not hold: the line below the report was altered") from error
    if said["report"] != digest(report):
        raise StoreError("the signature holds, and is of another report: this one was altered after it was signed")
    del said["signature"]
    return Seal(**said)
