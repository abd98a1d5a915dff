"""From one version to another: under nobody, and back by itself, whatever fails and wherever the power is cut.

The machine is a directory with two versions of gatefw, its daemon is played by `stick_bench.Gate`. The lane has people
in its records; every start of version 2.0 gives the store a layout that 1.0 does not know, and writes a row to the
journal.
"""

import shutil
import signal
from pathlib import Path

import pytest
from live_gate import live_gate
from peers import until
from stick_bench import LANE, Gate, PowerCut, files, listed, machine, really_tested, stick
from upgrade_bench import JOURNAL, PEOPLE, is_back, migrates, nothing_under_way, running, state, sticks, versions

from gatefw import trial
from gatefw.errors import Refusal, SetupError
from gatefw.installer.machine import Here
from gatefw.installer.places import Places
from gatefw.installer.upgrade import STEPS, Record, Upgrade, read
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


def test_an_upgrade_happens_in_its_order_and_keeps_people_and_journal(gate: Gate, two: Path) -> None:
    assert gate.install(two / "two").version == "2.0"
    assert gate.done == ["close", "stop", "test", "try", "open"]
    assert versions(gate) == ("2.0", "2.0", "2.0")
    assert state(gate.places) == {**PEOPLE, "var/lib/gatefw/records.sqlite": b"layout 2"}
    assert (gate.places.root / JOURNAL).read_text() == "started 1.0\nstarted 2.0\n"
    assert gate.places.lane.read_text() == LANE + "# of 2.0\n"
    assert (gate.places.vision / "models/finder.tflite").read_bytes() == b"finds 2.0"
    nothing_under_way(gate)


def test_the_version_before_stays_on_the_disk_and_the_one_before_that_goes(
    gate: Gate, two: Path, tmp_path: Path
) -> None:
    gate.install(two / "two")
    gate.install(stick(tmp_path / "three", "3.0"))
    assert listed(gate.places, "2.0")["version"] == "2.0"
    assert not (gate.places.programs / "1.0").exists()


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"occupancy": "one"}, "the sensors say of the lane: one"),
        ({"occupancy": "unknown"}, "the sensors say of the lane: unknown"),
        ({"doors": {"entry_door": "open", "exit_door": "secured"}}, "entry_door is not secured"),
    ],
)
def test_a_lane_that_is_not_empty_is_not_upgraded_and_goes_back_into_service(
    gate: Gate, two: Path, seen: dict[str, object], why: str
) -> None:
    """Somebody is between the doors, and stays there: nothing is stopped under them."""
    for name, value in seen.items():
        setattr(gate, name, value)
    outcome = gate.install(two / "two")
    assert (outcome.version, outcome.problem) == ("1.0", f"{why}, after 180 s")
    assert gate.done == ["close", "open"]
    is_back(gate)


def test_a_lane_whose_sensor_knows_nothing_is_upgraded_when_somebody_looked(gate: Gate, two: Path) -> None:
    gate.occupancy = "unknown"
    assert gate.install(two / "two", looked="Chan").version == "2.0"


def test_who_looked_is_not_believed_against_a_sensor(gate: Gate, two: Path) -> None:
    gate.occupancy = "one"
    assert "the sensors say" in gate.install(two / "two", looked="Chan").problem


def test_a_gate_that_does_not_answer_is_upgraded_only_when_somebody_looked(gate: Gate, two: Path) -> None:
    gate.dead = frozenset({"1.0"})
    assert "look yourself that nobody is inside" in gate.install(two / "two").problem
    assert gate.install(two / "two", looked="Chan").version == "2.0"


def test_a_gate_in_safe_mode_is_upgraded_when_somebody_looked_and_else_it_is_said_at_once_what_to_do(
    gate: Gate, two: Path
) -> None:
    """Its lane file is one of 2.0, and 1.0 reads no sensor for want of it: no waiting makes that better."""
    gate.phase, gate.bewildered = "out_of_service", {"1.0": ["/etc/gatefw/lane.toml:7: timers.scan: unknown key"]}
    gate.occupancy, gate.doors = "unknown", {"entry_door": "unknown", "exit_door": "unknown"}
    outcome = gate.install(two / "two")
    assert outcome.problem.startswith("the daemon is in safe mode and reads no sensor (/etc/gatefw/lane.toml:7")
    assert "say so with --looked NAME" in outcome.problem
    assert (gate.clock_s, gate.done) == (0.0, [])
    assert gate.install(two / "two", looked="Chan").version == "2.0"
    assert gate.phase == "out_of_service"
    assert gate.said[-1] == "the lane stays out of service; `gatefw lane open` takes it into service"


