"""What hangs on a GPIO line: contacts that are read, outputs that are driven. The same for every pin factory.

An edge only says "read again": levels are read from the line, never concluded from edges. Debouncing is done here, in
software, because the mock has none and lgpio's would be another one. A callback catches everything: with lgpio a single
exception in one kills the thread that serves all inputs, and every contact of the gate goes silently dead.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gatefw.errors import DeviceLost, GateError, SetupError
from gatefw.ports import Pin
from hw.gpio.countdown import Countdown
from hw.urgent import hurry

_log = logging.getLogger(__name__)

Circuit = Literal["open", "closed"]
Pull = Literal["up", "down"]
CHATTER_EDGES, CHATTER_S = 500, 1.0  # more edges in so long are no contact that somebody moves


class PinFactory(Protocol):
    """The part of gpiozero's Factory that is used here."""

    def pin(self, name: int) -> Any: ...
    def reserve_pins(self, requester: object, *names: int) -> None: ...
    def release_pins(self, reserver: object, *names: int) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """One contact: its line, its circuit while what it is named after is *not* so, and where the line is pulled.

    With pull "up" a closed circuit connects the line to ground, with "down" to 3.3 V. A cut wire is an open circuit.
    """

    pin: Pin
    normally: Circuit
    pull: Pull = "up"


class _Line:
    """A claimed line. Translates what gpiozero and lgpio raise, and reserves the line in this process."""

    def __init__(self, pins: PinFactory, number: int) -> None:
        self._pins, self.number, self._closed = pins, number, False
        with self.translated("claim it"):
            self.pin = pins.pin(number)
            pins.reserve_pins(self, number)

    def _conflicts_with(self, _other: object) -> bool:
        return True  # gpiozero asks before it lets two owners share a line

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        if self._closed:
            raise DeviceLost(f"GPIO {self.number}: cannot {what}: the line was given back")
        try:
            yield
        except GateError:
            raise
        except Exception as problem:  # lgpio and gpiozero have no common root
            from gpiozero.exc import GPIOPinInUse, PinFixedPull, PinInvalidPin

            if isinstance(problem, GPIOPinInUse | PinFixedPull | PinInvalidPin):
                raise SetupError(f"GPIO {self.number}: {problem}: correct the pin in the config") from problem
            taken = ": is `gatefw run` there, or another program? One at a time has it" * (
                "busy" in str(problem).lower()
            )
            raise DeviceLost(f"GPIO {self.number}: cannot {what}: {problem}{taken}") from problem

    def close(self) -> None:
        if self._closed:
            return
        try:
            with self.translated("give the line back"):
                self.pin.when_changed = None
                self.pin.close()
        except DeviceLost as problem:
            _log.info("%s", problem)
        self._closed = True
        self._pins.release_pins(self, self.number)


class Output:
    """A driven line, off from the start, without a blip on the way. `active` is the level that means on.

    Raises DeviceLost from every call when the line cannot be driven; SetupError when it is used twice or not there.
    """

    def __init__(self, pins: PinFactory, pin: Pin, active: Literal["high", "low"]) -> None:
        self._active_level = active == "high"
        self._line = _Line(pins, pin.number)
        try:
            with self._line.translated("drive it"):
                self._line.pin.output_with_state(not self._active_level)
        except BaseException:
            self._line.close()
            raise

    def set(self, on: bool) -> None:
        with self._line.translated("drive it"):
            self._line.pin.state = self._active_level == on

    def close(self) -> None:
        """Off, then give the line back: it becomes an input, and an external resistor holds its level."""
        try:
            self.set(False)
        except DeviceLost as problem:
            _log.info("%s", problem)
        self._line.close()


