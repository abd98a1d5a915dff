"""Technicians' orders about devices: what there is; and tests, traces, secrets and installations, in maintenance only.

An order with a device begins and is answered with a session. The same order with that session, and how many lines of it
were seen, is answered with the lines after those, with none (within `PULSE_S`: ask again), or with its outcome. `say`
may be `yes`, `no` or `end`. Each that begins, or is refused, is written down first.
"""

import difflib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gatefw import device_trace
from gatefw.config_tables import Device
from gatefw.control import Answer, Done, Order
from gatefw.device_secrets import Installer, renew_secret
from gatefw.device_session import LOOK_S, SAYS, Ended, Outcome, Reply, Session
from gatefw.device_states import DeviceStates
from gatefw.device_tests import TESTS, Bench, seconds
from gatefw.errors import BadReply, DeviceLost, Refusal
from gatefw.model import Fact, FactKind, Phase, Reason, Sensed, Verb
from gatefw.vision_wire import Message, figures_told
from gatefw.worker import OPEN_S, STUCK_S, Worker
from hw.link import heard_on

TEST, TRACE, TRACE_RAW, RENEW, INSTALL = (
    "device_test",
    "device_trace",
    "device_trace_raw",
    "device_renew_secret",
    "device_install",
)
CAMERAS = "cameras"
VERBS = frozenset((TEST, TRACE, TRACE_RAW, RENEW, INSTALL, "devices", CAMERAS))
LONGEST_S = 600.0
TRACE_S = 60.0
INSTALL_S = 60.0
ORDER_S = 5.0

Does = Callable[[Session], Outcome]


@dataclass(frozen=True, slots=True)
class LaneAccess:
    """What of the lane is needed here: what it does and senses, its own orders, its journal, its vision process."""

    phase: Callable[[], Phase]
    sensed: Callable[[], Sensed]
    order: Callable[[Order, Reply], None]
    record: Callable[[Fact], None]
    ask_vision: Callable[[str, Callable[[Message], None]], None]


