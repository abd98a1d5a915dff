"""Every reader of travel documents: who is read, who is refused and with which reason, and that it can go on after."""

import selectors
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pcscd import READER, Pcscd, alone
from peers import until
from scard import FakeScard

from gatefw.errors import DeviceLost
from gatefw.model import ChipProof, Reason
from gatefw.ports import ChipRead, DocumentFailed
from hw import document_pcsc, document_socket
from hw.sim.chip import Chip, Fault, Personalisation
from hw.sim.chip_faults import altered, garbage, replayed, slow, torn_off
from hw.sim.chip_keys import CARD_ACCESS, AgreementKey, Offer, personalise
from hw.sim.passport import Authority, Signer
from hw.sim.passport_office import DocumentTray
from hw.sim.vpcd import VirtualDocument

ROLE = "document"
LONG_S = 60.0
PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 4


class _InMemory:
    """The driver's own object on a PC/SC interface of ours, with a clock that a slow chip moves."""

    driver: Any
    pause_s = 1.0

    def __init__(self, path: Path) -> None:
        self.scard, self.now_s = FakeScard("Reader A 00 00"), 0.0
        self._opened: list[Any] = []

    def open(self) -> Any:
        settings = self.driver.Settings(reader="Reader A")
        self._opened.append(self.driver.PcscDocumentReader(settings, self.scard, lambda: self.now_s))
        return self._opened[-1]

    def lay_down(self, made: Personalisation, fault: Fault | None = None) -> None:
        self.scard.chip = Chip(made, fault)

    def take_away(self) -> None:
        self.scard.chip = None

    def pause(self) -> None:
        self.now_s += self.pause_s

    def unplug(self) -> None:
        self.scard.service = False

    def plug(self) -> None:
        self.scard.service = True

    def close(self) -> None:
        for reader in self._opened:
            reader.close()
        assert self.scard.contexts == 0


class _BehindPcscd:
    """The driver as it is opened for a lane, the real pcscd, and a chip behind its virtual reader."""

    driver: Any = document_pcsc
    pause_s = 0.1

    def __init__(self, path: Path) -> None:
        self._end = ExitStack()
        self._end.enter_context(alone())
        self._daemon = Pcscd(path)
        self._document: VirtualDocument | None = None
        self._opened: list[Any] = []
        try:
            self.plug()
        except BaseException:
            self.close()
            raise

    def open(self) -> Any:
        self._opened.append(self.driver.open(self.driver.Settings(reader=READER)))
        return self._opened[-1]

    def lay_down(self, made: Personalisation, fault: Fault | None = None) -> None:
        self.take_away()
        self._document = VirtualDocument(Chip(made, fault))
        self._wait_for(True)

    def take_away(self) -> None:
        if self._document is not None:
            self._document.take_away()
            self._document = None
            self._wait_for(False)

    def pause(self) -> None:
        threading.Event().wait(self.pause_s)

    def plug(self) -> None:
        self._daemon.start()
        self._wait_for(False)

    def unplug(self) -> None:
        self._daemon.stop()

    def _open_or_not(self) -> Any:
        assert self._daemon.runs, "pcscd ended by itself"
        try:
            return self.driver.open(self.driver.Settings(reader=READER))
        except DeviceLost:
            return None

    def _wait_for(self, there: bool) -> None:
        """pcscd looks a few times a second; a document laid down before it saw the last one go is missed."""
        reader = until(self._open_or_not, "pcscd has its reader")
        try:
            until(lambda: reader.present() is there, "pcscd has seen the field change")
        finally:
            reader.close()

    def close(self) -> None:
        for reader in self._opened:
            reader.close()
        if self._document is not None:
            self._document.take_away()
        self._daemon.stop()
        self._end.close()


