"""A Modbus line that several drivers share: one question at a time, late answers, lost units and lost lines."""

import os
import sys
import threading
from collections import deque
from pathlib import Path

import pytest
from modbus_peers import DOOR_UNIT, INPUTS_UNIT, OTHER_DOOR_UNIT, REPLY_S, InMemory, opened
from peers import until

from gatefw.errors import BadReply, DeviceError, DeviceLost, WrongDevice
from hw.modbus import GAP_S, Line, Rounds, Unit, join
from hw.wire.modbus_rtu import Function, Request, answer, refusal


class ScriptedLink:
    """A link in virtual time: to each write, what comes and how long after it. Nothing waits."""

    def __init__(self, *answers: list[tuple[float, bytes]]) -> None:
        self.now_s, self.closed, self.lost = 100.0, False, False
        self.written: list[tuple[float, bytes]] = []
        self._answers, self._coming = deque(answers), deque[tuple[float, bytes]]()

    def now(self) -> float:
        return self.now_s

    def write(self, data: bytes) -> None:
        if self.lost:
            raise DeviceLost("the plug is out")
        self.written.append((self.now_s, data))
        after = self._answers.popleft() if self._answers else []
        self._coming.extend((self.now_s + delay_s, said) for delay_s, said in after)

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        if self._coming and self._coming[0][0] <= self.now_s + timeout_s:
            due_s, said = self._coming.popleft()
            self.now_s = max(self.now_s, due_s)
            return said
        self.now_s += timeout_s
        return b""

    def flush_input(self) -> None:
        while self._coming and self._coming[0][0] <= self.now_s:
            self._coming.popleft()

    def close(self) -> None:
        self.closed = True


COMMAND = 2
ASK = Request(1, Function.READ_HOLDING, 0, 1)


def said(value: int, request: Request = ASK) -> bytes:
    return answer(request, [value])


def test_a_silent_unit_is_asked_twice_and_then_lost_and_the_others_are_not() -> None:
    other = Request(2, Function.READ_HOLDING, 0, 1)
    link = ScriptedLink([], [], [(0.01, said(7, other))])
    line = Line(link, "test", link.now)
    with pytest.raises(DeviceLost, match="unit 1: read holding 0: no valid reply"):
        Unit(line, 1, 0.2).read(0, 1)
    assert [frame for _, frame in link.written] == [ASK.encode()] * 2
    assert link.now_s - 100.0 >= 0.4
    assert Unit(line, 2, 0.2).read(0, 1) == (7,)
    assert not line.lost


def test_one_frame_that_noise_broke_is_no_lost_unit() -> None:
    broken = bytearray(said(5))
    broken[3] ^= 0x10
    link = ScriptedLink([(0.01, bytes(broken))], [(0.01, said(5))])
    assert Unit(Line(link, "test", link.now), 1, 0.2).read(0, 1) == (5,)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    """The same register, asked again: nothing in the frame tells the old answer from the new one."""
    link = ScriptedLink([(0.22, said(1))], [(0.01, said(2))])
    line = Line(link, "test", link.now)
    assert Unit(line, 1, 0.2).read(0, 1) == (2,)


def test_a_unit_that_babbles_without_end_is_lost_in_its_time() -> None:
    noise = [(index * 0.01, bytes([index % 251] * 40)) for index in range(500)]
    link = ScriptedLink(noise, noise)
    with pytest.raises(DeviceLost):
        Unit(Line(link, "test", link.now), 1, 0.2).read(0, 1)
    assert link.now_s - 100.0 <= 1.0


def test_between_frames_there_is_silence() -> None:
    link = ScriptedLink([(0.01, said(1))], [(0.01, said(1))])
    ticking = iter(range(10_000))

    def now_s() -> float:
        return link.now_s + next(ticking) * 1e-6

    line = Line(link, "test", now_s)
    line.ask(ASK, 0.2)
    answered_s = link.now_s
    line.ask(ASK, 0.2)
    assert link.written[1][0] >= answered_s
    assert GAP_S >= 3.5 * 11 / 9600 - 1e-4


def test_a_lost_line_fails_every_unit_and_is_not_touched_again() -> None:
    link = ScriptedLink()
    line = Line(link, "test", link.now)
    link.lost = True
    for number in (1, 2):
        with pytest.raises(DeviceLost, match="plug is out"):
            Unit(line, number, 0.2).read(0, 1)
    assert line.lost
    assert link.closed
    assert link.written == []


def test_a_refusal_names_the_register_and_is_a_bad_reply() -> None:
    link = ScriptedLink([(0.01, refusal(ASK, 2))])
    with pytest.raises(BadReply, match=r"unit 1: read holding 0 was refused: exception 2 \(illegal data address\)"):
        Unit(Line(link, "test", link.now), 1, 0.2).read(0, 1)


