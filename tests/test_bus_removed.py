"""Whoever follows the bus goes on behind what retention has removed, and is told so."""

import itertools
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from bus_bench import BusBench
from hypothesis import given
from hypothesis import strategies as st
from kept_journal import DAY_NS, STOPPED, Kept

from gatefw.bus_client import Sequence, follow

SUBSCRIBER = Path(__file__).parent.parent / "docs" / "subscriber.py"


@pytest.fixture
def shortened(tmp_path: Path) -> Path:
    """A journal that begins with row 10, a checkpoint, as retention left it, and ends with row 15."""
    terms = {"archive_required": False, "keep_s": 86_400.0, "look_s": 0.01, "checkpoint_rows": 4}
    with Kept(tmp_path / "journal", lane="lane", key=bytes(32), **terms) as kept:
        kept.write(*[STOPPED] * 10)
        kept.wall.ns += 2 * DAY_NS
        kept.when_removed()
        assert kept.first() == 10
        kept.write(STOPPED)
    return tmp_path


def test_a_follower_begins_where_the_journal_does_and_then_misses_nothing(shortened: Path) -> None:
    with closing(BusBench(shortened)) as gate:
        head = gate.journal.head()
        for since, first in ((0, 10), (3, 10), (9, 10), (11, 12)):
            with closing(follow(gate.key, since)) as events:
                told = [int(str(event["sequence"])) for event in itertools.islice(events, head + 1 - first)]
            assert told == list(range(first, head + 1))


def test_the_documented_subscriber_does_so_too(shortened: Path) -> None:
    with closing(BusBench(shortened)) as gate:
        head = gate.journal.head()
        command = [sys.executable, SUBSCRIBER, gate.local, "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
            assert subscriber.stdout is not None
            told = [json.loads(subscriber.stdout.readline()) for _ in range(head - 9)]
            gate.commit(1)
            told.append(json.loads(subscriber.stdout.readline()))
            subscriber.kill()
    assert [int(event["sequence"]) for event in told] == list(range(10, head + 2))
    assert told[0]["type"] == "gatefw.journal.checkpoint.v1"


@given(removed=st.integers(0, 40), since=st.none() | st.integers(0, 40), head=st.integers(0, 40))
def test_nothing_is_handed_on_twice_or_out_of_order_whatever_was_removed(
    removed: int, since: int | None, head: int
) -> None:
    sequence = Sequence(since)
    sequence.removed("e", removed)
    handed = [n for n in range(1, head + 1) if sequence.event("e", n)]
    assert handed == ([] if since is None else list(range(max(removed, since) + 1, head + 1)))
