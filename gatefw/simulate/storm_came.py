"""What came of storms, so that many add up."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Came:
    """What came of storms. `events` are what gates took, without the ticks in which only time passed."""

    storms: int = 0
    events: int = 0
    ticks: int = 0
    lives: int = 0
    begun: int = 0
    passed: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Came") -> None:
        for name in ("storms", "events", "ticks", "lives", "begun", "passed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rows.update(other.rows)
        self.faults.update(other.faults)
        self.ended.update(other.ended)
        self.violations += other.violations
