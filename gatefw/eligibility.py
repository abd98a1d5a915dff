"""Who may pass here: the rules of a lane file (`rule`), judged over the facts about one person.

What is not known or cannot be read does not hold, nor does a rule of which it is not known whether it applies: to know
less about somebody never makes them eligible. A lane without rules lets pass everybody who was found.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from gatefw.config_tables import Port
from gatefw.errors import SetupError
from gatefw.model import DocumentRead, Eligible, Ineligible, Reason, Verdict
from gatefw.rule import Rule, objections, own_words, time_zone
from gatefw.wall_time import WallTime

Facts = Mapping[str, str]
"""What is known about one person, as texts by dotted names. Personal: never logged, never on the bus."""


class Rules:
    """The rules of one lane. `wall_clock` is wall time with its quality; by it days and moments are judged.

    Raises SetupError for what `gatefw check` finds before.
    """

    def __init__(self, rules: Sequence[Rule], port: Port, lane: str, wall_clock: Callable[[], WallTime]) -> None:
        for each in objections(rules, port, lane):
            if not each.warning:
                raise SetupError(f"lane {lane}: rule {'.'.join((str(each.number), *each.key))}: {each.problem}")
        self._zone, self._clock = time_zone(port.timezone), wall_clock
        self._require_synchronised = port.require_synchronised
        self._rules = [rule.in_words_of(own_words(port, lane)) for rule in rules]

    def judge(self, facts: Facts) -> Eligible | Ineligible:
        """Every rule that does not hold, in the order of the file. Rules about days and moments fail with
        TIME_UNVERIFIED while nobody vouches for the clock, unless the port does without."""
        at = self._clock()
        now = datetime.fromtimestamp(at.ns // 1_000_000_000, UTC).astimezone(self._zone)
        trusted = at.synchronised or not self._require_synchronised
        failed = [(rule, reason) for rule in self._rules if (reason := _failure(rule, facts, now, trusted)) is not None]
        if not failed:
            return Eligible()
        # A clock that nobody vouches for is not the traveller's fault: it refers.
        refused = any(rule.verdict == "refuse" and reason is not Reason.TIME_UNVERIFIED for rule, reason in failed)
        verdict = Verdict.REFUSE if refused else Verdict.REFER
        return Ineligible(tuple((rule.name, reason) for rule, reason in failed), verdict)


def _failure(rule: Rule, facts: Facts, now: datetime, trusted: bool) -> Reason | None:
    """Why the rule does not hold, or None."""
    known = {fact: facts[fact] in words for fact, words in rule.when.items() if fact in facts}
    if not all(known.values()):
        return None  # it is for others
    if len(known) < len(rule.when) or rule.fact not in facts:
        return rule.reason
    found = facts[rule.fact]
    try:
        holds = rule.holds(found, now)
    except ValueError:
        return rule.reason
    if rule.needs_clock and not trusted:
        return Reason.TIME_UNVERIFIED
    return None if holds else rule.reason_if.get(found, rule.reason)


def document_facts(document: DocumentRead) -> dict[str, str]:
    """What a proven document alone says of its holder, without its number."""
    return {
        "document.issuer": document.issuer,
        "document.nationality": document.nationality,
        "document.expires": document.expires,
        "document.electronic": "yes",
        "document.proof": document.proof.value,
        "born": document.born,
    }
