"""A lane's desk for the authorities, with two of the simulated world behind the real driver, and a real journal."""

import hashlib
import selectors
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from peers import until

from gatefw.authority_desk import CLEARANCE_RECORDS, AuthorityDesk
from gatefw.authority_wire import Sender
from gatefw.clearance_records import ClearanceRecords
from gatefw.clearance_writer import ClearanceWriter, Correspondent
from gatefw.config_tables import Authorities
from gatefw.errors import DeviceLost, Refusal, StoreError
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput
from gatefw.journal import Journal
from gatefw.model import Answer, AskAuthorities, Fact, FactKind, Reason, RunId, SubjectId, Verdict
from gatefw.passage_tally import Where
from gatefw.wall_time import WallTime
from hw import authority_socket
from hw.authority_socket import Settings, SocketAuthority
from hw.sim.authority import AuthorityCounter, AuthorityLine, SimulatedAuthority

LANE = "hetao"
NAMES = ("hong-kong", "shenzhen")
ALL = ("begin", "drafts", "begun", "finish", "next", "delivered", "heard", "erase", "most_waiting")
"""Every call of the store that can fail."""
ANNA, BERT = SubjectId("a" * 32), SubjectId("b" * 32)
FACTS = {
    ANNA: {
        "document.issuer": "UTO",
        "document.number": "L898902C3",
        "document.kind": "passport",
        "document.name": "ERIKSSON ANNA MARIA",
        "born": "1974-08-12",
        "designated.by": "hong-kong shenzhen",
    },
    BERT: {"document.issuer": "UTO", "document.number": "B00000002", "born": "1980-02-29"},
}
SECRETS = (b"L898902C3", b"ERIKSSON", b"1974-08-12", b"B00000002")
"""What of a traveller must stand nowhere in the clear."""
FOREVER_S = 3600.0


def who(subject: SubjectId) -> Mapping[str, str]:
    if subject not in FACTS:
        raise Refusal("record: there is none with that subject id")
    return FACTS[subject]


class Clock:
    """Wall time and monotonic time of a test, which moves them."""

    def __init__(self) -> None:
        self.now, self.now_s, self.synchronised = 1_900_000_000.0, 1000.0, True

    def wall(self) -> WallTime:
        return WallTime(int(self.now * 1e9), self.synchronised)

    def vouched(self) -> float | None:
        return self.now if self.synchronised else None


class FailingStore:
    """Stands before a store of records; what `fails` names raises, and is written down in `failed`."""

    def __init__(self, store: ClearanceRecords) -> None:
        self._store = store
        self.fails: frozenset[str] = frozenset()
        self.failed: list[str] = []

    def __getattr__(self, name: str) -> object:
        if name in self.fails:
            self.failed.append(name)
            raise StoreError("clearance records: the disk is full")
        return getattr(self._store, name)


