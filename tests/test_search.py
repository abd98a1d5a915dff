"""A search among the people of a gallery misses nobody, forgets at once who left, and reads again only what changed."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.biometrics.gallery import Gallery, keys_of
from gatefw.biometrics.gallery_chunk import Chunk, Damaged, Member, Place
from gatefw.biometrics.index import Index
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.scale import Scale
from gatefw.biometrics.search import SAMPLE, Candidate, Search
from gatefw.biometrics.template import Template
from gatefw.errors import ModelError, StoreError
from gatefw.keys import KEY_BYTES
from gatefw.model import Reason, SubjectId

MAKER, OTHER = (Maker(letter * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT) for letter in "ab")
ANNA, BERT, CLEO = SubjectId("anna"), SubjectId("bert"), SubjectId("cleo")
KEY = bytes(range(32))
FOREVER = 4e9


def template(place: float, maker: Maker = MAKER) -> Template:
    """Templates on a line: the distance of two is the difference of their places."""
    vector = np.zeros(16, np.float32)
    vector[0] = place
    return Template(vector, maker)


def drawn(chance: np.random.Generator) -> Template:
    return Template(chance.normal(0, 0.06, 16).astype(np.float32), MAKER)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with closing(Gallery(tmp_path / "gallery.db", KEY)) as opened:
        yield opened


def search(gallery: Gallery, *patterns: str, most: int = 100, now: float = 1000.0) -> Search:
    return Search(gallery, MAKER, patterns, most, lambda: now)


def within(looked: Search, place: float, distance: float = 0.5) -> list[SubjectId]:
    return [each.subject for each in looked.candidates(template(place), lambda _templates: distance)]


class Shelf:
    """A gallery in memory that tells what is read of it. `chunks` are its chunks; `torn` ones do not open, at
    `failing` ones the disk fails, `missing` ones are told of and not there."""

    def __init__(self, *chunks: Sequence[Member]) -> None:
        self.chunks = {number: (1, Chunk.of(people)) for number, people in enumerate(chunks)}
        self.changes, self.torn, self.read = 0, set[int](), list[int]()
        self.failing, self.missing = set[int](), set[int]()

    def change(self, number: int, people: Sequence[Member]) -> None:
        self.changes += 1
        version, _ = self.chunks.get(number, (0, None))
        self.chunks[number] = version + 1, Chunk.of(people)

    def generation(self) -> int:
        return self.changes

    def places(self, now: float, patterns: Sequence[str]) -> Iterator[Place]:
        for number, (version, chunk) in self.chunks.items():
            yield Place(number, version, "main", len(chunk), float("inf"))

    def opened(self, place: Place) -> Chunk | None:
        self.read.append(place.number)
        if place.number in self.torn:
            raise Damaged(f"chunk {place.number}: does not open")
        if place.number in self.failing:
            raise StoreError("the disk is busy")
        version, chunk = self.chunks[place.number]
        return chunk if version == place.version and place.number not in self.missing else None

    def get(self, subject: SubjectId, now: float) -> tuple[Template, ...] | Reason:
        for _, chunk in self.chunks.values():
            for each in chunk.people():
                if each.subject == subject:
                    return Reason.RECORD_EXPIRED if each.expires_at <= now else each.templates
        return Reason.NOT_ENROLLED


def member(name: str, *places: float, expires_at: float = FOREVER, maker: Maker = MAKER) -> Member:
    return Member(SubjectId(name), expires_at, tuple(template(each, maker) for each in places))


# ---------------------------------------------------------------- who is found


def test_a_search_finds_whom_a_naive_comparison_of_mean_vectors_finds_and_nobody_else(gallery: Gallery) -> None:
    chance = np.random.default_rng(7)
    people = {SubjectId(f"{n:032x}"): [drawn(chance) for _ in range(1 + n % 4)] for n in range(60)}
    gallery.enrol_many(Member(who, FOREVER, tuple(templates)) for who, templates in people.items())
    looked, found = search(gallery), 0
    for _ in range(50):
        probe = drawn(chance)
        naive = {
            who: float(np.linalg.norm(np.mean([each.vector for each in templates], axis=0) - probe.vector))
            for who, templates in people.items()
        }
        at = sorted(naive.values())[2] + 1e-5
        candidates = looked.candidates(probe, lambda _templates, at=at: at)
        wanted = sorted((who for who in naive if naive[who] <= at), key=naive.__getitem__)
        assert [each.subject for each in candidates] == wanted
        for each in candidates:
            assert each.distance == pytest.approx(naive[each.subject], abs=1e-5)
            assert each.templates == len(people[each.subject])
        found += len(candidates)
    assert found >= 150
    looked.close()


def test_who_has_more_templates_is_found_by_the_reach_of_so_many() -> None:
    looked = Search(
        Shelf([member("one", 0.5), member("two", 0.4, 0.6), member("four", *[0.5] * 4)]), MAKER, (), 9, lambda: 0.0
    )
    reaches = {1: 0.6, 2: 0.5, 4: 0.4}
    assert looked.candidates(template(0.0), lambda count: reaches.get(count, 0.0)) == [
        Candidate(SubjectId("one"), 0.5, 1),
        Candidate(SubjectId("two"), 0.5, 2),
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-8, 8), min_size=1, max_size=8), st.integers(-8, 8), st.integers(0, 8))
def test_everybody_at_the_distance_itself_is_found_and_ties_are_in_order_of_their_ids(
    places: list[int], at: int, distance: int
) -> None:
    people = [member(f"p{number}", place) for number, place in enumerate(places)]
    naive = sorted((abs(place - at), f"p{number}") for number, place in enumerate(places))
    looked = Search(Shelf(people[::2], people[1::2]), MAKER, (), 100, lambda: 0.0)
    found = looked.candidates(template(at), lambda _templates: distance)
    assert [(each.distance, each.subject) for each in found] == [each for each in naive if each[0] <= distance]


def test_only_people_of_the_lanes_partitions_and_of_the_lanes_model_are_met(gallery: Gallery) -> None:
    gallery.make_partition("flight-1", FOREVER)
    gallery.enrol(ANNA, [template(0.0)], FOREVER, "flight-1")
    gallery.enrol(BERT, [template(0.0)], FOREVER)
    gallery.enrol(CLEO, [template(0.0, OTHER)], FOREVER)
    assert within(search(gallery, "flight-*"), 0.0) == [ANNA]
    everybody = search(gallery)
    assert (everybody.people, everybody.strangers, everybody.damaged) == (2, 1, 0)
    with pytest.raises(ModelError, match="not comparable"):
        everybody.candidates(template(0.0, OTHER), lambda _templates: 0.5)


def test_of_somebody_with_templates_of_two_models_only_those_of_the_lanes_model_count() -> None:
    both = Member(ANNA, FOREVER, (template(9.0, OTHER), template(0.25), template(7.0, OTHER), template(0.75)))
    looked = Search(Shelf([both]), MAKER, (), 9, lambda: 0.0)
    assert looked.candidates(template(0.0), lambda _templates: 0.5) == [Candidate(ANNA, 0.5, 2)]
    assert looked.strangers == 0


# ---------------------------------------------------------------- who comes and goes


def test_who_comes_goes_or_expires_is_noticed_by_the_next_search_even_from_another_process(
    gallery: Gallery, tmp_path: Path
) -> None:
    looked = search(gallery)
    assert within(looked, 0.0) == []
    with closing(Gallery(tmp_path / "gallery.db", KEY)) as another:
        another.enrol(ANNA, [template(0.0)], FOREVER)
        another.make_partition("flight", FOREVER)
        another.enrol(BERT, [template(0.25)], FOREVER, "flight")
        assert within(looked, 0.0) == [ANNA, BERT]
        assert another.destroy_partition("flight") == 1
    assert within(looked, 0.0) == [ANNA]
    gallery.revoke(ANNA)
    assert within(looked, 0.0) == []


def test_only_the_chunk_that_changed_is_read_again() -> None:
    shelf = Shelf([member("anna", 0.0)], [member("bert", 0.25)], [member("cleo", 5.0)])
    looked = Search(shelf, MAKER, (), 9, lambda: 0.0)
    assert looked.people == 3
    assert shelf.read == [0, 1, 2]
    shelf.change(1, [member("dora", 0.125)])
    assert (looked.people, shelf.read) == (3, [0, 1, 2, 1])
    assert within(looked, 0.0) == [ANNA, "dora"]


def test_rows_of_a_changed_chunk_are_wiped_from_memory_before_anybody_searches_again() -> None:
    made = list[Index]()

    def index(dim: int, scale: Scale) -> Index:
        made.append(Index(dim, scale))
        return made[0]

    shelf = Shelf([member("anna", 0.0)], [member("bert", 3.0)])
    looked = Search(shelf, MAKER, (), 9, lambda: 0.0, index)
    assert within(looked, 0.0) == [ANNA]
    assert len(made[0]) == 2
    shelf.change(0, [])
    looked.drop_stale()
    assert len(made[0]) == 1
    assert made[0].within(template(0.0).vector, 1.0) == []
    assert (looked.people, within(looked, 3.0)) == (1, [BERT])


def test_who_expired_since_the_gallery_was_read_is_not_found_nor_counted_until_the_clock_is_set_back() -> None:
    now, shelf = 1000.0, Shelf([member("anna", 0.0, expires_at=2000.0), member("bert", 0.25)])
    looked = Search(shelf, MAKER, (), 100, lambda: now)
    assert (within(looked, 0.0), looked.people) == ([ANNA, BERT], 2)
    now = 2000.0
    assert (within(looked, 0.0), looked.people) == ([BERT], 1)
    now = 1999.0
    assert (within(looked, 0.0), looked.people) == ([ANNA, BERT], 2)


def test_a_partition_that_ends_takes_its_people_out_of_the_search_and_one_that_is_prolonged_brings_them_back(
    gallery: Gallery,
) -> None:
    now = 1000.0
    gallery.make_partition("flight", 2000.0)
    gallery.enrol(ANNA, [template(0.0)], FOREVER, "flight")
    looked = Search(gallery, MAKER, (), 100, lambda: now)
    assert (within(looked, 0.0), looked.people) == ([ANNA], 1)
    now = 2000.0
    assert (within(looked, 0.0), looked.people) == ([], 0)
    gallery.make_partition("flight", 3000.0)
    assert (within(looked, 0.0), looked.people) == ([ANNA], 1)


def test_reading_stops_with_the_chunk_in_which_there_are_too_many_and_goes_on_when_some_have_left() -> None:
    shelf = Shelf(*([member(f"p{2 * n}", n), member(f"p{2 * n + 1}", n)] for n in range(5)))
    looked = Search(shelf, MAKER, (), 3, lambda: 0.0)
    assert (looked.people, shelf.read) == (4, [0, 1])
    for number in range(4):
        shelf.change(number, [])
    assert (looked.people, within(looked, 4.0)) == (2, ["p8", "p9"])


def test_a_chunk_that_changes_while_it_is_read_is_read_again() -> None:
    class Restless(Shelf):
        def opened(self, place: Place) -> Chunk | None:
            if self.changes < 3:
                self.change(0, [member("anna", self.changes), member("bert", 9.0)])
            return super().opened(place)

    looked = Search(Restless([member("anna", 0.0)]), MAKER, (), 9, lambda: 0.0)
    assert within(looked, 2.0) == [ANNA]


def test_a_gallery_that_outgrows_its_first_sample_tenfold_is_rounded_anew() -> None:
    scales = list[float]()

    def index(dim: int, scale: Scale) -> Index:
        scales.append(scale.step)
        return Index(dim, scale)

    shelf = Shelf([member("anna", 0.0)])
    looked = Search(shelf, MAKER, (), SAMPLE, lambda: 0.0, index)
    assert looked.people == 1
    shelf.change(1, [member(f"p{n}", float(n)) for n in range(12)])
    assert looked.people == 13
    assert len(scales) == 2
    assert within(looked, 11.0) == ["p11"]


# ---------------------------------------------------------------- what does not open


def test_a_chunk_that_does_not_open_is_counted_told_once_and_the_others_are_searched(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf = Shelf([member("anna", 0.0)], [member("bert", 0.25), member("cleo", 0.5)], [member("dora", 0.5)])
    shelf.torn.add(1)
    looked = Search(shelf, MAKER, (), 9, lambda: 0.0)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert (within(looked, 0.0), looked.people, looked.damaged) == ([ANNA, "dora"], 2, 2)
    (record,) = caplog.records
    assert record.getMessage() == "chunk 1: does not open; 2 people are not found until they are enrolled again"


def test_a_chunk_that_rots_after_it_was_read_is_out_of_reach_from_then_on() -> None:
    shelf = Shelf([member("anna", 0.0)], [member("bert", 0.25)])
    looked = Search(shelf, MAKER, (), 9, lambda: 0.0)
    assert within(looked, 0.0) == [ANNA, BERT]
    shelf.torn.add(0)
    assert (within(looked, 0.0), looked.damaged, looked.people) == ([BERT], 1, 1)
    shelf.torn.clear()
    shelf.change(0, [member("anna", 0.0)])
    assert (within(looked, 0.0), looked.damaged) == ([ANNA, BERT], 0)


def test_a_gallery_that_could_not_be_read_to_its_end_is_read_again_and_nobody_is_missing() -> None:
    shelf = Shelf([member("anna", 0.0)], [member("bert", 0.25)])
    looked = Search(shelf, MAKER, (), 9, lambda: 0.0)
    assert looked.people == 2
    for number, who in enumerate(("anna", "bert", "cleo")):
        shelf.change(number, [member(who, 0.0)])
    shelf.failing.add(1)
    with pytest.raises(StoreError, match="the disk is busy"):
        within(looked, 0.0)
    shelf.failing.clear()
    assert (within(looked, 0.0), looked.people) == ([ANNA, BERT, CLEO], 3)
    shelf.change(0, [])
    assert (within(looked, 0.0), looked.people) == ([BERT, CLEO], 2)


def test_a_chunk_that_is_told_of_and_never_there_is_damaged_and_ends_no_search() -> None:
    shelf = Shelf([member("anna", 0.0)], [member("bert", 0.25)])
    shelf.missing.add(1)
    looked = Search(shelf, MAKER, (), 9, lambda: 0.0)
    assert (within(looked, 0.0), looked.damaged) == ([ANNA], 1)
    shelf.missing.add(0)
    assert (within(looked, 0.0), looked.damaged) == ([], 2)
    shelf.missing.clear()
    for number, who in enumerate(("anna", "bert")):
        shelf.change(number, [member(who, 0.0)])
    assert (within(looked, 0.0), looked.damaged) == ([ANNA, BERT], 0)


def test_a_partition_whose_destruction_was_interrupted_ends_no_search_and_leaves_no_rows(
    gallery: Gallery, tmp_path: Path
) -> None:
    gallery.make_partition("cx100", FOREVER)
    gallery.enrol(ANNA, [template(0.0)], FOREVER, "cx100")
    gallery.enrol(BERT, [template(0.25)], FOREVER)
    with closing(search(gallery)) as looked:
        assert within(looked, 0.0) == [ANNA, BERT]
        with (keys_of(tmp_path / "gallery.db").directory / "cx100.key").open("r+b") as file:
            file.write(bytes(KEY_BYTES))
        assert (within(looked, 0.0), looked.people, looked.damaged) == ([BERT], 1, 0)
