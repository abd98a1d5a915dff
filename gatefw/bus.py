"""The event bus: what the journal holds, published as it is committed, and replayed to whoever missed some of it.

ZeroMQ loses messages for a subscriber that is slow or away, silently, and that is what keeps a subscriber from hurting
the gate. Nothing is lost all the same: every message carries its number, and the replay socket hands out what is
missing. Orders come in by a third socket, and go the way of those on the control socket. Who is connected was let in
by key (`bus_socket`). `docs/events.md` describes the wire; `bus_client` is one reader of it, `docs/subscriber.py` a
smaller one.
"""

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

import zmq

from gatefw.bus_keys import Keyholders, Permission
from gatefw.bus_orders import OrderBook, Waiting
from gatefw.bus_socket import HEARD, ORDERS, BusSockets, Socket
from gatefw.control import PENDING, Answer, Handler
from gatefw.errors import GateError
from gatefw.journal import Journal
from gatefw.journal_reading import Row
from gatefw.model import Fact
from gatefw.waker import Waker

_log = logging.getLogger(__name__)
REPLAY_ROWS = 256
REPLAY_EVERY_S = 0.005  # however many ask: the interpreter is the lane's as well
ORDERS_EVERY_S = 0.005
ASKING = 256  # clients whose request waits, and orders
PULSE_S = 1.0  # a bus that has nothing to do turns once all the same


