"""The event bus: what the journal holds, published as it is committed, and replayed to whoever missed some of it.

ZeroMQ loses messages for a subscriber that is slow or away, silently, and that is what keeps a subscriber from hurting
the gate. Nothing is lost all the same: every message carries its number, and the replay socket hands out what is
missing. `docs/events.md` describes the wire; `bus_client` is one reader of it, `docs/subscriber.py` a smaller one.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import zmq

from gatefw import unix_socket
from gatefw.errors import GateError, SetupError
from gatefw.journal import Journal

REPLAY_ROWS = 256
REQUESTS = 16  # answered before events are published again
HIGH_WATER = 1000  # messages kept for one slow subscriber; beyond it, only the replay has them
MESSAGE_BYTES = 64 * 1024
LINGER_MS = 500
HEARTBEAT_MS = 2000
SCHEME = "ipc://"


def address_of(path: Path) -> str:
    """The endpoint of a socket file."""
    return f"{SCHEME}{path}"


def _bind(context: zmq.Context[zmq.Socket[bytes]], kind: int, endpoint: str) -> zmq.Socket[bytes]:
    """A bound socket whose file is its owner's alone. Raises SetupError."""
    path = endpoint.removeprefix(SCHEME)
    if not endpoint.startswith(SCHEME + "/"):
        raise SetupError(
            f"bus {endpoint}: only {SCHEME}/ABSOLUTE/PATH is allowed; network transports are not there yet"
        )
    unix_socket.checked(Path(path))
    sock = context.socket(kind)
    sock.linger, sock.sndhwm, sock.rcvhwm = LINGER_MS, HIGH_WATER, HIGH_WATER
    sock.maxmsgsize, sock.heartbeat_ivl = MESSAGE_BYTES, HEARTBEAT_MS
    mask = os.umask(0o177)  # libzmq makes the file in this call, with the mode the mask leaves
    try:
        sock.bind(endpoint)
    except zmq.ZMQError as error:
        sock.close(0)
        raise SetupError(f"bus {endpoint}: cannot be bound: {error.strerror}; is its directory there?") from error
    finally:
        os.umask(mask)
    return sock


class Bus:
    """Serves both sockets from a thread of its own, from construction to `close`.

    Whatever is committed from now on is published; older rows are replayed to who asks. `failed` is called once, from
    that thread, when the journal can no longer be read: subscribers then hear nothing more. Raises SetupError.
    """

    def __init__(self, journal: Journal, events: str, replay: str, failed: Callable[[GateError], None]) -> None:
        self._journal, self._failed = journal, failed
        self._published = journal.head()
        self._closing = threading.Event()
        with contextlib.ExitStack() as files:
            self._context = files.enter_context(zmq.Context())
            self._publisher = files.enter_context(_bind(self._context, zmq.PUB, events))
            self._router = files.enter_context(_bind(self._context, zmq.ROUTER, replay))
            self._wake_in, self._wake_out = (files.enter_context(each) for each in socket.socketpair())
            self._wake_out.setblocking(False)
            self._files = files.pop_all()
        journal.watch(self._wake)
        self._thread = threading.Thread(target=self._work, name="bus")
        self._thread.start()

    def close(self) -> None:
        """Publish what is committed, give subscribers LINGER_MS to take it, end the thread. May be called twice."""
        self._closing.set()
        self._wake()
        self._thread.join()

    def _wake(self, _head: int = 0) -> None:
        with contextlib.suppress(OSError):  # full: it is awake; closed: it has ended
            self._wake_out.send(b"\0")

    # ---------------------------------------------------------------- the bus thread

    def _work(self) -> None:
        with self._files:
            poller = zmq.Poller()
            poller.register(self._router, zmq.POLLIN)
            poller.register(self._wake_in, zmq.POLLIN)
            try:
                while not self._closing.is_set():
                    if self._wake_in.fileno() in dict(poller.poll()):
                        self._wake_in.recv(4096)
                    self._publish()
                    self._answer_requests()
                self._publish()
            except (GateError, zmq.ZMQError) as error:
                self._failed(error if isinstance(error, GateError) else GateError(f"bus: {error}"))

    def _publish(self) -> None:
        while rows := self._journal.read(self._published, REPLAY_ROWS):
            for row in rows:
                self._publisher.send_multipart([row.type.encode(), row.n.to_bytes(8, "big"), row.body])
            self._published = rows[-1].n

    def _answer_requests(self) -> None:
        with contextlib.suppress(zmq.Again):
            for _ in range(REQUESTS):
                self._answer(*self._router.recv_multipart(zmq.NOBLOCK))

    def _answer(self, client: bytes, *request: bytes) -> None:
        """A ROUTER never blocks: what a client does not take, it has to ask for again."""
        own = self._journal.epoch.encode()
        match request:
            case (epoch, since) if len(since) == 8 and len(epoch) in (0, len(own)):
                if epoch in (b"", own):
                    for row in self._journal.read(min(int.from_bytes(since, "big"), 2**63 - 1), REPLAY_ROWS):
                        self._router.send_multipart([client, b"EVENT", row.n.to_bytes(8, "big"), row.body])
                self._router.send_multipart([client, b"HEAD", own, self._journal.head().to_bytes(8, "big")])
            case _:
                self._router.send_multipart([client, b"BAD"])
