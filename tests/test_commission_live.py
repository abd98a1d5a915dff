"""A gate is commissioned: the real daemon, its devices simulated, and a technician who acts in the world.

What a door does is looked up in the world, which sees every pin, and goes on when daemon and command are dead.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commission_bench import Player
from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until

import hw
from gatefw.commission.plan import FREES, Result, Verdict, chosen, plan
from gatefw.commission.report import About, fragment, report
from gatefw.commission.seal import opened
from gatefw.commission.site import Site
from gatefw.commission.steps import Commissioning
from gatefw.config import Config, load

pytestmark = [pytest.mark.real, pytest.mark.models, pytest.mark.timeout(600)]

SECURED = {"entry_door": "secured", "exit_door": "secured"}


@pytest.fixture(scope="module")
def gate(models: Path, photos: Path) -> Iterator[LiveGate]:
    """One for those that leave it as they found it, out of service."""
    with live_gate(models, photos, watcher=False, change=shortly) as gate:
        yield gate


def shortly(text: str) -> str:
    """Maintenance ends soon after whoever asked for it has gone."""
    return text.replace("maintenance_s = 60.0", "maintenance_s = 20.0")


def config_of(gate: LiveGate) -> Config:
    return load(gate.run / "lane.toml", hw.schema, os.environ | {"GATEFW_RUN": str(gate.run)})


def commissioned(gate: LiveGate, *only: str, player: Player | None = None) -> dict[str, Result]:
    """What came of these steps, or of all."""
    config = config_of(gate)
    site = Site(partial(ask, gate), config.timers.maintenance_s)
    does = Commissioning(config, site, player or Player(gate.world)).does
    with site.maintained("mk"):
        return {step.id: does(step) for step in chosen(plan(config), only)}


def ask(gate: LiveGate, verb: str, args: Mapping[str, object]) -> dict[str, Any]:
    return gate.ask(verb, **args)


def failed(results: Mapping[str, Result]) -> dict[str, str]:
    return {name: each.why for name, each in results.items() if each.verdict is Verdict.FAILED}


def restored(gate: LiveGate) -> None:
    assert (gate.driven(), gate.doors()) == ([], SECURED)


def corrected(gate: LiveGate, results: Mapping[str, Result]) -> None:
    """Put what was established into the lane file, as a technician does with an editor, and start the daemon by it."""
    text = (gate.run / "lane.toml").read_text()
    for table, keys in _tables(tomllib.loads(fragment(list(results.values())))):
        head, rest = text.split(f"[{table}]\n", 1)
        body, *others = re.split(r"(?m)^(?=\[)", rest, maxsplit=1)
        for key, value in keys.items():
            body = re.sub(rf"(?m)^{key} = .*\n", "", body)
            body = f"{key} = {json.dumps(value)}\n{body}"
        text = f"{head}[{table}]\n{body}{''.join(others)}"
    gate.kill(signal.SIGTERM)
    (gate.run / "lane.toml").write_text(text)
    gate.restart()


def _tables(told: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in told.items():
        place = f"{at}.{name}".removeprefix(".")
        if any(isinstance(each, dict) for each in value.values()):
            yield from _tables(value, place)
        else:
            yield place, value


# ------------------------------------------------------------ gates as they are fitted


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
    with live_gate(models, photos, watcher=False) as gate:
        for terminal in ("entry_door.locked", "exit_door.beam", "zone_front"):
            gate.world.do("miswire", terminal=terminal, to=terminal, inverted=True)
        until(lambda: gate.beam("exit_door") == "broken", "the lane to see it", DEADLINE_S)
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


def test_a_scanner_that_ends_its_codes_otherwise_is_told_what_to_set(models: Path, photos: Path) -> None:
    def tabs(text: str) -> str:
        return text.replace(r'terminator = "\r"', r'terminator = "\t"')

    with live_gate(models, photos, watcher=False, change=tabs) as gate:
        result = commissioned(gate, "reader.front")["reader.front"]
        assert "no CR, LF or CRLF" in result.why
        assert (result.found["terminator"], result.found["prefix"]) == ("none", "AIM")
        restored(gate)


# ------------------------------------------------------------ the command, and what is left of it


class Command:
    """`gatefw commission`, running by itself: everybody says yes."""

    def __init__(self, gate: LiveGate, *words: str) -> None:
        self.out = gate.run / "out"
        answers = gate.run / "answers.toml"
        answers.write_text('default = "yes"\n')
        command = [sys.executable, "-m", "gatefw", "commission", str(gate.run / "lane.toml"), "--name", "mk", "--json"]
        command += ["--answers", str(answers), "--out", str(self.out), "--dir", str(gate.run), *words]
        env = os.environ | {"GATEFW_RUN": str(gate.run)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )

    def ended(self) -> tuple[int, str]:
        said, complained = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, said + complained


def moving(gate: LiveGate) -> None:
    until(lambda: gate.driven() == ["entry_door"], "the entry to be released", DEADLINE_S)


def test_the_command_leaves_a_report_that_verifies_a_page_and_a_draft_to_go_on_from(gate: LiveGate) -> None:
    status, said = Command(gate, "--only", "rest", "--only", "door.entry_door").ended()
    # nobody held anything into the beam, which is one of the steps: that one failed, and the others passed
    assert status == 1, said
    out = gate.run / "out"
    told = json.loads((out / "report.json").read_text())
    verdicts = {each["step"]: each["verdict"] for each in told["report"]["steps"]}
    done = {name: verdict for name, verdict in verdicts.items() if verdict != "skipped"}
    assert done == {"rest": "passed", "door.entry_door": "passed", "door.entry_door.beam": "failed"}
    # what was not asked for stands in it as not done: three steps of a gate are no gate that passed
    assert ("door.exit_door" in verdicts, told["report"]["complete"]) == (True, False)
    verify = [sys.executable, "-m", "gatefw", "commission", "verify", str(out / "report.json"), "--json"]
    holds = subprocess.run(verify, capture_output=True, check=True)
    assert json.loads(holds.stdout)["came_to"] == "failed"
    assert "door.entry_door.beam | failed" in (out / "report.md").read_text()

    status, said = Command(
        gate, "--only", "rest", "--only", "door.entry_door", "--resume", str(out / "draft.json")
    ).ended()
    assert '"step": "door.entry_door.beam"' in said
    assert '"step": "rest"' not in said  # what passed is not done again
    told = json.loads((out / "report.json").read_text())["report"]
    resumed = {each["step"]: each["resumed"] for each in told["steps"] if each["verdict"] != "skipped"}
    assert resumed == {"rest": True, "door.entry_door": True, "door.entry_door.beam": False}
    assert json.loads(subprocess.run(verify, capture_output=True, check=True).stdout)["resumed"] == [
        "rest",
        "door.entry_door",
    ]


def test_after_ctrl_c_the_door_is_secured_and_the_lane_out_of_service(gate: LiveGate) -> None:
    command = Command(gate, "--only", "door.entry_door")
    moving(gate)
    command.process.send_signal(signal.SIGINT)
    status, said = command.ended()
    assert (status, "--resume" in said) == (130, True), said
    restored(gate)
    assert gate.phase() == "out_of_service"


def test_of_a_command_that_was_killed_nothing_is_left_but_a_lane_out_of_service(gate: LiveGate) -> None:
    command = Command(gate, "--only", "door.entry_door")
    moving(gate)
    command.process.kill()
    command.ended()
    until(lambda: (gate.driven(), gate.doors()) == ([], SECURED), "the door to be secured", DEADLINE_S)
    gate.await_phase("out_of_service")
    restored(gate)


def test_when_the_daemon_is_killed_the_watcher_ends_what_it_drove_and_the_command_says_so(
    models: Path, photos: Path
) -> None:
    """Before a kernel that keeps the lines of a dead process."""
    with live_gate(models, photos, keep=True) as gate:
        command = Command(gate, "--only", "door.entry_door")
        moving(gate)
        gate.kill()
        until(lambda: (gate.driven(), gate.doors()) == ([], SECURED), "the door to be secured", DEADLINE_S)
        status, said = command.ended()
        assert (status, "control.sock" in said, "go on with --resume" in said) == (2, True, True), said
