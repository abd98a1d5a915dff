"""Whatever is sensed, lost and found in whatever order: nobody is served on the word of a device that is not whole."""

from gate_bench import Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.clearance.contactless import clear
from gatefw.gate_terms import (
    Answered,
    DeviceCame,
    DeviceImpaired,
    DeviceWent,
    DoorSensed,
    Drive,
    GateInput,
    LaneSensed,
    Ordered,
    Record,
    Tick,
    TokenRead,
)
from gatefw.leases import NEEDS_COMMIT
from gatefw.model import (
    Beam,
    DoorId,
    Elapsed,
    FaceCompared,
    FactKind,
    Input,
    Occupancy,
    Phase,
    Position,
    Purpose,
    Reason,
    RecordFound,
    RunId,
    Signal,
    SubjectId,
    Timer,
    Token,
    Verb,
)

SERVING = (Phase.IDLE, Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED, Phase.ENTERING, Phase.VERIFYING)
DEVICES = ["door.entry_door", "door.exit_door", "sensors.lane", "reader.front", "vision", "camera.low", "camera.high"]
AILMENTS = [
    Reason.TAMPERED,
    Reason.MAINS_LOST,
    Reason.CAMERA_DARK,
    Reason.CAMERA_FROZEN,
    Reason.DEVICE_FLOODS,
    Reason.GALLERY_TOO_LARGE,
    Reason.GALLERY_DAMAGED,
    Reason.SCORES_DRIFT,
]
REPLIES = [RecordFound(SubjectId("5" * 32)), FaceCompared(True, 0.3, 0.542, 0.001, 3)]

devices = st.sampled_from(DEVICES)
inputs = st.dictionaries(st.sampled_from(Input), st.sampled_from([Signal.OFF, Signal.OFF, Signal.ON, Signal.UNKNOWN]))
events: st.SearchStrategy[GateInput | str] = st.one_of(
    st.builds(DeviceWent, devices),
    st.builds(DeviceCame, devices),
    st.builds(DeviceImpaired, devices, st.sampled_from(AILMENTS), st.booleans()),
    st.builds(DoorSensed, st.sampled_from(DoorId), st.sampled_from(Position), st.sampled_from(Beam)),
    st.builds(LaneSensed, st.sampled_from(Occupancy), st.just(()), inputs.map(lambda each: tuple(each.items()))),
    st.just(TokenRead("reader.front", Token(b"ANNA"))),
    st.builds(Ordered, st.just(1), st.sampled_from(Verb), st.just("uid-1000")),
    st.sampled_from(["answered", "elapsed", "committed", "restored"]),
    st.just(Tick()),
)


def _give(bench: Bench, event: GateInput | str) -> None:
    match event:
        case "answered":
            for reply in REPLIES:
                runs = sum(isinstance(e, Record) and e.fact.kind is FactKind.PASSAGE_STARTED for e in bench.effects)
                bench.give(*(Answered(RunId(f"run-{runs}"), number, reply) for number in (1, 2)))
        case "elapsed":
            bench.give(*(Elapsed(timer, bench.gate.state.generation) for timer in Timer))
        case "committed":
            bench.commit()
        case "restored":
            bench.give(*(DeviceCame(device) for device in DEVICES))
            bench.door(DoorId.ENTRY, Position.SECURED).door(DoorId.EXIT, Position.SECURED).people(Occupancy.EMPTY)
        case _:
            bench.give(event)  # type: ignore[arg-type]


def _check(bench: Bench, before: tuple[Phase, bool]) -> None:
    gate = bench.gate
    assert gate.state.healthy is (gate.senses.whole and (gate.runs.served is not None or not gate.senses.keeps_out))
    if not gate.senses.whole:
        assert gate.state.phase not in SERVING
        assert not [e for e in bench.last if isinstance(e, Drive) and e.purpose in NEEDS_COMMIT and not before[1]]
    if gate.senses.keeps_out and gate.runs.served is None:
        assert gate.state.phase not in (Phase.IDLE, Phase.TOKEN_PRESENTED)
    assert all(reasons <= set(AILMENTS) for reasons in gate.senses.impaired.values())


@given(st.lists(events, max_size=40))
def test_nobody_is_served_while_a_device_is_missing_or_tampered_with_and_nobody_begins_while_kept_out(
    steps: list[GateInput | str],
) -> None:
    bench = Bench(clear, None, *DEVICES).idle()
    _give(bench, "restored")
    bench.over(Timer.SCAN)
    assert bench.phase is Phase.IDLE
    for number, event in enumerate(steps):
        before = bench.gate.state.phase, any(bench.gate.leases.held(door) for door in DoorId)
        bench.now_s = float(number)
        _give(bench, event)
        _check(bench, before)


