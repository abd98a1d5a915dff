"""Whatever stands in an order about people, it is read or refused; nothing else happens, and no fact is repeated."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import order_args
from gatefw.errors import Refusal
from gatefw.record_terms import FOR_EVER, MAIN, Modality

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(["face", "born"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("facts", "photos", "days", "to", "subject", "partition", "expires_at")
READERS = (
    order_args.facts, order_args.photos, order_args.days_s, order_args.modalities, order_args.subject,
    order_args.partition, order_args.ends_at,
)  # fmt: skip


@given(args=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=7))
def test_any_order_is_read_or_refused(args: dict[str, Any]) -> None:
    for read in READERS:
        try:
            read(args)
        except Refusal as error:
            assert len(str(error)) < 300


@given(
    given_facts=st.dictionaries(st.from_regex(r"[a-z.]{1,12}", fullmatch=True), st.text(max_size=20)),
    of_partition=st.booleans(),
)
def test_what_is_taken_for_facts_is_names_and_printable_texts_and_never_the_stores_own(
    given_facts: dict[str, str], of_partition: bool
) -> None:
    try:
        facts = order_args.facts({"facts": given_facts}, of_partition)
    except Refusal as error:
        assert not any(len(value) > 3 and value in str(error) for value in given_facts.values() if value.isdigit())
        return
    assert facts == given_facts
    assert all(value.isprintable() and value for value in facts.values())
    assert not {"registered", "partition", "journey.passed"} & facts.keys()
    assert of_partition or not any(name.startswith("journey.") for name in facts)


@pytest.mark.parametrize("typed", ["\udce9", "anna\x1b[2J"])
def test_a_name_that_no_store_can_take_is_refused_before_one_is_asked(typed: str) -> None:
    """Somebody pastes a letter of an old encoding; the store's own error was the daemon's traceback."""
    for read, name in ((order_args.subject, "subject"), (order_args.partition, "partition")):
        with pytest.raises(Refusal, match=f"{name}: letters and digits are wanted"):
            read({name: typed})
    assert order_args.photos({"photos": ["/media/stick/\udce9.jpg"]}), "a file may be called so"


def test_what_is_not_said_has_its_ordinary_meaning() -> None:
    assert order_args.facts({}) == {}
    assert order_args.partition({"partition": None}) == MAIN
    assert order_args.ends_at({}) == FOR_EVER
    assert order_args.modalities({}) == set(Modality)
    assert order_args.modalities({"to": "finger"}) == {Modality.FINGER}


@pytest.mark.parametrize("days", [float("nan"), float("inf"), -1, 0, "3", True, None])
def test_days_are_a_number_of_days(days: object) -> None:
    with pytest.raises(Refusal, match="for how many days"):
        order_args.days_s({"days": days})