def test_a_register_that_does_not_keep_what_was_written_is_another_device() -> None:
    write = Request(1, Function.WRITE_REGISTER, 0, value=10)
    link = ScriptedLink([(0.01, answer(write, ()))], [(0.01, said(60))])
    with pytest.raises(WrongDevice, match=r"the torque limit \(register 0\) was set to 10 and reads 60"):
        Unit(Line(link, "test", link.now), 1, 0.2).write_checked(0, 10, "the torque limit")


def test_another_identity_and_none_at_all_are_the_wrong_device() -> None:
    identity = Request(1, Function.READ_HOLDING, 0, 2)
    link = ScriptedLink([(0.01, answer(identity, [0x4757, 2]))], [(0.01, refusal(identity, 2))])
    unit = Unit(Line(link, "test", link.now), 1, 0.2)
    with pytest.raises(WrongDevice, match="says it is 0x47570002, wanted is 0x47570001"):
        unit.prove(0, 0x47570001)
    with pytest.raises(WrongDevice, match="no identity at registers 0, 1"):
        unit.prove(0, 0x47570001)


class HeldLink(ScriptedLink):
    """Its first read waits until the test lets it go on."""

    def __init__(self, *answers: list[tuple[float, bytes]]) -> None:
        super().__init__(*answers)
        self.reading, self.goes_on = threading.Event(), threading.Event()

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        self.reading.set()
        assert self.goes_on.wait(60)
        return super().read(max_bytes, timeout_s)


def test_what_is_urgent_goes_before_every_poll_that_waits() -> None:
    command = Request(1, Function.WRITE_REGISTER, 2, value=1)
    link = HeldLink([(0.0, said(1))], [(0.0, answer(command, ()))], *([(0.0, said(1))],) * 3)
    line = Line(link, "test", link.now)
    threads = [threading.Thread(target=line.ask, args=(ASK, 60.0)) for _ in range(4)]
    threads[0].start()
    assert link.reading.wait(60)
    for poll in threads[1:]:
        poll.start()
    threads.append(threading.Thread(target=line.ask, args=(command, 60.0), kwargs={"urgent": True}))
    threads[-1].start()
    until(lambda: line.waiting_urgently == 1, "the command waits for its turn")
    link.goes_on.set()
    for thread in threads:
        thread.join()
    assert [frame for _, frame in link.written] == [ASK.encode(), command.encode(), *[ASK.encode()] * 3]


# ---------------------------------------------------------------- several drivers on one link


def test_drivers_that_name_the_same_link_share_it_and_the_last_one_closes_it(tmp_path: Path) -> None:
    peer = InMemory(tmp_path)
    first, second = (join(peer.url, number, REPLY_S) for number in (DOOR_UNIT, OTHER_DOOR_UNIT))
    assert first.read(0, 2) == second.read(0, 2)
    first.close()
    first.close()
    assert second.read(0, 2)
    with pytest.raises(DeviceLost, match="was closed"):
        first.read(0, 2)
    second.close()
    with pytest.raises(DeviceLost):
        second.read(0, 2)
    third = opened(lambda: join(peer.url, INPUTS_UNIT, REPLY_S))
    assert third.read(0, 2)
    third.close()
    peer.close()


def test_after_a_lost_line_it_is_opened_anew_though_somebody_still_holds_the_old_one(tmp_path: Path) -> None:
    peer = InMemory(tmp_path)
    old, idle = (join(peer.url, number, REPLY_S) for number in (DOOR_UNIT, OTHER_DOOR_UNIT))
    peer.unplug()
    with pytest.raises(DeviceLost):
        old.read(0, 2)
    with pytest.raises(DeviceLost):
        join(peer.url, DOOR_UNIT, REPLY_S)
    peer.plug()
    new = opened(lambda: join(peer.url, DOOR_UNIT, REPLY_S))
    old.close()
    idle.close()
    assert new.read(0, 2)
    new.close()
    peer.close()


def test_a_unit_that_was_opened_anew_hears_nothing_more_from_whoever_was_left_behind(tmp_path: Path) -> None:
    """A driver whose thread comes back late writes `secure` as it closes, to a door that is held open for somebody."""
    peer = InMemory(tmp_path)
    left, other = (join(peer.url, number, REPLY_S) for number in (DOOR_UNIT, OTHER_DOOR_UNIT))
    fresh = join(peer.url, DOOR_UNIT, REPLY_S)
    fresh.write(COMMAND, 1)
    with pytest.raises(DeviceLost, match="was closed"):
        left.write(COMMAND, 0)
    left.close()
    assert fresh.read(COMMAND, 1) == (1,)
    fresh.close()
    assert other.read(0, 2)
    other.close()
    peer.close()


