"""Plays a recording through today's Gate, by its own settings or others, up to the first difference.

A Gate has no clock and no chance: the same inputs at the same times give the same effects, to the last byte. What
differs is therefore the code or the lane file.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gatefw.clearance import load
from gatefw.errors import BadReply
from gatefw.gate import Gate
from gatefw.gate_settings import GateSettings
from gatefw.gate_terms import Answered, GateInput, Tick
from gatefw.lane import find
from gatefw.lane_table import Row
from gatefw.model import Answer, LaneEvent, RunId
from gatefw.photograph import restore
from gatefw.tape import Json, Played, packed, unpacked

LINE_BYTES = 4 * 1024 * 1024
SIGNS = Played()


@dataclass(frozen=True, slots=True)
class Difference:
    """The first: in which line, so many seconds into its segment, at which input. Effects as a tape has them, or None
    where there is none; `rows` are those of the lane's table that were taken now."""

    line: int
    after_s: float
    event: Json
    expected: Json
    got: Json
    rows: tuple[str, ...]


@dataclass(slots=True)
class Outcome:
    """How much was played, and the first difference. `played`: there was something that had been recorded."""

    inputs: int = 0
    passages: int = 0
    difference: Difference | None = None
    played: bool = True


class NotedGate(Gate):
    """Notes which rows of the lane's table are taken."""

    rows: list[str]

    def _lane(self, event: LaneEvent) -> None:
        _, row = find(self.state, event)
        if row is not None:
            self.rows.append(words_of(row, self.state.phase.value))
        super()._lane(event)


def words_of(row: Row, phase: str) -> str:
    return f"{phase}: {row.on.words}, {row.when.words or 'always'} -> {row.to.value if row.to else 'stays'}"


@dataclass(slots=True)
class Lane:
    """What is played instead of what was recorded: its settings, its procedure, and what it makes of an answer."""

    settings: GateSettings
    procedure: str
    heard: Callable[[Answer], Answer] = lambda answer: answer


@dataclass(slots=True)
class _Segment:
    """One life of a Gate. `runs` are the ids that its next passages had."""

    gate: NotedGate
    heard: Callable[[Answer], Answer]
    runs: list[RunId] = field(default_factory=list)
    began_s: float | None = None
    lasted_s: float = 0.0

    @classmethod
    def of(cls, head: Json, instead: Lane | None) -> "_Segment":
        settings = instead.settings if instead else unpacked(head["settings"])
        procedure = instead.procedure if instead else head["procedure"]
        runs: list[RunId] = []
        count = iter(range(1 << 60))
        gate = NotedGate(
            settings,
            load(procedure),
            lambda: runs.pop(0) if runs else RunId(f"{next(count):016x}"),
            unpacked(head["latched"]),
        )
        gate.rows = []
        if head["photograph"] is not None:
            restore(gate, head["photograph"])
        return cls(gate, instead.heard if instead else lambda answer: answer, runs)

    def takes(self, event: GateInput, now_s: float, runs: list[RunId]) -> list[Json] | None:
        if isinstance(event, Answered):
            event = Answered(event.run, event.number, self.heard(event.reply))
        self.began_s = now_s if self.began_s is None else self.began_s
        self.lasted_s = now_s - self.began_s
        self.gate.rows.clear()
        self.runs[:] = runs
        try:
            return [packed(effect, SIGNS) for effect in self.gate.handle(event, now_s)]
        except Exception:  # noqa: BLE001  that it raises is what it does
            return None


def replay(
    lines: Iterable[bytes], instead: Lane | None = None, tell: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Play every segment. Raises BadReply: a line that is none of a recording; a last line that was cut off is left."""
    outcome, segment = Outcome(), None
    for number, told in _lines(lines):
        if "gatefw_recording" in told:
            segment = _Segment.of(told, instead)
            continue
        if segment is None:
            raise BadReply("recording: does not begin with what was recorded; is it one of `gatefw run`?")
        if "timers" in told:
            if instead is None:
                segment.gate.retime(unpacked(told["timers"]))
            continue
        for now_s, event, expected in _inputs(told):
            got = segment.takes(event, now_s, _begun(expected))
            outcome.inputs += 1
            outcome.passages += len(_begun(expected))
            if got != expected:
                given = told.get("in", {"Tick": {}})
                outcome.difference = _first(number, segment.lasted_s, given, expected, got, segment.gate.rows)
                return outcome
        tell(f"line {number:,}")
    outcome.played = segment is not None
    return outcome


def _lines(lines: Iterable[bytes]) -> Iterator[tuple[int, Json]]:
    """Each with its number. The newest may be half written."""
    for number, line in enumerate(lines, 1):
        try:
            told = json.loads(line)
            whole = isinstance(told, dict) and ("gatefw_recording" in told or "t" in told)
        except ValueError:
            whole = False
        if not whole:
            if not line.endswith(b"\n"):
                return
            raise BadReply(f"recording: line {number} is none of a recording")
        yield number, told


def _inputs(told: Json) -> Iterator[tuple[float, GateInput, Any]]:
    if "in" in told:
        event, out = unpacked(told["in"]), told.get("out")
        if not (isinstance(event, GateInput) and isinstance(told["t"], float) and isinstance(out, list | None)):
            raise BadReply("recording: what was taken is no input, or what came of it are no effects")
        yield told["t"], event, out
        return
    for now_s in told["t"]:
        yield now_s, Tick(), []


def _begun(effects: Json) -> list[RunId]:
    """The runs that begin in these effects."""
    facts = (each["Record"]["fact"]["Fact"] for each in effects or () if "Record" in each)
    return [RunId(fact["run"]) for fact in facts if fact["kind"] == {"FactKind": "passage.started"}]


def _first(
    line: int, after_s: float, event: Json, expected: list[Json] | None, got: list[Json] | None, rows: list[str]
) -> Difference:
    """Of two lists of effects the first that differs; an end, or an error, is a None."""
    raised: list[Json] = [{"raised": True}]
    there, here = raised if expected is None else expected, raised if got is None else got
    at = next((n for n, (a, b) in enumerate(zip(there, here, strict=False)) if a != b), min(len(there), len(here)))
    return Difference(
        line,
        after_s,
        event,
        there[at] if at < len(there) else None,
        here[at] if at < len(here) else None,
        tuple(rows),
    )
