"""A gate on the bench whose cases are followed, as the loop does it."""

from itertools import count

from gate_bench import Bench

from gatefw.cases import Cases
from gatefw.gate_terms import GateInput
from gatefw.model import FactKind, RunId


class Followed(Bench):
    """`cases` sees every input and what came of it. Its runs have ids as real ones."""

    def __init__(self, cases: Cases, *given: object, **how: object) -> None:
        super().__init__(*given, **how)  # type: ignore[arg-type]
        self.cases, ids = cases, count(1)
        self.gate.runs._new_run = lambda: RunId(f"{next(ids):016x}")

    def give(self, *events: GateInput) -> "Followed":
        for event in events:
            super().give(event)
            self.cases.saw(self.gate, self.last, self.now_s)
        return self

    @property
    def runs(self) -> list[RunId]:
        """Of every passage that has begun, in order."""
        return [fact.run for fact in self.facts(FactKind.PASSAGE_STARTED) if fact.run is not None]
