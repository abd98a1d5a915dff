"""What the doctor found, for machines: one word on it all, and the findings in the order in which they are told."""

from collections.abc import Sequence
from typing import Any

from gatefw import __version__
from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.ranking import Group, ranked
from gatefw.doctor.seen import Seen

HEALTHY, DEGRADED, BROKEN = "healthy", "degraded", "broken"
UNSEEN = "G0002"
"""What ordinary users get many of: told together, and last, unless OWN is among it."""
OWN = ("lane", "keys", "stores", "journal", "models", "upgrade")
"""Areas of the gate's own files and socket: without these little can be said of it."""


def state(findings: Sequence[Finding]) -> str:
    """HEALTHY while there are but notes, DEGRADED with warnings, BROKEN with more."""
    worst = max((each.severity.value for each in findings), default=Severity.NOTE.value)
    return HEALTHY if worst == Severity.NOTE.value else DEGRADED if worst == Severity.WARNING.value else BROKEN


def told(seen: Seen, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "state": state(findings),
        "version": __version__,
        "file": seen.file,
        "daemon": "answers" if seen.status is not None else seen.silence,
        "findings": [_group(group) for group in ranked(findings)],
    }


def _group(group: Group) -> dict[str, Any]:
    return {**group.cause.to_json(), "follows": [each.to_json() for each in group.follows]}
