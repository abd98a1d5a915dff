"""The model check itself: it reaches closure, tells stories and seeded bugs, and moves as a real gate does."""

from dataclasses import dataclass, field
from functools import cache
from random import Random

import pytest
from trust.model_runs import NARROW, ROWS, SEEDED_IN, Caught, breaches_of_the_real, caught, explored, stuck
from trust.model_search import OWN, Search
from trust.model_seeded import bugs, leases_with
from trust.model_sensed import Hypothesis, sense

from gatefw.clearance import Terms
from gatefw.gate import Gate, GateSettings
from gatefw.gate_terms import Answered, Committed, DoorSensed, GateInput, LaneSensed, Ordered, Record, Tick
from gatefw.lane_terms import Policy
from gatefw.model import (
    Decided,
    DoorId,
    Elapsed,
    Faulted,
    Input,
    Invited,
    LaneEvent,
    Presented,
    Reason,
    RunId,
    Sensed,
    Signal,
    Started,
    Timer,
    Verb,
    Verdict,
)
from gatefw.simulate.invariants import INVARIANTS

SMALL = Hypothesis("small", inputs=(), **NARROW)
STOP = Hypothesis("stop", inputs=(Input.STOP,), **NARROW)
ORDERS = Hypothesis("orders", inputs=(Input.STOP,), **{**NARROW, "verbs": (Verb.RESET, Verb.HOLD, Verb.EVACUATE)})


def test_a_small_world_is_searched_to_closure_and_breaks_nothing() -> None:
    run = explored(SMALL)
    assert run.closed
    assert run.states > 300
    assert (run.commands, run.truth) == ([], [])
    assert 30 < len(run.rows) < len(ROWS)


def test_whoever_is_inside_waits_no_longer_than_the_timers_of_the_lane() -> None:
    waits_s = explored(SMALL).waits_s
    assert 20.0 < max(waits_s.values()) < 25.0


def test_a_lock_contact_that_lies_breaks_the_truth_and_no_command() -> None:
    """The exit says that it is locked, whatever it does: the gate does as it sees, and two doors are passable."""
    run = explored(Hypothesis("exit.locked lies", liars=("exit.locked",), inputs=(), **NARROW))
    assert run.closed
    assert run.commands == []
    story = next(each.story for each in run.truth if each.invariant == "never_two_doors_passable")
    assert "exit.locked says True from now on" in " ".join(story)
    assert story[-1].startswith("then: ")


@pytest.mark.parametrize(
    ("circuit", "said", "noticed"),
    [
        ("entry.beam", False, "alarm: obstructed"),
        ("exit.locked", True, "fault: door_unconfirmed"),
        ("count.one", False, "run ends: nobody_entered"),
    ],
)
def test_a_stuck_circuit_is_noticed_in_the_first_passage(circuit: str, said: bool, noticed: str) -> None:
    saw = stuck(circuit, said)
    assert noticed in saw.said
    assert not saw.passed


def test_a_beam_that_always_says_clear_is_not_noticed_by_a_passage() -> None:
    assert stuck("exit.beam", True).passed


# ---------------------------------------------------------------- seeded bugs


@cache
def breaches(hypothesis: Hypothesis) -> dict[str, frozenset[str]]:
    return breaches_of_the_real([hypothesis])


def found(words: str, hypothesis: Hypothesis = SEEDED_IN[0]) -> Caught:
    bug = next(each for each in bugs() if words in each.words)
    return caught(bug, breaches(hypothesis), [hypothesis])


def test_a_gate_that_forgets_the_other_door_is_told_by_the_shortest_story() -> None:
    """A way out would be released while the lock of the exit has not given way yet: half a second is all there is."""
    by_settling = found("without `if now_s - self._ended_s")
    assert by_settling.by == "doors_are_released_one_at_a_time"
    assert any("exit's release is on disk" in step for step in by_settling.story)


def test_a_gate_that_closes_on_a_broken_beam_is_told() -> None:
    assert found("_secure: without `if sensed.beam(door)").by == "nothing_closes_on_a_body"


def test_a_gate_that_does_not_wait_for_the_journal_is_told() -> None:
    words = "reconcile: `want is not None and (want not in NEEDS_COMMIT or door in self.approved)` without `want not in"
    assert found(words).by == "nobody_is_let_through_unrecorded"


def test_a_gate_whose_passages_outlive_their_device_is_told() -> None:
    assert found("lost: without `if ended", SEEDED_IN[2]).by == "a_passage_does_not_outlive_its_device"


def test_a_gate_that_asks_nobody_when_a_release_turns_into_an_entry_is_told_by_a_lane_that_wants_anything() -> None:
    words = "recorded and (not turned) and permits(Keep(door, want), sensed).permitted` without `not turned`"
    stop = next(each for each in SEEDED_IN if "under stop" in each.name)
    assert found(words, stop).by == "an_admission_is_of_one_body"


def test_every_clause_of_the_interlock_and_the_leases_can_be_left_out() -> None:
    """Each bug is another program; none of them is the real one."""
    words = [each.words for each in bugs()]
    assert len(words) > 60
    assert {each.file for each in bugs()} == {"interlock", "leases"}
    assert leases_with(bugs()[0]).permits is not leases_with(bugs()[1]).permits


def test_what_the_search_asks_beside_the_invariants_has_other_names() -> None:
    assert not set(OWN) & set(INVARIANTS)


# ---------------------------------------------------------------- the model is the gate