def test_a_daemon_that_begins_anew_while_the_lane_is_emptied_is_not_waited_for(gate: Gate, two: Path) -> None:
    """It was closed, died, and systemd started it: by its lane file it serves again."""

    class Restarting(Gate):
        def order(self, verb: str) -> None:
            super().order(verb)
            self.phase = "idle"

    restarting = Restarting(gate.places, running="1.0", starts=gate.starts)
    assert restarting.install(two / "two").problem.startswith("the lane is in service again")
    assert restarting.clock_s == 0.0
    is_back(restarting)


def test_a_lane_that_was_out_of_service_stays_out_of_service(gate: Gate, two: Path) -> None:
    gate.phase = "out_of_service"
    assert gate.install(two / "two").version == "2.0"
    assert gate.phase == "out_of_service"
    assert "open" not in gate.done


def test_a_version_that_fails_its_self_test_is_never_started(gate: Gate, two: Path) -> None:
    gate.tested = lambda version: [] if version == "1.0" else ["passage: 3 people ended otherwise than expected"]
    outcome = gate.install(two / "two")
    assert "3 people" in outcome.problem
    assert "try" not in gate.done
    is_back(gate)


def test_a_version_that_does_not_find_a_device_goes_away_again(gate: Gate, two: Path) -> None:
    gate.lost = {"1.0": ["reader.front"], "2.0": ["door.exit_door", "reader.front"]}
    outcome = gate.install(two / "two")
    assert outcome.problem == "it does not find door.exit_door, which gatefw 1.0 had, after 120 s"
    is_back(gate)


def test_a_version_that_cannot_use_the_lane_file_goes_away_again(gate: Gate, two: Path) -> None:
    """It is up, out of service, and in safe mode: nobody would ever be let in."""
    gate.bewildered = {"2.0": ["/etc/gatefw/lane.toml:7: timers.scan: unknown key"]}
    outcome = gate.install(two / "two")
    assert outcome.problem.startswith("it cannot use the lane file: /etc/gatefw/lane.toml:7: timers.scan")
    is_back(gate)


def test_a_version_whose_daemon_does_not_come_up_goes_away_again_with_what_it_did_to_the_stores(
    gate: Gate, two: Path
) -> None:
    gate.dead = frozenset({"2.0"})
    assert gate.install(two / "two").problem == "its daemon does not answer, after 120 s"
    assert (gate.places.root / JOURNAL).read_text() == "started 1.0\nstarted 2.0\nstarted 1.0\n"
    is_back(gate)


def marks(gate: Gate) -> list[tuple[str, str]]:
    """At each start of a daemon from now on: which version it is, and which one it finds to be tried."""
    found: list[tuple[str, str]] = []
    gate.starts = lambda version: found.append((version, trial.tried(gate.places.root / "var/lib/gatefw")))
    return found


def test_while_a_version_is_tried_its_daemon_finds_the_mark_by_which_it_changes_nothing(gate: Gate, two: Path) -> None:
    """What it changed would be undone with its stores: somebody revoked would pass again."""
    found = marks(gate)
    gate.install(two / "two")
    assert found == [("2.0", "2.0")]
    nothing_under_way(gate)


def test_the_version_that_comes_back_takes_orders_again(gate: Gate, two: Path) -> None:
    found = marks(gate)
    gate.lost = {"2.0": ["door.exit_door"]}
    gate.install(two / "two")
    assert found == [("2.0", "2.0"), ("1.0", "")]


@pytest.mark.parametrize("lost", [[], ["door.exit_door"]])
def test_what_was_refused_in_the_trial_is_told_to_whoever_upgrades(gate: Gate, two: Path, lost: list[str]) -> None:
    """Somebody's registration must end now, and ends neither now nor later unless somebody hears of it."""
    gate.lost, gate.refused = {"2.0": lost}, {"2.0": {"revoke": 2}}
    assert gate.install(two / "two").refused == {"revoke": 2}


def test_a_lane_that_the_officer_opens_in_the_trial_is_opened_after_it(gate: Gate, two: Path) -> None:
    """It was out of service. The officer's button is not refused, and nobody is let in before the trial is over."""
    gate.phase = "out_of_service"

    def start(version: str) -> None:
        gate.phase = "degraded"

    gate.starts = start
    assert gate.install(two / "two").problem == ""
    assert gate.done[-1] == "open"
    nothing_under_way(gate)


def test_the_keys_of_the_journal_are_not_taken_back_with_the_stores(gate: Gate, two: Path) -> None:
    """2.0 is the first that signs the journal. It goes; the signature in the journal stays, and so must its key."""
    signs = gate.places.root / "var/lib/gatefw/keys/journal-sign.key"

    def start(version: str) -> None:
        if version == "2.0":
            signs.write_bytes(b"seed")

    gate.starts, gate.dead = start, frozenset({"2.0"})
    gate.install(two / "two")
    assert signs.read_bytes() == b"seed"


