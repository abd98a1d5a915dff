"""What is inside a simulated finger sensor: two buffers, a flash, a password, and what its commands do to them.

A finger is a seed: the same number always gives the same features, but for one byte in twenty that differs from one
look to the next. The score is how many of 300 bytes agree; how alike two fingers must be depends on the security level.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from hw.wire import zfm
from hw.wire.zfm import Code, Command, Parameters

FAULTS = (
    "download_ignored",  # what was in the buffer stays there, and nobody says so
    "download_damaged",  # one byte of it is another
    "upload_moody",  # every second template it tells has another byte
    "drop_packets",  # the second data packet of every template never arrives
    "refusing",  # every command is answered as not understood
    "forgetful_flash",  # EMPTY says OK and empties nothing
)
QUALITIES = ("good", "smudged", "dry")
ALIKE = {1: 120, 2: 150, 3: 180, 4: 210, 5: 240}
NOISE = 20  # one byte in so many differs from look to look
SCORE = 300


@dataclass(frozen=True, slots=True)
class Options:
    """What a lane file may say about the sensor: how it was made and configured. Times in seconds."""

    password: str = "00000000"  # noqa: S105  the published one
    address: int = zfm.ADDRESS
    system_id: int = 9
    capacity: int = 1000
    packet_bytes: int = 128
    template_bytes: int = 512
    start_s: float = 0.2
    look_s: float = 0.05  # what a picture takes, and again its features
    baud: int = zfm.BAUD


class FingerChip:
    """Flash, password and faults outlive a loss of power; `reset` forgets the rest."""

    def __init__(self, options: Options) -> None:
        self.parameters = Parameters(
            0, options.system_id, options.capacity, 3, options.address, options.packet_bytes, options.baud
        )
        self.password = bytes.fromhex(options.password)
        self.flash: dict[int, bytes] = {}
        self.buffers: dict[int, bytes] = {}
        self.faults: set[str] = set()
        self.finger: tuple[int, str] | None = None
        self._size, self._looks = options.template_bytes, 0
        self.reset()

    def reset(self) -> None:
        self.buffers.clear()
        self._picture: tuple[int, str] | None = None
        self._unlocked = False

    def obey(self, command: int, given: bytes) -> tuple[Code, bytes]:
        """Do a command; the answer's code, and what is told with it."""
        if "refusing" in self.faults or command not in _DOES:
            return Code.DAMAGED, b""
        if any(self.password) and not self._unlocked and command != Command.PASSWORD:
            return Code.PASSWORD_FIRST, b""
        return _DOES[command](self, given)

    def enrol(self, finger: int) -> None:
        """Somebody is stored in its flash."""
        self.flash[len(self.flash)] = self.features(finger)

    def fill(self, buffer: int, data: bytearray) -> None:
        """A template came over the line."""
        if "download_damaged" in self.faults and data:
            data[len(data) // 2] ^= 0x10
        if "download_ignored" not in self.faults:
            self.buffers[buffer] = bytes(data).ljust(self._size, b"\0")

    def _unlock(self, given: bytes) -> tuple[Code, bytes]:
        self._unlocked = given == self.password
        return (Code.OK if self._unlocked else Code.WRONG_PASSWORD), b""

    def _set_password(self, given: bytes) -> tuple[Code, bytes]:
        if len(given) != zfm.PASSWORD_BYTES:
            return Code.DAMAGED, b""
        self.password, self._unlocked = given, False
        return Code.OK, b""

    def _set_parameter(self, given: bytes) -> tuple[Code, bytes]:
        if len(given) != 2 or given[0] != zfm.SECURITY_LEVEL or not 1 <= given[1] <= 5:
            return Code.NO_SUCH_PARAMETER, b""
        self.parameters = replace(self.parameters, security_level=given[1])
        return Code.OK, b""

    def _look(self, _given: bytes) -> tuple[Code, bytes]:
        self._picture = self.finger
        return (Code.NO_FINGER if self.finger is None else Code.OK), b""

    def _extract(self, given: bytes) -> tuple[Code, bytes]:
        if self._picture is None:
            return Code.NO_PICTURE, b""
        finger, quality = self._picture
        if quality != "good":
            return (Code.MESSY if quality == "smudged" else Code.TOO_FEW_POINTS), b""
        self._looks += 1
        self.buffers[buffer_of(given)] = self.features(finger, self._looks)
        return Code.OK, b""

    def features(self, finger: int, look: int = 0) -> bytes:
        """What this finger looks like, at a look of this number; at none, without noise."""
        features = bytearray(random.Random(finger).randbytes(self._size))
        noise = random.Random(look)
        for _ in range(self._size // NOISE if look else 0):
            features[noise.randrange(self._size)] = noise.randrange(256)
        return bytes(features)

    def _score(self, one: bytes | None, other: bytes | None) -> int:
        """Nothing is like a buffer that holds nothing, or no features."""
        if not one or not other or not any(one) or not any(other):
            return 0
        return sum(a == b for a, b in zip(one, other, strict=False)) * SCORE // self._size

    def _alike(self, one: bytes | None, other: bytes | None) -> tuple[bool, int]:
        score = self._score(one, other)
        alike = score >= ALIKE[self.parameters.security_level]
        return alike, score if alike else 0

    def _match(self, _given: bytes) -> tuple[Code, bytes]:
        alike, score = self._alike(self.buffers.get(1), self.buffers.get(2))
        return (Code.OK if alike else Code.NO_MATCH), score.to_bytes(2, "big")

    def _merge(self, _given: bytes) -> tuple[Code, bytes]:
        alike, _ = self._alike(self.buffers.get(1), self.buffers.get(2))
        if not alike:
            return Code.NOT_ONE_FINGER, b""
        self.buffers[2] = self.buffers[1]
        return Code.OK, b""

    def _search(self, given: bytes) -> tuple[Code, bytes]:
        first, count = int.from_bytes(given[1:3], "big"), int.from_bytes(given[3:5], "big")
        for place, stored in sorted(self.flash.items()):
            alike, score = self._alike(self.buffers.get(buffer_of(given)), stored)
            if alike and first <= place < first + count:
                return Code.OK, place.to_bytes(2, "big") + score.to_bytes(2, "big")
        return Code.NOT_FOUND, bytes(4)

    def _store(self, given: bytes) -> tuple[Code, bytes]:
        place, features = int.from_bytes(given[1:3], "big"), self.buffers.get(buffer_of(given))
        if place >= self.parameters.capacity or features is None:
            return Code.NO_SUCH_PLACE, b""
        self.flash[place] = features
        return Code.OK, b""

    def _load(self, given: bytes) -> tuple[Code, bytes]:
        stored = self.flash.get(int.from_bytes(given[1:3], "big"))
        if stored is None:
            return Code.FLASH_UNREADABLE, b""
        self.buffers[buffer_of(given)] = stored
        return Code.OK, b""

    def _empty(self, _given: bytes) -> tuple[Code, bytes]:
        if "forgetful_flash" not in self.faults:
            self.flash.clear()
        return Code.OK, b""

    def _index(self, given: bytes) -> tuple[Code, bytes]:
        page = given[0] if given else 0
        bits = sum(1 << (place % 256) for place in self.flash if place // 256 == page)
        return Code.OK, bits.to_bytes(32, "little")

    def _delete(self, given: bytes) -> tuple[Code, bytes]:
        first, count = int.from_bytes(given[0:2], "big"), int.from_bytes(given[2:4], "big")
        for place in [place for place in self.flash if first <= place < first + count]:
            del self.flash[place]
        return Code.OK, b""

    def _may_upload(self, given: bytes) -> tuple[Code, bytes]:
        return (Code.OK if self.buffers.get(buffer_of(given)) else Code.NOTHING_TO_UPLOAD), b""


def buffer_of(given: bytes) -> int:
    """Every number but 1 means the second buffer."""
    return 1 if given[:1] == b"\1" else 2


_DOES: dict[int, Callable[[FingerChip, bytes], tuple[Code, bytes]]] = {
    Command.LOOK: FingerChip._look,
    Command.EXTRACT: FingerChip._extract,
    Command.MATCH: FingerChip._match,
    Command.SEARCH: FingerChip._search,
    Command.FAST_SEARCH: FingerChip._search,
    Command.MERGE: FingerChip._merge,
    Command.STORE: FingerChip._store,
    Command.LOAD: FingerChip._load,
    Command.UPLOAD: FingerChip._may_upload,
    Command.DOWNLOAD: lambda _chip, _given: (Code.OK, b""),
    Command.DELETE: FingerChip._delete,
    Command.EMPTY: FingerChip._empty,
    Command.SET_PARAMETER: FingerChip._set_parameter,
    Command.PARAMETERS: lambda chip, _given: (Code.OK, chip.parameters.encode()),
    Command.SET_PASSWORD: FingerChip._set_password,
    Command.PASSWORD: FingerChip._unlock,
    Command.COUNT: lambda chip, _given: (Code.OK, len(chip.flash).to_bytes(2, "big")),
    Command.INDEX: FingerChip._index,
    Command.ECHO: lambda _chip, _given: (Code.HERE, b""),
}
