"""A finger sensor of the ZFM family (R30x, AS608, R503) on a serial line, used without its memory for people.

Templates live sealed on the host. The one to compare with goes into the sensor's working memory, is read back, and is
overwritten afterwards; a sensor in whose flash somebody is stored is refused (`install` empties it). The line carries
templates in the clear and the password is 32 bits in the clear: keep the sensor's cable inside the cabinet.
Source: user manuals of ZFM-20 (v2.0) and R307. Never tried on a real sensor.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from gatefw.errors import BadReply, DeviceError, Refusal, WrongDevice
from gatefw.model import Reason
from gatefw.ports import Bound, FingerMatch
from hw.link import Link, open_link
from hw.secret import SecretFile, lacking_secret
from hw.wire import zfm
from hw.wire.zfm import Code, Command, Parameters
from hw.zfm import Conversation, reply

SAMPLE, LOADED = 1, 2  # the sensor's two buffers, as a comparison uses them
GREET_S = 0.25  # one that was plugged in just now hears nothing while it starts
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


def lacks(settings: Settings) -> list[str]:
    """The file of its password, where one is named."""
    return lacking_secret(Path(settings.password_file)) if settings.password_file else []


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


def scrubber() -> Callable[[str, bytes], bytes]:
    """What of a trace may be shown: no template and no password, in either direction (`<` or `>`)."""
    veils = {"<": zfm.Veil(), ">": zfm.Veil()}
    return lambda direction, data: veils[direction].over(data)


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
        self.kind, self._settings = "zfm", settings
        self._talk = Conversation(link, settings.link, settings.address, settings.reply_s, now_s)
        self._parameters: Parameters | None = None
        self._laden = True  # somebody may be in its working memory

    def begin(self, passwords: tuple[bytes, ...]) -> None:
        """Password and parameters; see `open`. Whoever does not speak the protocol here is another device."""
        try:
            self._greet()
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
            self._talk.expect(Command.SET_PARAMETER, bytes((zfm.SECURITY_LEVEL, wanted.security_level)))
            if self._read_parameters().security_level != wanted.security_level:
                raise WrongDevice(f"{wanted.link}: the finger sensor does not keep its security level: replace it")
        self.kind = f"zfm:{told.system_id:04x}:{wanted.template_bytes}"

    def _greet(self) -> None:
        """Ask until it answers, for `reply_s` in all. Any answer will do: it may want its password first."""
        tries = max(1, round(self._settings.reply_s / GREET_S))
        for left in reversed(range(tries)):
            try:
                reply(self._talk.exchange(Command.PARAMETERS, b"", GREET_S))
                return
            except DeviceError:
                if not left:
                    raise

    def _unlock(self, passwords: tuple[bytes, ...]) -> None:
        """Answers come in the order of their commands, so late ones to the greeting come first, and look otherwise."""
        for password in passwords:
            packets = self._talk.exchange(Command.PASSWORD, password, self._settings.reply_s)
            code, told = reply(packets)
            while told or code == Code.PASSWORD_FIRST:
                code, told = reply(packets)
            if code == Code.OK:
                self._talk.in_step = True  # a greeting that was missed is not missed any more
                if secret := _secret(self._settings):
                    secret.settle(password)
                return
        asked = self._settings.password_file or "the published one"
        raise WrongDevice(
            f"{self._settings.link}: the finger sensor takes another password than {asked}: one of both is misplaced"
        )

    def _read_parameters(self) -> Parameters:
        told = self._talk.expect(Command.PARAMETERS, told_bytes=None)
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
        looked, _ = self._talk.ask(Command.LOOK)
        if looked == Code.NO_FINGER:
            return Reason.NO_FINGER
        if looked in _UNCLEAR:
            return Reason.FINGER_UNCLEAR
        self._talk.require(Command.LOOK, looked)
        self._laden = True
        extracted, _ = self._talk.ask(Command.EXTRACT, bytes((sample,)))
        if extracted in _UNCLEAR:
            return Reason.FINGER_UNCLEAR
        self._talk.require(Command.EXTRACT, extracted)
        return Reason.OK

    def load(self, template: bytes) -> None:
        self._laden = True
        self._put(LOADED, template)

    def compare(self) -> FingerMatch:
        code, told = self._talk.ask(Command.MATCH, told_bytes=2)
        if code == Code.NO_MATCH:
            return FingerMatch(False, int.from_bytes(told[:2], "big"))
        self._talk.require(Command.MATCH, code)
        return FingerMatch(True, int.from_bytes(told, "big"))

    def merge(self) -> bytes | None:
        merged, _ = self._talk.ask(Command.MERGE)
        if merged == Code.NOT_ONE_FINGER:
            return None
        self._talk.require(Command.MERGE, merged)
        template = self._talk.upload(SAMPLE, self._settings.template_bytes)
        if not hmac.compare_digest(template, self._talk.upload(SAMPLE, self._settings.template_bytes)):
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
            if self._talk.in_step and self._parameters is not None:
                self.wipe()
        except DeviceError:  # it is unplugged, or will be wiped when it is opened again
            pass
        finally:
            self._talk.in_step = False
            self._talk.close()

    def empty(self) -> None:
        """Forget everybody in its flash."""
        self._talk.expect(Command.EMPTY)
        if left := self._stored():
            raise WrongDevice(f"{self._settings.link}: {left} people are left in the finger sensor: replace it")

    def _put(self, buffer: int, template: bytes) -> None:
        assert self._parameters is not None
        if len(template) != self._settings.template_bytes:
            raise Refusal(f"{self._settings.link}: a template of {len(template)} bytes is not one of this sensor's")
        self._talk.download(buffer, template, self._parameters.packet_bytes)

    def _stored(self) -> int:
        return int.from_bytes(self._talk.expect(Command.COUNT, told_bytes=2), "big")

    def renew_secret(self) -> None:
        secret = _secret(self._settings)
        if secret is None:
            raise Refusal(f"{self._settings.link}: no password_file is configured, so no password can be agreed")
        fresh = secrets.token_bytes(zfm.PASSWORD_BYTES)
        secret.stage(fresh)
        self._talk.expect(Command.SET_PASSWORD, fresh)
        self._talk.expect(Command.PASSWORD, fresh)
        secret.settle(fresh)
