"""What a story has in its hands: the gate, the world around it, whom it can send in, and what it saw of both."""

from dataclasses import dataclass, field
from typing import Any

from gatefw.demo.stage import Stage
from gatefw.demo.witness import Event, phase_of
from gatefw.model import FactKind, Phase

PATIENCE_S = 60.0
OUTCOMES = {"passed": "passed", "turned_back": "let_out", "not_admitted": "kept_out", "trapped": "trapped"}
"""How the script of a person in the world ends, and what the demo calls it."""
REGISTERED = "obama.jpg"
SAME_PERSON = "obama2.jpg"
SOMEBODY_ELSE = "biden.jpg"


@dataclass(frozen=True)
class Codes:
    """The QR codes that the people of the stories hold; the gate made them."""

    registered: str
    expired: str
    revoked: str

    @classmethod
    def issued(cls, stage: Stage) -> "Codes":
        """Register three travellers with the running gate, one of them for 86 microseconds, and revoke the last."""

        def enrol(days: str, photo: str) -> dict[str, Any]:
            who = ("--new-token", "--consent", "--days", days, str(stage.photos / photo))
            return stage.gatefw("enrol", *who)

        registered, expired, revoked = enrol("1", REGISTERED), enrol("1e-9", SOMEBODY_ELSE), enrol("1", SOMEBODY_ELSE)
        stage.gatefw("revoke", revoked["subject"])
        return cls(registered["token"], expired["token"], revoked["token"])


@dataclass
class Scene:
    """One story on the stage. `problems` is why it did not end as it should, in words."""

    stage: Stage
    codes: Codes
    name: str
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mark = self.stage.witness.mark()
        self._world_mark = self.stage.world.mark()
        self._violations = len(self.stage.world.violations())
        self._crossings = len(self.stage.world.crossings())

    def enters(self, who: str, script: str = "traveller", walk_m_s: float | None = None, **how: object) -> None:
        """Somebody comes and acts by a script of the world."""
        self.stage.world.traveller(self._called(who), script, walk_m_s, **how)

    def outcome(self, who: str) -> str:
        """Wait until this person is done, and say how that ended."""
        return OUTCOMES[self.stage.world.outcome(self._called(who), PATIENCE_S)]

    def ended(self, *who: str, passages: int) -> str:
        """How these people ended, in words joined by "+", once so many passages ended and the lane is idle again."""
        ends = [self.outcome(each) for each in who]

        def idle_again(events: list[Event]) -> bool:
            over = sum(event.kind is FactKind.PASSAGE_ENDED for event in events)
            return over >= passages and phase_of(events) is Phase.IDLE

        what = f"{passages} passages to end and the lane to be idle"
        self.stage.witness.wait_until(idle_again, what, PATIENCE_S, self._mark)
        return "+".join(dict.fromkeys(ends))

    def event(self, kind: FactKind, **fields: object) -> Event:
        """Wait for an event of this story."""
        return self.stage.witness.wait_for(kind, PATIENCE_S, self._mark, **fields)

    def phase(self, phase: Phase) -> None:
        """Wait until the lane came to this phase in this story."""
        self.event(FactKind.PHASE_CHANGED, phase=phase)

    def presses(self, which: str, on: bool) -> None:
        """An input begins or ends; returns when the gate has seen it."""
        self.stage.world.do("input", input=which, on=on)
        self.event(FactKind.INPUT_CHANGED, input=which, signal="on" if on else "off")

    def expect(self, so: bool, problem: str) -> None:
        if not so:
            self.problems.append(problem)

    # ------------------------------------------------------------ what both sides saw of this story

    @property
    def events(self) -> list[Event]:
        return self.stage.witness.since(self._mark)

    def states(self, door: str) -> list[str]:
        """What this door did, by the world's own account: opening, open, closing, closed, secured."""
        history = self.stage.world.history()[self._world_mark :]
        return [str(entry["state"]) for entry in history if entry.says("door", door=door)]

    def across(self) -> list[str]:
        """Who went out by the exit, by the world's own account."""
        crossings = self.stage.world.crossings()[self._crossings :]
        return [person for person, door, to in crossings if (door, to) == ("exit_door", "behind")]

    def violations(self) -> list[dict[str, Any]]:
        """What must never happen and did, though nothing was broken on purpose."""
        return [each for each in self.stage.world.violations()[self._violations :] if not each["faults"]]

    def _called(self, who: str) -> str:
        return f"{self.name}: {who}"