def test_a_port_that_hangs_when_it_is_opened_keeps_nobody_from_another_line(tmp_path: Path) -> None:
    peer, hangs = InMemory(tmp_path), tmp_path / "hangs"
    os.mkfifo(hangs)
    joined: dict[str, Unit] = {}
    threads = []
    for url in (f"replay:{hangs}", peer.url):
        threads.append(threading.Thread(target=lambda url=url: joined.update({url: join(url, DOOR_UNIT, REPLY_S)})))
        threads[-1].start()
        until(lambda: peer.url in joined or _is_in("_dialogue", threads[0]), "one to hang, then the other to be open")
    until(lambda: peer.url in joined, "the other line")
    assert list(joined) == [peer.url]
    hangs.write_text("")
    for thread in threads:
        thread.join()
    for unit in joined.values():
        unit.close()
    peer.close()


def _is_in(function: str, thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None


class HangingLink(ScriptedLink):
    """Its write does not return until the test lets it."""

    def __init__(self) -> None:
        super().__init__([(0.0, said(7))])
        self.hung, self.goes_on = threading.Event(), threading.Event()

    def write(self, data: bytes) -> None:
        self.hung.set()
        assert self.goes_on.wait(120)
        super().write(data)


def test_a_port_that_hangs_holds_the_one_who_asked_and_nobody_else_for_ever() -> None:
    link = HangingLink()
    line = Line(link, "test", link.now, turn_s=0.01)
    answers: list[tuple[int, ...]] = []
    stuck = threading.Thread(target=lambda: answers.append(line.ask(ASK, 1.0)))
    stuck.start()
    assert link.hung.wait(60)
    for urgent in (True, False):
        with pytest.raises(DeviceLost, match="hangs"):
            line.ask(ASK, 1.0, urgent=urgent)
    line.close()
    assert not link.closed
    link.goes_on.set()
    stuck.join()
    assert answers == [(7,)]
    assert link.closed
    with pytest.raises(DeviceLost, match="hangs"):
        line.ask(ASK, 1.0)


# ---------------------------------------------------------------- rounds


def test_rounds_tell_of_a_change_and_go_on_though_a_watcher_raises() -> None:
    turns: list[int] = []
    told = threading.Semaphore(0)

    def do() -> bool:
        turns.append(1)
        return True

    def watcher() -> None:
        told.release()
        raise RuntimeError("a watcher with a fault")

    rounds = Rounds("test", do, 0.001)
    rounds.watch(watcher)
    for _ in range(3):
        assert told.acquire(timeout=60)
    rounds.check()
    rounds.close()
    with pytest.raises(DeviceLost, match="was closed"):
        rounds.check()


@pytest.mark.parametrize(
    ("problem", "kind"), [(BadReply("garbage"), BadReply), (ZeroDivisionError("a mistake"), DeviceLost)]
)
def test_the_first_error_ends_the_rounds_is_told_and_is_raised_from_then_on(
    problem: Exception, kind: type[DeviceError]
) -> None:
    fails, told = threading.Event(), threading.Event()

    def do() -> bool:
        if fails.is_set():
            raise problem
        return False

    rounds = Rounds("test", do, 60.0)
    rounds.watch(told.set)
    fails.set()
    rounds.wake()
    assert told.wait(60)
    for _ in range(2):
        with pytest.raises(kind, match=str(problem)):
            rounds.check()
    rounds.close()


def test_a_round_that_is_waited_for_began_after_the_call() -> None:
    level, found = 0, []

    def do() -> bool:
        found.append(level)
        return False

    rounds = Rounds("test", do, 60.0)
    for level in range(1, 20):
        rounds.go_round()
        assert found[-1] == level
    rounds.close()
    with pytest.raises(DeviceLost, match="was closed"):
        rounds.go_round()


def test_rounds_that_hang_are_lost_to_whoever_asks() -> None:
    goes_on, hangs, now_s = threading.Event(), threading.Event(), 0.0

    def do() -> bool:
        hangs.set()
        return not goes_on.wait(60)

    rounds = Rounds("door unit 1", do, 0.01, asks_s=1.5, now_s=lambda: now_s)
    assert hangs.wait(60)
    now_s = 3.4
    rounds.check()
    now_s = 3.6
    with pytest.raises(DeviceLost, match=r"door unit 1: has not answered for 3.5 s"):
        rounds.check()
    goes_on.set()
    rounds.close()