@given(st.lists(st.tuples(devices, st.sampled_from(AILMENTS), st.booleans()), max_size=60))
def test_each_ailment_of_each_device_is_a_level_of_its_own_and_each_change_is_a_fact(
    told: list[tuple[str, Reason, bool]],
) -> None:
    bench, levels, changes = Bench(clear, None, *DEVICES).idle(), set[tuple[str, Reason]](), 0
    for device, reason, impaired in told:
        changes += ((device, reason) in levels) is not impaired
        (levels.add if impaired else levels.discard)((device, reason))
        bench.ill(device, reason, impaired)
    facts = bench.facts(FactKind.DEVICE_IMPAIRED) + bench.facts(FactKind.DEVICE_RESTORED)
    assert len(facts) == changes
    assert {(d, r) for d, reasons in bench.gate.senses.impaired.items() for r in reasons} == levels


def test_a_gallery_that_outgrew_its_model_keeps_new_passages_out_until_it_fits_again() -> None:
    bench = Bench(clear, None, *DEVICES).idle()
    _give(bench, "restored")
    bench.over(Timer.SCAN).ill("vision", Reason.GALLERY_TOO_LARGE)
    told = [dict(fact.fields) for fact in bench.facts(FactKind.DEVICE_IMPAIRED)]
    assert (bench.phase, told) == (Phase.DEGRADED, [{"device": "vision", "reason": "gallery_too_large"}])
    bench.ill("vision", Reason.GALLERY_TOO_LARGE, False).over(Timer.SCAN)
    assert (bench.phase, len(bench.facts(FactKind.DEVICE_RESTORED))) == (Phase.IDLE, 1)


def test_where_the_lane_asks_for_a_finger_then_it_keeps_nobody_out_and_is_a_fact_all_the_same() -> None:
    bench = Bench(clear, None, *DEVICES, bears=frozenset({Reason.GALLERY_TOO_LARGE})).idle()
    _give(bench, "restored")
    bench.over(Timer.SCAN).ill("vision", Reason.GALLERY_TOO_LARGE)
    assert (bench.phase, len(bench.facts(FactKind.DEVICE_IMPAIRED))) == (Phase.IDLE, 1)


def test_a_damaged_gallery_raises_an_alarm_and_neither_it_nor_a_drift_of_scores_keeps_anybody_out() -> None:
    bench = Bench(clear, None, *DEVICES).idle()
    _give(bench, "restored")
    bench.over(Timer.SCAN).ill("vision", Reason.SCORES_DRIFT)
    assert bench.phase is Phase.IDLE
    before = len(bench.facts(FactKind.ALARM_RAISED))
    bench.ill("vision", Reason.GALLERY_DAMAGED)
    told = [dict(fact.fields) for fact in bench.facts(FactKind.ALARM_RAISED)[before:]]
    assert (bench.phase, told) == (Phase.IDLE, [{"reason": "gallery_damaged"}])


def _come_to(bench: Bench, phase: Phase) -> Bench:
    """A passage, as far as this phase."""
    bench.give(*(DeviceCame(device) for device in DEVICES)).inside()
    if phase is not Phase.VERIFYING:
        bench.answer(REPLIES[1]).commit().commit()
    if phase is Phase.LEAVING:
        bench.door(DoorId.EXIT, Position.OPEN)
    assert bench.phase is phase
    return bench


@settings(max_examples=300)
@given(
    st.sampled_from([Phase.VERIFYING, Phase.EXIT_RELEASED, Phase.LEAVING]),
    st.lists(events, max_size=20),
    st.sampled_from([Position.SECURED, Position.UNKNOWN]),
)
def test_whatever_came_before_whoever_is_inside_is_let_out_in_the_end_without_disk_or_procedure(
    phase: Phase, steps: list[GateInput | str], exit_stands: Position
) -> None:
    """Though nothing is committed any more and no device comes back: the exit is shut, or nobody reads it."""
    bench = _come_to(Bench(clear, None, *DEVICES), phase)
    for number, event in enumerate(steps):
        bench.now_s = float(number)
        _give(bench, event)
    bench.door(DoorId.EXIT, exit_stands).door(DoorId.ENTRY, Position.SECURED).people(Occupancy.ONE)
    for _ in range(6):
        bench.now_s, bench.effects = bench.now_s + 10.0, []
        bench.give(*(Elapsed(timer, bench.gate.state.generation) for timer in Timer), Tick())
    assert bench.gate.leases.held(DoorId.ENTRY) in (Purpose.WAY_OUT, Purpose.EMERGENCY)
    assert DoorId.ENTRY in [effect.door for effect in bench.effects if isinstance(effect, Drive)]
