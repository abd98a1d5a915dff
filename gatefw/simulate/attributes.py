"""The attributes of simulated people, out of the rules of a lane file: somebody whom every rule lets pass, and for each
rule somebody who differs in that alone.

So a new system needs no people of its own: what its rules look at is what its people have.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from gatefw.model import Reason
from gatefw.rule import Rule

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
"""When a simulation begins, so that a seed gives the same people every time."""
OF_A_DOCUMENT = frozenset({"document.expires", "document.issuer", "document.nationality", "born"})
"""What a traveller without a record is known by: the rest stands in no chip."""


def eligible(rules: Sequence[Rule], chance: Random, of_class: Mapping[str, str] | None = None) -> dict[str, str]:
    """The facts about somebody to whom every rule says yes; of a class of `when`, if one is given."""
    facts = dict(of_class or {})
    for rule in rules:
        if all(facts.get(fact) in words for fact, words in rule.when.items()):
            [(condition, wanted)] = rule.conditions.items()
            if rule.fact not in facts or condition in ("contains", "age_at_least_years"):
                facts[rule.fact] = _fulfilling(condition, wanted, facts.get(rule.fact, ""), chance)
    return facts


def failing(rules: Sequence[Rule], document_only: bool) -> Iterator[tuple[Rule, dict[str, str], str, Reason]]:
    """For each rule: the class of people it is for, a value of its fact with which it does not hold, and the reason."""
    for rule in rules:
        if document_only and rule.fact not in OF_A_DOCUMENT:
            continue
        of_class = {fact: words[0] for fact, words in rule.when.items()}
        facts = eligible(rules, Random(0), of_class)  # noqa: S311  not a secret
        [(condition, wanted)] = rule.conditions.items()
        yield rule, of_class, _missing(condition, wanted, facts[rule.fact]), rule.reason
        for word, reason in rule.reason_if.items():
            yield rule, of_class, word, reason


def _fulfilling(condition: str, wanted: Any, has: str, chance: Random) -> str:
    match condition:
        case "equals":
            return str(wanted)
        case "one_of":
            return str(chance.choice(wanted))
        case "contains":
            return " ".join(dict.fromkeys([*has.split(), *wanted]))
        case "none_of" | "lacks":
            return has
        case "not_before":
            return str(_day(wanted) + timedelta(days=chance.choice((0, 1, 30, 900))))
        case "not_after":
            return str(_day(wanted) - timedelta(days=chance.choice((0, 1, 30, 900))))
        case "after":
            return _text(_moment(wanted) + timedelta(hours=6))
    return str(_years_before(wanted + chance.randint(1, 60)))


def _missing(condition: str, wanted: Any, has: str) -> str:
    """A value that is just not enough."""
    match condition:
        case "contains":
            return " ".join(word for word in has.split() if word not in wanted)
        case "none_of" | "lacks":
            return " ".join([*has.split(), wanted[0]])
        case "not_before":
            return str(_day(wanted) - timedelta(days=1))
        case "not_after":
            return str(_day(wanted) + timedelta(days=1))
        case "after":
            return _text(_moment(wanted) - timedelta(minutes=1))
        case "age_at_least_years":
            return str(_years_before(wanted) + timedelta(days=1))
    return "another"


def _day(wanted: str) -> date:
    """Ten in the morning UTC is the same day in Hong Kong and Shanghai."""
    return NOW.date() if wanted == "today" else date.fromisoformat(wanted)


def _moment(wanted: str) -> datetime:
    return NOW if wanted == "now" else datetime.fromisoformat(wanted)


def _years_before(years: int) -> date:
    return NOW.date().replace(year=NOW.year - years)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
