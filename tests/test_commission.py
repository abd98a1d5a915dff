"""Commissioning: what follows from levels that were seen, what is signed, and what is left of it. No gate is needed."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hw
from gatefw.cli import main
from gatefw.commission.judge import Wiring, at_rest, contacts_of, too_tight
from gatefw.commission.plan import Correction, Kind, Result, Step, Verdict, chosen, plan
from gatefw.commission.report import About, draft_of, fragment, keep_draft, page, report
from gatefw.commission.seal import digest, opened, seal
from gatefw.commission.technician import Scripted, answers_in
from gatefw.commission_desk import CommissionDesk
from gatefw.config import load
from gatefw.control import Answer, Done, Order
from gatefw.errors import Refusal, SetupError, StoreError
from gatefw.model import Fact, FactKind
from gatefw.wall_time import WallTime

CONFIG = load(Path("config/sim.toml"), hw.schema, os.environ | {"GATEFW_RUN": "/run/gatefw"})
WIRING = Wiring(CONFIG.devices)
REST = {
    **{f"{door}.{name}": True for door in ("entry_door", "exit_door") for name in ("closed", "locked")},
    **{f"{door}.beam": False for door in ("entry_door", "exit_door")},
    **dict.fromkeys(("zone_airlock", "zone_airlock_many", "zone_front", "zone_behind", "call", "stop", "fire"), False),
}
SEED = bytes(range(32))
AT = WallTime(1_800_000_000_000_000_000, synchronised=True)


def corrections(found: Any) -> dict[str, Any]:
    return {f"{each.table}.{each.key}": each.value for each in found.corrections}


# ------------------------------------------------------------ levels


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("locked", [True, False])
def test_a_position_gives_back_the_two_contacts_that_it_was_made_of(closed: bool, locked: bool) -> None:
    position = {(True, True): "secured", (True, False): "closed", (False, False): "open", (False, True): "unknown"}
    told = {"doors": {"entry_door": position[closed, locked]}, "occupancy": "empty"}
    levels = contacts_of(told)
    assert (levels["entry_door.closed"], levels["entry_door.locked"]) == (closed, locked)


def test_what_nobody_can_read_is_not_taken_for_a_level() -> None:
    levels = contacts_of({"beams": {"entry_door": "unknown"}, "inputs": {"fire": "unknown", "evacuate": "on"}})
    assert levels == {"officer_evacuate": True}


def test_a_lane_at_rest_has_nothing_wrong() -> None:
    assert WIRING.rest(REST) == []


@given(wrong=st.sets(st.sampled_from(sorted(set(REST) - {"fire"}))))
def test_whichever_contacts_are_the_other_way_round_each_is_named_at_rest_and_turned(wrong: set[str]) -> None:
    findings = WIRING.rest({name: active is not (name in wrong) for name, active in REST.items()})
    assert {finding.why.split(" ")[0] for finding in findings} == wrong
    assert all(correction.key.endswith("_normally") for finding in findings for correction in finding.corrections)


def test_a_contact_is_turned_to_what_it_was_not() -> None:
    assert corrections(WIRING.rest({"stop": True})[0]) == {"sensors.lane.stop_normally": "open"}
    assert corrections(WIRING.rest({"zone_front": True})[0]) == {"sensors.lane.zone_front_normally": "closed"}
    assert corrections(WIRING.rest({"exit_door.beam": True})[0]) == {"door.exit_door.beam_normally": "open"}


@pytest.mark.parametrize("name", ["fire", "officer_evacuate", "call"])
def test_an_input_that_frees_people_is_never_turned_for_a_wire_that_may_be_cut(name: str) -> None:
    """Its loop is cut, and reads as fire. Turned in the lane file it would read as no fire for good, and pass."""
    config = load(Path("config/reference.toml"), hw.schema)
    (found,) = Wiring(config.devices).rest({name: True})
    assert found.corrections == ()
    assert "try it in a drill" in found.why


# ------------------------------------------------------------ one contact


def test_a_button_that_goes_on_and_off_again_is_as_it_should_be() -> None:
    assert WIRING.pressed("stop", REST, [{**REST, "stop": True}]) is None


def test_two_people_are_also_one() -> None:
    two = {**REST, "zone_airlock": True, "zone_airlock_many": True}
    assert WIRING.pressed("zone_airlock_many", REST, [two]) is None


@given(pair=st.permutations(["stop", "zone_front", "zone_behind", "call"]))
def test_of_two_wires_that_are_crossed_each_gets_the_others_terminal(pair: list[str]) -> None:
    one, other = pair[:2]
    found = WIRING.pressed(one, REST, [{**REST, other: True}])
    assert found is not None
    settings: Any = CONFIG.having("sensors")[0].settings
    told = corrections(found)
    assert told[f"sensors.lane.{one}"] == getattr(settings, other).number
    assert told[f"sensors.lane.{other}"] == getattr(settings, one).number


def test_a_button_that_changes_nothing_is_looked_for_with_a_meter() -> None:
    found = WIRING.pressed("stop", REST, [])
    assert found is not None
    assert ("meter" in found.why, found.corrections) == (True, ())


def test_a_button_that_goes_off_when_it_is_pressed_is_the_other_way_round() -> None:
    rest = {**REST, "zone_front": True}
    found = WIRING.pressed("zone_front", rest, [{**rest, "zone_front": False}])
    assert found is not None
    assert corrections(found) == {"sensors.lane.zone_front_normally": "closed"}


def test_one_button_that_moves_two_others_is_no_guess_of_ours() -> None:
    found = WIRING.pressed("stop", REST, [{**REST, "call": True, "zone_front": True}])
    assert found is not None
    assert ("call, zone_front" in found.why, found.corrections) == (True, ())


# ------------------------------------------------------------ doors

OPEN = {**REST, "entry_door.closed": False, "entry_door.locked": False}


def test_a_door_whose_contacts_follow_it_is_as_it_should_be() -> None:
    unlocked = {**REST, "entry_door.locked": False}
    assert WIRING.travelled("entry_door", REST, [REST, unlocked, OPEN, unlocked, REST]) is None


@pytest.mark.parametrize(
    ("seen", "says", "corrects"),
    [
        ({"exit_door.closed": False, "entry_door.locked": False}, "entry_door.closed with exit_door.closed", 2),
        ({"exit_door.closed": False, "exit_door.locked": False}, "entry_door.locked with exit_door.locked", 4),
        ({}, "never moved", 0),
        ({"entry_door.locked": False}, "entry_door.closed did not follow", 0),
        ({"entry_door.closed": False}, "entry_door.locked did not follow", 0),
        ({"entry_door.closed": False, "entry_door.locked": False, "exit_door.locked": False}, "touches", 0),
    ],
)
def test_contacts_that_do_not_follow_their_door_are_told_apart(
    seen: Mapping[str, bool], says: str, corrects: int
) -> None:
    found = WIRING.travelled("entry_door", REST, [{**REST, **seen}])
    assert found is not None
    assert says in found.why
    assert len(found.corrections) == corrects


def test_a_motion_that_fills_its_timer_asks_for_a_longer_one() -> None:
    assert too_tight("entry_door", 3.0, 4.0, "secure_s") is None
    found = too_tight("entry_door", 3.5, 4.0, "secure_s")
    assert found is not None
    assert corrections(found) == {"timers.secure_s": 7.0}


# ------------------------------------------------------------ what there is to do


def test_every_device_of_a_lane_has_its_step_and_every_contact_that_is_wired() -> None:
    steps = plan(CONFIG)
    assert {step.device for step in steps} == {"", *(device.label for device in CONFIG.devices)}
    assert [step.kind for step in steps if step.device == "door.entry_door"] == [Kind.TRAVEL, Kind.BEAM]
    assert steps[0].kind is Kind.REST
    assert "sensors.lane.officer_key" not in {step.id for step in steps}


def test_one_step_is_chosen_by_its_name_and_those_of_a_device_by_the_devices() -> None:
    steps = plan(CONFIG)
    assert [each.id for each in chosen(steps, ["door.entry_door.beam"])] == ["door.entry_door.beam"]
    assert len(chosen(steps, ["door.entry_door", "rest"])) == 3
    with pytest.raises(Refusal, match=r"door\.exit_door"):
        chosen(steps, ["door.exit"])


# ------------------------------------------------------------ what is left of it

ABOUT = About("sim", "c" * 64, "mk", "2026-12-01T00:00:00Z")
STEPS = [Step("rest", Kind.REST), Step("door.entry_door", Kind.TRAVEL, "door.entry_door")]
WRONG = Result(
    "rest", Verdict.FAILED, "stop reads active | at rest", {"levels": {"stop": "active"}}, (
        Correction("sensors.lane", "stop_normally", "open", "stop is wired as a contact that is normally open"),
        Correction("timers", "secure_s", 7.0, "entry_door took 3.5 s"),
    ), "abc",
)  # fmt: skip


def test_a_report_has_every_step_and_what_was_not_done_is_not_complete() -> None:
    told = report(ABOUT, STEPS, {"rest": WRONG})
    assert [step["verdict"] for step in told["steps"]] == ["failed", "skipped"]
    assert (told["passed"], told["complete"]) == (False, False)


def test_the_fragment_is_toml_with_what_was_measured_behind_each_key() -> None:
    import tomllib

    text = fragment([WRONG])
    assert tomllib.loads(text) == {"sensors": {"lane": {"stop_normally": "open"}}, "timers": {"secure_s": 7.0}}
    assert "# entry_door took 3.5 s" in text
    assert tomllib.loads(fragment([])) == {}


def test_the_page_is_one_table_whatever_stands_in_it() -> None:
    lines = page(report(ABOUT, STEPS, {"rest": WRONG}), "signed").splitlines()
    assert {line.count("|") for line in lines if line.startswith("|")} == {5}


def test_a_draft_gives_back_what_was_done_and_is_of_one_lane(tmp_path: Path) -> None:
    keep_draft(tmp_path / "draft.json", ABOUT, {"rest": WRONG})
    assert draft_of(tmp_path / "draft.json", "sim") == {"rest": replace(WRONG, resumed=True)}
    with pytest.raises(SetupError, match="is of lane 'sim'"):
        draft_of(tmp_path / "draft.json", "other")


def test_a_draft_that_cannot_be_kept_is_named_and_the_one_before_it_stays(tmp_path: Path) -> None:
    """Something has the name under which the new one is written first: as with a full disk, none is written."""
    keep_draft(tmp_path / "draft.json", ABOUT, {"rest": WRONG})
    (tmp_path / "draft.new").symlink_to("/dev/full")
    with pytest.raises(SetupError, match=r"draft\.json: the draft cannot be written: the disk is full; make room"):
        keep_draft(tmp_path / "draft.json", ABOUT, {})
    assert draft_of(tmp_path / "draft.json", "sim") == {"rest": replace(WRONG, resumed=True)}


def test_a_step_that_a_draft_has_played_is_marked_so_in_what_is_signed_whoever_edited_the_draft(tmp_path: Path) -> None:
    """Somebody writes into the draft that the step passed, and was not resumed."""
    keep_draft(tmp_path / "draft.json", ABOUT, {"rest": replace(WRONG, at="2026-12-01T08:00:00Z")})
    text = (tmp_path / "draft.json").read_text()
    (tmp_path / "draft.json").write_text(text.replace('"failed"', '"passed"'))
    results = draft_of(tmp_path / "draft.json", "sim")
    told = report(ABOUT, STEPS, results)
    marks = {each["step"]: (each["verdict"], each["resumed"], each["at"]) for each in told["steps"]}
    assert marks["rest"] == ("passed", True, "2026-12-01T08:00:00Z")
    assert not any(resumed for name, (_, resumed, _) in marks.items() if name != "rest")
    line, _ = order(told)
    assert opened(line, told).lane == "sim"
    assert "| rest | passed, by a draft, played 2026-12-01T08:00:00Z |" in page(told, line)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lane": "sim", "steps": [{}]}', '{"lane": "sim", "steps": [1]}'])
def test_what_is_no_draft_is_refused_and_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(SetupError, match=r"d\.json"):
        draft_of(tmp_path / "d.json", "sim")


def test_a_file_that_is_not_there_is_named_without_the_number_of_an_error(tmp_path: Path) -> None:
    for reads in (lambda path: draft_of(path, "sim"), answers_in):
        with pytest.raises(SetupError, match="No such file") as complained:
            reads(tmp_path / "none")
        assert "Errno" not in str(complained.value)


def test_answers_are_read_by_step_and_others_than_three_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('default = "no"\n"door.entry_door" = "skip"\n')
    said: list[str] = []
    player = Scripted(answers_in(tmp_path / "a.toml"), lambda _step, what: said.append(what))
    assert (player.ask(STEPS[0], "so?"), player.passes_by(STEPS[1]), said) == ("no", True, ["so?"])
    (tmp_path / "a.toml").write_text('rest = "maybe"\n')
    with pytest.raises(SetupError, match="maybe"):
        answers_in(tmp_path / "a.toml")


# ------------------------------------------------------------ what the lane signs


def order(told: object, by: str = "uid-7") -> tuple[str, list[Fact]]:
    facts: list[Fact] = []
    answers: list[Answer] = []
    desk = CommissionDesk("sim", "c" * 64, SEED, facts.append, lambda: AT)
    desk.order(Order("commission_sign", {"report": told}, by, None, 1.0), answers.append)
    assert isinstance(answers[0], Done)
    return str(answers[0].result["signed"]), facts


def test_a_report_is_signed_and_that_it_was_handed_in_is_written_down() -> None:
    told = report(ABOUT, STEPS, {"rest": WRONG})
    line, facts = order(told)
    said = opened(line, told)
    assert (said.lane, said.by, said.config, said.clock) == ("sim", "uid-7", "c" * 64, "synchronised")
    assert facts[0].kind is FactKind.COMMISSIONED
    assert dict(facts[0].fields) == {
        "by": "uid-7",
        "name": "mk",
        "report": digest(told),
        "passed": False,
        "complete": False,
    }


@pytest.mark.parametrize(
    "change", [{"lane": "other"}, {"config": "d" * 64}, {"technician": "Maria Kern"}, {"passed": "yes"}, {"config": 1}]
)
def test_what_is_no_report_of_this_lane_is_not_signed_and_leaves_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        order({**report(ABOUT, STEPS, {}), **change})
    with pytest.raises(Refusal):
        order(["report"])


@given(data=st.data())
def test_whatever_is_altered_in_a_report_or_its_line_does_not_hold(data: st.DataObject) -> None:
    told = report(ABOUT, STEPS, {"rest": WRONG})
    line = seal(SEED, "sim", digest(told), "c" * 64, AT, "uid-7")
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.sampled_from("0123456789abcdefx ").filter(lambda each: each != line[at]))
    with pytest.raises(StoreError):
        opened(line[:at] + other + line[at + 1 :], told)
    key = data.draw(st.sampled_from(sorted(told)))
    with pytest.raises(StoreError, match="another report"):
        opened(line, {**told, key: "else"})


# ------------------------------------------------------------ the command


def test_a_report_is_verified_by_the_command_and_an_altered_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = report(ABOUT, STEPS, {})
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"report": told, "signed": order(told)[0]}))
    assert main(["commission", "verify", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["holds"], said["came_to"], said["technician"]) == (True, "passed", "mk")
    assert main(["commission", "verify", str(file), "--lane-key", "0" * 64]) == 1
    assert "not with the key that was given" in capsys.readouterr().out
    file.write_text(json.dumps({"report": {**told, "passed": False}, "signed": order(told)[0]}))
    assert main(["commission", "verify", str(file)]) == 1
    assert "altered after it was signed" in capsys.readouterr().out
    file.write_text("{}")
    assert main(["commission", "verify", str(file)]) == 1
    assert main(["commission", "verify", str(tmp_path / "none.json")]) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["verify"], "verify wants a REPORT"),
        (["config/sim.toml", "x.json"], "REPORT belongs to verify"),
        (["config/sim.toml"], "--name: who does it is wanted"),
        (["config/sim.toml", "--name", "Maria Kern"], "--name: who does it is wanted"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEFW_RUN", "/run/gatefw")
    with pytest.raises(SystemExit):
        main(["commission", *words])
    assert says in capsys.readouterr().err


def test_without_a_daemon_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path))
    assert main(["commission", "config/sim.toml", "--name", "mk", "--dir", str(tmp_path)]) == 2
    assert "is `gatefw run` running there" in capsys.readouterr().err
    assert main(["commission", "config/sim.toml", "--name", "mk", "--only", "door.back"]) == 2
    assert "no such step" in capsys.readouterr().err


def test_levels_at_rest_are_what_a_closed_and_locked_lane_has() -> None:
    assert [name for name in REST if at_rest(name)] == [name for name in REST if REST[name]]
