"""A finger sensor of the ZFM family (R30x, AS608, R503) on a serial line, used without its memory for people.

Templates live sealed on the host. The one to compare with goes into the sensor's working memory, is read back, and is
overwritten afterwards; a sensor in whose flash somebody is stored is refused (`install` empties it). The line carries
templates in the clear and the password is 32 bits in the clear: keep the sensor's cable inside the cabinet.

A command that is not answered in time ends the session: the protocol does not say which command an answer belongs to,
so a late one must never meet the next. Source: user manuals of ZFM-20 (v2.0) and R307. Never tried on a real sensor.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from gatefw.errors import BadReply, DeviceError, DeviceLost, Refusal, WrongDevice
from gatefw.model import Reason
from gatefw.ports import Bound, FingerMatch
from hw.link import Link, open_link
from hw.secret import SecretFile
from hw.wire import zfm
from hw.wire.zfm import Code, Command, Decoder, Kind, Packet, Parameters

SAMPLE, LOADED = 1, 2  # the sensor's two buffers, as a comparison uses them
_READ_BYTES = 1024
_UNCLEAR = (Code.PICTURE_FAILED, Code.TOO_LIGHT, Code.TOO_BLURRED, Code.MESSY, Code.TOO_FEW_POINTS, Code.NO_PICTURE)


@dataclass(frozen=True)
class Settings:
    """`link` as in `hw.link`: `serial:/dev/serial/by-id/usb-...?baud=57600`. The defaults are those of an R307.

    password_file: 8 hex digits, mode 0600, made by `gatefw device install`; without it the published password is used,
    which everybody knows. security_level: how alike fingers must be, 5 is strictest; written to a sensor that has
    another one. system_id: -1 takes any.
    """

    link: str
    password_file: str = ""
    address: Annotated[int, Bound(0, 0xFFFFFFFF)] = zfm.ADDRESS
    system_id: Annotated[int, Bound(-1, 65535)] = -1
    security_level: Annotated[int, Bound(1, 5)] = 3
    template_bytes: Annotated[int, Bound(128, 4096)] = 512
    reply_s: Annotated[float, Bound(0.2, 4.0)] = 2.0  # for each answer; a template has its time on the line besides


def open(settings: Settings) -> "FingerSensor":  # noqa: A001  the name every driver exports
    """The sensor, proven to be ours, to keep nobody, and with nobody left in its working memory.

    Raises DeviceLost, BadReply, WrongDevice (something else answers, another password, system id or template size, or
    people are stored in it), StoreError (password file).
    """
    secret = _secret(settings)
    sensor = _reached(settings, secret.candidates() if secret else (zfm.PUBLISHED_PASSWORD,))
    try:
        sensor.check()
        sensor.wipe()
    except BaseException:
        sensor.close()
        raise
    return sensor


def install(settings: Settings) -> None:
    """Empty the sensor's flash for good and, where a password file is wanted and not there yet, agree its password.

    For a technician, in maintenance, with the device closed. Raises what `open` raises.
    """
    secret = _secret(settings)
    known = secret.candidates() if secret and secret.exists else ()
    first = secret is not None and not Path(settings.password_file).exists()  # though one may have been left behind
    sensor = _reached(settings, known if known and not first else (*known, zfm.PUBLISHED_PASSWORD))
    try:
        sensor.empty()
        if first:
            sensor.renew_secret()
    finally:
        sensor.close()


def _secret(settings: Settings) -> SecretFile | None:
    return SecretFile(Path(settings.password_file), zfm.PASSWORD_BYTES) if settings.password_file else None


def _reached(settings: Settings, passwords: tuple[bytes, ...]) -> "FingerSensor":
    """A session with whatever hangs there, once it has shown to be a sensor that fits the settings."""
    link = open_link(settings.link)
    try:
        sensor = FingerSensor(settings, link)
        sensor.begin(passwords)
    except BaseException:
        link.close()
        raise
    return sensor


class FingerSensor:
    """A `FingerScanner` and a `SecretHolder`. One thread uses and closes it."""

    def __init__(self, settings: Settings, link: Link, now_s: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._link, self._now_s = settings, link, now_s
        self.kind, self._decoder = "zfm", Decoder()
        self._parameters: Parameters | None = None
        self._laden = True  # somebody may be in its working memory

    def begin(self, passwords: tuple[bytes, ...]) -> None:
        """Password and parameters; see `open`. Whoever does not speak the protocol here is another device."""
        try:
            self._unlock(passwords)
            told = self._parameters = self._read_parameters()
        except BadReply as error:
            raise WrongDevice(f"{error}; it is no finger sensor, or its line is damaged or has another rate") from error
        wanted = self._settings
        if wanted.system_id not in (-1, told.system_id):
            raise WrongDevice(
                f"{wanted.link}: a finger sensor with system id {told.system_id}, configured is {wanted.system_id}: "
                "correct system_id, or put the right sensor there"
            )
        if told.security_level != wanted.security_level:
            self._expect(Command.SET_PARAMETER, bytes((zfm.SECURITY_LEVEL, wanted.security_level)))
            if self._read_parameters().security_level != wanted.security_level:
                raise WrongDevice(f"{wanted.link}: the finger sensor does not keep its security level: replace it")
        self.kind = f"zfm:{told.system_id:04x}:{wanted.template_bytes}"

    def _unlock(self, passwords: tuple[bytes, ...]) -> None:
        for password in passwords:
            if self._ask(Command.PASSWORD, password)[0] == Code.OK:
                if secret := _secret(self._settings):
                    secret.settle(password)
                return
        asked = self._settings.password_file or "the published one"
        raise WrongDevice(
            f"{self._settings.link}: the finger sensor takes another password than {asked}: one of both is misplaced"
        )

    def _read_parameters(self) -> Parameters:
        told = self._expect(Command.PARAMETERS, told_bytes=None)
        try:
            return zfm.parameters(told)
        except ValueError as problem:
            raise BadReply(f"{self._settings.link}: the finger sensor's {problem}") from problem

    def check(self) -> None:
        if stored := self._stored():
            raise WrongDevice(
                f"{self._settings.link}: {stored} people are stored in the finger sensor, and a lane's keeps nobody: "
                "find out whose it was, then empty it with `gatefw device install`"
            )

    def look(self, sample: Literal[1, 2] = 1) -> Reason:
        looked, _ = self._ask(Command.LOOK)
        if looked == Code.NO_FINGER:
            return Reason.NO_FINGER
        if looked in _UNCLEAR:
            return Reason.FINGER_UNCLEAR
        self._require(Command.LOOK, looked)
        self._laden = True
        extracted, _ = self._ask(Command.EXTRACT, bytes((sample,)))
        if extracted in _UNCLEAR:
            return Reason.FINGER_UNCLEAR
        self._require(Command.EXTRACT, extracted)
        return Reason.OK

    def load(self, template: bytes) -> None:
        self._laden = True
        self._put(LOADED, template)

    def compare(self) -> FingerMatch:
        code, told = self._ask(Command.MATCH, told_bytes=2)
        if code == Code.NO_MATCH:
            return FingerMatch(False, int.from_bytes(told[:2], "big"))
        self._require(Command.MATCH, code)
        return FingerMatch(True, int.from_bytes(told, "big"))

    def merge(self) -> bytes | None:
        merged, _ = self._ask(Command.MERGE)
        if merged == Code.NOT_ONE_FINGER:
            return None
        self._require(Command.MERGE, merged)
        template = self._get(SAMPLE)
        if not hmac.compare_digest(template, self._get(SAMPLE)):
            raise BadReply(f"{self._settings.link}: a template was read twice, and differs: look after the cable")
        return template

    def wipe(self) -> None:
        if self._laden:
            for buffer in (SAMPLE, LOADED):
                self._put(buffer, bytes(self._settings.template_bytes))
            self._laden = False

    def close(self) -> None:
        """Nobody stays in its working memory, unless it is gone or out of step: then the next opening sees to it."""
        try:
            if self._parameters is not None:
                self.wipe()
        except DeviceError:  # it is unplugged, or will be wiped when it is opened again
            pass
        finally:
            self._parameters = None
            self._link.close()

    def empty(self) -> None:
        """Forget everybody in its flash."""
        self._expect(Command.EMPTY)
        if left := self._stored():
            raise WrongDevice(f"{self._settings.link}: {left} people are left in the finger sensor: replace it")

    def _stored(self) -> int:
        return int.from_bytes(self._expect(Command.COUNT, told_bytes=2), "big")

    def renew_secret(self) -> None:
        secret = _secret(self._settings)
        if secret is None:
            raise Refusal(f"{self._settings.link}: no password_file is configured, so no password can be agreed")
        fresh = secrets.token_bytes(zfm.PASSWORD_BYTES)
        secret.stage(fresh)
        self._expect(Command.SET_PASSWORD, fresh)
        self._expect(Command.PASSWORD, fresh)
        secret.settle(fresh)

    # ------------------------------------------------------------ templates on the line

    def _put(self, buffer: int, template: bytes) -> None:
        """Download, and read back: a data packet that was lost leaves what was there before, and nobody says so."""
        assert self._parameters is not None
        if len(template) != self._settings.template_bytes:
            raise Refusal(f"{self._settings.link}: a template of {len(template)} bytes is not one of this sensor's")
        self._expect(Command.DOWNLOAD, bytes((buffer,)))
        for packet in zfm.data_packets(template, self._parameters.packet_bytes, self._settings.address):
            self._link.write(packet)
        if not hmac.compare_digest(self._get(buffer), template):
            raise BadReply(
                f"{self._settings.link}: the finger sensor does not hold what was sent to it; nothing was compared: "
                "look after the cable"
            )

    def _get(self, buffer: int) -> bytes:
        """Upload a template; exactly as long as configured, or it is a BadReply."""
        wanted, data = self._settings.template_bytes, bytearray()
        within_s = self._settings.reply_s + 20 * wanted / zfm.BAUD
        packets = self._exchange(Command.UPLOAD, bytes((buffer,)), within_s)
        self._require(Command.UPLOAD, _reply(packets)[0])
        for packet in packets:
            data += packet.content
            if packet.kind is not Kind.DATA or len(data) > wanted:
                break
        if packet.kind is not Kind.END or len(data) != wanted:
            raise BadReply(
                f"{self._settings.link}: {len(data)} bytes of a template came and it has {wanted}: data packets were "
                "lost, or template_bytes is not this sensor's"
            )
        return bytes(data)

    # ------------------------------------------------------------ commands

    def _expect(self, command: Command, given: bytes = b"", told_bytes: int | None = 0) -> bytes:
        """What is told with the answer to a command that has to succeed."""
        code, told = self._ask(command, given, told_bytes)
        self._require(command, code)
        return told

    def _ask(self, command: Command, given: bytes = b"", told_bytes: int | None = 0) -> tuple[int, bytes]:
        """The code of the answer, and what comes with it: `told_bytes` when it succeeded (None: any number)."""
        code, told = _reply(self._exchange(command, given, self._settings.reply_s))
        if code == Code.OK and told_bytes not in (None, len(told)):
            raise BadReply(f"{self._settings.link}: {len(told)} bytes answer {command.name}, wanted are {told_bytes}")
        return code, told

    def _require(self, command: Command, code: int) -> None:
        if code != Code.OK:
            raise BadReply(f"{self._settings.link}: the finger sensor answers {command.name} with {zfm.says(code)}")

    def _exchange(self, command: Command, given: bytes, within_s: float) -> Iterator[Packet]:
        """Send a command; the packets that come back. Raises DeviceLost or BadReply when the time is over."""
        self._link.flush_input()
        self._decoder.clear()
        self._link.write(zfm.encode(Packet(Kind.COMMAND, bytes((command,)) + given, self._settings.address)))
        deadline_s = self._now_s() + within_s
        while (left_s := deadline_s - self._now_s()) > 0:
            for packet in self._decoder.feed(self._link.read(_READ_BYTES, left_s)):
                if packet.address == self._settings.address:
                    yield packet
        self._parameters = None  # the session is over: an answer that comes now belongs to nobody
        if noise := self._decoder.skipped_bytes + len(self._decoder):
            raise BadReply(f"{self._settings.link}: {noise} bytes that are no packet answer {command.name}")
        raise DeviceLost(
            f"{self._settings.link}: no answer to {command.name}: is a finger sensor plugged in, at this baud rate and "
            "this address?"
        )


def _reply(packets: Iterator[Packet]) -> tuple[int, bytes]:
    """The next reply: its code and what it tells. Data packets before it belong to a session that broke off."""
    packet = next(each for each in packets if each.kind is Kind.REPLY and each.content)
    return packet.content[0], packet.content[1:]
