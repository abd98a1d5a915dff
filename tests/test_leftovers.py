"""The guard around every test notices what is left behind."""

import os
import socket
import threading
from collections.abc import Callable

import pytest
from leftovers import nothing_stays_open


def a_file(tmp_path) -> Callable[[], None]:
    return (tmp_path / "kept").open("w").close


def a_socket(_tmp_path) -> Callable[[], None]:
    return socket.socket().close


def a_pipe(_tmp_path) -> Callable[[], None]:
    ends = os.pipe()
    return lambda: [os.close(end) for end in ends] and None


def a_thread(_tmp_path) -> Callable[[], None]:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()

    def stop() -> None:
        end.set()
        thread.join()

    return stop


@pytest.mark.parametrize("leave", [a_file, a_socket, a_pipe, a_thread])
def test_what_a_test_leaves_open_is_named(leave: Callable[..., Callable[[], None]], tmp_path) -> None:
    left: list[Callable[[], None]] = []
    with pytest.raises(AssertionError, match=r"left behind: .*(kept|socket|pipe|forgotten)"), nothing_stays_open(0.01):
        left.append(leave(tmp_path))
    left.pop()()


def test_a_thread_that_is_about_to_end_is_waited_for() -> None:
    end = threading.Event()
    with nothing_stays_open():
        thread = threading.Thread(target=end.wait, args=(0.05,))
        thread.start()
    assert not thread.is_alive()
