"""The far end of the bus: follows its events and misses nothing, and gives orders, with a client's key."""

import contextlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import zmq

from gatefw import bus_monitor, wire_json
from gatefw.bus_keys import ClientKey
from gatefw.control import ANSWER_BYTES, EXPIRES_S, outcome
from gatefw.errors import BadReply, DeviceLost, Refusal
from gatefw.model import Phase

PATIENCE_S = 1.0  # of silence, before the replay is asked whether something was missed
SILENT_S = 5.0  # without an answer: nobody is there, or not the one whom our key names
NEWEST = 2**64 - 1
RECONNECT_MS, RECONNECT_MAX_MS = 100, 2000
REFUSED = 400  # as ZAP has it: that key, not now or later


class Sequence:
    """Which event comes next, whatever order, twice or never messages arrive in. No I/O.

    `last` is the number of the last event handed on, None while it is not known where to begin (at the newest).
    """

    def __init__(self, since: int | None) -> None:
        self.last, self.epoch = since, ""
        self._head = 0
        self._asked = True  # before the first HEAD, nobody knows
        self._left: set[str] = set()

    @property
    def behind(self) -> bool:
        """Something is known to be missing, or not known to be there."""
        return self._asked or self.last is None or self.last < self._head

    @property
    def request(self) -> list[bytes]:
        """What to ask the replay for."""
        return [self.epoch.encode(), (NEWEST if self.last is None else self.last).to_bytes(8, "big")]

    def event(self, epoch: str, n: int) -> bool:
        """An event arrived: is it the next one?"""
        if not self._enter(epoch) or self.last is None:
            return False
        self._head = max(self._head, n)
        if n != self.last + 1:
            return False
        self.last = n
        return True

    def removed(self, epoch: str, n: int) -> None:
        """Retention has removed the events up to `n`: nobody gets them any more."""
        if self._enter(epoch) and self.last is not None:
            self.last = max(self.last, n)

    def head(self, epoch: str, n: int, asked: int | None) -> None:
        """The replay has told all it holds after `asked`, up to 256, and that `n` is its newest.

        Raises BadReply when the newest is older than what was handed on: that journal was cut or restored.
        """
        if not self._enter(epoch):
            return
        self._asked = False
        self._head = max(self._head, n)
        if self.last is None:
            self.last = n
        elif asked is not None and asked <= self.last and n < asked:
            raise BadReply(
                f"event bus: its newest event is {n}, but {asked} was there; the journal was cut or restored"
            )

    def _enter(self, epoch: str) -> bool:
        """False for a message of a journal that was left behind."""
        if epoch in self._left:
            return False
        if epoch != self.epoch:
            if self.epoch:
                self._left.add(self.epoch)
                self.last, self._head, self._asked = 0, 0, True
            self.epoch = epoch
        return True


class _Door:
    """A socket to a gate, which knows when the gate refuses its key. Raises DeviceLost: no connection can be made."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], kind: int, endpoint: str, key: ClientKey) -> None:
        self._key, self._endpoint = key, endpoint
        with contextlib.ExitStack() as made:  # what was left open of it would keep its context from ending
            try:
                self.socket = made.enter_context(context.socket(kind))
                self.monitor = made.enter_context(self._set_up(kind))
                self.socket.connect(endpoint)
            except zmq.ZMQError as error:
                raise DeviceLost(f"gatefw at {endpoint}: no connection can be made here: {error.strerror}") from error
            made.pop_all()

    def _set_up(self, kind: int) -> zmq.Socket[bytes]:
        self.socket.linger, self.socket.rcvhwm, self.socket.maxmsgsize = 0, 0, ANSWER_BYTES
        self.socket.reconnect_ivl, self.socket.reconnect_ivl_max = RECONNECT_MS, RECONNECT_MAX_MS
        self.socket.curve_serverkey = self._key.server.encode()
        self.socket.curve_publickey, self.socket.curve_secretkey = self._key.public.encode(), self._key.secret.encode()
        if kind == zmq.SUB:
            self.socket.subscribe(b"")
        return self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH)

    def check(self) -> None:
        """Raises Refusal."""
        with contextlib.suppress(zmq.Again):
            while bus_monitor.told(self.monitor.recv_multipart(zmq.NOBLOCK))[1] != REFUSED:
                pass
            raise Refusal(
                f"event bus at {self._endpoint}: does not let the key {self._key.name!r} in; it was revoked, or may "
                "not do that: `gatefw keys list` at the gate says which"
            )

    def close(self) -> None:
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(0)


class _Replay:
    """The request socket. One question is open at a time, and a new socket has no old answers."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], key: ClientKey, poller: zmq.Poller) -> None:
        self._context, self._key, self._poller = context, key, poller
        self._door: _Door | None = None
        self._asked: int | None = None

    def ask(self, request: list[bytes], since: int | None) -> None:
        self.close()
        self._door = _Door(self._context, zmq.DEALER, self._key.replay, self._key)
        self._poller.register(self._door.socket, zmq.POLLIN)
        self._door.socket.send_multipart(request)
        self._asked = since

    def answers(self, sequence: Sequence) -> Iterator[dict[str, Any]]:
        """The events of the answer that are next; closes with its HEAD. Raises BadReply."""
        while self._door is not None and self._door.socket.poll(0):
            match self._door.socket.recv_multipart():
                case [b"EVENT", n, body]:
                    event = _event(body)
                    if sequence.event(event["epoch"], int.from_bytes(n, "big")):
                        yield event
                case [b"REMOVED", epoch, n]:
                    sequence.removed(epoch.decode(errors="replace"), int.from_bytes(n, "big"))
                case [b"HEAD", epoch, n]:
                    self.close()
                    sequence.head(epoch.decode(errors="replace"), int.from_bytes(n, "big"), self._asked)
                case other:
                    raise BadReply(
                        f"event bus at {self._key.replay}: {other[0]!r} is no answer; is it another version?"
                    )

    @property
    def waits(self) -> bool:
        return self._door is not None

    def close(self) -> None:
        closing, self._door = self._door, None
        if closing is not None:
            self._poller.unregister(closing.socket)
            closing.close()


