"""What is counted of passages, read out of any number of journals: by system, direction, day, month or year.

Only the roll-ups of `passage_tally` are read, some hundred rows a year, beside the daemon that writes them. What a gate
cannot know, how many people there were in all, is handed in (`Totals`); without it no share is told.
"""

import contextlib
import csv
import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from gatefw.errors import Refusal, StoreError, system_words
from gatefw.model import FactKind
from gatefw.passage_tally import (
    ENDED,
    FIRST_TRY,
    NO_CAPTURE,
    OTHERS,
    PASSED,
    REFERRED,
    REFUSED,
    seconds_of,
)

FIRST_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Key:
    """Whose and which day's counts these are. `day` is YYYY-MM-DD, the port's own."""

    system: str
    direction: str
    day: str

    def part(self, by: str) -> str:
        """What of it a table is grouped by: system, direction, day, month or year."""
        match by:
            case "month":
                return self.day[:7]
            case "year":
                return self.day[:4]
        return str(getattr(self, by))


BY: Sequence[str] = ("system", "direction", "day", "month", "year")
PERIODS = ("day", "month", "year")


@dataclass
class Sums:
    """`counts` is how often, by what and why; `steps` how many passages took how long, in steps of 5 %."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    steps: Counter[int] = field(default_factory=Counter)
    days: set[str] = field(default_factory=set)

    def add(self, other: "Sums") -> None:
        self.counts.update(other.counts)
        self.steps.update(other.steps)
        self.days |= other.days

    def of(self, what: str) -> int:
        return sum(count for (each, _), count in self.counts.items() if each == what)

    def reasons(self, what: str) -> dict[str, int]:
        """How often for which reason, the most frequent first."""
        found = [(reason, count) for (each, reason), count in self.counts.items() if each == what]
        return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))

    @property
    def passages(self) -> int:
        """Every passage that began: passed, refused, referred, or ended by the lane itself."""
        return sum(self.of(what) for what in (PASSED, REFUSED, REFERRED, ENDED))

    @property
    def registered(self) -> int:
        """Enrolled less revoked, as far as these days tell."""
        return self.of(OTHERS[FactKind.SUBJECT_ENROLLED]) - self.of(OTHERS[FactKind.SUBJECT_REVOKED])

    def share(self, what: str, among: int) -> float | None:
        return self.of(what) / among if among else None

    def percentile_s(self, share: float) -> float | None:
        """How long at most that share of the passed took, token to exit, to within 2.5 %; None for nobody."""
        wanted, seen = math.ceil(share * sum(self.steps.values())), 0
        for step, count in sorted(self.steps.items()):
            seen += count
            if seen >= wanted:
                return round(seconds_of(step), 2)
        return None


def read(path: Path) -> Iterator[tuple[Key, Sums]]:
    """The counts of one journal, a day and direction at a time. Raises StoreError: it cannot be read."""
    try:
        path.open("rb").close()  # SQLite does not say why it cannot
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(database):
            system = str(database.execute("select system from counted").fetchone()[0])
            counts = database.execute("select day, direction, what, reason, count from day_count").fetchall()
            steps = database.execute("select day, direction, step, count from day_time").fetchall()
    except OSError as error:
        raise StoreError(f"journal {path}: cannot be read: {system_words(error)}") from error
    except (sqlite3.Error, TypeError) as error:
        raise StoreError(
            f"journal {path}: its counts cannot be read: {error}; a journal of a gatefw that counts passages is "
            "wanted; an older one is counted when its lane is next started"
        ) from error
    found: dict[Key, Sums] = {}

    def of(day: int, direction: str) -> Sums:
        key = Key(system, direction, date.fromordinal(day + FIRST_DAY).isoformat())
        return found.setdefault(key, Sums(days={key.day}))

    for day, direction, what, reason, count in counts:
        of(day, direction).counts[what, reason] += count
    for day, direction, step, count in steps:
        of(day, direction).steps[step] += count
    return iter(found.items())


def within(day: str, since: str, until: str) -> bool:
    """Whether a day lies in a span of which both ends are a day, a month or a year, or open; both are included."""
    return (not since or day >= since) and (not until or day[: len(until)] <= until)


def grouped(
    found: Iterable[tuple[Key, Sums]], by: Sequence[str], wanted: Callable[[Key], bool]
) -> dict[tuple[str, ...], Sums]:
    """The sums of each group, in the order of their names."""
    groups: dict[tuple[str, ...], Sums] = {}
    for key, sums in found:
        if wanted(key):
            groups.setdefault(tuple(key.part(each) for each in by), Sums()).add(sums)
    return dict(sorted(groups.items()))


# ---------------------------------------------------------------- what a gate cannot know


@dataclass(frozen=True, slots=True)
class Totals:
    """How many there were in all, by period (a day, a month or a year), and what these people are called."""

    people: str
    by_period: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> "Totals":
        """From a CSV file with the columns period, people, total. Raises Refusal naming file and line."""
        people, by_period = "", {}
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for number, row in enumerate(csv.DictReader(file), 2):
                    period, total = _period(row), _total(row)
                    if period is None or total is None or (people and row["people"] != people) or period in by_period:
                        raise Refusal(
                            f"{path}, line {number}: {','.join(map(str, row.values()))}: wanted is a period (2024, "
                            "2024-01 or 2024-01-31) told once, the same people in every line, and how many there were; "
                            "the header is period,people,total"
                        )
                    people, by_period[period] = str(row["people"]), total
        except (OSError, ValueError, csv.Error) as error:
            raise Refusal(f"{path}: totals cannot be read: {error}") from error
        if not by_period:
            raise Refusal(f"{path}: holds no totals; a header period,people,total and a line for each period is wanted")
        return cls(people, by_period)

    def of(self, days: Iterable[str], period: str) -> int | None:
        """How many there were on these days, in the periods within `period`; None where one of the days lacks them."""
        used = set()
        for day in days:
            told = next((day[:length] for length in (10, 7, 4) if day[:length] in self.by_period), None)
            if told is None or not told.startswith(period):
                return None
            used.add(told)
        return sum(self.by_period[each] for each in used) or None


def is_period(text: str) -> bool:
    """Whether this is a year, a month or a day: 2024, 2024-01, 2024-01-31."""
    try:
        date.fromisoformat(text + "2024-01-01"[len(text) :])
    except ValueError:
        return False
    return len(text) in (4, 7, 10)


def _period(row: Mapping[str, Any]) -> str | None:
    text = str(row.get("period", "")).strip()
    return text if is_period(text) else None


def _total(row: Mapping[str, Any]) -> int | None:
    text = str(row.get("total", "")).strip()
    return int(text) if text.isdecimal() and row.get("people") else None


# ---------------------------------------------------------------- tables and sentences

Line = dict[str, object]


def line(group: Mapping[str, str], sums: Sums, cumulative: int, registered: int, totals: Totals | None) -> Line:
    """What is told of a group; None is what is not known."""
    period = next((group[each] for each in PERIODS if each in group), "")
    total = totals.of(sums.days, period) if totals else None
    passages = sums.passages
    return {
        **group,
        "passed": sums.of(PASSED),
        "refused": sums.of(REFUSED),
        "referred": sums.of(REFERRED),
        "ended": sums.of(ENDED),
        "by_hand": sums.of(OTHERS[FactKind.CLEARED_BY_HAND]),
        "first_try": _rounded(sums.share(FIRST_TRY, sums.of(PASSED))),
        "no_capture": _rounded(sums.share(NO_CAPTURE, passages)),
        "p50_s": sums.percentile_s(0.50),
        "p95_s": sums.percentile_s(0.95),
        "cumulative": cumulative,
        "registered": registered,
        "total": total,
        "share": _rounded(sums.share(PASSED, total or 0)),
        "reasons": {what: sums.reasons(what) for what in (REFUSED, REFERRED, ENDED, NO_CAPTURE)},
    }


def lines(groups: Mapping[tuple[str, ...], Sums], by: Sequence[str], before: Sums, totals: Totals | None) -> list[Line]:
    """A line for each group. Where periods follow each other, passed and registered people add up, `before` first."""
    told: list[Line] = []
    runs: dict[tuple[str, ...], tuple[int, int]] = {}
    for names, sums in groups.items():
        group = dict(zip(by, names, strict=True))
        apart = tuple(value for name, value in group.items() if name not in PERIODS)
        base = (before.of(PASSED), before.registered) if not apart else (0, 0)
        passed, registered = runs.get(apart, base)
        runs[apart] = (passed + sums.of(PASSED), registered + sums.registered)
        told.append(line(group, sums, *runs[apart], totals))
    return told


def sentence(system: str, sums: Sums, totals: Totals | None) -> str:
    """The figure as a department reports it."""
    total = totals.of(sums.days, "") if totals else None
    share = sums.share(PASSED, total or 0)
    told = f"{100 * share:.0f} per cent of {totals.people}" if totals and share is not None else "share unknown"
    passed = sums.of(PASSED)
    return f"{system}: {count(passed)} {'passage' if passed == 1 else 'passages'} in {span(sums.days)}, {told}"


def count(number: int) -> str:
    """A number as it is said: 11.7 million."""
    return f"{number / 1e6:.1f} million" if number >= 1_000_000 else f"{number:,}"


def span(days: Iterable[str]) -> str:
    """The months that days lie in, in words: January to October 2024."""
    months = sorted({day[:7] for day in days})
    if not months:
        return "no time at all"
    first, last = (date.fromisoformat(f"{month}-01") for month in (months[0], months[-1]))
    if first == last:
        return f"{first:%B %Y}"
    if first.year == last.year:
        return f"{first.year}" if (first.month, last.month) == (1, 12) else f"{first:%B} to {last:%B %Y}"
    return f"{first:%B %Y} to {last:%B %Y}"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
