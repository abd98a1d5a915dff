"""People come out of a chunk as they went in, in any number and of any models; anything else is no chunk."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.gallery_chunk import CHUNK_PEOPLE, Chunk, Member, filled, reference
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import StoreError
from gatefw.model import SubjectId

MAKERS = [
    Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT),
    Maker("a" * 64, Runtime.LITERT, "2.4.0", Delegate.DEFAULT),
    Maker("b" * 64, Runtime.TFLITE, "2.14.0", Delegate.NONE),
]
SIZES = {MAKERS[0]: 4, MAKERS[1]: 4, MAKERS[2]: 7}


@st.composite
def templates(draw: st.DrawFn) -> Template:
    maker = draw(st.sampled_from(MAKERS))
    numbers = st.lists(st.floats(-4, 4, width=32), min_size=SIZES[maker], max_size=SIZES[maker])
    return Template(np.array(draw(numbers), np.float32), maker)


members = st.builds(
    Member,
    st.text(max_size=9).map(SubjectId),
    st.one_of(st.floats(0, 1e300), st.just(float("inf"))),
    st.lists(templates(), min_size=1, max_size=8).map(tuple),
)


def told(people: list[Member]) -> list[object]:
    return [
        (each.subject, each.expires_at, [(list(one.vector), one.maker) for one in each.templates]) for each in people
    ]


@given(st.lists(members, max_size=12), st.integers(0, 9))
def test_people_come_out_of_a_chunk_as_they_went_in_whatever_is_padded_to_it(
    people: list[Member], padding: int
) -> None:
    opened = Chunk.unpacked(Chunk.of(people).packed() + bytes(padding))
    assert told(list(opened.people())) == told(people)
    assert len(opened) == len(people)
    assert opened.templates == sum(len(each.templates) for each in people)
    assert Chunk.unpacked(opened.packed()).packed() == opened.packed()


@given(st.lists(members, max_size=12), st.sampled_from(MAKERS))
def test_a_reference_is_the_mean_of_the_templates_that_may_be_compared(people: list[Member], maker: Maker) -> None:
    found = Chunk.of(people).references(maker)
    fit = [[each for each in one.templates if each.maker.comparable(maker)] for one in people]
    assert list(found.at) == [at for at, some in enumerate(fit) if some]
    assert list(found.counts) == [len(some) for some in fit if some]
    for vector, some in zip(found.vectors, filter(None, fit), strict=True):
        assert vector == pytest.approx(reference(some), abs=1e-6)


@given(st.lists(members, max_size=40), st.integers(1, 4000))
def test_people_are_shared_out_to_chunks_that_are_as_full_as_may_be(people: list[Member], most: int) -> None:
    chunks = list(filled(people, most))
    assert [each for chunk in chunks for each in chunk] == people
    for chunk in chunks:
        assert len(chunk) == 1 or len(Chunk.of(chunk).packed()) <= most


def test_no_chunk_has_more_people_than_a_label_can_tell_apart() -> None:
    one = Template(np.zeros(1, np.float32), MAKERS[0])
    people = [Member(SubjectId(f"p{n}"), 1.0, (one,)) for n in range(CHUNK_PEOPLE + 1)]
    assert [len(each) for each in filled(people, 1 << 30)] == [CHUNK_PEOPLE, 1]


def headed(head: object, values: bytes = b"") -> bytes:
    packed = json.dumps(head).encode()
    return struct.pack("<I", len(packed)) + packed + values


MAKER_JSON = ["a" * 64, "litert", "2.3.0", "default", 4]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\1",
        b"\xff\xff\xff\xff{}",
        headed([]),
        headed({"people": []}),
        headed({"people": [["anna", 1.0]], "makers": []}),
        headed({"people": [["anna", 1.0, [0]]], "makers": []}),
        headed({"people": [["anna", 1.0, [0]]], "makers": [MAKER_JSON]}, bytes(15)),
        headed({"people": [["anna", 1.0, 7]], "makers": [MAKER_JSON]}, bytes(16)),
        headed({"people": [], "makers": [["a", "other", "1", "default", 4]]}),
        struct.pack("<I", 100_000) + b"[" * 100_000,
    ],
)
def test_what_is_no_chunk_is_a_store_error(content: bytes) -> None:
    with pytest.raises(StoreError, match="holds no people"):
        Chunk.unpacked(content)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_raise_a_store_error(content: bytes) -> None:
    try:
        Chunk.unpacked(content)
    except StoreError:
        return
