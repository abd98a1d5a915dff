"""What travellers are shown: the reason, until it is somebody else's, and never a hit."""

import pytest
from gate_bench import ANNA, MATCH, Bench

from gatefw.gate_terms import HITS, Answered, Asking, Show, TokenRead, shown
from gatefw.lane_terms import Policy
from gatefw.model import (
    Asked,
    DoorId,
    FaceCompared,
    FactKind,
    Failed,
    Ineligible,
    Phase,
    Reason,
    RecordFound,
    Token,
    Verdict,
)


@pytest.mark.parametrize("hit", sorted(HITS))
def test_a_hit_is_shown_as_the_way_to_the_counter_and_journalled_as_what_it_is(hit: Reason) -> None:
    bench = Bench().idle().give(TokenRead("reader.front", Token(b"ANNA")))
    ask = bench.ask()
    bench.give(Answered(ask.run, ask.number, RecordFound(ANNA)))
    ask = bench.ask()
    bench.give(Answered(ask.run, ask.number, Ineligible((("tries", hit),), Verdict.REFER)))
    assert bench.shows == Show(Phase.IDLE, Reason.SEE_COUNTER)
    assert bench.of(FactKind.PASSAGE_DECIDED, "run-1") == [{"verdict": "refer", "reason": hit}]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in HITS])
def test_every_other_reason_is_shown_as_it_is(reason: Reason) -> None:
    assert shown(reason) is reason


def test_nothing_to_say_stays_nothing() -> None:
    assert shown(None) is None


def test_why_somebody_was_turned_away_in_front_is_shown_for_a_while_or_until_the_next_one_comes() -> None:
    bench = Bench().idle().give(TokenRead("reader.front", Token(b"BOB"))).answer(Failed(Reason.TOKEN_UNKNOWN))
    assert bench.shows == Show(Phase.IDLE, Reason.TOKEN_UNKNOWN)
    bench.later(7.9)
    assert bench.shows == Show(Phase.IDLE, Reason.TOKEN_UNKNOWN)
    bench.later(0.2)
    assert bench.shows == Show(Phase.IDLE, None)
    bench.give(TokenRead("reader.front", Token(b"BOB"))).answer(Failed(Reason.TOKEN_UNKNOWN))
    bench.give(TokenRead("reader.front", Token(b"ANNA")))
    assert bench.shows == Show(Phase.TOKEN_PRESENTED, None)


def test_why_somebody_was_refused_inside_is_shown_while_they_are_let_out() -> None:
    bench = Bench().inside().answer(FaceCompared(False, 0.8, 0.542, 0.001, 5))
    assert bench.shows == Show(Phase.REFUSED, Reason.FACE_MISMATCH)
    bench.later(60.0)
    assert bench.shows == Show(Phase.REFUSED, Reason.FACE_MISMATCH)


def test_an_admission_is_shown_when_it_is_on_disk_and_not_before() -> None:
    bench = Bench().inside().answer(MATCH)
    assert bench.shows.reason is None
    bench.commit()
    assert bench.shows == Show(Phase.EXIT_RELEASED, Reason.OK)


def test_what_is_asked_for_is_shown_for_each_question_and_no_longer_than_it_is_open() -> None:
    bench = Bench().idle()
    assert bench.asking == Asking(None, None, invites=True)
    bench.give(TokenRead("reader.front", Token(b"ANNA")))
    assert bench.asking == Asking((Asked.LOOK_UP_RECORD,))
    bench = Bench().inside()
    assert bench.asking == Asking((Asked.VERIFY_FACE,))
    bench.answer(MATCH)
    assert bench.asking == Asking(())


@pytest.mark.parametrize("out", [(DoorId.ENTRY,), (DoorId.EXIT,), (DoorId.ENTRY, DoorId.EXIT)])
def test_who_is_turned_away_is_shown_by_which_doors_the_lane_lets_them_out(out: tuple[DoorId, ...]) -> None:
    """Told to go back the way they came, they would stand before a locked door where the site names the exit."""
    bench = Bench(policy=Policy(refusal=out)).inside()
    assert bench.asking.out == ()
    bench.answer(FaceCompared(False, 0.8, 0.542, 0.001, 5))
    assert (bench.phase, bench.asking.out) == (Phase.REFUSED, out)
