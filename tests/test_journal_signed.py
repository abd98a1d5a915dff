"""Nobody without the lane's key alters, cuts, swaps or makes anew what was signed, and the first bad row is named."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_attacks import (
    AT,
    ATTACKS,
    BODY,
    EPOCH,
    HASH,
    SEALED,
    Attack,
    Columns,
    N,
    anchor_of,
    chained_anew,
    edited,
    renumbered,
    rows_of,
    verified,
)
from kept_journal import ABOUT_ADA, LANE, PUBLIC, SIGNING, STOPPED, Kept, made
from peers import until

from gatefw import journal_audit
from gatefw.errors import StoreError
from gatefw.journal_anchor import NO_ANCHOR, Signed, Signer
from gatefw.journal_chain import BadRow
from gatefw.journal_file import was_signed
from gatefw.model import FactKind
from gatefw.wall_time import WallTime


def nothing(_n: int) -> None:
    """No progress is told."""


def checkpoints(path: Path) -> list[Signed]:
    with closing(sqlite3.connect(path)) as database:
        bodies = database.execute("select body from event where kind = 'journal.checkpoint' order by n").fetchall()
    return [Signed.of(json.loads(body)["data"]["anchor"]) for (body,) in bodies]


# ---------------------------------------------------------------- checkpoints


def test_after_so_many_rows_and_at_the_end_the_lane_signs_what_it_wrote(tmp_path: Path) -> None:
    with Kept(tmp_path / "j") as kept:
        kept.write(*[STOPPED] * 6)
        assert [each.n for each in checkpoints(kept.path)] == [4]
        epoch = kept.journal.epoch
    first, second = checkpoints(tmp_path / "j")
    assert [(each.lane, each.epoch, each.n, each.key) for each in (first, second)] == [
        (LANE, epoch, 4, PUBLIC),
        (LANE, epoch, 7, PUBLIC),
    ]
    assert (first.previous, second.previous) == (NO_ANCHOR, first.digest)


def test_a_row_waits_only_so_long_for_the_signature(tmp_path: Path) -> None:
    with Kept(tmp_path / "j", checkpoint_s=0.01) as kept:
        kept.write(STOPPED)
        until(lambda: checkpoints(kept.path), "the checkpoint", 30)
        head = kept.journal.head()
    assert head == 2, "a checkpoint is itself nothing that waits for one"


def test_a_restart_goes_on_from_the_newest_checkpoint_and_signs_what_a_crash_left(tmp_path: Path) -> None:
    with Kept(tmp_path / "j", checkpoint_rows=10**6) as kept:
        kept.write(STOPPED)
    assert [each.n for each in checkpoints(tmp_path / "j")] == [1]
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("delete from event where n = 2")  # as if the process had died before it signed
    with Kept(tmp_path / "j", checkpoint_rows=10**6, checkpoint_s=0.0) as kept:
        until(lambda: kept.journal.head() == 2, "the checkpoint", 30)
        kept.write(STOPPED)
    one, two = checkpoints(tmp_path / "j")
    assert (one.n, two.n, two.previous) == (1, 3, one.digest)
    assert journal_audit.verify(tmp_path / "j", PUBLIC, [], nothing).signed_upto == 3


def test_a_journal_from_before_there_were_keys_is_signed_from_its_next_start_on(tmp_path: Path) -> None:
    made(tmp_path / "j", 3)
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("delete from event where kind = 'journal.checkpoint'")
        database.execute("drop index about_itself")
    assert not was_signed(tmp_path / "j")
    with pytest.raises(BadRow, match="row 1: neither it nor any row behind it is signed"):
        journal_audit.verify(tmp_path / "j", PUBLIC, [], nothing)
    with Kept(tmp_path / "j"):
        pass
    assert was_signed(tmp_path / "j")
    assert [each.n for each in checkpoints(tmp_path / "j")] == [3]
    assert journal_audit.verify(tmp_path / "j", PUBLIC, [], nothing).begins == 1


def test_a_start_verifies_from_the_newest_checkpoint_and_the_rest_when_asked(tmp_path: Path) -> None:
    made(tmp_path / "j")
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("update event set run = 'x' where n = 2")
    seen: list[int] = []
    with Kept(tmp_path / "j") as kept:
        assert kept.journal.verify(recent=True, pace=seen.append).begins == kept.journal.head() == seen[0]
        with pytest.raises(BadRow, match="row 2: its columns"):
            kept.journal.verify()


# ---------------------------------------------------------------- what an attacker may try


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Columns]:
    """Fourteen facts and four checkpoints: rows 5, 10, 15 and 18."""
    path = tmp_path_factory.mktemp("journal") / "j"
    made(path)
    found = rows_of(path)
    assert [row[N] for row in found if row[4] == FactKind.JOURNAL_CHECKPOINT] == [5, 10, 15, 18]
    return found


def test_what_was_left_alone_holds(rows: list[Columns]) -> None:
    walk = verified(rows, [anchor_of(rows[4]), anchor_of(rows[17])])
    assert (walk.begins, walk.ends, walk.checkpoints, walk.signed_upto, walk.anchors_met) == (1, 18, 4, 17, 2)


@given(attack=st.sampled_from(ATTACKS[1:]), at=st.integers(0, 16), other=st.integers(0, 16))
@settings(max_examples=150, deadline=None)
def test_any_edit_removal_double_or_swap_is_found_and_the_first_bad_row_is_named(
    rows: list[Columns], attack: Attack, at: int, other: int
) -> None:
    altered = [list(row) for row in rows]
    first = attack(altered, at, other)
    if altered == rows:
        return
    with pytest.raises(BadRow) as error:
        verified(altered)
    assert error.value.n == first + 1, str(error.value)


@given(attack=st.sampled_from(ATTACKS), at=st.integers(0, 16), other=st.integers(0, 16))
@settings(max_examples=150, deadline=None)
def test_whoever_makes_the_chain_anew_fails_at_the_next_checkpoint(
    rows: list[Columns], attack: Attack, at: int, other: int
) -> None:
    """Story: somebody who can write the file, and has no key, does all that can be done without one."""
    altered = [list(row) for row in rows]
    first = attack(altered, at, other)
    if altered == rows:
        return
    renumbered(altered)
    chained_anew(altered)
    if [row[HASH] for row in altered] == [row[HASH] for row in rows]:
        return  # two rows that were alike but for their numbers
    with pytest.raises(BadRow) as error:
        verified(altered)
    assert first < error.value.n <= next((n for n in (5, 10, 15) if n > first + 1), 18) + 1, str(error.value)


@given(keep=st.integers(1, 17), anchored=st.sampled_from((4, 9, 14, 17)))
@settings(max_examples=60, deadline=None)
def test_a_tail_that_was_cut_off_is_noticed_by_whoever_holds_an_anchor_from_it(
    rows: list[Columns], keep: int, anchored: int
) -> None:
    anchor, cut = anchor_of(rows[anchored]), rows[:keep]
    assert anchor.n == anchored
    assert verified(cut, key="").ends == keep, "without it nobody can know"
    if keep >= anchored:
        assert verified(cut, [anchor]).anchors_met == 1
    else:
        with pytest.raises(BadRow, match=f"row {keep + 1} is missing: the journal was cut off") as error:
            verified(cut, [anchor])
        assert error.value.n == keep + 1


@given(keep=st.integers(2, 18))
def test_a_head_that_was_cut_off_is_noticed_though_it_ends_before_a_checkpoint(rows: list[Columns], keep: int) -> None:
    with pytest.raises(BadRow) as error:
        verified(rows[keep - 1 :])
    assert error.value.n == 1


def test_a_journal_made_anew_with_another_key_is_not_this_lanes(rows: list[Columns], tmp_path: Path) -> None:
    """Story: the file is replaced whole, by one that holds together, signed by somebody."""
    other = Signer(bytes(32))
    altered = [list(row) for row in rows[:4]]
    signed = other.checkpoint(
        LANE,
        str(rows[0][EPOCH]),
        4,
        rows[3][HASH],
        WallTime(rows[4][AT], True),
        NO_ANCHOR,  # type: ignore[arg-type]
    )
    event = json.loads(rows[4][BODY])  # type: ignore[arg-type]
    event["data"]["anchor"] = signed.line
    altered.append([*rows[4][:BODY], json.dumps(event).encode(), *rows[4][SEALED:]])
    chained_anew(altered)
    assert verified(altered, key="").key == other.public
    with pytest.raises(BadRow, match="row 5: its checkpoint was signed with key") as error:
        verified(altered)
    assert error.value.n == 5
    with pytest.raises(BadRow, match="row 4: is not the row that its anchor"):
        verified([list(row) for row in rows[:3]] + altered_tail(rows), [anchor_of(rows[4])])


def altered_tail(rows: list[Columns]) -> list[Columns]:
    tail = [list(row) for row in rows[:4]]
    edited(tail, 3, 0)
    chained_anew(tail)
    return tail[3:]


@pytest.mark.parametrize("at", [0, 20, 30, 60, 100, 170, 250, 330, -1])
def test_a_line_of_which_one_character_was_altered_is_no_checkpoint(rows: list[Columns], at: int) -> None:
    line = anchor_of(rows[4]).line
    with pytest.raises(StoreError):
        Signed.of(line[:at] + ("0" if line[at] != "0" else "1") + line[at:][1:])
    with pytest.raises(StoreError):
        Signed.of("")


# ---------------------------------------------------------------- exports


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[bytes]]]:
    path = tmp_path_factory.mktemp("exported")
    made(path / "j")
    journal_audit.export(path / "j", 0, None, path / "all.jsonl", nothing)
    yield path, (path / "all.jsonl").read_bytes().splitlines(keepends=True)


Exported = tuple[Path, list[bytes]]


def test_an_export_is_verified_with_the_public_key_alone_and_tells_nobody(exported: Exported) -> None:
    path, lines = exported
    report = journal_audit.verify(path / "all.jsonl", PUBLIC, [], nothing)
    assert (report.begins, report.ends, report.signed_upto, report.checkpoints) == (1, 18, 17, 4)
    assert b"subject-of-ada" not in b"".join(lines)
    assert json.loads(lines[1])["event"]["specversion"] == "1.0"
    with pytest.raises(BadRow, match="was signed with key"):
        journal_audit.verify(path / "all.jsonl", Signer(bytes(32)).public, [], nothing)


@pytest.mark.parametrize(("since", "until", "rows"), [(0, 7, (1, 10)), (9, None, (10, 18)), (7, 12, (5, 15))])
def test_a_part_is_exported_in_whole_segments_with_the_checkpoint_that_vouches_for_it(
    exported: Exported, tmp_path: Path, since: int, until: int | None, rows: tuple[int, int]
) -> None:
    journal_audit.export(exported[0] / "j", since, until, tmp_path / "part", nothing)
    report = journal_audit.verify(tmp_path / "part", PUBLIC, [], nothing)
    assert (report.begins, report.ends, report.signed_upto) == (*rows, rows[1] - 1)


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_an_export_of_which_anything_was_altered_does_not_hold(exported: Exported, data: st.DataObject) -> None:
    path, lines = exported
    text = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(text) - 2))
    text[at] ^= data.draw(st.integers(1, 255))
    altered = path / "altered"
    altered.write_bytes(text)
    with pytest.raises((BadRow, StoreError)):
        journal_audit.verify(altered, PUBLIC, [], nothing)


@given(at=st.integers(1, 18), other=st.integers(1, 18), how=st.sampled_from(["cut", "drop", "twice", "swap"]))
@settings(max_examples=60, deadline=None)
def test_lines_that_are_missing_twice_or_elsewhere_are_found(exported: Exported, at: int, other: int, how: str) -> None:
    path, lines = exported
    altered = list(lines)
    match how:
        case "cut":
            del altered[at:]
        case "drop":
            del altered[at]
        case "twice":
            altered.insert(at, altered[at])
        case _:
            altered[at], altered[other] = altered[other], altered[at]
    if altered == lines:
        return
    (path / "altered").write_bytes(b"".join(altered))
    with pytest.raises(BadRow) as error:
        journal_audit.verify(path / "altered", PUBLIC, [], nothing)
    first = {"twice": at + 1, "swap": min(at, other)}.get(how, at)
    if how == "swap" and first == 1 and max(at, other) in (5, 10, 15, 18):
        first = max(at, other) + 1  # it begins with a checkpoint, as a part does
    assert error.value.n == first, str(error.value)


def test_a_journal_that_does_not_hold_is_not_exported(tmp_path: Path) -> None:
    made(tmp_path / "j")
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        database.execute("delete from event where n = 7")
    with pytest.raises(BadRow, match="row 7 is missing"):
        journal_audit.export(tmp_path / "j", 0, None, tmp_path / "out", nothing)
    assert [each.name for each in tmp_path.iterdir() if "out" in each.name] == []


def test_the_signing_key_signs_what_stands_in_the_line(tmp_path: Path) -> None:
    """Story: the archive's receipt names the row that the export's last checkpoint is about."""
    with Kept(tmp_path / "j") as kept:
        kept.write(*[ABOUT_ADA] * 4)
    (checkpoint,) = checkpoints(tmp_path / "j")
    receipt = Signer(SIGNING).receipt(checkpoint)
    assert not Signed.of(receipt.line).is_checkpoint
    assert (receipt.lane, receipt.epoch, receipt.n, receipt.hash) == (
        checkpoint.lane,
        checkpoint.epoch,
        checkpoint.n,
        checkpoint.hash,
    )
