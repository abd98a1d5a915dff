"""One step of a commissioning after the other, with a daemon that is played: what is asked, and what is concluded."""

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import hw
from gatefw.commission.plan import Kind, Result, Step, Verdict, plan
from gatefw.commission.site import Site
from gatefw.commission.steps import Commissioning
from gatefw.commission.technician import Skipped
from gatefw.config import load
from gatefw.errors import Refusal

CONFIG = load(Path("config/sim.toml"), hw.schema, os.environ | {"GATEFW_RUN": "/run/gatefw"})
STEPS = {step.id: step for step in plan(CONFIG)}
SECURED = {"entry_door": "secured", "exit_door": "secured"}
CLEAR = {"entry_door": "clear", "exit_door": "clear"}
NOBODY = {"entry_door": "", "exit_door": ""}
REST = {
    "phase": "maintenance",
    "doors": SECURED,
    "beams": CLEAR,
    "released": NOBODY,
    "occupancy": "empty",
    "inputs": {"fire": "off", "evacuate": "off", "stop": "off"},
    "maintenance": {"left_s": 60.0},
}
Told = Mapping[str, Any]


class Daemon:
    """Answers orders. `course` is the status after an exercise was ordered; `says` are the lines of each test in turn,
    the last of which is its outcome. Time goes on while somebody waits."""

    def __init__(self, *course: Told, says: Sequence[Sequence[Told]] = (), listed: Told | None = None) -> None:
        self.course, self.says = deque(course), deque(says)
        self.listed: Told = {"state": "there", "for_s": 0.0, "detail": "", "reasons": [], **(listed or {})}
        self.ordered: list[str] = []
        self.now_s, self._exercises, self._lines = 0.0, False, deque[Told]()
        self.rest: Told = REST

    def site(self) -> Site:
        return Site(self.order, 60.0, lambda: self.now_s, self.wait)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def order(self, verb: str, args: Mapping[str, object]) -> dict[str, Any]:
        match verb:
            case "status":
                if self._exercises and self.course:
                    return {**self.rest, **self.course.popleft()}
                return dict(self.rest)
            case "devices":
                return {"devices": [{"device": device.label, **self.listed} for device in CONFIG.devices]}
            case "device_test" | "device_trace":
                return self._session(verb, args)
        self.ordered.append(verb)
        self._exercises = self._exercises or verb.startswith("exercise")
        return {}

    def _session(self, verb: str, args: Mapping[str, object]) -> dict[str, Any]:
        self.now_s += 0.3
        told: dict[str, Any] = {"session": "1", "seen": 0, "said": []}
        if "device" in args:
            self.ordered.append(verb)
            self._lines = deque(self.says.popleft())
            return told
        line = self._lines.popleft() if self._lines else {"passed": False, "why": "ended"}
        return {**told, "outcome": {"device": "it", **line}} if "passed" in line else {**told, "said": [line]}


class Person:
    """Says the same to everything; `skips` once so many looks are over."""

    def __init__(self, says: str = "yes", skips: float = float("inf")) -> None:
        self.says, self.heard, self._looks = says, list[str](), skips

    def ask(self, step: Step, question: str) -> str:
        self.heard.append(question)
        return self.says

    def tell(self, step: Step, what: str) -> None:
        self.heard.append(what)

    def passes_by(self, step: Step) -> bool:
        self._looks -= 1
        return self._looks < 0


def done(daemon: Daemon, step: str, person: Person | None = None) -> Result:
    return Commissioning(CONFIG, daemon.site(), person or Person()).does(STEPS[step])


def door(position: str, *, beam: str = "clear", released: bool = False, phase: str = "exercise") -> Told:
    """The entry door, and what the lane does."""
    return {
        "phase": phase,
        "doors": {**SECURED, "entry_door": position},
        "beams": {**CLEAR, "entry_door": beam},
        "released": {**NOBODY, "entry_door": "exercise" if released else ""},
    }


OPENS = (door("closed", released=True), *[door("open", released=True)] * 4)
CLOSES = (door("open"), door("closed", phase="maintenance"), door("secured", phase="maintenance"))


# ------------------------------------------------------------ doors


