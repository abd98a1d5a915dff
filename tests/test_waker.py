"""A thread that waits for its sockets is woken by any other, however often and however late."""

import select

from gatefw.waker import Waker


def ready(waker: Waker) -> bool:
    poll = select.poll()
    poll.register(waker, select.POLLIN)
    return bool(poll.poll(0))


def test_a_thread_is_woken_and_once_it_has_heard_it_sleeps_again() -> None:
    with Waker() as waker:
        assert not ready(waker)
        waker.wake()
        waker.wake()
        assert ready(waker)
        waker.hear()
        assert not ready(waker)


def test_whoever_wakes_a_thread_that_is_busy_waits_for_nothing() -> None:
    with Waker() as waker:
        for _ in range(100_000):  # more than a socket holds
            waker.wake()
        assert ready(waker)


def test_a_thread_that_has_ended_is_woken_by_nobody() -> None:
    with Waker() as waker:
        pass
    waker.wake()
    assert waker.fileno() == -1