@pytest.mark.parametrize(("cause", "stays"), [("software", False), ("door_forced", True)])
def test_a_version_in_fault_goes_away_again_with_the_fault_that_is_its_own(
    gate: Gate, two: Path, cause: str, stays: bool
) -> None:
    """2.0 latches a fault in its trial. One of software was its own; a forced door was forced, whoever saw it."""
    latch = gate.places.root / "var/lib/gatefw/journal.sqlite.latch"

    def start(version: str) -> None:
        if version == "2.0":
            latch.symlink_to(cause)
        gate.phase = "fault" if latch.is_symlink() else gate.phase

    gate.starts = start
    assert gate.install(two / "two").problem.startswith("its lane is in fault")
    assert versions(gate) == ("1.0", "1.0", "1.0")
    assert latch.is_symlink() is stays
    assert gate.phase == ("fault" if stays else "idle")


def test_a_link_that_a_version_left_where_a_directory_was_leads_the_way_back_nowhere(
    gate: Gate, two: Path, tmp_path: Path
) -> None:
    """Whoever took over vision in the trial puts a link into its store; the way back is root's."""
    elsewhere, models = tmp_path / "elsewhere", gate.places.vision / "models"
    elsewhere.mkdir(mode=0o755)

    def start(version: str) -> None:
        if version == "2.0":
            models.rename(tmp_path / "aside")
            models.symlink_to(elsewhere)

    gate.starts, gate.dead = start, frozenset({"2.0"})
    gate.install(two / "two")
    assert not any(elsewhere.iterdir())
    assert elsewhere.stat().st_mode & 0o777 == 0o755
    assert (models / "finder.tflite").read_bytes() == b"finds 1.0"
    assert not models.is_symlink()


def test_a_mistake_of_the_installer_leads_back_as_every_failure_does(gate: Gate, two: Path) -> None:
    """What nobody thought of must not leave a gate lying that nobody starts until somebody reads a traceback."""

    def wrong(_version: str) -> list[str]:
        raise ValueError("nobody thought of this")

    gate.tested = wrong
    assert gate.install(two / "two").problem == "nobody thought of this"
    is_back(gate)


def test_a_disk_without_room_for_the_way_back_ends_the_upgrade_before_it_begins(gate: Gate, two: Path) -> None:
    with (gate.places.root / "var/lib/gatefw/fingers.sqlite").open("wb") as large:
        large.truncate(1 << 43)
    outcome = gate.install(two / "two")
    assert "make room" in outcome.problem
    assert versions(gate) == ("1.0", "1.0", "1.0")


def test_a_lane_file_edited_on_the_machine_is_still_edited_after_the_way_back(gate: Gate, two: Path) -> None:
    gate.places.lane.write_text(LANE + "# ours\n")
    gate.dead = frozenset({"2.0"})
    gate.install(two / "two")
    assert gate.places.lane.read_text() == LANE + "# ours\n"
    gate.dead = frozenset()
    gate.install(two / "two")
    assert gate.places.lane.read_text() == LANE + "# ours\n"
    assert gate.places.lane.with_name("lane.toml.new").read_text() == LANE + "# of 2.0\n"


# ---------------------------------------------------------------- the power is cut


def calls_of_an_upgrade(tmp_path: Path, two: Path) -> int:
    gate = running(tmp_path / "counted", two)
    gate.left = 1_000_000
    gate.install(two / "two")
    return 1_000_000 - gate.left


def test_wherever_the_power_is_cut_one_of_the_two_versions_runs_whole_at_the_next_boot(
    tmp_path: Path, two: Path
) -> None:
    """After each thing that the installer says or asks, and then once more in the midst of the recovery."""
    ends = set()
    begun = running(tmp_path / "begun", two)
    for cut in range(calls_of_an_upgrade(tmp_path, two)):
        shutil.copytree(begun.places.root, tmp_path / f"at{cut}", symlinks=True)
        gate = Gate(Places(tmp_path / f"at{cut}"), running="1.0", left=cut)
        gate.starts = migrates(gate.places)
        with pytest.raises(PowerCut):
            gate.install(two / "two")
        for again in (cut % 5, 1_000_000):
            gate.power_returns()
            gate.left = again
            try:
                Upgrade(gate.places, gate, gate.say).recover()
            except PowerCut:
                continue
            break
        gate.power_returns()
        gate.start(in_service=True)  # what systemd does then
        assert versions(gate) in (("1.0", "1.0", "1.0"), ("2.0", "2.0", "2.0")), cut
        if gate.running == "1.0":
            is_back(gate)
        nothing_under_way(gate)
        ends.add(gate.running)
        shutil.rmtree(gate.places.root)
    assert ends == {"1.0", "2.0"}


