"""Where orders come in, by the control socket and by the bus, and whose each of them is."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from gatefw import counter_desk, key_desk
from gatefw.bus import Bus
from gatefw.bus_keys import Endpoints, Keyholders
from gatefw.cases import Cases
from gatefw.clerk import Clerk
from gatefw.commission_desk import VERB as COMMISSION_SIGN
from gatefw.commission_desk import CommissionDesk
from gatefw.config import Config
from gatefw.control import EDGES, RELOAD, Done, Order
from gatefw.counter_desk import CounterDesk
from gatefw.crew import Crew
from gatefw.device_desk import VERBS, DeviceDesk, LaneAccess
from gatefw.edges import Edges
from gatefw.errors import GateError
from gatefw.gate import Gate
from gatefw.gate_terms import GateInput
from gatefw.key_desk import KeyDesk
from gatefw.keys import read
from gatefw.model import SubjectId
from gatefw.order_desk import OrderDesk, Reply
from gatefw.reload import Reloader
from gatefw.scribe import ACKNOWLEDGE, Scribe
from gatefw.trial import Trial

_log = logging.getLogger(__name__)


class Reception:
    """Of one lane; closed with `files`. `orders.take` is for every thread on which one comes in.

    stop: ends the daemon. ask_vision: as `VisionDesk.request`. prepared: see `Reloader`. Raises SetupError.
    """

    def __init__(
        self,
        config: Config,
        gate: Gate,
        crew: Crew,
        scribe: Scribe,
        clerk: Clerk,
        put: Callable[[GateInput], None],
        stop: Callable[[], None],
        ask_vision: Callable[[str, Callable[[Any], None]], None],
        prepared: Callable[[Config], Callable[[], None]],
        edges: Edges,
        cases: Cases,
        facts_of: Callable[[SubjectId], Mapping[str, str]],
        trial: Trial,
        files: ExitStack,
    ) -> None:
        self._scribe, self._clerk, self._edges = scribe, clerk, edges
        self.orders = OrderDesk(put, stop, self._hand_on, trial.why_not)
        self._counter = CounterDesk(scribe.journal, clerk.passed, cases, facts_of, config.lane.procedure)
        files.callback(self._counter.close)
        paths, at = config.paths, Endpoints(config.bus.events, config.bus.replay, config.bus.orders)
        holders = Keyholders(paths.key("bus").parent, paths.bus_keys, paths.bus_key, at)
        self.bus = Bus(scribe.journal, holders, self.orders.take, scribe.append, _bus_failed)
        files.callback(self.bus.close)
        self._keys = KeyDesk(holders, self.bus, scribe.append)
        lane = LaneAccess(lambda: gate.state.phase, lambda: gate.sensed, self.orders.take, scribe.append, ask_vision)
        self.devices = DeviceDesk(config.devices, crew.all, crew.installers, lane, paths.run)
        seed = read(paths.key("journal-sign"))
        self._commissioning = CommissionDesk(config.lane.name, config.sha256, seed, scribe.append, scribe.journal.now)
        self.reloader = Reloader(
            config, prepared, lambda new: scribe.note_config(new.sha256, new.reversed), scribe.append
        )

    def _hand_on(self, order: Order, reply: Reply) -> None:
        """Those that are not the lane's own."""
        if order.verb in counter_desk.VERBS:
            self._counter.order(order, reply)
        elif order.verb == RELOAD:
            self.reloader.order(order, reply)
        elif order.verb == EDGES:
            reply(Done(self._edges.course(time.monotonic()).to_json()))
        elif order.verb == COMMISSION_SIGN:
            self._commissioning.order(order, reply)
        elif order.verb == ACKNOWLEDGE:
            self._scribe.acknowledge(order, reply)
        elif order.verb in key_desk.VERBS:
            self._keys.order(order, reply)
        else:
            (self.devices.order if order.verb in VERBS else self._clerk.order)(order, reply)


def _bus_failed(error: GateError) -> None:
    _log.error("%s", error)
