"""A swing or sliding door with a motor controller of its own, commanded over Modbus RTU.

The controller moves the leaf, looks at its own beam, limits its torque, and ends a release when nobody repeats the
command within its command time-out: the lease is enforced there. The time-out is written when the door is opened, read
back, and looked at again every second: a controller that was restarted has forgotten it, and is closed and opened anew.
What it cannot do itself is in its fault word, and raises DeviceError with what that means.

The register map is the config's, since every maker has another. Positions and commands are 16-bit values.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from gatefw.errors import DeviceError, DeviceLost, Refusal, SetupError
from gatefw.model import Beam
from gatefw.ports import Alone, Bound, DoorReading, LeftAlone, Plight
from hw.contacts import DoorContacts
from hw.wire import scrub

if TYPE_CHECKING:
    from hw.modbus import Unit

Register = Annotated[int, Bound(0, 65535)]
Bit = Annotated[int, Bound(0, 15)]
BLOCK_REGISTERS = 32
VERIFY_S = 1.0
AJAR = 0.02
"""The part of the way up to which a leaf may stand while its closed contact says closed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where what stands in the controller. Status, fault and position registers lie within 32 of each other.

    `unpowered` is what the lock does when the site has no current, `at_boot` what the controller does with the door
    while it starts: nobody but who fitted it knows either. `torque_percent` is written to the controller's limit.
    """

    link: str  # "serial:/dev/serial/by-id/...?baud=19200&parity=even"; several drivers may name the same
    unit: Annotated[int, Bound(1, 247)]
    unpowered: Literal["released", "secured"]
    at_boot: Literal["released", "secured"]
    identity_register: Annotated[int, Bound(0, 65534)]
    identity: Annotated[int, Bound(0, 0xFFFFFFFF)]
    command_register: Register
    timeout_register: Register  # the command time-out, in `timeout_step_ms`
    status_register: Register
    fault_register: Register
    position_register: Register
    position_open: Annotated[int, Bound(1, 65535)]  # what the position reads when the door is fully open; 0 is closed
    torque_register: Register | None = None
    torque_percent: Annotated[int, Bound(1, 100)] = 30
    release_command: Register = 1
    secure_command: Register = 0
    closed_bit: Bit = 0
    locked_bit: Bit = 1
    beam_bit: Bit = 2  # set while the beam is broken
    fault_names: str = ""  # what the bits of the fault word mean, from bit 0 on, with commas between
    timeout_step_ms: Annotated[int, Bound(1, 1000)] = 100
    command_timeout_s: Annotated[float, Bound(0.3, 10.0)] = 1.0
    max_lease_s: Annotated[float, Bound(0.3, 600.0)] = 10.0
    settle_s: Annotated[float, Bound(0.05, 5.0)] = 0.5  # so long may position and contacts contradict each other
    reply_s: Annotated[float, Bound(0.02, 2.0)] = 0.1  # a silent unit is asked twice
    poll_s: Annotated[float, Bound(0.01, 1.0)] = 0.04
    covered_by: str = ""  # hardware that makes good what the door does without us; `gatefw check` then only warns

    def left_alone(self, around: Alone) -> dict[Plight, LeftAlone]:  # noqa: ARG002  no line of ours is involved
        """What the door does in every plight: the controller ends what nobody repeats, whatever became of us."""
        ended = LeftAlone("secured", self.command_timeout_s, "the controller's command time-out ends a release")
        return {
            Plight.UNPOWERED: LeftAlone(self.unpowered, 0.0, "the lock without current"),
            Plight.AT_BOOT: LeftAlone(self.at_boot, 0.0, "the controller while it starts"),
            Plight.ON_EXIT: LeftAlone("secured", 0.0, "it is told to secure; else its command time-out"),
            Plight.ON_CRASH: ended,
            Plight.ON_HANG: ended,
        }

    def problems(self) -> list[tuple[str, str]]:
        """A register map that cannot be read in one piece; a time-out that is shorter than it takes to repeat."""
        found = []
        first, last = _block(self)
        if last - first >= BLOCK_REGISTERS:
            found.append(("status_register", _too_far(last - first)))
        if self.command_timeout_s < 4 * self.reply_s:
            found.append(
                ("command_timeout_s", f"is {self.command_timeout_s:g}; at least 4 reply_s, or a release flutters")
            )
        return found


def scrubber() -> scrub.Scrub:
    """For a recording of its wire. Nobody is spoken of on this wire."""
    return scrub.nothing()


def open(settings: Settings) -> "ModbusDoor":  # noqa: A001  the name every driver exports
    """The door, secured, its controller's time-out set. Raises DeviceLost, WrongDevice, BadReply, SetupError (map)."""
    from hw.modbus import join

    first, last = _block(settings)
    if last - first >= BLOCK_REGISTERS:
        raise SetupError(f"door unit {settings.unit}: {_too_far(last - first)}")
    unit = join(settings.link, settings.unit, settings.reply_s)
    try:
        unit.prove(settings.identity_register, settings.identity)
        unit.write(settings.command_register, settings.secure_command)
        unit.write_checked(settings.timeout_register, _timeout_steps(settings), "the command time-out")
        if settings.torque_register is not None:
            unit.write_checked(settings.torque_register, settings.torque_percent, "the torque limit")
        return ModbusDoor(settings, unit)
    except BaseException:
        unit.close()
        raise


