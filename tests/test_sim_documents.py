"""Documents of the world's own state: issued by name, laid on a reader behind a socket, read by the real driver."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from gatefw.errors import DeviceLost
from gatefw.model import Reason
from gatefw.ports import ChipRead, DocumentFailed
from hw import document_socket
from hw.chip_dialogue import ChipDialogue
from hw.document_socket import Settings, SocketDocumentReader
from hw.sim.client import WorldClient, WorldRefused, launched
from hw.sim.passport_office import PassportOffice
from hw.wire import lds, mrz
from hw.wire.jpeg import size_px

CONFIG = """
[world]
doors = []
documents = ["document"]
[world.lines.mrz]
device = "mrz_reader"
[world.lines.finger]
device = "finger_r30x"
baud = 57600
"""
LONG_S = 60.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorldClient]:
    (tmp_path / "sim.toml").write_text(CONFIG)
    photos = tmp_path / "photos"
    photos.mkdir()
    assert cv2.imwrite(str(photos / "anna.jpg"), np.full((1200, 800, 3), (60, 120, 200), np.uint8))
    with launched(tmp_path / "run", tmp_path / "sim.toml", photos=photos) as client:
        yield client


def opened(directory: Path) -> SocketDocumentReader:
    return document_socket.open(Settings(str(directory / "run" / "chip-document.sock"), answer_s=LONG_S))


@pytest.mark.real
def test_a_document_is_issued_laid_down_by_a_traveller_and_read(tmp_path: Path, world: WorldClient) -> None:
    """Anna gets a passport with her photograph, stands at a counter, lays it down, and takes it along."""
    holder = {"number": "K00000001", "names": "MUSTER<<ANNA"}
    printed = world.do("issue", document="annas", photo="anna.jpg", holder=holder)["mrz"]
    key = mrz.chip_key(mrz.parse(printed.encode()))
    world.traveller("anna", "passer", code=printed, document="annas", scanner="mrz", stand_s=600.0)
    with closing(opened(tmp_path)) as reader:
        world.wait_for(lambda entry: entry.kind == "laid", LONG_S, "the document to lie there")
        portrait = lds.portrait(reader.read(key, LONG_S, lambda: False).groups[2])
        assert size_px(portrait.picture) == (413, 530)
    assert (tmp_path / "run" / "csca" / "utopia.cer").stat().st_size > 0
    assert (tmp_path / "run" / "csca" / "utopia.crl").stat().st_size > 0

    for wrong, why in (
        ({"document": "stolen"}, "was never issued"),
        ({"fingers": "7:wet"}, "is no finger"),
        ({"says": "perhaps"}, "not one of"),
        ({"inside": "nobody.jpg"}, "is not in"),
    ):
        script = "known" if "document" not in wrong else "passer"
        with pytest.raises(WorldRefused, match=why):
            world.traveller("ben", script, **wrong)
    with pytest.raises(WorldRefused, match="no flaw"):
        world.do("issue", document="x", flaw="forged")
    with pytest.raises(WorldRefused, match="colour"):
        world.do("issue", document="x", holder={"colour": "red"})


def test_a_document_with_a_flaw_looks_the_same_and_is_not(tmp_path: Path) -> None:
    office, dark = PassportOffice(), tmp_path / "dark.jpg"
    assert cv2.imwrite(str(dark), np.zeros((531, 413, 3), np.uint8))
    printed = {flaw: office.issue(flaw, dark, {}, flaw) for flaw in ("", "altered", "copied")}
    assert len(set(printed.values())) == 1
    key = mrz.chip_key(mrz.parse(printed[""].encode()))

    def read(name: str) -> ChipRead:
        chip = office.chip(name)
        return ChipDialogue("reader", chip.transmit, lambda: 0.0, os.urandom, 223).read(key, LONG_S, lambda: False)

    good, altered = read(""), read("altered")
    assert (altered.groups[1], altered.com) == (good.groups[1], good.com)
    assert altered.groups[2] != good.groups[2]
    with pytest.raises(DocumentFailed) as failed:
        read("copied")
    assert failed.value.reason is Reason.DOCUMENT_CLONED


@pytest.fixture
def two_ends() -> Iterator[tuple[SocketDocumentReader, socket.socket]]:
    """The driver, and what it talks to."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with closing(theirs), closing(SocketDocumentReader(Settings("/run/x.sock", 0.5), ours)) as reader:
        ours.settimeout(0.5)
        yield reader, theirs


def test_a_reader_that_says_nothing_is_lost_and_stays_so(two_ends: tuple[SocketDocumentReader, socket.socket]) -> None:
    reader, _ = two_ends
    for _ in range(2):
        with pytest.raises(DeviceLost, match=r"/run/x\.sock"):
            reader.present()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([b""], Reason.NO_DOCUMENT),
        ([b"\x3b", b""], Reason.DOCUMENT_REMOVED),
        ([b"\x3b", b"\x90"], Reason.DOCUMENT_UNREADABLE),
    ],
)
def test_no_bytes_and_too_few_are_told_apart(
    two_ends: tuple[SocketDocumentReader, socket.socket], said: list[bytes], reason: Reason
) -> None:
    reader, theirs = two_ends
    for each in said:
        theirs.sendall(len(each).to_bytes(2, "big") + each)
    with pytest.raises(DocumentFailed) as failed:
        reader.read(b"L898902C<3640812512010310", LONG_S, lambda: False)
    assert failed.value.reason is reason


def test_a_process_that_goes_away_in_the_middle_of_an_answer_is_a_lost_reader(
    two_ends: tuple[SocketDocumentReader, socket.socket],
) -> None:
    reader, theirs = two_ends
    theirs.sendall(b"\x00\x0a\x3b")
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(DeviceLost, match="went away"):
        reader.present()


def test_where_nobody_listens_the_reader_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DeviceLost, match="is its process running"):
        document_socket.open(Settings(str(tmp_path / "nobody.sock")))


def test_a_reader_that_hangs_up_at_once_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "chip.sock"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=lambda: listening.accept()[0].close())
        thread.start()
        with pytest.raises(DeviceLost):
            document_socket.open(Settings(str(path)))
        thread.join()
