"""Modbus replies to every kind of question, and what a unit hears."""

from collections.abc import Callable

from hw.wire.modbus_rtu import FRAME_BYTES, Function, Refused, Reply, Request, Requests, answer, refusal

QUESTIONS = {
    "inputs": Request(10, Function.READ_INPUTS, 0, 16),
    "registers": Request(1, Function.READ_HOLDING, 16, 3),
    "input_registers": Request(1, Function.READ_INPUT_REGISTERS, 0, 2),
    "write": Request(1, Function.WRITE_REGISTER, 2, value=1),
}


def _reply(question: Request) -> Callable[[list[bytes]], None]:
    def target(chunks: list[bytes]) -> None:
        reply = Reply(question)
        for chunk in chunks:
            try:
                found = reply.feed(chunk)
            except Refused as problem:
                assert 0 <= problem.code <= 255
                return
            assert len(reply) <= FRAME_BYTES + max(map(len, chunks), default=0)
            if found is not None:
                write = question.function is Function.WRITE_REGISTER
                assert found == (question.value,) if write else len(found) == question.count
                return

    return target


def _requests(chunks: list[bytes]) -> None:
    requests = Requests()
    for chunk in chunks:
        for request in requests.feed(chunk):
            assert 0 <= request.address <= 0xFFFF
        assert len(requests) <= FRAME_BYTES


TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    **{f"modbus_reply_{name}": _reply(question) for name, question in QUESTIONS.items()},
    "modbus_requests": _requests,
}
SEEDS: dict[str, list[bytes]] = {
    **{
        f"modbus_reply_{name}": [answer(question, [1] * question.count), refusal(question, 2)]
        for name, question in QUESTIONS.items()
    },
    "modbus_requests": [question.encode() for question in QUESTIONS.values()],
}
