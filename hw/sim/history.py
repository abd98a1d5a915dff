"""What happened in the world, in order: the ground truth that survives a killed daemon."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CAPACITY = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact. `n` counts from 1, `at_s` is the world's time (monotonic seconds of the machine in real time)."""

    n: int
    at_s: float
    kind: str
    facts: Mapping[str, Any]

    def __getitem__(self, fact: str) -> Any:
        return self.facts[fact]

    def says(self, kind: str, **facts: Any) -> bool:
        """Whether this entry is of that kind and holds these facts, among others."""
        return self.kind == kind and all(self.facts.get(name) == value for name, value in facts.items())

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, "at_s": self.at_s, "kind": self.kind, "facts": dict(self.facts)}

    @classmethod
    def from_json(cls, message: Mapping[str, Any]) -> "Entry":
        return cls(message["n"], message["at_s"], message["kind"], message["facts"])


class History:
    """An append-only list of entries. Raises OverflowError past `CAPACITY`: nothing is lost quietly."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._forgotten = 0
        self._followers: list[Callable[[Entry], None]] = []

    def add(self, at_s: float, kind: str, **facts: Any) -> None:
        if len(self._entries) >= CAPACITY:
            raise OverflowError(f"the world's history holds {CAPACITY} entries; start a new world")
        entry = Entry(self._forgotten + len(self._entries) + 1, round(at_s, 6), kind, facts)
        self._entries.append(entry)
        for follower in self._followers:
            follower(entry)

    def follow(self, follower: Callable[[Entry], None]) -> None:
        self._followers.append(follower)

    def since(self, n: int) -> list[Entry]:
        """Entries after number `n`; 0 gives all."""
        return self._entries[max(n - self._forgotten, 0) :]

    def forget(self) -> None:
        """Let go of what was, so that a world can go on for days; the numbers go on as well."""
        self._forgotten += len(self._entries)
        self._entries.clear()

    def of(self, kind: str) -> Iterator[Entry]:
        return (entry for entry in self._entries if entry.kind == kind)