class Contact:
    """A contact that is active or not. A level is believed when it has stood for `debounce_s`; 0 believes at once."""

    def __init__(
        self, pins: PinFactory, wiring: Wiring, debounce_s: float = 0.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._debounce_s, self._now_s = debounce_s, now_s
        self._active_level = (wiring.pull == "up") == (wiring.normally == "closed")
        self._lock = threading.Lock()
        self._since_s: float | None = None  # since when the line differs from what is believed
        self._changed: Callable[[], None] | None = None
        self._edges, self._counted_since_s, self._deaf = 0, now_s(), False
        self._line = _Line(pins, wiring.pin.number)
        try:
            with self._line.translated("read it"):
                self._line.pin.input_with_pull(wiring.pull)
            self._believed = self._level()
        except BaseException:
            self._line.close()
            raise

    def read(self) -> bool:
        """Whether the contact is active, from the line as it stands now. Raises DeviceLost."""
        self._bear_chatter()
        level = self._level()
        with self._lock:
            if level == self._believed:
                self._since_s = None
            elif self._since_s is None:
                self._since_s = self._now_s()
            if self._since_s is not None and self._now_s() - self._since_s >= self._debounce_s:
                self._believed, self._since_s = level, None
            return self._believed

    @property
    def believed(self) -> bool:
        """Whether the contact is active, as it was read last."""
        return self._believed

    @property
    def settles_in_s(self) -> float | None:
        """How long the level that the last `read` saw must still stand to be believed; None when it is."""
        with self._lock:
            return None if self._since_s is None else max(0.0, self._since_s + self._debounce_s - self._now_s())

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` on every edge, bounces too, on a thread of the pin factory. Raises DeviceLost."""
        self._changed = changed
        with self._line.translated("watch it"):
            self._line.pin.edges = "both"
        self._listen(True)

    def _listen(self, listening: bool) -> None:
        with self._line.translated("watch it"):
            self._line.pin.when_changed = self._edge if listening else None

    def _bear_chatter(self) -> None:
        """Edges cost work: a contact that chatters is not listened to for a while, and read on the timer as ever."""
        if self._changed is None:
            return
        if not self._deaf and self._edges > CHATTER_EDGES:
            _log.warning("GPIO %d chatters: for a second it is read on the timer alone", self._line.number)
            self._deaf, self._counted_since_s = True, self._now_s()
            self._listen(False)
        elif self._now_s() - self._counted_since_s >= CHATTER_S:
            self._edges, self._counted_since_s = 0, self._now_s()
            if self._deaf:
                self._deaf = False
                self._listen(True)

    def close(self) -> None:
        self._line.close()

    def _level(self) -> bool:
        with self._line.translated("read it"):
            return bool(self._line.pin.state) == self._active_level

    def _edge(self, _ticks: object, _state: object) -> None:
        self._edges += 1
        hurry()
        try:
            with suppress(DeviceLost):  # whoever reads next is told
                level = self._level()
                with self._lock:  # while it bounces its time starts again and again
                    self._since_s = None if level == self._believed else self._now_s()
                    if self._debounce_s == 0:
                        self._believed, self._since_s = level, None
            if self._changed is not None:
                self._changed()
        except Exception:  # noqa: BLE001  see the top of this file
            _log.exception("a callback of a contact")


class Contacts:
    """The contacts of one device by name, closed together. `watch` tells of an edge once it has settled."""

    def __init__(self, pins: PinFactory, wiring: Mapping[str, Wiring], debounce_s: float) -> None:
        self._debounce_s = debounce_s
        self._contacts: dict[str, Contact] = {}
        self._changed: Callable[[], None] | None = None
        self._lock = threading.RLock()
        try:
            for name, wired in wiring.items():
                self._contacts[name] = Contact(pins, wired, debounce_s)
        except BaseException:
            self._close_contacts()
            raise
        self._settling = Countdown("contacts settling", self._lock, self._settled)

    def read(self, name: str) -> bool:
        return self._contacts[name].read()

    def believed(self, name: str) -> bool:
        return self._contacts[name].believed

    def __contains__(self, name: str) -> bool:
        return name in self._contacts

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` after an edge: at once without debouncing, else once it can be read. It must only enqueue."""
        self._changed = changed
        for contact in self._contacts.values():
            contact.watch(self._edge)

    def close(self) -> None:
        self._settling.close()
        self._close_contacts()

    def _close_contacts(self) -> None:
        for contact in self._contacts.values():
            contact.close()

    def _edge(self) -> None:
        if self._debounce_s == 0:
            self._tell()
            return
        with self._lock:
            if not self._settling.running:
                self._settling.start(self._debounce_s)

    def _settled(self) -> None:
        with suppress(DeviceLost):
            for contact in self._contacts.values():
                contact.read()
            waits_s = [left_s for each in self._contacts.values() if (left_s := each.settles_in_s) is not None]
            if waits_s:  # no contact waits for the bouncing of another
                self._settling.start(min(waits_s))
        self._tell()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed()
