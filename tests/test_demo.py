"""The demo: as a process, and its parts on a stage of cardboard."""

import json
import os
import signal
import string
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from gatefw.demo.pages import Pages
from gatefw.demo.play import Result, perform
from gatefw.demo.scene import Scene
from gatefw.demo.screen import WIDTH, WORDS, Screen
from gatefw.demo.stories import STORIES, Story
from gatefw.demo.witness import Event, Witness, phase_of
from gatefw.errors import DeviceLost
from gatefw.events import FIELDS, RunId, encode, new_run
from gatefw.model import Fact, FactKind, Phase, Purpose, Reason
from gatefw.wall_time import wall_clock

DEMO = [sys.executable, "-m", "gatefw", "demo"]
KEYS = ["name", "expected", "outcome", "reason", "ok", "decision_s", "exit_s"]


def demo(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], env=os.environ | env, capture_output=True, text=True, timeout=580)


# ---------------------------------------------------------------- the real thing


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory of its own for temporary files, whose name leaves room for that of a socket."""
    with tempfile.TemporaryDirectory(prefix="d-") as directory:
        yield Path(directory)


@pytest.mark.real
def test_what_came_of_a_story_is_told_for_machines(models: Path, photos: Path, short: Path) -> None:
    """One of them; the whole day is played by `make demo` and in CI, where one story that goes wrong is a failure."""
    done = demo("--headless", "--json", "--only", "passes", TMPDIR=str(short))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert list(said) == ["stories"]
    [passed] = said["stories"]
    assert list(passed) == KEYS
    assert passed["name"] == "passes"
    assert passed["ok"]
    assert passed["outcome"] == passed["expected"]
    assert 0 < passed["decision_s"] < passed["exit_s"]
    assert list(short.iterdir()) == []


@pytest.mark.real
def test_one_story_is_told_live_and_its_logs_are_kept_where_that_was_asked(
    models: Path, photos: Path, tmp_path: Path, short: Path
) -> None:
    kept = tmp_path / "kept"
    done = demo("--only", "unknown", "--keep", str(kept), TMPDIR=str(short))
    assert (done.returncode, done.stderr) == (0, "")
    assert "decision: refuse (token_unknown)" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 of 1 stories ended as they should"
    assert "\x1b" not in done.stdout  # colours are for terminals
    logs = {path.stem for path in (kept / "logs").iterdir()}
    assert logs == {"world", "watcher", "daemon", "events", "screen", "console"}
    assert (kept / "state" / "journal.sqlite").exists() or list((kept / "state").glob("journal*"))
    assert list(short.iterdir()) == []


@pytest.mark.real
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_a_demo_that_is_interrupted_ends_every_process_and_leaves_nothing_behind(
    models: Path, photos: Path, short: Path, number: signal.Signals, status: int
) -> None:
    env = os.environ | {"TMPDIR": str(short), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(DEMO, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "entry_released" in line)
        started = _children(process.pid)
        assert len(started) >= 6
        process.send_signal(number)
        process.stdout.read()
    assert process.returncode == status
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
    assert list(short.iterdir()) == []


@pytest.mark.real
def test_a_demo_prints_where_its_pages_are_and_serves_them_until_it_ends(
    models: Path, photos: Path, short: Path
) -> None:
    env = os.environ | {"TMPDIR": str(short), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*DEMO, "--only", "unknown"], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [next(line for line in process.stdout if what in line).split() for what in ("front:", "inside:", "cons")]
        addresses = [words[-1] for words in told]
        for address in addresses:
            with urllib.request.urlopen(address, timeout=60.0) as answer:
                assert b"<!doctype html>" in answer.read()
        assert "1 of 1 stories ended as they should" in process.stdout.read()
    assert process.returncode == 0
    with pytest.raises(OSError):
        urllib.request.urlopen(addresses[0], timeout=60.0)


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for children in found for child in children.read_text().split()]


def test_without_models_it_says_how_to_get_them(tmp_path: Path) -> None:
    done = demo("--headless", "--json", GATEFW_STATE=str(tmp_path), STATE_DIRECTORY="")
    assert (done.returncode, done.stdout) == (2, "")
    assert "run `gatefw models install --photos`" in done.stderr


def test_a_story_that_is_not_there_is_answered_with_those_that_are() -> None:
    done = demo("--only", "impostr")
    assert done.returncode == 2
    assert "no story is called 'impostr'" in done.stderr
    assert all(story.name in done.stderr for story in STORIES)


# ---------------------------------------------------------------- the judge, on a stage of cardboard


def published(kind: FactKind, run: RunId | None = None, **fields: Any) -> str:
    """A line of `gatefw events tail --json`."""
    return encode(Fact(kind, run, tuple(fields.items())), "sim", "0" * 16, 1, wall_clock()).decode()


def passage(passed: bool, reason: Reason) -> list[str]:
    run = new_run()
    return [
        published(FactKind.PASSAGE_STARTED, run, reader="reader.front", symbology=""),
        published(FactKind.PASSAGE_ENDED, run, passed=passed, reason=reason, seconds=1.0),
        published(FactKind.PHASE_CHANGED, None, phase=Phase.IDLE, previous=Phase.LEAVING),
    ]


class CardboardWorld:
    """Nothing moves in it; the story says what was seen."""

    def __init__(self) -> None:
        self.seen_violations: list[dict[str, Any]] = []
        self.seen_crossings: list[tuple[str, str, str]] = []

    def mark(self) -> int:
        return 0

    def violations(self) -> list[dict[str, Any]]:
        return list(self.seen_violations)

    def crossings(self) -> list[tuple[str, str, str]]:
        return list(self.seen_crossings)


class CardboardStage:
    """A stage without processes. `publish` is heard by the witness before it returns."""

    photos = Path("photos")

    def __init__(self) -> None:
        self.world = CardboardWorld()
        self.died: list[str] = []
        self.witness = Witness([], lambda _event: None)
        self.witness.join()

    def publish(self, lines: Iterable[str]) -> None:
        heard = Witness(lines, lambda _event: None)
        heard.join()
        self.witness._events.extend(heard.since(0))

    def gatefw(self, *arguments: str) -> dict[str, str]:
        return {"token": "GATE1:X", "subject": "s"}

    def dead(self) -> list[str]:
        return self.died


def played(act: Any) -> Result:
    """The result of a story that should end with a passage across."""
    stage = CardboardStage()
    story = Story("story", "It happens. It ends.", "passed", "ok", lambda scene: act(scene, stage))
    [result] = perform(stage, [story], lambda _story: None, lambda _result: None)  # type: ignore[arg-type]
    return result


def across(scene: Scene, stage: CardboardStage) -> str:
    stage.publish(passage(True, Reason.OK))
    stage.world.seen_crossings.append(("anna", "exit_door", "behind"))
    return "passed"


def test_a_story_is_ok_when_gate_and_world_agree_with_what_was_expected() -> None:
    result = played(across)
    assert result.ok
    assert list(result.to_json()) == KEYS
    assert (result.decision_s, result.reason) == (None, "ok")
    assert result.exit_s is not None


def test_another_outcome_is_not_ok() -> None:
    result = played(lambda scene, stage: across(scene, stage) and "let_out")
    assert result.problems == ("the outcome is let_out, not passed",)


def test_another_reason_is_not_ok() -> None:
    def alarmed(scene: Scene, stage: CardboardStage) -> str:
        stage.publish([published(FactKind.ALARM_RAISED, reason=Reason.HELD_OPEN)])
        return across(scene, stage)

    result = played(alarmed)
    assert result.problems == ("the reason is held_open+ok, not ok",)


def test_somebody_across_whom_the_gate_did_not_admit_is_not_ok() -> None:
    def two(scene: Scene, stage: CardboardStage) -> str:
        stage.world.seen_crossings.append(("bob", "exit_door", "behind"))
        return across(scene, stage)

    assert played(two).problems == ("2 went across, the gate admitted 1",)


@pytest.mark.parametrize(("faults", "ok"), [([], False), (["entry_door welded"], True)])
def test_a_violation_is_not_ok_unless_something_was_broken_on_purpose(faults: list[str], ok: bool) -> None:
    def crushed(scene: Scene, stage: CardboardStage) -> str:
        stage.world.seen_violations.append({"violation": "crush", "at": "entry_door", "faults": faults})
        return across(scene, stage)

    assert played(crushed).ok is ok


def test_a_process_that_died_by_itself_is_not_ok() -> None:
    def died(scene: Scene, stage: CardboardStage) -> str:
        stage.died.append("watcher ended with -11")
        return across(scene, stage)

    assert played(died).problems == ("watcher ended with -11",)


def test_a_story_that_comes_to_no_end_does_not_keep_the_next_from_its_turn() -> None:
    stage = CardboardStage()

    def hangs(scene: Scene) -> str:
        raise TimeoutError("waited 25 s for anna to finish")

    stories = [
        Story("a", "", "passed", "ok", hangs),
        Story("b", "", "passed", "ok", lambda scene: across(scene, stage)),
    ]
    first, second = perform(stage, stories, lambda _story: None, lambda _result: None)  # type: ignore[arg-type]
    assert (first.outcome, first.problems[0]) == ("not_ended", "waited 25 s for anna to finish")
    assert second.ok


# ---------------------------------------------------------------- the witness


def test_the_witness_waits_for_what_is_to_come_and_finds_what_was_before() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines, os.fdopen(writing, "w") as gate:
        witness = Witness(lines, lambda _event: None)
        gate.write("\n".join(passage(True, Reason.OK)) + "\n")
        gate.flush()
        ended = witness.wait_for(FactKind.PASSAGE_ENDED, 60.0, 0, passed=True)
        assert witness.wait_for(FactKind.PASSAGE_ENDED, 60.0, 0) == ended
        witness.wait_for(FactKind.PHASE_CHANGED, 60.0, 0, phase=Phase.IDLE)
        with pytest.raises(TimeoutError, match=r"waited 0.01 s for alarm.raised reason=fire; .* passage.ended"):
            witness.wait_for(FactKind.ALARM_RAISED, 0.01, 0, reason=Reason.FIRE)
        gate.close()
        witness.join()
        with pytest.raises(DeviceLost, match="nothing more can come"):
            witness.wait_for(FactKind.ALARM_RAISED, 60.0, 0)


def test_a_mark_hides_what_was_before() -> None:
    witness = Witness(passage(True, Reason.OK), lambda _event: None)
    witness.join()
    assert witness.mark() == 3
    assert phase_of(witness.since(0)) is Phase.IDLE
    assert phase_of(witness.since(3)) is None


# ---------------------------------------------------------------- the screen


def test_every_story_is_told_in_two_sentences() -> None:
    for story in STORIES:
        assert story.told.count(". ") == 1, story.name
        assert story.told.endswith("."), story.name


def test_what_is_shown_of_an_event_is_what_an_event_holds() -> None:
    for kind, words in WORDS.items():
        named = {name for _, name, _, _ in string.Formatter().parse(words) if name}
        assert named <= FIELDS[kind].keys(), kind


def test_nothing_that_is_shown_is_wider_than_the_screen() -> None:
    out = StringIO()
    screen = Screen(out, colour=False)
    screen.opens()
    screen.pages(Pages(*(f"http://127.0.0.1:65535/{each}" for each in ("front", "inside", "")), "0123456789"))
    run = new_run()
    lines = [
        *passage(False, Reason.OTHER_DOOR_NOT_SECURED),
        published(FactKind.DOOR_RELEASED, run, door="entry_door", purpose=Purpose.EMERGENCY, alarm=False),
        published(FactKind.FACE_COMPARED, run, matched=True, score=0.31, threshold=0.542, fmr=1e-3, frames=5),
    ]
    results = []
    for story in STORIES:
        screen.begins(story)
        for line in lines:
            screen.event(Event.parse(line))
        results.append(Result(story.name, story.expected, story.expected, story.reason, 12.345, None, ()))
        screen.ends(results[-1])
    screen.table(results)
    assert [line for line in out.getvalue().splitlines() if len(line) > WIDTH] == []
    assert f"{len(STORIES)} of {len(STORIES)} stories ended as they should" in out.getvalue()


def test_a_story_that_went_wrong_says_so_and_why() -> None:
    out = StringIO()
    screen = Screen(out, colour=True)
    wrong = Result("fire", "evacuated", "trapped", "fire", None, 3.0, ("exit_door did not open",))
    screen.ends(wrong)
    screen.table([wrong])
    assert "WRONG" in out.getvalue()
    assert "exit_door did not open" in out.getvalue()
    assert "0 of 1 stories ended as they should" in out.getvalue()
