"""A whole reading of a chip, as a dialogue: what to send next, given what was answered. It waits for nothing itself.

EF.CardAccess decides between PACE and BAC, once; then everything goes through secure messaging. What was decided in
the open is held against DG14. Then the chip proves the key of DG14, or else the one of DG15, and the groups are read.
"""

from dataclasses import dataclass, field
from enum import Enum

from hw.wire import der, lds
from hw.wire.der import Malformed
from hw.wire.emrtd import active_authentication, bac, chip_authentication, pace
from hw.wire.emrtd.apdu import NOT_FOUND, OK, SELECT_APPLICATION, Answer, Chance, Command, Dialogue, plain, select_file
from hw.wire.emrtd.refusal import ChipRefused, Why, unreadable
from hw.wire.emrtd.secure_messaging import SHORT_LE_BYTES, SecureMessaging
from hw.wire.emrtd.security_infos import SecurityInfos, card_access, group_14

CARD_ACCESS, COM, SOD = 0x011C, 0x011E, 0x011D
MAX_CARD_ACCESS_BYTES = 2048

_HEADER_BYTES = 8  # enough for any file's tag and length; no file is shorter
_SHORT_OFFSETS = 0x8000  # an offset beyond has to be written out as data
_OFFSET, _DISCRETIONARY = 0x54, 0x53


class Proof(Enum):
    """How the chip showed that it is not a copy."""

    NONE = "none"
    ACTIVE = "active"
    CHIP = "chip"


@dataclass(frozen=True, slots=True)
class Reading:
    """The files as they were read, each with its own tag and length; no signature over them was looked at."""

    com: bytes | None = field(repr=False)
    sod: bytes = field(repr=False)
    groups: dict[int, bytes] = field(repr=False)
    proof: Proof


def read_chip(key: bytes, chance: Chance, part_bytes: int = SHORT_LE_BYTES) -> Dialogue[Reading]:
    """Open, prove and read a chip that was just reset.

    `key` is the MRZ information (ICAO 9303-11, 4.3.1); `part_bytes` is how much of a file is asked for at once, 16 to
    65000: above 223 chip and reader must both know extended lengths. Raises ChipRefused, and nothing else.
    """
    try:
        return (yield from _read_chip(key, chance, part_bytes))
    except Malformed as malformed:
        raise unreadable(f"malformed: {malformed}") from malformed


def _read_chip(key: bytes, chance: Chance, part_bytes: int) -> Dialogue[Reading]:
    open_infos = yield from _card_access()
    chip = _Chip(part_bytes)
    if open_infos.pace:
        chip.messaging = yield from pace.establish(open_infos.pace, key, chance)
        selected = yield from chip.ask(SELECT_APPLICATION)
        selected.expect_ok("SELECT the application")
    else:
        selected = yield from plain(SELECT_APPLICATION)
        selected.expect_ok("SELECT the application")
        chip.messaging = yield from bac.establish(key, chance)
    com = yield from chip.read_optional(COM)
    signed = yield from chip.read_optional(_group(14))
    infos = SecurityInfos() if signed is None else group_14(signed)
    if not infos.pace <= open_infos.pace:
        raise ChipRefused(Why.ALTERED, "EF.CardAccess does not offer every kind of PACE that DG14 names: a downgrade")
    proof = yield from _prove_by_agreement(chip, infos, chance)
    sod = yield from chip.read(SOD)
    groups = {} if signed is None else {14: signed}
    key_file = yield from chip.read_optional(_group(15))
    if key_file is not None:
        groups[15] = key_file
        if proof is Proof.NONE:
            proof = yield from _prove_by_signature(chip, key_file, infos.active_digest, chance)
    if proof is Proof.NONE and infos.chip_keys:
        raise ChipRefused(Why.UNSUPPORTED, "the chip's only key is of a kind that is not done here")
    for number in (1, 2):
        groups[number] = yield from chip.read(_group(number))
    return Reading(com, sod, groups, proof)


def _group(number: int) -> int:
    return 0x0100 + number


