"""Orders over the command socket: one answer each, and no client can hurt another."""

import json
import os
import queue
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatefw import control
from gatefw.control import VERBS, Answer, Done, Order, Rejected, Rejection, call, parse
from gatefw.control_server import ControlServer
from gatefw.errors import BadReply, DeviceLost, FaultError, Refusal, SetupError
from gatefw.model import Phase

DEADLINE_S = 30.0
Reply = Callable[[Answer], None]


class Daemon:
    """What stands behind the socket in a test: orders queue up here, a test answers them when it likes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.orders: queue.Queue[tuple[Order, Reply]] = queue.Queue()
        self.server = ControlServer(path, lambda order, reply: self.orders.put((order, reply)))

    def next(self) -> tuple[Order, Reply]:
        return self.orders.get(timeout=DEADLINE_S)


class Client:
    """A client that sends any bytes it likes."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rb")

    def send(self, *messages: bytes | dict[str, object]) -> None:
        self.sock.sendall(b"".join(m if isinstance(m, bytes) else json.dumps(m).encode() + b"\n" for m in messages))

    def receive(self) -> Any:
        return json.loads(self.file.readline())

    def ask(self, *messages: bytes | dict[str, object]) -> Any:
        self.send(*messages)
        return self.receive()

    def close(self) -> None:
        self.file.close()
        self.sock.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "control.sock")
    yield daemon
    daemon.server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "control"]
    assert not daemon.path.exists()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with closing(Client(daemon.path)) as client:
        yield client


def answer_all(daemon: Daemon, answer: Answer) -> threading.Thread:
    thread = threading.Thread(target=lambda: daemon.next()[1](answer))
    thread.start()
    return thread


# ---------------------------------------------------------------- the way it should go


def test_an_order_carries_who_gave_it_and_its_answer_comes_from_any_thread(daemon: Daemon) -> None:
    results: queue.Queue[dict[str, Any]] = queue.Queue()
    args = {"subject": "x", "n": 1}
    caller = threading.Thread(target=lambda: results.put(call(daemon.path, "revoke", args, expects=Phase.IDLE)))
    caller.start()
    order, reply = daemon.next()
    assert (order.verb, order.args, order.by, order.expects) == ("revoke", args, f"uid-{os.getuid()}", Phase.IDLE)
    reply(Done({"phase": "idle"}))
    caller.join()
    assert results.get_nowait() == {"phase": "idle"}


def test_a_refusal_reaches_the_caller_with_its_reason(daemon: Daemon) -> None:
    thread = answer_all(daemon, Rejected(Rejection.REFUSED, "the lane is occupied"))
    with pytest.raises(Refusal, match="open: refused: the lane is occupied"):
        call(daemon.path, "open")
    thread.join()


def test_answers_find_their_orders_when_they_come_out_of_turn(daemon: Daemon, client: Client) -> None:
    client.send({"id": 1, "verb": "status"}, {"id": "two", "verb": "open"})
    (first, reply_first), (second, reply_second) = daemon.next(), daemon.next()
    assert (first.verb, second.verb) == ("status", "open")
    reply_second(Done())
    assert client.receive() == {"id": "two", "ok": True, "result": {}}
    reply_first(Done({"a": 1}))
    assert client.receive() == {"id": 1, "ok": True, "result": {"a": 1}}


def test_a_client_that_has_sent_all_still_gets_its_answer(daemon: Daemon, client: Client) -> None:
    client.send({"id": 1, "verb": "status"})
    client.sock.shutdown(socket.SHUT_WR)
    daemon.next()[1](Done())
    assert client.receive()["ok"] is True
    assert client.file.read() == b""


def test_only_the_first_answer_counts(daemon: Daemon, client: Client) -> None:
    client.send({"id": 1, "verb": "status"})
    _, reply = daemon.next()
    reply(Done({"answer": 1}))
    reply(Done({"answer": 2}))
    assert client.receive()["result"] == {"answer": 1}
    assert client.ask({"id": 2, "verb": "nonsense"})["id"] == 2


