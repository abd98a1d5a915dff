"""The PC/SC driver at its edges: which reader it takes, and what it makes of every way in which PC/SC can fail."""

import subprocess
import sys

import pytest
from scard import CODES, FakeScard

from gatefw.errors import DeviceLost, WrongDevice
from gatefw.model import Reason
from gatefw.ports import DocumentFailed
from hw.document_pcsc import PcscDocumentReader, Settings
from hw.sim.chip import Chip, Personalisation
from hw.sim.chip_faults import garbage, torn_off
from hw.sim.chip_keys import personalise
from hw.sim.passport import Authority, Signer

NAMES = ("Reader A 00 00", "Reader B 00 00", "Reader B 01 00")


@pytest.fixture(scope="module")
def made() -> Personalisation:
    return personalise(Signer(Authority()), picture=b"\xff\xd8\xff" + bytes(500))[1]


def still() -> float:
    return 0.0


def open_on(scard: FakeScard, reader: str = "Reader A") -> PcscDocumentReader:
    return PcscDocumentReader(Settings(reader), scard, still)


def refused(reader: PcscDocumentReader, made: Personalisation) -> Reason:
    with pytest.raises(DocumentFailed) as caught:
        reader.read(made.key, 60.0, lambda: False)
    return caught.value.reason


def test_the_codes_of_these_tests_are_pyscards() -> None:
    real = pytest.importorskip("smartcard.scard")
    assert {name: getattr(real, name) for name in CODES} == CODES


def test_a_reader_is_found_by_the_beginning_of_its_name() -> None:
    scard = FakeScard(*NAMES)
    reader = open_on(scard)
    assert not reader.present()
    reader.close()
    open_on(scard, "Reader B 01").close()
    assert scard.contexts == 0


def test_a_name_that_fits_two_readers_is_wrong_and_names_them() -> None:
    scard = FakeScard(*NAMES)
    with pytest.raises(WrongDevice, match="names 2 readers: Reader B 00 00, Reader B 01 00"):
        open_on(scard, "Reader B")
    assert scard.contexts == 0


@pytest.mark.parametrize(("names", "found"), [((), "none"), (NAMES[1:], "Reader B 00 00, Reader B 01 00")])
def test_a_reader_that_is_not_there_is_lost_and_the_others_are_named(names: tuple[str, ...], found: str) -> None:
    scard = FakeScard(*names)
    with pytest.raises(DeviceLost, match=f"no such reader: pcscd has {found}"):
        open_on(scard)
    assert scard.contexts == 0


def test_without_pcscd_the_reader_is_lost_and_it_says_what_to_look_at() -> None:
    scard = FakeScard(*NAMES)
    scard.service = False
    with pytest.raises(DeviceLost, match="does pcscd run, is the reader plugged in"):
        open_on(scard)


def test_a_reader_that_pcscd_has_lost_is_lost(made: Personalisation) -> None:
    scard = FakeScard(*NAMES)
    reader = open_on(scard)
    scard.chip = Chip(made)
    scard.readers.remove(NAMES[0])
    with pytest.raises(DeviceLost, match="plugged in"):
        reader.present()
    reader.close()


def test_a_card_that_does_not_answer_its_reset_is_not_present_and_unreadable(made: Personalisation) -> None:
    scard = FakeScard(*NAMES)
    reader = open_on(scard)
    scard.mute = True
    assert not reader.present()
    assert refused(reader, made) is Reason.DOCUMENT_UNREADABLE
    reader.close()


def test_a_chip_that_is_taken_away_is_not_reset(made: Personalisation) -> None:
    scard = FakeScard(*NAMES)
    reader = open_on(scard)
    scard.chip = Chip(made, torn_off(7))
    assert refused(reader, made) is Reason.DOCUMENT_REMOVED
    assert scard.left_as == CODES["SCARD_LEAVE_CARD"]
    reader.close()


@pytest.mark.parametrize("said", [b"", b"\x90"])
def test_an_answer_of_no_status_from_a_chip_that_stays_is_unreadable_and_the_chip_is_reset(
    made: Personalisation, said: bytes
) -> None:
    scard = FakeScard(*NAMES)
    reader = open_on(scard)
    scard.chip = Chip(made, garbage(3, said))
    assert refused(reader, made) is Reason.DOCUMENT_UNREADABLE
    assert scard.left_as == CODES["SCARD_RESET_CARD"]
    reader.close()


def test_a_command_that_fails_while_the_chip_stays_is_unreadable(made: Personalisation) -> None:
    scard = FakeScard(*NAMES)
    reader = open_on(scard)
    scard.chip = Chip(made)
    scard.refuses_with = CODES["SCARD_E_NOT_TRANSACTED"]
    assert refused(reader, made) is Reason.DOCUMENT_UNREADABLE
    reader.close()


def test_pcscd_gone_in_the_middle_is_a_lost_reader_and_no_bad_document(made: Personalisation) -> None:
    scard = FakeScard(*NAMES)
    reader = open_on(scard)

    def fault(number: int, command: bytes, answer: bytes) -> bytes:
        scard.service, scard.refuses_with = number < 5, CODES["SCARD_E_NO_SERVICE"] if number == 5 else 0
        return answer if number < 5 else b""

    scard.chip = Chip(made, fault)
    with pytest.raises(DeviceLost):
        reader.read(made.key, 60.0, lambda: False)
    reader.close()


def test_extended_lengths_take_fewer_commands_for_the_same_files(made: Personalisation) -> None:
    scard, counts = FakeScard(*NAMES), []
    for part_bytes in (223, 4096):
        reader = PcscDocumentReader(Settings("Reader A", part_bytes), scard, still)
        scard.chip = Chip(made)
        assert reader.read(made.key, 60.0, lambda: False).groups[2] == made.files[0x0102]
        counts.append(scard.chip.commands)
        reader.close()
    assert counts[1] < counts[0]


def test_without_pyscard_the_driver_says_what_to_install() -> None:
    program = """
import sys
sys.modules["smartcard"] = None  # how Python marks what cannot be imported
from hw import document_pcsc
try:
    document_pcsc.open(document_pcsc.Settings("Reader A"))
except Exception as problem:
    print(type(problem).__name__, problem)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.stdout.startswith("SetupError") and "python3-pyscard" in ran.stdout, ran.stderr
