"""The thread that owns the document reader: what it asks, what it answers, and whom it trusts from now on."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers import until
from utopia import HOLDER, JPEG, NOW, SECRETS, as_read, authority, fill, passport, revocations, signer

from gatefw import document_worker
from gatefw.document_worker import DocumentWorker, Trusted
from gatefw.errors import DeviceLost, StoreError
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.model import ChipProof, DocumentRead, Failed, ReadDocument, Reason, Reply, RunId
from gatefw.ports import ChipRead, DocumentFailed
from gatefw.wall_time import WallTime
from hw.wire import mrz

WALL = WallTime(int(NOW.timestamp() * 1e9), synchronised=True)
KEY = mrz.chip_key(mrz.parse(passport().printed))


class Reader:
    """A reader at the port: `lies` says whether a document lies on it, `brings` what it brings or why it does not."""

    def __init__(self) -> None:
        self.lies: Callable[[], bool] = lambda: True
        self.brings: ChipRead | Exception = as_read(passport())
        self.asked: list[tuple[bytes, float]] = []
        self.gone = self.closed = False

    def present(self) -> bool:
        if self.gone:
            raise DeviceLost("the reader was unplugged")
        return self.lies()

    def read(self, key: bytes, deadline_s: float, given_up: Callable[[], bool]) -> ChipRead:
        self.asked.append((key, deadline_s))
        if isinstance(self.brings, Exception):
            raise self.brings
        return self.brings

    def close(self) -> None:
        self.closed = True


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return fill(tmp_path / "csca", csca_cer=authority().certificate, utopia_crl=revocations(authority()))


def worker_of(reader: Reader, trusted: Trusted, put: Callable[[GateInput], None], clock: Clock) -> DocumentWorker:
    return DocumentWorker("document.front", lambda: reader, put, trusted, clock)


@pytest.fixture
def trusted(store: Path) -> Trusted:
    return Trusted(store, clock=lambda: WALL)


def answer(reader: Reader, trusted: Trusted, zone: bytes = passport().printed, clock: Clock | None = None) -> Reply:
    """What the worker says to one question, asked without its thread."""
    worker = worker_of(reader, trusted, lambda _: None, clock or Clock())
    return worker.answer(reader, ReadDocument(zone, 10.0), lambda: False)


def test_a_good_document_is_read_with_what_is_printed_on_it(trusted: Trusted) -> None:
    reader = Reader()
    read = answer(reader, trusted)
    assert isinstance(read, DocumentRead)
    assert (read.number, read.portrait, reader.asked) == (HOLDER.number, JPEG, [(KEY, 10.0)])


def test_a_zone_that_was_misread_never_reaches_the_chip(trusted: Trusted) -> None:
    reader = Reader()
    assert answer(reader, trusted, passport().printed[:-1] + b"9") == Failed(Reason.MRZ_MALFORMED)
    assert reader.asked == []


def test_a_document_may_be_laid_down_until_the_time_is_over(trusted: Trusted) -> None:
    reader, clock = Reader(), Clock()

    def lies_after_4_s() -> bool:
        clock.now_s += 1.0
        return clock.now_s >= 1004.0

    reader.lies = lies_after_4_s
    assert isinstance(answer(reader, trusted, clock=clock), DocumentRead)
    assert reader.asked == [(KEY, 6.0)]


def test_no_document_is_an_answer_when_the_time_is_over_or_nobody_waits(trusted: Trusted) -> None:
    reader, clock = Reader(), Clock()

    def never() -> bool:
        clock.now_s += 3.0
        return False

    reader.lies = never
    assert answer(reader, trusted, clock=clock) == Failed(Reason.NO_DOCUMENT)
    worker = worker_of(reader, trusted, lambda _: None, Clock())
    reader.lies = lambda: False
    given_up = worker.answer(reader, ReadDocument(passport().printed, 3600.0), lambda: True)
    assert (given_up, reader.asked) == (Failed(Reason.NO_DOCUMENT), [])


@pytest.mark.parametrize(
    "reason",
    [
        Reason.DOCUMENT_KEY_WRONG,
        Reason.DOCUMENT_REMOVED,
        Reason.DOCUMENT_TIMEOUT,
        Reason.DOCUMENT_UNREADABLE,
        Reason.DOCUMENT_UNSUPPORTED,
        Reason.DOCUMENT_CLONED,
    ],
)
def test_what_the_chip_did_wrong_is_answered_with_its_own_reason(trusted: Trusted, reason: Reason) -> None:
    reader = Reader()
    reader.brings = DocumentFailed(reason, "as the driver says")
    assert answer(reader, trusted) == Failed(reason)


def test_what_does_not_hold_is_answered_with_its_own_reason_and_logged_without_the_traveller(
    trusted: Trusted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader = Reader()
    reader.brings = as_read(passport(), groups={**passport().groups, 2: b"another"})
    assert answer(reader, trusted) == Failed(Reason.DOCUMENT_ALTERED)
    answer(reader, trusted, passport().printed[:-1] + b"9")
    assert "document.front: document_altered" in caplog.text
    assert not any(secret.decode() in caplog.text for secret in SECRETS)


def test_while_nobody_vouches_for_the_clock_nobody_is_believed(store: Path) -> None:
    unsure = WallTime(WALL.ns, synchronised=False)
    assert answer(Reader(), Trusted(store, clock=lambda: unsure)) == Failed(Reason.TIME_UNVERIFIED)
    indifferent = Trusted(store, clock=lambda: unsure, needs_synchronised=False)
    assert isinstance(answer(Reader(), indifferent), DocumentRead)


# ---------------------------------------------------------------- the store, again and again


def touched(path: Path, data: bytes) -> None:
    """The file, changed in a way that also a file system with slow clocks shows."""
    path.write_bytes(data)
    os.utime(path, ns=(path.stat().st_mtime_ns + 2_000_000_000,) * 2)


def test_a_new_revocation_list_counts_without_a_restart(store: Path, trusted: Trusted) -> None:
    reader, clock = Reader(), Clock()
    worker = worker_of(reader, trusted, lambda _: None, clock)
    question = ReadDocument(passport().printed, 10.0)
    touched(store / "utopia.crl", revocations(authority(), signer().serial))
    worker.idle(reader)
    assert isinstance(worker.answer(reader, question, lambda: False), DocumentRead)
    clock.now_s += document_worker.STORE_POLL_S
    worker.idle(reader)
    assert worker.answer(reader, question, lambda: False) == Failed(Reason.DOCUMENT_SIGNER_REVOKED)


def test_a_store_that_went_bad_is_told_and_the_one_before_goes_on(
    store: Path, trusted: Trusted, caplog: pytest.LogCaptureFixture
) -> None:
    touched(store / "csca.cer", b"broken")
    trusted.refresh()
    assert "what was trusted before stays" in caplog.text
    assert isinstance(answer(Reader(), trusted), DocumentRead)
    caplog.clear()
    trusted.refresh()
    assert caplog.text == ""  # once is enough
    (store / "csca.cer").unlink()
    (store / "utopia.crl").unlink()
    store.rmdir()
    trusted.refresh()
    assert isinstance(answer(Reader(), trusted), DocumentRead)


def test_a_store_that_is_bad_at_the_start_keeps_the_daemon_from_starting(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        Trusted(tmp_path / "none", clock=lambda: WALL)


# ---------------------------------------------------------------- its thread


class Served:
    """The worker with its thread; `came` is what it put into the inbox."""

    def __init__(self, trusted: Trusted) -> None:
        self.came: list[GateInput] = []
        self.reader = Reader()
        self.worker = worker_of(self.reader, trusted, self.came.append, Clock())
        self.worker.start()
        until(lambda: DeviceCame("document.front") in self.came, "the reader is there", 30)

    def ask(self, number: int = 1) -> Reply:
        run = RunId("run")
        self.worker.ask(Ask(run, number, ReadDocument(passport().printed, 10.0)))
        answers = until(
            lambda: [each for each in self.came if isinstance(each, Answered) and each.number == number], "answered", 30
        )
        return answers[0].reply


@pytest.fixture
def served(trusted: Trusted) -> Iterator[Served]:
    served = Served(trusted)
    yield served
    served.worker.stop()


def test_a_question_is_answered_by_its_thread(served: Served) -> None:
    assert isinstance(served.ask(), DocumentRead)


def test_a_reader_that_is_unplugged_is_gone_and_questions_are_answered_at_once(served: Served) -> None:
    served.reader.gone = True
    until(lambda: DeviceWent("document.front", Reason.DEVICE_LOST) in served.came, "it is told", 30)
    until(lambda: served.worker.device is None, "it is closed", 30)
    assert served.ask() == Failed(Reason.DOCUMENTS_UNAVAILABLE)


def test_a_reader_that_goes_while_it_reads_is_an_answer_and_a_loss(served: Served) -> None:
    served.reader.brings = DeviceLost("unplugged")
    assert served.ask() == Failed(Reason.DOCUMENTS_UNAVAILABLE)
    until(lambda: DeviceWent("document.front", Reason.DEVICE_LOST) in served.came, "it is told", 30)
    assert served.reader.closed


def test_a_proof_is_answered_with_the_document(served: Served) -> None:
    reply = served.ask()
    assert isinstance(reply, DocumentRead)
    assert reply.proof is ChipProof.NONE
