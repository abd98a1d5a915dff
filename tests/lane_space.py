"""Every state a lane can reach, by breadth-first search over the real `step` with every event in every order.

The world is adversarial: doors, people, inputs and timers do whatever they like whenever they like. Generations are
folded to zero after each step, since only "current" and "stale" matter.
"""

from collections.abc import Callable
from typing import NamedTuple

from gatefw.lane import find, take
from gatefw.lane_table import Row
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
    *(Elapsed(timer, 0) for timer in Timer),
    *(Elapsed(timer, 1) for timer in (Timer.SCAN, Timer.VERIFY)),  # stale
    *(Operated(verb) for verb in Verb),
)


def starts(policy: Policy) -> tuple[State, ...]:
    """A lane as it boots: nothing sensed; in or out of service; with and without a fault kept from before."""
    return tuple(State.at_boot(policy, in_service=s, latched=k) for s in (True, False) for k in (True, False))


def events(policy: Policy) -> list[LaneEvent]:
    """What can happen in such a lane: doors that are not there do not move, and where there is none nobody counts."""
    gone = [DoorIs(door, position) for door in DoorId if door not in policy.doors for position in Position]
    uncounted = [] if policy.doors else [OccupancyIs(occupancy) for occupancy in Occupancy]
    return [event for event in EVENTS if event not in (*gone, *uncounted)]


class Move(NamedTuple):
    before: State
    event: LaneEvent
    after: State
    commands: tuple[LaneCommand, ...]
    row: Row | None


def explore(policy: Policy, visit: Callable[[Move], None]) -> set[State]:
    """Every reachable state; `visit` sees every move there is, once."""
    seen, happens = set(starts(policy)), events(policy)
    frontier = list(seen)
    while frontier:
        state = frontier.pop()
        for event in happens:
            absorbed, row = find(state, event)
            after, commands = (absorbed, ()) if row is None else take(absorbed, event, row)
            after = after._replace(generation=0)
            visit(Move(state, event, after, commands, row))
            if after not in seen:
                seen.add(after)
                frontier.append(after)
    return seen
