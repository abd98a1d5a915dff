"""Who comes to the bus without a good key gets nothing, and who comes with a bad will hurts nobody."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from bus_bench import DEADLINE_S, BusBench, endpoints_in
from peers import until
from zmq.utils.monitor import recv_monitor_message

from gatefw.bus import REPLAY_ROWS
from gatefw.bus_client import Orders, follow, order
from gatefw.bus_keys import ClientKey, Endpoints, Keyholders, Permission, new_pair
from gatefw.bus_socket import CONNECTIONS, HEARD, HIGH_WATER, TOPIC_BYTES, BusSockets
from gatefw.control import Done
from gatefw.errors import DeviceLost, Refusal

ASK = [b"", bytes(8)]
GREETING_BYTES = 64
PROXY = Path("/lib/systemd/systemd-socket-proxyd")
Socket = zmq.Socket[bytes]


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[BusBench]:
    with closing(BusBench(tmp_path)) as gate:
        gate.commit(1)
        yield gate


@contextmanager
def caller(endpoint: str, key: ClientKey | None, kind: int = zmq.DEALER) -> Iterator[tuple[Socket, Socket]]:
    """A client's socket, and what it learns of its handshakes."""
    with zmq.Context() as context, context.socket(kind) as sock:
        sock.linger = 0
        if key is not None:
            sock.curve_serverkey = key.server.encode()
            sock.curve_publickey, sock.curve_secretkey = key.public.encode(), key.secret.encode()
        monitor = sock.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        )
        if kind == zmq.SUB:
            sock.subscribe(b"")
        sock.connect(endpoint)
        yield sock, monitor
        sock.disable_monitor()
        monitor.close(0)


def handshake(monitor: Socket) -> int:
    assert monitor.poll(int(DEADLINE_S * 1000)), "nobody shook hands, or refused to"
    return int(recv_monitor_message(monitor)["event"])


# ---------------------------------------------------------------- who is not let in


def stranger(gate: BusBench) -> ClientKey:
    """Knows the gate's public key, and made a pair of their own."""
    return replace(gate.key, name="stranger", **dict(zip(("public", "secret"), new_pair(), strict=True)))


def misled(gate: BusBench) -> ClientKey:
    """Has a good key, and takes another gate for this one."""
    return replace(gate.key, server=new_pair()[0])


def impostor(gate: BusBench) -> ClientKey:
    """Saw the public half of a good key."""
    return replace(gate.key, secret=new_pair()[1])


def revoked(gate: BusBench) -> ClientKey:
    key = gate.new_key("revoked", *Permission)
    gate.holders.revoke("revoked")
    return key


def nobody(_gate: BusBench) -> None:
    """Speaks ZeroMQ without any key."""


@pytest.mark.parametrize("who", [stranger, misled, impostor, revoked, nobody])
@pytest.mark.parametrize("name", ["events", "replay", "orders"])
def test_who_has_no_good_key_gets_no_answer_from_any_socket(
    gate: BusBench, who: Callable[[BusBench], ClientKey | None], name: str
) -> None:
    kind = zmq.SUB if name == "events" else zmq.DEALER
    with caller(getattr(gate.key, name), who(gate), kind) as (sock, monitor):
        if kind == zmq.DEALER:
            with suppress(zmq.Again):  # it was refused already, and has nobody to send to
                sock.send_multipart(ASK if name == "replay" else [b'{"id": 1, "verb": "nonce"}'], zmq.NOBLOCK)
        assert handshake(monitor) != zmq.EVENT_HANDSHAKE_SUCCEEDED
        gate.commit(1)
        with closing(follow(gate.key, since=1)) as events:
            next(events)  # others have it
        assert not sock.poll(0)


@pytest.mark.parametrize("may", [(Permission.OPERATE,), (Permission.MAINTAIN,)])
def test_who_may_only_order_reads_no_events(gate: BusBench, may: tuple[Permission, ...]) -> None:
    key = gate.new_key("panel", *may)
    for endpoint, kind in ((key.events, zmq.SUB), (key.replay, zmq.DEALER)):
        with caller(endpoint, key, kind) as (_, monitor):
            assert handshake(monitor) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    with caller(key.orders, key) as (_, monitor):
        assert handshake(monitor) == zmq.EVENT_HANDSHAKE_SUCCEEDED
    with pytest.raises(Refusal, match="does not let the key 'panel' in"), closing(follow(key)) as events:
        next(events)


