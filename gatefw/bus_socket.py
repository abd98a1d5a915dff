"""The sockets of the bus as the gate binds them: CURVE on each, and a gatekeeper who is asked about every key.

libzmq lets everybody in where CURVE is on and nobody answers for the keys (ZAP, RFC 27). So the gatekeeper is there
before anything is bound and longer than it, and each socket is told to refuse whom nobody vouches for
(`ZAP_ENFORCE_DOMAIN`). Who is refused has seen the greeting that every ZeroMQ program with CURVE sends, and no more.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import zmq
from zmq.utils import z85

from gatefw import bus_monitor, unix_socket
from gatefw.bus_keys import Endpoints
from gatefw.errors import SetupError

Socket = zmq.Socket[bytes]
EVENTS, REPLAY, ORDERS = "events", "replay", "orders"
SOCKET_MODE = 0o660  # its directory says which group; who may speak is said by keys
HIGH_WATER = 1000  # messages kept for one slow client; beyond it, only the replay has them
REQUESTS_KEPT = 8192
"""Of one client that we have not heard yet. libzmq 4.3.5 may abort the process when somebody leaves whose messages it
could not hand over, so they are heard sooner, and whoever sends so many at once is shown out."""
CONNECTIONS = 64  # on all three sockets; 60 that never read took 13 MB in all (events of 283 bytes)
ASK_BYTES, ORDER_BYTES = 1024, 64 * 1024  # of one message to us
TOPIC_BYTES = 16 * 1024  # of all that is subscribed to; there are some fifty kinds of events
LINGER_MS = 500
END_S = 5.0
ALIVE_S, PROBES = 2, 4
SILENT_S = ALIVE_S * (PROBES + 1)
"""Whose machine has answered nothing for so long, over TCP, has gone. By the kernel's own probes: libzmq 4.3.5 aborts
the process when its heartbeat is due to somebody who has left while messages of theirs wait unread."""
HANDSHAKE_MS = 5000  # who has not shown a key by then has gone
ADMISSIONS, HEARD = 64, 4096  # before events are published again
IPC, TCP = "ipc://", "tcp://"
_ZAP = "inproc://zeromq.zap.01"
_COMES_AND_GOES = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED

_log = logging.getLogger(__name__)
Admits = Callable[[str, str], bool]
"""Whether a socket (EVENTS, REPLAY, ORDERS) is open to a public key in Z85."""


def address_of(path: Path) -> str:
    """The endpoint of a socket file."""
    return f"{IPC}{path}"


class BusSockets:
    """One set of them, from construction to `close`; all but construction from one thread. Raises SetupError.

    `server`: the gate's public and secret key.
    """

    def __init__(self, endpoints: Endpoints, server: tuple[str, str], admits: Admits) -> None:
        self._server, self._admits = server, admits
        self._monitors: dict[Socket, Socket] = {}
        self._topics: dict[bytes, str] = {}  # whose subscription made us know it
        self._live: set[tuple[Socket, int]] = set()  # each connection: a monitor, a descriptor
        with contextlib.ExitStack() as files:
            self._context = zmq.Context()
            files.callback(self._end_context)
            self._gatekeeper = files.enter_context(self._context.socket(zmq.REP))
            self._gatekeeper.linger = 0
            self._gatekeeper.bind(_ZAP)
            self.events, self.replay, self.orders = (
                self._bound(files, kind, endpoint, domain)
                for kind, endpoint, domain in (
                    (zmq.XPUB, endpoints.events, EVENTS),
                    (zmq.ROUTER, endpoints.replay, REPLAY),
                    (zmq.ROUTER, endpoints.orders, ORDERS),
                )
            )
            self._files = files.pop_all()

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Everybody is disconnected, the endpoints are free when this returns; what was sent has `linger_ms` to go.

        May be called twice."""
        for each, monitor in self._monitors.items():
            each.linger = linger_ms
            each.disable_monitor()
            monitor.close()
        self._monitors.clear()
        self._files.close()

    def _end_context(self) -> None:
        """libzmq waits for its own threads, without a limit; whoever waits for us is not made to."""
        ending = threading.Thread(target=self._context.term, name="bus sockets", daemon=True)
        ending.start()
        ending.join(END_S)
        if ending.is_alive():
            _log.warning("bus: libzmq has not ended its connections in %g s; they are left to it", END_S)

    @property
    def polled(self) -> list[Socket]:
        """What to call `admit` for."""
        return [self._gatekeeper, self.events, *self._monitors.values()]

    def admit(self) -> str:
        """Say who may come in; bounded, and never waits. Returns the key that subscribes to more than there is, if any.

        Subscriptions are kept in memory, by libzmq and without a limit: such a client is to be shown out.
        """
        for monitor in self._monitors.values():
            self._count(monitor)
        with contextlib.suppress(zmq.Again):
            for _ in range(ADMISSIONS):
                self._answer(*self._gatekeeper.recv_multipart(zmq.NOBLOCK))
        return self._greedy()

    # ---------------------------------------------------------------- the gatekeeper

    def _answer(self, version: bytes, number: bytes, *asked: bytes) -> None:
        status, user = self._judged(asked)
        self._gatekeeper.send_multipart([version, number, status, b"", user, b""])

    def _judged(self, asked: tuple[bytes, ...]) -> tuple[bytes, bytes]:
        match asked:
            case (domain, _, _, b"CURVE", key) if len(key) == 32:
                public = z85.encode(key)
                if not self._admits(domain.decode(), public.decode()):
                    return b"400", b""
                if len(self._live) > CONNECTIONS:  # its own is one of them
                    return b"300", b""  # try again later
                return b"200", public
        return b"400", b""

    def _greedy(self) -> str:
        with contextlib.suppress(zmq.Again):
            for _ in range(HEARD):
                if sum(map(len, self._topics)) > TOPIC_BYTES:
                    return self._most()
                frame = self.events.recv(zmq.NOBLOCK, copy=False)
                topic = frame.bytes
                if topic[:1] == b"\1":
                    self._topics[topic[1:]] = str(frame.get("User-Id"))
                else:  # the last one unsubscribed, or has gone, or it is nothing that we know
                    self._topics.pop(topic[1:], None)
        return ""

    def _most(self) -> str:
        held: dict[str, int] = {}
        for topic, key in self._topics.items():
            held[key] = held.get(key, 0) + len(topic)
        return max(held, key=lambda key: held[key])

    def _count(self, monitor: Socket) -> None:
        with contextlib.suppress(zmq.Again):
            while True:
                event, descriptor = bus_monitor.told(monitor.recv_multipart(zmq.NOBLOCK))
                connection = (monitor, descriptor)
                if event == zmq.EVENT_ACCEPTED:
                    self._live.add(connection)
                else:
                    self._live.discard(connection)

    # ---------------------------------------------------------------- binding

    def _bound(self, files: contextlib.ExitStack, kind: int, endpoint: str, domain: str) -> Socket:
        path = Path(endpoint.removeprefix(IPC)) if endpoint.startswith(IPC + "/") else None
        if path is None and not endpoint.startswith(TCP):
            raise SetupError(f"bus {endpoint}: {IPC}/ABSOLUTE/PATH or {TCP}ADDRESS:PORT is wanted")
        if path is not None:
            unix_socket.checked(path)
        sock = files.enter_context(self._context.socket(kind))
        self._secure(sock, domain)
        sock.ipv6 = "[" in endpoint
        name = f"inproc://{domain}-monitor"
        sock.monitor(name, _COMES_AND_GOES)
        self._monitors[sock] = monitor = files.enter_context(self._context.socket(zmq.PAIR))
        monitor.rcvhwm = monitor.linger = 0  # a full one would stop libzmq's own thread
        monitor.connect(name)
        mask = os.umask(0o177)  # libzmq makes the file in this call, with the mode the mask leaves
        try:
            sock.bind(endpoint)
        except zmq.ZMQError as error:
            raise SetupError(
                f"bus {endpoint}: cannot be bound: {error.strerror}; is its directory or address there, and free?"
            ) from error
        finally:
            os.umask(mask)
        if path is not None:
            path.chmod(SOCKET_MODE)
        return sock

    def _secure(self, sock: Socket, domain: str) -> None:
        sock.sndhwm, sock.rcvhwm = HIGH_WATER, REQUESTS_KEPT
        sock.maxmsgsize = ORDER_BYTES if domain == ORDERS else ASK_BYTES
        sock.handshake_ivl, sock.heartbeat_ivl = HANDSHAKE_MS, 0
        sock.tcp_keepalive, sock.tcp_keepalive_idle = 1, ALIVE_S
        sock.tcp_keepalive_intvl, sock.tcp_keepalive_cnt = ALIVE_S, PROBES
        sock.curve_server = True
        sock.curve_publickey, sock.curve_secretkey = (each.encode() for each in self._server)
        sock.zap_domain = domain.encode()
        sock.set(zmq.ZAP_ENFORCE_DOMAIN, 1)
