"""In which order findings are told: causes before what follows from them, the worst first.

A finding that another one explains stands beneath it, however bad it is: the cause counts as bad as the worst that
follows. Of causes equally bad the surer one comes first, then the one that explains more of what there is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatefw.doctor.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Group:
    """A cause and what follows from it."""

    cause: Finding
    follows: tuple[Finding, ...] = ()

    @property
    def severity(self) -> Severity:
        return max((each.severity for each in (self.cause, *self.follows)), key=lambda severity: severity.value)


def ranked(findings: Iterable[Finding]) -> list[Group]:
    """Every finding once, as a cause or under one; the first line names what to mend first."""
    left, groups = list(findings), list[Group]()
    while left:
        causes = [each for each in left if not any(each.is_explained_by(other) for other in left)]
        group = min((Group(each, _following(each, left)) for each in causes or left), key=_place)
        left = [each for each in left if each is not group.cause and each not in group.follows]
        groups.append(group)
    return sorted(groups, key=_place)


def _place(group: Group) -> tuple[float, float, float, str, str]:
    """Smaller is earlier."""
    cause = group.cause
    return -group.severity.value, -cause.confidence, -len(group.follows), cause.code, cause.where


def _following(cause: Finding, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What follows from it, also at one or more removes; itself it is not, where they explain one another."""
    follows: list[Finding] = []
    causes = [cause]
    while causes:
        one = causes.pop()
        more = [each for each in findings if each is not cause and each not in follows and each.is_explained_by(one)]
        follows += more
        causes += more
    return tuple(sorted(follows, key=lambda each: (-each.severity.value, each.code, each.where)))
