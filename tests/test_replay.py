"""What was recorded plays again to the last byte; with other code or another lane file, up to where it differs."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase as Hypothesis
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import spelt
from taped import Reel, recorded, recorded_day

from gatefw import cli
from gatefw.crew import gate_settings
from gatefw.errors import BadReply
from gatefw.gate_terms import (
    Answered,
    DeviceWent,
    DoorSensed,
    Effect,
    GateInput,
    LaneSensed,
    Ordered,
    SetTimer,
    Stay,
    Tell,
)
from gatefw.model import (
    Answer,
    Beam,
    DoorId,
    FaceCompared,
    Ineligible,
    Input,
    LookUpRecord,
    Occupancy,
    Phase,
    Position,
    Reason,
    RunId,
    Signal,
    Timer,
    Token,
    Verb,
    Verdict,
    Zone,
)
from gatefw.recording import GROWS_BYTES, LEAST_FREE_BYTES, LOOK_BYTES, Shelf, segments
from gatefw.replay import Lane, replay
from gatefw.simulate import lanes
from gatefw.simulate.day import scripted_lane
from gatefw.simulate.storm import Storm
from gatefw.simulate.storm_life import Life
from gatefw.simulate.storms import BUILT, lane_of
from gatefw.tape import Masks, Played, packed, unpacked

CONFIGS = {name: lanes.load(name) for name in lanes.names()}


# ---------------------------------------------------------------- the same again


@settings(max_examples=20, deadline=None, phases=(Hypothesis.explicit, Hypothesis.generate))  # a day is long to shrink
@given(st.sampled_from(sorted(CONFIGS)), st.integers(0, 2**32), st.sampled_from((1 << 30, 4_000)))
def test_a_day_plays_again_to_the_last_effect_from_its_beginning_or_from_any_photograph(
    lane: str, seed: int, segment_bytes: int
) -> None:
    reel = recorded_day(CONFIGS[lane], 6, seed, segment_bytes)
    assert reel.begun > 1 or segment_bytes > 4_000
    came = replay(reel.lines)
    assert came.difference is None
    assert came.passages >= 6
    first = next(n for n in range(len(reel.lines) - 1, -1, -1) if b"gatefw_recording" in reel.lines[n])
    assert replay(reel.lines[first:]).difference is None, "the newest segment stands alone"


class Filmed(Storm):
    """A storm of which every life of the process is recorded."""

    def took(self, life: Life, event: GateInput, effects: list[Effect]) -> None:
        films: dict[int, tuple[Life, Reel]] = self.__dict__.setdefault("films", {})
        if id(life) not in films:
            latched = Reason.SOFTWARE if life.gate.state.latched else None
            begun = replace(self.settings, in_service=life.gate.state.in_service)  # perhaps after maintenance
            films[id(life)] = life, Reel(life.gate, begun, self.config.lane.procedure, latched=latched)
        films[id(life)][1].recorder.took(event, effects, self.now_s)
        super().took(life, event, effects)


@pytest.mark.parametrize("seed", range(12))
def test_every_life_of_a_storm_plays_again_to_the_last_effect(seed: int) -> None:
    """Devices go and come, answers are late, twice or lost, people do what they like, the process is killed."""
    name, _, built = lane_of(seed).partition(", ")
    storm = Filmed(CONFIGS[name], seed, None, BUILT[built] if built else None)
    storm.play()
    films: dict[int, tuple[Life, Reel]] = storm.__dict__["films"]
    for _, reel in films.values():
        reel.recorder.close()
        assert replay(reel.lines).difference is None


def test_a_photograph_is_taken_between_two_runs_alone_and_no_segment_begins_within_one() -> None:
    reel = recorded_day(CONFIGS["document-free"], 8, 1, segment_bytes=1)
    assert reel.begun > 8
    under_way: set[str] = set()
    for line in reel.lines:
        told = json.loads(line)
        if "gatefw_recording" in told:
            assert not under_way
        for effect in told.get("out") or ():
            if "Record" in effect:
                fact = effect["Record"]["fact"]["Fact"]
                kind = fact["kind"]["FactKind"]
                under_way |= {fact["run"]} if kind == "passage.started" else set()
                under_way -= {fact["run"]} if kind == "passage.ended" else set()


def test_a_segment_that_lost_a_line_ends_there_and_the_next_one_begins_between_two_runs() -> None:
    """The disk does not keep up: of every thirty lines one is lost."""
    reel = recorded_day(CONFIGS["contactless-e-channel"], 6, 5, loses=lambda number: number % 30 == 0)
    assert reel.begun > 2
    assert len(reel.lines) < reel.asked
    assert replay(reel.lines).difference is None


def test_a_line_that_was_cut_off_by_a_power_cut_is_left_and_any_other_is_said_to_be_none() -> None:
    lines = recorded_day(CONFIGS["hetao"], 1, 1).lines
    assert replay([*lines, lines[-1][:-9]]).difference is None
    for wrong in (
        b"{}\n",
        b"hello\n",
        b'{"t":1.0,"in":{"Popen":{"args":"x"}},"out":[]}\n',
        b'{"t":1.0,"in":[1],"out":1}\n',
    ):
        with pytest.raises(BadReply):
            replay([*lines, wrong])
    with pytest.raises(BadReply, match="does not begin"):
        replay(lines[1:])


# ---------------------------------------------------------------- what differs


def lane_of_file(name: str) -> Lane:
    config = CONFIGS[name]
    return Lane(gate_settings(config), config.lane.procedure)


def test_the_same_lane_file_changes_nothing_and_another_one_is_told_by_its_first_difference() -> None:
    """Would the new timers have made a difference yesterday? The first release waits for somebody half as long."""
    reel = recorded_day(CONFIGS["contactless-e-channel"], 2, 1)
    lane = lane_of_file("contactless-e-channel")
    assert replay(reel.lines, lane).difference is None
    timers = {**lane.settings.timers, Timer.ENTER: 5.0}
    found = replay(reel.lines, replace(lane, settings=replace(lane.settings, timers=timers))).difference
    assert found is not None
    assert found.expected == {"SetTimer": {"timer": {"Timer": "enter"}, "generation": 4, "after_s": 15.0}}
    assert found.got["SetTimer"]["after_s"] == 5.0
    assert next(iter(found.event)) == "Answered"
    assert found.rows == ("token_presented: invited, always -> entry_released",)
    assert found.after_s > 0


def test_an_answer_that_is_heard_otherwise_turns_an_admission_into_a_refusal() -> None:
    reel = recorded_day(CONFIGS["contactless-e-channel"], 1, 1)

    def stricter(answer: Answer) -> Answer:
        return replace(answer, matched=answer.score < 0.1) if isinstance(answer, FaceCompared) else answer

    found = replay(reel.lines, replace(lane_of_file("contactless-e-channel"), heard=stricter)).difference
    assert found is not None
    assert next(iter(found.event)) == "Answered"
    assert "true" in json.dumps(found.expected) and "false" in json.dumps(found.got)


def test_code_that_drives_a_door_otherwise_is_found_at_the_first_effect_that_is_missing() -> None:
    lines = recorded_day(CONFIGS["contactless-e-channel"], 1, 1).lines
    place = next(n for n, line in enumerate(lines) if b'"Drive"' in line)
    told = json.loads(lines[place])
    dropped = [each for each in told["out"] if "Drive" not in each]
    found = replay([*lines[:place], json.dumps(told | {"out": dropped}).encode() + b"\n"]).difference
    assert found is not None
    assert (found.line, "Drive" in json.dumps(found.got)) == (place + 1, True)


def test_what_raised_is_expected_to_raise() -> None:
    lines = recorded_day(CONFIGS["hetao"], 1, 1).lines
    place = next(n for n, line in enumerate(lines) if b'"in"' in line)
    told = json.loads(lines[place])
    found = replay([*lines[:place], json.dumps(told | {"out": None}).encode() + b"\n"]).difference
    assert found is not None
    assert found.expected == {"raised": True}


# ---------------------------------------------------------------- who it was is not on it


@pytest.mark.parametrize("lane", sorted(CONFIGS))
def test_no_token_document_portrait_or_subject_is_on_a_tape_and_no_sign_ties_two_runs(lane: str) -> None:
    """In a simulated lane a person's name is their token, subject, document number and portrait: it is in no line."""
    lines = recorded_day(CONFIGS[lane], 6, 3).lines
    recording = b"".join(lines)
    for person in ("person-0", "person-1", "person-5", "1980-01-01"):
        for how, spelling in spelt(person.encode()):
            assert spelling not in recording, how
    signs: dict[str, set[str]] = {}
    run = ""
    for line in lines:
        begun = re.findall(r'passage.started"},"run":"([0-9a-f]{16})"', line.decode())
        run = begun[0] if begun else run
        for sign in re.findall(r"personal-[0-9]+", line.decode()):
            signs.setdefault(sign, set()).add(run)
    assert all(len(runs) == 1 for runs in signs.values())


