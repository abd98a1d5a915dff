"""Refusals are counted, within bounds, and forgotten: whatever happens, the count is no blacklist."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.model import SubjectId
from gatefw.people_store import PeopleStore
from gatefw.tries import Tries

NOW, MOST, WITHIN_S = 1_800_000_000.0, 3, 600.0
ANNA, BEN = SubjectId("a" * 32), SubjectId("b" * 32)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[PeopleStore]:
    with closing(PeopleStore(tmp_path / "records")) as people:
        yield people


@pytest.fixture
def tries(people: PeopleStore) -> Tries:
    return Tries(people, "lane", MOST, WITHIN_S)


def rows(people: PeopleStore) -> int:
    return int(people.row("select count(*) from refusal")[0])


def test_the_limit_is_told_once_and_holds_until_the_first_refusal_is_old(tries: Tries) -> None:
    assert [tries.refused(ANNA, NOW + at) for at in (0, 10, 20, 30)] == [None, None, MOST, None]
    assert tries.too_many(ANNA, NOW + 30)
    assert not tries.too_many(BEN, NOW + 30)
    assert tries.too_many(ANNA, NOW + 10 + WITHIN_S - 0.001)
    assert not tries.too_many(ANNA, NOW + 10 + WITHIN_S)


def test_it_is_told_again_when_a_whole_window_has_gone_by(tries: Tries) -> None:
    told = [at for at in range(0, 2000, 100) if tries.refused(ANNA, NOW + at)]
    assert told == [200, 800, 1400]


def test_a_passage_clears_it_at_that_lane(people: PeopleStore, tries: Tries) -> None:
    other = Tries(people, "other", MOST, WITHIN_S)
    for _ in range(MOST):
        tries.refused(ANNA, NOW)
        other.refused(ANNA, NOW)
    tries.passed(ANNA)
    assert not tries.too_many(ANNA, NOW)
    assert other.too_many(ANNA, NOW)


def test_what_is_old_is_removed(people: PeopleStore, tries: Tries) -> None:
    tries.refused(ANNA, NOW)
    tries.forget(NOW + WITHIN_S - 1)
    assert rows(people) == 1
    tries.forget(NOW + WITHIN_S)
    assert rows(people) == 0


@settings(max_examples=60, deadline=None)
@given(
    happens=st.lists(
        st.tuples(st.sampled_from(["refused", "passed", "forget"]), st.integers(-100_000, 100_000)),
        min_size=1,
        max_size=30,
    ),
    most=st.integers(1, 5),
    within_s=st.integers(10, 86_400),
)
def test_whatever_the_clock_does_everybody_is_free_again_after_one_window(
    happens: list[tuple[str, int]], most: int, within_s: int
) -> None:
    """Never more rows than the limit, and after `within_s` without a refusal nothing counts, on any clock."""
    with tempfile.TemporaryDirectory() as folder, closing(PeopleStore(Path(folder) / "records")) as people:
        tries = Tries(people, "lane", most, within_s)
        for what, at in happens:
            if what == "refused":
                tries.refused(ANNA, NOW + at)
            elif what == "passed":
                tries.passed(ANNA)
                assert not tries.too_many(ANNA, NOW + at)
            else:
                tries.forget(NOW + at)
            assert rows(people) <= most
            assert not tries.too_many(ANNA, NOW + max(at for _, at in happens) + within_s)
            if what == "refused":
                assert not tries.too_many(ANNA, NOW + at + within_s)
