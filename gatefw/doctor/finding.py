"""What a check has found: a cause in one line, the exact remedy, and what follows from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Severity(Enum):
    """How bad it is, for the people at the gate; the number is how bad compared with others."""

    NOTE = 0  # worth knowing; nothing has to be done now
    WARNING = 1  # it works, but less well than it should, or not for long
    ERROR = 2  # nobody can pass, a device does not work, or a record is at stake
    DANGER = 3  # somebody can be hurt or shut in, the border stands open, or what is secret is not

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Fix:
    """What `--fix` does. `words`: the imperative, as in "make its mode 0600"; `apply` returns what it found done.

    For what is safe only: never anything that moves or releases, or loses what somebody may want. Raises OSError,
    GateError.
    """

    words: str
    apply: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. `cause` and `remedy` are one plain line each, without a full stop.

    code: `G` and four digits, of a page in gatefw/data/findings. where: the thing, as the lane file or the system names
    it (`door.entry_door`, `/dev/ttyAMA0`, `host`). evidence: what was measured, for --json and support; no secret and
    nothing personal. explains: what follows from it, as codes (`G0501`) or codes with a place (`G0501 reader.front`);
    findings so named are shown beneath this one. confidence: 0 to 1; say in `remedy` what would prove it.
    """

    code: str
    severity: Severity
    where: str
    cause: str
    remedy: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    explains: tuple[str, ...] = ()
    confidence: float = 1.0
    fix: Fix | None = None

    def is_explained_by(self, other: "Finding") -> bool:
        return self is not other and not {self.code, f"{self.code} {self.where}"}.isdisjoint(other.explains)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity.word,
            "where": self.where,
            "cause": self.cause,
            "remedy": self.remedy,
            "evidence": dict(self.evidence),
            "confidence": self.confidence,
            "fix": self.fix.words if self.fix else None,
        }


class Unseen(Exception):
    """A check cannot be made, which is itself worth telling; the text says why and what would make it possible."""
