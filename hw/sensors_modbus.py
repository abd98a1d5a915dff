"""Contacts on a remote I/O module: 24 V discrete inputs, read over Modbus RTU.

One function-2 read fetches every input at once, so the levels of a reading belong together. A module that does not
answer raises DeviceLost, and then nothing is known: no input of it is taken for off. What a contact means is the lane's
matter, as with `sensors_gpio`. The module's own input filter (3 to 10 ms is usual) takes the bounce away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from gatefw.ports import Bound, SensorsReading
from hw import contacts
from hw.wire import scrub

if TYPE_CHECKING:
    from hw.modbus import Unit

CHANNELS = 64
Channel = Annotated[int, Bound(0, CHANNELS - 1)]


@dataclass(frozen=True, kw_only=True)
class Settings(contacts.Circuits):
    """Channels of the module, counted from 0 at `first_input`. A closed circuit puts 24 V on its channel and reads 1.

    `identity` is what the two registers from `identity_register` on hold (high word first): another module is refused.
    """

    link: str  # "serial:/dev/serial/by-id/...?baud=19200&parity=even"; several drivers may name the same
    unit: Annotated[int, Bound(1, 247)]
    identity_register: Annotated[int, Bound(0, 65534)]
    identity: Annotated[int, Bound(0, 0xFFFFFFFF)]
    zone_airlock: Channel | None = None  # somebody is between the doors, or on the spot before the only one
    zone_airlock_many: Channel | None = None  # two or more are
    fire: Channel | None = None
    call: Channel | None = None  # the button inside
    stop: Channel | None = None
    officer_evacuate: Channel | None = None  # the officer's key switch
    zone_front: Channel | None = None
    zone_behind: Channel | None = None
    request_to_exit: Channel | None = None
    tamper: Channel | None = None
    mains_lost: Channel | None = None
    officer_key: Channel | None = None
    officer_open: Channel | None = None
    officer_close: Channel | None = None
    officer_let_out: Channel | None = None
    officer_reset: Channel | None = None
    confirm: Channel | None = None  # the traveller's own buttons, under the screen
    decline: Channel | None = None
    first_input: Annotated[int, Bound(0, 65535 - CHANNELS)] = 0
    reply_s: Annotated[float, Bound(0.02, 2.0)] = 0.2  # a silent module is asked twice
    poll_s: Annotated[float, Bound(0.01, 1.0)] = 0.03

    @property
    def wired(self) -> dict[str, int]:
        """The channel of everything that is wired, by name."""
        return {name: getattr(self, name) for name in contacts.NAMES if getattr(self, name) is not None}


def scrubber() -> scrub.Scrub:
    """For a recording of its wire. Nobody is spoken of on this wire."""
    return scrub.nothing()


def open(settings: Settings) -> "ModbusSensors":  # noqa: A001  the name every driver exports
    """The sensors, read once. Raises DeviceLost (line or module), WrongDevice (another identity), BadReply (map)."""
    from hw.modbus import join

    unit = join(settings.link, settings.unit, settings.reply_s)
    try:
        unit.prove(settings.identity_register, settings.identity)
        return ModbusSensors(settings, unit)
    except BaseException:
        unit.close()
        raise


class ModbusSensors:
    """`Sensors`. A thread of its own asks the module every `poll_s`; `read` waits until it was asked anew.

    So what is read is how things are now: a door that the fire contact freed is told of after the fire, not before it.
    """

    def __init__(self, settings: Settings, unit: "Unit") -> None:
        from hw.modbus import Rounds

        self._settings, self._unit, self._wired = settings, unit, settings.wired
        self._count = max(self._wired.values(), default=0) + 1
        self._levels = self._fetch()
        self._rounds = Rounds(f"sensors unit {settings.unit}", self._look, settings.poll_s, asks_s=2 * settings.reply_s)

    def read(self) -> SensorsReading:
        self._rounds.go_round()
        levels = self._levels
        return contacts.reading(
            {
                name: bool(levels[channel]) == (self._settings.normally(name) == "open")
                for name, channel in self._wired.items()
            }
        )

    def watch(self, changed: Callable[[], None]) -> None:
        self._rounds.watch(changed)

    def close(self) -> None:
        self._rounds.close()
        self._unit.close()

    def _look(self) -> bool:
        before, self._levels = self._levels, self._fetch()
        return self._levels != before

    def _fetch(self) -> tuple[int, ...]:
        return self._unit.inputs(self._settings.first_input, self._count)
