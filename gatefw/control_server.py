"""The daemon's end of the command socket: one thread, which no client can stop, block or crash."""

import contextlib
import queue
import select
import socket
import struct
import threading
import time
from pathlib import Path

from gatefw import unix_socket, wire_json
from gatefw.control import CONNECTIONS, PENDING, Answer, Handler, Order, Rejected, Rejection, RequestId, line_of, parse
from gatefw.errors import BadReply, GateError
from gatefw.waker import Waker

READ_BYTES = 64 * 1024
FAREWELL_S = 1.0
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class _Connection:
    """One client: its unfinished line, what it has not read yet, and its orders that have no answer."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.lines, self.out = sock, wire_json.Lines(), bytearray()
        self.waiting: dict[RequestId, Order] = {}
        self.ended = False  # it sends no more, but may wait for an answer
        self.by = f"uid-{struct.unpack('3i', sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]}"

    @property
    def wants(self) -> int:
        """Nothing more is read from a client that does not read its answers."""
        if self.out:
            return select.POLLOUT
        return 0 if self.ended else select.POLLIN

    @property
    def finished(self) -> bool:
        return self.ended and not self.out and not self.waiting

    def answer(self, request_id: RequestId, answer: Answer) -> None:
        self.out += line_of(request_id, answer)

    def flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            del self.out[: self.sock.send(self.out)]

    def vanish(self) -> None:
        """Nobody is there to be answered."""
        self.ended = True
        self.out.clear()
        self.waiting.clear()


class ControlServer:
    """Listens at `path` from construction to `close`.

    `handle(order, answer)` is called from this thread and must only enqueue; `answer` is called from any thread, at
    once or later; only the first call counts, and none after the order's deadline. A GateError that `handle` raises is
    the answer. Raises SetupError when the socket cannot be made.
    """

    def __init__(self, path: Path, handle: Handler) -> None:
        self._path, self._handle, self.progress = path, handle, 0
        self._listener = unix_socket.listen(path, CONNECTIONS)
        self._waker = Waker()
        self._answers: queue.SimpleQueue[tuple[_Connection, RequestId, Order, Answer]] = queue.SimpleQueue()
        self._connections: set[_Connection] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="control")
        self._thread.start()

    def close(self) -> None:
        """Tell every waiting client `unavailable`, end the thread, remove the socket. May be called twice."""
        self._closing.set()
        self._waker.wake()
        self._thread.join()

    # ---------------------------------------------------------------- any thread

    def poke(self) -> None:
        """Have the thread take a turn, which `progress` counts."""
        self._waker.wake()

    # ---------------------------------------------------------------- the control thread

    def _work(self) -> None:
        with self._listener, self._waker:
            while not self._closing.is_set():
                self._turn()
            self._farewell()
            self._path.unlink(missing_ok=True)

    def _turn(self) -> None:
        self.progress += 1
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._waker, select.POLLIN)
        for connection in self._connections:
            poll.register(connection.sock, connection.wants)
        happened = dict(poll.poll(self._patience_ms()))
        if self._listener.fileno() in happened:
            self._accept()
        if self._waker.fileno() in happened:
            self._waker.hear()
        for connection in self._connections:
            self._serve(connection, happened.get(connection.sock.fileno(), 0))
        self._deliver()
        self._expire()
        for connection in [each for each in self._connections if each.finished]:
            self._connections.remove(connection)
            connection.sock.close()

    def _patience_ms(self) -> int | None:
        deadlines = [order.deadline_s for each in self._connections for order in each.waiting.values()]
        return max(0, int((min(deadlines) - time.monotonic()) * 1000) + 1) if deadlines else None

    def _accept(self) -> None:
        sock = unix_socket.accept(self._listener)
        if sock is None:
            return
        connection = _Connection(sock)
        if len(self._connections) >= CONNECTIONS:
            connection.answer(None, Rejected(Rejection.UNAVAILABLE, f"{CONNECTIONS} connections are open; close one"))
            connection.flush()
            sock.close()
        else:
            self._connections.add(connection)

    def _serve(self, connection: _Connection, events: int) -> None:
        try:
            if events & select.POLLOUT:
                connection.flush()
            elif events & select.POLLIN:
                self._read(connection)
            elif events & _GONE:
                connection.vanish()
        except OSError:
            connection.vanish()

    def _read(self, connection: _Connection) -> None:
        chunk = connection.sock.recv(READ_BYTES)
        connection.ended = not chunk
        try:
            for line in connection.lines.feed(chunk):
                self._take(connection, *parse(line, connection.by, time.monotonic()))
        except BadReply as error:
            connection.answer(None, Rejected(Rejection.OVERSIZE, str(error)))
            connection.ended = True

    def _take(self, connection: _Connection, request_id: RequestId, order: Order | Rejected) -> None:
        if request_id in connection.waiting:
            order = Rejected(Rejection.MALFORMED, "id: an order with it still waits for its answer")
        elif isinstance(order, Order) and len(connection.waiting) >= PENDING:
            order = Rejected(Rejection.UNAVAILABLE, f"{PENDING} orders wait for their answers")
        if isinstance(order, Rejected):
            connection.answer(request_id, order)
            return
        connection.waiting[request_id] = accepted = order

        def reply(answer: Answer) -> None:
            self._answers.put((connection, request_id, accepted, answer))
            self._waker.wake()

        try:
            self._handle(order, reply)
        except GateError as error:
            reply(Rejected.by(error))
        except Exception as error:  # noqa: BLE001  one order must not take the socket from all others
            reply(Rejected(Rejection.FAILED, f"{type(error).__name__}: {error}"))

    def _deliver(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                connection, request_id, order, answer = self._answers.get_nowait()
                if connection.waiting.get(request_id) is order:
                    del connection.waiting[request_id]
                    connection.answer(request_id, answer)

    def _expire(self) -> None:
        now_s = time.monotonic()
        for connection in self._connections:
            for request_id in [each for each, order in connection.waiting.items() if order.deadline_s <= now_s]:
                del connection.waiting[request_id]
                connection.answer(request_id, Rejected(Rejection.EXPIRED, "no outcome in time; ask for the status"))

    def _farewell(self) -> None:
        self._deliver()
        for connection in self._connections:
            for request_id in connection.waiting:
                connection.answer(request_id, Rejected(Rejection.UNAVAILABLE, "gatefw is ending"))
            with contextlib.suppress(OSError), connection.sock:
                connection.sock.settimeout(FAREWELL_S)
                connection.sock.sendall(connection.out)
