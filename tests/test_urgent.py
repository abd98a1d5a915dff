"""Threads that an emergency waits for, as the scheduler sees them."""

import os
import threading

from hw.urgent import PRIORITY, hurry


def test_a_thread_that_hurries_goes_before_others_where_it_may_and_its_process_does_not() -> None:
    seen: list[tuple[bool, int, int]] = []

    def work() -> None:
        hurried = hurry() and hurry()
        plain = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
        seen.append((hurried, plain, os.sched_getparam(0).sched_priority))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen in ([(True, os.SCHED_FIFO, PRIORITY)], [(False, os.SCHED_OTHER, 0)])
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
