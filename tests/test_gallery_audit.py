"""The audit of a gallery finds whatever opens that should not, and whatever should not be there."""

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from peers import without_rights

from gatefw import cli
from gatefw.biometrics import gallery_layout as layout
from gatefw.biometrics.gallery import MAIN, Gallery, keys_of
from gatefw.biometrics.gallery_audit import Audit, Key, audit, listed
from gatefw.biometrics.gallery_chunk import Member
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import StoreError
from gatefw.keys import load_or_create
from gatefw.model import SubjectId

MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
FLIGHT, PARK = "cx100", "park"
ANNA, BERT, CARL = SubjectId("anna"), SubjectId("bert"), SubjectId("carl")
NOW = 1_000.0


def template(seed: int) -> Template:
    return Template(np.random.default_rng(seed).normal(size=128).astype(np.float32), MAKER)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    return state


@pytest.fixture
def gallery(state: Path) -> Iterator[Gallery]:
    """Anna flies and is in twice, Bert is everybody's, Carl may enter the park; a running gate has it open."""
    key = load_or_create(state / "keys" / "gallery.key", store_exists=False)
    with closing(Gallery(state / "gallery.sqlite", key)) as gallery:
        gallery.make_partition(FLIGHT, NOW + 50)
        gallery.make_partition(PARK, 1e12)
        gallery.enrol(ANNA, [template(1), template(2)], 1e12, FLIGHT)
        gallery.enrol(BERT, [template(3)], 1e12)
        gallery.enrol(CARL, [template(4)], 1e12, PARK)
        yield gallery


def audited(state: Path, now: float = NOW) -> Audit:
    return audit(state / "gallery.sqlite", state / "keys" / "gallery.key", now)


