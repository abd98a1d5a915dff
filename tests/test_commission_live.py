"""A gate that is wired as its file says is commissioned: the real daemon, its devices simulated."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from commission_gate import commissioned, config_of, failed, restored, shortly
from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until

from gatefw.commission.plan import FREES, Verdict, plan
from gatefw.commission.report import About, fragment, report
from gatefw.commission.seal import opened

pytestmark = [pytest.mark.real, pytest.mark.models, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def gate(models: Path, photos: Path) -> Iterator[LiveGate]:
    """One for those that leave it as they found it, out of service."""
    with live_gate(models, photos, watcher=False, change=shortly) as gate:
        yield gate


def test_a_gate_that_is_wired_as_its_file_says_passes_every_step_and_the_lane_signs_that(gate: LiveGate) -> None:
    """Every door, beam, zone, button, reader, camera and lamp; what would free doors is left to a drill."""
    config = config_of(gate)
    results = commissioned(gate)
    assert failed(results) == {}
    skipped = {name for name, each in results.items() if each.verdict is Verdict.SKIPPED}
    assert skipped == {f"sensors.lane.{which.value}" for which in FREES}
    assert 0 < results["door.entry_door"].found["secured_s"] < config.timers.secure_s
    assert fragment(list(results.values())).count("=") == 0
    until(lambda: gate.phase() == "out_of_service", "the lane to be handed back", DEADLINE_S)
    restored(gate)

    told = report(About("sim", config.sha256, "mk", "2026-12-01T00:00:00Z"), plan(config), results)
    signed = gate.ask("commission_sign", report=told)["signed"]
    assert opened(signed, told).lane == "sim"
    until(lambda: "gatefw.maintenance.commissioned.v1" in {each["type"] for each in gate.events()}, "it", DEADLINE_S)


def test_a_scanner_that_ends_its_codes_otherwise_is_told_what_to_set(models: Path, photos: Path) -> None:
    def tabs(text: str) -> str:
        return text.replace(r'terminator = "\r"', r'terminator = "\t"')

    with live_gate(models, photos, watcher=False, change=tabs) as gate:
        result = commissioned(gate, "reader.front")["reader.front"]
        assert "no CR, LF or CRLF" in result.why
        assert (result.found["terminator"], result.found["prefix"]) == ("none", "AIM")
        restored(gate)
