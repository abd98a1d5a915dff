"""Rounds in which every subject has its turn, and the table of what came out."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

Samples = dict[str, list[float]]
CALLS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One subject. `least` and `p99` of all rounds (with fewer than 100 that is the worst one); less is better in all.

    `ratios`: by the name of a peer, the median over the rounds of subject / peer in the same round.
    """

    name: str
    unit: str
    median: float
    least: float
    p99: float
    rounds: int
    ratios: dict[str, float] = field(default_factory=dict)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def timed(call: Callable[[], object], calls: int = CALLS) -> Callable[[], float]:
    """The seconds of one call, as the mean of so many in a row."""

    def sample() -> float:
        began_s = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - began_s) / calls

    return sample


def rotate(subjects: Mapping[str, Callable[[], float]], rounds: int) -> Samples:
    """Ask every subject for a sample in each round; each round begins with another one, so that none is always first
    after a pause."""
    names = list(subjects)
    samples: Samples = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(subjects[name]())
    return samples


def row(samples: Samples, name: str, unit: str, scale: float = 1.0, peers: tuple[str, ...] = (), note: str = "") -> Row:
    """The row of one subject; its samples are multiplied by `scale` to be in `unit`."""
    own = samples[name]
    ratios = {peer: median(a / b for a, b in zip(own, samples[peer], strict=True)) for peer in peers if peer != name}
    ordered = sorted(each * scale for each in own)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return Row(name, unit, median(ordered), ordered[0], p99, len(own), ratios, note)


def table(title: str, rows: list[Row]) -> str:
    """Rows for people to read."""
    width = max(len(each.name) for each in rows)
    lines = [title, f"  {'':{width}}  {'median':>9} {'least':>9} {'p99':>9}"]
    for each in rows:
        ratios = ", ".join(f"{ratio:.3g} x {peer}" for peer, ratio in each.ratios.items())
        numbers = " ".join(f"{_short(value):>9}" for value in (each.median, each.least, each.p99))
        tail = "; ".join(text for text in (ratios, each.note) if text)
        lines.append(f"  {each.name:{width}}  {numbers} {each.unit:3} {tail}".rstrip())
    return "\n".join(lines)


def _short(value: float) -> str:
    """Three digits, without an exponent."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{min(digits, 5)}f}"