def edit(state: Path, statement: str, *values: object) -> None:
    """As somebody who writes to the file directly, and overwrites nothing that he frees."""
    with closing(sqlite3.connect(state / "gallery.sqlite")) as database, database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute(statement, values)
    with closing(sqlite3.connect(state / "gallery.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def seal_of(state: Path, partition: str) -> tuple[int, int, int, int, int, bytes]:
    """The only chunk of a partition: number, version, people, templates, bytes, seal."""
    query = "SELECT number, version, people, templates, bytes, sealed FROM chunk JOIN seal ON chunk = number"
    with closing(sqlite3.connect(state / "gallery.sqlite")) as database:
        (row,) = database.execute(f"{query} WHERE partition = ?", (partition,)).fetchall()
    number, version, people, templates, size, sealed = row
    return number, version, people, templates, size, sealed


def put_back(state: Path, partition: str, row: tuple[int, int, int, int, int, bytes]) -> None:
    number, version, *counts, sealed = row
    edit(state, "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?)", number, partition, version, *counts)
    edit(state, "INSERT INTO seal VALUES (?, ?)", number, sealed)


def test_whoever_may_not_read_a_gallery_is_told_whose_rights_are_wanted(gallery: Gallery, state: Path) -> None:
    path = state / "gallery.sqlite"
    said = re.escape("cannot be read: Permission denied; be the gate's user (sudo -u gatefw), or use sudo; ")
    with without_rights(path), pytest.raises(StoreError, match=said):
        listed(path)


def test_in_a_sound_gallery_every_template_opens_with_its_own_key_and_nothing_is_wrong(
    gallery: Gallery, state: Path
) -> None:
    found = audited(state)
    assert [(each.name, each.key, each.people, each.templates, each.opens) for each in found.partitions] == [
        (FLIGHT, Key.THERE, 1, 2, 2),
        (MAIN, Key.THERE, 1, 1, 1),
        (PARK, Key.THERE, 1, 1, 1),
    ]
    assert found.problems == found.notes == []
    assert (found.copies, found.log_bytes) == (0, 0)


def test_after_a_partition_is_destroyed_nothing_of_it_is_left_that_even_its_old_key_would_open(
    gallery: Gallery, state: Path
) -> None:
    """The flight has left. Somebody had copied chunk and key before: with both, the templates did open. Now both are
    gone, and the copied chunk, put back, opens with no key that is there."""
    key, row = keys_of(state / "gallery.sqlite").get(FLIGHT), seal_of(state, FLIGHT)
    number, version, *_, sealed = row
    assert key is not None
    assert layout.unseal(layout.row_key(key), FLIGHT, number, version, sealed).templates == 2
    gallery.destroy_partition(FLIGHT)

    found = audited(state)
    assert [each.name for each in found.partitions] == [MAIN, PARK]
    assert found.problems == found.notes == []
    contents = [file.read_bytes() for file in state.rglob("*") if file.is_file()]
    assert not any(secret in each for secret in (key, sealed[:32], sealed[-12:]) for each in contents)

    put_back(state, FLIGHT, row)
    found = audited(state)
    assert [
        (each.key, each.templates, each.opens, each.strangers) for each in found.partitions if each.name == FLIGHT
    ] == [(Key.GONE, 2, 0, 0)]
    assert any("has chunks, but is not known" in problem for problem in found.problems)


def test_a_destruction_that_was_cut_off_counts_as_done_and_its_chunks_are_told(gallery: Gallery, state: Path) -> None:
    keys_of(state / "gallery.sqlite").destroy(FLIGHT)
    found = audited(state)
    assert (found.partitions[0].key, found.partitions[0].templates, found.partitions[0].opens) == (Key.GONE, 2, 0)
    assert found.problems == []
    assert [note for note in found.notes if "2 templates are left and open with no key" in note]


def test_chunks_that_were_moved_to_a_destroyed_partition_are_found_to_open_with_the_key_they_came_from(
    gallery: Gallery, state: Path
) -> None:
    keys_of(state / "gallery.sqlite").destroy(FLIGHT)
    edit(state, "UPDATE chunk SET partition = ? WHERE partition = ?", FLIGHT, PARK)
    found = audited(state)
    assert (found.partitions[0].opens, found.partitions[0].strangers) == (0, 1)
    assert [problem for problem in found.problems if "1 templates open with another partition's key" in problem]


def test_a_partition_whose_time_is_over_and_that_still_opens_is_a_problem(gallery: Gallery, state: Path) -> None:
    assert audited(state, NOW + 49).problems == []
    assert audited(state, NOW + 50).problems == [
        f"partition {FLIGHT}: its time is over, and 2 templates open; destroy it"
    ]


def test_an_expired_template_is_told_and_is_no_problem_since_it_is_never_compared(
    gallery: Gallery, state: Path
) -> None:
    gallery.enrol(BERT, [template(3)], NOW)
    found = audited(state)
    assert [each.expired for each in found.partitions] == [0, 1, 0]
    assert found.problems == []
    assert found.notes == [f"partition {MAIN}: 1 templates are expired and not yet revoked; none is compared"]


def test_a_chunk_that_was_altered_is_named_with_how_many_people_are_out_of_reach(gallery: Gallery, state: Path) -> None:
    number, *_, sealed = seal_of(state, PARK)
    edit(state, "UPDATE seal SET sealed = ? WHERE chunk = ?", b"?" + sealed[1:], number)
    found = audited(state)
    assert found.damaged == 1
    (problem,) = found.problems
    assert problem.startswith(f"chunk {number} of partition {PARK}: does not open, 1 people are out of reach; it was")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE person SET expires_at = 1e13 WHERE subject = 'carl'", "chunk 3: holds other people than are listed"),
        ("UPDATE person SET templates = 2 WHERE subject = 'carl'", "chunk 3: holds other people than are listed"),
        ("UPDATE person SET chunk = 9 WHERE subject = 'carl'", "chunk 9: is not there, and 1 are listed in it"),
        ("DELETE FROM person WHERE subject = 'carl'", "chunk 3: has 1 people, and 0 are listed in it"),
        ("UPDATE person SET chunk = 2 WHERE subject = 'carl'", "chunk 2: has 1 people, and 2 are listed in it"),
    ],
)
def test_a_list_that_says_otherwise_than_the_seals_is_a_problem(
    gallery: Gallery, state: Path, statement: str, problem: str
) -> None:
    edit(state, statement)
    found = audited(state)
    assert [each for each in found.problems if each.startswith(problem)]
    assert found.damaged == 0


