"""One archive for support: members by an allow-list, each with why it is in, and nothing else.

Nothing is copied from the disk as it is. Every member is made anew out of values whose form is known, so that a file
in which somebody wrote a name does not carry it out (`redact`, `sources`). No picture, store, key, log or lane file is
in a bundle; what could not be made is named with the class of the error, never with its words.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gatefw import __version__

MOST_BYTES = 32 * 1024 * 1024
"""Of all members together, before they are compressed; what does not fit is left out, and the manifest says so."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of member: `make` returns the content by name, or raises; `why` is for whoever opens the archive."""

    name: str
    why: str
    make: Callable[[], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    why: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes in, in the order of the allow-list, and what does not: by name, and why not."""

    members: tuple[Member, ...]
    left_out: tuple[tuple[str, str], ...]

    def manifest(self, made: str) -> bytes:
        """`made`: when, RFC 3339."""
        told = {
            "bundle": 1,
            "gatefw": __version__,
            "made": made,
            "members": [
                {"name": each.name, "bytes": len(each.content), "sha256": each.sha256, "why": each.why}
                for each in self.members
            ],
            "left_out": [{"name": name, "why": why} for name, why in self.left_out],
        }
        return as_json(told)

    def archive(self, made: str) -> bytes:
        """The tar.gz; of the same members and time the same bytes."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in (
                (MANIFEST, self.manifest(made)),
                *((each.name, each.content) for each in self.members),
            ):
                entry = tarfile.TarInfo(f"gatefw-bundle/{name}")
                entry.size, entry.mode = len(content), 0o600
                tar.addfile(entry, io.BytesIO(content))
        return gzip.compress(plain.getvalue(), mtime=0)


def collect(
    sources: Iterable[Source], most_bytes: int = MOST_BYTES, tell: Callable[[str], None] = lambda _name: None
) -> Bundle:
    """Make every member; one that cannot be made stops no other. `tell` is told what is looked at."""
    members: list[Member] = []
    left_out: list[tuple[str, str]] = []
    room = most_bytes
    for source in sources:
        tell(source.name)
        for name, content in _made(source, left_out):
            if len(content) > room:
                left_out.append((name, f"does not fit: {len(content):,} bytes, of {room:,} that are left"))
                continue
            room -= len(content)
            members.append(Member(name, source.why, content))
    return Bundle(tuple(members), tuple(left_out))


def _made(source: Source, left_out: list[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    try:
        made = source.make()
    except Exception as error:  # noqa: BLE001  a broken gate is what a bundle is for
        left_out.append((source.name, f"could not be had: {type(error).__name__}"))
        return
    yield from sorted(made.items())


def as_json(told: Any) -> bytes:
    return json.dumps(told, indent=1, default=str).encode() + b"\n"
