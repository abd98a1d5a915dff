"""A rule of who may pass, as a lane file has it: its conditions, and what may be wrong with it.

A rule is a sentence: of these people (`when`) this fact must be so (one condition), or else for this reason. Facts are
texts by dotted names, and the site may have facts of its own. `eligibility` judges people by rules.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from gatefw.config_tables import Port
from gatefw.errors import SetupError
from gatefw.events import RULE
from gatefw.model import Reason
from gatefw.ports import Bound
from gatefw.settings import Shape
from gatefw.toml_document import Place

RuleName = Annotated[str, Shape(RULE.pattern, "a name of a-z, 0-9, _ and -, without four digits in a row")]
FactName = Annotated[str, Shape(r"[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})*", "a fact's name, like permit.expires")]
Word = Annotated[str, Shape(r"\S{1,100}", "a word without blanks")]
Day = Annotated[str, Shape(r"today|[0-9]{4}-[0-9]{2}-[0-9]{2}", 'a day in quotes, "today" or "YYYY-MM-DD"')]
Moment = Annotated[str, Shape(r"now|[0-9]{4}-.*", 'a moment in quotes, "now" or RFC 3339 with its offset')]

RULE_TABLE = "rule"
"""Rules stand in a lane file as tables `[[rule]]`, in the order in which what fails is told."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,6})?(Z|[+\-][0-9]{2}:[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Rule:
    """A table `[[rule]]`: `fact` must fulfil the one condition given, else the traveller does not pass for `reason`.

    when: the rule is for those alone whose facts have one of these words, each. reason_if: other reasons, by what was
    found. verdict: `refer` leaves it to the counter, `refuse` does not. The last nine are the conditions (CONDITIONS).
    `${place}`, `${direction}` and `${lane}` stand for the lane's own.
    """

    name: RuleName
    fact: FactName
    reason: Reason
    reason_if: Mapping[Word, Reason] = field(default_factory=lambda: MappingProxyType({}))
    when: Mapping[FactName, tuple[Word, ...]] = field(default_factory=lambda: MappingProxyType({}))
    verdict: Literal["refer", "refuse"] = "refer"
    equals: Word | None = None
    one_of: tuple[Word, ...] | None = None
    none_of: tuple[Word, ...] | None = None
    contains: tuple[Word, ...] | None = None
    lacks: tuple[Word, ...] | None = None
    not_before: Day | None = None
    not_after: Day | None = None
    after: Moment | None = None
    age_at_least_years: Annotated[int, Bound(1, 150)] | None = None

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions given, by name, with what is wanted: one, in a rule without objections."""
        return {name: wanted for name in CONDITIONS if (wanted := getattr(self, name)) is not None}

    def holds(self, found: str, now: datetime) -> bool:
        """Whether the fact is as wanted at `now`, in the port's own time. Raises ValueError when it cannot be read."""
        [(name, wanted)] = self.conditions.items()
        return CONDITIONS[name].holds(found, wanted, now)

    def in_words_of(self, own: Mapping[str, str]) -> "Rule":
        """The same with what the lane calls itself in the place of `own_words`."""
        [(name, wanted)] = self.conditions.items()
        if isinstance(wanted, tuple):
            wanted = tuple(own.get(word, word) for word in wanted)
        return replace(self, **{name: own.get(wanted, wanted)})

    @property
    def says(self) -> str:
        """What the fact must be, in words."""
        [(name, wanted)] = self.conditions.items()
        words = ", ".join(wanted) if isinstance(wanted, tuple) else wanted
        return CONDITIONS[name].says.format(words)

    @property
    def needs_clock(self) -> bool:
        """Whether it may hold today and not tomorrow, or the other way round."""
        return any(CONDITIONS[name].needs_clock(wanted) for name, wanted in self.conditions.items())


# ---------------------------------------------------------------- conditions: each raises ValueError for the unreadable


@dataclass(frozen=True, slots=True)
class Condition:
    """`says` it in words; `holds(found, wanted, now)`, with the port's own time; `needs_clock(wanted)`."""

    says: str
    holds: Callable[[str, Any, datetime], bool]
    needs_clock: Callable[[Any], bool] = lambda _wanted: False


def parse_day(text: str) -> date:
    """A day YYYY-MM-DD. Raises ValueError for all else: XX is how a document says that it does not know."""
    if not _DAY.fullmatch(text):
        raise ValueError("not a day YYYY-MM-DD")
    return date.fromisoformat(text)


def parse_moment(text: str) -> datetime:
    """A moment of RFC 3339, 2026-11-30T18:05:00+08:00. Raises ValueError for all else."""
    if not _MOMENT.fullmatch(text):
        raise ValueError("not a moment of RFC 3339")
    return datetime.fromisoformat(text)


def _bound(wanted: str, now: datetime) -> date:
    return now.date() if wanted == "today" else parse_day(wanted)


def _contains(found: str, wanted: tuple[str, ...], _now: datetime) -> bool:
    return set(wanted) <= set(found.split())


def _lacks(found: str, wanted: tuple[str, ...], _now: datetime) -> bool:
    return set(wanted).isdisjoint(found.split())


def _not_before(found: str, wanted: str, now: datetime) -> bool:
    return parse_day(found) >= _bound(wanted, now)


def _not_after(found: str, wanted: str, now: datetime) -> bool:
    return parse_day(found) <= _bound(wanted, now)


