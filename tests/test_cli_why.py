"""Somebody asks why: by id, by time, by door or reason, of a journal, of one that is written, or of an export."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kept_journal import DAY_NS, Kept, Wall

from gatefw import cli
from gatefw.model import DoorId, Fact, FactKind, Phase, Purpose, Reason, RunId, Verdict

ADA, BEN, CY = RunId("ab" * 8), RunId("ac" * 8), RunId("cd" * 8)
Captured = pytest.CaptureFixture[str]


def gatefw(capsys: Captured, *arguments: object) -> tuple[int, str, str]:
    status = cli.main(["why", *map(str, arguments)])
    out, error = capsys.readouterr()
    return status, out, error


def passage(run: RunId, reason: Reason, door: DoorId = DoorId.ENTRY) -> list[Fact]:
    verdict = Verdict.ADMIT if reason is Reason.OK else Verdict.REFUSE
    return [
        Fact(FactKind.PASSAGE_STARTED, run, (("reader", "reader.front"), ("symbology", "]Q1"))),
        Fact(FactKind.DOOR_RELEASED, run, (("door", door), ("purpose", Purpose.ENTER), ("alarm", False))),
        Fact(FactKind.PASSAGE_DECIDED, run, (("verdict", verdict), ("reason", reason))),
        Fact(FactKind.PASSAGE_ENDED, run, (("passed", reason is Reason.OK), ("reason", reason), ("seconds", 3.25))),
    ]


BEGINS = datetime(2026, 11, 30, 14, 32, tzinfo=UTC)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Ada passes, Ben is refused ten seconds later, Cy stands there since 90 minutes later."""
    clock = Wall()
    looked_into = (("phase", Phase.TOKEN_PRESENTED), ("previous", Phase.IDLE))
    with Kept(tmp_path / "j", clock) as journal:
        for after_s, facts in (
            (0, passage(ADA, Reason.OK, DoorId.EXIT)),
            (10, passage(BEN, Reason.FACE_MISMATCH)),
            (5400, [*passage(CY, Reason.OK)[:1], Fact(FactKind.PHASE_CHANGED, CY, looked_into)]),
        ):
            clock.ns = int((BEGINS + timedelta(seconds=after_s)).timestamp()) * 10**9
            journal.write(*facts)
        yield journal


def local(after_s: float = 0, form: str = "%H:%M") -> str:
    """As a clock on this machine's wall has it."""
    return (BEGINS + timedelta(seconds=after_s)).astimezone().strftime(form)


def test_the_last_one_is_told_while_the_gate_writes_it_on(kept: Kept, capsys: Captured) -> None:
    status, out, error = gatefw(capsys, "--journal", kept.path)
    assert (status, error) == (0, "")
    assert out.splitlines()[0] == f"passage {CY} of lane-1, {local(5400, '%Y-%m-%d %H:%M:%S')}.000{_offset()}"
    assert out.splitlines()[-1].startswith("It is under way")


def _offset() -> str:
    return BEGINS.astimezone().isoformat()[-6:]


def test_one_is_told_by_the_beginning_of_its_id_and_two_that_fit_are_listed(kept: Kept, capsys: Captured) -> None:
    status, out, _ = gatefw(capsys, "ac", "--journal", kept.path)
    assert status == 0
    assert "Ended after 3.25 s: Refused. The face is not alike enough" in out
    assert "Officers read: the face does not match\n" in out
    status, out, _ = gatefw(capsys, "a", "--journal", kept.path)
    assert (status, out.splitlines()[0]) == (1, "2 passages fit a; name one by its id:")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [ADA, BEN]
    status, out, _ = gatefw(capsys, "c", "--journal", kept.path)
    assert (status, CY in out) == (0, True), "it has not ended, and no index knows it"
    status, out, _ = gatefw(capsys, "ff", "--journal", kept.path)
    assert (status, out) == (1, f"no passage ff in {kept.path}; `gatefw why --list` lists the newest\n")


def test_a_minute_is_everything_that_began_in_it_or_was_under_way_and_a_second_one_of_them(
    kept: Kept, capsys: Captured
) -> None:
    status, out, _ = gatefw(capsys, local(), "--journal", kept.path)
    assert (status, out.splitlines()[0][:14]) == (1, "2 passages fit")
    for when in (local(10, "%H:%M:%S"), local(10, "%Y-%m-%dT%H:%M:%S")):
        status, out, _ = gatefw(capsys, when, "--journal", kept.path, "--json")
        told = json.loads(out)
        assert (status, told["run"], told["reason"], told["seconds"]) == (0, BEN, "face_mismatch", 3.25)
        first = told["lines"][0]
        assert (first["after_s"], first["words"]) == (0.0, "reader.front read a QR code.")
    _, out, _ = gatefw(capsys, local(5460, "%Y-%m-%dT%H:%M"), "--journal", kept.path)
    assert CY in out, "still there"
    assert gatefw(capsys, local(form="2025-%m-%dT%H:%M"), "--journal", kept.path)[0] == 1