class Bus:
    """Serves the sockets from a thread of its own, from construction to `close`.

    Whatever is committed from now on is published; older rows are replayed to who asks. Orders are given to `handle`
    and, those that never reach it, to `record`, as in `bus_orders`. `failed` is called once, from that thread, when the
    journal can no longer be read or the sockets cannot be made again: subscribers then hear nothing more. Raises
    SetupError.
    """

    def __init__(
        self,
        journal: Journal,
        holders: Keyholders,
        handle: Handler,
        record: Callable[[Fact], None],
        failed: Callable[[GateError], None],
    ) -> None:
        self._journal, self._holders, self._failed = journal, holders, failed
        self._published = journal.head()
        self._book = OrderBook(handle, record, self._answer_later)
        self._answers: queue.SimpleQueue[tuple[Waiting, Answer]] = queue.SimpleQueue()
        self._reopened: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._shown_out: set[str] = set()
        self._shown: dict[str, bytes] = {}  # by type, what is to be told once and kept by nobody
        self._asking: dict[bytes, list[bytes]] = {}  # by client, the request that waits
        self._ordering: deque[tuple[bytes, bytes, str]] = deque()  # client, order, key
        self._next_replay_s = self._next_order_s = 0.0
        self._closing = threading.Event()
        self.progress = 0
        self._sockets = self._opened()
        self._waker = Waker()
        journal.watch(lambda _head: self._waker.wake())
        self._thread = threading.Thread(target=self._work, name="bus")
        self._thread.start()

    def close(self) -> None:
        """Publish what is committed, give subscribers a moment to take it, end the thread. May be called twice."""
        self._closing.set()
        self._waker.wake()
        self._thread.join()

    def reopen(self, then: Callable[[], None]) -> None:
        """End every connection; whoever still has a key comes back by itself and misses nothing. Any thread.

        `then` is called from the bus's thread when nobody is connected any more.
        """
        self._reopened.put(then)
        self._waker.wake()

    def show(self, kind: str, told: bytes) -> None:
        """Publish how things are to whoever listens now; it may be lost, and no replay has it. Any thread.

        Of each kind only the newest waits.
        """
        self._shown[kind] = told
        self._waker.wake()

    def _answer_later(self, waiting: Waiting, answer: Answer) -> None:
        self._answers.put((waiting, answer))
        self._waker.wake()

    # ---------------------------------------------------------------- the bus thread

    def _opened(self) -> BusSockets:
        return BusSockets(self._holders.endpoints, self._holders.server, self._admits)

    def _admits(self, domain: str, public: str) -> bool:
        """Each socket has its own door: events and replay are for who may read."""
        grant = self._holders.holder(public)
        return (
            grant is not None and public not in self._shown_out and (domain == ORDERS or Permission.READ in grant.may)
        )

    def _work(self) -> None:
        with self._waker:
            try:
                while not self._closing.is_set():
                    self._turn()
                self._publish()
            except (GateError, zmq.ZMQError) as error:
                self._failed(error if isinstance(error, GateError) else GateError(f"bus: {error}"))
            finally:
                self._sockets.close()

    def _turn(self) -> None:
        self._sleep()
        self.progress += 1
        self._open_again()
        if greedy := self._sockets.admit():
            self._show_out(greedy)
            self._open_again()
        self._publish()
        self._show_all()
        self._replay()
        self._take_order()
        self._deliver()

    def _sleep(self) -> None:
        """Until there is something to do. Who asks too fast is not heard before it is time."""
        now_s, poller = time.monotonic(), zmq.Poller()
        wakes_s = [now_s + PULSE_S]
        for sock, next_s, waiting in (
            (self._sockets.replay, self._next_replay_s, self._asking),
            (self._sockets.orders, self._next_order_s, self._ordering),
        ):
            if next_s <= now_s and not waiting:
                poller.register(sock, zmq.POLLIN)
            else:
                wakes_s.append(next_s)
        for each in (*self._sockets.polled, self._waker):
            poller.register(each, zmq.POLLIN)
        if self._book.next_deadline_s is not None:
            wakes_s.append(self._book.next_deadline_s)
        if self._waker.fileno() in dict(poller.poll(int(max(0.0, min(wakes_s) - now_s) * 1000) + 1)):
            self._waker.hear()

    def _show_out(self, public: str) -> None:
        grant = self._holders.holder(public)
        _log.warning(
            "bus: key %s subscribed to more than there is, or asked without end; it is let in again after a restart",
            grant.name if grant else "that was taken away",
        )
        self._shown_out.add(public)
        self.reopen(lambda: None)

    def _open_again(self) -> None:
        thens = []
        with contextlib.suppress(queue.Empty):
            while True:
                thens.append(self._reopened.get_nowait())
        if thens:
            self._sockets.close(linger_ms=0)
            self._book.forget_clients()
            self._asking.clear()
            self._ordering.clear()
            self._sockets = self._opened()
        for then in thens:
            then()

    # ---------------------------------------------------------------- events

    def _publish(self) -> None:
        while rows := self._journal.read(self._published, REPLAY_ROWS):
            for row in rows:
                self._send(row)
            self._published = rows[-1].n

    def _show_all(self) -> None:
        """With the number 0, which no event has."""
        with contextlib.suppress(KeyError):  # empty
            while True:
                kind, told = self._shown.popitem()
                self._sockets.events.send_multipart([kind.encode(), bytes(8), told])

    def _send(self, row: Row) -> None:
        self._sockets.events.send_multipart([row.type.encode(), row.n.to_bytes(8, "big"), row.body])

    def _replay(self) -> None:
        """One request at most: there may be events to publish before the next. Of each client the newest waits."""
        now_s = time.monotonic()
        if now_s < self._next_replay_s:
            return
        for client, *request in self._heard(self._sockets.replay):
            if client.bytes in self._asking or len(self._asking) < ASKING:
                self._asking[client.bytes] = [frame.bytes for frame in request]
        if self._asking:
            client_id = next(iter(self._asking))
            self._answer(client_id, *self._asking.pop(client_id))
            self._next_replay_s = now_s + REPLAY_EVERY_S

    def _heard(self, sock: Socket) -> list[list[zmq.Frame]]:
        """All that has come by now. Who sends more at once than anybody needs to is shown out."""
        heard: list[list[zmq.Frame]] = []
        with contextlib.suppress(zmq.Again):
            while len(heard) < HEARD:
                heard.append(sock.recv_multipart(zmq.NOBLOCK, copy=False))
            self._show_out(str(heard[-1][-1].get("User-Id")))
        return heard

    def _answer(self, client: bytes, *request: bytes) -> None:
        """A ROUTER never blocks: what a client does not take, it has to ask for again."""
        own, send = self._journal.epoch.encode(), self._sockets.replay.send_multipart
        match request:
            case (epoch, since) if len(since) == 8 and len(epoch) in (0, len(own)):
                if epoch in (b"", own):
                    after, removed = min(int.from_bytes(since, "big"), 2**63 - 1), self._journal.removed_upto()
                    if after < removed:
                        send([client, b"REMOVED", own, removed.to_bytes(8, "big")])
                    for row in self._journal.read(max(after, removed), REPLAY_ROWS):
                        send([client, b"EVENT", row.n.to_bytes(8, "big"), row.body])
                send([client, b"HEAD", own, self._journal.head().to_bytes(8, "big")])
            case _:
                send([client, b"BAD"])

    # ---------------------------------------------------------------- orders

    def _take_order(self) -> None:
        """One at most, in the order in which they came; of each client few wait."""
        now_s = time.monotonic()
        if now_s < self._next_order_s:
            return
        for frames in self._heard(self._sockets.orders):
            client, *payload = (frame.bytes for frame in frames)
            waiting = sum(each == client for each, _, _ in self._ordering)
            if len(payload) == 1 and waiting < PENDING and len(self._ordering) < ASKING:
                self._ordering.append((client, payload[0], str(frames[-1].get("User-Id"))))
        if self._ordering:
            client, order, key = self._ordering.popleft()
            self._next_order_s = now_s + ORDERS_EVERY_S
            grant = self._holders.holder(key)  # as it is now, not as it was when it came
            if grant is not None:
                self._tell(client, self._book.take(client, order, grant, now_s))

    def _deliver(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                waiting, answer = self._answers.get_nowait()
                self._tell(waiting.client, self._book.answered(waiting, answer))
        for waiting, line in self._book.expired(time.monotonic()):
            self._tell(waiting.client, line)

    def _tell(self, client: bytes, line: bytes | None) -> None:
        if line is not None:
            self._sockets.orders.send_multipart([client, line])
