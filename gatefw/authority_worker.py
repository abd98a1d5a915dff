"""Owns the line to one authority: greets it, asks it, and hands it the clearance records in their order.

Letters and answers are matched by the hash that an answer names, so a query never waits for the receipt of a record,
and an answer that comes late, or was recorded and is played again, is nobody's. An answer that names a letter and is
not signed for it ends the connection: whoever is at the other end is not believed any more.

A record is sent until the authority has signed that it has it; the next one goes after that. Without a receipt it is
sent again, later each time: it has the number that it had, and the authority knows it by that.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gatefw import authority_wire as wire
from gatefw.authority_wire import Addressee, Kind, Said, Sender, Sent
from gatefw.backoff import Backoff
from gatefw.clearance_records import ClearanceRecords
from gatefw.errors import BadReply, DeviceLost, StoreError, WrongDevice
from gatefw.gate_terms import GateInput
from gatefw.ports import Authority
from gatefw.worker import Worker

LOOK_S = 0.05
"""A question waits at most so long before it is sent: the line is listened to meanwhile."""
GREET_S = 3.0
CONTACT_S = 20.0
"""An authority that said nothing for so long is greeted, and has GREET_S to say that it is there."""
RECEIPT_S = 5.0
AGAIN_FIRST_S, AGAIN_LAST_S = 2.0, 120.0
QUERIES_MOST = 64
STRAYS_MOST = 100

Heard = Callable[[str, Sent, Said | None], None]
"""Told of each query, by the authority's name: its answer, or None when there will be none."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker needs beside its line. `delivered` is told when the authority has received a record."""

    sender: Sender
    records: ClearanceRecords
    heard: Heard
    delivered: Callable[[str], None]
    now: Callable[[], float]


