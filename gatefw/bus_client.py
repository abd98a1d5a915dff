"""Follows the event bus and misses nothing: live messages, the replay for every gap, each event once and in order."""

import json
import time
from collections.abc import Generator, Iterator
from typing import Any

import zmq

from gatefw.errors import BadReply

PATIENCE_S = 1.0  # of silence, before the replay is asked whether something was missed
NEWEST = 2**64 - 1


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


class _Replay:
    """The request socket. One question is open at a time, and a new socket has no old answers."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, poller: zmq.Poller) -> None:
        self._context, self._endpoint, self._poller = context, endpoint, poller
        self._socket: zmq.Socket[bytes] | None = None
        self._asked: int | None = None

    def ask(self, request: list[bytes], since: int | None) -> None:
        self.close()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger, self._socket.rcvhwm = 0, 0
        self._socket.connect(self._endpoint)
        self._poller.register(self._socket, zmq.POLLIN)
        self._socket.send_multipart(request)
        self._asked = since

    def answers(self, sequence: Sequence) -> Iterator[dict[str, Any]]:
        """The events of the answer that are next; closes with its HEAD. Raises BadReply."""
        while self._socket is not None and self._socket.poll(0):
            match self._socket.recv_multipart():
                case [b"EVENT", n, body]:
                    event = _event(body)
                    if sequence.event(event["epoch"], int.from_bytes(n, "big")):
                        yield event
                case [b"HEAD", epoch, n]:
                    self.close()
                    sequence.head(epoch.decode(errors="replace"), int.from_bytes(n, "big"), self._asked)
                case other:
                    raise BadReply(f"event bus at {self._endpoint}: {other[0]!r} is no answer; is it another version?")

    @property
    def waits(self) -> bool:
        return self._socket is not None

    def close(self) -> None:
        closing, self._socket = self._socket, None
        if closing is not None:
            self._poller.unregister(closing)
            closing.close(0)


def follow(events: str, replay: str, since: int | None = 0) -> Generator[dict[str, Any], None, None]:
    """Every event after number `since` (None: from now on), each once, in order, for ever; close the generator to end.

    Waits for a gate that is not there and goes on when it is back; begins at 1 when its journal is a new one. Raises
    BadReply when something else answers, or when the journal is older than what it has handed out before.
    """
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.subscribe(b"")
        subscriber.connect(events)  # before the first question: live events wait while the answer comes
        poller = zmq.Poller()
        poller.register(subscriber, zmq.POLLIN)
        question, sequence = _Replay(context, replay, poller), Sequence(since)
        try:
            yield from _events(subscriber, question, sequence, poller)
        finally:
            question.close()


def _events(
    subscriber: zmq.Socket[bytes], question: _Replay, sequence: Sequence, poller: zmq.Poller
) -> Iterator[dict[str, Any]]:
    asked_s, asked_at = -PATIENCE_S, None
    while True:
        quiet = time.monotonic() - asked_s >= PATIENCE_S
        if quiet or (sequence.behind and not question.waits and sequence.last != asked_at):
            question.ask(sequence.request, sequence.last)
            asked_s, asked_at = time.monotonic(), sequence.last
        poller.poll(int(PATIENCE_S * 1000))
        while subscriber.poll(0):
            _, n, body = subscriber.recv_multipart()
            event = _event(body)
            if sequence.event(event["epoch"], int.from_bytes(n, "big")):
                yield event
        yield from question.answers(sequence)


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
        assert isinstance(event["epoch"], str)
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise BadReply("event bus: a message is not one of our events; is it another version?") from error
    return dict(event)