def test_what_officers_and_the_traveller_read_is_told_in_the_language_that_is_asked_for(
    kept: Kept, capsys: Captured
) -> None:
    _, out, _ = gatefw(capsys, BEN, "--journal", kept.path, "--lang", "zh_HK")
    assert out.splitlines()[-2:] == ["Officers read: 容貌不符", "The traveller read: 請前往櫃枱，職員會協助你"]
    assert gatefw(capsys, BEN, "--journal", kept.path, "--lang", "tlh")[0] == 2


def test_passages_are_listed_by_door_and_by_reason(kept: Kept, capsys: Captured) -> None:
    for filters, found in (
        (("--door", "exit_door"), [ADA]),
        (("--reason", "face_mismatch"), [BEN]),
        (("--list",), [CY, BEN, ADA]),
        (("--list", "--most", 1), [CY]),
        (("--door", "exit_door", "--reason", "face_mismatch"), []),
    ):
        status, out, _ = gatefw(capsys, *filters, "--journal", kept.path, "--json")
        assert [each["run"] for each in json.loads(out)["passages"]] == found
        assert status == (0 if found else 1)
    status, _, complained = gatefw(capsys, "--list", "--most", 0, "--journal", kept.path)
    assert (status, "--most 0: at least 1" in complained) == (2, True)
    _, out, _ = gatefw(capsys, "--list", "--journal", kept.path)
    assert [line.split()[-1] for line in out.splitlines()] == ["way", "face_mismatch", "passed"]


def test_an_export_tells_the_same_as_the_journal(kept: Kept, capsys: Captured, tmp_path: Path) -> None:
    out = tmp_path / "export.jsonl"
    assert cli.main(["journal", "export", str(kept.path), "-o", str(out)]) == 0
    capsys.readouterr()
    told = [gatefw(capsys, BEN, "--json", "--journal", each) for each in (kept.path, out)]
    assert told[0] == told[1]
    assert told[0][0] == 0
    listed = gatefw(capsys, "--reason", "face_mismatch", "--journal", out)
    assert listed[0] == 0


def test_after_a_thousand_days_a_minute_is_found_among_all(kept: Kept, capsys: Captured) -> None:
    """Rows are halved, not walked: the journal of a year answers as fast."""
    for day in range(1, 200):
        kept.wall.ns += DAY_NS
        kept.write(*passage(RunId(f"{day:016x}"), Reason.OK))
    when = (BEGINS + timedelta(seconds=5400, days=77)).astimezone().strftime("%Y-%m-%dT%H:%M")
    status, out, _ = gatefw(capsys, when, "--journal", kept.path, "--json")
    told = json.loads(out)
    runs = [told["run"]] if "run" in told else [each["run"] for each in told["passages"]]
    assert status in (0, 1)
    assert f"{77:016x}" in runs


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("yesterday",), "yesterday: `last`, a time as 14:32"),
        (("25:00",), "25:00: is no time"),
        (("--reason", "face_mismatched"), "did you mean face_mismatch?"),
        (("last", "--list"), "one passage is told"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_can(
    kept: Kept, capsys: Captured, asked: tuple[str, ...], says: str
) -> None:
    status, _, error = gatefw(capsys, *asked, "--journal", kept.path)
    assert status == 2
    assert says in error


def test_what_is_no_journal_is_said_to_be_none(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "some.txt").write_text("hello\n")
    status, _, error = gatefw(capsys, "--journal", tmp_path / "some.txt")
    assert (status, "is neither a journal of gatefw nor an export of one" in error) == (2, True)
    status, _, error = gatefw(capsys, "--journal", tmp_path / "none")
    assert (status, "No such file or directory" in error) == (2, True)


@pytest.mark.parametrize(("out", "status", "said"), [("/dev/full", 2, "the output: the disk is full"), ("", 0, "")])
def test_a_story_that_cannot_be_written_is_no_fault_of_the_journal(
    kept: Kept, out: str, status: int, said: str
) -> None:
    """A full disk behind `>`, or `| head -1` that has read enough: whoever blames the journal looks for hours."""
    words = [sys.executable, "-u", "-m", "gatefw", "why", "--list", "--journal", str(kept.path)]
    reader, writer = os.pipe()
    os.close(reader)
    with Path(out).open("wb") if out else os.fdopen(writer, "wb") as file:
        ran = subprocess.run(words, stdout=file, stderr=subprocess.PIPE, text=True, timeout=120)
    if out:
        os.close(writer)
    assert ran.returncode == status
    assert said in ran.stderr
    assert "journal" not in ran.stderr


def test_an_empty_journal_has_no_passage_to_tell(tmp_path: Path, capsys: Captured) -> None:
    with Kept(tmp_path / "j"):
        assert gatefw(capsys, "--journal", tmp_path / "j")[0] == 1
        assert gatefw(capsys, "14:32", "--journal", tmp_path / "j")[0] == 1
        assert gatefw(capsys, "--list", "--journal", tmp_path / "j")[0] == 1
