"""Power cuts are simulated from a log of what was written and synced; what a disk may then hold, and that a journal and
a gallery keep their promises on it, and that a sync left out is found."""

import json
import random
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trust.power_disk import SECTOR, Disk, Image, Step

POWER = Path(__file__).parent / "trust" / "power"
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing: the shim cannot be compiled")

ROOT, A, B = "/d", "/d/a", "/d/b"
MADE, SYNCED, NAMED = Step("C", 1, 0, A.encode(), b""), Step("S", 1, 0, b"", b""), Step("D", 9, 0, ROOT.encode(), b"")


def write(content: bytes, at: int = 0) -> Step:
    return Step("W", 1, at, content, b"")


def left(*taken: Step, ignores: str = "", draws: int = 300) -> list[Image]:
    """What may be on the disk after these steps, as often drawn."""
    disk = Disk(ROOT, ignores)
    for step in taken:
        disk.take(step)
    return [disk.after_cut(random.Random(seed)) for seed in range(draws)]


def test_what_was_synced_and_named_is_there_whatever_else_is_lost() -> None:
    images = left(MADE, write(b"old"), SYNCED, NAMED, write(b"new"))
    assert {image[A] for image in images} == {b"old", b"new"}


def test_a_file_whose_name_was_not_synced_may_be_gone_with_all_that_was_synced_in_it() -> None:
    assert {image.get(A) for image in left(MADE, write(b"old"), SYNCED)} == {None, b"old"}


def test_a_directory_whose_own_name_was_not_synced_takes_its_files_along() -> None:
    """The files' names are durable in a directory that is not: the first start of a gate, before the power fails."""
    made = Step("K", 0, 0, b"/d/s", b""), Step("C", 1, 0, b"/d/s/a", b"")
    images = left(*made, write(b"x"), SYNCED, Step("D", 8, 0, b"/d/s", b""))
    assert {image.get("/d/s/a") for image in images} == {None, b"x"}
    assert all("/d/s" in image for image in images if "/d/s/a" in image)


def test_writes_are_torn_between_sectors_and_never_within_one_and_a_later_one_may_be_there_without_an_earlier_one() -> (
    None
):
    before, first, second = bytes(2 * SECTOR), b"1" * 2 * SECTOR, b"2" * SECTOR
    images = left(MADE, write(before), SYNCED, NAMED, write(first), write(second, SECTOR))
    halves = {(image[A][:SECTOR], image[A][SECTOR:]) for image in images}  # type: ignore[index]
    zero, one, two = before[:SECTOR], first[:SECTOR], second
    assert halves == {(a, b) for a in (zero, one) for b in (zero, one, two)}


def test_a_rename_shows_the_old_file_or_the_new_one_and_never_neither() -> None:
    other = Step("C", 2, 0, B.encode(), b""), Step("W", 2, 0, b"new", b""), Step("S", 2, 0, b"", b"")
    images = left(MADE, write(b"old"), SYNCED, NAMED, *other, Step("R", 0, 0, B.encode(), A.encode()))
    assert {image[A] for image in images} == {b"old", b"new"}
    assert all(image[A] == b"old" for image in images if B in image)


def test_a_sync_that_is_left_out_keeps_nothing() -> None:
    taken = MADE, write(b"old"), SYNCED, NAMED
    assert {image[A] for image in left(*taken, ignores="S")} == {b"", b"old"}
    assert {image.get(A) for image in left(*taken, ignores="D")} == {None, b"old"}


@given(
    st.lists(st.tuples(st.integers(0, 1500), st.binary(min_size=1, max_size=1200), st.booleans()), max_size=8),
    st.integers(),
)
def test_after_a_last_sync_the_disk_holds_what_the_process_saw(
    writes: list[tuple[int, bytes, bool]], seed: int
) -> None:
    disk = Disk(ROOT)
    for step in (MADE, NAMED):
        disk.take(step)
    for at, content, cuts in writes:
        disk.take(Step("T", 1, at, b"", b"") if cuts else write(content, at))
    disk.take(SYNCED)
    assert disk.after_cut(random.Random(seed)) == disk.running()


def power(*options: str) -> tuple[int, dict[str, object], str]:
    """Exit status, the last line, and what it told meanwhile."""
    command = [sys.executable, str(POWER), "--json", "--jobs", "2", *options]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.returncode, json.loads(ran.stdout), ran.stderr


@needs_gcc
def test_after_a_power_cut_a_journal_and_a_gallery_hold_what_they_promised() -> None:
    exit_code, told, story = power("--cuts", "15")
    assert (exit_code, told["counts"]) == (0, {"power_cuts": 30}), story


@needs_gcc
@pytest.mark.parametrize(("planted", "kind"), [("files", "gallery"), ("names", "journal")])
def test_syncs_that_are_left_out_are_found_and_each_violation_can_be_replayed(
    planted: str, kind: str, tmp_path: Path
) -> None:
    exit_code, told, story = power("--cuts", "15", "--planted", planted, "--kind", kind, "--kept", str(tmp_path))
    found = [line for line in story.splitlines() if "; replay: " in line]
    assert (exit_code, told["violations"]) == (1, len(found)), story
    problem, _, again = found[0].partition("; replay: ")
    exit_code, _, story = power(*shlex.split(again)[1:])
    assert exit_code == 1
    assert problem.partition(": ")[0] in story
