"""A lane's desk as a process of its own, to be killed: `python authority_child.py DIRECTORY FIRST MANY`.

So many travellers pass, one after the other, each with a document of their own, whose number it prints as soon as the
authorities have said yes. Then it stays until every record was received.
"""

import sys
import time
from pathlib import Path

from authority_bench import NAMES, Clock, Desk, with_fixed_keys
from peers import until

from gatefw.model import Cleared, SubjectId


class RealClock(Clock):
    """Time passes, as it does for a lane."""

    @property  # type: ignore[override]
    def now_s(self) -> float:
        return time.monotonic()

    @now_s.setter
    def now_s(self, _value: float) -> None:
        pass


def main(directory: Path, first: int, many: int) -> None:
    desk = Desk(
        directory,
        authorities=[with_fixed_keys(name) for name in NAMES],
        clock=RealClock(),
        who=lambda subject: {"document.issuer": "UTO", "document.number": str(subject)},
        lines=directory,
    ).start()
    for number in range(first, first + many):
        run = f"{number:016x}"
        assert isinstance(desk.asked(run, SubjectId(str(number))), Cleared)
        print(number, flush=True)
        desk.decide(run)
        desk.end(run)
    until(lambda: desk.records.begun() == [] and desk.records.most_waiting() == 0, "everything is received", 300)
    desk.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
