"""What an auditor and an archive do with a journal, from the command line, and without us."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kept_journal import PUBLIC, Kept, made
from peers import without_rights

from gatefw import cli

VERIFIER = Path(__file__).parent.parent / "docs" / "verify_journal.py"


def gatefw(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = cli.main(["journal", *map(str, arguments)])
    out, error = capsys.readouterr()
    return status, out, error


Captured = pytest.CaptureFixture[str]


def test_a_journal_is_verified_while_its_gate_writes_it(tmp_path: Path, capsys: Captured) -> None:
    made(tmp_path / "j")
    with Kept(tmp_path / "j"):
        status, out, error = gatefw(capsys, "verify", tmp_path / "j", "--key", PUBLIC)
        assert (status, error) == (0, "")
        assert "1 to 18" in out
        status, out, _ = gatefw(capsys, "verify", tmp_path / "j", "--json")
    told = json.loads(out)
    assert (status, told["holds"], told["vouched"], told["key"], told["signed_upto"]) == (0, True, False, PUBLIC, 17)


def test_whoever_may_not_read_is_told_whose_rights_are_wanted(tmp_path: Path, capsys: Captured) -> None:
    """SQLite has one sentence for all that keeps it from a file, and it says nothing of rights."""
    path, out = tmp_path / "j", tmp_path / "out"
    made(path)
    assert gatefw(capsys, "export", path, "-o", out)[0] == 0
    with without_rights(path):
        status, _, error = gatefw(capsys, "export", path, "-o", out)
    said = "Permission denied; be the gate's user (sudo -u gatefw), or use sudo"
    assert (status, error) == (2, f"gatefw: {path}: cannot be read: {said}\n")
    status, _, error = gatefw(capsys, "export", path / "j", "-o", out)
    assert (status, error) == (2, f"gatefw: {path / 'j'}: cannot be read: Not a directory\n")


def test_the_first_bad_row_is_named_to_people_and_to_machines(tmp_path: Path, capsys: Captured) -> None:
    made(tmp_path / "j")
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("update event set run = 'x' where n = 7")
    status, out, error = gatefw(capsys, "verify", tmp_path / "j")
    assert (status, out) == (1, "")
    assert "row 7: its columns do not say what its body says" in error
    status, out, _ = gatefw(capsys, "verify", tmp_path / "j", "--json")
    assert (status, json.loads(out)["row"]) == (1, 7)
    status, _, error = gatefw(capsys, "export", tmp_path / "j", "-o", tmp_path / "out")
    assert (status, (tmp_path / "out").exists()) == (1, False)


def test_a_cut_tail_is_noticed_by_whoever_kept_an_anchor_elsewhere(tmp_path: Path, capsys: Captured) -> None:
    """Story: last night's rows are inconvenient. The journal is cut before them, and holds together as before."""
    made(tmp_path / "j")
    anchors = tmp_path / "anchors.txt"
    anchors.write_text("# kept elsewhere\n" + gatefw(capsys, "anchor", tmp_path / "j")[1])
    asked = ("verify", tmp_path / "j", "--key", PUBLIC)
    assert gatefw(capsys, *asked, "--anchor", anchors)[0] == 0
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("delete from event where n > 15")
    assert gatefw(capsys, *asked)[0] == 0, "which is why anchors are kept"
    status, _, error = gatefw(capsys, *asked, "--anchor", anchors)
    assert status == 1
    assert "row 16 is missing: the journal was cut off" in error
    (tmp_path / "j").unlink()
    made(tmp_path / "j")
    status, _, error = gatefw(capsys, *asked, "--anchor", anchors)
    assert status == 1
    assert "the journal begins anew" in error