class _OnASocket:
    """The driver as it is opened for a lane, and the simulated world's reader on the other side of its socket."""

    driver: Any = document_socket
    pause_s = 0.1

    def __init__(self, path: Path) -> None:
        self._path = path / "chip.sock"
        self._opened: list[Any] = []
        self.plug()

    def open(self) -> Any:
        self._opened.append(self.driver.open(self.driver.Settings(path=str(self._path), answer_s=60.0)))
        return self._opened[-1]

    def lay_down(self, made: Personalisation, fault: Fault | None = None) -> None:
        self._tray.lay(Chip(made, fault))

    def take_away(self) -> None:
        self._tray.lay(None)

    def pause(self) -> None:
        threading.Event().wait(self.pause_s)

    def plug(self) -> None:
        self._selector, self._over = selectors.DefaultSelector(), threading.Event()
        self._tray = DocumentTray(self._selector, self._path)
        self._thread = threading.Thread(target=self._serve, name="document reader", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        self._over.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._over.is_set():
            for key, mask in self._selector.select(0.05):
                key.data(mask)
        self._tray.close()
        self._selector.close()

    def close(self) -> None:
        for reader in self._opened:
            reader.close()
        self.unplug()


def in_memory(path: Path) -> _InMemory:
    return _InMemory(path)


def on_a_socket(path: Path) -> _OnASocket:
    return _OnASocket(path)


def behind_pcscd(path: Path) -> _BehindPcscd:
    return _BehindPcscd(path)


behind_pcscd.marks = [pytest.mark.pcsc]  # type: ignore[attr-defined]  # what the suite's fixture puts on its tests
BENCHES = {"pcsc": [in_memory, behind_pcscd], "socket": [on_a_socket]}


@pytest.fixture(autouse=True)
def by_hand(request: pytest.FixtureRequest) -> None:
    """On a real reader nobody can lay down what these tests make: only what needs no document is tried there."""
    if request.config.getoption("device", default=None) and request.node.originalname not in WITHOUT_A_DOCUMENT:
        pytest.skip("wants the simulated chip")


WITHOUT_A_DOCUMENT = ("test_where_nothing_lies_there_is_no_document", "test_closing_twice_is_harmless")


@cache
def office() -> Signer:
    return Signer(Authority())


@cache
def signing_key(kind: str) -> Any:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


AGREEMENT = AgreementKey(13, 0x1CE1CE1CE1CE1CE1CE1CE1CE1CE1CE1CE1CE, 4)
AES_256, AES_128, TRIPLE_DES = Offer(4, 13), Offer(2, 12), Offer(1, 12)
KINDS: dict[str, tuple[dict[str, Any], ChipProof]] = {
    "PACE with Chip Authentication": ({"offers": (AES_256,), "agreement": AGREEMENT}, ChipProof.CHIP),
    "PACE of three kinds, its key written out": (
        {"offers": (TRIPLE_DES, AES_128, AES_256), "agreement": AGREEMENT, "written_out": True},
        ChipProof.CHIP,
    ),
    "PACE with 3DES throughout": (
        {"offers": (TRIPLE_DES,), "agreement": AgreementKey(12, 0xC0FFEE, 1, 5)},
        ChipProof.CHIP,
    ),
    "BAC with Active Authentication by RSA": ({"signing": "rsa"}, ChipProof.ACTIVE),
    "PACE with Active Authentication by ECDSA": ({"offers": (AES_128,), "signing": "ec"}, ChipProof.ACTIVE),
    "BAC alone": ({}, ChipProof.NONE),
}


def document(kind: str = "PACE with Chip Authentication", picture: bytes = PICTURE) -> Personalisation:
    words = dict(KINDS[kind][0])
    if "signing" in words:
        words["signing"] = signing_key(words["signing"])
    return personalise(office(), picture=picture, **words)[1]


def never() -> bool:
    return False


def refused(reader: Any, key: bytes, deadline_s: float = LONG_S, given_up: Any = never) -> Reason:
    with pytest.raises(DocumentFailed) as caught:
        reader.read(key, deadline_s, given_up)
    assert key.decode() not in str(caught.value)
    return caught.value.reason


def is_read(reader: Any, made: Personalisation, proof: ChipProof = ChipProof.CHIP) -> bool:
    read: ChipRead = reader.read(made.key, LONG_S, never)
    files = {0x0100 + number: file for number, file in read.groups.items()} | {0x011E: read.com, 0x011D: read.sod}
    return files == {name: file for name, file in made.files.items() if name != CARD_ACCESS} and read.proof is proof


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_read_to_the_last_byte_and_proven_by_what_its_chip_has(bench: Any, kind: str) -> None:
    reader, made = bench.open(), document(kind)
    bench.lay_down(made)
    assert reader.present()
    assert is_read(reader, made, KINDS[kind][1])
    assert is_read(reader, made, KINDS[kind][1])  # the chip was reset after the first time


def test_where_nothing_lies_there_is_no_document(bench: Any) -> None:
    reader = bench.open()
    assert not reader.present()
    assert refused(reader, document().key) is Reason.NO_DOCUMENT


@pytest.mark.parametrize("kind", ["PACE with Chip Authentication", "BAC alone"])
def test_a_key_that_is_not_the_printed_one_opens_nothing_and_the_right_one_does_after(bench: Any, kind: str) -> None:
    reader, made = bench.open(), document(kind)
    bench.lay_down(made)
    assert refused(reader, made.key[:-1] + bytes([made.key[-1] ^ 1])) is Reason.DOCUMENT_KEY_WRONG
    assert is_read(reader, made, KINDS[kind][1])


@pytest.mark.parametrize("after", [0, 1, 4, 9, 20])
def test_a_document_torn_off_is_told_from_a_bad_one_and_the_next_is_read(bench: Any, after: int) -> None:
    reader, made = bench.open(), document()
    bench.lay_down(made, torn_off(after))
    assert refused(reader, made.key) is Reason.DOCUMENT_REMOVED
    bench.lay_down(made)
    assert is_read(reader, made)


def test_a_document_taken_away_before_it_is_read_is_none(bench: Any) -> None:
    reader, made = bench.open(), document()
    bench.lay_down(made)
    assert reader.present()
    bench.take_away()
    assert not reader.present()
    assert refused(reader, made.key) is Reason.NO_DOCUMENT


def test_a_slow_chip_is_given_up_at_the_deadline(bench: Any) -> None:
    reader, made = bench.open(), document()
    bench.lay_down(made, slow(bench.pause))
    assert refused(reader, made.key, 3 * bench.pause_s) is Reason.DOCUMENT_TIMEOUT
    bench.lay_down(made)
    assert is_read(reader, made)


def test_a_reading_that_nobody_wants_any_more_ends_at_the_next_command(bench: Any) -> None:
    reader, made = bench.open(), document()
    bench.lay_down(made)
    looks = iter([False] * 5 + [True] * 100)
    assert refused(reader, made.key, given_up=lambda: next(looks)) is Reason.DOCUMENT_TIMEOUT
    assert next(looks)
    assert is_read(reader, made)


def test_a_copy_without_the_chips_key_is_a_clone(bench: Any) -> None:
    made = document()
    bench.lay_down(replace(made, agreement=replace(AGREEMENT, secret=AGREEMENT.secret + 1)))
    assert refused(bench.open(), made.key) is Reason.DOCUMENT_CLONED


def test_a_copy_that_cannot_do_chip_authentication_is_a_clone(bench: Any) -> None:
    made = document()
    bench.lay_down(replace(made, agreement=None))
    assert refused(bench.open(), made.key) is Reason.DOCUMENT_CLONED


@pytest.mark.parametrize("kind", ["BAC with Active Authentication by RSA", "PACE with Active Authentication by ECDSA"])
def test_a_copy_that_signs_with_another_key_or_not_at_all_is_a_clone(bench: Any, kind: str) -> None:
    reader, made = bench.open(), document(kind)
    other = rsa.generate_private_key(65537, 2048) if "RSA" in kind else ec.generate_private_key(ec.SECP256R1())
    for signing in (other, None):
        bench.lay_down(replace(made, signing=signing))
        assert refused(reader, made.key) is Reason.DOCUMENT_CLONED


def test_an_ef_cardaccess_that_was_taken_away_is_a_downgrade_and_refused(bench: Any) -> None:
    made = document("PACE with Active Authentication by ECDSA")
    files = {name: file for name, file in made.files.items() if name != CARD_ACCESS}
    bench.lay_down(replace(made, files=files))
    assert refused(bench.open(), made.key) is Reason.DOCUMENT_ALTERED


def test_bac_is_not_tried_after_pace_has_failed(bench: Any) -> None:
    made, asked = document(), []

    def fault(number: int, command: bytes, answer: bytes) -> bytes:
        asked.append(command[:4])
        return b"\x6a\x80" if command[:2] == b"\x10\x86" else answer

    bench.lay_down(made, fault)
    assert refused(bench.open(), made.key) is Reason.DOCUMENT_UNREADABLE
    assert asked[-1][:2] == b"\x10\x86"
    assert b"\x00\x84\x00\x00" not in asked


@pytest.mark.parametrize(
    "fault", [altered(20, -5), replayed(20), garbage(20, b"\x90"), garbage(20, b"\x90\x00"), garbage(20, bytes(300))]
)
def test_an_answer_that_is_not_the_chips_ends_the_reading(bench: Any, fault: Fault) -> None:
    reader, made = bench.open(), document()
    bench.lay_down(made, fault)
    assert refused(reader, made.key) is Reason.DOCUMENT_UNREADABLE


def test_a_reader_that_is_pulled_is_lost_and_comes_back(bench: Any) -> None:
    reader, made = bench.open(), document()
    bench.lay_down(made)
    bench.unplug()
    with pytest.raises(DeviceLost):
        reader.present()
    with pytest.raises(DeviceLost):
        reader.read(made.key, LONG_S, never)
    with pytest.raises(DeviceLost):
        bench.open()
    reader.close()
    bench.plug()
    bench.lay_down(made)
    assert is_read(bench.open(), made)


def test_closing_twice_is_harmless(bench: Any) -> None:
    reader = bench.open()
    reader.close()
    reader.close()
