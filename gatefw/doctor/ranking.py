"""In which order findings are told: causes before what follows from them, the worst first.

A finding that another one explains stands beneath it, however bad it is: the cause counts as bad as the worst that
follows. Of causes equally bad the surer one comes first, then the one that explains more.
"""

from collections.abc import Iterable
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
    left = sorted(findings, key=_badness)
    groups: list[Group] = []
    while left:
        cause = next((each for each in left if not any(each.is_explained_by(other) for other in left)), left[0])
        follows = _following(cause, left)
        left = [each for each in left if each is not cause and each not in follows]
        groups.append(Group(cause, tuple(follows)))
    return sorted(groups, key=lambda group: (-group.severity.value, *_badness(group.cause)[1:], -len(group.follows)))


def _badness(finding: Finding) -> tuple[float, float, float, str, str]:
    return (
        -finding.severity.value,
        -finding.confidence,
        -len(finding.explains),
        finding.code,
        finding.where,
    )


def _following(cause: Finding, findings: list[Finding]) -> list[Finding]:
    """What follows from it, also at one or more removes; itself it is not, where they explain one another."""
    follows: list[Finding] = []
    causes = [cause]
    while causes:
        one = causes.pop()
        more = [each for each in findings if each is not cause and each not in follows and each.is_explained_by(one)]
        follows += more
        causes += more
    return sorted(follows, key=_badness)
