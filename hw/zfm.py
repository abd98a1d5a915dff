"""A conversation with a finger sensor of the ZFM family over a link: one command, its answer, the next.

A command that is not answered in time ends the conversation (`in_step`): the protocol does not say which command an
answer belongs to, so a late one must never meet the next. Every method raises DeviceLost (silence, or the link is gone)
and BadReply (noise, a code that is not success, another length), naming the link and the command, never what was said.
"""

import hmac
import time
from collections.abc import Callable, Iterator

from gatefw.errors import BadReply, DeviceLost
from hw.link import Link
from hw.wire import zfm
from hw.wire.zfm import Code, Command, Decoder, Kind, Packet

_READ_BYTES = 1024


class Conversation:
    """One thread owns it, and the link with it. `where` names the link in errors; `reply_s` ends each wait."""

    def __init__(
        self, link: Link, where: str, address: int, reply_s: float, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.in_step = True
        self._link, self._where, self._address, self._reply_s, self._now_s = link, where, address, reply_s, now_s
        self._decoder = Decoder()

    def close(self) -> None:
        self._link.close()

    def expect(self, command: Command, given: bytes = b"", told_bytes: int | None = 0) -> bytes:
        """What is told with the answer to a command that has to succeed."""
        code, told = self.ask(command, given, told_bytes)
        self.require(command, code)
        return told

    def ask(self, command: Command, given: bytes = b"", told_bytes: int | None = 0) -> tuple[int, bytes]:
        """The code of the answer, and what comes with it: `told_bytes` when it succeeded (None: any number)."""
        code, told = reply(self.exchange(command, given, self._reply_s))
        if code == Code.OK and told_bytes not in (None, len(told)):
            raise BadReply(f"{self._where}: {len(told)} bytes answer {command.name}, wanted are {told_bytes}")
        return code, told

    def require(self, command: Command, code: int) -> None:
        if code != Code.OK:
            raise BadReply(f"{self._where}: the finger sensor answers {command.name} with {zfm.says(code)}")

    def exchange(self, command: Command, given: bytes, within_s: float) -> Iterator[Packet]:
        """Send a command; the packets that come back within so many seconds, which never end but by an error."""
        self._link.flush_input()
        self._decoder.clear()
        self._link.write(zfm.encode(Packet(Kind.COMMAND, bytes((command,)) + given, self._address)))
        deadline_s = self._now_s() + within_s
        while (left_s := deadline_s - self._now_s()) > 0:
            for packet in self._decoder.feed(self._link.read(_READ_BYTES, left_s)):
                if packet.address == self._address:
                    yield packet
        self.in_step = False
        if noise := self._decoder.skipped_bytes + len(self._decoder):
            raise BadReply(f"{self._where}: {noise} bytes that are no packet answer {command.name}")
        raise DeviceLost(
            f"{self._where}: no answer to {command.name}: is a finger sensor plugged in, at this baud rate and this "
            "address?"
        )

    def download(self, buffer: int, template: bytes, packet_bytes: int) -> None:
        """Put a template there and read it back: where a packet is lost the one before stays, and nobody says so."""
        self.expect(Command.DOWNLOAD, bytes((buffer,)))
        for packet in zfm.data_packets(template, packet_bytes, self._address):
            self._link.write(packet)
        if not hmac.compare_digest(self.upload(buffer, len(template)), template):
            raise BadReply(
                f"{self._where}: the finger sensor does not hold what was sent to it; nothing was compared: look after "
                "the cable"
            )

    def upload(self, buffer: int, template_bytes: int) -> bytes:
        """Read a template, of exactly so many bytes."""
        data, within_s = bytearray(), self._reply_s + 20 * template_bytes / zfm.BAUD
        packets = self.exchange(Command.UPLOAD, bytes((buffer,)), within_s)
        self.require(Command.UPLOAD, reply(packets)[0])
        for packet in packets:
            data += packet.content
            if packet.kind is not Kind.DATA or len(data) > template_bytes:
                break
        if packet.kind is not Kind.END or len(data) != template_bytes:
            raise BadReply(
                f"{self._where}: {len(data)} bytes of a template came and it has {template_bytes}: data packets were "
                "lost, or template_bytes is not this sensor's"
            )
        return bytes(data)


def reply(packets: Iterator[Packet]) -> tuple[int, bytes]:
    """The next reply: its code and what it tells. Data packets before it belong to a conversation that broke off."""
    packet = next(each for each in packets if each.kind is Kind.REPLY and each.content)
    return packet.content[0], packet.content[1:]
