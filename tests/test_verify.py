"""How a verification ends, for every way frames can come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.sight import Hint, Rules
from gatefw.biometrics.template import Template, distance_to_all
from gatefw.biometrics.verify import Outcome, Verification
from gatefw.errors import ModelError
from gatefw.model import Reason

MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
THRESHOLD = Threshold(fmr=1e-3, distance=0.542, fnmr=0.0483, fnmr_interval=(0.04, 0.06))
RULES = Rules(frames=5, every_s=0.25)
FACE = Face(0.9, np.zeros(4), *(np.array([float(n), 0.0]) for n in range(4)))
GOOD = Quality(60.0, 0.1, 120.0, 0.0, 0.3, 1.0, 0.0, 0.0)


def template(place: float, maker: Maker = MAKER) -> Template:
    """Templates on a line: the distance of two is the difference of their places."""
    vector = np.zeros(128, np.float32)
    vector[0] = place
    return Template(vector, maker)


def probe(distance: float) -> Probe:
    return Probe(template(distance), GOOD, FACE)


def verification(*places: float, deadline_s: float = 8.0) -> Verification:
    return Verification([template(place) for place in places or (0.0,)], THRESHOLD, RULES, 10.0, deadline_s)


def test_one_clear_match_ends_it_at_once() -> None:
    assert verification().seen(probe(0.5), 10.1, False) == Outcome(True, Reason.OK, 0.5, 0.542, 1e-3, 1)


def test_the_threshold_itself_matches_and_anything_above_does_not() -> None:
    at = Threshold(fmr=1e-3, distance=0.5, fnmr=0.05, fnmr_interval=(0.0, 0.1))
    for distance, matches in ((0.5, True), (0.5000001, False)):
        outcome = Verification([template(0.0)], at, Rules(1, 0.0), 0.0, 8.0).seen(probe(distance), 1.0, False)
        assert isinstance(outcome, Outcome)
        assert outcome.matched is matches


def test_a_face_that_is_farther_than_can_be_told_is_another_one_all_the_same() -> None:
    outcome = Verification([template(0.0)], THRESHOLD, Rules(1, 0.0), 0.0, 8.0).seen(probe(7.5), 1.0, False)
    assert outcome == Outcome(False, Reason.FACE_MISMATCH, 4.0, 0.542, 1e-3, 1)


def test_a_mismatch_is_declared_after_five_good_frames_and_not_before() -> None:
    running = verification()
    for turn in range(4):
        assert running.seen(probe(0.9 - turn / 100), 11.0 + turn, False) is None
    outcome = running.seen(probe(0.95), 15.0, False)
    assert outcome == Outcome(False, Reason.FACE_MISMATCH, pytest.approx(0.87), 0.542, 1e-3, 5)


def test_of_several_cameras_the_one_that_sees_the_traveller_counts() -> None:
    """A short traveller is below the upper camera: that is not what they are told, nor why nothing was decided."""
    running = verification()
    assert running.seen(Reason.NO_FACE, 10.1, False, "high") == Hint(Reason.NO_FACE)
    assert running.seen(Reason.TOO_DARK, 10.2, False, "low") == Hint(Reason.TOO_DARK)
    for turn in range(5):
        assert running.seen(Reason.NO_FACE, 10.3 + turn / 10, False, "high") is None
    assert running.late(18.0) == Outcome(False, Reason.TOO_DARK, None, 0.542, 1e-3, 0)
    outcome = running.seen(probe(0.4), 10.9, False, "low")
    assert isinstance(outcome, Outcome)
    assert outcome.matched


def test_what_a_camera_saw_a_while_ago_is_not_what_it_sees() -> None:
    running = verification()
    running.seen(Reason.TOO_DARK, 10.1, False, "low")
    assert running.seen(Reason.NO_FACE, 10.9, False, "high") is None
    assert running.seen(Reason.NO_FACE, 11.2, False, "high") == Hint(Reason.NO_FACE)


def test_a_second_face_in_one_camera_keeps_the_others_from_comparing() -> None:
    running = verification()
    running.seen(Reason.TWO_FACES, 10.1, False, "low")
    assert running.seen(probe(0.1), 10.2, False, "high") is None
    assert running.seen(Reason.NO_FACE, 10.9, False, "low") == Hint(Reason.OK)
    assert isinstance(running.seen(probe(0.1), 11.0, False, "high"), Outcome)


def test_five_disagreements_of_all_cameras_together_are_a_mismatch() -> None:
    running = verification()
    for turn in range(4):
        assert running.seen(probe(0.9), 11.0 + turn, False, ("low", "high")[turn % 2]) is None
    outcome = running.seen(probe(0.9), 15.0, False, "low")
    assert isinstance(outcome, Outcome)
    assert (outcome.reason, outcome.frames) == (Reason.FACE_MISMATCH, 5)


def test_the_best_of_several_frames_counts() -> None:
    running = verification()
    assert running.seen(probe(0.7), 11.0, False) is None
    assert running.seen(Reason.BLURRED, 11.1, False) == Hint(Reason.BLURRED)
    outcome = running.seen(probe(0.4), 12.0, False)
    assert isinstance(outcome, Outcome)
    assert outcome.matched
    assert outcome.frames == 2


def test_a_frame_from_before_the_start_is_never_wanted() -> None:
    assert not verification().wants(9.999)
    assert verification().wants(10.0)


def test_the_same_moment_is_not_compared_twice() -> None:
    running = verification()
    running.seen(probe(0.9), 11.0, False)
    assert not running.wants(11.24)
    assert running.wants(11.25)


def test_a_picture_that_repeats_itself_is_never_compared() -> None:
    running = verification()
    assert running.seen(probe(0.1), 11.0, repeated=True) == Hint(Reason.NO_FRAME)
    assert running.late(18.0) == Outcome(False, Reason.NO_FRAME, None, 0.542, 1e-3, 0)


def test_a_hint_is_given_when_it_changes_and_taken_back_by_a_good_frame() -> None:
    running = verification()
    told = [running.seen(what, 11.0 + n, False) for n, what in enumerate([Reason.NO_FACE] * 2 + [Reason.TOO_DARK] * 2)]
    assert told == [Hint(Reason.NO_FACE), None, Hint(Reason.TOO_DARK), None]
    assert running.seen(probe(0.9), 16.0, False) == Hint(Reason.OK)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        ([], Reason.NO_FRAME),
        ([Reason.NO_FACE, Reason.TWO_FACES, Reason.NO_FACE], Reason.NO_FACE),
        ([Reason.NO_FACE, probe(0.9)], Reason.VERIFY_TIMEOUT),
    ],
)
def test_the_deadline_says_what_was_wrong(seen: list[Probe | Reason], reason: Reason) -> None:
    running = verification()
    for number, what in enumerate(seen):
        running.seen(what, 11.0 + number, False)
    assert running.late(17.999) is None
    outcome = running.late(18.0)
    assert outcome is not None
    assert (outcome.matched, outcome.reason) == (False, reason)


def test_several_templates_are_compared_by_their_mean_distance_and_so_never_loosen_the_threshold() -> None:
    references = [template(0.0), template(0.2), template(0.4)]
    assert distance_to_all(template(1.0), references) == pytest.approx(0.8)
    assert distance_to_all(template(1.0), references) >= min(template(1.0).distance(r) for r in references)


@pytest.mark.parametrize(
    "other",
    [
        Maker("b" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT),
        Maker("a" * 64, Runtime.TFLITE, "2.3.0", Delegate.DEFAULT),
        Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.NONE),
    ],
)
def test_templates_of_another_model_runtime_or_delegate_are_never_compared(other: Maker) -> None:
    with pytest.raises(ModelError, match=r"not comparable.*enrol the traveller again"):
        template(0.0).distance(template(0.0, other))


def test_an_update_of_the_runtime_does_not_disown_the_enrolled() -> None:
    assert template(0.0).distance(template(0.5, Maker("a" * 64, Runtime.LITERT, "2.4.0", Delegate.DEFAULT))) == 0.5


DISTANCES = st.floats(1e-6, 2.0)  # the square of a smaller one is nothing to float32
frames = st.tuples(
    st.floats(0.0, 0.6),
    st.one_of(st.just(0.0), DISTANCES, st.sampled_from([Reason.NO_FACE, Reason.TWO_FACES, Reason.BLURRED])),
    st.booleans(),
)


@given(st.lists(frames, max_size=60), st.floats(0.0, 10.0))
def test_whatever_the_camera_shows_it_ends_once_by_its_deadline_and_admits_only_a_face_that_fits(
    stream: list[tuple[float, float | Reason, bool]], deadline_s: float
) -> None:
    running, now_s, outcome = verification(deadline_s=deadline_s), 10.0, None
    compared: list[float] = []
    for wait_s, what, repeated in stream:
        now_s += wait_s
        outcome = running.late(now_s)
        if outcome is None and running.wants(now_s):
            found = running.seen(what if isinstance(what, Reason) else probe(what), now_s, repeated)
            if not isinstance(what, Reason) and not repeated:
                compared.append(float(np.float32(what)))
            outcome = found if isinstance(found, Outcome) else None
        if outcome is not None:
            break
    outcome = outcome or running.late(10.0 + deadline_s)
    assert outcome is not None
    assert outcome.frames == len(compared) <= RULES.frames
    assert outcome.score == (min(compared) if compared else None)
    assert outcome.matched is (bool(compared) and compared[-1] <= THRESHOLD.distance)
    assert outcome.matched is (outcome.reason is Reason.OK)
    assert (outcome.reason is Reason.FACE_MISMATCH) is (not outcome.matched and len(compared) == RULES.frames)
