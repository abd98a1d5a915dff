"""A real lane whose cameras are covered, blinded, frozen or unplugged, and one that reads codes: what is published."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gate import LiveGate, live_gate
from peers import until

pytestmark = [pytest.mark.real, pytest.mark.models]
INSIDE, FRONT = "camera.inside", "camera.front"
AILMENTS = {
    "black": "camera_dark",
    "dark": "camera_dark",
    "blinded": "camera_blinded",
    "covered": "camera_covered",
    "frozen": "camera_frozen",
}


@pytest.fixture(scope="module")
def gate(models: Path, photos: Path) -> Iterator[LiveGate]:
    """One gate for whatever ails its cameras; each test leaves it idle."""
    with live_gate(models, photos) as gate:
        yield gate


def told(gate: LiveGate, kind: str, **data: str) -> Callable[[], list[dict[str, Any]]]:
    """The events of a kind with these data, so far."""
    return lambda: [
        event
        for event in gate.events()
        if event["type"] == f"gatefw.device.{kind}.v1" and data.items() <= event["data"].items()
    ]


def test_whatever_ails_a_camera_is_published_and_so_is_its_end(gate: LiveGate) -> None:
    """A world that a busy machine does not let run for two seconds sends no pictures, and its camera is lost meanwhile:
    that one which shows nothing is never said to be lost is `test_vision_feed`'s.
    """
    for number, (how, reason) in enumerate(AILMENTS.items()):
        gate.world.do("camera", **{"is": how})
        impaired = told(gate, "impaired", device=INSIDE, reason=reason)
        before = sum(AILMENTS[each] == reason for each in list(AILMENTS)[:number])
        until(lambda impaired=impaired, n=before: len(impaired()) > n, f"{reason} is published", 60)
        until(lambda: INSIDE not in gate.ask("status")["missing"], "a camera that shows nothing is there", 60)
        gate.world.do("camera", **{"is": "live"})
        restored = told(gate, "restored", device=INSIDE, reason=reason)
        until(lambda restored=restored, n=before: len(restored()) > n, f"the end of {reason} is published", 60)
    gate.await_phase("idle")


@pytest.mark.parametrize("how", ["unplugged", "stopped", "starved"])
def test_a_camera_that_shows_nothing_more_is_lost_and_the_lane_comes_back_with_it(gate: LiveGate, how: str) -> None:
    before = len(told(gate, "lost", device=INSIDE)())
    gate.world.do("camera", **{"is": how})
    until(lambda: len(told(gate, "lost", device=INSIDE)()) > before, "the loss is published", 60)
    gate.await_phase("degraded")
    gate.world.do("camera", **{"is": "live"})
    gate.await_phase("idle", deadline_s=60)


def test_a_code_held_up_to_the_camera_in_front_lets_its_owner_through(models: Path, photos: Path) -> None:
    with live_gate(models, photos) as gate:
        code = gate.enrol(photos / "obama.jpg")
        gate.world.traveller("anna", code=code, photo="obama2.jpg", scanner="front", enter_patience_s=60.0)
        assert gate.world.outcome("anna", deadline_s=90) == "passed"
        started = [event["data"] for event in gate.events() if event["type"] == "gatefw.passage.started.v1"]
        assert started == [{"reader": FRONT, "symbology": "]Q1"}]
        assert code not in str(gate.events())
