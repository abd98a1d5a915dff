"""Threads that an emergency waits for go before all others, where the machine allows it.

From the edge at a pin to the line of a lock a few threads hand on to each other, and each does very little. On a busy
machine every one of them would wait for its turn. With a real-time priority (sched(7), SCHED_FIFO, the lowest but few)
they do not; the unit grants it by `LimitRTPRIO=`. Without it all works as before, later.
"""

import logging
import os
import threading

PRIORITY = 5
_log = logging.getLogger(__name__)
_mine = threading.local()


def hurry() -> bool:
    """Let the calling thread go before all that are not urgent; whether it does. May be called again and again.

    The main thread never does: it has more to do (the loop), or drives a pin that only pretends.
    """
    if threading.current_thread() is threading.main_thread():
        return False
    if not hasattr(_mine, "hurries"):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
            _mine.hurries = True
        except OSError as problem:
            _mine.hurries = False
            _log.debug("thread %s is not urgent: %s", threading.current_thread().name, problem.strerror)
    return bool(_mine.hurries)
