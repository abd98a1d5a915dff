"""The Gate of a lane with one door, and of one without: who passes, who does not, and what is never driven."""

from gate_bench import ANNA, ENTRY, EXIT, MATCH, Bench
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.clearance import Procedure, Terms
from gatefw.gate_terms import DeviceCame, DeviceWent, DoorSensed, Drive, Drop, LaneSensed, Ordered, Tick, TokenRead
from gatefw.lane_terms import Policy
from gatefw.model import (
    Beam,
    Decision,
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
    Signal,
    Started,
    Timer,
    Token,
    Verb,
    Verdict,
    VerifyFace,
    Zone,
)
from gatefw.order_desk import lane_status

SPOT, COUNTER = Policy(doors=(EXIT,)), Policy(doors=())
CARD = TokenRead("reader.front", Token(b"ANNA"))


def look_once(_token: Token, _terms: Terms) -> Procedure:
    """A face in front, and nothing behind a door: as where no door closes behind anybody."""
    compared = yield VerifyFace(ANNA, 4.0)
    fits = isinstance(compared, FaceCompared) and compared.matched
    return Decision(Verdict.ADMIT if fits else Verdict.REFUSE, Reason.OK if fits else Reason.FACE_MISMATCH, ANNA)


class Site(Bench):
    """A gate whose lane has an exit door alone, or none."""

    def ready(self) -> "Site":
        if self.gate.state.policy.doors:
            self.door(EXIT, Position.SECURED).people(Occupancy.EMPTY)
        self.give(DeviceCame("door.entry_door"), DeviceCame("vision"), Started()).over(Timer.SCAN)
        assert self.phase is Phase.IDLE
        return self

    def on_the_spot(self) -> "Site":
        """Anna has shown her card and stands on the spot; her face has been asked for."""
        self.ready().people(Occupancy.ONE).give(CARD).answer(RecordFound(ANNA)).commit()
        assert self.phase is Phase.VERIFYING
        return self

    def behind(self, occupancy: Occupancy) -> "Site":
        calm = tuple((which, Signal.OFF) for which in Input)
        self.give(LaneSensed(occupancy, ((Zone.BEHIND, True),), calm))
        return self

    def ended(self) -> list[tuple[object, object]]:
        fields = [dict(fact.fields) for fact in self.facts(FactKind.PASSAGE_ENDED)]
        return [(each["passed"], each["reason"]) for each in fields]


def test_with_one_door_whoever_stands_on_the_spot_is_looked_at_and_let_through() -> None:
    site = Site(policy=SPOT).on_the_spot()
    site.answer(MATCH).commit().commit()
    assert site.driven() == [(EXIT, Purpose.ADMIT)]
    site.door(EXIT, Position.OPEN, Beam.BROKEN).behind(Occupancy.EMPTY)
    assert Drop(EXIT) not in site.effects  # somebody is in the door
    site.door(EXIT, Position.OPEN, Beam.CLEAR)
    assert Drop(EXIT) in site.last
    site.door(EXIT, Position.SECURED)
    assert (site.phase, site.ended()) == (Phase.IDLE, [(True, "ok")])


def test_an_admission_that_is_committed_when_another_stands_on_the_spot_opens_nothing() -> None:
    """Looked at in front, without a second look; before the disk has the decision they have changed places."""
    site = Site(look_once, policy=SPOT).ready()
    site.people(Occupancy.ONE).give(CARD).answer(MATCH)
    site.people(Occupancy.EMPTY).people(Occupancy.ONE).commit().commit()
    assert (site.driven(), site.phase) == ([], Phase.IDLE)
    assert site.ended() == [(False, "walked_away")]


def test_a_release_that_is_committed_when_they_have_left_the_spot_opens_nothing() -> None:
    site = Site(policy=SPOT).on_the_spot()
    site.answer(MATCH)
    site.commit().people(Occupancy.EMPTY).people(Occupancy.ONE).commit()
    assert site.driven() == []
    assert site.ended() == [(False, "occupant_vanished")]


def test_the_door_does_not_stay_released_for_the_next_in_line() -> None:
    site = Site(policy=SPOT).on_the_spot()
    site.answer(MATCH).commit().commit()
    site.door(EXIT, Position.OPEN).behind(Occupancy.ONE)
    assert Drop(EXIT) in site.effects
    assert site.gate.leases.held(EXIT) is None


def test_fire_frees_the_only_door_and_an_entry_that_is_not_there_is_not_driven() -> None:
    site = Site(policy=SPOT).on_the_spot()
    site.people(Occupancy.ONE, Input.FIRE)
    assert {e.door for e in site.last if isinstance(e, Drive)} == {EXIT}
    site.people(Occupancy.MANY).give(Ordered(1, Verb.RESET, "uid-1000"))
    assert site.phase is Phase.RECOVERING  # though people stand before it: nobody can be shut in


