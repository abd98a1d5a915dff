"""A technician at a simulated gate: does what they are told in the world, and answers what they see there."""

from collections.abc import Callable

from gatefw.commission.plan import Kind, Step
from hw.sim.client import WorldClient

CODE = "GATE1:TRAVELLER-NUMBER"
LOOKS = 6  # of who commissions, in each of which a level that changed is told


class Player:
    """Presses, steps in, shows and lays down. `heard` is what they were told, step by step; `skips` they pass by."""

    def __init__(self, world: WorldClient, *, skips: tuple[str, ...] = (), mend: Callable[[str], None] | None = None):
        self._world, self._skips = world, skips
        self.heard: list[tuple[str, str]] = []
        self._acts = mend or (lambda _step: None)
        self._pressed, self._looks = "", 0

    def ask(self, step: Step, question: str) -> str:
        self.heard.append((step.id, question))
        self._acts(step.id)
        return "skip" if step.id in self._skips else "yes"

    def tell(self, step: Step, what: str) -> None:
        self.heard.append((step.id, what))
        self._acts(step.id)
        match step.kind:
            case Kind.CONTACT:
                self._press(step.contact)
            case Kind.BEAM:
                self._world.do("stick", circuit=f"{step.device.split('.')[1]}.beam", closed=_broken(what))
            case Kind.TOKEN:
                self._world.do("present", scanner="scanner-front", code=CODE)

    def passes_by(self, step: Step) -> bool:
        """Looked at again and again: after some looks what was pressed was seen, and is let go."""
        if self._pressed:
            self._looks += 1
            if self._looks > LOOKS:
                self._act(self._pressed, on=False)
                self._pressed = ""
        return step.id in self._skips

    def _press(self, contact: str) -> None:
        self._pressed, self._looks = contact, 0
        self._act(contact, on=True)

    def _act(self, contact: str, *, on: bool) -> None:
        """The loops of zones are closed by hand, as they are by somebody who stands there."""
        if contact.startswith("zone_"):
            self._world.do("stick", circuit=contact, closed=True if on else None)
        else:
            self._world.do("input", input=contact, on=on)


def _broken(what: str) -> bool | None:
    return False if "hold something" in what else None
