"""The officer of a storm, who looks in from time to time, and mostly does what helps; also the technician."""

from typing import TYPE_CHECKING

from gatefw.gate_terms import Ordered, Stay
from gatefw.model import Phase, Verb

if TYPE_CHECKING:
    from gatefw.simulate.storm import Storm

MENDS = (Verb.MAINTAIN_END, Verb.RESET, Verb.OPEN)
"""What is tried when the storm is over, in this order, until the lane serves."""
TECHNICIAN = (Verb.MAINTAIN_END, Verb.MAINTAIN_END, Verb.EXERCISE_ENTRY, Verb.EXERCISE_EXIT, Verb.MAINTAIN_EXTEND)
"""What a technician does next."""
CLOSES = 0.04
"""How often an officer who looks in closes a lane that serves."""


class Officer:
    """Of one storm."""

    def __init__(self, storm: "Storm") -> None:
        self._storm = storm

    def order(self, verb: Verb) -> None:
        stay = Stay("storm", "other") if verb in (Verb.MAINTAIN, Verb.MAINTAIN_EXTEND) else None
        self._storm.life.put(Ordered(1, verb, "uid-1000", stay=stay))
        self._storm.life.drain()

    def look_in(self) -> None:
        """Now, and again and again until the storm is over."""
        storm, chance = self._storm, self._storm.chance
        if storm.calm:
            return
        storm.at(storm.now_s + chance.uniform(3.0, 15.0), self.look_in)
        life, phase = storm.life, storm.life.phase
        if not life.alive:
            return
        if life.journal.broken and not storm.disk.full:
            storm.die()
        elif phase in (Phase.FAULT, Phase.EVACUATED):
            self.order(chance.choice((Verb.RESET, Verb.RESET, Verb.RESET, Verb.MAINTAIN)))
        elif phase is Phase.HOLD:
            self.order(chance.choice((Verb.RESET, Verb.LET_OUT)))
        elif phase in (Phase.MAINTENANCE, Phase.EXERCISE):
            self.order(chance.choice(TECHNICIAN))
        elif phase is Phase.OUT_OF_SERVICE:
            self.order(Verb.OPEN)
        elif chance.random() < CLOSES:
            self.order(Verb.CLOSE)

    def mend(self) -> None:
        """Whatever the storm left, until the lane serves."""
        storm = self._storm
        for verb in MENDS:
            if storm.life.phase is Phase.IDLE:
                break
            self.order(verb)
            storm.until(storm.now_s + 20.0, lambda: storm.life.phase is Phase.IDLE)