def test_a_stranger_sees_the_greeting_of_any_curve_server_and_nothing_of_this_one(tmp_path: Path) -> None:
    """They connect to two gates by hand, listen, and then talk nonsense."""
    seen = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with closing(BusBench(tmp_path / name)) as gate, socket.socket(socket.AF_UNIX) as raw:
            gate.commit(3)
            raw.settimeout(DEADLINE_S)
            raw.connect(gate.key.events.removeprefix("ipc://"))
            signature = b"\xff" + bytes(8) + b"\x7f"
            raw.sendall(signature + b"\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32))
            greeting = b""
            while len(greeting) < GREETING_BYTES and (more := raw.recv(GREETING_BYTES)):
                greeting += more
            seen.append(greeting)
            raw.sendall(b"\x04\xc8\x05HELLO" + bytes(194))
            assert raw.recv(4096) == b"", "hung up without a word"
    assert seen[0] == seen[1]
    assert seen[0][12:32] == b"CURVE".ljust(20, b"\0")


def test_where_nobody_answers_for_the_keys_nobody_is_let_in(tmp_path: Path) -> None:
    """The gatekeeper is gone, which libzmq by itself takes for a reason to let everybody in."""
    public, secret = new_pair()
    at = endpoints_in(tmp_path)
    key = ClientKey("office", *new_pair(), public, at.events, at.replay, at.orders)
    with closing(BusSockets(at, (public, secret), lambda _domain, _key: True)) as sockets:
        with caller(at.replay, key) as (_, monitor):
            until(lambda: sockets.admit() or monitor.poll(1), "a good key is let in")
            assert handshake(monitor) == zmq.EVENT_HANDSHAKE_SUCCEEDED
        gatekeeper, *_ = sockets.polled
        gatekeeper.close(0)
        with caller(at.replay, key) as (sock, monitor):
            sock.send_multipart(ASK)
            assert handshake(monitor) != zmq.EVENT_HANDSHAKE_SUCCEEDED
            assert not sockets.replay.poll(0)


def test_a_key_that_is_taken_away_while_its_order_waits_gives_no_other(gate: BusBench) -> None:
    """What a key may is looked up for each order: not even an open connection has what it had."""
    key = gate.new_key("panel", Permission.OPERATE)
    with caller(key.orders, key) as (sock, _):
        sock.send(b'{"id": 1, "verb": "nonce"}')
        assert sock.poll(int(DEADLINE_S * 1000))
        sock.recv()
        gate.holders.revoke("panel")
        sock.send(b'{"id": 2, "verb": "nonce"}')
        with suppress(zmq.Again):  # others are answered after it, and it was not
            assert not _asked_nonce(gate, sock)


def _asked_nonce(gate: BusBench, sock: Socket) -> bytes:
    with caller(gate.key.orders, gate.key) as (other, _):
        for _ in range(3):
            other.send(b'{"id": 3, "verb": "nonce"}')
            assert other.poll(int(DEADLINE_S * 1000))
            other.recv()
    return sock.recv(zmq.NOBLOCK)


# ---------------------------------------------------------------- keys in files


def test_the_key_beside_the_sockets_outlives_a_restart_and_not_a_new_gate(tmp_path: Path) -> None:
    made = []
    for where in ("keys", "keys", "others"):
        holders = Keyholders(tmp_path / where, tmp_path / f"{where}.json", tmp_path / "bus.key", endpoints_in(tmp_path))
        made.append(ClientKey.read(tmp_path / "bus.key"))
        local = holders.holder(made[-1].public)
        assert local is not None and local.may == set(Permission)
    assert made[0] == made[1] != made[2]


def test_a_key_that_somebody_else_put_beside_the_sockets_opens_nothing(tmp_path: Path) -> None:
    at = endpoints_in(tmp_path)
    planted = ClientKey("local", *new_pair(), new_pair()[0], at.events, at.replay, at.orders)
    planted.write(tmp_path / "theirs")
    (tmp_path / "bus.key").symlink_to(tmp_path / "theirs")
    holders = Keyholders(tmp_path / "keys", tmp_path / "store", tmp_path / "bus.key", at)
    assert holders.holder(planted.public) is None
    assert holders.holder(ClientKey.read(tmp_path / "bus.key").public) is not None
    assert ClientKey.read(tmp_path / "theirs") == planted, "and nothing was written into it"


def test_grants_outlive_a_restart_and_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    def opened() -> Keyholders:
        return Keyholders(tmp_path / "keys", tmp_path / "store", tmp_path / "bus.key", endpoints_in(tmp_path))

    first = opened()
    made = first.grant("office", new_pair()[0], (Permission.READ,))
    server = first.rotate()
    again = opened()
    assert again.holder(made.public) == made
    assert again.server[0] == server
    key = ClientKey.read(tmp_path / "bus.key")
    assert key.secret not in repr(key)
    assert sorted(path.name for path in (tmp_path / "keys").glob("*.key")) == ["bus-2.key"]


# ---------------------------------------------------------------- who means ill


def test_a_crowd_beyond_the_limit_waits_until_somebody_leaves(gate: BusBench) -> None:
    with ExitStack() as crowd:
        inside = [crowd.enter_context(caller(gate.key.replay, gate.key)) for _ in range(CONNECTIONS)]
        for sock, monitor in inside:
            assert handshake(monitor) == zmq.EVENT_HANDSHAKE_SUCCEEDED
            sock.send_multipart(ASK)
        with caller(gate.key.replay, gate.key) as (_, monitor):
            assert handshake(monitor) != zmq.EVENT_HANDSHAKE_SUCCEEDED
            crowd.close()
            until(lambda: handshake(monitor) == zmq.EVENT_HANDSHAKE_SUCCEEDED, "there is room again")


def test_stalled_subscribers_floods_garbage_and_strangers_keep_no_event_from_who_listens(gate: BusBench) -> None:
    """One subscriber never reads. One asks for everything again and again. Strangers knock, and talk nonsense."""
    reader = gate.new_key("reader", Permission.READ)
    rude, unknown = gate.new_key("rude", Permission.READ), stranger(gate)
    with ExitStack() as files:
        files.enter_context(caller(reader.events, reader, zmq.SUB))  # never reads
        flood, _ = files.enter_context(caller(rude.replay, rude))
        for _ in range(500):
            flood.send_multipart(ASK)
            flood.send_multipart([b"nonsense"] * 3)
        for _ in range(20):
            files.enter_context(caller(unknown.events, unknown, zmq.SUB))
            raw = files.enter_context(socket.socket(socket.AF_UNIX))
            raw.connect(gate.key.replay.removeprefix("ipc://"))
            raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 20)
        count = 3 * HIGH_WATER
        with closing(follow(reader, since=1)) as events:
            gate.commit(count)
            got = [int(next(events)["sequence"]) for _ in range(count)]
        assert got == list(range(2, count + 2))


