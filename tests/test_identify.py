"""How an identification and a capture end, for every way frames can come."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.capture import Capture, Captured
from gatefw.biometrics.card import Threshold, shipped
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.identify import Found, Identification, Limits
from gatefw.biometrics.monitor import Watch
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.search import Candidate, Reach
from gatefw.biometrics.sight import Hint, Rules
from gatefw.biometrics.template import Template
from gatefw.model import Reason, SubjectId

MAKER, OTHER = (Maker(letter * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT) for letter in "ab")
THRESHOLD = Threshold(fmr=1e-4, distance=0.5, fnmr=0.158, fnmr_interval=(0.1, 0.2))
REACH = 0.51
LIMITS = Limits(lambda differ: lambda templates: REACH, most=3, fpir=0.01, same=0.75, energy=1.0)
EMBEDDER = next(each for each in shipped() if each.kind == "embed")
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


def probe(place: float, quality: Quality = GOOD) -> Probe:
    return Probe(template(place), quality, FACE)


class Line:
    """People on a line, each with a number of templates. `reaches`: how far each search looked for one template."""

    def __init__(self, **places: float) -> None:
        self.places = {SubjectId(name): template(place) for name, place in places.items()}
        self.templates: dict[SubjectId, int] = {}
        self.reaches: list[float] = []

    @property
    def people(self) -> int:
        return len(self.places)

    @property
    def searches(self) -> int:
        return len(self.reaches)

    def candidates(self, probe: Template, reach: Reach) -> list[Candidate]:
        self.reaches.append(reach(1))
        met = [Candidate(who, probe.distance(at), self.templates.get(who, 1)) for who, at in self.places.items()]
        near = [each for each in met if each.distance <= reach(each.templates)]
        return sorted(near, key=lambda each: (each.distance, each.subject))


def ended(identification: Identification, *places: float | Reason | Probe) -> Found | Hint | None:
    found = None
    for turn, place in enumerate(places):
        shown = probe(place) if isinstance(place, float) else place
        found = identification.seen(shown, 11.0 + turn, False)
    return rounded(found) if isinstance(found, Found) else found


def rounded(found: Found) -> Found:
    """Without the last digits of float32."""
    return found if found.score is None else replace(found, score=round(found.score, 5))


def identification(line: Line, limits: Limits = LIMITS, watch: Watch | None = None) -> Identification:
    return Identification(line, limits, RULES, 10.0, 18.0, watch)


def test_one_person_near_enough_over_all_frames_is_found_by_one_search() -> None:
    line = Line(anna=0.0, bert=2.0)
    running = identification(line)
    assert ended(running, 0.25, 0.5, 0.0, 0.25, 0.25) == Found(Reason.OK, ANNA, 0.25, REACH, 2, 0.01, 3, False)
    assert line.searches == 1


def test_two_people_near_enough_are_ambiguous_and_the_better_one_is_not_taken() -> None:
    assert ended(identification(Line(anna=0.0, bert=0.75)), *[0.375] * 5) == Found(
        Reason.AMBIGUOUS, None, None, REACH, 2, 0.01, 3, False
    )


def test_who_is_near_to_nobody_is_not_identified_and_leaves_no_score() -> None:
    for line in (Line(anna=0.0), Line()):
        assert ended(identification(line), *[0.625] * 5) == Found(
            Reason.NOT_IDENTIFIED, None, None, REACH, line.people, 0.01, 3, False
        )


def test_of_the_frames_looked_at_the_best_are_searched_for_and_weigh_what_they_are_worth() -> None:
    dull = replace(GOOD, sharpness=0.1)
    running = identification(Line(anna=0.0))
    found = ended(running, probe(0.7, dull), 0.25, 0.25, probe(0.7, dull), 0.25)
    assert found == Found(Reason.OK, ANNA, 0.25, REACH, 1, 0.01, 3, False)
    running = identification(Line(anna=0.0))
    found = ended(running, probe(0.7, dull), 0.25, 0.25, probe(0.7, dull), probe(0.7, dull))
    assert isinstance(found, Found)
    assert found.score is not None
    assert 0.25 < found.score < (0.25 + 0.25 + 0.7) / 3


def test_one_good_moment_among_the_frames_finds_nobody() -> None:
    found = ended(identification(Line(anna=0.0)), 0.125, 0.75, 0.75, 0.75, 0.75)
    assert isinstance(found, Found)
    assert found.reason is Reason.NOT_IDENTIFIED


def test_another_person_who_steps_before_the_camera_is_looked_at_anew() -> None:
    running = identification(Line(anna=0.0, bert=2.0))
    assert ended(running, 0.0, 0.0, 0.0, 0.0, 2.0) is None
    assert ended(running, 2.0, 2.0, 2.0, 2.0) == Found(Reason.OK, BERT, 0.0, REACH, 2, 0.01, 3, False)


def test_the_more_different_the_frames_the_nearer_one_must_be() -> None:
    limits = replace(LIMITS, reach=lambda differ: lambda templates: 0.5 - differ / 4, energy=0.2)
    line = Line(anna=0.0)
    copies = ended(identification(line, limits), *[0.4] * 5)
    assert isinstance(copies, Found)
    assert (copies.reason, round(copies.threshold, 5)) == (Reason.OK, 0.5)
    different = ended(identification(line, limits), 0.1, 0.4, 0.7, 0.4, 0.4)
    assert isinstance(different, Found)
    assert (different.reason, different.threshold) == (Reason.NOT_IDENTIFIED, 0.25)
    assert 0.25 < line.reaches[1] < 0.4 < line.reaches[0]


def test_who_was_enrolled_with_more_templates_must_be_nearer_and_that_is_the_threshold_told() -> None:
    limits = replace(LIMITS, reach=lambda differ: lambda templates: 0.6 / templates)
    line, fields = Line(anna=0.0, bert=0.5), (2, 0.01, 3, False)
    line.templates[BERT] = 2
    ambiguous = ended(identification(line, limits), *[0.25] * 5)
    assert ambiguous == Found(Reason.AMBIGUOUS, None, None, 0.6, *fields)
    line.templates[BERT] = 3
    assert ended(identification(line, limits), *[0.25] * 5) == Found(Reason.OK, ANNA, 0.25, 0.6, *fields)
    line.templates[ANNA] = 2
    assert ended(identification(line, limits), *[0.25] * 5) == Found(Reason.OK, ANNA, 0.25, 0.3, *fields)


def outgrown() -> Line:
    return Line(anna=0.0, **{f"p{n}": float(n) for n in range(1, 4)})


def test_a_gallery_larger_than_its_threshold_is_for_is_not_searched() -> None:
    line = outgrown()
    running = identification(line)
    gone = line.places.pop(ANNA)
    assert running.refusal() is None
    line.places[ANNA] = gone
    refused = running.refusal()
    assert refused is not None
    assert refused.reason is Reason.GALLERY_TOO_LARGE
    found = ended(running, *[0.0] * 5)
    assert isinstance(found, Found)
    assert (found.reason, line.searches) == (Reason.GALLERY_TOO_LARGE, 0)
    late = identification(line)
    ended(late, *[0.0] * 4)
    ends = late.late(28.0)
    assert ends is not None
    assert (ends.reason, line.searches) == (Reason.GALLERY_TOO_LARGE, 0)


def test_where_a_finger_is_asked_for_then_it_is_searched_at_the_same_distance_and_says_so() -> None:
    line = outgrown()
    running = identification(line, replace(LIMITS, closes=False))
    assert running.refusal() is None
    assert ended(running, *[0.25] * 5) == Found(Reason.OK, ANNA, 0.25, REACH, 4, 0.01, 3, more_evidence=True)


def test_the_deadline_ends_it_with_the_search_when_there_are_frames_enough() -> None:
    running = identification(Line(anna=0.0))
    ended(running, 0.25, 0.25, 0.25)
    assert running.late(27.9) is None
    late = running.late(28.0)
    assert late is not None
    assert rounded(late) == Found(Reason.OK, ANNA, 0.25, REACH, 1, 0.01, 3, False)


def test_the_deadline_ends_it_with_why_there_were_not_enough_frames() -> None:
    for places, why in (
        ([], Reason.NO_FRAME),
        ([Reason.TOO_DARK, Reason.TOO_DARK, Reason.NO_FACE], Reason.TOO_DARK),
        ([0.0, Reason.TWO_FACES, 0.0], Reason.VERIFY_TIMEOUT),
    ):
        line = Line(anna=0.0)
        running = identification(line)
        ended(running, *places)
        assert running.late(27.9) is None
        late = running.late(28.0)
        assert late is not None
        assert (late.reason, late.subject, late.score, line.searches) == (why, None, None, 0)


def test_a_frame_too_soon_or_from_before_or_bit_by_bit_the_last_one_is_none() -> None:
    running = identification(Line(anna=0.0))
    assert not running.wants(9.9)
    running.seen(probe(0.0), 11.0, False)
    assert not running.wants(11.12)
    assert running.wants(11.13)
    assert running.seen(probe(0.0), 11.5, True) == Hint(Reason.NO_FRAME)
    assert running.seen(probe(0.0), 12.0, False) == Hint(Reason.OK)
    assert ended(running, 0.0, 0.0) is None
    assert isinstance(running.seen(probe(0.0), 13.5, False), Found)


frame = st.one_of(
    st.sampled_from([Reason.NO_FACE, Reason.TWO_FACES, Reason.BLURRED]), st.integers(0, 32).map(lambda n: n / 8)
)


@given(st.lists(frame, max_size=30), st.lists(st.integers(0, 16).map(lambda n: n / 4), max_size=4), st.booleans())
def test_whatever_the_camera_shows_a_name_comes_out_only_of_one_search_that_one_person_fits(
    stream: list[Reason | float], places: list[float], closes: bool
) -> None:
    line = Line(**{f"p{at}": place for at, place in enumerate(places)})
    running, found, kept = identification(line, replace(LIMITS, closes=closes)), None, list[float]()
    for turn, what in enumerate(stream):
        told = running.seen(what if isinstance(what, Reason) else probe(what), 10.0 + turn * 2, False)
        if not isinstance(what, Reason):
            kept = [*kept, what] if not kept or abs(kept[0] - what) <= LIMITS.same else [what]
        if isinstance(told, Found):
            found = told
            break
    found = found or running.late(28.0)
    assert found is not None
    mean = float(np.float32(sum(kept[:3]) / 3))
    fit = [at for at, place in enumerate(places) if abs(mean - place) <= REACH]
    assert line.searches <= 1
    assert found.more_evidence is (len(places) > LIMITS.most)
    assert (found.subject is not None) is (found.score is not None) is (found.reason is Reason.OK)
    if line.searches:
        assert 3 <= len(kept) <= 5
        assert not (closes and found.more_evidence)
        ends = {0: Reason.NOT_IDENTIFIED, 1: Reason.OK}.get(len(fit), Reason.AMBIGUOUS)
        assert (found.reason, [found.subject]) == (ends, [f"p{fit[0]}"] if ends is Reason.OK else [None])


# ---------------------------------------------------------------- strangers


def watched(line: Line) -> Watch:
    watch = Watch(EMBEDDER, RULES.frames)
    found = ended(identification(line, LIMITS, watch), *[0.0] * 5)
    assert isinstance(found, Found)
    return watch


def test_the_watch_looks_beyond_the_threshold_and_nobody_is_found_there() -> None:
    line = Line(anna=0.0, bert=0.53)
    watch = watched(line)
    assert line.reaches[0] == watch.farthest(2, 0.0)(1) > 0.53
    assert (watch.monitor._met, watch.monitor._around) == ({ANNA}, 1)


def test_who_was_not_found_or_is_alone_tells_the_watch_nothing_and_who_is_ambiguous_of_a_stranger() -> None:
    for line, met in ((Line(bert=0.53, cleo=2.0), set()), (Line(anna=0.0), set()), (Line(anna=0.0, bert=0.25), {ANNA})):
        watch = watched(line)
        assert watch.monitor._met == met
        assert watch.monitor._near == len(met)


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