@pytest.mark.parametrize("step", STEPS)
def test_what_was_interrupted_goes_back_before_the_commit_and_on_after_it(gate: Gate, two: Path, step: str) -> None:
    def until_that(line: str) -> None:
        if line.startswith(f"{step} ("):
            raise PowerCut

    from gatefw.installer.install import Install, Wish

    with pytest.raises(PowerCut):
        Install(gate.places, gate, until_that).run(Wish(two / "two"))
    record = read(gate.places)
    assert record is not None
    assert record.step == step
    with pytest.raises(SetupError, match=f"interrupted at {step}; finish it first: {RECOVER}"):
        gate.install(two / "two")
    outcome = Upgrade(gate.places, gate, gate.say).recover()
    assert outcome is not None
    assert outcome.version == ("2.0" if step in ("commit", "open") else "1.0")
    nothing_under_way(gate)


def test_at_a_boot_no_order_is_given_to_a_daemon_that_is_not_there_yet() -> None:
    """The power was cut while the lane was being closed: the way back is a boot, by the lane file."""
    Here(Places(Path("/")), booting=True).order("open")


def test_the_way_back_may_be_gone_twice(gate: Gate, two: Path) -> None:
    gate.dead = frozenset({"2.0"})
    gate.install(two / "two")
    before = files(gate.places.root)
    Upgrade(gate.places, gate, gate.say).back(Record("1.0", "2.0", "trial", in_service=True, answered=True))
    assert {name: text for name, text in files(gate.places.root).items() if name != JOURNAL} == {
        name: text for name, text in before.items() if name != JOURNAL
    }


def test_where_nothing_was_interrupted_there_is_nothing_to_recover(gate: Gate) -> None:
    assert Upgrade(gate.places, gate, gate.say).recover() is None


def test_a_record_that_cannot_be_read_stops_everything_and_says_whom_to_ask(gate: Gate, two: Path) -> None:
    (gate.places.own / "upgrade.json").write_text("{")
    with pytest.raises(SetupError, match="not the record of an upgrade"):
        gate.install(two / "two")


# ---------------------------------------------------------------- the real thing


@pytest.mark.models
@pytest.mark.usefixtures("models")
def test_a_wheel_of_this_tree_passes_its_own_self_test_and_a_broken_one_goes_back(tmp_path: Path) -> None:
    """The self-test is really run, in processes of the installed version; of 4.0 a module cannot be loaded."""
    gate = Gate(machine(tmp_path / "root"))
    gate.tested = lambda version: really_tested(gate.places, version)
    assert gate.install(stick(tmp_path / "one", "1.0", whole=True)).problem == ""
    broken = stick(tmp_path / "four", "4.0", whole=True, instead={"gatefw/supervisor.py": "import nothing_like_it\n"})
    outcome = gate.install(broken)
    assert outcome.version == "1.0"
    assert "processes: ModuleNotFoundError: No module named 'nothing_like_it'" in outcome.problem
    assert versions(gate) == ("1.0", "1.0", "1.0")


@pytest.mark.real
@pytest.mark.models
def test_a_gate_that_is_tried_lets_nobody_in_and_changes_nobody_until_the_trial_is_over(
    models: Path, photos: Path
) -> None:
    """`gatefw run --out-of-service`, on a lane whose file has it in service; its sensors are asked meanwhile. Somebody
    ends a registration, and somebody opens the lane: neither is done, and both hear why."""
    with live_gate(models, photos) as gate:
        gate.enrol(photos / "obama.jpg")
        [subject] = [each["subject"] for each in gate.ask("subjects")["subjects"]]
        gate.kill(signal.SIGTERM)
        mark = trial.mark(gate.run / "state")
        mark.write_text("9.1.0")
        gate.daemon = gate.start("run", "--out-of-service")
        gate.await_phase("out_of_service")
        status = gate.ask("status")
        assert (status["occupancy"], set(status["doors"].values())) == ("empty", {"secured"})
        for verb, args in (("revoke", {"subject": subject}), ("open", {})):
            with pytest.raises(Refusal, match=rf"{verb}: gatefw 9\.1\.0 is being tried here"):
                gate.ask(verb, **args)
        told = {"to": "9.1.0", "refused": {"revoke": 1, "open": 1}}
        until(lambda: gate.ask("status")["upgrade"] == told, "both to be told to whoever upgrades")
        assert gate.ask("status")["impaired"] == {"upgrade": ["closed"]}
        mark.unlink()
        gate.ask("open")
        gate.await_phase("idle")
        gate.ask("revoke", subject=subject)
        assert gate.ask("status")["upgrade"] is None
