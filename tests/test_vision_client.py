"""The two ends of `vision.sock`, real sockets, no models: what is asked arrives, what is lost is told, once."""

import base64
import contextlib
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import until

from gatefw import wire_json
from gatefw.errors import DeviceLost, SetupError
from gatefw.vision_client import MESSAGES_PER_S, VisionClient
from gatefw.vision_server import Asked, Connected, Gone, Server
from gatefw.vision_wire import PORTRAIT_BYTES_MAX, REQUEST_BYTES

MATCH = {"matched": True, "reason": "ok", "score": 0.3, "threshold": 0.542, "fmr": 1e-3, "frames": 1}


class Supervisor:
    """What a supervisor hears."""

    def __init__(self, path: Path) -> None:
        self.log: list[Any] = []
        self.client = VisionClient(path, self.log.append, self.log.append, lambda: self.log.append("came"))

    def heard(self, what: object) -> bool:
        return what in self.log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vision.sock"


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    with contextlib.closing(Server(path)) as made:
        yield made
    assert not path.exists()


@pytest.fixture
def supervisor(path: Path) -> Iterator[Supervisor]:
    made = Supervisor(path)
    with contextlib.closing(made.client):
        yield made


def test_a_request_arrives_as_it_was_asked_and_the_answer_comes_back(server: Server, supervisor: Supervisor) -> None:
    assert isinstance(server.happenings.get(timeout=30), Connected)
    until(lambda: supervisor.heard("came"))
    number = supervisor.client.ask("verify", subject="anna", deadline_s=8.0)
    asked = server.happenings.get(timeout=30)
    assert isinstance(asked, Asked)
    assert (asked.number, asked.do, asked.fields) == (number, "verify", {"subject": "anna", "deadline_s": 8.0})
    assert "anna" not in repr(asked)
    asked.client.send({"id": number, "hint": "too_dark"})
    asked.client.send({"id": number, "done": MATCH})
    until(lambda: supervisor.log[1:] == [{"id": number, "hint": "too_dark"}, {"id": number, "done": MATCH}])


def test_the_socket_is_open_to_its_user_and_group_alone(server: Server, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_second_supervisor_is_turned_away_and_the_first_stays(
    server: Server, supervisor: Supervisor, path: Path
) -> None:
    assert isinstance(server.happenings.get(timeout=30), Connected)
    with socket.socket(socket.AF_UNIX) as second:
        second.settimeout(30)
        second.connect(str(path))
        assert second.recv(1) == b""
    until(lambda: supervisor.heard("came"))
    supervisor.client.ask("health")
    assert isinstance(server.happenings.get(timeout=30), Asked)


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"[1]\n",
        b'{"do":"list"}\n',
        b'{"id":true,"do":"list"}\n',
        b'{"id":1,"do":7}\n',
        b"x" * (REQUEST_BYTES + 1),
    ],
)
def test_a_line_outside_the_protocol_ends_the_connection_and_the_next_one_is_welcome(
    server: Server, path: Path, line: bytes
) -> None:
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(path))
            assert isinstance(server.happenings.get(timeout=30), Connected)
            with contextlib.suppress(ConnectionError):
                client.sendall(line)
            with contextlib.suppress(ConnectionError):
                assert client.recv(1) == b""
        assert isinstance(server.happenings.get(timeout=30), Gone)


