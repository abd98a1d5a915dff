"""`gatefw commission` as a process: what it leaves, and what is left of it when it or the daemon is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commission_gate import SECURED, restored, shortly
from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until

pytestmark = [pytest.mark.real, pytest.mark.models, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def gate(models: Path, photos: Path) -> Iterator[LiveGate]:
    """One for those that leave it as they found it, out of service."""
    with live_gate(models, photos, watcher=False, change=shortly) as gate:
        yield gate


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
    draft = gate.run / "out" / "draft.json"
    draft.unlink(missing_ok=True)
    command = Command(gate, "--only", "door.entry_door")
    moving(gate)
    command.process.send_signal(signal.SIGINT)
    status, said = command.ended()
    # its only step is not over: nobody is sent to a draft that is not there
    assert (status, "nothing was done yet" in said, draft.exists()) == (130, True, False), said
    until(lambda: (gate.driven(), gate.doors()) == ([], SECURED), "the door to be secured", DEADLINE_S)
    gate.await_phase("out_of_service")


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
        command = Command(gate, "--only", "rest", "--only", "door.entry_door")
        moving(gate)
        gate.kill()
        until(lambda: (gate.driven(), gate.doors()) == ([], SECURED), "the door to be secured", DEADLINE_S)
        status, said = command.ended()
        assert (status, "control.sock" in said, "go on with --resume" in said) == (2, True, True), said