def follow(
    key: ClientKey,
    since: int | None = 0,
    ended: Callable[[], bool] = lambda: False,
    silent: Callable[[], None] = lambda: None,
) -> Generator[dict[str, Any], None, None]:
    """Every event after number `since` (None: from now on), each once, in order, for ever; close the generator to end.

    It also ends within `PATIENCE_S` of `ended` being true, for whoever waits for its next event in a thread.
    Waits for a gate that is not there, calling `silent` again and again, and goes on when it is back; begins at 1 when
    its journal is a new one. Raises Refusal when the gate does not know the key, BadReply when something else answers,
    or when the journal is older than what it has handed out before.
    """
    with zmq.Context() as context, contextlib.closing(_Door(context, zmq.SUB, key.events, key)) as live:
        poller = zmq.Poller()  # connected before the first question: live events wait while the answer comes
        poller.register(live.socket, zmq.POLLIN)
        poller.register(live.monitor, zmq.POLLIN)
        with contextlib.closing(_Replay(context, key, poller)) as question:
            yield from _events(live, question, Sequence(since), poller, ended, silent)


def _events(
    live: _Door,
    question: _Replay,
    sequence: Sequence,
    poller: zmq.Poller,
    ended: Callable[[], bool],
    silent: Callable[[], None],
) -> Iterator[dict[str, Any]]:
    asked_s, asked_at, heard_s = -PATIENCE_S, None, time.monotonic()
    while not ended():
        if not question.waits:
            heard_s = time.monotonic()
        elif time.monotonic() - heard_s > SILENT_S:
            silent()
        quiet = time.monotonic() - asked_s >= PATIENCE_S
        if quiet or (sequence.behind and not question.waits and sequence.last != asked_at):
            question.ask(sequence.request, sequence.last)
            asked_s, asked_at = time.monotonic(), sequence.last
        poller.poll(int(PATIENCE_S * 1000))
        live.check()
        while live.socket.poll(0):
            _, n, body = live.socket.recv_multipart()
            event = _event(body)
            if sequence.event(event["epoch"], int.from_bytes(n, "big")):
                yield event
        for event in question.answers(sequence):
            heard_s = time.monotonic()
            yield event


class Orders:
    """The way for orders, kept open: for whoever gives many. One thread alone; `close` it."""

    def __init__(self, key: ClientKey) -> None:
        self._key, self._asked = key, 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._door: _Door | None = None

    def close(self) -> None:
        self._shut()
        self._context.term()

    def give(
        self,
        verb: str,
        args: Mapping[str, object] | None = None,
        timeout_s: float = EXPIRES_S,
        expects: Phase | None = None,
        name: str = "",
    ) -> dict[str, Any]:
        """As `order`. After no answer the connection is another one: what waits in the old has come too late."""
        try:
            ends_s = time.monotonic() + timeout_s + 1.0  # the gate's own "expired" says more than our silence
            nonce = outcome(self._ask({"verb": "nonce"}, ends_s), verb, self._key.orders).get("nonce")
            request = {"verb": verb, "args": dict(args or {}), "expires_s": timeout_s, "nonce": nonce}
            if expects is not None:
                request["expects"] = expects.value
            if name:
                request["name"] = name
            return outcome(self._ask(request, ends_s), verb, self._key.orders)
        except (DeviceLost, BadReply):
            self._shut()
            raise

    def _shut(self) -> None:
        closing, self._door = self._door, None
        if closing is not None:
            closing.close()

    def _ask(self, request: Mapping[str, object], ends_s: float) -> Mapping[str, Any]:
        """The answer to one request. Nothing is asked twice: who hears nothing does not know whether it was done."""
        if self._door is None:
            self._door = _Door(self._context, zmq.DEALER, self._key.orders, self._key)
        door, poller = self._door, zmq.Poller()
        poller.register(door.socket, zmq.POLLIN)
        poller.register(door.monitor, zmq.POLLIN)
        self._asked += 1
        door.socket.send(wire_json.encode({"id": self._asked, **request}))
        while (left_s := ends_s - time.monotonic()) > 0:
            poller.poll(int(left_s * 1000) + 1)
            door.check()
            if door.socket.poll(0):
                return wire_json.decode(door.socket.recv())
        raise DeviceLost(
            f"gatefw at {self._key.orders}: {request['verb']} got no answer; is `gatefw run` running there, and is the "
            "gate's own key still the one in our file (`gatefw keys show-server`)?"
        )


def order(
    key: ClientKey,
    verb: str,
    args: Mapping[str, object] | None = None,
    timeout_s: float = EXPIRES_S,
    expects: Phase | None = None,
    name: str = "",
) -> dict[str, Any]:
    """Give one order over the bus and return its result; it is worth nothing after `timeout_s`, or a second time.

    `name`: who orders it, where several people order with one key.

    Raises Refusal (the gate said no, or does not know the key), DeviceLost (nobody answers there, or not in time, or no
    connection can be made here), BadReply (something else answers).
    """
    with contextlib.closing(Orders(key)) as orders:
        return orders.give(verb, args, timeout_s, expects, name)


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
        assert isinstance(event["epoch"], str)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise BadReply("event bus: a message is not one of our events; is it another version?") from error
    return dict(event)