def test_a_counter_without_sensors_serves_and_moves_nothing() -> None:
    site = Site(look_once, policy=COUNTER).ready()
    site.give(CARD).answer(MATCH).commit()
    assert (site.phase, site.ended(), site.driven()) == (Phase.IDLE, [(True, "ok")], [])
    site.give(CARD).answer(FaceCompared(False, 0.8, 0.542, 0.001, 5))
    assert (site.phase, site.ended()[-1]) == (Phase.IDLE, (False, "face_mismatch"))


def test_at_a_counter_whoever_is_asked_in_stands_there_already() -> None:
    site = Site(policy=COUNTER).ready()
    site.give(CARD).answer(RecordFound(ANNA))
    assert isinstance(site.ask().request, VerifyFace)
    site.answer(MATCH).commit()
    assert (site.ended(), site.driven()) == ([(True, "ok")], [])


def test_the_status_of_a_lane_names_the_doors_that_there_are() -> None:
    assert lane_status(Site(policy=SPOT).ready().gate)["doors"] == {"exit_door": "secured"}
    assert lane_status(Site(policy=COUNTER).ready().gate)["released"] == {}


# ---------------------------------------------------------------- any order of events

inputs = st.dictionaries(st.sampled_from(Input), st.sampled_from([Signal.OFF, Signal.OFF, Signal.ON, Signal.UNKNOWN]))
events = st.one_of(
    st.builds(
        LaneSensed,
        st.sampled_from(Occupancy),
        st.sampled_from([(), ((Zone.BEHIND, True),), ((Zone.BEHIND, False),)]),
        inputs.map(lambda each: tuple(each.items())),
    ),
    st.builds(DoorSensed, st.just(EXIT), st.sampled_from(Position), st.sampled_from(Beam)),
    st.builds(DeviceWent, st.sampled_from(["vision", "sensors.lane", "door.exit_door"])),
    st.just(DeviceCame("vision")),
    st.just(CARD),
    st.builds(Ordered, st.just(1), st.sampled_from(Verb), st.just("uid-1000")),
    st.sampled_from(["answered", "elapsed", "committed", "walks_up", "passage"]),
    st.just(Tick()),
)


def _do(site: Site, event: object) -> None:
    match event:
        case "answered":
            if site.gate.runs.served is not None:
                site.answer(MATCH)
        case "elapsed":
            site.give(*(Elapsed(timer, site.gate.state.generation) for timer in Timer))
        case "committed":
            site.commit()
        case "passage":
            _do(site, "walks_up")
            site.give(CARD)
            _do(site, "answered")
            site.commit().commit()
        case "walks_up":
            site.door(EXIT, Position.SECURED).people(Occupancy.EMPTY).people(Occupancy.ONE)
        case _:
            site.give(event)  # type: ignore[arg-type]


def _of_a_door(event: object) -> bool:
    return isinstance(event, DoorSensed) or event in ("walks_up", "passage", DeviceWent("door.exit_door"))


@settings(max_examples=200)
@given(st.lists(events, max_size=40).map(lambda steps: ["passage", *steps]))
def test_whatever_happens_the_only_door_begins_to_open_for_exactly_one_or_in_an_emergency(steps: list[object]) -> None:
    site = Site(look_once, policy=SPOT).ready()
    for number, event in enumerate(steps):
        site.now_s = float(number)
        _do(site, event)
        for effect in site.last:
            assert getattr(effect, "door", EXIT) is EXIT
        if site.gate.leases.held(EXIT) is Purpose.ADMIT and site.gate.state.wants_exit is Purpose.ADMIT:
            assert site.gate.sensed.occupancy is Occupancy.ONE
    assert ENTRY not in {door for door, _ in site.driven()}


@settings(max_examples=100)
@given(st.lists(events.filter(lambda each: not _of_a_door(each)), max_size=40))
def test_whatever_happens_at_a_counter_nothing_moves_and_no_passage_stays_open(steps: list[object]) -> None:
    site = Site(look_once, policy=COUNTER).ready()
    for number, event in enumerate(steps):
        site.now_s = float(number)
        _do(site, event)
    site.give(*(Elapsed(timer, site.gate.state.generation) for timer in Timer))
    assert not [e for e in site.effects if isinstance(e, Drive | Drop)]
    assert site.phase not in (Phase.TOKEN_PRESENTED, Phase.VERIFYING)
    assert all(site.gate.sensed.position(door) is Position.SECURED for door in DoorId)