def test_an_export_is_verified_elsewhere_by_us_and_without_us(tmp_path: Path, capsys: Captured) -> None:
    made(tmp_path / "j")
    first, rest, anchors = tmp_path / "first", tmp_path / "rest", tmp_path / "anchors"
    assert gatefw(capsys, "export", tmp_path / "j", "--until", 8, "-o", first)[0] == 0
    status, out, _ = gatefw(capsys, "export", tmp_path / "j", "--since", 9, "-o", rest, "--json")
    assert (status, json.loads(out)["begins"], json.loads(out)["next_since"]) == (0, 10, 17)
    (tmp_path / "key").write_text(PUBLIC + "\n")
    for each in (first, rest):
        assert gatefw(capsys, "verify", each, "--key", tmp_path / "key")[0] == 0
    anchors.write_text(gatefw(capsys, "anchor", tmp_path / "j")[1])

    def without_us(*arguments: object) -> tuple[bool, str]:
        command = [sys.executable, VERIFIER, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode == 0, done.stdout + done.stderr

    held, out = without_us(rest, PUBLIC, anchors)
    assert held, out
    assert "rows 10 to 18 hold, signed up to row 17" in out
    assert without_us(first, PUBLIC)[0]
    held, out = without_us(first, PUBLIC, anchors)
    assert not held
    assert "the row of an anchor is missing: 17" in out
    lines = rest.read_bytes().splitlines(keepends=True)
    for altered, says in (
        (lines[:4] + lines[5:], "does not follow"),
        ([each.replace(b"service.stopped", b"service.started") for each in lines], "was altered"),
        (lines[:-1], "the export was cut off"),
    ):
        (tmp_path / "altered").write_bytes(b"".join(altered))
        held, out = without_us(tmp_path / "altered", PUBLIC)
        assert not held
        assert says in out or "Error" in out
    assert not without_us(rest, "0" * 64)[0]


def test_an_archive_gives_a_receipt_for_what_it_has_verified(tmp_path: Path, capsys: Captured) -> None:
    made(tmp_path / "j")
    assert gatefw(capsys, "export", tmp_path / "j", "-o", tmp_path / "out")[0] == 0
    status, out, _ = gatefw(capsys, "new-archive-key", tmp_path / "archive.key")
    assert status == 0
    public = out.split('"')[1]
    assert gatefw(capsys, "new-archive-key", tmp_path / "archive.key")[0] == 2
    asked = ("receipt", tmp_path / "out", "--key", PUBLIC, "--sign", tmp_path / "archive.key")
    status, receipt, _ = gatefw(capsys, *asked)
    assert status == 0
    with Kept(tmp_path / "j", archive_key=public) as kept:
        assert isinstance(kept.acknowledge(receipt.strip()), int)
    (tmp_path / "out").write_bytes((tmp_path / "out").read_bytes().replace(b"stopped", b"started", 1))
    assert gatefw(capsys, *asked)[0] == 1


def test_an_archive_that_missed_an_export_gives_no_receipt_for_the_next(tmp_path: Path, capsys: Captured) -> None:
    """Story: the first export was lost on its way. A receipt for the second would let the gate remove both."""
    made(tmp_path / "j")
    gatefw(capsys, "new-archive-key", tmp_path / "archive.key")
    gatefw(capsys, "new-archive-key", tmp_path / "other.key")

    def receipt(export: str, key: str = "archive.key", *more: object) -> tuple[int, str, str]:
        return gatefw(capsys, "receipt", tmp_path / export, "--key", PUBLIC, "--sign", tmp_path / key, *more)

    assert gatefw(capsys, "export", tmp_path / "j", "--until", "3", "-o", tmp_path / "first")[0] == 0
    assert gatefw(capsys, "export", tmp_path / "j", "--since", "13", "-o", tmp_path / "next")[0] == 0
    status, out, error = receipt("next")
    assert (status, out) == (2, "")
    assert "wanted is your receipt for the rows up to" in error
    (tmp_path / "early").write_text(receipt("first")[1])
    assert receipt("next", "archive.key", "--after", tmp_path / "early")[0] == 2, "there are rows between"
    assert gatefw(capsys, "export", tmp_path / "j", "-o", tmp_path / "whole")[0] == 0
    (tmp_path / "other").write_text(receipt("whole", "other.key")[1])
    assert receipt("next", "archive.key", "--after", tmp_path / "other")[0] == 2, "another archive has them"
    (tmp_path / "before").write_text(receipt("whole")[1])
    status, out, _ = receipt("next", "archive.key", "--after", tmp_path / "before")
    assert (status, out.startswith("gatefw-receipt-1 ")) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify", "{}/none"), "No such file"),
        (("verify", "{}/text"), "neither a journal of gatefw nor an export"),
        (("verify", "{}/other"), "is no journal of gatefw"),
        (("verify", "{}/j", "--key", "abc"), "64 hex digits are wanted"),
        (("verify", "{}/j", "--anchor", "{}/text"), "no line of a checkpoint"),
        (("anchor", "{}/other"), "is no journal of gatefw"),
        (("export", "{}/j", "--since", "18", "-o", "{}/out"), "no row after 18 is signed yet"),
        (("export", "{}/j", "--until", "99", "-o", "{}/out"), "up to 18, the newest signed one"),
        (("export", "{}/j", "-o", "{}/none/out"), "No such file"),
        (("acknowledge", "x", "--dir", "{}/none"), "is `gatefw run` running there?"),
    ],
)
def test_what_cannot_be_done_says_why(tmp_path: Path, capsys: Captured, arguments: tuple[str, ...], says: str) -> None:
    made(tmp_path / "j")
    (tmp_path / "text").write_text("holiday letters\n")
    with closing(sqlite3.connect(tmp_path / "other")) as database, database:
        database.execute("create table holiday (letter)")
    status, _, error = gatefw(capsys, *(each.format(tmp_path) for each in arguments))
    assert status == 2
    assert says in error
