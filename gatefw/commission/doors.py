"""A door: it opens, its own contacts follow, it is secured in time, and it waits for whoever stands in its beam."""

from collections.abc import Mapping
from typing import Any

from gatefw.commission.judge import Finding, Levels, Wiring, contacts_of, too_tight
from gatefw.commission.plan import Result, Step
from gatefw.commission.site import Site, secured
from gatefw.commission.technician import Technician, confirmed, goes_on, result_of
from gatefw.config import Config
from gatefw.errors import Refusal
from gatefw.model import Verb

MOVED_S = 90.0  # a door is back by then, also one that somebody stands in
HELD_S = 2.0  # so long is a door watched that waits for its beam


class Doors:
    """Moves a door by the lane's own order, and only watches what the status says of it."""

    def __init__(self, config: Config, site: Site, technician: Technician, wiring: Wiring) -> None:
        self._config, self._site, self._technician, self._wiring = config, site, technician, wiring

    def travel(self, step: Step) -> Result:
        confirmed(
            self._technician,
            step,
            "it is released for a moment. Does everybody keep clear of it? Push it, if it has no drive",
        )
        rest = self._site.levels()
        seen, times = self._exercised(step)
        finding = self._wiring.travelled(_door(step), rest, seen)
        findings = [finding] if finding else []
        if not findings:
            findings += self._slow(step, times)
        return result_of(step, findings, times)

    def _exercised(self, step: Step) -> tuple[list[Levels], dict[str, float]]:
        """What was seen while the lane exercised the door, and when: seconds from the order, and to its being secured
        from the end of the release."""
        door = _door(step)
        self._order_exercise(door)
        seen: list[Levels] = []
        times: dict[str, float] = {}
        ended_s = 0.0
        for after_s, status in self._site.watch(MOVED_S):
            goes_on(self._technician, step)
            seen.append(contacts_of(status))
            position, released = status["doors"][door], bool(status["released"][door])
            if released:
                ended_s = after_s
            if position == "open":
                times.setdefault("open_s", round(after_s, 2))
            if status["phase"] == "maintenance" and not released:
                if secured(status):
                    times["secured_s"] = round(after_s - ended_s, 2)
                    break
                if after_s - ended_s > self._config.timers.secure_s:
                    break
        return seen, times

    def _order_exercise(self, door: str) -> None:
        verb = Verb.EXERCISE_ENTRY if door == "entry_door" else Verb.EXERCISE_EXIT
        try:
            self._site.exercise(verb)
        except Refusal as error:
            raise Refusal(f"{error}; mend what was found at rest first, and go on with --resume") from error

    def _slow(self, step: Step, times: Mapping[str, float]) -> list[Finding]:
        """Measured against the timers that wait for it."""
        timers = self._config.timers
        if "secured_s" not in times:
            return [Finding(f"{_door(step)} opened and was not secured again: look at what holds it, and at its lock")]
        took_s = times["secured_s"]
        finding = too_tight(f"{_door(step)} being secured", took_s, timers.secure_s, "secure_s")
        return [finding] if finding else []

    def beam(self, step: Step) -> Result:
        """While the door is open somebody holds something into its beam: it must not close before that is gone."""
        door = _door(step)
        confirmed(
            self._technician,
            step,
            "it is opened once more. Have you something to hold into its beam, without stepping in?",
        )
        rest = self._site.levels()
        self._order_exercise(door)
        seen: list[Levels] = []
        found: dict[str, Any] = {"waited_s": 0.0, "secured": False}
        told, ended_s, broken, wrong = "", 0.0, "", ""
        for after_s, status in self._site.watch(MOVED_S):
            goes_on(self._technician, step)
            seen.append(contacts_of(status))
            position, broken_now = status["doors"][door], status["beams"][door] == "broken"
            exercised = status["phase"] == "maintenance" and bool(seen[:-1])
            if not told and position == "open":
                told = "hold"
                self._technician.tell(step, "hold something into the beam now, and leave it there")
            if broken_now:
                broken = broken or position
            if broken and exercised and broken_now:
                ended_s = ended_s or after_s
                found["waited_s"] = round(after_s - ended_s, 2)
                if position in ("closed", "secured"):
                    wrong = f"{door} closed on what was in its beam: take it out of service, and look at beam and drive"
                if told == "hold" and found["waited_s"] >= HELD_S:
                    told = "away"
                    self._technician.tell(step, "take it away")
            if exercised and not broken_now and secured(status) and told:
                found["secured"] = True
                break
        if told == "hold":
            self._technician.tell(step, "take it away")
        finding = Finding(wrong) if wrong else self._wiring.pressed(f"{door}.beam", _only_beams(rest), _beams(seen))
        if finding is None and not found["secured"]:
            finding = Finding(f"{door} was not secured after its beam was clear again: look at what holds it")
        return result_of(step, [finding] if finding else [], found)


def _door(step: Step) -> str:
    return step.device.partition(".")[2]


def _beams(seen: list[Levels]) -> list[Levels]:
    return [_only_beams(levels) for levels in seen]


def _only_beams(levels: Levels) -> Levels:
    return {name: active for name, active in levels.items() if name.endswith(".beam")}