def test_a_technician_is_a_sign_from_the_order_to_the_end_of_their_stay() -> None:
    lane = scripted_lane(CONFIGS["contactless-e-channel"], 1)
    reel = recorded(lane)
    stay = Stay("zebedee", "repair", 60.0)
    lane.runner.take(Ordered(1, Verb.MAINTAIN, "uid-1000", stay=stay))
    lane.runner.run(lane.now_s + 120.0)
    reel.recorder.close()
    recording = b"".join(reel.lines).decode()
    assert "zebedee" not in recording
    assert recording.count("technician-1") >= 3
    assert replay(reel.lines).difference is None


def test_masks_give_the_same_sign_until_they_forget() -> None:
    masks = Masks()
    first = packed(LookUpRecord(Token(b"secret", "]Q1")), masks)
    assert first == {
        "LookUpRecord": {"token": {"Token": {"payload": {"bytes": b"personal-1".hex()}, "symbology": "]Q1"}}}
    }
    assert packed(Token(b"secret", "]Q1"), masks) == first["LookUpRecord"]["token"]
    masks.forget()
    assert packed(Token(b"secret"), masks)["Token"]["payload"] == {"bytes": b"personal-2".hex()}
    assert packed(Token(b""), masks)["Token"]["payload"] == {"bytes": ""}


