"""The lane's table, read aloud: every row with its phases, event, condition, target and commands, and every entry.

    .venv/bin/python tests/lane_rows.py > tests/lane_rows.txt

`lane_rows.txt` is what was agreed on. Whoever changes the table writes it anew and reads the difference: that is what
the lane does otherwise from now on. What the words mean is tested in test_lane_terms.py.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gatefw import lane_table
from gatefw.lane_table import ON_ENTRY, Row
from gatefw.lane_terms import Action, Policy, Shape, State
from gatefw.model import DoorId, Faulted, LaneCommand, Occupancy, Phase, Purpose, Reason

BLOCKS = ("ALWAYS", "CALLED_INSIDE", "CALLED_OUTSIDE", "AIRLOCK", "ONE_DOOR", "NO_DOOR", "SERVICE", "EXERCISES")
BUILT = {
    Shape.AIRLOCK: ("ALWAYS", "CALLED_INSIDE", "AIRLOCK", "SERVICE", "EXERCISES"),
    Shape.ONE_DOOR: ("ALWAYS", "CALLED_OUTSIDE", "ONE_DOOR", "SERVICE", "EXERCISES"),
    Shape.NO_DOOR: ("ALWAYS", "CALLED_OUTSIDE", "NO_DOOR", "SERVICE"),
}
"""The blocks of each shape of lane, in the order in which its rows are looked at."""
ASKED = State(
    Policy(refusal=(DoorId.ENTRY, DoorId.EXIT), fault=(DoorId.EXIT,)),
    occupancy=Occupancy.ONE,
    wants_entry=Purpose.ADMIT,
    wants_exit=Purpose.ENTER,
)
"""Of which every action is asked: its doors are wanted for what no lane wants them for, so each changes something."""
OF = Faulted(Reason.DEVICE_STUCK)


def text() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "What is done, in a lane whose way out is both doors after a refusal and the exit in a fault, one inside."
    yield "\n-- entering a phase"
    for phase, entry in ON_ENTRY.items():
        yield f"{phase}: {_done(entry.do) or 'nothing'}; {f'timer {entry.timer}' if entry.timer else 'no timer'}"
    for name in BLOCKS:
        yield f"\n-- {name}"
        yield from map(_row, getattr(lane_table, name))


def _row(row: Row) -> str:
    """Phases, event, condition, target: commands."""
    when = f", {row.when.words}" if row.when.words else ""
    return f"{_phases(row.phases)} | {row.on.words}{when} | {row.to or 'stays'} | {_done(row.do) or 'nothing'}"


def _phases(phases: tuple[Phase, ...]) -> str:
    others = [phase for phase in Phase if phase not in phases]
    if len(others) < len(phases):
        return f"any but {', '.join(others)}" if others else "any"
    return ", ".join(phases)


def _done(actions: tuple[Action, ...]) -> str:
    return ", ".join(_words(command) for action in actions for command in action(ASKED, OF))


def _words(command: LaneCommand) -> str:
    return " ".join([type(command).__name__, *(str(getattr(command, each.name)) for each in fields(command))])


if __name__ == "__main__":
    print(text(), end="")
