"""Every state a lane can reach, by breadth-first search over the real `step` with every event in every order.

The world is adversarial: doors, people, inputs and timers do whatever they like whenever they like. Generations are
folded to zero after each step, since only "current" and "stale" matter.
"""

from collections.abc import Iterator
from functools import cache

from gatefw.lane import step
from gatefw.lane_terms import Policy, State
from gatefw.model import (
    Decided,
    DoorId,
    DoorIs,
    Elapsed,
    Faulted,
    HealthIs,
    Input,
    InputIs,
    Invited,
    LaneCommand,
    LaneEvent,
    Occupancy,
    OccupancyIs,
    Operated,
    Position,
    Presented,
    Reason,
    ReleaseDropped,
    Signal,
    Started,
    Timer,
    Verb,
    Verdict,
    Zone,
    ZoneIs,
)

EVENTS: tuple[LaneEvent, ...] = (
    *(DoorIs(door, position) for door in DoorId for position in Position),
    *(OccupancyIs(occupancy) for occupancy in Occupancy),
    *(InputIs(which, signal) for which in Input for signal in (Signal.OFF, Signal.ON)),
    InputIs(Input.FIRE, Signal.UNKNOWN),
    *(HealthIs(ok) for ok in (True, False)),
    Started(),
    Presented(),
    Invited(),
    *(Decided(verdict) for verdict in Verdict),
    *(ReleaseDropped(door) for door in DoorId),
    Faulted(Reason.SOFTWARE),
    ZoneIs(Zone.BEHIND, True),
    ZoneIs(Zone.FRONT, True),
    *(Elapsed(timer, generation) for timer in Timer for generation in (0, 1)),
    *(Operated(verb) for verb in Verb),
)


def starts(policy: Policy) -> tuple[State, ...]:
    """A lane as it boots: nothing sensed; in or out of service; with and without a fault kept from before."""
    return tuple(State(policy, in_service=s, latched=k) for s in (True, False) for k in (True, False))


def moves(state: State) -> Iterator[tuple[LaneEvent, State, tuple[LaneCommand, ...]]]:
    for event in EVENTS:
        after, commands = step(state, event)
        yield event, after._replace(generation=0), commands


@cache
def reachable(policy: Policy) -> frozenset[State]:
    seen = set(starts(policy))
    frontier = list(seen)
    while frontier:
        state = frontier.pop()
        for _, after, _ in moves(state):
            if after not in seen:
                seen.add(after)
                frontier.append(after)
    return frozenset(seen)