def test_a_door_that_opens_and_is_secured_again_passes_with_its_times() -> None:
    daemon = Daemon(*OPENS, *CLOSES)
    result = done(daemon, "door.entry_door")
    assert (result.verdict, daemon.ordered) == (Verdict.PASSED, ["exercise_entry"])
    assert 0 < result.found["open_s"] < result.found["secured_s"] + 1


def test_a_door_that_never_moves_is_told_from_one_that_stays_open() -> None:
    still = Daemon(*[door("secured", released=True)] * 3, door("secured", phase="maintenance"))
    assert "never moved" in done(still, "door.entry_door").why
    stays = Daemon(*OPENS, *[door("open", phase="maintenance")] * 400)
    assert "not secured again" in done(stays, "door.entry_door").why


def test_a_door_that_waits_for_what_is_in_its_beam_passes() -> None:
    held = [door("open", beam="broken", released=True, phase="maintenance")] * 60
    person = Person()
    result = done(Daemon(*OPENS, *held, *CLOSES), "door.entry_door.beam", person)
    assert result.verdict is Verdict.PASSED, result
    assert person.heard[1:] == ["hold something into the beam now, and leave it there", "take it away"]
    assert result.found["waited_s"] >= 2.0


def test_a_door_that_closes_on_what_is_in_its_beam_is_to_be_taken_out_of_service() -> None:
    closes = [door("closed", beam="broken", phase="maintenance")] * 60
    held = [door("open", beam="broken", released=True, phase="maintenance")] * 5
    result = done(Daemon(*OPENS, *held, *closes, *CLOSES), "door.entry_door.beam")
    assert result.verdict is Verdict.FAILED
    assert "closed on what was in its beam: take it out of service" in result.why


def test_a_beam_that_nobody_breaks_is_no_beam_that_works() -> None:
    result = done(Daemon(*OPENS, *CLOSES), "door.entry_door.beam")
    assert "nothing changed when entry_door.beam was tried" in result.why


def test_maintenance_that_ends_meanwhile_fails_the_step_and_says_so() -> None:
    result = done(Daemon(*OPENS, {"phase": "evacuated"}), "door.entry_door")
    assert (result.verdict, "maintenance is over, the lane is evacuated" in result.why) == (Verdict.FAILED, True)


def test_who_does_not_keep_clear_moves_nothing() -> None:
    for says, verdict in (("no", Verdict.FAILED), ("skip", Verdict.SKIPPED)):
        daemon = Daemon(*OPENS)
        assert done(daemon, "door.entry_door", Person(says)).verdict is verdict
        assert daemon.ordered == []


def test_a_step_that_is_skipped_while_a_door_moves_is_over_when_the_door_is_secured() -> None:
    daemon = Daemon(*OPENS, *CLOSES)
    assert done(daemon, "door.entry_door", Person(skips=3)).verdict is Verdict.SKIPPED
    assert not daemon.course


# ------------------------------------------------------------ devices


def test_a_reader_from_which_nothing_comes_is_looked_at_on_its_two_wires() -> None:
    silent = [{"passed": False, "why": "nothing was read"}]
    daemon = Daemon(says=[silent, [{"prompt": "listening"}] * 100])
    result = done(daemon, "reader.front")
    assert daemon.ordered == ["device_test", "device_trace"]
    assert "nothing came on its wire" in result.why
    assert "try A and B the other way round" in result.why


def test_a_reader_that_is_not_there_says_why_and_what_to_try() -> None:
    listed = {"state": "lost", "detail": "no answer from address 0", "reasons": ["device_lost"]}
    daemon = Daemon(says=[[{"passed": False, "why": "it went away"}], []], listed=listed)
    result = done(daemon, "reader.front")
    assert "no answer from address 0" in result.why
    assert "try A and B the other way round" in result.why


