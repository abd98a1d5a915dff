"""Plays a gate to a subscriber, with all that a network and a gate can do to it, and judges what it printed.

The gate is a real journal on a real bus, with a key made for the subscriber; only what is published live is lost,
doubled or late as the scene wants it. One run of the program goes through all scenes but those that start it anew.
"""

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from gatefw.bus import REPLAY_ROWS, Bus
from gatefw.bus_keys import ClientKey, Endpoints, Keyholders, Permission, new_pair
from gatefw.bus_socket import address_of
from gatefw.control import Answer, Order, Rejected, Rejection
from gatefw.errors import GateError, SetupError
from gatefw.health_message import TYPE, health_message
from gatefw.journal import Journal
from gatefw.journal_reading import Row
from gatefw.model import Fact, FactKind
from gatefw.wall_time import wall_clock

PATIENCE_S = 30.0
LONG = 2 * REPLAY_ROWS + 88
Printed = tuple[str, int]
"""What of a line counts: the epoch and the number."""
Plan = Callable[[int], Sequence[int]]
"""Which events are published when this one is committed; 0 stands for the health of the devices."""
NOTHING_KNOWN: Mapping[str, object] = {"devices": {}, "threads": {}}


@dataclass(frozen=True, slots=True)
class Scene:
    """How one scene went; `problem` is empty where all was as it should be."""

    name: str
    events: int
    problem: str


class _Wrong(Exception):
    """What the program printed is not what it should have."""


class _LossyBus(Bus):
    """Publishes what its plan says, and replays everything."""

    plan: Plan = staticmethod(lambda n: (n,))

    def _send(self, row: Row) -> None:
        for n in self.plan(row.n):
            if n == 0:
                self.show(TYPE, health_message("rehearsal", self._journal.epoch, self._journal.now(), NOTHING_KNOWN))
                self._show_all()
                continue
            (found,) = self._journal.read(n - 1, 1)
            super()._send(found)


class _Gate:
    """A lane that only commits events; it can be stopped, started again, and given a new journal."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files = ExitStack()
        at = Endpoints(*(address_of(directory / f"{name}.sock") for name in ("events", "replay", "orders")))
        self._holders = Keyholders(directory / "keys", directory / "bus_keys.json", directory / "bus.key", at)
        public, secret = new_pair()
        self._holders.grant("subscriber", public, (Permission.READ,))
        self.key_file = directory / "subscriber.key"
        server = self._holders.server[0]
        ClientKey("subscriber", public, secret, server, at.events, at.replay, at.orders).write(self.key_file)
        self.start("journal")

    def start(self, journal: str) -> None:
        self._journal = self._files.enter_context(
            closing(Journal.open(self._directory / journal, "rehearsal", bytes(32), wall_clock, _ended))
        )
        self._bus = _LossyBus(self._journal, self._holders, _refused, _nothing, _ended)
        self._files.callback(self._bus.close)

    def stop(self) -> None:
        self._files.close()

    def restart(self, journal: str) -> None:
        self.stop()
        self.start(journal)

    def commit(self, count: int, plan: Plan) -> list[Printed]:
        """Write `count` events and publish them as planned; returns what is to be printed of them."""
        self._bus.plan = plan
        head, done = self._journal.head(), threading.Event()
        for left in range(count, 0, -1):
            self._journal.append(Fact(FactKind.SERVICE_STOPPED), (lambda _: done.set()) if left == 1 else None)
        if not done.wait(PATIENCE_S):
            raise SetupError("rehearsal: the journal has not written in time; is the temporary directory's disk full?")
        return [(self._journal.epoch, n) for n in range(head + 1, head + count + 1)]


class _Program:
    """The subscriber, a process; started with the number of the last event it is to know."""

    def __init__(self, command: Sequence[str], key_file: Path, last: int) -> None:
        try:
            self._process = subprocess.Popen([*command, str(key_file), str(last)], stdout=subprocess.PIPE)
        except OSError as error:
            raise SetupError(f"{command[0]}: cannot be started: {error.strerror}") from error
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reading = threading.Thread(target=self._read, name="subscriber")
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def expect(self, wanted: Sequence[Printed], patience_s: float) -> None:
        """Raises _Wrong unless the next lines are these and no others."""
        for number, each in enumerate(wanted):
            try:
                line = self._lines.get(timeout=patience_s)
            except queue.Empty:
                raise _Wrong(f"{number} of {len(wanted)} events printed, then nothing for {patience_s:g} s") from None
            if (printed := _printed(line)) != each:
                raise _Wrong(f"event {each[1]} of {each[0]} is next; it printed {printed[1]} of {printed[0]}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _printed(line: bytes) -> Printed:
    if not line:
        raise _Wrong("it ended")
    try:
        event = json.loads(line)
        return str(event["epoch"]), int(event["sequence"])
    except (ValueError, KeyError, TypeError) as error:
        raise _Wrong(f"it printed a line that is no event: {line[:80]!r}") from error


def _all(n: int) -> Sequence[int]:
    return (n,)


def _some_lost(n: int) -> Sequence[int]:
    return () if n % 7 in (2, 3) else (n,)


def _none(_n: int) -> Sequence[int]:
    return ()


def _again(n: int) -> Sequence[int]:
    return (n, n, max(1, n - 3), n)


def _among_telemetry(n: int) -> Sequence[int]:
    return (0, n, 0)


def _backwards(n: int) -> Sequence[int]:
    return () if n % 2 else (n, n - 1)


LIVE: tuple[tuple[str, Plan], ...] = (
    ("what comes is printed", _all),
    ("some are lost on the way", _some_lost),
    ("the last ones are lost, and then it is quiet", _none),
    ("some come twice, and old ones again", _again),
    ("some come in the wrong order", _backwards),
    ("how the devices are is told among them", _among_telemetry),
)


def rehearse(command: Sequence[str], patience_s: float = PATIENCE_S) -> Iterator[Scene]:
    """Every scene in its order, up to the first that goes wrong. `command` is given KEYFILE and LAST and prints events.

    Raises SetupError: the program cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="bus-") as directory, ExitStack() as files:
        gate = _Gate(Path(directory))
        files.callback(gate.stop)
        for name, wanted, program in _scenes(gate, command):
            try:
                program.expect(wanted, patience_s)
            except _Wrong as wrong:
                yield Scene(name, len(wanted), str(wrong))
                return
            yield Scene(name, len(wanted), "")


def _scenes(gate: _Gate, command: Sequence[str]) -> Iterator[tuple[str, Sequence[Printed], _Program]]:
    before = gate.commit(LONG, _all)
    with closing(_Program(command, gate.key_file, 0)) as program:
        yield "everything before it came is printed", before, program
        for name, plan in LIVE:
            yield name, gate.commit(20, plan), program
        last = gate.commit(1, _all)
        yield "nothing was printed that should not have been", last, program
    missed = gate.commit(20, _all)
    with closing(_Program(command, gate.key_file, last[0][1])) as program:
        yield "killed and started again, it goes on after the last", missed, program
        gate.restart("journal")
        yield "the gate restarts", gate.commit(20, _some_lost), program
        gate.restart("another")
        yield "the gate has a new journal, from 1 on", gate.commit(20, _some_lost), program
        yield "and is followed on", gate.commit(5, _all), program


def _refused(_order: Order, answer: Callable[[Answer], None]) -> None:
    answer(Rejected(Rejection.REFUSED, "this is a rehearsal"))


def _nothing(_fact: Fact) -> None: ...


def _ended(error: GateError) -> None:
    raise error
