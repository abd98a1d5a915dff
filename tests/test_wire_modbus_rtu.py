"""Modbus RTU frames: against the standard's own arithmetic, with noise, in any pieces, as answers to something else."""

import itertools
import struct

import pytest
from fuzz_targets.modbus_rtu import SEEDS, TARGETS
from hypothesis import given
from hypothesis import strategies as st

from hw.wire.modbus_rtu import FRAME_BYTES, Function, Refused, Reply, Request, Requests, answer, refusal

WORDS = st.integers(0, 0xFFFF)
READS = [Function.READ_INPUTS, Function.READ_HOLDING, Function.READ_INPUT_REGISTERS]


def crc(frame: bytes) -> bytes:
    """CRC-16 bit by bit, as appendix B of the standard describes it: an oracle that shares nothing with the code."""
    register = 0xFFFF
    for byte in frame:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xA001 if register & 1 else 0)
    return struct.pack("<H", register)


@st.composite
def reads(draw: st.DrawFn) -> tuple[Request, list[int]]:
    function = draw(st.sampled_from(READS))
    bits = function is Function.READ_INPUTS
    count = draw(st.integers(1, 64 if bits else 32))
    request = Request(draw(st.integers(1, 247)), function, draw(st.integers(0, 0xFF00)), count)
    return request, draw(st.lists(st.integers(0, 1) if bits else WORDS, min_size=count, max_size=count))


writes = st.builds(Request, st.integers(1, 247), st.just(Function.WRITE_REGISTER), WORDS, st.just(1), WORDS)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def fed(reply: Reply, chunks: list[bytes]) -> tuple[int, ...] | None:
    return next((found for found in map(reply.feed, chunks) if found is not None), None)


def test_frames_are_those_of_the_standard() -> None:
    """Application Protocol V1.1b3, 6.2, 6.3 and 6.6: its own examples, for unit 17."""
    inputs = Request(17, Function.READ_INPUTS, 0xC4, 22)
    assert inputs.encode()[:-2] == bytes.fromhex("1102 00C4 0016")
    data = bytes.fromhex("1102 03 AC DB 35")
    bits = [0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1]
    assert Reply(inputs).feed(data + crc(data)) == tuple(bits)
    registers = Request(17, Function.READ_HOLDING, 0x6B, 3)
    assert registers.encode()[:-2] == bytes.fromhex("1103 006B 0003")
    data = bytes.fromhex("1103 06 022B 0000 0064")
    assert Reply(registers).feed(data + crc(data)) == (555, 0, 100)
    write = Request(17, Function.WRITE_REGISTER, 1, value=3)
    assert write.encode() == bytes.fromhex("1106 0001 0003") + crc(bytes.fromhex("1106 0001 0003"))
    assert Reply(write).feed(write.encode()) == (3,)


@given(reads(), st.lists(st.integers(0, 300)), st.binary(max_size=12))
def test_an_answer_is_read_in_any_pieces(ask: tuple[Request, list[int]], cuts: list[int], after: bytes) -> None:
    request, values = ask
    frame = answer(request, values)
    assert frame[-2:] == crc(frame[:-2])
    assert fed(Reply(request), in_pieces(frame + after, cuts)) == tuple(values)


@given(writes, st.lists(st.integers(0, 20)))
def test_a_write_is_confirmed_by_its_echo_alone(request: Request, cuts: list[int]) -> None:
    assert fed(Reply(request), in_pieces(answer(request, ()), cuts)) == (request.value,)
    other = Request(request.unit, request.function, request.address, value=request.value ^ 1)
    assert fed(Reply(request), in_pieces(answer(other, ()), cuts)) is None


@given(reads(), st.integers(1, 255))
def test_a_refusal_is_told_with_its_code(ask: tuple[Request, list[int]], code: int) -> None:
    request, _ = ask
    with pytest.raises(Refused) as refused:
        Reply(request).feed(refusal(request, code))
    assert refused.value.code == code
    assert f"unit {request.unit}" in str(refused.value)


@given(reads(), st.data())
def test_a_frame_with_one_wrong_bit_is_no_answer(ask: tuple[Request, list[int]], data: st.DataObject) -> None:
    request, values = ask
    frame = bytearray(answer(request, values))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    assert Reply(request).feed(bytes(frame)) is None


@given(reads(), st.integers(1, 247))
def test_the_answer_of_another_unit_or_to_another_question_is_no_answer(
    ask: tuple[Request, list[int]], other: int
) -> None:
    request, values = ask
    if other != request.unit:
        foreign = Request(other, request.function, request.address, request.count)
        assert Reply(request).feed(answer(foreign, values)) is None
    longer = Request(request.unit, Function.READ_HOLDING, request.address, 40)
    assert Reply(request).feed(answer(longer, [7] * 40)) is None


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\x00", b"\x01", b"\x01\x03", b"\x01\x03\x04\x00", bytes(600)])
def test_noise_before_an_answer_is_passed_over(noise: bytes) -> None:
    request = Request(1, Function.READ_HOLDING, 16, 2)
    assert Reply(request).feed(noise + answer(request, [5, 6])) == (5, 6)


@given(st.lists(st.binary(max_size=700), max_size=6))
def test_what_a_unit_hears_is_bounded_and_its_request_is_found_behind_noise(chunks: list[bytes]) -> None:
    requests, wanted = Requests(), Request(3, Function.READ_HOLDING, 0, 2)
    for chunk in chunks:
        list(requests.feed(chunk))
        assert len(requests) <= FRAME_BYTES
    assert wanted in list(requests.feed(bytes(FRAME_BYTES) + wanted.encode()))


@pytest.mark.parametrize("name", sorted(TARGETS))
@given(chunks=st.lists(st.binary(max_size=400), max_size=8))
def test_any_bytes_in_any_pieces_raise_nothing_and_are_bounded(name: str, chunks: list[bytes]) -> None:
    TARGETS[name](chunks)


@pytest.mark.parametrize("name", sorted(TARGETS))
@given(data=st.data())
def test_real_messages_with_changed_bytes_raise_nothing(name: str, data: st.DataObject) -> None:
    message = bytearray(data.draw(st.sampled_from(SEEDS[name])))
    for _ in range(data.draw(st.integers(0, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    TARGETS[name](in_pieces(bytes(message), data.draw(st.lists(st.integers(0, 300), max_size=4))))


def test_rubbish_that_begins_no_reply_is_not_kept_to_be_looked_at_again() -> None:
    reply = Reply(Request(1, Function.READ_HOLDING, 16, 3))
    for _ in range(3000):
        assert reply.feed(b"\x55") is None
        assert len(reply) <= 4
    assert reply.feed(answer(Request(1, Function.READ_HOLDING, 16, 3), [1, 2, 3])) == (1, 2, 3)