def test_the_socket_is_its_owners_alone_and_is_gone_after_close(daemon: Daemon) -> None:
    assert stat.S_IMODE(daemon.path.stat().st_mode) == 0o600
    daemon.server.close()
    daemon.server.close()
    assert not daemon.path.exists()


# ---------------------------------------------------------------- what is not done


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"hello\n", "malformed"),
        (b"\xff\xfe\n", "malformed"),
        (b"\n", "malformed"),
        (b"[1]\n", "malformed"),
        (b"[" * 60_000 + b"\n", "malformed"),
        ({"verb": "status"}, "malformed"),
        ({"id": None, "verb": "status"}, "malformed"),
        ({"id": True, "verb": "status"}, "malformed"),
        ({"id": "x" * 65, "verb": "status"}, "malformed"),
        ({"id": 1, "verb": "status", "args": []}, "malformed"),
        ({"id": 1, "verb": "status", "expires_s": "5"}, "malformed"),
        ({"id": 1, "verb": "status", "expires_s": True}, "malformed"),
        ({"id": 1, "verb": "status", "expires_s": 1e9}, "malformed"),
        ({"id": 1, "verb": "status", "expects": "lunch"}, "malformed"),
        ({"id": 1, "verb": "status", "expects": ["idle"]}, "malformed"),
        ({"id": 1, "verb": "status", "force": True}, "malformed"),
        ({"id": 1}, "unknown_verb"),
        ({"id": 1, "verb": "explode"}, "unknown_verb"),
        ({"id": 1, "verb": ["open"]}, "unknown_verb"),
        ({"id": 1, "verb": "open", "expires_s": 0}, "expired"),
        ({"id": 1, "verb": "open", "expires_s": -3}, "expired"),
    ],
)
def test_what_is_no_order_is_answered_with_its_reason_and_the_connection_goes_on(
    daemon: Daemon, client: Client, line: bytes | dict[str, object], error: str
) -> None:
    answer = client.ask(line)
    assert (answer["ok"], answer["error"]) == (False, error)
    assert answer["message"]
    assert daemon.orders.empty()
    client.send({"id": 2, "verb": "status"})
    daemon.next()[1](Done())
    assert client.receive() == {"id": 2, "ok": True, "result": {}}


def test_a_line_without_end_is_refused_at_the_limit_and_the_connection_closed(daemon: Daemon, client: Client) -> None:
    client.send(b"x" * (64 * 1024 + 1))
    assert client.receive()["error"] == "oversize"
    assert client.file.read() == b""


def test_an_order_without_an_outcome_in_time_is_answered_expired_and_what_comes_later_is_dropped(
    daemon: Daemon, client: Client
) -> None:
    assert client.ask({"id": 1, "verb": "open", "expires_s": 0.02})["error"] == "expired"
    _, late = daemon.next()
    client.send({"id": 1, "verb": "close"})
    _, reply = daemon.next()
    late(Done({"outcome": "of the first"}))
    reply(Done({"outcome": "of the second"}))
    assert client.receive()["result"] == {"outcome": "of the second"}


def test_two_orders_at_once_may_not_share_an_id(daemon: Daemon, client: Client) -> None:
    client.send({"id": 1, "verb": "status"})
    _, reply = daemon.next()
    assert client.ask({"id": 1, "verb": "status"})["error"] == "malformed"
    reply(Done())
    assert client.receive()["ok"] is True


def test_a_client_cannot_pile_up_orders(daemon: Daemon, client: Client) -> None:
    answer = client.ask(*({"id": n, "verb": "status"} for n in range(control.PENDING + 1)))
    assert (answer["id"], answer["error"]) == (control.PENDING, "unavailable")


def test_there_are_only_so_many_connections_and_the_others_are_told(daemon: Daemon) -> None:
    clients = [Client(daemon.path) for _ in range(control.CONNECTIONS)]
    for client in clients:
        assert client.ask(b"\n")["error"] == "malformed"
    with closing(Client(daemon.path)) as one_more:
        assert one_more.receive()["error"] == "unavailable"
    for client in clients:
        client.close()


