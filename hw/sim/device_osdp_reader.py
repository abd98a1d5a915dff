"""A card reader with keypad, lamp, buzzer and display on an OSDP line: libosdp's own PeripheralDevice.

    [world.lines.card]
    device = "osdp_reader"
    key = "00112233445566778899aabbccddeeff"   # of its secure channel; kept without power, as is a new one it is given
    mode = "secure"         # or "install" (the factory's key until it is given one), "clear" (no encryption at all)
    address, vendor, serial, display            # see Options

Acts: card {bits, data (hex)}; keys {keys: "4711#"}; present {code: "card:26:01020340" or keys}; tamper {on}; mains
{lost}; refuse {commands: [numbers]}: answers these with NAK. Cards and keys are kept until somebody asks, as real
readers keep them. The library reads the machine's own clock, not the one handed in: this device needs real time.

Of libosdp 3.2.9, tried: its Python binding drops what a handler answers to osdp_LSTAT, so the status follows as an
event; and it gives back a reference that it never took, to the second part of whatever a handler returns.
"""

import contextlib
import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import osdp_sys

from hw.wire import osdp_input
from hw.wire.osdp_frames import START, Splitter, with_crc

if TYPE_CHECKING:
    from hw.sim.physics import World

ADVANCE_S = 0.02
_CAPABILITIES = {
    osdp_sys.CAP_CONTACT_STATUS_MONITORING: (1, 1),
    osdp_sys.CAP_CARD_DATA_FORMAT: (1, 1),
    osdp_sys.CAP_READER_LED_CONTROL: (1, 1),
    osdp_sys.CAP_READER_AUDIBLE_OUTPUT: (1, 1),
    osdp_sys.CAP_READER_TEXT_OUTPUT: (1, 1),
    osdp_sys.CAP_CHECK_CHARACTER_SUPPORT: (1, 0),
    osdp_sys.CAP_COMMUNICATION_SECURITY: (1, 1),
    osdp_sys.CAP_READERS: (1, 1),
}
_SECURITY_BLOCK, _CRC_FOLLOWS = 8, 4  # in a frame's control byte
_NAK_NO_SECURITY = b"\x41\x05"
_FLAGS = {"secure": osdp_sys.FLAG_ENFORCE_SECURE, "install": osdp_sys.FLAG_INSTALL_MODE, "clear": 0}


@dataclass(frozen=True, slots=True)
class Options:
    """What the reader is. `vendor` is an OUI, `serial` its number, both in hex as `gatefw check` shows them."""

    key: str = ""
    mode: str = "secure"
    address: int = 0
    vendor: str = "cafeba"
    serial: str = "0000002a"
    display: bool = True


def make(options: Mapping[str, Any], world: "World | None") -> "OsdpReaderDevice":  # noqa: ARG001  it lives by itself
    """Raises ValueError, TypeError for an option it does not know."""
    chosen = Options(**options)
    if chosen.mode not in _FLAGS or (chosen.mode == "secure") != (len(bytes.fromhex(chosen.key)) == 16):
        raise ValueError(f"mode is one of {', '.join(_FLAGS)}, with a key of 32 hex digits for secure and none else")
    return OsdpReaderDevice(chosen)


class _Wire:
    """The library's channel: two buffers."""

    def __init__(self) -> None:
        self.id = 0
        self.heard, self.said = bytearray(), bytearray()

    def read(self, max_bytes: int) -> bytes:
        data = bytes(self.heard[:max_bytes])
        del self.heard[:max_bytes]
        return data

    def write(self, data: bytes) -> int:
        self.said += data
        return len(data)

    def flush(self) -> int:
        return 0


