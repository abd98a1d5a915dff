"""The rows of the lane's table: which a storm has taken, and which none can."""

from collections import Counter

from gatefw.gate import Gate
from gatefw.lane import find
from gatefw.lane_table import ANYWHERE, TRANSITIONS, Row
from gatefw.lane_terms import Shape
from gatefw.model import LaneEvent

ROWS: tuple[Row, ...] = tuple(
    {id(row): row for shape in Shape for row in (*ANYWHERE[shape], *TRANSITIONS[shape])}.values()
)
"""Every row of the lane's table, whatever the shape of the lane."""
ROW_NUMBERS = {id(row): number for number, row in enumerate(ROWS)}
_TOLD_ONCE = "the count is told when it changes: a lane whose counter tells the truth has left the phase by then"
_VANISHED = "nobody leaves the room but by a doorway, and the other door is sensed open before they do"
_STANDS_STILL = "the exit would have to be jammed, or the journal to stall for `leave_s` just between ADMIT and release"
_COUNTED = "another number than one would have to stand there from the token on, and one be found all the same"
_BACKSTOP = "the procedure's own deadlines are over before this backstop, where nobody comes in first"
_REFUSED = "an order to close ends this phase at once; any other that takes a lane out of service the gate refuses here"
_BY_EXIT = "no lane file of ours lets whom it refused out by the exit"
NOT_IN_STORMS = {
    "airlock, hold: operator: let_out_exit, exit is a way out of a refusal -> refused": _BY_EXIT,
    "airlock, entering: occupancy, both secured, one inside -> verifying": _TOLD_ONCE,
    "airlock, entering: occupancy, both secured, empty -> recovering": _TOLD_ONCE,
    "airlock, entering: secure time over, both secured -> referred": _TOLD_ONCE,
    "airlock, verifying: occupancy, empty -> recovering": _VANISHED,
    "airlock, exit_released: occupancy, empty -> recovering": _VANISHED,
    "airlock, exit_released: leave time over, always -> referred": _STANDS_STILL,
    "one door, exit_released: leave time over, always -> recovering": _STANDS_STILL,
    "airlock, leaving: occupancy, more than one -> stays": "nobody walks in by the exit against who walks out",
    "one door, token_presented: ADMIT committed, not in service -> out_of_service": _COUNTED,
    "one door, token_presented: ADMIT committed, always -> idle": _COUNTED,
    "verifying: verify time over, not in service -> out_of_service": _BACKSTOP,
    "verifying: verify time over, always -> idle": _BACKSTOP,
    "token_presented: REFUSE, not in service -> out_of_service": _REFUSED,
    "token_presented: REFER, not in service -> out_of_service": _REFUSED,
    "token_presented: check time over, not in service -> out_of_service": _REFUSED,
    "one door, token_presented: occupancy, perhaps another, empty, not in service -> out_of_service": _REFUSED,
    "one door, token_presented: occupancy, perhaps another, not in service -> out_of_service": _REFUSED,
    "one door, entry_released: enter time over, empty, not in service -> out_of_service": _REFUSED,
    "one door, entry_released: enter time over, not in service -> out_of_service": _REFUSED,
    "no door, token_presented: ADMIT committed, not in service -> out_of_service": _REFUSED,
}
"""Rows that a storm is not asked for, by `words`, with the reason; tests/trust/model and tests/test_lane.py take them.

Sensors do not lie in storms, and locks do not jam: what one of these does is searched in every state there is.
"""


class CountedGate(Gate):
    """Counts which rows of the lane's table are taken."""

    rows: Counter[int]

    def _lane(self, event: LaneEvent) -> None:
        _, row = find(self.state, event)
        if row is not None:
            self.rows[ROW_NUMBERS[id(row)]] += 1
        super()._lane(event)


def words(number: int) -> str:
    """A row in words, with the shape of lane it is of, if it is of one alone."""
    row = ROWS[number]
    shapes = [shape for shape in Shape if any(row is each for each in (*ANYWHERE[shape], *TRANSITIONS[shape]))]
    of = f"{shapes[0].value}, " if len(shapes) == 1 else ""
    phases = " ".join(phase.value for phase in row.phases) if len(row.phases) < 4 else f"{len(row.phases)} phases"
    return f"{of}{phases}: {row.on.words}, {row.when.words or 'always'} -> {row.to.value if row.to else 'stays'}"


WANTED = frozenset(number for number in range(len(ROWS)) if words(number) not in NOT_IN_STORMS)
"""The rows that a long run of storms has to take."""