def test_a_key_that_is_not_the_gallerys_is_told(gallery: Gallery, state: Path) -> None:
    (state / "keys" / "gallery.key").write_bytes(b"7" * 32)
    found = audited(state)
    (problem,) = [each for each in found.problems if each.startswith("gallery key: is not the one")]
    assert "Restore the key from backup, and enrol nobody again before" in problem
    assert found.damaged == 1


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be asked" * 99, None])
def test_a_file_that_is_damaged_is_told_from_one_that_cannot_be_opened(
    gallery: Gallery, state: Path, content: bytes | None
) -> None:
    gallery.close()
    path = state / "gallery.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3] if content is None else content)
    with pytest.raises(StoreError, match=r"is damaged: .*restore it from backup"):
        audited(state)


def test_of_many_damaged_chunks_the_first_twenty_are_named(gallery: Gallery, state: Path) -> None:
    gallery.enrol_many(
        Member(SubjectId(f"p{n:02}"), 1e12, (Template(np.ones(2000, np.float32), MAKER),) * 8) for n in range(23)
    )
    edit(state, "UPDATE seal SET sealed = zeroblob(length(sealed)) WHERE chunk > 3")
    found = audited(state)
    assert len(found.problems) == 21
    assert (found.problems[-1], found.damaged) == ("and 2 more chunks like that", 22)


def test_a_key_without_partition_is_a_problem_for_a_backup_may_have_its_rows(gallery: Gallery, state: Path) -> None:
    keys_of(state / "gallery.sqlite").make("ghost")
    (problem,) = audited(state).problems
    assert problem.startswith("key ghost: there is no such partition")
    gallery.make_partition("ghost", 1.0)
    gallery.destroy_partition("ghost")
    assert audited(state).problems == []


def test_a_blank_key_is_a_destroyed_one_and_what_is_no_key_at_all_is_a_problem(gallery: Gallery, state: Path) -> None:
    directory = keys_of(state / "gallery.sqlite").directory
    (directory / f"{FLIGHT}.key").write_bytes(bytes(32))
    (directory / f".{PARK}.key.0badcafe").write_bytes(b"half")
    (directory / "main.key").touch(0o600)
    (directory / "main.key").write_bytes(bytes(32))
    found = audited(state)
    assert found.partitions[0].key is Key.GONE
    assert [note for note in found.notes if note.startswith(f"key {FLIGHT}: overwritten")]
    assert [Path(problem.split(":")[0]).name for problem in found.problems] == [f".{PARK}.key.0badcafe", "main.key"]


@pytest.mark.parametrize("name", ["gallery.sqlite", "gallery.sqlite-wal", "keys/gallery-partitions", "keys"])
def test_a_file_or_directory_that_others_may_read_is_a_problem(gallery: Gallery, state: Path, name: str) -> None:
    (state / name).chmod(0o755)
    assert [problem.partition(":")[0] for problem in audited(state).problems] == [str(state / name)]


@pytest.mark.parametrize("name", ["gallery.key", f"gallery-partitions/{PARK}.key"])
def test_a_key_that_others_may_read_is_a_problem_and_its_partition_is_not_called_destroyed(
    gallery: Gallery, state: Path, name: str
) -> None:
    (state / "keys" / name).chmod(0o644)
    found = audited(state)
    assert [each.key for each in found.partitions if each.name == (MAIN if name == "gallery.key" else PARK)] == [
        Key.UNUSABLE
    ]
    mode, reach = found.problems
    assert "open to others" in mode
    assert reach.endswith(": 1 people are out of reach until its key can be used")
    assert found.notes == []


