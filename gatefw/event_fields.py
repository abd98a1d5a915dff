"""What a field of an event may be: one of a few words, a bounded number, a truth value, a short code; no free text."""

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """One of these words, and no other. `name` is what the documentation calls them."""

    name: str
    words: tuple[str, ...]

    def fits(self, value: object) -> bool:
        return isinstance(value, str) and value in self.words

    @property
    def schema(self) -> dict[str, object]:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number, bounds included."""

    low: float
    high: float
    whole: bool = False

    def fits(self, value: object) -> bool:
        kinds = (int,) if self.whole else (int, float)
        return type(value) in kinds and math.isfinite(value) and self.low <= value <= self.high  # type: ignore[arg-type, operator]

    @property
    def schema(self) -> dict[str, object]:
        return {"type": "integer" if self.whole else "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""

    def fits(self, value: object) -> bool:
        return isinstance(value, bool)

    @property
    def schema(self) -> dict[str, object]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Code:
    """A short code of one shape. `says` is for the documentation."""

    pattern: str
    says: str

    def fits(self, value: object) -> bool:
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None

    @property
    def schema(self) -> dict[str, object]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}


FieldType = Word | Number | Truth | Code


def describe(kind: FieldType) -> str:
    """In words, behind "is not"."""
    match kind:
        case Word(_, words):
            return f"one of its {len(words)} words"
        case Number(low, high, whole):
            return f"a {'whole ' if whole else ''}number from {low:g} to {high:g}"
        case Truth():
            return "true or false"
        case Code(pattern, says):
            return f"a code {pattern} ({says})"