class AuthorityWorker(Worker[Authority]):
    """`addressee` is whom its letters are for. The questions are the desk's; it knows nothing of passages."""

    def __init__(
        self,
        name: str,
        open_device: Callable[[], Authority],
        put: Callable[[GateInput], None],
        addressee: Addressee,
        post: Post,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name, open_device, put)
        self.addressee = addressee
        self._post, self._now_s = post, now_s
        self._queries: deque[Sent] = deque()
        self._asked: dict[bytes, Sent] = {}
        self._greeted: tuple[Sent, float] | None = None
        self._record: tuple[Sent, float] | None = None
        self._again = Backoff(AGAIN_FIRST_S, AGAIN_LAST_S)
        self._again_s = self._heard_s = 0.0
        self._more, self._strays = True, 0

    # ------------------------------------------------------------ any thread

    def query(self, sent: Sent) -> None:
        """Ask; `heard` is told what came of it, or that the line is down, which may be at once."""
        with self._tenure:
            there = self.device is not None and len(self._queries) < QUERIES_MOST
            if there:
                self._queries.append(sent)
        if not there:
            self._post.heard(self.addressee.name, sent, None)
        self._wake.set()

    def forget(self, sent: Sent) -> None:
        """Nobody waits for this answer any more."""
        with self._tenure:
            self._asked.pop(sent.hash, None)
            with suppress(ValueError):
                self._queries.remove(sent)

    def forward(self) -> None:
        """There is a record to be sent."""
        self._more = True
        self._wake.set()

    # ------------------------------------------------------------ the worker's thread

    def began(self, device: Authority) -> None:
        self._record, self._more, self._again_s = None, True, 0.0
        self._greet(device)
        while self._greeted is not None:
            self._listen(device)

    def turn(self, device: Authority) -> None:
        while (query := self._next_query()) is not None:
            device.send(query.message)
        now_s = self._now_s()
        self._forward(device, now_s)
        if self._greeted is None and now_s - self._heard_s >= CONTACT_S:
            self._greet(device)
        self._listen(device)

    def ended(self, stuck: bool) -> None:  # noqa: ARG002  whoever asked must not wait for a line that is down
        with self._tenure:
            lost = [*self._queries, *self._asked.values()]
            self._queries.clear()
            self._asked.clear()
        for sent in lost:
            self._post.heard(self.addressee.name, sent, None)

    def _greet(self, device: Authority) -> None:
        sent = wire.hello(self.addressee, self._post.sender)
        self._greeted = (sent, self._now_s() + GREET_S)
        device.send(sent.message)

    def _next_query(self) -> Sent | None:
        with self._tenure:
            if not self._queries:
                return None
            sent = self._queries.popleft()
            self._asked[sent.hash] = sent
            return sent

    def _forward(self, device: Authority, now_s: float) -> None:
        """Send the oldest record, if none is on its way and it is time."""
        if self._record is not None and now_s >= self._record[1]:
            self._record, self._again_s = None, now_s + self._again.wait_s()
            _log.warning("%s: no receipt of a clearance record; it is sent again", self.name)
        if self._record is not None or not self._more or now_s < self._again_s:
            return
        try:
            waiting = self._post.records.next(self.addressee.name)
        except StoreError as error:
            self._again_s = now_s + self._again.wait_s()
            _log.error("%s", error)
            return
        self._more = waiting is not None
        if waiting is not None:
            self._record = (Sent(Kind.RECORD, waiting.letter), now_s + RECEIPT_S)
            device.send(waiting.letter)

    def _listen(self, device: Authority) -> None:
        answer = device.receive(LOOK_S)
        if answer is not None:
            self._take(answer)
        if self._greeted is not None and self._now_s() >= self._greeted[1]:
            self._greeted = None
            raise DeviceLost(f"{self.name}: something is there, but does not say who; look at the authority's end")

    def _take(self, answer: bytes) -> None:
        try:
            sent = self._letter(wire.named_in(answer))
            if sent is None:
                self._drop()
                return
            said = wire.believe(answer, sent, self.addressee.signs)
        except wire.Malformed as error:
            raise BadReply(f"{self.name}: {error}; its answer counts as none") from error
        except wire.Forged as error:
            raise WrongDevice(
                f"{self.name}: {error}; compare `signs` in the lane file with the key that the authority publishes"
            ) from error
        self._heard_s, self._strays = self._now_s(), 0
        self._believed(sent, said)

    def _drop(self) -> None:
        """An answer that comes too late is dropped; whoever says nothing else is left alone for a while."""
        self._strays += 1
        if self._strays >= STRAYS_MOST:
            self._strays = 0
            raise BadReply(f"{self.name}: {STRAYS_MOST} answers in a row to letters that wait for none")

    def _letter(self, named: bytes) -> Sent | None:
        """The letter that an answer names, if it still waits for one."""
        for pending in (self._greeted, self._record):
            if pending is not None and pending[0].hash == named:
                return pending[0]
        return self._asked.get(named)

    def _believed(self, sent: Sent, said: Said) -> None:
        name, post = self.addressee.name, self._post
        match sent.kind:
            case Kind.HELLO:
                self._greeted = None
                self._keep(lambda: post.records.heard(name, post.now()))
            case Kind.QUERY:
                with self._tenure:
                    waited = self._asked.pop(sent.hash, None)
                if waited is not None:
                    post.heard(name, sent, said)
            case Kind.RECORD:
                self._record = None
                self._again.reset()
                self._keep(lambda: self._received(sent.hash))

    def _received(self, letter_hash: bytes) -> None:
        name, post = self.addressee.name, self._post
        post.records.heard(name, post.now())
        if post.records.delivered(name, letter_hash, post.now()):
            post.delivered(name)

    def _keep(self, note: Callable[[], None]) -> None:
        """What cannot be noted now is heard again: a record that is not marked as received is sent again."""
        try:
            note()
        except StoreError as error:
            self._again_s = self._now_s() + self._again.wait_s()
            _log.error("%s", error)
