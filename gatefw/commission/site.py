"""The gate as whoever commissions it sees it: its status again and again, its orders, and that it stays in maintenance.

A stay is short, and set anew while somebody works: of a command that was killed nothing is left but a lane that goes
out of service by itself some minutes later. What a door does is its lane's matter all the time.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from gatefw.commission.judge import Levels, contacts_of
from gatefw.device_dialogue import Dialogue
from gatefw.errors import GateError, Refusal
from gatefw.model import Verb

STAY_S = 300.0
LOOK_S = 0.05  # between two looks at moving doors
HOME_S = 60.0  # an exercise is over by then
CLOSES_S = 15.0  # and then its door is secured, or its contacts do not say so

Order = Callable[[str, Mapping[str, object]], dict[str, Any]]


class Site:
    """`order` gives one to the daemon and returns its result; it raises Refusal, DeviceLost, BadReply."""

    def __init__(
        self,
        order: Order,
        longest_s: float,
        now_s: Callable[[], float] = time.monotonic,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self.order, self.now_s, self._rest = order, now_s, rest
        self._stay_s = min(STAY_S, longest_s)
        self._ours = self._moves = False

    @contextmanager
    def maintained(self, name: str) -> Iterator[None]:
        """In maintenance, by this technician; a lane that was in it stays in it afterwards. Raises Refusal."""
        if self.phase not in ("maintenance", "exercise"):
            self.order("maintain", {"name": name, "why": "commissioning", "seconds": self._stay_s})
            self._ours = True
        try:
            yield
        finally:
            with suppress(GateError):  # it ends by itself
                self._go_home()

    def exercise(self, verb: Verb) -> None:
        """Have the lane move a door. Raises Refusal."""
        self.order(verb.value, {})
        self._moves = True

    def settle(self) -> None:
        """Wait until the lane has ended what it was ordered, and the door is secured; it does so by itself."""
        if not self._moves:
            return
        ends_s = self.now_s() + HOME_S
        while (status := self.look())["phase"] == "exercise" and self.now_s() < ends_s:
            self._rest(LOOK_S)
        ends_s = self.now_s() + CLOSES_S
        while status["phase"] == "maintenance" and not secured(status) and self.now_s() < ends_s:
            self._rest(LOOK_S)
            status = self.look()
        self._moves = False

    def _go_home(self) -> None:
        self.settle()
        if self._ours and self.phase == "maintenance":
            self.order("maintain_end", {})

    def look(self) -> dict[str, Any]:
        """The status now; half of its stay before its end, the lane is kept on."""
        status = self.order("status", {})
        stay = status.get("maintenance")
        if stay and self._ours and stay["left_s"] < self._stay_s / 2:
            with suppress(Refusal):  # it has just ended, which the next look tells
                self.order("maintain_extend", {"seconds": self._stay_s})
        return status

    @property
    def phase(self) -> str:
        return str(self.look()["phase"])

    def watch(self, seconds: float) -> Iterator[tuple[float, dict[str, Any]]]:
        """(seconds since it began, status), again and again for so long. Raises Refusal: maintenance is over."""
        began_s = self.now_s()
        while (after_s := self.now_s() - began_s) < seconds:
            status = self.look()
            if status["phase"] not in ("maintenance", "exercise"):
                raise Refusal(f"maintenance is over, the lane is {status['phase']}")
            yield after_s, status
            self._rest(LOOK_S)

    def levels(self) -> Levels:
        """Every contact that the status tells, as it is now."""
        return contacts_of(self.look())

    @contextmanager
    def dialogue(self, verb: str, device: str, **args: object) -> Iterator[Dialogue]:
        """A test or a trace of a device, ended with the block. Raises Refusal."""
        talk = Dialogue(self.order, verb, device, args)
        try:
            yield talk
        finally:
            with suppress(GateError):
                ends_s = self.now_s() + HOME_S
                while talk.outcome is None and self.now_s() < ends_s:
                    talk.say = "end"
                    talk.look()
                    self.look()


def secured(status: Mapping[str, Any]) -> bool:
    """Whether every door is seen closed and locked."""
    return all(position == "secured" for position in status["doors"].values())
