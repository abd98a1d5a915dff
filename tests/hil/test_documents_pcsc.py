"""Tier 2: a document from the printing office to the gate's verdict, through the real smart card daemon.

The promises of the driver alone are kept behind pcscd too: `tests/conformance/test_document.py -m pcsc`.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pcscd import READER, Pcscd, alone
from peers import until
from utopia import HOLDER, JPEG, NOW, authority, fill, revocations, signer

from gatefw.document_worker import DocumentWorker, Trusted
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.model import ChipProof, DocumentRead, Failed, ReadDocument, Reason, Reply, RunId
from gatefw.wall_time import WallTime
from hw import document_pcsc
from hw.sim.chip import Chip, Fault, Personalisation
from hw.sim.chip_faults import slow, torn_off
from hw.sim.chip_keys import AgreementKey, Offer, personalise
from hw.sim.vpcd import VirtualDocument

pytestmark = pytest.mark.pcsc
WALL = WallTime(int(NOW.timestamp() * 1e9), synchronised=True)
KEY = AgreementKey(13, 0x1234567)


class Desk:
    """The gate's document reader at work: its thread, the real driver, the real daemon; documents come and go."""

    def __init__(self, directory: Path) -> None:
        store = fill(directory / "csca", csca_cer=authority().certificate, utopia_crl=revocations(authority()))
        self.inputs: list[GateInput] = []
        self._document: VirtualDocument | None = None
        self.daemon = Pcscd(directory)
        self.daemon.start()
        settings = document_pcsc.Settings(READER)
        trusted = Trusted(store, clock=lambda: WALL)
        put = self.inputs.append
        self._worker = DocumentWorker("document.front", lambda: document_pcsc.open(settings), put, trusted)
        self._worker.start()
        until(lambda: DeviceCame("document.front") in self.inputs, "the reader is there")

    def ask(self, zone: bytes, deadline_s: float = 60.0) -> None:
        self._worker.ask(Ask(RunId("run"), len(self.inputs), ReadDocument(zone, deadline_s)))

    def answered(self) -> Reply:
        found = until(lambda: next((each for each in self.inputs if isinstance(each, Answered)), None), "an answer")
        self.inputs.remove(found)
        return found.reply

    def lay_down(self, made: Personalisation, fault: Fault | None = None) -> None:
        self._document = VirtualDocument(Chip(made, fault))

    def wait_for_document(self) -> None:
        reader = document_pcsc.open(document_pcsc.Settings(READER))
        try:
            until(reader.present, "pcscd has seen the document")
        finally:
            reader.close()

    def take_away(self) -> None:
        if self._document is not None:
            self._document.take_away()

    def close(self) -> None:
        self._worker.stop()
        self.take_away()
        self.daemon.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with alone():
        desk = Desk(tmp_path)
        yield desk
        desk.close()


def passport(**words: object) -> tuple[bytes, Personalisation]:
    document, made = personalise(signer(), HOLDER, picture=JPEG, **words)  # type: ignore[arg-type]
    return document.printed, made


@pytest.mark.parametrize("first", ["the question", "the document"])
def test_a_document_with_pace_and_chip_authentication_is_believed_whichever_comes_first(desk: Desk, first: str) -> None:
    zone, made = passport(offers=(Offer(4, 13),), agreement=KEY)
    steps: list[Callable[[], None]] = [lambda: desk.ask(zone), lambda: desk.lay_down(made)]
    for step in steps if first == "the question" else reversed(steps):
        step()
    read = desk.answered()
    assert isinstance(read, DocumentRead)
    assert (read.number, read.portrait, read.proof) == (HOLDER.number, JPEG, ChipProof.CHIP)


def test_a_document_with_bac_and_active_authentication_is_believed(desk: Desk) -> None:
    zone, made = passport(signing=rsa.generate_private_key(65537, 2048))
    desk.lay_down(made)
    desk.ask(zone)
    read = desk.answered()
    assert isinstance(read, DocumentRead)
    assert read.proof is ChipProof.ACTIVE


def test_a_document_taken_away_in_the_middle_is_told_and_the_next_one_is_read(desk: Desk) -> None:
    zone, made = passport(offers=(Offer(4, 13),), agreement=KEY)
    desk.lay_down(made, torn_off(25))
    desk.ask(zone)
    assert desk.answered() == Failed(Reason.DOCUMENT_REMOVED)
    desk.lay_down(made)
    desk.ask(zone)
    assert isinstance(desk.answered(), DocumentRead)


def test_what_is_printed_on_another_document_does_not_open_it(desk: Desk) -> None:
    _, made = passport(offers=(Offer(4, 13),), agreement=KEY)
    desk.lay_down(made)
    desk.ask(dataclasses.replace(HOLDER, number="X00000001").lines())
    assert desk.answered() == Failed(Reason.DOCUMENT_KEY_WRONG)


def test_a_slow_chip_is_given_up_within_the_questions_time(desk: Desk) -> None:
    zone, made = passport()
    pause = threading.Event()
    desk.lay_down(made, slow(lambda: pause.wait(0.2)))
    desk.wait_for_document()  # or else the time might be over before pcscd has seen it
    desk.ask(zone, deadline_s=0.9)
    assert desk.answered() == Failed(Reason.DOCUMENT_TIMEOUT)


def test_an_altered_group_is_refused(desk: Desk) -> None:
    zone, made = passport()
    _, other = personalise(signer(), HOLDER, picture=JPEG + b"of somebody else")
    desk.lay_down(dataclasses.replace(made, files={**made.files, 0x0102: other.files[0x0102]}))
    desk.ask(zone)
    assert desk.answered() == Failed(Reason.DOCUMENT_ALTERED)


def test_a_daemon_that_dies_takes_the_reader_with_it_and_brings_it_back(desk: Desk) -> None:
    desk.daemon.stop()
    gone = DeviceWent("document.front", Reason.DEVICE_LOST)
    until(lambda: gone in desk.inputs, "the reader is gone")
    desk.inputs.clear()
    desk.daemon.start()
    until(lambda: DeviceCame("document.front") in desk.inputs, "the reader is back")
    zone, made = passport()
    desk.lay_down(made)
    desk.ask(zone)
    assert isinstance(desk.answered(), DocumentRead)