def test_copies_of_erased_seals_are_found_and_to_write_the_file_anew_erases_them(
    gallery: Gallery, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(state, "DELETE FROM seal WHERE chunk = 3")
    edit(state, "DELETE FROM chunk WHERE number = 3")
    edit(state, "DELETE FROM person WHERE subject = 'carl'")
    found = audited(state)
    assert found.copies == 1
    assert ["holds 1 copies of erased seals" in problem for problem in found.problems] == [True]
    assert cli.main(["gallery", "compact", "--dir", str(state)]) == 0
    assert capsys.readouterr().out.startswith("the file has ")
    assert audited(state).copies == 0
    assert audited(state).problems == []


@pytest.mark.parametrize("step", [20, 37, 64, 4096])
def test_a_nonce_is_found_wherever_it_lies_in_the_file(tmp_path: Path, step: int) -> None:
    nonces = {bytes([n]) * 12 for n in range(1, 40)}
    (tmp_path / "file").write_bytes(b"-".join(layout.MARK + each for each in sorted(nonces)) + layout.MARK)
    assert set(layout.nonces_in(tmp_path / "file", step)) == nonces


def test_while_the_log_holds_pages_the_audit_does_not_say_that_nothing_is_left(gallery: Gallery, state: Path) -> None:
    with closing(sqlite3.connect(state / "gallery.sqlite")) as database, database:
        database.execute("UPDATE partition SET expires_at = 2e12 WHERE name = 'park'")
    found = audited(state)
    assert found.log_bytes > 0
    assert found.copies is None
    assert ["log" in note for note in found.notes] == [True]


def test_the_audit_changes_nothing_and_needs_no_running_gate(state: Path, gallery: Gallery) -> None:
    gallery.close()
    before = (state / "gallery.sqlite").read_bytes()
    assert audited(state).problems == []
    assert (state / "gallery.sqlite").read_bytes() == before


def test_a_gallery_that_is_not_there_or_of_another_layout_is_not_audited(state: Path, gallery: Gallery) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        listed(state / "nothing.sqlite")
    assert not (state / "nothing.sqlite").exists()
    edit(state, "PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="layout 1"):
        audited(state)


# ---------------------------------------------------------------- the commands


def test_the_command_says_in_a_table_that_nothing_opens_that_should_not(
    gallery: Gallery, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery.make_partition(FLIGHT, 4_000_000_000.0)
    assert cli.main(["gallery", "audit", "--dir", str(state)]) == 0
    told = capsys.readouterr().out
    flight = next(line.split() for line in told.splitlines() if line.startswith(FLIGHT))
    assert [*flight[:5], *flight[6:]] == [FLIGHT, "there", "file", "1", "2", "2", "0", "0", "2096-10-02T07:06+00:00"]
    assert told.endswith("nothing opens that should not\n")


def test_the_command_names_problems_and_ends_with_1(
    gallery: Gallery, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["gallery", "audit", "--dir", str(state)]) == 1  # the flight left half a century ago
    told = capsys.readouterr().out
    assert f"PROBLEM: partition {FLIGHT}: its time is over" in told
    assert "1 problem\n" in told


def test_machines_get_the_same_as_json_without_infinities(
    gallery: Gallery, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys_of(state / "gallery.sqlite").destroy(FLIGHT)
    assert cli.main(["gallery", "audit", "--dir", str(state), "--json"]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=sys.exit)
    assert [(each["name"], each["key"], each["expires_at"]) for each in told["partitions"]][:2] == [
        (FLIGHT, "gone", NOW + 50),
        (MAIN, "there", None),
    ]
    assert len(told["notes"]) == 1
    assert cli.main(["gallery", "list", "--dir", str(state), "--json"]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=sys.exit)
    main = told["partitions"][1]
    assert main == {"name": MAIN, "expires_at": None, "people": 1, "templates": 1, "bytes": main["bytes"]}
    assert told["file_bytes"] == (state / "gallery.sqlite").stat().st_size
    assert told["file_bytes_per_template"] == round(told["file_bytes"] / 4)


def test_list_shows_the_people_of_each_partition(
    gallery: Gallery, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["gallery", "list", "--dir", str(state)]) == 0
    *lines, total = [line for line in capsys.readouterr().out.splitlines() if line]
    rows = [line.split(maxsplit=4) for line in lines]
    assert [[*row[:3], row[4]] for row in rows] == [
        ["partition", "people", "templates", "until"],
        [FLIGHT, "1", "2", "1970-01-01T00:17+00:00"],
        [MAIN, "1", "1", "-"],
        [PARK, "1", "1", "after 9999"],
    ]
    assert all(500 < int(row[3]) < 1500 for row in rows[1:])
    size = (state / "gallery.sqlite").stat().st_size
    assert total == f"the file has {size} bytes, {size / 4:.0f} for each template"


def test_the_gallery_of_a_lane_is_found_by_its_file(
    gallery: Gallery, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(state))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path))
    assert cli.main(["gallery", "list", "config/sim.toml"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    assert cli.main(["gallery", "audit", "config/sim.toml"]) == 2
    assert "gallery.sqlite: cannot be read" in capsys.readouterr().err