def test_a_client_that_asks_without_end_is_hung_up_on(server: Server, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        with contextlib.suppress(ConnectionError):
            for number in range(1000):
                client.sendall(wire_json.encode({"id": number, "do": "health"}))
        with contextlib.suppress(ConnectionError):
            assert client.recv(1) == b""
        until(lambda: server.happenings.queue and isinstance(server.happenings.queue[-1], Gone))
    assert server.happenings.qsize() < 1000


def test_a_client_that_does_not_read_is_given_up_after_a_second(server: Server, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        connected = server.happenings.get(timeout=30)
        assert isinstance(connected, Connected)
        for _ in range(50):
            connected.client.send({"hint": "x" * 60_000})
        assert isinstance(server.happenings.get(timeout=30), Gone)


def test_a_process_that_is_killed_and_started_again_is_lost_once_and_comes_back(path: Path) -> None:
    first = Server(path)
    supervisor = Supervisor(path)
    try:
        until(lambda: supervisor.heard("came"))
        first.close()
        until(lambda: len(supervisor.log) == 2)
        assert "went away" in supervisor.log[1]
        with pytest.raises(DeviceLost, match="verify was asked, but nobody is connected"):
            supervisor.client.ask("verify", subject="anna", deadline_s=8.0)
        with contextlib.closing(Server(path)):
            until(lambda: supervisor.log[2:] == ["came"])
            assert supervisor.client.ask("health") > 0
            supervisor.client.close()
    finally:
        supervisor.client.close()
        first.close()
    assert len(supervisor.log) == 3


def test_a_socket_file_left_by_a_kill_does_not_hinder_the_next_process(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    Server(path).close()


def test_two_vision_processes_cannot_have_one_socket(server: Server, path: Path) -> None:
    with pytest.raises(SetupError, match="another process answers there"):
        Server(path)


def test_a_supervisor_that_starts_first_waits_and_says_so_once(path: Path) -> None:
    supervisor = Supervisor(path)
    with contextlib.closing(supervisor.client):
        until(lambda: len(supervisor.log) == 1)
        assert str(path) in supervisor.log[0]
        with contextlib.closing(Server(path)):
            until(lambda: supervisor.log[1:] == ["came"])
            supervisor.client.close()


def test_the_largest_portrait_fits_into_one_request(server: Server, supervisor: Supervisor) -> None:
    assert isinstance(server.happenings.get(timeout=30), Connected)
    until(lambda: supervisor.heard("came"), "the supervisor is connected", 30)
    portrait = base64.b64encode(bytes(PORTRAIT_BYTES_MAX)).decode()
    supervisor.client.ask("verify_portrait", portrait=portrait, deadline_s=8.0)
    asked = server.happenings.get(timeout=30)
    assert isinstance(asked, Asked)
    assert asked.fields["portrait"] == portrait
    assert portrait[:64] not in repr(asked)


def test_a_process_that_talks_without_end_is_hung_up_on(path: Path) -> None:
    """Its words become inputs of the supervisor's one queue, which must never be full."""
    heard: list[object] = []
    lost: list[str] = []
    with contextlib.closing(Server(path)) as server:
        client = VisionClient(path, heard.append, lost.append, lambda: None, now_s=lambda: 7.0)
        with contextlib.closing(client):
            connected = server.happenings.get(timeout=30)
            assert isinstance(connected, Connected)
            for number in range(2 * MESSAGES_PER_S):
                connected.client.send({"health": number})
            until(lambda: lost, "the loss is told", 30)
            assert "more than 100 things in a second" in lost[0]
            assert len(heard) == MESSAGES_PER_S


def test_a_message_that_trips_whoever_hears_it_is_told_as_a_loss_and_the_connection_comes_back(path: Path) -> None:
    """Nested just deeply enough to be JSON and too deeply to be shown: its thread must outlive it."""
    log: list[object] = []

    def heard(message: object) -> None:
        log.append(message)
        raise RecursionError("maximum recursion depth exceeded")

    with contextlib.closing(Server(path)) as server:
        client = VisionClient(path, heard, log.append, lambda: log.append("came"))
        with contextlib.closing(client):
            connected = server.happenings.get(timeout=30)
            assert isinstance(connected, Connected)
            connected.client.send({"health": 1})
            until(lambda: log.count("came") == 2, "it is there again")
            assert log == ["came", {"health": 1}, f"vision {path}: RecursionError", "came"]


def test_what_is_said_at_a_bearable_rate_is_heard_for_ever(path: Path) -> None:
    heard: list[object] = []
    with contextlib.closing(Server(path)) as server:
        seconds = iter(range(10**6))
        client = VisionClient(path, heard.append, heard.append, lambda: None, now_s=lambda: next(seconds) / 50)
        with contextlib.closing(client):
            connected = server.happenings.get(timeout=30)
            assert isinstance(connected, Connected)
            for number in range(500):
                connected.client.send({"health": number})
            until(lambda: len(heard) == 500, "everything is heard", 30)


def test_a_request_beyond_the_longest_ends_the_connection(server: Server, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        assert isinstance(server.happenings.get(timeout=30), Connected)
        with contextlib.suppress(ConnectionError):
            client.sendall(b"x" * (REQUEST_BYTES + 70_000))
        assert isinstance(server.happenings.get(timeout=30), Gone)