def _after(found: str, wanted: str, now: datetime) -> bool:
    return parse_moment(found) > (now if wanted == "now" else parse_moment(wanted))


def _aged(found: str, wanted: int, now: datetime) -> bool:
    """The birthday counts. Of 29 February it is 1 March in a common year: 28 February is a day short of the full year,
    and who errs refers somebody for a day rather than admits somebody too young."""
    born = parse_day(found)
    return (now.year - wanted, now.month, now.day) >= (born.year, born.month, born.day)


def _today(wanted: Any) -> bool:
    return bool(wanted == "today")


CONDITIONS: Mapping[str, Condition] = {
    "equals": Condition("is {}", lambda found, wanted, _now: found == wanted),
    "one_of": Condition("is one of {}", lambda found, wanted, _now: found in wanted),
    "none_of": Condition("is none of {}", lambda found, wanted, _now: found not in wanted),
    "contains": Condition("has {}", _contains),
    "lacks": Condition("does not have {}", _lacks),
    "not_before": Condition("is {} or later", _not_before, _today),
    "not_after": Condition("is {} or earlier", _not_after, _today),
    "after": Condition("is later than {}", _after, lambda wanted: wanted == "now"),
    "age_at_least_years": Condition("is at least {} years ago, to the day", _aged, lambda _wanted: True),
}


# ---------------------------------------------------------------- what is wrong with rules


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong with a rule: its number from 1, and the path of the key in it."""

    number: int
    key: Place
    problem: str
    warning: bool = False


def own_words(port: Port, lane: str) -> dict[str, str]:
    """What the lane calls itself, by the name that stands for it in a rule."""
    return {"${place}": port.place, "${direction}": port.direction or "", "${lane}": lane}


def objections(rules: Sequence[Rule], port: Port, lane: str) -> Iterator[Objection]:
    """Everything for which `gatefw check` refuses these rules, or warns."""
    own, named = own_words(port, lane), [rule.name for rule in rules]
    for number, rule in enumerate(rules, 1):
        if (first := named.index(rule.name) + 1) != number:
            yield Objection(number, ("name",), f"rule {first} is called {rule.name} too; give each a name of its own")
        others = [(("reason_if", word), reason) for word, reason in rule.reason_if.items()]
        for place, reason in [(("reason",), rule.reason), *others]:
            if reason is Reason.OK:
                yield Objection(number, place, "ok is no reason to turn somebody away; name why the rule does not hold")
        if len(rule.conditions) != 1:
            found = " and ".join(rule.conditions) or "none"
            yield Objection(number, (), f"one condition is wanted, of {', '.join(CONDITIONS)}; this has {found}")
        for key, wanted in rule.conditions.items():
            yield from (Objection(number, (key,), problem) for problem in _unreadable(key, wanted, own))
        for fact, words in rule.when.items():
            yield from (Objection(number, ("when", fact), problem) for problem in _undivided(rules, fact, words))
    yield from _unasked(rules)


def _unreadable(key: str, wanted: Any, own: Mapping[str, str]) -> Iterator[str]:
    """What a condition is compared with must be readable, or the rule could never hold."""
    for text in wanted if isinstance(wanted, tuple) else (str(wanted),):
        if "$" in text and text not in own:
            yield f"{text} is not known; {', '.join(own)} stand for the lane's own words, each by itself"
        elif not own.get(text, text):
            yield f"{text} has no value; write port.{text[2:-1]}"
    try:
        if key in ("not_before", "not_after") and wanted != "today":
            parse_day(wanted)
        if key == "after" and wanted != "now":
            parse_moment(wanted)
    except ValueError:
        example = "YYYY-MM-DD, of the calendar" if key != "after" else "RFC 3339 with its offset"
        yield f'"{wanted}" is none; write {example}'


def _admitted(rules: Sequence[Rule], fact: str) -> set[str]:
    """The words that a rule for everybody leaves a fact."""
    every = [rule for rule in rules if rule.fact == fact and not rule.when]
    return {word for rule in every for word in (*(rule.one_of or ()), *filter(None, (rule.equals,)))}


def _undivided(rules: Sequence[Rule], fact: str, words: tuple[str, ...]) -> Iterator[str]:
    """Classes of people hold together only if everybody is in one: else who is in none passes without any of them."""
    admitted = _admitted(rules, fact)
    if not admitted:
        yield f"divides people by {fact}, and who has another word there passes; add a rule for all: {fact} one_of ..."
    elif strange := [word for word in words if word not in admitted]:
        yield f"nobody has {', '.join(strange)}: the rules for all leave {fact} {', '.join(sorted(admitted))}"


def _unasked(rules: Sequence[Rule]) -> Iterator[Objection]:
    """A class of people for whom no rule of their own stands: allowed, and more likely forgotten."""
    named: dict[str, set[str]] = {}
    for rule in rules:
        for fact, words in rule.when.items():
            named.setdefault(fact, set()).update(words)
    for number, rule in enumerate(rules, 1):
        if rule.fact in named and not rule.when:
            for word in sorted({*(rule.one_of or ())} - named[rule.fact]):
                problem = f"no rule is for those with {rule.fact} {word}; they pass by the rules for everybody alone"
                yield Objection(number, ("one_of",), problem, warning=True)


def time_zone(name: str) -> ZoneInfo:
    """The zone in which days begin and end. Raises SetupError with the nearest name there is."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        near = get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SetupError(f"time zone {name} is not known; an IANA name is wanted{hint}") from error
