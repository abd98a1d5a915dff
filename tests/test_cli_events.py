"""`gatefw events tail` as a person or a script uses it."""

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bus_bench import BusBench

from gatefw.cli import events as cli
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, Phase, RunId

DEADLINE_S = 30.0
TAIL = """
import argparse, sys
from gatefw.cli import events
parser = argparse.ArgumentParser()
events.add_parser(parser.add_subparsers(required=True))
arguments = parser.parse_args(["events", "tail", *sys.argv[1:]])
sys.exit(arguments.run(arguments))
"""
CHANGED = Fact(FactKind.PHASE_CHANGED, RunId("0" * 16), (("phase", Phase.VERIFYING), ("previous", Phase.ENTERING)))
COMPARED = Fact(
    FactKind.FACE_COMPARED,
    RunId("0" * 16),
    (("matched", True), ("score", 0.123456), ("threshold", 0.5), ("fmr", 0.001), ("frames", 3)),
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A gate's journal on its bus, in `tmp_path`, with two events."""
    with closing(BusBench(tmp_path)) as gate:
        done = threading.Event()
        gate.journal.append(CHANGED)
        gate.journal.append(COMPARED, lambda _: done.set())
        assert done.wait(DEADLINE_S)
        yield gate.journal


def tail(directory: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TAIL, "--dir", str(directory), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_person_reads_a_line_for_each_event_and_ends_with_an_interrupt(tmp_path: Path, journal: Journal) -> None:
    with tail(tmp_path, "--since", "0") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == -signal.SIGINT
        assert process.communicate()[1] == ""
    assert lines == [
        "     1 2027-01-15T08:00:00.000 0000000000000000 lane.phase_changed     phase=verifying previous=entering\n",
        "     2 2027-01-15T08:00:00.000 0000000000000000 passage.face_compared  "
        "matched=true score=0.1235 threshold=0.5 fmr=0.001 frames=3\n",
    ]


def test_a_script_reads_the_events_and_may_leave_at_any_time(tmp_path: Path, journal: Journal) -> None:
    with tail(tmp_path, "--since", "1", "--json") as process:
        assert process.stdout is not None and process.stderr is not None
        event = json.loads(process.stdout.readline())
        process.stdout.close()
        journal.append(CHANGED)
        assert process.wait(DEADLINE_S) == -signal.SIGPIPE
        assert process.stderr.read() == ""
    assert (event["sequence"], event["data"]["score"]) == ("00000000000000000002", 0.123456)


def test_whoever_follows_a_gate_that_is_dead_is_told_so_and_waits_on(tmp_path: Path) -> None:
    """Without a word nobody can tell a gate where nothing happens from one that is dead."""
    BusBench(tmp_path).close()  # its key stays
    with tail(tmp_path, "--since", "0") as process:
        assert process.stderr is not None
        assert "no answer; is `gatefw run` running there? waiting for it" in process.stderr.readline()
        with closing(BusBench(tmp_path)) as gate:
            gate.journal.append(CHANGED)
            assert process.stdout is not None
            assert "lane.phase_changed" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == -signal.SIGINT


@pytest.mark.parametrize("number", ["-1", "x", str(2**63), ""])
def test_what_is_no_number_of_an_event_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers(required=True))
    with pytest.raises(SystemExit):
        parser.parse_args(["events", "tail", f"--since={number}"])
    assert "no event number" in capsys.readouterr().err
