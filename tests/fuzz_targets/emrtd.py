"""Fuzz targets of the chip of a travel document: answers as the reader hears them, commands as the chip does."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cache

from hw.sim.chip import Chip, Personalisation
from hw.sim.chip_keys import AgreementKey, Offer, card_access, group_14, personalise
from hw.sim.passport import Authority, Signer
from hw.wire import der
from hw.wire.emrtd import ChipRefused, Reading, read_chip, security_infos
from hw.wire.emrtd.apdu import Command
from hw.wire.emrtd.secure_messaging import SecureMessaging
from hw.wire.emrtd.suites import Suite

COMMANDS_MAX = 400
_OFFERS, _KEY = (Offer(4, 12),), AgreementKey(12, 0xABCDEF)


def _chance() -> Callable[[int], bytes]:
    turns: Iterator[int] = iter(range(1_000_000))
    return lambda count: hashlib.shake_128(next(turns).to_bytes(4, "big")).digest(count)


@cache
def _document(pace: bool) -> Personalisation:
    return personalise(Signer(Authority()), None, _OFFERS if pace else (), _KEY, picture=b"\xff\xd8\xff" + bytes(300))[
        1
    ]


def answers(pieces: list[bytes]) -> None:
    """A chip that says anything at all is refused within a bounded number of commands."""
    dialogue = read_chip(_document(True).key, _chance())
    try:
        next(dialogue)
        for piece in pieces:
            dialogue.send(piece)
    except ChipRefused:
        return
    dialogue.close()


def answers_after_a_while(pieces: list[bytes]) -> None:
    """A chip that is right at first, and then says anything, is refused, or was not listened to."""
    document = _document(len(pieces) % 2 == 0)
    chip, left = Chip(document, chance=_chance()), list(pieces)
    dialogue = read_chip(document.key, _chance())
    good = sum(pieces[0]) % 30 if pieces and pieces[0] else 0
    try:
        command = next(dialogue)
        for number in range(COMMANDS_MAX):
            command = dialogue.send(left.pop(0) if number >= good and left else chip.transmit(command))
        raise AssertionError(f"over {COMMANDS_MAX} commands")
    except ChipRefused:
        return
    except StopIteration as ended:
        reading: Reading = ended.value
        assert {0x0100 + number: file for number, file in reading.groups.items()}.items() <= document.files.items()


def messaging(pieces: list[bytes]) -> None:
    """Nothing that was not made with the keys is let through."""
    for suite in Suite:
        for piece in pieces:
            near = SecureMessaging(suite, b"secret")
            near.wrap(Command(0, 0xB0, 0, 0, le=8))
            try:
                near.unwrap(piece)
            except (ChipRefused, der.Malformed):
                continue
            raise AssertionError("an answer without the key was believed")


def infos(pieces: list[bytes]) -> None:
    """What a chip says of itself, in the open and in DG14."""
    said = b"".join(pieces)
    for read in (security_infos.card_access, security_infos.group_14):
        try:
            found = read(said)
        except (ChipRefused, der.Malformed):
            continue
        assert len(found.pace) + len(found.chip_keys) + len(found.chip_methods) <= der.MAX_ELEMENTS


def chip(pieces: list[bytes]) -> None:
    """The simulated chip answers whatever it is asked, with a status at the least."""
    device = Chip(_document(True), chance=_chance())
    for piece in pieces:
        answer = device.transmit(piece)
        assert 2 <= len(answer) <= 65538


_COMMANDS = [
    bytes.fromhex("00A4020C02011C"),
    bytes.fromhex("00B0000008"),
    bytes.fromhex("0022C1A40F800A04007F00070202040204830101"),
    bytes.fromhex("10860000027C0000"),
    bytes.fromhex("0084000008"),
    bytes.fromhex("0CB000000D9701048E08ED6705417E96BA5500"),
]
_ANSWERS = [b"\x90\x00", card_access(_OFFERS)[:8] + b"\x90\x00", bytes.fromhex("990290008E08FA855A5D4C50A8ED9000")]
TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "emrtd answers": answers,
    "emrtd answers after a while": answers_after_a_while,
    "emrtd messaging": messaging,
    "emrtd infos": infos,
    "emrtd chip": chip,
}
SEEDS: dict[str, list[bytes]] = {
    "emrtd answers": _ANSWERS,
    "emrtd answers after a while": _ANSWERS,
    "emrtd messaging": [bytes.fromhex("8709019FF0EC34F9922651990290008E08AD55CC17140B2DED9000"), _ANSWERS[2]],
    "emrtd infos": [card_access(_OFFERS), group_14(_OFFERS, _KEY, "sha256"), group_14((), _KEY, written_out=True)],
    "emrtd chip": _COMMANDS,
}
