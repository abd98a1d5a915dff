"""Who comes to a simulated lane, and what should come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gatefw.model import Reason

NEIGHBOUR = "neighbour"
"""Somebody else who is registered, and may pass."""
STRANGER = "stranger"
"""Somebody whom nobody knows."""
OWN = ""
NONE = "-"


@dataclass(frozen=True, slots=True)
class Traveller:
    """One person, and what they show. A text is whose face, finger or token that is: "" their own, "-" none at all.

    The word of a `Reason` stands for something that fails with it: the finger "finger_unclear" is a dry one, the
    token "token_unknown" is in nobody's records. Of `fingers` and `tokens` one is shown after the other. outgrown: they
    come while more people are enrolled than the lane's model can tell apart.
    """

    name: str
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    tokens: tuple[str, ...] = (OWN,)
    document: str = OWN
    in_front: str = OWN
    inside: str = OWN
    fingers: tuple[str, ...] = (OWN,)
    authorities: str = OWN
    enrolment: str = OWN
    does: str = "passes"
    walk_m_s: float = 1.2
    outgrown: bool = False

    def shown(self, what: str) -> str:
        """Whose it is."""
        return what or self.name


@dataclass(frozen=True, slots=True)
class Story:
    """`expects`: how each run of this traveller ends, by its reason; the last is "ok" for somebody who passes.

    `facts`: what differs from an eligible traveller; None is not known. `where`: file and line where it is written.
    """

    name: str
    told: str
    expects: tuple[str, ...]
    facts: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    differs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    where: str = ""

    @property
    def passes(self) -> bool:
        return self.expects[-1:] == (Reason.OK,)

    def played_by(self, traveller: Traveller) -> Traveller:
        """This traveller, as the story has them."""
        facts = {**traveller.facts, **self.facts}
        return replace(
            traveller, facts={name: value for name, value in facts.items() if value is not None}, **self.differs
        )


def reason_in(word: str) -> Reason | None:
    """The reason that a text stands for, if it does."""
    return Reason(word) if word in set(Reason) else None
