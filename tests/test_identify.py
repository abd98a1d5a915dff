"""How an identification and a capture end, for every way frames can come."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.capture import Capture, Captured
from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.identify import Found, Identification, Limits
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.search import Candidate, Reach
from gatefw.biometrics.sight import Hint, Rules
from gatefw.biometrics.template import Template
from gatefw.model import Reason, SubjectId

MAKER, OTHER = (Maker(letter * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT) for letter in "ab")
THRESHOLD = Threshold(fmr=1e-4, distance=0.5, fnmr=0.158, fnmr_interval=(0.1, 0.2))
LIMITS = Limits(THRESHOLD, most=3, fpir=0.01, same=0.75)
RULES = Rules(frames=3, every_s=0.25)
FACE = Face(0.9, np.zeros(4), *(np.array([float(n), 0.0]) for n in range(4)))
GOOD = Quality(60.0, 0.1, 120.0, 0.0, 0.3, 1.0, 0.0, 0.0)
ANNA, BERT = SubjectId("anna"), SubjectId("bert")
FOREVER = 4e9


def template(place: float, maker: Maker = MAKER) -> Template:
    """Templates on a line: the distance of two is the difference of their places."""
    vector = np.zeros(128, np.float32)
    vector[0] = place
    return Template(vector, maker)


def probe(place: float) -> Probe:
    return Probe(template(place), GOOD, FACE)


class Line:
    """People on a line."""

    def __init__(self, **places: float) -> None:
        self.places = {SubjectId(name): template(place) for name, place in places.items()}
        self.searches = 0

    @property
    def people(self) -> int:
        return len(self.places)

    def candidates(self, probe: Template, reach: Reach) -> list[Candidate]:
        self.searches += 1
        far = {who: probe.distance(place) for who, place in self.places.items()}
        return [Candidate(who, each, 1) for who, each in far.items() if each <= reach(1)]


def ended(identification: Identification, *places: float | Reason) -> Found | Hint | None:
    found = None
    for turn, place in enumerate(places):
        found = identification.seen(place if isinstance(place, Reason) else probe(place), 11.0 + turn, False)
    return found


def identification(line: Line) -> Identification:
    return Identification(line, LIMITS, RULES, 10.0, 8.0)


def test_one_person_near_enough_over_three_frames_is_found_by_one_search() -> None:
    line = Line(anna=0.0, bert=2.0)
    running = identification(line)
    assert ended(running, 0.25, 0.5, 0.0) == Found(Reason.OK, ANNA, 0.25, 0.5, 2, 0.01, 3)
    assert line.searches == 1


def test_two_people_near_enough_are_ambiguous_and_the_better_one_is_not_taken() -> None:
    assert ended(identification(Line(anna=0.0, bert=0.75)), *[0.375] * 3) == Found(
        Reason.AMBIGUOUS, None, None, 0.5, 2, 0.01, 3
    )


def test_who_is_near_to_nobody_is_not_identified_and_leaves_no_score() -> None:
    assert ended(identification(Line(anna=0.0)), *[0.625] * 3) == Found(
        Reason.NOT_IDENTIFIED, None, None, 0.5, 1, 0.01, 3
    )
    assert ended(identification(Line()), *[0.625] * 3) == Found(Reason.NOT_IDENTIFIED, None, None, 0.5, 0, 0.01, 3)


def test_one_good_moment_among_three_frames_finds_nobody() -> None:
    found = ended(identification(Line(anna=0.0)), 0.125, 0.75, 0.75)
    assert isinstance(found, Found)
    assert found.reason is Reason.NOT_IDENTIFIED


def test_another_person_who_steps_before_the_camera_is_looked_at_anew() -> None:
    running = identification(Line(anna=0.0, bert=2.0))
    assert ended(running, 0.0, 0.0, 2.0) is None
    assert ended(running, 2.0, 2.0) == Found(Reason.OK, BERT, 0.0, 0.5, 2, 0.01, 3)


def test_a_gallery_larger_than_its_threshold_is_for_is_not_searched() -> None:
    line = Line(**{f"p{n}": float(n) for n in range(3)})
    running = identification(line)
    assert running.refusal() is None
    line.places[ANNA] = template(0.0)
    refused = running.refusal()
    assert refused is not None
    assert refused.reason is Reason.GALLERY_TOO_LARGE
    found = ended(running, 0.0, 0.0, 0.0)
    assert isinstance(found, Found)
    assert (found.reason, line.searches) == (Reason.GALLERY_TOO_LARGE, 0)


def test_the_deadline_ends_it_with_why_there_were_not_enough_frames() -> None:
    for places, why in (
        ([], Reason.NO_FRAME),
        ([Reason.TOO_DARK, Reason.TOO_DARK, Reason.NO_FACE], Reason.TOO_DARK),
        ([0.0, Reason.TWO_FACES, 0.0], Reason.VERIFY_TIMEOUT),
    ):
        running = identification(Line(anna=0.0))
        ended(running, *places)
        assert running.late(17.9) is None
        late = running.late(18.0)
        assert late is not None
        assert (late.reason, late.subject, late.score) == (why, None, None)


def test_a_frame_too_soon_or_from_before_or_bit_by_bit_the_last_one_is_none() -> None:
    running = identification(Line(anna=0.0))
    assert not running.wants(9.9)
    running.seen(probe(0.0), 11.0, False)
    assert not running.wants(11.2)
    assert running.seen(probe(0.0), 11.5, True) == Hint(Reason.NO_FRAME)
    assert running.seen(probe(0.0), 12.0, False) == Hint(Reason.OK)
    assert isinstance(running.seen(probe(0.0), 12.5, False), Found)


frame = st.one_of(
    st.sampled_from([Reason.NO_FACE, Reason.TWO_FACES, Reason.BLURRED]), st.integers(0, 32).map(lambda n: n / 8)
)


@given(st.lists(frame, max_size=30), st.lists(st.integers(0, 16).map(lambda n: n / 4), max_size=4))
def test_whatever_the_camera_shows_a_name_comes_out_only_of_one_search_that_one_person_fits(
    stream: list[Reason | float], places: list[float]
) -> None:
    line = Line(**{f"p{at}": place for at, place in enumerate(places)})
    running, found, kept = identification(line), None, list[float]()
    for turn, what in enumerate(stream):
        told = running.seen(what if isinstance(what, Reason) else probe(what), 10.0 + turn * 2, False)
        if not isinstance(what, Reason):
            kept = [*kept, what] if not kept or abs(kept[0] - what) <= LIMITS.same else [what]
        if isinstance(told, Found):
            found = told
            break
    found = found or running.late(18.0)
    assert found is not None
    mean = float(np.float32(sum(kept) / max(1, len(kept))))
    fit = [at for at, place in enumerate(places) if abs(mean - place) <= 0.5]
    assert line.searches <= 1
    assert (found.subject is not None) is (found.score is not None) is (found.reason is Reason.OK)
    if found.reason is Reason.OK:
        assert (len(kept), [f"p{at}" for at in fit]) == (3, [found.subject])
    if found.reason is Reason.NOT_IDENTIFIED:
        assert (len(kept), fit) == (3, [])
    if found.reason is Reason.AMBIGUOUS:
        assert len(fit) > 1


# ---------------------------------------------------------------- capturing a living face


def capture() -> Capture:
    return Capture(template(0.0), THRESHOLD, Rules(3, 0.25), 10.0, 8.0)


def test_two_living_pictures_that_fit_the_portrait_are_kept_with_it() -> None:
    running = capture()
    assert running.wants(10.0)
    assert running.seen(probe(0.25), 11.0, False) is None
    captured = running.seen(probe(0.5), 12.0, False)
    assert isinstance(captured, Captured)
    assert (captured.reason, [each.vector[0] for each in captured.templates]) == (Reason.OK, [0.0, 0.25, 0.5])


def test_who_does_not_fit_the_portrait_is_not_captured() -> None:
    running = capture()
    assert running.seen(probe(0.25), 11.0, False) is None
    for turn in range(2):
        assert running.seen(probe(0.75), 12.0 + turn, False) is None
    assert running.seen(probe(0.75), 15.0, False) == Captured(Reason.FACE_MISMATCH)


def test_a_capture_ends_by_its_deadline_with_what_there_is() -> None:
    running = capture()
    assert running.seen(Reason.NO_FACE, 11.0, False) == Hint(Reason.NO_FACE)
    assert running.late(17.9) is None
    assert running.late(18.0) == Captured(Reason.NO_FACE)
    running.seen(probe(0.75), 12.0, False)
    assert running.late(18.0) == Captured(Reason.VERIFY_TIMEOUT)
    running.seen(probe(0.25), 13.0, False)
    late = running.late(18.0)
    assert late is not None
    assert (late.reason, len(late.templates)) == (Reason.OK, 2)
