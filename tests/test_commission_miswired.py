"""A gate that is wired otherwise than its file says is commissioned, and put right by the fragment."""

from pathlib import Path

import pytest
from commission_gate import SECURED, commissioned, corrected, failed, restored
from live_gate import DEADLINE_S, live_gate
from peers import until

from gatefw.commission.judge import contacts_of

pytestmark = [pytest.mark.real, pytest.mark.models, pytest.mark.timeout(600)]


def test_contacts_of_two_doors_that_are_crossed_are_found_and_the_fragment_puts_them_right(
    models: Path, photos: Path
) -> None:
    """At rest both doors are closed, and nothing is wrong: the first door that moves says it."""

    def crossed(text: str) -> str:
        lane, world = text.split("[world.pins]")
        world = world.replace("closed = 27", "closed = 0").replace("closed = 24", "closed = 27")
        return f"{lane}[world.pins]{world.replace('closed = 0', 'closed = 24')}"

    with live_gate(models, photos, watcher=False, change=crossed) as gate:
        assert failed(commissioned(gate, "rest")) == {}
        results = commissioned(gate, "door.entry_door")
        assert "crossed are entry_door.closed with exit_door.closed" in failed(results)["door.entry_door"]
        until(lambda: gate.doors() == SECURED, "the door to be secured", DEADLINE_S)
        corrected(gate, results)
        gate.await_phase("idle")
        assert failed(commissioned(gate, "rest", "door.entry_door")) == {}
        restored(gate)


def test_contacts_and_a_beam_the_other_way_round_are_found_at_rest_and_the_fragment_puts_them_right(
    models: Path, photos: Path
) -> None:
    """The lane sees a door open that is closed, and is in fault; whoever mends it comes in all the same."""
    seen = {"entry_door.locked": False, "exit_door.beam": True}
    with live_gate(models, photos, watcher=False) as gate:
        for terminal in (*seen, "zone_front"):
            gate.world.do("miswire", terminal=terminal, to=terminal, inverted=True)
        until(lambda: seen.items() <= contacts_of(gate.ask("status")).items(), "the lane to see both", DEADLINE_S)
        results = commissioned(gate, "rest", "door.entry_door", "sensors.lane.zone_front")
        assert set(failed(results)) == {
            "rest",
            "door.entry_door",
            "door.entry_door.beam",
            "sensors.lane.zone_front",
        }
        assert "entry_door.locked reads inactive at rest" in results["rest"].why
        assert "not possible now" in results["door.entry_door"].why
        restored(gate)
        corrected(gate, results)
        gate.await_phase("fault", "idle")
        if gate.phase() == "fault":
            gate.ask("reset")
        gate.await_phase("idle")
        assert failed(commissioned(gate, "rest", "door.entry_door", "sensors.lane.zone_front")) == {}
