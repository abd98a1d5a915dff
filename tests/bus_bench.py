"""A gate's journal and bus in this process, with the keys of whoever comes to it."""

import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from gatefw.bus import Bus
from gatefw.bus_keys import ClientKey, Endpoints, Keyholders, Permission, new_pair
from gatefw.bus_socket import address_of
from gatefw.control import Answer, Order
from gatefw.errors import GateError
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, SubjectId
from gatefw.wall_time import WallTime

STOPPED = Fact(FactKind.SERVICE_STOPPED, subject=SubjectId("never-on-the-bus"))
DEADLINE_S = 30.0
Reply = Callable[[Answer], None]


def endpoints_in(directory: Path) -> Endpoints:
    return Endpoints(*(address_of(directory / f"{name}.sock") for name in ("events", "replay", "orders")))


class BusBench:
    """What is published of a gate. Orders queue up in `orders`, facts that the bus records in `recorded`."""

    def __init__(self, directory: Path, journal: str = "journal", endpoints: Endpoints | None = None) -> None:
        self.failures: queue.Queue[GateError] = queue.Queue()
        self.orders: queue.Queue[tuple[Order, Reply]] = queue.Queue()
        self.recorded: list[Fact] = []
        self.hold: Callable[[Order], object] = lambda _order: None  # on the bus's thread
        self._files = ExitStack()
        clock = lambda: WallTime(1_800_000_000_000_000_000, True)  # noqa: E731
        self.journal = self._files.enter_context(
            closing(Journal.open(directory / journal, "lane", bytes(32), clock, self.failures.put))
        )
        self.local = directory / "bus.key"
        self.holders = Keyholders(
            directory / "keys", directory / "bus_keys.json", self.local, endpoints or endpoints_in(directory)
        )
        bus = Bus(self.journal, self.holders, self._handle, self.recorded.append, self.failures.put)
        self.bus = self._files.enter_context(closing(bus))

    def _handle(self, order: Order, reply: Reply) -> None:
        self.orders.put((order, reply))
        self.hold(order)

    @property
    def key(self) -> ClientKey:
        """The one beside the sockets."""
        return ClientKey.read(self.local)

    def new_key(self, name: str, *may: Permission) -> ClientKey:
        public, secret = new_pair()
        self.holders.grant(name, public, may)
        at = self.holders.endpoints
        return ClientKey(name, public, secret, self.holders.server[0], at.events, at.replay, at.orders)

    def commit(self, count: int) -> None:
        """Write `count` rows and wait until the last is durable."""
        done = threading.Event()
        for left in range(count, 0, -1):
            self.journal.append(STOPPED, (lambda _: done.set()) if left == 1 else None)
        assert done.wait(DEADLINE_S)

    def close(self) -> None:
        self._files.close()
        assert self.failures.empty(), self.failures.get()
        assert not [thread for thread in threading.enumerate() if thread.name in ("bus", "journal")]
