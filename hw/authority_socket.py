"""An authority behind a stream socket: letters and answers as bytes, each with two bytes of length before it.

The connection is not trusted, nor is whoever answers: letters are sealed and signed before they come here, and an
answer is believed for its signature alone (docs/authority.md). Nothing that goes wrong here lets somebody pass.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from gatefw.errors import BadReply
from gatefw.ports import Bound
from hw.link import Link, open_link
from hw.wire import scrub

_LENGTH_BYTES = 2
_READ_BYTES = 65536


@dataclass(frozen=True)
class Settings:
    """`link`: unix:/PATH or tcp:HOST:PORT. `signs`, `seals`: the authority's public keys, Ed25519 and X25519.

    key_file: the lane's own key, which signs what it asks: `gatefw authority new-key`.
    """

    link: str
    signs: str
    seals: str
    key_file: str
    most_bytes: Annotated[int, Bound(256, 65535)] = 4096
    """A longer answer than this is none of theirs."""


def lacks(settings: Settings) -> list[str]:
    """What this machine lacks for it."""
    if Path(settings.key_file).exists():
        return []
    return [
        f"there is no key file {settings.key_file}: `gatefw authority new-key` makes it, the authority wants to know"
    ]


def scrubber() -> scrub.Scrub:
    """For a recording of its wire. Whatever speaks of anybody is sealed to the other side."""
    return scrub.nothing()


def open(settings: Settings) -> "SocketAuthority":  # noqa: A001  the name every driver exports
    """The connection. Raises DeviceLost when nobody answers there."""
    return SocketAuthority(settings, open_link(settings.link))


class SocketAuthority:
    """An `Authority`. One thread uses and closes it."""

    def __init__(self, settings: Settings, link: Link) -> None:
        self._settings, self._link = settings, link
        self._come = b""

    def send(self, letter: bytes) -> None:
        """See `Authority`."""
        self._link.write(len(letter).to_bytes(_LENGTH_BYTES, "big") + letter)

    def receive(self, timeout_s: float) -> bytes | None:
        """See `Authority`."""
        answer = self._cut()
        if answer is None:
            self._come += self._link.read(_READ_BYTES, timeout_s)
            answer = self._cut()
        return answer

    def close(self) -> None:
        self._link.close()

    def _cut(self) -> bytes | None:
        """The first whole answer of what has come."""
        length = int.from_bytes(self._come[:_LENGTH_BYTES], "big")
        if len(self._come) >= _LENGTH_BYTES and not 0 < length <= self._settings.most_bytes:
            most = self._settings.most_bytes
            raise BadReply(f"authority {self._settings.link}: an answer of {length} bytes; 1 to {most} are read")
        ends = _LENGTH_BYTES + length
        if len(self._come) < ends or length == 0:
            return None
        answer, self._come = self._come[_LENGTH_BYTES:ends], self._come[ends:]
        return answer
