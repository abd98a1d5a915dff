"""A lane with one door and a marked spot before it, with people who come when and as they like."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_lane import Lane

from gatefw.lane_terms import Policy
from gatefw.model import DoorId, Input, Phase
from hw.sim.parts import face
from hw.sim.places import Place
from hw.sim.steps import LeaveByOpenDoor, Present, Script, Walk

SPOT = Policy(doors=(DoorId.EXIT,))
CODES = {"ANNA": "anna", "BOB": "bob"}
CARDS = [("ANNA", "anna"), ("BOB", "bob"), ("ANNA", "bob"), ("ANNA", ""), ("LOST", "bob")]


def comer(code: str, photo: str, patience_s: float = 10.0) -> Script:
    """Shows a card, steps onto the spot, and walks through the door if it opens; else away again."""
    yield Walk(Place.FRONT)
    yield face(photo)
    yield Present(code)
    yield Walk(Place.AIRLOCK)
    if (yield LeaveByOpenDoor(patience_s)) is DoorId.EXIT:
        return "passed"
    yield Walk(Place.AWAY)
    return "turned_back"


def lane() -> Lane:
    return Lane(CODES, policy=SPOT).boot()


def test_anna_shows_her_card_steps_up_and_walks_through() -> None:
    """Nobody else is there. The lane is free again as soon as the door is secured behind her."""
    one = lane()
    one.send("anna", comer("ANNA", "anna"))
    one.run(30.0)
    assert (one.outcome("anna"), one.ended(), one.phase) == ("passed", [(True, "ok")], Phase.IDLE)
    assert one.violations() == []
    one.check_facts()


def test_bob_with_annas_card_stays_where_he_is() -> None:
    """He is refused on the spot: no door moves, and he walks away."""
    one = lane()
    one.send("bob", comer("ANNA", "bob"))
    one.run(30.0)
    assert (one.outcome("bob"), one.ended()) == ("turned_back", [(False, "face_mismatch")])
    assert list(one.world.history.of("door")) == []


def test_fire_frees_the_door_and_who_crosses_is_told_of() -> None:
    """Bob was refused. The fire opens the door; he walks through it, and that is an alarm of its own."""
    one = lane()
    one.send("bob", comer("ANNA", "bob", patience_s=60.0))
    one.run(10.0)
    one.world.set_input(Input.FIRE, True)
    one.run(20.0)
    assert (one.outcome("bob"), one.phase) == ("passed", Phase.EVACUATED)
    assert {"fire", "uncleared_exit"} <= set(one.alarms())


@dataclass(frozen=True)
class Comes:
    after_s: float
    card: tuple[str, str]
    walk_m_s: float
    patience_s: float


comers = st.builds(
    Comes, st.floats(0.0, 15.0), st.sampled_from(CARDS), st.sampled_from([0.9, 1.4]), st.sampled_from([5.0, 12.0])
)


@settings(max_examples=25)
@given(st.lists(comers, min_size=1, max_size=4))
def test_whoever_comes_when_they_like_only_the_admitted_cross_and_each_is_written_down(people: list[Comes]) -> None:
    one = lane()
    for number, comes in enumerate(people):
        one.run(comes.after_s)
        one.send(f"p{number}", comer(*comes.card, comes.patience_s), walk_m_s=comes.walk_m_s)
    one.run(60.0)
    crossed = [comes.card for number, comes in enumerate(people) if one.outcome(f"p{number}") == "passed"]
    assert all(CODES.get(code) == photo for code, photo in crossed)
    assert len(crossed) == sum(passed for passed, _ in one.ended())
    assert (one.phase, one.violations()) == (Phase.IDLE, [])
