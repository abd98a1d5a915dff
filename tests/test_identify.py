"""How an identification and a capture end, for every way frames can come; and that a search misses nobody."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.capture import Capture, Captured
from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.identify import Found, Identification, Limits
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.search import Search
from gatefw.biometrics.sight import Hint, Rules
from gatefw.biometrics.template import Template, distance_to_all
from gatefw.errors import ModelError
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
    """People on a line, found by the mean distance of the frames."""

    def __init__(self, **places: float) -> None:
        self.places = {SubjectId(name): template(place) for name, place in places.items()}
        self.searches = 0

    @property
    def people(self) -> int:
        return len(self.places)

    def candidates(self, frames: Sequence[Template], distance: float) -> list[tuple[SubjectId, float]]:
        self.searches += 1
        far = {who: sum(f.distance(place) for f in frames) / len(frames) for who, place in self.places.items()}
        return [(who, each) for who, each in far.items() if each <= distance]


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
    fit = [at for at, place in enumerate(places) if sum(abs(each - place) for each in kept) / 3 <= 0.5]
    assert line.searches <= 1
    assert (found.subject is not None) is (found.score is not None) is (found.reason is Reason.OK)
    if found.reason is Reason.OK:
        assert (len(kept), [f"p{at}" for at in fit]) == (3, [found.subject])
    if found.reason is Reason.NOT_IDENTIFIED:
        assert (len(kept), fit) == (3, [])
    if found.reason is Reason.AMBIGUOUS:
        assert len(fit) > 1


# ---------------------------------------------------------------- the search


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with closing(Gallery(tmp_path / "gallery.db", bytes(range(32)))) as opened:
        yield opened


def search(gallery: Gallery, *patterns: str, most: int = 100, now: float = 1000.0) -> Search:
    return Search(gallery, MAKER, patterns, most, lambda: now)


def test_a_search_finds_whom_a_naive_comparison_finds_and_nobody_else(gallery: Gallery) -> None:
    chance = np.random.default_rng(7)
    people = {
        SubjectId(f"{n:032x}"): [
            Template(chance.normal(0, 0.06, 128).astype(np.float32), MAKER) for _ in range(1 + n % 4)
        ]
        for n in range(60)
    }
    for who, templates in people.items():
        gallery.enrol(who, templates, FOREVER)
    looked = search(gallery)
    found = 0
    for _ in range(50):
        frames = [Template(chance.normal(0, 0.06, 128).astype(np.float32), MAKER) for _ in range(1 + found % 3)]
        naive = {
            who: sum(distance_to_all(each, templates) for each in frames) / len(frames)
            for who, templates in people.items()
        }
        at = sorted(naive.values())[2] + 1e-5
        candidates = looked.candidates(frames, at)
        assert [who for who, _ in candidates] == sorted(
            (who for who in naive if naive[who] <= at), key=naive.__getitem__
        )
        for who, far in candidates:
            assert far == pytest.approx(naive[who], abs=1e-5)
        found += len(candidates)
    assert found >= 150
    looked.close()


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=8), st.integers(-8, 8), st.integers(0, 8))
def test_everybody_at_the_distance_itself_is_found_and_ties_are_in_order_of_their_ids(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], at: int, distance: int
) -> None:
    with closing(Gallery(tmp_path_factory.mktemp("gallery") / "g.db", bytes(range(32)))) as gallery:
        for number, place in enumerate(places):
            gallery.enrol(SubjectId(f"p{number}"), [template(place)], FOREVER)
        naive = sorted((abs(place - at), f"p{number}") for number, place in enumerate(places))
        found = search(gallery).candidates([template(at)], distance)
    assert [(far, who) for who, far in found] == [each for each in naive if each[0] <= distance]


def test_who_comes_goes_or_expires_is_noticed_by_the_next_search_even_from_another_process(
    gallery: Gallery, tmp_path: Path
) -> None:
    looked = search(gallery)
    assert looked.candidates([template(0.0)], 0.5) == []
    with closing(Gallery(tmp_path / "gallery.db", bytes(range(32)))) as another:
        another.enrol(ANNA, [template(0.0)], FOREVER)
        another.make_partition("flight", FOREVER)
        another.enrol(BERT, [template(0.25)], FOREVER, "flight")
        assert [who for who, _ in looked.candidates([template(0.0)], 0.5)] == [ANNA, BERT]
        assert another.destroy_partition("flight") == 1
    assert [who for who, _ in looked.candidates([template(0.0)], 0.5)] == [ANNA]
    gallery.revoke(ANNA)
    assert looked.candidates([template(0.0)], 0.5) == []


def test_what_is_out_of_date_is_wiped_from_memory_before_anybody_searches_again(gallery: Gallery) -> None:
    rows = []

    def measured(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
        rows.append(matrix)
        return np.abs(matrix[:, 0] - vector[0])

    gallery.enrol(ANNA, [template(3.0)], FOREVER)
    looked = Search(gallery, MAKER, (), 100, lambda: 1000.0, measured)
    assert looked.candidates([template(3.0)], 0.5) == [(ANNA, 0.0)]
    assert rows[0].any()
    gallery.revoke(ANNA)
    looked.drop_stale()
    assert not rows[0].any()


def test_who_expired_since_the_gallery_was_read_is_not_found(gallery: Gallery) -> None:
    now = 1000.0
    looked = Search(gallery, MAKER, (), 100, lambda: now)
    gallery.enrol(ANNA, [template(0.0)], 2000.0)
    assert looked.candidates([template(0.0)], 0.5)
    now = 2000.0
    assert looked.candidates([template(0.0)], 0.5) == []


def test_only_people_of_the_lanes_partitions_and_of_the_lanes_model_are_met(gallery: Gallery) -> None:
    gallery.make_partition("flight-1", FOREVER)
    gallery.enrol(ANNA, [template(0.0)], FOREVER, "flight-1")
    gallery.enrol(BERT, [template(0.0)], FOREVER)
    gallery.enrol(SubjectId("cleo"), [template(0.0, OTHER)], FOREVER)
    assert [who for who, _ in search(gallery, "flight-*").candidates([template(0.0)], 0.5)] == [ANNA]
    everybody = search(gallery)
    assert (everybody.people, everybody.strangers) == (2, 1)
    with pytest.raises(ModelError, match="not comparable"):
        everybody.candidates([template(0.0, OTHER)], 0.5)


def test_no_more_people_than_one_too_many_are_kept_in_memory(gallery: Gallery) -> None:
    for number in range(6):
        gallery.enrol(SubjectId(f"p{number}"), [template(number)], FOREVER)
    looked = search(gallery, most=3)
    assert looked.people == 4
    assert gallery.revoke(SubjectId("p5")), "nobody is in the way who stopped reading"
    assert looked.people == 4


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
