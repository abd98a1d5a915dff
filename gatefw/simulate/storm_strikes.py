"""What each fault does to a storm, and how it ends."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from gatefw.gate_terms import DeviceImpaired, GateInput
from gatefw.model import Input, Reason, Verb
from gatefw.simulate.faults import LATE_S, Strike
from gatefw.simulate.storm_questions import VISION

if TYPE_CHECKING:
    from gatefw.simulate.storm import Storm

BUTTONS = (Input.CALL, Input.CALL, Input.STOP, Input.EVACUATE, Input.TAMPER)
AILMENTS = (Reason.TAMPERED, Reason.MAINS_LOST, Reason.CAMERA_DARK, Reason.GALLERY_TOO_LARGE)
ON_THE_WAY = ("door.", "sensors.")


class Strikes:
    """Of one storm."""

    def __init__(self, storm: "Storm") -> None:
        self._storm = storm
        self._pressed: Counter[Input] = Counter()

    def begin(self, strike: Strike) -> str:
        """What it was done to."""
        do: Callable[[Strike, Random], str | None] = getattr(self, f"_{strike.fault.name.lower()}")
        return do(strike, Random(strike.seed)) or ""  # noqa: S311  a simulation

    def _later(self, strike: Strike, do: Callable[[], None]) -> None:
        self._storm.at(self._storm.now_s + strike.lasts_s, do)

    def _device(self, chance: Random) -> str:
        """Any that the lane needs; those on the way of the doors more often."""
        names = sorted(self._storm.settings.required)
        return chance.choice([*names, *(name for name in names if name.startswith(("door.", "sensors.")))])

    def _lost(self, strike: Strike, chance: Random, name: str = "") -> str:
        name = name or self._device(chance)
        self._storm.down[name] += 1
        self._storm.life.go(name)

        def back() -> None:
            self._storm.down[name] -= 1
            if not self._storm.down[name] and self._storm.life.alive and not self._storm.life.links[name].there:
                self._storm.life.come(name, self._storm.look)

        self._later(strike, back)
        return name

    def _vision_dead(self, strike: Strike, chance: Random) -> str:
        return self._lost(strike, chance, VISION)

    def _garbled(self, strike: Strike, chance: Random) -> str:
        doors_and_sensors = [
            each for each in sorted(self._storm.settings.required) if each.startswith(("door.", "sensors."))
        ]
        name = chance.choice(doors_and_sensors or [""])
        self._while(strike, name, "garbled", chance.randrange(1, 64), 0)
        return name

    def _slow(self, strike: Strike, chance: Random) -> str:
        name = self._device(chance)
        self._while(strike, name, "late_s", LATE_S, 0.0)
        return name

    def _duplicated(self, strike: Strike, chance: Random) -> str:
        name = self._device(chance)
        self._while(strike, name, "twice", True, False)
        return name

    def _while(self, strike: Strike, name: str, what: str, is_: object, was: object) -> None:
        """A link has this fault for a while, as long as its process lives."""
        life, link = self._storm.life, self._storm.life.links.get(name)
        if link is None:
            return

        def end() -> None:
            setattr(link, what, was)
            if life.alive:
                self._storm.look()

        setattr(link, what, is_)
        self._storm.look()
        self._later(strike, end)

    def _impaired(self, strike: Strike, chance: Random) -> str:
        name = self._device(chance)
        reason = chance.choice((Reason.TAMPERED, Reason.MAINS_LOST, Reason.CAMERA_DARK, Reason.GALLERY_TOO_LARGE))
        self._put(DeviceImpaired(name, reason, True))
        self._later(strike, lambda: self._put(DeviceImpaired(name, reason, False)))
        return f"{name} {reason.value}"

    def _put(self, event: GateInput) -> None:
        self._storm.life.put(event)
        self._storm.life.drain()

    def _chatter(self, _strike: Strike, chance: Random) -> str:
        which = chance.choice((*BUTTONS, Input.FIRE, Input.CONFIRM))
        every_s = chance.uniform(0.012, 0.2)
        for turn in range(chance.randrange(1, 8)):
            self._storm.at(self._storm.now_s + 2 * turn * every_s, lambda: self._press(which, 1))
            self._storm.at(self._storm.now_s + (2 * turn + 1) * every_s, lambda: self._press(which, -1))
        return which.value

    def _press(self, which: Input, by: int) -> None:
        self._pressed[which] += by
        self._storm.world.set_input(which, self._pressed[which] > 0)

    def _button(self, strike: Strike, chance: Random, which: Input | None = None) -> str:
        which = which or chance.choice(BUTTONS)
        self._press(which, 1)
        self._later(strike, lambda: self._press(which, -1))
        return which.value

    def _fire(self, strike: Strike, chance: Random) -> str:
        return self._button(strike, chance, Input.FIRE)

    def _pressure(self, strike: Strike, chance: Random) -> None:
        """The loop is held up; in every third case so much comes meanwhile that the queue overflows."""
        self._storm.life.stand_still(strike.lasts_s)
        if chance.random() < 0.33:
            camera = next(
                (name for name in sorted(self._storm.settings.required) if name.startswith("camera.")), VISION
            )
            for turn in range(chance.randrange(20, 150)):
                self._storm.life.put(DeviceImpaired(camera, Reason.SCORES_DRIFT, turn % 2 == 0))
            self._storm.life.put(DeviceImpaired(camera, Reason.SCORES_DRIFT, False))

    def _clock(self, strike: Strike, chance: Random) -> None:
        """Wall time jumps, and nobody vouches for it meanwhile; what the lane does is timed by another clock."""
        by_s = chance.choice((-1, 1)) * 10 ** chance.uniform(0, 7)
        self._storm.clock_off_s += by_s
        self._storm.vouched = chance.random() < 0.5

        def back() -> None:
            self._storm.clock_off_s -= by_s
            self._storm.vouched = True

        self._later(strike, back)

    def _death(self, _strike: Strike, chance: Random) -> None:
        """At any instant: now, or between two of the effects that come next."""
        life = self._storm.life
        life.dies_after = chance.randrange(0, 8)

        def at_last() -> None:
            if self._storm.life is life and life.alive:
                self._storm.die()

        self._storm.at(self._storm.now_s + chance.uniform(0.0, 0.5), at_last)

    def _disk_full(self, strike: Strike, _chance: Random) -> None:
        self._storm.disk.full = True
        self._later(strike, lambda: setattr(self._storm.disk, "full", False))

    def _stall(self, strike: Strike, _chance: Random) -> None:
        self._storm.disk.stalled_until_s = max(self._storm.disk.stalled_until_s, self._storm.now_s + strike.lasts_s)

    def _answer_late(self, strike: Strike, chance: Random) -> None:
        self._storm.answers_late_s = chance.uniform(0.5, 30.0)
        self._later(strike, lambda: setattr(self._storm, "answers_late_s", 0.0))

    def _answer_lost(self, strike: Strike, _chance: Random) -> None:
        self._storm.answers_lost = True
        self._later(strike, lambda: setattr(self._storm, "answers_lost", False))

    def _answer_twice(self, strike: Strike, _chance: Random) -> None:
        self._storm.answers_twice = True
        self._later(strike, lambda: setattr(self._storm, "answers_twice", False))

    def _order(self, _strike: Strike, chance: Random) -> str:
        verb = chance.choice(tuple(Verb))
        self._storm.officer.order(verb)
        return verb.value