class ModbusDoor:
    """A `Door`. A thread of its own talks to the controller; every call returns at once."""

    def __init__(self, settings: Settings, unit: "Unit", now_s: Callable[[], float] = time.monotonic) -> None:
        from hw.modbus import Rounds

        self._settings, self._unit, self._now_s = settings, unit, now_s
        self._lock = threading.Lock()
        self._leased_until_s = self._commanded_s = self._verified_s = now_s()
        self._commanded = settings.secure_command
        self._contacts = DoorContacts(settings.settle_s, now_s)
        self._reading, self._fault = self._look()
        self._rounds = Rounds(f"door unit {settings.unit}", self._round, settings.poll_s, asks_s=6 * settings.reply_s)

    def release(self, lease_s: float) -> None:
        if lease_s > self._settings.max_lease_s:
            raise Refusal(
                f"door unit {self._settings.unit}: a lease of {lease_s:g} s was asked for, at most "
                f"{self._settings.max_lease_s:g} are given (max_lease_s)"
            )
        self._rounds.check()
        with self._lock:
            self._leased_until_s = self._now_s() + lease_s
        self._rounds.wake()

    def secure(self) -> None:
        with self._lock:
            self._leased_until_s = self._now_s()
        self._rounds.check()
        self._rounds.wake()

    def read(self) -> DoorReading:
        self._rounds.check()
        if self._fault:
            raise DeviceError(f"door unit {self._settings.unit}: {self._fault}; see the controller's manual")
        return self._reading

    def watch(self, changed: Callable[[], None]) -> None:
        self._rounds.watch(changed)

    def close(self) -> None:
        self._rounds.close()
        try:
            self._unit.write(self._settings.command_register, self._settings.secure_command)
        except DeviceError:
            pass  # whoever is gone ends the release by its own time-out
        finally:
            self._unit.close()

    # ------------------------------------------------------------ the thread

    def _round(self) -> bool:
        """Command, then look. A command that changes goes first, one that stands is repeated before it times out."""
        self._command()
        self._verify()
        seen = self._look()
        changed = seen != (self._reading, self._fault)
        self._reading, self._fault = seen
        return changed

    def _command(self) -> None:
        settings, now_s = self._settings, self._now_s()
        with self._lock:
            released = now_s < self._leased_until_s
        wanted = settings.release_command if released else settings.secure_command
        repeat = released and now_s - self._commanded_s >= settings.command_timeout_s / 4
        if wanted != self._commanded or repeat:
            self._unit.write(settings.command_register, wanted)
            self._commanded, self._commanded_s = wanted, now_s

    def _verify(self) -> None:
        """That the controller still has our time-out: without it a release would end with nobody."""
        now_s = self._now_s()
        if now_s - self._verified_s < VERIFY_S:
            return
        (found,) = self._unit.read(self._settings.timeout_register, 1)
        if found != _timeout_steps(self._settings):
            raise DeviceLost(
                f"door unit {self._settings.unit}: its command time-out reads {found} and was set to "
                f"{_timeout_steps(self._settings)}: it was restarted, and is set up anew"
            )
        self._verified_s = now_s

    def _look(self) -> tuple[DoorReading, str]:
        settings = self._settings
        first, last = _block(settings)
        block = self._unit.read(first, last - first + 1)
        status, fault, position = (
            block[register - first]
            for register in (settings.status_register, settings.fault_register, settings.position_register)
        )
        closed, locked, broken = (
            bool(status >> bit & 1) for bit in (settings.closed_bit, settings.locked_bit, settings.beam_bit)
        )
        beam = Beam.BROKEN if broken else Beam.CLEAR
        where = self._contacts.position(closed, locked, ajar=position > AJAR * settings.position_open)
        return DoorReading(where, beam), fault_text(settings, fault)


def fault_text(settings: Settings, word: int) -> str:
    """What a fault word means; empty when there is none."""
    names = [name.strip() for name in settings.fault_names.split(",")]
    bits = [bit for bit in range(16) if word >> bit & 1]
    if not bits:
        return ""
    told = ", ".join(names[bit] if bit < len(names) and names[bit] else f"bit {bit}" for bit in bits)
    return f"fault word {word:#06x}: {told}"


def _block(settings: Settings) -> tuple[int, int]:
    registers = (settings.status_register, settings.fault_register, settings.position_register)
    return min(registers), max(registers)


def _too_far(apart: int) -> str:
    return (
        f"status, fault and position registers lie {apart} apart; within {BLOCK_REGISTERS} they can be read together, "
        "and only then do they belong to one moment"
    )


def _timeout_steps(settings: Settings) -> int:
    return max(1, round(settings.command_timeout_s * 1000 / settings.timeout_step_ms))