def _card_access() -> Dialogue[SecurityInfos]:
    """EF.CardAccess, in the open. A chip without it knows no PACE; DG14 will tell whether that was true."""
    answer = yield from plain(select_file(CARD_ACCESS))
    if answer.status != OK:
        return SecurityInfos()
    data = yield from _Chip(SHORT_LE_BYTES).read_selected(MAX_CARD_ACCESS_BYTES)
    return card_access(data)


def _prove_by_agreement(chip: "_Chip", infos: SecurityInfos, chance: Chance) -> Dialogue[Proof]:
    way = chip_authentication.choose(infos)
    if way is None:
        return Proof.NONE
    try:
        chip.messaging = yield from chip_authentication.authenticate(way, chip.ask, chance)
        answer = yield from chip.ask(select_file(SOD))
        answer.expect_ok("SELECT EF.SOD after Chip Authentication")
    except (ChipRefused, Malformed) as refused:
        raise ChipRefused(Why.CLONED, f"Chip Authentication with the key of DG14 failed: {refused}") from refused
    return Proof.CHIP


def _prove_by_signature(chip: "_Chip", key_file: bytes, digest: str | None, chance: Chance) -> Dialogue[Proof]:
    key = active_authentication.group_15(key_file)
    challenge = chance(active_authentication.CHALLENGE_BYTES)
    answer = yield from chip.ask(active_authentication.command(key, challenge))
    if answer.status != OK:
        raise ChipRefused(Why.CLONED, f"INTERNAL AUTHENTICATE: answered {answer.status:04X}")
    active_authentication.verify(key, challenge, answer.data, digest)
    return Proof.ACTIVE


class _Chip:
    """Commands and files, under whatever messaging holds now; in the open before there is one."""

    def __init__(self, part_bytes: int) -> None:
        self.messaging: SecureMessaging | None = None
        self._part_bytes = part_bytes

    def ask(self, command: Command) -> Dialogue[Answer]:
        if self.messaging is None:
            return (yield from plain(command))
        return self.messaging.unwrap((yield self.messaging.wrap(command)))

    def read(self, file_id: int) -> Dialogue[bytes]:
        """A whole file. Raises ChipRefused: it is not there either."""
        data = yield from self.read_optional(file_id)
        if data is None:
            raise unreadable(f"the chip has no file {file_id:04X}")
        return data

    def read_optional(self, file_id: int) -> Dialogue[bytes | None]:
        """A whole file, or None where the chip says, under protection, that there is none."""
        answer = yield from self.ask(select_file(file_id))
        if answer.status == NOT_FOUND:
            return None
        answer.expect_ok(f"SELECT file {file_id:04X}")
        return (yield from self.read_selected(lds.MAX_FILE_BYTES))

    def read_selected(self, max_bytes: int) -> Dialogue[bytes]:
        data = bytearray((yield from self._part(0, _HEADER_BYTES)))
        total = lds.file_bytes(bytes(data))
        if not _HEADER_BYTES <= total <= max_bytes:
            raise unreadable(f"a file of {total} bytes: from {_HEADER_BYTES} to {max_bytes} are read")
        while len(data) < total:
            data += yield from self._part(len(data), min(self._part_bytes, total - len(data)))
        return bytes(data)

    def _part(self, offset: int, size: int) -> Dialogue[bytes]:
        """From 1 to `size` bytes of the selected file. Raises ChipRefused."""
        if offset < _SHORT_OFFSETS:
            answer = yield from self.ask(Command(0x00, 0xB0, offset >> 8, offset & 0xFF, le=size))
            data = answer.expect_ok("READ BINARY")
        else:
            where = der.encode(_OFFSET, offset.to_bytes(3, "big"))
            size = max(size - 4, 1)  # the answer is wrapped once more
            answer = yield from self.ask(Command(0x00, 0xB1, 0x00, 0x00, where, le=size + 4))
            data = der.only(answer.expect_ok("READ BINARY by written offset"), _DISCRETIONARY, strict=False).value
        if not 1 <= len(data) <= size:
            raise unreadable(f"READ BINARY: {len(data)} bytes for {size}")
        return data