@dataclass
class ScriptedRuns:
    """A passage whose procedure says what the test says."""

    served: None = None
    takes: list[LaneEvent] = field(default_factory=list)

    def answered(self, event: Answered, _now_s: float) -> list[LaneEvent]:
        return [event.reply]  # type: ignore[list-item]

    def committed(self, _ticket: int) -> list[LaneEvent]:
        return []

    def reason(self, *_: object, **__: object) -> None:
        return None

    def __getattr__(self, _name: str):
        return lambda *_, **__: []


def gate_at_boot(policy: Policy) -> Gate:
    settings = GateSettings(policy, dict.fromkeys(Timer, 5.0), Terms(face_deadline_s=6.0), frozenset(), in_service=True)
    gate = Gate(settings, lambda *_: iter(()), lambda: RunId("0" * 16))
    gate.runs = ScriptedRuns()  # type: ignore[assignment]
    return gate


class Twin:
    """A real gate beside the search: is told the same, and must then be in the same state and hold the same doors."""

    def __init__(self, search: Search, gate: Gate) -> None:
        self.search, self.gate, self.now_s, self.tickets = search, gate, 100.0, dict[DoorId, int]()

    def take(self, event: GateInput) -> None:
        self.now_s += 0.0001
        asked = [e for e in self.gate.handle(event, self.now_s) if isinstance(e, Record) and e.ticket is not None]
        self.tickets.update({DoorId(str(dict(e.fact.fields)["door"])): e.ticket for e in asked if e.ticket is not None})

    def sense(self, world: object, lane_first: bool = False) -> None:
        sensed = sense(world, self.search.hypothesis)  # type: ignore[arg-type]
        known = self.gate.sensed
        if lane_first:
            self._sense_lane(sensed, known)
        for door in DoorId:
            if (sensed.position(door), sensed.beam(door)) != (known.position(door), known.beam(door)):
                self.take(DoorSensed(door, sensed.position(door), sensed.beam(door)))
        if not lane_first:
            self._sense_lane(sensed, known)

    def _sense_lane(self, sensed: Sensed, known: Sensed) -> None:
        if (sensed.occupancy, sensed.stop) != (known.occupancy, known.stop):
            self.take(LaneSensed(sensed.occupancy, (), self._inputs(sensed.stop)))

    def _inputs(self, stop: Signal, call: Signal = Signal.OFF) -> tuple[tuple[Input, Signal], ...]:
        off = ((which, Signal.OFF) for which in (Input.FIRE, Input.EVACUATE))
        return (*off, (Input.STOP, stop), (Input.CALL, call))

    def hear(self, words: str) -> None:
        """The same move in the gate's own words."""
        said: dict[str, LaneEvent] = {
            "a token is read": Presented(),
            "the procedure invites them in": Invited(),
            "the procedure refuses": Decided(Verdict.REFUSE),
            "the procedure refers to the counter": Decided(Verdict.REFER),
            "the ADMIT is on disk": Decided(Verdict.ADMIT),
        }
        if words in said:
            self.take(Answered(RunId("0" * 16), 1, said[words]))  # type: ignore[arg-type]
        elif words == "the first snapshot was read":
            self.take(Started())
        elif words.endswith("_s is over"):
            self.take(Elapsed(Timer(words.removesuffix("_s is over")), self.gate.state.generation))
        elif words == "the call button is pressed":
            self.take(LaneSensed(self.gate.sensed.occupancy, (), self._inputs(self.gate.sensed.stop, Signal.ON)))
            self.take(LaneSensed(self.gate.sensed.occupancy, (), self._inputs(self.gate.sensed.stop)))
        elif words.startswith("an operator orders "):
            self.take(Ordered(1, Verb(words.removeprefix("an operator orders ")), "key-switch"))
        elif words.startswith("the record of the "):
            self.take(Committed(self.tickets[DoorId.ENTRY if "entry" in words else DoorId.EXIT]))
        elif words.startswith("half a second"):
            self.now_s += 0.5
            self.take(Tick())
        elif words.startswith("a door does not lock"):
            self.take(Faulted(Reason.DOOR_UNCONFIRMED))


STEPS_IN = ("they step in", "they step back inside")  # and are counted before the beam is clear: see `Move.first`
UNTOLD = ("somebody stands behind the exit", "the procedure comes to ADMIT")


@pytest.mark.parametrize("hypothesis", [STOP, ORDERS], ids=lambda each: each.name)
@pytest.mark.parametrize("seed", range(12))
def test_what_the_search_makes_of_a_move_a_real_gate_makes_of_it_too(seed: int, hypothesis: Hypothesis) -> None:
    """Walks through the search by chance, beside a gate that is told the same."""
    chance, search = Random(seed), Search(hypothesis)
    search.begin()
    node, twin = next(iter(search.parents)), Twin(search, gate_at_boot(hypothesis.policy))
    twin.sense(search.worlds.all[node[2]])
    for _ in range(120):
        came = {words: each.node for words, each in search.successors(node).items() if words not in UNTOLD[:1]}
        words = chance.choice(sorted(came))
        node = came[words]
        twin.hear(words)
        while "half a second" in words and any(search.machine.leased.all[node[1]].settling):
            also = next(each for each in search.successors(node) if each.startswith("half a second"))
            node = search.successors(node)[also].node
        twin.sense(search.worlds.all[node[2]], lane_first=words in STEPS_IN)
        state, leased = search.machine.states.all[node[0]], search.machine.leased.all[node[1]]
        assert twin.gate.state._replace(generation=0) == state, words
        assert tuple(twin.gate.leases.held(door) for door in DoorId) == leased.held, words
