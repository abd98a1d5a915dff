"""What could grow in a daemon does not: each bound is reached, and what is done there is what the document says."""

import queue
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from counter import HOUSE, Counter

from gatefw import (
    authority_worker,
    clerk,
    control,
    display,
    inbox,
    journal,
    metrics,
    metrics_server,
    order_desk,
    reboot_request,
    recording,
    toml_document,
    vision_client,
    vision_desk,
    vision_server,
    vitals,
    work_queue,
    worker,
)
from gatefw.control import Answer, Order, Rejected, Rejection
from gatefw.gate_terms import Answered, Ask, GateInput, Ordered, Tell
from gatefw.model import Failed, LookUpRecord, Reason, RunId, Token
from gatefw.order_desk import WAITING_MAX, OrderDesk
from gatefw.work_queue import WORK_MAX, WorkQueue

DOCS = Path(__file__).resolve().parents[1] / "docs" / "supervision.md"
FIRST = Ask(RunId("b" * 16), 1, LookUpRecord(Token(b"A1234567")))
ASK = Ask(RunId("a" * 16), 2, LookUpRecord(Token(b"A1234567")))


def test_a_thread_that_does_nothing_is_brought_so_much_and_no_more_and_who_brings_it_hears_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    waiting, done, refused = WorkQueue("clerk", most=3), list[int](), list[int]()

    def bring(number: int) -> None:
        waiting.put(lambda: done.append(number), lambda: refused.append(number))

    for number in range(6):
        bring(number)
    assert (done, refused) == ([], [3, 4, 5])
    waiting.take()()
    for number in (6, 7):
        bring(number)
    waiting.end()
    while (task := waiting.get()) is not None:
        task()
    assert (done, refused) == ([0, 1, 2, 6], [3, 4, 5, 7])
    assert caplog.text.count("3 things wait") == 2  # once each time that it was full
    with pytest.raises(queue.Empty):
        waiting.take()


def test_a_clerk_that_hangs_answers_a_lane_that_nothing_is_to_be_had_and_an_operator_to_try_again(
    tmp_path: Path,
) -> None:
    """The store of people stands on a disk that stands still. The lane goes on, and refuses."""
    counter, disk, hangs = Counter(tmp_path), threading.Event(), threading.Event()

    def take(_token: Token) -> Token | Failed:
        hangs.set()
        disk.wait(120)
        return Failed(Reason.TOKEN_UNKNOWN)

    counter.clerk.change(take, HOUSE)
    counter.clerk.look_up(FIRST)
    assert hangs.wait(60)
    for _ in range(WORK_MAX):
        counter.clerk.sweep()
    counter.clerk.look_up(ASK)
    assert counter.inputs.get(timeout=60) == Answered(ASK.run, ASK.number, Failed(Reason.RECORDS_UNAVAILABLE))
    answer = counter.ordered("subjects").get(timeout=60)
    assert isinstance(answer, Rejected)
    assert answer.error is Rejection.UNAVAILABLE
    disk.set()
    assert counter.inputs.get(timeout=60) == Answered(FIRST.run, FIRST.number, Failed(Reason.TOKEN_UNKNOWN))
    counter.close()


def test_orders_that_a_full_queue_lost_are_forgotten_and_the_newest_is_still_answered() -> None:
    taken: list[GateInput] = []
    desk = OrderDesk(taken.append, lambda: None, lambda _order, _reply: None)
    answers: list[tuple[int, Answer]] = []

    def reply_of(number: int) -> Callable[[Answer], None]:
        return lambda answer: answers.append((number, answer))

    for number in range(3 * WAITING_MAX):
        desk.take(Order("open", {}, "uid-7", None, 1e9), reply_of(number))
    assert len(desk._waiting) == WAITING_MAX
    first, last = taken[0], taken[-1]
    assert isinstance(first, Ordered) and isinstance(last, Ordered)
    for ticket in (first.ticket, last.ticket):
        desk.tell(Tell(ticket, True, "done"), "idle")
    assert [number for number, _ in answers] == [3 * WAITING_MAX - 1]


@pytest.mark.parametrize(
    ("row", "bounds"),
    [
        ("lines of a recording", [recording.WAITING_LINES]),
        ("inputs for the loop", [inbox.CAPACITY]),
        ("rows that wait for the disk", [journal.QUEUE_ROWS]),
        ("work for the clerk", [work_queue.WORK_MAX]),
        ("orders on the control socket", [control.CONNECTIONS, control.PENDING]),
        ("orders to the lane", [order_desk.WAITING_MAX]),
        ("questions to the vision process", [vision_desk.REQUESTS_MAX]),
        ("what the vision process says", [vision_client.MESSAGES_PER_S]),
        ("requests that wait in the vision process", [vision_server.PENDING]),
        ("threads that hang in one device", [worker.LEFT_BEHIND + 1]),
        ("loans of one device", [worker.LOANS]),
        ("restarts of the machine", [reboot_request.MOST]),
        ("turns kept for latencies", [vitals.TURNS]),
        ("questions that wait for one authority", [authority_worker.QUERIES_MOST]),
        ("who reads the metrics", [metrics_server.WAITING]),
        ("series of one metric", [metrics.SERIES_MAX]),
        ("lane file", [toml_document.FILE_BYTES // 1024]),
        ("screens", [display.SCREENS]),
        ("passages under way", [clerk.UNDER_WAY_MAX]),
    ],
)
def test_the_table_of_bounds_says_what_the_code_does(row: str, bounds: list[int]) -> None:
    (line,) = [line for line in DOCS.read_text().splitlines() if line.startswith(f"| {row}")]
    told = [int(number) for number in re.findall(r"\d+", line.split("|")[2])]
    assert told[: len(bounds)] == bounds