@pytest.mark.parametrize(
    ("wire", "ends", "prefix", "says"),
    [
        ("0.1 < 5d51317878787809", "none", "AIM", "no CR, LF or CRLF"),
        ("0.1 < 787878780d0a", "CRLF", "none", "baud rate"),
        ("0.1 < ffa3ff0a", "LF", "none", "baud rate"),
    ],
)
def test_what_comes_on_the_wire_of_a_reader_that_reads_nothing_says_how_it_ends_its_codes(
    wire: str, ends: str, prefix: str, says: str
) -> None:
    silent = [{"passed": False, "why": "nothing was read"}]
    said = [{"prompt": "listening"}, {"wire": "0.0 > 00"}, {"wire": wire}, *[{"prompt": "listening"}] * 50]
    result = done(Daemon(says=[silent, said]), "reader.front")
    assert (result.found["terminator"], result.found["prefix"], says in result.why) == (ends, prefix, True)


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({"brightness": 12, "frames_per_s": 10.0}, "too dark"),
        ({"brightness": 240, "frames_per_s": 10.0}, "too bright"),
        ({"brightness": 120, "frames_per_s": 2.0}, "2 pictures a second"),
        ({"brightness": 120, "frames_per_s": 10.0, "focus": 0.05}, "out of focus"),
        ({"brightness": 120, "frames_per_s": 10.0, "focus": 0.6}, ""),
        ({"brightness": 120, "frames_per_s": 10.0}, ""),
    ],
)
def test_a_camera_is_judged_by_numbers_of_its_pictures(figures: Told, says: str) -> None:
    result = done(Daemon(says=[[{"passed": True, "why": "", **figures}]]), "camera.inside")
    assert (result.verdict is Verdict.PASSED, says in result.why) == (not says, True)
    assert result.found == figures


FINGER = Step("finger.inside", Kind.FINGER, "finger.inside")


def test_a_finger_is_laid_down_three_times_and_once_unclear_is_unclear() -> None:
    clear, unclear = {"passed": True, "why": "", "finger": "clear"}, {"passed": False, "why": "wipe it"}
    daemon = Daemon(says=[[clear], [clear], [clear]])
    result = Commissioning(CONFIG, daemon.site(), Person()).does(FINGER)
    assert (result.verdict, result.found) == (Verdict.PASSED, {"finger": "clear", "laid": 3})
    daemon = Daemon(says=[[clear], [unclear]])
    result = Commissioning(CONFIG, daemon.site(), Person()).does(FINGER)
    assert (result.verdict, result.why, result.found) == (Verdict.FAILED, "wipe it", {"laid": 1})


def test_a_button_is_tried_and_undone() -> None:
    off = {"levels": {"occupancy": "empty", "stop": "off", "call": "off"}}
    on = {"levels": {"occupancy": "empty", "stop": "on", "call": "off"}}
    result = done(Daemon(says=[[off, on, off]]), "sensors.lane.stop")
    assert (result.verdict, result.found) == (Verdict.PASSED, {"at_rest": False, "tried": True})


@pytest.mark.parametrize("which", ["fire", "call", "officer_evacuate"])
def test_what_frees_doors_is_left_to_a_drill(which: str) -> None:
    daemon = Daemon()
    assert done(daemon, f"sensors.lane.{which}").verdict is Verdict.SKIPPED
    assert daemon.ordered == []


# ------------------------------------------------------------ the stay


def during(daemon: Daemon, what: Callable[[Site], object]) -> list[str]:
    site = daemon.site()
    with site.maintained("mk"):
        what(site)
    return daemon.ordered


def test_a_lane_is_taken_for_maintenance_kept_while_somebody_works_and_given_back() -> None:
    daemon = Daemon()
    daemon.rest = {**REST, "phase": "idle", "maintenance": None}

    def work(site: Site) -> None:
        daemon.rest = {**REST, "maintenance": {"left_s": 29.0}}
        site.look()
        daemon.rest = REST

    assert during(daemon, work) == ["maintain", "maintain_extend", "maintain_end"]


def test_a_lane_that_somebody_has_already_stays_theirs() -> None:
    assert during(Daemon(), lambda site: site.look()) == []


def test_whatever_happens_in_between_the_lane_is_given_back() -> None:
    for error in (KeyboardInterrupt, Refusal, Skipped):
        daemon = Daemon()
        daemon.rest = {**REST, "phase": "idle", "maintenance": None}

        def ends(_site: Site, daemon: Daemon = daemon, error: type[BaseException] = error) -> None:
            daemon.rest = REST
            raise error

        with pytest.raises(error):
            during(daemon, ends)
        assert daemon.ordered == ["maintain", "maintain_end"]
