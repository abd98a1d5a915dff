"""What is searched: the fault hypotheses, each a run of its own in a process of its own, short and long."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations

from trust.model_gate import GateMachine
from trust.model_search import Breach, Found, Search
from trust.model_seeded import Bug, leases_with
from trust.model_sensed import CIRCUITS, DEVICES, Hypothesis
from trust.model_walk import Noticed, WaysOut, noticed

from gatefw.lane_table import ANYWHERE, TRANSITIONS
from gatefw.lane_terms import Policy, Shape
from gatefw.model import DoorId, Input, Phase, Purpose, Verb
from gatefw.simulate.invariants import Over

ROWS = [row for shape in Shape for row in (*ANYWHERE[shape], *TRANSITIONS[shape])]
ONE_DOOR, NO_DOOR = Policy(doors=(DoorId.EXIT,)), Policy(doors=())
HOLDS = Policy(hold_on_refusal=True)
STOP, FIRE, EVACUATE = (Input.STOP,), (Input.FIRE,), (Input.EVACUATE,)
OF_ONE_DOOR = tuple(name for name in CIRCUITS if not name.startswith("entry"))
TECHNICIAN = (Verb.RESET, Verb.MAINTAIN, Verb.EXERCISE_ENTRY, Verb.EXERCISE_EXIT)
NARROW = {"verbs": (Verb.RESET,), "health": False, "crash": False, "bodies": 1}
EITHER = Policy(refusal=(DoorId.ENTRY, DoorId.EXIT), hold_on_refusal=True)
LETS_OUT = {"inputs": (), **NARROW, "verbs": (Verb.RESET, Verb.HOLD, *(verb for verb in Verb if "let_out" in verb))}
CALM = tuple(verb for verb in Verb if verb is not Verb.EVACUATE)
ORDERS = {"inputs": STOP, **NARROW, "verbs": (Verb.RESET, Verb.LET_OUT, Verb.HOLD, Verb.EVACUATE), "crash": True}
CLOSING = {**NARROW, "verbs": (Verb.RESET, Verb.MAINTAIN)}

TRUTHFUL = [
    Hypothesis("an airlock, two bodies, stop, every order but to evacuate", HOLDS, inputs=STOP, verbs=CALM),
    Hypothesis("an airlock, one body, fire", inputs=FIRE, verbs=(Verb.RESET,), bodies=1),
    Hypothesis(
        "an airlock, one body, officer_evacuate and stop", inputs=(*EVACUATE, *STOP), **{**NARROW, "crash": True}
    ),
    Hypothesis("one door, two bodies, everything", ONE_DOOR, inputs=(*FIRE, *STOP)),
    Hypothesis("no door, everything", NO_DOOR),
    Hypothesis("an airlock that lets out whom it refuses", inputs=(), **NARROW),
    Hypothesis("an airlock, one body, an officer's orders", **ORDERS),
    Hypothesis("an airlock that lets out whom it refused by either door", EITHER, **LETS_OUT),
]
TRUTHFUL_LONG = [
    Hypothesis("an airlock, two bodies, fire, stop, every order", HOLDS, inputs=(*FIRE, *STOP)),
    Hypothesis("an airlock that lets out whom it refuses, two bodies, every order", inputs=STOP),
    Hypothesis("one door, two bodies, all inputs, everything", ONE_DOOR),
]
ONE_FAULT = [
    *(Hypothesis(f"{name} lies", liars=(name,), inputs=(), **NARROW) for name in CIRCUITS),
    *(Hypothesis(f"{name} is lost", gone=name, inputs=(), **NARROW) for name in DEVICES),
    Hypothesis("fire cannot be read", unreadable=True, inputs=FIRE, **NARROW),
    Hypothesis("stop cannot be read", unreadable=True, inputs=STOP, **NARROW),
    Hypothesis("a door is broken open", forced=True, inputs=(), **NARROW),
    *(Hypothesis(f"one door, {name} lies", ONE_DOOR, liars=(name,), inputs=(), **CLOSING) for name in OF_ONE_DOOR),
    *(Hypothesis(f"one door, {name} is lost", ONE_DOOR, gone=name, inputs=(), **NARROW) for name in DEVICES[1:]),
    Hypothesis("one door, fire cannot be read", ONE_DOOR, unreadable=True, inputs=FIRE, **NARROW),
]
ONE_FAULT_LONG = [
    *(Hypothesis(f"{name} lies, fire and stop", liars=(name,), inputs=(*FIRE, *STOP), **NARROW) for name in CIRCUITS),
    Hypothesis("officer_evacuate cannot be read", unreadable=True, inputs=EVACUATE, **NARROW),
]
TWO_FAULTS = [
    Hypothesis(f"{one} and {other} lie", liars=(one, other), inputs=(), **NARROW)
    for one, other in combinations(CIRCUITS, 2)
]
TWO_FAULTS_SHORT = [
    each
    for each in TWO_FAULTS
    if each.liars in (("entry.locked", "exit.locked"), ("entry.closed", "entry.locked"), ("exit.beam", "count.one"))
]
BARE = {"verbs": (), "health": False, "crash": False, "bodies": 1}
MAD = [
    Hypothesis(
        "the lane wants anything to let through or out",
        mad=(Purpose.ENTER, Purpose.ADMIT, Purpose.WAY_OUT),
        inputs=(),
        **BARE,
    ),
    Hypothesis(
        "the lane wants admissions and exercises, under stop",
        mad=(Purpose.ADMIT, Purpose.EXERCISE),
        inputs=STOP,
        **BARE,
    ),
    Hypothesis("the lane wants emergencies, under fire", mad=(Purpose.EMERGENCY,), inputs=FIRE, **BARE),
]
MAD_LONG = [
    Hypothesis(
        "the lane wants emergencies and exercises", mad=(Purpose.EMERGENCY, Purpose.EXERCISE), inputs=FIRE, **BARE
    ),
    Hypothesis(
        "the lane wants ways out, under officer_evacuate",
        mad=(Purpose.EMERGENCY, Purpose.WAY_OUT),
        inputs=EVACUATE,
        **BARE,
    ),
]
SEEDED_IN = [  # small ones, each with what only it brings up
    Hypothesis("stop and technicians", inputs=STOP, **{**NARROW, "verbs": TECHNICIAN}),
    Hypothesis("fire and officer_evacuate, nobody there", inputs=(*FIRE, *EVACUATE), **{**NARROW, "bodies": 0}),
    Hypothesis("the exit's device is lost", gone=DEVICES[1], inputs=(), **NARROW),
    Hypothesis("the entry's device is lost", gone=DEVICES[0], inputs=(), **NARROW),
    replace(MAD[0], bodies=0),
    MAD[1],
    replace(MAD[2], bodies=0, inputs=(*FIRE, *EVACUATE)),
]


@dataclass
class Run:
    """What came of one hypothesis, fit to be sent from process to process. `rows`: numbers of rows of the table."""

    name: str
    states: int
    moves: int
    closed: bool
    cpu_s: float
    commands: list[Breach]
    truth: list[Breach]
    rows: set[int] = field(default_factory=set)
    waits_s: dict[Phase, float] = field(default_factory=dict)


def _run(hypothesis: Hypothesis, search: Search, found: Found, began_s: float) -> Run:
    rows = {at for at, row in enumerate(ROWS) if id(row) in found.rows}
    commands, truth = found.over(Over.COMMANDS), found.over(Over.TRUTH)
    return Run(
        hypothesis.name, found.states, found.moves, found.closed, time.process_time() - began_s, commands, truth, rows
    )


def explored(hypothesis: Hypothesis) -> Run:
    """To closure; where sensors tell the truth, also how long whoever is inside an airlock waits for a door."""
    began_s = time.process_time()
    search = Search(hypothesis)
    run = _run(hypothesis, search, search.run(), began_s)
    truthful = not (hypothesis.liars or hypothesis.gone or hypothesis.forced or hypothesis.unreadable or hypothesis.mad)
    if truthful and hypothesis.policy.shape is Shape.AIRLOCK:
        run.waits_s = WaysOut(search).by_phase()
    run.cpu_s = time.process_time() - began_s
    return run


def stuck(circuit: str, said: bool) -> Noticed:
    """What is noticed of a circuit that says this for ever, in one honest passage."""
    return noticed(Search(Hypothesis(circuit, liars=(circuit,), stuck=(said,), inputs=(), **NARROW)))


@dataclass(frozen=True)
class Caught:
    """How a bug was told from the real thing; nothing in `by` when it was not. `story`: of the shortest breach."""

    bug: Bug
    by: str
    story: tuple[str, ...] = ()


def breaches_of_the_real(hypotheses: list[Hypothesis]) -> dict[str, frozenset[str]]:
    """What each hypothesis breaks without any bug: over the truth, where a sensor lies."""
    return {each.name: frozenset(Search(each).run().breaches) for each in hypotheses}


def caught(bug: Bug, known: dict[str, frozenset[str]], hypotheses: list[Hypothesis] | None = None) -> Caught:
    """Search with the bug, until an invariant breaks that the real gate keeps, or an honest passage fails."""
    for hypothesis in hypotheses or SEEDED_IN:
        search = Search(hypothesis)
        search.machine = search.machine_with(leases_with(bug))
        try:
            found = search.run(_until(known[hypothesis.name]))
        except (AttributeError, KeyError, TypeError) as error:
            return Caught(bug, f"the gate does not run: {type(error).__name__}")
        for name in sorted(set(found.breaches) - known[hypothesis.name]):
            return Caught(bug, name, tuple(found.breaches[name].story))
    hypothesis = SEEDED_IN[0]
    honest = noticed(Search(hypothesis, GateMachine(hypothesis.policy, leases=leases_with(bug))))
    return Caught(bug, "" if honest.passed else f"an honest passage fails: {honest.said}")


def _until(known: frozenset[str]) -> Callable[[Found], bool]:
    return lambda found: not known.issuperset(found.breaches)
