"""The words of the records: states, consent, and what may be listed of a registration."""

from dataclasses import dataclass
from enum import StrEnum

from gatefw.model import Reason, SubjectId

MAIN = "main"
"""The partition there always is: it has the store's own key, and is never destroyed."""

FOR_EVER = 253_402_300_800.0
"""The year 10000, for what has no end of its own."""


class RecordState(StrEnum):
    PENDING = "pending"  # its template is being made
    ACTIVE = "active"
    DISABLED = "disabled"  # template and record do not belong together any more
    REVOKED = "revoked"


IN_USE = (RecordState.PENDING, RecordState.ACTIVE)


class Modality(StrEnum):
    """What a traveller agrees to: the first two to be compared, the last to be kept."""

    FACE = "face"
    FINGER = "finger"
    FACTS = "facts"


@dataclass(frozen=True, slots=True)
class Consent:
    """What is agreed to just now, and when (seconds since 1970 UTC)."""

    to: frozenset[Modality]
    at: float


@dataclass(frozen=True, slots=True)
class Agreed:
    """One thing that was agreed to, and when that was taken back. Seconds since 1970 UTC."""

    to: Modality
    at: float
    withdrawn_at: float | None = None

    @property
    def holds(self) -> bool:
        return self.withdrawn_at is None


@dataclass(frozen=True, slots=True)
class Registered:
    """A record as it may be listed: no token, no document. Times are seconds since 1970 UTC."""

    subject: SubjectId
    partition: str
    state: RecordState
    consents: tuple[Agreed, ...]
    expires_at: float
    revoked_at: float | None

    def agrees_to(self, modality: Modality) -> bool:
        """Whether it was agreed to and not withdrawn."""
        return any(agreed.to is modality and agreed.holds for agreed in self.consents)

    def refused_for(self, now: float) -> Reason | None:
        """Why nobody may pass with it at `now`: RECORD_REVOKED, NOT_ENROLLED (no template), or RECORD_EXPIRED."""
        if self.state is RecordState.REVOKED:
            return Reason.RECORD_REVOKED
        if self.state is not RecordState.ACTIVE:
            return Reason.NOT_ENROLLED
        return Reason.RECORD_EXPIRED if now >= self.expires_at else None


@dataclass(frozen=True, slots=True)
class Orphans:
    """What a crash left: records that were disabled just now, and templates that vision has to revoke.

    `unsettled`: a record is being made just now, or a crash came just before: look again later.
    """

    records: tuple[SubjectId, ...]
    templates: tuple[SubjectId, ...]
    unsettled: bool = False