def test_a_client_that_goes_away_takes_nobody_with_it(daemon: Daemon, client: Client) -> None:
    with closing(Client(daemon.path)) as other:
        other.send({"id": 1, "verb": "status"})
        _, reply = daemon.next()
    reply(Done())
    assert client.ask(b"\n")["error"] == "malformed"


@pytest.mark.parametrize(
    ("raised", "error"),
    [(Refusal("occupied"), "refused"), (FaultError("latched"), "failed"), (ZeroDivisionError("oops"), "failed")],
)
def test_what_the_handler_raises_is_the_answer(tmp_path: Path, raised: Exception, error: str) -> None:
    def handle(order: Order, reply: Reply) -> None:
        raise raised

    with closing(ControlServer(tmp_path / "c", handle)), closing(Client(tmp_path / "c")) as client:
        for _ in range(2):
            answer = client.ask({"id": 1, "verb": "status"})
            assert answer["error"] == error
            assert str(raised) in answer["message"]


def test_an_outcome_that_json_cannot_tell_is_told_as_a_failure(daemon: Daemon, client: Client) -> None:
    client.send({"id": 1, "verb": "status"})
    daemon.next()[1](Done({"a": b"bytes"}))
    assert client.receive()["error"] == "failed"


def test_who_still_waits_when_the_daemon_ends_is_told(daemon: Daemon, client: Client) -> None:
    client.send({"id": 1, "verb": "status"})
    daemon.next()
    daemon.server.close()
    assert client.receive()["error"] == "unavailable"
    assert client.file.read() == b""


# ---------------------------------------------------------------- the socket's file


def test_nobody_there_names_the_socket_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeviceLost, match=r"nobody\.sock: status got no answer.*gatefw run"):
        call(tmp_path / "nobody.sock", "status")


def test_somebody_else_there_is_a_bad_reply(tmp_path: Path) -> None:
    def serve(listener: socket.socket, line: bytes) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(1000)
            sock.sendall(line)

    for line, expected in ((b"hello\n", BadReply), (b'{"ok":1}\n', BadReply), (b"half", DeviceLost)):
        path = tmp_path / "other.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            thread = threading.Thread(target=serve, args=(listener, line))
            thread.start()
            with pytest.raises(expected):
                call(path, "status")
            thread.join()
        path.unlink()


def test_a_path_that_is_too_long_is_refused_with_both_lengths(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 200)
    for use in (lambda: ControlServer(path, lambda order, reply: None), lambda: call(path, "status")):
        with pytest.raises(SetupError, match=r"the path has \d+ bytes, the kernel takes 107"):
            use()


def test_the_socket_of_a_dead_process_is_replaced_and_a_live_one_or_a_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with closing(ControlServer(path, lambda order, reply: reply(Done()))):
        assert call(path, "status") == {}
        with pytest.raises(SetupError, match="another process answers there"):
            ControlServer(path, lambda order, reply: None)
        assert call(path, "status") == {}
    path.write_text("notes")
    with pytest.raises(SetupError, match="something else has this name"):
        ControlServer(path, lambda order, reply: None)
    assert path.read_text() == "notes"


# ---------------------------------------------------------------- anything at all

jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(sorted(VERBS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
requests = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "verb", "args", "expires_s", "expects", "other"), jsons)
)


@given(st.binary(max_size=200) | requests.map(lambda r: json.dumps(r).encode()))
def test_any_line_is_an_order_or_a_reason(line: bytes) -> None:
    request_id, order = parse(line, "uid-0", now_s=100.0)
    assert isinstance(order, Order | Rejected)
    if isinstance(order, Order):
        assert request_id is not None
        assert order.verb in VERBS
        assert 100.0 < order.deadline_s <= 100.0 + control.LONGEST_S


@given(st.lists(st.binary(max_size=60) | st.just(b"\n"), max_size=6))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_on_the_socket_leave_it_serving(daemon: Daemon, chunks: list[bytes]) -> None:
    with closing(Client(daemon.path)) as wild:
        wild.send(*chunks)
    with closing(Client(daemon.path)) as client:
        assert client.ask({"id": 9, "verb": "nonsense"})["error"] == "unknown_verb"