def test_who_subscribes_to_more_than_there_is_is_shown_out_and_the_others_stay(
    gate: BusBench, caplog: pytest.LogCaptureFixture
) -> None:
    """Each subscription takes memory, and libzmq knows no limit."""
    hoarder, reader = gate.new_key("hoarder", Permission.READ), gate.new_key("reader", Permission.READ)
    with closing(follow(reader)) as events, caller(hoarder.events, hoarder, zmq.SUB) as (sock, monitor):
        assert next(events)["sequence"].endswith("1")
        assert handshake(monitor) == zmq.EVENT_HANDSHAKE_SUCCEEDED
        for number in range(TOPIC_BYTES // 64 + 1):
            sock.subscribe(f"{number:064}".encode())
        until(lambda: handshake(monitor) == zmq.EVENT_HANDSHAKE_FAILED_AUTH, "it is not let in again")
        gate.commit(1)
        assert next(events)["sequence"].endswith("2")
    assert "key hoarder subscribed to more than there is" in caplog.text


@contextmanager
def holding_up(gate: BusBench) -> Iterator[None]:
    """The bus is at an order, whose client does not wait for the answer."""
    with caller(gate.key.orders, gate.key) as (sock, _):
        sock.send(b'{"id": 1, "verb": "nonce"}')
        assert sock.poll(int(DEADLINE_S * 1000))
        nonce = json.loads(sock.recv())["result"]["nonce"]
        sock.send(json.dumps({"id": 2, "verb": "status", "nonce": nonce}).encode())
        gate.orders.get(timeout=DEADLINE_S)
        yield


def test_who_sends_more_than_can_be_heard_at_once_is_shown_out_and_the_others_stay(
    gate: BusBench, caplog: pytest.LogCaptureFixture
) -> None:
    """The bus is held up, as by a slow disk, and meanwhile one client sends and sends."""
    rude, reader = gate.new_key("rude", Permission.READ), gate.new_key("reader", Permission.READ)
    go_on = threading.Event()
    gate.hold = lambda _order: go_on.wait(DEADLINE_S)
    with ExitStack() as files, caller(rude.replay, rude) as (sock, monitor), closing(follow(reader)) as events:
        assert handshake(monitor) == zmq.EVENT_HANDSHAKE_SUCCEEDED
        assert next(events)["sequence"].endswith("1")
        files.enter_context(holding_up(gate))
        for _ in range(HEARD + 500):
            sock.send_multipart(ASK)
        go_on.set()
        until(lambda: "key rude" in caplog.text, "it was noticed")
        until(lambda: handshake(monitor) == zmq.EVENT_HANDSHAKE_FAILED_AUTH, "it is not let in again")
        gate.commit(1)
        assert next(events)["sequence"].endswith("2")


def test_whoever_asks_without_end_is_served_in_turn_with_the_others(gate: BusBench) -> None:
    gate.commit(REPLAY_ROWS)
    with caller(gate.key.replay, gate.key) as (rude, _), caller(gate.key.replay, gate.key) as (polite, _):
        for _ in range(400):
            rude.send_multipart(ASK)
        assert rude.poll(int(DEADLINE_S * 1000))  # it is being served
        polite.send_multipart(ASK)
        while polite.recv_multipart()[0] != b"HEAD":
            pass
        heads = 0
        with suppress(zmq.Again):
            while True:
                heads += rude.recv_multipart(zmq.NOBLOCK)[0] == b"HEAD"
        assert heads < 400


# ---------------------------------------------------------------- over a network


def on_tcp() -> Endpoints:
    with ExitStack() as files:
        probes = [files.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        return Endpoints(*(f"tcp://127.0.0.1:{probe.getsockname()[1]}" for probe in probes))


def test_a_site_may_bind_to_the_network_itself_and_the_keys_are_asked_all_the_same(tmp_path: Path) -> None:
    with closing(BusBench(tmp_path, endpoints=on_tcp())) as gate:
        gate.commit(2)
        with closing(follow(gate.key)) as events:
            assert [next(events)["sequence"][-1] for _ in range(2)] == ["1", "2"]
        unknown = stranger(gate)
        with caller(unknown.events, unknown, zmq.SUB) as (_, monitor):
            assert handshake(monitor) == zmq.EVENT_HANDSHAKE_FAILED_AUTH


class Relay:
    """Carries bytes between a port and a socket file, as systemd-socket-proxyd does; has no key and learns nothing."""

    def __init__(self, path: str) -> None:
        self._path, self.carried = path, bytearray()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    self._threads.append(threading.Thread(target=self._carry, args=(source, sink)))
                    self._threads[-1].start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.carried += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for each in list(self._ends):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._ends:
            each.close()


def test_a_relay_without_a_key_carries_events_and_orders_and_reads_neither(gate: BusBench) -> None:
    """The daemon has no network; a small process has one, and hands bytes to and fro."""
    office = gate.new_key("office", *Permission)
    with ExitStack() as files:
        relays = {
            name: files.enter_context(closing(Relay(getattr(office, name).removeprefix("ipc://"))))
            for name in ("events", "replay", "orders")
        }
        far = replace(office, **{name: relay.endpoint for name, relay in relays.items()})
        answering = threading.Thread(target=lambda: gate.orders.get(timeout=DEADLINE_S)[1](Done({"phase": "idle"})))
        answering.start()
        assert order(far, "status") == {"phase": "idle"}
        answering.join()
        with closing(follow(far)) as events:
            assert next(events)["sequence"].endswith("1")
            gate.commit(1)
            assert next(events)["sequence"].endswith("2")
        carried = b"".join(bytes(relay.carried) for relay in relays.values())
    assert carried.count(b"\5READY") > 0 or carried.count(b"READY") > 0, "ZeroMQ went through it"
    for secret in (b"status", b"gatefw", b"specversion", gate.journal.epoch.encode(), b"idle"):
        assert secret not in carried


@pytest.mark.skipif(not PROXY.exists(), reason="no systemd-socket-proxyd on this machine")
def test_systemds_own_relay_carries_the_bus(gate: BusBench) -> None:
    activate = shutil.which("systemd-socket-activate")
    assert activate is not None, "it comes with the same package"
    at = on_tcp()
    with ExitStack() as files:
        for name in ("events", "replay"):
            port = getattr(at, name).removeprefix("tcp://")
            command = [activate, "-l", port, PROXY, getattr(gate.key, name).removeprefix("ipc://")]
            relay = files.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
            files.callback(relay.kill)
            assert relay.stderr is not None
            assert b"Listening" in relay.stderr.readline()
        with closing(follow(replace(gate.key, events=at.events, replay=at.replay))) as events:
            assert next(events)["sequence"].endswith("1")
            gate.commit(1)
            assert next(events)["sequence"].endswith("2")


def test_a_way_for_orders_that_is_kept_open_goes_on_when_the_gate_is_back(tmp_path: Path) -> None:
    """A console asks for the status twice a second, and the daemon is restarted."""

    def answered(gate: BusBench, orders: Orders) -> list[str]:
        def answer() -> None:
            for _ in range(3):
                order, reply = gate.orders.get(timeout=DEADLINE_S)
                reply(Done({"by": order.by}))

        answering = threading.Thread(target=answer)
        answering.start()
        told = [str(orders.give("status", name=name)["by"]) for name in ("mk", "xy", "")]
        answering.join()
        return told

    with closing(BusBench(tmp_path)) as gate:
        key = gate.key
        orders = Orders(key)
        assert answered(gate, orders) == ["bus-local/mk", "bus-local/xy", "bus-local"]
    with closing(orders):
        with pytest.raises(DeviceLost, match="nonce got no answer"):
            orders.give("status", timeout_s=0.1)
        with closing(BusBench(tmp_path)) as gate:
            assert answered(gate, orders) == ["bus-local/mk", "bus-local/xy", "bus-local"]
