"""The simulated chip: it lets nobody in without the key, and is no kinder than a real one: else it proves nothing."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.sim.chip import Chip, Personalisation
from hw.sim.chip_keys import CARD_ACCESS, AgreementKey, Offer, personalise
from hw.sim.passport import Authority, Signer


def chance() -> Callable[[int], bytes]:
    turn = iter(range(100_000))
    return lambda count: hashlib.shake_128(next(turn).to_bytes(4, "big")).digest(count)


@pytest.fixture(scope="module")
def made() -> Personalisation:
    key = AgreementKey(12, 0xABCDEF)
    return personalise(Signer(Authority()), None, (Offer(4, 12),), key, picture=b"\xff\xd8\xff" + bytes(100))[1]


def status(chip: Chip, command: str) -> str:
    return chip.transmit(bytes.fromhex(command))[-2:].hex().upper()


@pytest.mark.parametrize("file", [0x0101, 0x0102, 0x010E, 0x011D, 0x011E])
def test_in_the_open_no_file_but_ef_cardaccess_can_be_selected(made: Personalisation, file: int) -> None:
    chip = Chip(made)
    assert status(chip, "00A4040C07A0000002471001") == "9000"
    assert status(chip, f"00A4020C02{file:04X}") == "6982"
    assert status(chip, "00B0000008") == "6986"
    assert status(chip, f"00A4020C02{CARD_ACCESS:04X}") == "9000"
    assert chip.transmit(bytes.fromhex("00B0000000")) == made.files[CARD_ACCESS] + b"\x90\x00"
    assert status(chip, "00B07F0000") == "6B00"


@pytest.mark.parametrize(
    ("commands", "last"),
    [
        (["0082000028" + "00" * 40 + "28"], "6985"),  # no challenge was fetched
        (["0084000008", "0082000028" + "00" * 40 + "28"], "6300"),
        (["0084000008", "0082000028" + "00" * 40 + "28", "0082000028" + "00" * 40 + "28"], "6985"),  # one try each
        (["10860000027C0000"], "6985"),  # PACE was not begun
        (["0022C1A40F800A04007F00070202040202830101"], "6A80"),  # another cipher than its own
        (["0022C1A40F800A04007F00070202040204830102"], "6A80"),  # another password than the printed one
        (["0022C1A40F800A04007F00070202040204830101", "10860000047C02820000"], "6A80"),  # a step out of order
        (["0022C1A40F800A04007F00070202040204830101", "10860000027C0000", "10860000067C048102040500"], "6A80"),
        (["002241A406800404007F00"], "6982"),  # Chip Authentication outside secure messaging
        (["00880000080000000000000000" + "00"], "6982"),
        (["0CB000000D9701048E08ED6705417E96BA5500"], "6988"),  # there is no session
        (["00A4040C07A0000002471002"], "6A82"),
        (["00FF0000"], "6D00"),
        (["00A4"], "6700"),
        (["00A4020C03011E"], "6700"),
        (["00B1000004540200FF00"], "6986"),
    ],
)
def test_what_is_out_of_order_is_answered_as_the_standard_says(
    made: Personalisation, commands: list[str], last: str
) -> None:
    chip = Chip(made)
    assert [status(chip, command) for command in commands][-1] == last


def test_a_chip_that_does_not_know_bac_refuses_it(made: Personalisation) -> None:
    chip = Chip(Personalisation(made.files, made.key, made.offers, basic_access=False))
    assert status(chip, "0084000008") == "6982"


@given(commands=st.lists(st.binary(max_size=60) | st.binary(max_size=40).map(lambda data: b"\x0c\xa4\x02\x0c" + data)))
def test_whatever_it_is_told_it_answers_with_a_status_and_gives_no_file_away(
    made: Personalisation, commands: list[bytes]
) -> None:
    chip = Chip(made, chance=chance())
    for command in commands:
        answer = chip.transmit(command)
        assert len(answer) >= 2
        assert made.files[0x0101][4:40] not in answer
