"""Whose travel documents are believed: what a lane file must say, what is checked, and who answers then."""

import argparse
from pathlib import Path

import pytest
from test_config import Lane
from utopia import authority, fill, revocations

import hw
from gatefw import config, crew
from gatefw.cli import check as cli
from gatefw.document_worker import DocumentWorker
from gatefw.errors import StoreError
from gatefw.model import ReadDocument

READER = '\n[document.front]\ndriver = "pcsc"\nreader = "ACS ACR1252"\n'


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    lane = Lane(tmp_path / "lane.toml")
    lane.text += READER
    return lane


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return fill(tmp_path / "csca", csca_cer=authority().certificate, utopia_crl=revocations(authority()))


def documents(lane: Lane, csca: Path, more: str = "") -> Lane:
    lane.text += f'\n[documents]\ncsca = "{csca}"\n{more}\n'
    return lane


def test_a_reader_of_documents_needs_somebody_to_trust(lane: Lane) -> None:
    found = lane.only()
    assert (found.key, found.warning) == ("documents.csca", False)
    assert "without which no document is believed" in found.problem
    assert "whole path" in documents(lane, Path("csca")).only().problem


def test_a_lane_without_such_a_reader_needs_nobody(tmp_path: Path) -> None:
    assert Lane(tmp_path / "lane.toml").check() == []


def test_a_lane_has_one_reader_of_documents(lane: Lane, store: Path) -> None:
    documents(lane, store).text += READER.replace("front", "second")
    assert "is one too many" in lane.only().problem


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ('revocation = "when_there"', "documents.revocation"),
        ("require_synchronised = false", "documents.require_synchronised"),
    ],
)
def test_what_believes_more_than_it_must_is_a_warning(lane: Lane, store: Path, setting: str, key: str) -> None:
    found = documents(lane, store, setting).only()
    assert (found.key, found.warning) == (key, True)
    assert lane.load().documents.csca == str(store)


def test_every_bad_file_of_the_store_is_named_in_the_line_of_the_lane_file(
    lane: Lane, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, bad_cer=b"broken", worse_crl=b"")
    documents(lane, store).check()
    cli.run(argparse.Namespace(file=lane.path, json=False))
    told = [line for line in capsys.readouterr().out.splitlines() if "documents.csca" in line]
    assert [name in line for name, line in zip(("bad.cer", "worse.crl"), told, strict=False)] == [True, True]
    assert all(f"lane.toml:{lane.line('csca =')}" in line for line in told)


def test_the_store_is_looked_into_only_where_somebody_asks(lane: Lane, tmp_path: Path) -> None:
    documents(lane, tmp_path / "none")
    assert lane.check() == []
    asked: list[str] = []

    def look(directory: str) -> list[tuple[str, bool]]:
        asked.append(directory)
        return [("gone", False), ("late", True)]

    assert [(each.problem, each.warning) for each in lane.check(csca=look)] == [("gone", False), ("late", True)]
    assert asked == [str(tmp_path / "none")]


def loaded(lane: Lane) -> config.Config:
    return config.load(lane.path, hw.schema, {"GATEFW_STATE": "/state", "GATEFW_RUN": "/run/gate"})


def test_the_reader_answers_for_documents_and_nothing_is_opened(lane: Lane, store: Path) -> None:
    documents(lane, store).check()
    mustered = crew.muster(loaded(lane), lambda _: None, lambda _: None)
    worker = mustered.answering[ReadDocument]
    assert isinstance(worker, DocumentWorker)
    assert (worker.name, worker.device, worker in mustered.all) == ("document.front", None, True)


def test_a_bad_store_keeps_the_lane_from_starting(lane: Lane, store: Path) -> None:
    fill(store, bad_cer=b"broken")
    documents(lane, store).check()
    with pytest.raises(StoreError, match=r"bad\.cer"):
        crew.muster(loaded(lane), lambda _: None, lambda _: None)
