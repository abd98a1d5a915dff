"""Plays a system: its lane on simulated hardware, everything else real, and the people who come one after the other."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until
from planted import leaks
from systems.played import PERSONAL, Known, System, Visit
from systems.simulated import AUTHORITY_KEY, CARD_KEY, simulated

from gatefw.reversal import turn

LANES = Path(__file__).resolve().parents[2] / "config" / "lanes"
FORGOTTEN_S = 10.0
"""What the world's people do meanwhile counts as theirs: doors close, and the lane comes to rest."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a visit. `wrong` says what is not as it should be, nothing when all is."""

    lane: str
    visit: str
    outcome: str
    reason: str
    seconds: float
    wrong: str = ""

    @property
    def expected(self) -> bool:
        return not self.wrong

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"expected": self.expected}


def play(system: System, models: Path, photos: Path, shared: Path) -> Iterator[Came]:
    """Every visit of a system. What goes wrong in between is told as one that did not come out; this system ends."""
    began_s = time.monotonic()
    text = simulated(LANES / f"{system.lane}.toml", str(shared) if system.journey else "", system.reverse)
    try:
        with live_gate(models, photos, lane=text, watcher=system.watcher, before=partial(_site, system)) as gate:
            known = system.prepare(gate, photos)
            yield Came(system.lane, "in service", "", "", round(time.monotonic() - began_s, 1))
            for number, visit in enumerate(system.visits, 1):
                yield _visit(gate, system.lane, f"{visit.script}-{number}", visit, known)
            yield _looked_through(system, [gate.run, *([shared] if system.journey else [])], known)
    except (Exception, AssertionError) as problem:  # noqa: BLE001  told, and the next system is played
        seconds, wrong = round(time.monotonic() - began_s, 1), f"{type(problem).__name__}: {problem}"
        yield Came(system.lane, "in service", "", "", seconds, wrong)


def _looked_through(system: System, folders: list[Path], known: Known) -> Came:
    """Whether anything of anybody who came lies open in what the gate has written."""
    began_s = time.monotonic()
    words = {*PERSONAL, *(value for value in known.values() if len(value) > 8)}
    wrong = [leak for folder in folders for leak in leaks(folder, {word: word.encode() for word in words}, {})]
    return Came(system.lane, "tells nothing", "", "", round(time.monotonic() - began_s, 1), "; ".join(wrong))


def _site(system: System, run: Path) -> None:
    """What a site does before: keys for reader and authorities, and `gatefw reverse` where a lane goes both ways."""
    for name, secret in (("card.key", CARD_KEY.encode()), ("authority.key", AUTHORITY_KEY)):
        key = run / name
        key.write_bytes(secret)
        key.chmod(0o600)
    if system.reverse:
        turn(run / "state")


def _visit(gate: LiveGate, lane: str, who: str, visit: Visit, known: Known) -> Came:
    began_s, before = time.monotonic(), len(ends(gate))
    if visit.first is not None:
        visit.first(gate)
    gate.world.traveller(who, visit.script, **visit.arguments(known))
    if visit.also is not None:
        gate.world.traveller(f"{who}-too", visit.also[0], **dict(visit.also[1]))
    outcome = gate.world.outcome(who, DEADLINE_S)
    if visit.also is not None:
        gate.world.outcome(f"{who}-too", DEADLINE_S)
    told = until(lambda: ends(gate)[before:] if at_rest(gate) else None, "the gate to be at rest again", DEADLINE_S)
    reason, seconds = str(told[0]["reason"]), round(time.monotonic() - began_s, 1)
    wrong = [f"{what} should be {should}" for what, is_, should in (
        ("outcome", outcome, visit.outcome), ("reason", reason, visit.reason)) if is_ != should]  # fmt: skip
    wrong += [f"the world saw {each['violation']}" for each in gate.world.violations()]
    return Came(lane, visit.name, outcome, reason, seconds, "; ".join(wrong))


def at_rest(gate: LiveGate) -> bool:
    """Whether the lane is idle and every passage has ended: who goes away may have begun one more."""
    kinds = [event["type"] for event in gate.events()]
    begun, ended = (kinds.count(f"gatefw.passage.{what}.v1") for what in ("started", "ended"))
    return begun == ended and gate.phase() == "idle"


def ends(gate: LiveGate) -> list[dict[str, Any]]:
    """How every passage ended so far."""
    return [event["data"] for event in gate.events() if event["type"] == "gatefw.passage.ended.v1"]
