"""Passages of simulated lanes, as a journal has them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from gatefw.config import Config
from gatefw.events import encode
from gatefw.model import Fact
from gatefw.simulate.day import tell as play
from gatefw.simulate.traveller import Story as Played
from gatefw.story import Event, Story, tell
from gatefw.wall_time import WallTime

EPOCH = "0" * 16
MIDNIGHT_NS = int(datetime(2026, 11, 30, tzinfo=UTC).timestamp()) * 10**9


def bodies(facts: Sequence[tuple[float, Fact]], lane: str = "lane-1") -> list[bytes]:
    """The events of a day, by its seconds, as they are journalled."""
    return [
        encode(fact, lane, EPOCH, n, WallTime(MIDNIGHT_NS + round(at_s * 1e9), synchronised=True))
        for n, (at_s, fact) in enumerate(facts, 1)
    ]


def stories(facts: Sequence[tuple[float, Fact]]) -> list[Story]:
    """Of every passage that began."""
    events = [Event.parse(body) for body in bodies(facts)]
    begun = {event.run: place for place, event in reversed(list(enumerate(events))) if event.run}
    return [tell(run, events[place:]) for run, place in sorted(begun.items(), key=lambda each: each[1])]


def played(config: Config, story: Played) -> list[Story]:
    _, lane = play(config, story)
    return stories(lane.runner.facts)