class Desk:
    """One process's life at a lane. Another may follow it on the same directory, with the same authorities."""

    def __init__(
        self,
        path: Path,
        terms: Authorities | None = None,
        authorities: Sequence[SimulatedAuthority] | None = None,
        clock: Clock | None = None,
        who: Callable[[SubjectId], Mapping[str, str]] = who,
        lines: Path | None = None,
    ) -> None:
        """`lines`: where the sockets of authorities are that live in another process."""
        self.lines = lines
        self.path, self.clock = path / "authority.sqlite", clock or Clock()
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        lanes = {LANE: self.key.public_key()}
        self.authorities = {
            each.name: each
            for each in authorities or [SimulatedAuthority(name, lanes, lambda: self.clock.now) for name in NAMES]
        }
        self.cut: set[str] = set()
        self.inbox: list[GateInput] = []
        self.journal = Journal.open(
            path / "journal.sqlite", LANE, bytes(32), self.clock.wall, lambda error: None, Where(LANE)
        )
        self.store = ClearanceRecords(self.path)
        self.records = cast(ClearanceRecords, FailingStore(self.store))
        writer = ClearanceWriter(self.records, "arrival", self.record, self.journal.head, self.journal.read)
        self.facts: list[Fact] = []
        self.desk = AuthorityDesk(
            terms or Authorities(),
            self.records,
            writer,
            who,
            self.inbox.append,
            self.record,
            lambda: self.clock.now,
            self.clock.vouched,
            lambda: self.clock.now_s,
        )
        for each in self.authorities.values():
            self.desk.employ(
                Correspondent(f"authority.{each.name}", each.addressee, Sender(LANE, self.key)), self._opener(each)
            )

    def _opener(self, authority: SimulatedAuthority) -> Callable[[], SocketAuthority]:
        if self.lines is not None:
            settings = Settings(f"unix:{self.lines}/{authority.name}.sock", "", "", "")
            return lambda: authority_socket.open(settings)

        def opened() -> SocketAuthority:
            if authority.name in self.cut:
                raise DeviceLost("the line is cut")
            return SocketAuthority(Settings("memory:test", "", "", ""), _Line(authority, self.cut))

        return opened

    # ------------------------------------------------------------ its life

    def start(self, lines: bool = True) -> "Desk":
        self.desk.start()
        until(lambda: self.room is not None, "the desk has looked at what was left")
        if lines:
            self.connect()
        return self

    def connect(self) -> None:
        for worker in self.desk.workers:
            worker.start()
        for name in set(NAMES) - self.cut:
            until(lambda name=name: DeviceCame(f"authority.{name}") in self.inbox, f"{name} is there")

    def stop(self) -> None:
        for worker in self.desk.workers:
            worker.stop()
        self.desk.stop()
        self.close()

    def close(self) -> None:
        self.store.close()
        self.journal.close()

    def disk_fails(self, *at: str) -> list[str]:
        """From now on these calls of the store fail, and no others; the list of those that did."""
        store = cast(FailingStore, self.records)
        store.fails, store.failed = frozenset(at), []
        return store.failed

    # ------------------------------------------------------------ what a lane does

    def record(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.journal.append(fact)

    def ask(self, run: str, subject: SubjectId = ANNA, deadline_s: float = FOREVER_S) -> None:
        self.desk.ask(Ask(RunId(run), 1, AskAuthorities(subject, None, deadline_s)))

    def answer(self, run: str) -> Answer:
        return until(lambda: next(iter(self.answers(run)), None), f"an answer about {run}")  # type: ignore[return-value]

    def answers(self, run: str) -> list[Answer]:
        return [each.reply for each in list(self.inbox) if isinstance(each, Answered) and each.run == run]

    def asked(self, run: str, subject: SubjectId = ANNA, deadline_s: float = FOREVER_S) -> Answer:
        self.ask(run, subject, deadline_s)
        return self.answer(run)

    def note(self, kind: FactKind, run: str, *fields: tuple[str, str | float | bool]) -> None:
        """As the supervisor does: into the journal, and to whom it may concern."""
        fact = Fact(kind, RunId(run), fields)
        self.record(fact)
        self.desk.notice(fact)

    def pass_through(self, run: str, subject: SubjectId = ANNA) -> None:
        """A whole passage, of somebody about whom the authorities are asked."""
        self.asked(run, subject)
        self.decide(run)
        self.end(run)

    def decide(self, run: str, verdict: Verdict = Verdict.ADMIT, reason: Reason = Reason.OK) -> None:
        self.note(FactKind.PASSAGE_DECIDED, run, ("verdict", verdict.value), ("reason", reason.value))

    def end(self, run: str, passed: bool = True, reason: Reason = Reason.OK) -> None:
        self.note(FactKind.PASSAGE_ENDED, run, ("passed", passed), ("reason", reason.value), ("seconds", 4.0))

    # ------------------------------------------------------------ what can be seen

    @property
    def room(self) -> bool | None:
        about = [
            each for each in list(self.inbox)
            if isinstance(each, DeviceCame | DeviceWent) and each.device == CLEARANCE_RECORDS
        ]  # fmt: skip
        return isinstance(about[-1], DeviceCame) if about else None

    def kinds(self, kind: FactKind) -> list[dict[str, object]]:
        return [dict(fact.fields) for fact in list(self.facts) if fact.kind is kind]

    def everything_written(self) -> bytes:
        """Every byte of the store's files."""
        return b"".join(each.read_bytes() for each in sorted(self.path.parent.glob("authority.sqlite*")))


@contextmanager
def desks(path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes desks, one after the other; what still runs at the end is stopped."""
    made: list[Desk] = []

    def desk(**given: Any) -> Desk:
        made.append(Desk(path, **given))
        return made[-1]

    yield desk
    for each in made:
        if each.desk._thread.is_alive():
            each.stop()
        each.close()


def with_fixed_keys(name: str) -> SimulatedAuthority:
    """An authority that two processes know alike."""
    own = hashlib.sha256(name.encode()).digest()
    lanes = {LANE: Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()}
    signs, seals = Ed25519PrivateKey.from_private_bytes(own), X25519PrivateKey.from_private_bytes(own)
    return SimulatedAuthority(name, lanes, lambda: 1_900_000_000.0, signs, seals)


class Served:
    """The simulated authority behind a unix socket, as the world serves it, in a loop of its own."""

    def __init__(self, path: Path, authority: SimulatedAuthority) -> None:
        self._selector = selectors.DefaultSelector()
        self.counter = AuthorityCounter(self._selector, path, authority)
        self._does: list[Callable[[], None]] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ends.is_set():
            for key, mask in self._selector.select(0.01):
                key.data(mask)
            while self._does:
                self._does.pop(0)()

    def do(self, what: Callable[[], None]) -> None:
        """In its loop; when it is done."""
        done = threading.Event()
        self._does += [what, done.set]
        assert done.wait(60)

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self.counter.close()
        self._selector.close()


class _Line(AuthorityLine):
    """A line that can be cut."""

    def __init__(self, authority: SimulatedAuthority, cut: set[str]) -> None:
        super().__init__(authority)
        self._name, self._cut = authority.name, cut

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        if self._name in self._cut:
            raise DeviceLost("the line is cut")
        return super().read(max_bytes, timeout_s)

    def write(self, data: bytes) -> None:
        if self._name in self._cut:
            raise DeviceLost("the line is cut")
        super().write(data)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What stands in a store, read beside it."""
    database = sqlite3.connect(path)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()