class DeviceDesk:
    """`order` is for the control thread, and waits for nothing. `directory`: where recordings may lie."""

    def __init__(
        self,
        places: Sequence[Device],
        workers: Sequence[Worker[Any]],
        installers: Mapping[str, Installer],
        lane: LaneAccess,
        directory: Path,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.states = DeviceStates(places, now_s)
        self._places = {each.label: each for each in places}
        self._workers = {worker.name: worker for worker in workers}
        self._installers, self._lane, self._directory, self._now_s = installers, lane, directory, now_s
        self._sessions: dict[str, tuple[str, Session]] = {}  # what is under way, traces and others
        self._threads: list[threading.Thread] = []
        device_trace.forget_recordings(directory)

    def close(self) -> None:
        """End what is under way. A device is closed by its owner, later."""
        for _, session in self._sessions.values():
            session.end()
        for thread in self._threads:
            thread.join(STUCK_S)

    def order(self, order: Order, reply: Reply) -> None:
        """Do one of `VERBS`. Raises Refusal."""
        if order.verb == "devices":
            listed = [each | self._told(str(each["device"])) for each in self.states.listed()]
            reply(Done({"phase": self._lane.phase().value, "devices": listed}))
            return
        if order.verb == CAMERAS:
            self._lane.ask_vision("figures", lambda answer: reply(self._of_cameras(answer)))
            return
        match dict(order.args):
            case {"session": str(number), "seen": int(seen), **rest}:
                self._followed(order.verb, number).follow(seen, _say(rest), reply)
            case {"device": str(name), **rest}:
                self._begin(order, name, rest, reply)
            case _:
                raise Refusal(f"{order.verb}: a device is wanted, or a session and how much of it was seen")

    def _followed(self, verb: str, number: str) -> Session:
        _, session = self._sessions.get(_slot(verb), ("", None))
        if session is None or session.id != number:
            raise Refusal(f"{verb}: that session is over; begin again")
        return session

    def _begin(self, order: Order, name: str, args: Mapping[str, Any], reply: Reply) -> None:
        try:
            session, does = self._prepared(order, name, args)
        except Refusal:
            self._record(order, accepted=False)
            raise
        self._record(order, accepted=True)
        self._sessions[_slot(order.verb)] = (order.verb, session)
        thread = threading.Thread(target=session.run, args=(does,), name=f"{order.verb} {name}", daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        reply(Done({"session": session.id, "seen": 0, "said": []}))

    def _record(self, order: Order, *, accepted: bool) -> None:
        reason = Reason.OK if accepted else Reason.NOT_NOW
        fields = (("verb", order.verb), ("by", order.by), ("accepted", accepted), ("reason", reason))
        self._lane.record(Fact(FactKind.OPERATOR_ORDERED, None, fields))

    # ------------------------------------------------------------ what is to be done

    def _prepared(self, order: Order, name: str, args: Mapping[str, Any]) -> tuple[Session, Does]:
        """A session, and what is done in it. Raises Refusal."""
        place = self._place(name)
        phase = self._lane.phase()
        if phase is not Phase.MAINTENANCE:
            raise Refusal(
                f"{order.verb} {name}: the lane is {phase.value}; a device is touched in maintenance only: "
                "`gatefw lane maintain --name WHO --why WHY` first, and `gatefw lane maintain-end` afterwards"
            )
        self._see_it_free(order.verb)
        given_s = _seconds(args)
        match order.verb:
            case "device_test":
                within_s, does = given_s or seconds(place.role), self._test(place, asks=args.get("asks") is True)
            case "device_trace" | "device_trace_raw":
                within_s, does = given_s or TRACE_S, self._trace(name, raw=order.verb == TRACE_RAW)
            case "device_renew_secret":
                within_s, does = OPEN_S, partial(_renewed, self._worker(name))
            case _:
                wait_s = given_s or INSTALL_S
                within_s = wait_s + OPEN_S
                does = partial(_installed, self._worker(name), self._installers[name], wait_s)
        return Session(name, order.by, within_s, self._lane.phase, self._now_s), does

    def _trouble(self, name: str) -> str:
        """In words, why it is not there; of a camera its test tells."""
        return self._workers[name].trouble if name in self._workers else ""

    def _told(self, name: str) -> dict[str, object]:
        """What is known beyond its state: in words why it is not there; what was heard on its wire."""
        installer = self._installers.get(name)
        line = heard_on(installer.link) if installer is not None and installer.link else {}
        return {"detail": self._trouble(name), **({"line": line} if line else {})}

    def _of_cameras(self, answer: Message) -> Answer:
        """How the pictures of each are, as far as the vision process tells."""
        cameras = [name for name, place in self._places.items() if place.role == "camera"]
        try:
            return Done({"cameras": {name: figures_told(answer["done"], name) for name in cameras}})
        except (BadReply, KeyError):
            return Done({"cameras": {}})

    def _place(self, name: str) -> Device:
        if name not in self._places:
            near = difflib.get_close_matches(name, self._places, n=1)
            advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(self._places)}"
            raise Refusal(f"{name[:40]}: the lane file has no such device; {advice}")
        return self._places[name]

    def _worker(self, name: str) -> Worker[Any]:
        worker = self._workers.get(name)
        if worker is None:
            raise Refusal(f"{name}: belongs to the vision process, and has no secret and no wire")
        return worker

    def _see_it_free(self, verb: str) -> None:
        """A trace may go on beside a test; where a secret is agreed, nothing is recorded."""
        for other, session in self._sessions.values():
            alone = verb in (RENEW, INSTALL) or other in (RENEW, INSTALL)
            if not session.over and (alone or _slot(other) == _slot(verb)):
                raise Refusal(f"{verb}: {other} of {session.device} is under way, by {session.by}; wait for its end")

    def _test(self, place: Device, *, asks: bool) -> Does:
        bench = Bench(
            self._workers.get(place.label),
            asks,
            self._lane.sensed,
            self._lane.phase,
            self._ordered,
            partial(self._figures, place.label),
        )
        return lambda session: TESTS[place.role](session, bench)

    def _trace(self, name: str, *, raw: bool) -> Does:
        ends = [(self._workers[each], self._installers[each]) for each in self._workers if each in self._installers]
        wire = device_trace.wire_of(name, ends)
        return lambda session: device_trace.trace(session, wire, self._directory, raw)

    # ------------------------------------------------------------ what a test asks of others

    def _ordered(self, verb: Verb, by: str) -> "Future[str]":
        """What the lane says to its own order; fails with Refusal."""
        told: Future[str] = Future()

        def reply(answer: Answer) -> None:
            if isinstance(answer, Done):
                told.set_result(str(answer.result.get("detail", "")))
            else:
                told.set_exception(Refusal(answer.message))

        self._lane.order(Order(verb.value, {}, by, Phase.MAINTENANCE, time.monotonic() + ORDER_S), reply)
        return told

    def _figures(self, camera: str) -> "Future[Mapping[str, Any]]":
        """What the vision process says of a camera now; fails with DeviceLost, BadReply."""
        told: Future[Mapping[str, Any]] = Future()

        def heard(message: Message) -> None:
            try:
                if "done" not in message:
                    raise DeviceLost(f"{camera}: the vision process, to which it belongs, does not answer")
                told.set_result(figures_told(message["done"], camera))
            except (DeviceLost, BadReply) as error:
                told.set_exception(error)

        self._lane.ask_vision("figures", heard)
        return told


def _renewed(worker: Worker[Any], session: Session) -> Outcome:
    session.result(renew_secret(worker))
    return Outcome(True)


def _installed(worker: Worker[Any], installer: Installer, wait_s: float, session: Session) -> Outcome:
    """It may be waited for, or given up, until its owner begins; from then on it comes to its end."""
    agreed = installer.install(worker, wait_s)
    if not agreed.done():
        session.say(prompt="put the device into its install mode now, if it has one", seconds=round(wait_s))
    try:
        while session.goes_on and not agreed.done():
            session.rest(LOOK_S)
        if not agreed.done() and agreed.cancel():
            raise Ended("given up before it began")
    except Ended:
        agreed.cancel()
        raise
    session.result(agreed)
    return Outcome(True)


def _slot(verb: str) -> str:
    return TRACE if verb in (TRACE, TRACE_RAW) else TEST


def _say(args: Mapping[str, Any]) -> str:
    say = args.get("say", "")
    return say if say in SAYS else ""


def _seconds(args: Mapping[str, Any]) -> float | None:
    given = args.get("seconds")
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 1 <= given <= LONGEST_S:
        raise Refusal(f"seconds: 1 to {LONGEST_S:g} are wanted")
    return float(given)