class OsdpReaderDevice:
    """A `LineDevice`. `shown` is what it was told last, by the command's number; `key` what its channel stands on."""

    def __init__(self, options: Options) -> None:
        self.key, self.mode = bytes.fromhex(options.key) or None, options.mode
        self.shown: dict[int, dict[str, Any]] = {}
        self.beeps = 0
        self._options = options
        self._status = bytearray(2)  # tamper, mains lost
        self._refused: frozenset[int] = frozenset()
        self._next_s = 0.0
        self.power_up(0.0)

    def power_up(self, now_s: float) -> None:
        self._wire, self._splitter, self._next_s = _Wire(), Splitter(), now_s
        self.shown.clear()
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        self._reader = osdp_sys.PeripheralDevice(self._about(), capabilities=self._capabilities())
        self._reader.set_command_callback(self._told)

    @property
    def secure(self) -> bool:
        """Whether somebody talks to it in an encrypted session."""
        return bool(self._reader.is_sc_active())

    def receive(self, data: bytes, now_s: float) -> None:
        self._next_s = now_s
        for frame in self._splitter.feed(data):
            self._hear(frame)

    def advance(self, now_s: float) -> bytes:
        if now_s >= self._next_s:
            self._next_s = now_s + ADVANCE_S
            self._reader.refresh()
        said = bytes(self._wire.said)
        self._wire.said.clear()
        return said

    def next_s(self) -> float:
        return self._next_s

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:
        self._next_s = now_s
        match what, given:
            case "card", {"bits": int(bits), "data": str(data)}:
                self._card(osdp_input.card(bits, bytes.fromhex(data)))
            case "keys", {"keys": str(keys)}:
                self._keys(keys)
            case "present", {"code": bytes(code)}:
                self._present(code)
            case "tamper", {"on": bool(on)}:
                self._status[0] = on
                self._tell_status()
            case "mains", {"lost": bool(lost)}:
                self._status[1] = lost
                self._tell_status()
            case "refuse", {"commands": list(commands)}:
                self._refused = frozenset(commands)
            case _:
                raise ValueError(
                    f"{what} {dict(given)} is nothing an OSDP reader can do; see hw/sim/device_osdp_reader.py"
                )

    def _present(self, code: bytes) -> None:
        try:
            self._card(osdp_input.parse_card(code))
        except ValueError:
            self._keys(code.decode("latin-1"))

    def _card(self, card: osdp_input.Card) -> None:
        self._happens(
            event=osdp_sys.EVENT_CARDREAD, reader_no=0, direction=0, format=osdp_sys.CARD_FMT_RAW_UNSPECIFIED,
            length=card.bits, data=card.data,
        )  # fmt: skip

    def _keys(self, keys: str) -> None:
        coded = keys.encode("latin-1").replace(b"#", b"\r").replace(b"*", b"\x7f")
        self._happens(event=osdp_sys.EVENT_KEYPRESS, reader_no=0, data=coded)

    def _tell_status(self) -> None:
        self._happens(event=osdp_sys.EVENT_STATUS, type=osdp_sys.STATUS_REPORT_LOCAL, report=bytes(self._status))

    def _happens(self, **event: Any) -> None:
        with contextlib.suppress(TypeError):  # the library's word for a memory that is full or an event too large
            self._reader.submit_event(event)

    def _told(self, command: dict[str, Any]) -> tuple[int, None]:
        """What the panel wants. The library drops a reference of the None that is returned: it is given one for it."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
        return (0 if self._does(command) else -1), None

    def _does(self, command: dict[str, Any]) -> bool:
        number = command["command"]
        if number in self._refused:
            return False
        self.shown[number] = command
        if number == osdp_sys.CMD_KEYSET:
            self.key, self.mode = bytes(command["data"]), "secure"
        elif number == osdp_sys.CMD_BUZZER:
            self.beeps += command["rep_count"]
        elif number == osdp_sys.CMD_STATUS and any(self._status):
            self._tell_status()
        return True

    def _hear(self, frame: bytes) -> None:
        """A reader without encryption has never heard of a security block; the library's own would take one."""
        control = frame[4]
        if self.mode == "clear" and control & _SECURITY_BLOCK:
            head = bytes((START, self._options.address | 0x80, 9, 0, control & 3 | _CRC_FOLLOWS))
            self._wire.said += with_crc(head + _NAK_NO_SECURITY)
        else:
            self._wire.heard[:] = frame

    def _about(self) -> dict[str, Any]:
        return {
            "name": "simulated", "address": self._options.address, "flags": _FLAGS[self.mode], "scbk": self.key,
            "channel": self._wire, "version": 1, "model": 1,
            "vendor_code": int.from_bytes(bytes.fromhex(self._options.vendor), "little"),
            "serial_number": int(self._options.serial, 16), "firmware_version": 0x010000,
        }  # fmt: skip

    def _capabilities(self) -> list[dict[str, int]]:
        missing = set() if self._options.display else {osdp_sys.CAP_READER_TEXT_OUTPUT}
        missing |= {osdp_sys.CAP_COMMUNICATION_SECURITY} if self.mode == "clear" else set()
        return [
            {"function_code": code, "compliance_level": level, "num_items": count}
            for code, (level, count) in _CAPABILITIES.items()
            if code not in missing
        ]