def test_every_input_and_effect_comes_back_as_it_was_packed() -> None:
    signs = Played()
    for value in (
        Ordered(1, Verb.OPEN, "uid-0", Phase.IDLE, 5.0),
        Tell(1, True),
        SetTimer(Timer.ENTER, 3, 15.0),
        Answered(RunId("a" * 16), 2, Ineligible((("rule", Reason.UNDER_AGE),), Verdict.REFER)),
        LaneSensed(Occupancy.ONE, ((Zone.FRONT, True),), ((Input.FIRE, Signal.UNKNOWN),)),
        gate_settings(CONFIGS["hetao"]),
    ):
        assert unpacked(json.loads(json.dumps(packed(value, signs)))) == value


def test_an_order_on_an_older_tape_has_no_reason() -> None:
    told = packed(Ordered(1, Verb.HOLD, "uid-0"), Played())
    del told["Ordered"]["why"]
    assert unpacked(told) == Ordered(1, Verb.HOLD, "uid-0")


# ---------------------------------------------------------------- the command


def gatefw(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = cli.main(["replay", *map(str, arguments)])
    out, error = capsys.readouterr()
    return status, out, error


def test_yesterday_is_played_with_other_timers_and_the_first_difference_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        day = recorded_day(CONFIGS["contactless-e-channel"], 2, number)
        (tmp_path / f"{number:08}.jsonl").write_bytes(b"".join(day.lines))
    status, out, error = gatefw(capsys, tmp_path)
    assert (status, out[:10], error) == (0, "the same: ", "")
    file = CONFIGS["contactless-e-channel"].file
    assert gatefw(capsys, tmp_path, "--config", file)[0] == 0
    (tmp_path / "new.toml").write_text(file.read_text().replace("enter_s = 15.0", "enter_s = 5.0"))
    status, out, _ = gatefw(capsys, tmp_path, "--config", tmp_path / "new.toml")
    assert status == 1
    assert out.splitlines()[0].startswith(f"{tmp_path / '00000001.jsonl'}, line ")
    assert "  expected  SetTimer(timer=enter, generation=4, after_s=15.0)" in out.splitlines()
    assert "  got       SetTimer(timer=enter, generation=4, after_s=5.0)" in out.splitlines()
    assert "  row       token_presented: invited, always -> entry_released" in out.splitlines()
    status, out, _ = gatefw(capsys, tmp_path, "--config", tmp_path / "new.toml", "--json")
    assert (status, json.loads(out)["got"]["SetTimer"]["after_s"]) == (1, 5.0)


def test_a_stricter_rate_judges_yesterdays_faces_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = recorded_day(CONFIGS["contactless-e-channel"], 1, 1)
    (tmp_path / "day.jsonl").write_bytes(b"".join(day.lines))
    text = CONFIGS["contactless-e-channel"].file.read_text()
    (tmp_path / "strict.toml").write_text(re.sub(r"(?m)^fmr = .*", "fmr = 1e-4", text))
    status, out, _ = gatefw(capsys, tmp_path / "day.jsonl", "--config", tmp_path / "strict.toml")
    assert status == 1
    assert "face_compared" in out.splitlines()[2]


def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gatefw(capsys, tmp_path)[0] == 2
    (tmp_path / "x.jsonl").write_text("hello\n")
    status, out, error = gatefw(capsys, tmp_path / "x.jsonl")
    assert (status, out) == (2, "")
    assert error.startswith(f"gatefw: {tmp_path / 'x.jsonl'}: recording: line 1 is none of a recording; ")
    assert "No such file" in gatefw(capsys, tmp_path / "none.jsonl")[2]
    for nothing in (b"", b"SQLite format 3\0 no line ends here"):
        (tmp_path / "y.jsonl").write_bytes(nothing)
        status, out, error = gatefw(capsys, tmp_path / "y.jsonl")
        assert (status, out) == (2, ""), "what was not played is not `the same`"
        assert "nothing of it was recorded by a gate" in error


# ---------------------------------------------------------------- on the disk


def test_the_newest_segments_are_kept_and_the_oldest_go(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "recordings", segments=3)
    for number in range(5):
        assert shelf.keep(f"head {number}\n".encode(), True)
        assert shelf.keep(f"line {number}\n".encode(), False)
    shelf.close()
    again = Shelf(tmp_path / "recordings", segments=3)
    again.keep(b"head 5\n", True)
    again.close()
    kept = segments(tmp_path / "recordings")
    assert [path.name for path in kept] == ["00000004.jsonl", "00000005.jsonl", "00000006.jsonl"]
    assert kept[0].read_text() == "head 3\nline 3\n"
    assert kept[0].stat().st_mode & 0o077 == 0


def test_lines_that_a_disk_does_not_take_in_time_are_lost_and_whoever_brings_them_hears_so(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "recordings", waiting=0)
    assert not shelf.keep(b"head\n", True)
    shelf.close()
    assert segments(tmp_path / "recordings") == []


def test_a_disk_that_fills_up_under_a_segment_ends_the_recording_before_the_gate_has_no_room(tmp_path: Path) -> None:
    """The journal lets nobody in with less free than its own bound; what is kept for replay goes first."""
    free = iter([LEAST_FREE_BYTES, LEAST_FREE_BYTES - 1])
    shelf = Shelf(tmp_path / "recordings", free_bytes=lambda _place: next(free))
    shelf.keep(b"head\n", True)
    for _ in range(4):
        shelf.keep(b"x" * (LOOK_BYTES // 2), False)
    shelf.close()
    (kept,) = segments(tmp_path / "recordings")
    assert kept.stat().st_size <= LOOK_BYTES + 5
    assert not shelf.keep(b"more\n", False)


def test_a_lane_that_is_never_between_two_runs_does_not_fill_the_disk() -> None:
    """A dead sensor over a weekend: nobody knows whether somebody is inside, and a contact flickers."""
    lane = scripted_lane(CONFIGS["document-free"], 1)
    reel = recorded(lane, 4096)
    lane.gate.handle(DeviceWent("sensors.lane", Reason.DEVICE_LOST), 1.0)
    assert not lane.gate.between_runs
    for number in range(40_000):
        reel.recorder.took(DoorSensed(DoorId.ENTRY, Position.CLOSED, Beam.CLEAR), [], float(number))
    assert reel.begun == 1
    assert sum(map(len, reel.lines)) < 2 * 4096 + GROWS_BYTES + len(reel.lines[0])


def test_a_directory_that_goes_away_ends_the_recording_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(tmp_path / "recordings")
    (tmp_path / "recordings").rmdir()
    shelf.keep(b"head\n", True)
    shelf.keep(b"line\n", False)
    shelf.close()
    assert "is over: No such file or directory" in caplog.text
    assert not shelf.keep(b"more\n", False)
