"""An upgrade that was cut off: what it left, who says so, who goes on from there; and what people edited meanwhile."""

import errno
import shutil
from pathlib import Path

import pytest
from patients import found, patient, status
from patients import machine as board
from stick_bench import LANE, Gate, PowerCut, files
from upgrade_bench import (
    at_each_change,
    changes,
    cut_off,
    is_back,
    migrates,
    nothing_under_way,
    running,
    sticks,
    versions,
)

from gatefw.doctor.examine import examine
from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.ranking import ranked
from gatefw.errors import Refusal
from gatefw.installer.install import Install, Wish
from gatefw.installer.places import Places, alone
from gatefw.installer.upgrade import STEPS, Upgrade
from gatefw.trial import RECOVER

pytestmark = pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="this machine has no systemd-sysusers")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sticks 1.0 and 2.0, whose lane files differ."""
    return sticks(tmp_path_factory.mktemp("two"))


@pytest.fixture
def gate(tmp_path: Path, two: Path) -> Gate:
    """Version 1.0 is in service, and people are enrolled."""
    return running(tmp_path / "root", two)


def killed_at(gate: Gate, source: Path, step: str) -> None:
    """The command that upgrades is killed when it has written down this step; the machine goes on."""

    def until_that(line: str) -> None:
        if line.startswith(f"{step} ("):
            raise PowerCut

    with pytest.raises(PowerCut):
        Install(gate.places, gate, until_that).run(Wish(source))


def looked_at(gate: Gate) -> dict[str, Finding]:
    return found(patient(gate.places.root, machine=board(gate.places.root)), "upgrade")


# ---------------------------------------------------------------- the doctor


@pytest.mark.parametrize("step", STEPS)
def test_whoever_comes_after_an_upgrade_that_was_cut_off_is_told_what_to_do_and_no_more_once_it_is_done(
    gate: Gate, two: Path, step: str
) -> None:
    """Somebody upgraded at night and was called away; the terminal died. Next day another technician comes."""
    assert looked_at(gate) == {}
    killed_at(gate, two / "two", step)
    [told] = looked_at(gate).values()
    assert (told.code, told.severity, told.fix) == ("G0017", Severity.ERROR, None)
    assert f"from gatefw 1.0 to 2.0 was cut off (step {step}," in told.cause or "cut off at its end" in told.cause
    ends = "goes on to 2.0" if step in ("commit", "open") else "goes back to 1.0 and its stores"
    assert f"look that nobody is inside, then {RECOVER}, which {ends}" in told.remedy
    Upgrade(gate.places, gate, gate.say).recover()
    assert looked_at(gate) == {}
    nothing_under_way(gate)


def test_an_upgrade_that_is_under_way_is_no_fault(gate: Gate, two: Path) -> None:
    killed_at(gate, two / "two", "trial")
    with alone(gate.places):
        [told] = looked_at(gate).values()
    assert (told.severity, told.remedy) == (Severity.NOTE, "wait for its end, some minutes; then gatefw doctor")


def test_the_upgrade_that_was_cut_off_stands_before_all_that_it_closes(gate: Gate, two: Path) -> None:
    """The daemon of 2.0 runs out of service and lets nobody in: two findings, and neither says why."""
    killed_at(gate, two / "two", "trial")
    daemon = status(phase="out_of_service", impaired={"upgrade": ["closed"]})
    seen = patient(gate.places.root, machine=board(gate.places.root), status=daemon)
    first = ranked(examine(seen, ["lane", "upgrade"]))[0]
    assert first.cause.code == "G0017"
    assert {"G0031", "G0032"} <= {each.code for each in first.follows}


def test_a_mark_whose_record_somebody_deleted_is_named_and_goes_with_the_same_command(gate: Gate, two: Path) -> None:
    killed_at(gate, two / "two", "trial")
    (gate.places.own / "upgrade.json").unlink()
    [told] = looked_at(gate).values()
    assert "says that gatefw 2.0 is tried, and no upgrade is recorded" in told.cause
    assert (told.severity, told.remedy) == (Severity.ERROR, RECOVER)
    assert Upgrade(gate.places, gate, gate.say).recover() is None
    assert looked_at(gate) == {}
    assert not (gate.places.own / "saved").exists()


def test_a_record_that_cannot_be_read_is_left_alone_and_named(gate: Gate) -> None:
    (gate.places.own / "upgrade.json").write_text("{")
    [told] = looked_at(gate).values()
    assert (told.code, told.severity) == ("G0017", Severity.ERROR)
    assert told.remedy.startswith("call the supplier, and let it lie")


# ---------------------------------------------------------------- going on from there


def test_a_lane_that_serves_again_is_emptied_before_a_cut_off_upgrade_takes_it_away(gate: Gate, two: Path) -> None:
    """The upgrade was killed before it stopped anything. Somebody opens the lane, and a traveller is inside when the
    next technician does what the doctor says."""
    killed_at(gate, two / "two", "stop")
    gate.phase, gate.occupancy = "idle", "one"
    gate.done.clear()
    with pytest.raises(Refusal, match="the sensors say of the lane: one"):
        Upgrade(gate.places, gate, gate.say).recover()
    assert (gate.done, gate.running, gate.phase) == (["close", "open"], "1.0", "idle")
    gate.occupancy = "empty"
    Upgrade(gate.places, gate, gate.say).recover()
    is_back(gate)


def test_what_was_refused_before_the_upgrade_was_killed_is_told_by_whoever_finishes_it(gate: Gate, two: Path) -> None:
    gate.refused = {"2.0": {"revoke": 2}}
    killed_at(gate, two / "two", "trial")
    gate.start(in_service=False)
    outcome = Upgrade(gate.places, gate, gate.say).recover()
    assert outcome is not None
    assert outcome.refused == {"revoke": 2}


@pytest.mark.parametrize("dead", [frozenset[str](), frozenset({"2.0"})], ids=["well", "back"])
def test_before_whichever_file_the_power_is_cut_one_version_runs_whole_and_nothing_of_the_upgrade_is_left(
    tmp_path: Path, two: Path, dead: frozenset[str]
) -> None:
    """Each 11th change of a file, in an upgrade that goes well and in one that goes back; and again in the recovery."""
    begun = running(tmp_path / "begun", two).places.root

    def begin(name: str) -> Gate:
        shutil.copytree(begun, tmp_path / name, symlinks=True)
        gate = Gate(Places(tmp_path / name), running="1.0", dead=dead)
        gate.starts = migrates(gate.places)
        return gate

    counted = begin("counted")
    for cut in range(3, changes(lambda: counted.install(two / "two")), 11):
        gate = begin(f"at{cut}")
        cut_off(lambda gate=gate: gate.install(two / "two"), cut)  # type: ignore[misc]
        for again in (cut % 17, 1_000_000):
            gate.power_returns()
            cut_off(lambda gate=gate: Upgrade(gate.places, gate, gate.say).recover(), again)  # type: ignore[misc]
        gate.power_returns()
        gate.start(in_service=True)  # what systemd does then
        assert versions(gate) in (("1.0", "1.0", "1.0"), ("2.0", "2.0", "2.0")), cut
        if gate.running == "1.0":
            is_back(gate)
        nothing_under_way(gate)
        assert not [name for name in files(gate.places.root) if ".edited" in name], cut
        shutil.rmtree(gate.places.root)


def test_a_step_that_could_not_be_written_down_is_not_taken(gate: Gate, two: Path) -> None:
    """The disk fills in the trial. Were the commit only remembered, `--recover` would go back from what is said to be
    in place."""

    def full(_version: str) -> None:
        (gate.places.own / ".upgrade.json.new").mkdir(exist_ok=True)

    gate.starts = full
    outcome = gate.install(two / "two")
    assert outcome.version == "1.0"
    assert "in place" not in outcome.problem
    assert versions(gate)[:2] == ("1.0", "1.0")
    nothing_under_way(gate)


# ---------------------------------------------------------------- the stores on the way back


def test_the_way_back_wants_no_more_room_than_the_copies_took(gate: Gate, two: Path) -> None:
    """A gallery of half the disk: there is room for it and its copy, and for no third."""
    gate.dead = frozenset({"2.0"})

    def full(path: Path) -> None:
        if path.name == ".records.sqlite.copied" and len(list(gate.places.root.rglob("records.sqlite"))) > 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with at_each_change(full):
        assert "way back" not in gate.install(two / "two").problem
    is_back(gate)


def test_a_disk_that_is_filled_in_the_trial_does_not_end_the_way_back(gate: Gate, two: Path) -> None:
    """To the last block: what was held for the way back is what it has."""
    filled = list[str]()

    def start(version: str) -> None:
        filled.append(version)

    def full(path: Path) -> None:
        if path.name == "room" and filled:
            filled.clear()
        elif filled and path.suffix in (".copied", ".new"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    gate.starts, gate.dead = start, frozenset({"2.0"})
    with at_each_change(full):
        assert gate.install(two / "two").problem == "its daemon does not answer, after 120 s"
    is_back(gate)


def test_a_way_back_that_cannot_be_gone_says_so_and_what_to_do_and_is_gone_later(gate: Gate, two: Path) -> None:
    """The card fails in the trial, and the kernel makes it read-only; somebody moves it into another board."""
    broken = list[str]()

    def read_only(path: Path) -> None:
        if broken:
            raise OSError(errno.EROFS, "Read-only file system", str(path))

    gate.starts, gate.dead = broken.append, frozenset({"2.0"})
    with at_each_change(read_only):
        outcome = gate.install(two / "two")
    assert outcome.version == ""
    assert outcome.problem.endswith(f"; mend that, then {RECOVER}")
    gate.starts = migrates(gate.places)
    Upgrade(gate.places, gate, gate.say).recover()
    is_back(gate)


def test_what_a_trial_left_as_it_was_is_not_written_again(gate: Gate, two: Path) -> None:
    """Flash wears, and a large gallery takes its time with the lane closed."""
    gallery = gate.places.vision / "gallery.sqlite"
    before = gallery.stat().st_ino
    gate.dead = frozenset({"2.0"})
    gate.install(two / "two")
    assert gallery.stat().st_ino == before
    is_back(gate)


def test_a_directory_that_a_version_left_where_a_store_was_does_not_end_the_way_back(gate: Gate, two: Path) -> None:
    gallery, migrate = gate.places.vision / "gallery.sqlite", gate.starts

    def start(version: str) -> None:
        migrate(version)
        if version == "2.0":
            gallery.unlink()
            (gallery / "deep").mkdir(parents=True)

    gate.starts, gate.dead = start, frozenset({"2.0"})
    assert "way back" not in gate.install(two / "two").problem
    is_back(gate)


@pytest.mark.parametrize("where", ["etc/gatefw/csca.pem", "var/lib/gatefw-vision/models/odd"])
def test_a_link_that_leads_nowhere_keeps_no_gate_from_its_upgrade(gate: Gate, two: Path, where: str) -> None:
    """A certificate was taken away and its link forgotten; or whoever took over vision puts one there."""
    (gate.places.root / where).symlink_to("/nowhere")
    assert gate.install(two / "two").version == "2.0"
    assert (gate.places.root / where).is_symlink()


# ---------------------------------------------------------------- what somebody edits meanwhile


def edited_in_the_trial(gate: Gate, source: Path, edits: dict[str, str | None]) -> list[str]:
    """What is said of /etc/gatefw when version 2.0 does not stay; `edits`: by name, None takes away."""
    place = gate.places.root / "etc/gatefw"

    def start(version: str) -> None:
        for name, text in edits.items() if version == "2.0" else ():
            if text is None:
                (place / name).unlink()
            else:
                (place / name).write_text(text)

    gate.starts, gate.dead = start, frozenset({"2.0"})
    assert gate.install(source).version == "1.0"
    return [line for line in gate.said if line.startswith("/etc/gatefw/") and "trial" in line]


def test_a_lane_file_edited_in_the_trial_is_kept_beside_the_one_that_comes_back(gate: Gate, two: Path) -> None:
    """The new version does not find a reader; the technician corrects its port in the lane file, a moment too late."""
    said = edited_in_the_trial(gate, two / "two", {"lane.toml": LANE + "# mended\n"})
    assert gate.places.lane.read_text() == LANE
    assert gate.places.lane.with_name("lane.toml.edited").read_text() == LANE + "# mended\n"
    told = "was edited in the trial; it is back as it was, and the edited one is lane.toml.edited"
    assert said == [f"/etc/gatefw/lane.toml: {told}"]


def test_a_key_edited_in_the_trial_is_kept_as_secret_as_it_was(gate: Gate, two: Path) -> None:
    key = gate.places.root / "etc/gatefw/reader.key"
    key.write_text("old")
    key.chmod(0o600)
    edited_in_the_trial(gate, two / "two", {"reader.key": "new"})
    kept = key.with_name("reader.key.edited")
    assert (key.read_text(), kept.read_text(), kept.stat().st_mode & 0o777) == ("old", "new", 0o600)


def test_what_was_put_there_in_the_trial_stays_and_what_was_taken_away_is_back_and_both_are_said(
    gate: Gate, two: Path
) -> None:
    place = gate.places.root / "etc/gatefw"
    (place / "old.pem").write_text("of last year")
    said = edited_in_the_trial(gate, two / "two", {"new.pem": "of this year", "old.pem": None})
    assert ((place / "new.pem").read_text(), (place / "old.pem").read_text()) == ("of this year", "of last year")
    assert said == [
        "/etc/gatefw/new.pem: was put there in the trial, and stays",
        "/etc/gatefw/old.pem: was taken away in the trial, and is back",
    ]


def test_what_the_installer_itself_put_there_goes_again_without_a_word(gate: Gate, two: Path) -> None:
    gate.places.lane.write_text(LANE + "# ours\n")
    assert edited_in_the_trial(gate, two / "two", {}) == []
    assert sorted(path.name for path in gate.places.lane.parent.iterdir()) == ["lane.toml"]
    assert gate.places.lane.read_text() == LANE + "# ours\n"


def test_an_edited_text_never_takes_the_place_of_an_earlier_one(gate: Gate, two: Path) -> None:
    for text in ("# once\n", "# twice\n", "# twice\n"):
        edited_in_the_trial(gate, two / "two", {"lane.toml": text})
    kept = {path.name: path.read_text() for path in gate.places.lane.parent.iterdir() if path.name != "lane.toml"}
    assert kept == {"lane.toml.edited": "# once\n", "lane.toml.edited.2": "# twice\n"}
