"""A finger sensor of the ZFM family on a simulated line: real packets at the line's rate, fingers that are numbers.

lay {finger, quality}    a finger lies there: a number of 1 and up; quality good, smudged or dry
lift                     it is gone
store {finger}           somebody is in its flash
fault {which, on}        something is wrong with it from now on, until it is put right: `finger_chip.FAULTS`
busy {for_s}             it hears nothing for so long
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hw.sim.finger_chip import FAULTS, QUALITIES, FingerChip, Options, buffer_of
from hw.wire import zfm
from hw.wire.zfm import Code, Command, Decoder, Kind, Packet

if TYPE_CHECKING:
    from hw.sim.physics import World

RECEIVED_BYTES_MAX = 65536
HEARD = 100_000  # the commands that are kept to be looked at


def make(options: Mapping[str, Any], _world: "World | None") -> "FingerDevice":
    """`[world.lines.NAME] device = "finger_r30x"`, with `Options`. Raises ValueError, TypeError."""
    return FingerDevice(Options(**options))


class FingerDevice:
    """A `LineDevice`. `heard` is the commands that came, for whoever wants to look at them."""

    def __init__(self, options: Options) -> None:
        self.chip, self.heard = FingerChip(options), list[int]()
        self._options, self._uploads = options, 0
        self.power_up(-math.inf)

    def power_up(self, now_s: float) -> None:
        """It takes a moment to start, and hears nothing before."""
        self.chip.reset()
        self._arriving: deque[tuple[float, bytes]] = deque()
        self._saying: deque[tuple[float, bytes]] = deque()
        self._decoder = Decoder()
        self._deaf_until_s = self._line_free_s = now_s + self._options.start_s
        self._download: tuple[int, bytearray] | None = None

    def receive(self, data: bytes, now_s: float) -> None:
        """Bytes arrive as slowly as the line carries them: ten bits each."""
        if now_s < self._deaf_until_s or sum(len(waiting) for _, waiting in self._arriving) > RECEIVED_BYTES_MAX:
            return
        self._line_free_s = max(now_s, self._line_free_s) + len(data) * 10 / self._options.baud
        self._arriving.append((self._line_free_s, data))

    def advance(self, now_s: float) -> bytes:
        while self._arriving and self._arriving[0][0] <= now_s:
            due_s, data = self._arriving.popleft()
            for packet in self._decoder.feed(data):
                self._hear(packet, due_s)
        said = b""
        while self._saying and self._saying[0][0] <= now_s:
            said += self._saying.popleft()[1]
        return said

    def next_s(self) -> float:
        return min((waiting[0][0] for waiting in (self._arriving, self._saying) if waiting), default=math.inf)

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:
        match what, dict(given):
            case "lay", {"finger": int(finger), **more} if finger > 0 and more.get("quality", "good") in QUALITIES:
                self.chip.finger = (finger, more.get("quality", "good"))
            case "lift", _:
                self.chip.finger = None
            case "store", {"finger": int(finger)}:
                self.chip.enrol(finger)
            case "fault", {"which": str(which), "on": bool(on)} if which in FAULTS:
                (self.chip.faults.add if on else self.chip.faults.discard)(which)
            case "busy", {"for_s": int() | float() as for_s}:
                self._deaf_until_s = now_s + for_s
            case _:
                raise ValueError(f"{what} {dict(given)}: a finger sensor takes lay, lift, store, fault and busy")

    def _hear(self, packet: Packet, now_s: float) -> None:
        if packet.address != self._options.address:
            return
        if packet.kind in (Kind.DATA, Kind.END):
            self._take_data(packet)
        elif packet.kind is Kind.COMMAND and packet.content:
            self._obey(packet.content[0], packet.content[1:], now_s)

    def _obey(self, command: int, given: bytes, now_s: float) -> None:
        """Answer a command; one that comes in the middle of a download ends it."""
        del self.heard[HEARD:]
        self.heard.append(command)
        code, told = self.chip.obey(command, given)
        takes_s = self._options.look_s if command in (Command.LOOK, Command.EXTRACT) else 0.0
        reply = Packet(Kind.REPLY, bytes((code,)) + told, self._options.address)
        self._saying.append((now_s + takes_s, zfm.encode(reply)))
        self._download = (buffer_of(given), bytearray()) if (command, code) == (Command.DOWNLOAD, Code.OK) else None
        if (command, code) == (Command.UPLOAD, Code.OK):
            self._upload(self.chip.buffers[buffer_of(given)], now_s)

    def _upload(self, template: bytes, now_s: float) -> None:
        self._uploads += 1
        if "upload_moody" in self.chip.faults and self._uploads % 2 == 0:
            template = bytes((template[0] ^ 1,)) + template[1:]
        packets = zfm.data_packets(template, self._options.packet_bytes, self._options.address)
        if "drop_packets" in self.chip.faults:
            del packets[1:2]
        self._saying.extend((now_s, packet) for packet in packets)

    def _take_data(self, packet: Packet) -> None:
        """What is too long for a buffer is lost, and what comes after the last packet belongs nowhere."""
        if self._download is None:
            return
        buffer, data = self._download
        data += packet.content
        del data[self._options.template_bytes :]
        if packet.kind is Kind.END:
            self._download = None
            self.chip.fill(buffer, data)
