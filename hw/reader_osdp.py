"""A card reader, perhaps with a keypad, on an RS-485 line with OSDP's secure channel (IEC 60839-11-5).

Nothing is read from a reader that does not prove, in an encrypted session, to know the key in `key_file`: the factory's
key, another key and no encryption are each a WrongDevice. Cards and entries that the reader kept from before the
session are dropped: whoever showed them has gone. A session that is lost is made anew at once, a few times a minute;
more of that is a bad line or a bad reader, and DeviceLost. The reader then tells nothing more until it is open again.

A card is a Token `card:BITS:HEX` of the symbology `]Z2`, a keypad's entry `keys:DIGITS` of `]Z0` (ISO/IEC 15424: Z is
what was no barcode). The number of a card can be copied: it says who somebody claims to be, no more.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from gatefw.errors import BadReply, DeviceLost, WrongDevice
from gatefw.model import Phase, Reason, Token
from gatefw.ports import Bound
from hw import osdp_feedback, osdp_session
from hw.link import Link, open_link
from hw.osdp_keys import KeyFile
from hw.osdp_session import Event
from hw.secret import lacking_secret
from hw.wire import osdp_input, scrub

CARD, KEYS = "]Z2", "]Z0"
TOKENS_MAX = 64
QUIET_ANSWERS = 3  # polls in a row that brought nothing: the reader keeps nothing from before
LOST_SESSIONS_MAX, LOST_WITHIN_S = 3, 60.0
AGAIN_S = 4.0  # a new session on the way: whoever reads must hear of it before he counts as stuck
REFUSALS_MAX = 2  # of one kind of command, until it is left alone
INSTALL_WINDOW_S = 15.0

_CARD_READ, _KEY_PRESS, _STATUS, _LOCAL_STATUS = 1, 2, 4, 2  # libosdp's numbers of events and of osdp_LSTATR
_KEYSET, _ASK_STATUS = 5, 9  # and of commands
_KEY_OF_CHANNEL = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """`link` as in `hw.link`; `key_file` holds the channel's key, 32 hex digits, mode 0600: `gatefw device install`.

    vendor, serial: the maker's OUI (6 hex digits) and the serial number (8) that the reader must tell; empty: any. With
    a key of its own for each reader they only guard against a mix-up.
    """

    link: str
    key_file: str
    address: Annotated[int, Bound(0, 126)] = 0
    vendor: str = ""
    serial: str = ""
    answer_s: Annotated[float, Bound(1.0, 7.0)] = 3.0  # until a secure session stands and brings nothing old
    silent_s: Annotated[float, Bound(1.5, 8.0)] = 2.5  # without an answer: the reader is lost; it is asked each second
    key_gap_s: Annotated[float, Bound(1.0, 60.0)] = 8.0  # between two keys of one entry
    max_keys: Annotated[int, Bound(1, 64)] = 20


def scrubber() -> scrub.Scrub:
    """For a recording of its wire. What was not encrypted is hidden, unless it tells of no person."""
    return scrub.Osdp()


def lacks(settings: Settings) -> list[str]:
    """The file of its key."""
    return lacking_secret(Path(settings.key_file))


def open(settings: Settings) -> "OsdpReader":  # noqa: A001  the name every driver exports
    """The reader in a secure session, with whatever it kept from before forgotten. Takes `answer_s` at most.

    Raises DeviceLost: it does not answer. WrongDevice: it does not know the key, is not the one that is configured, or
    is no OSDP reader. StoreError: the key file.
    """
    keys = KeyFile(settings.key_file)
    return _opened(settings, keys, keys.candidates())


def install(settings: Settings) -> None:
    """Give a reader in its install mode a key of its own, waiting `INSTALL_WINDOW_S` for it, and prove that it took it.

    The key goes over the line under the default key, which everybody knows: install a reader on a line that nobody
    else can reach. A reader that is not in its install mode is left as it is. Raises DeviceLost, WrongDevice,
    StoreError; the key in force until then is kept until the new one is proven, and what was offered is offered again.
    """
    keys = KeyFile(settings.key_file)
    key, link = keys.stage(), open_link(settings.link)
    try:
        osdp_session.hand_over(link, _who(settings), settings.address, key, INSTALL_WINDOW_S)
    finally:
        link.close()
    _opened(settings, keys, (key,)).close()


def _who(settings: Settings) -> str:
    return f"{settings.link}: OSDP reader {settings.address}"


def _opened(settings: Settings, keys: KeyFile, candidates: Sequence[bytes]) -> "OsdpReader":
    link = open_link(settings.link)
    try:
        link.flush_input()
        return OsdpReader(settings, link, keys, candidates)
    except BaseException:
        link.close()
        raise


class OsdpReader:
    """A `TokenReader`, `Shows`, `TamperSwitch`, `SupplyWatch` and `SecretHolder`. One thread uses and closes it."""

    def __init__(
        self,
        settings: Settings,
        link: Link,
        keys: KeyFile,
        candidates: Sequence[bytes],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._link, self._keys, self._now_s = settings, link, keys, now_s
        self._who = _who(settings)
        self._tokens: deque[Token] = deque(maxlen=TOKENS_MAX)
        self._keypad = osdp_input.Keypad(settings.max_keys, settings.key_gap_s)
        self._tampered = self._mains_lost = False
        self._lost_s: deque[float] = deque(maxlen=LOST_SESSIONS_MAX)
        self._shown: Phase | None = None
        self._beep_due = False
        self._to_tell: deque[dict[str, Any]] = deque()
        self._telling: dict[str, Any] | None = None
        self._refusals: Counter[int] = Counter()
        self._join(candidates, settings.answer_s)

    def read(self, timeout_s: float) -> Token | None:
        deadline_s = self._now_s() + timeout_s
        while not self._tokens:
            self._turn()
            if self._now_s() >= deadline_s:
                break
        return self._tokens.popleft() if self._tokens else None

    def tampered(self) -> bool:
        return self._tampered

    def mains_lost(self) -> bool:
        return self._mains_lost

    def show(self, phase: Phase, reason: Reason | None) -> None:  # noqa: ARG002  16 characters have no room for it
        if phase is not self._shown:
            self._shown, self._beep_due = phase, True
            self._tell()

    def renew_secret(self) -> None:
        fresh = self._keys.stage()
        self._to_tell.clear()
        self._session.command({"command": _KEYSET, "type": _KEY_OF_CHANNEL, "data": fresh})
        if not self._outcome(_KEYSET, self._now_s() + self._settings.answer_s):
            raise BadReply(
                f"{self._who}: refuses another key, or did not say that it took it; whichever it knows is found out now"
            )
        self._join((fresh,), self._settings.answer_s)

    def close(self) -> None:
        self._link.close()

    # ------------------------------------------------------------ the session

    def _turn(self) -> None:
        reported = self._session.turn()
        if not self._session.secure:
            self._lost()
            return
        if self._session.silent_s > self._settings.silent_s:
            raise DeviceLost(f"{self._who}: has not answered for {self._settings.silent_s} s: is it unplugged?")
        for event in reported:
            self._take(event)
        self._go_on_telling()

    def _join(self, candidates: Sequence[bytes], within_s: float) -> None:
        """A session from its beginning, with the right reader, which keeps nothing from before. Raises DeviceError."""
        self._telling, ends_s = None, self._now_s() + within_s
        self._session, self._key = osdp_session.join(
            self._link, self._who, self._settings.address, candidates, within_s, self._now_s
        )
        self._check_identity()
        self._keys.settle(self._key)
        self._session.command({"command": _ASK_STATUS, "type": _LOCAL_STATUS, "report": b""})
        if not self._outcome(_ASK_STATUS, ends_s):
            raise BadReply(f"{self._who}: does not tell its own status (osdp_LSTAT), as every reader must")
        self._hear_out(ends_s)
        self._tokens.clear()
        self._keypad.clear()
        self._tell()

    def _check_identity(self) -> None:
        found = self._session.identity()
        wanted = (self._settings.vendor.lower() or found.vendor, self._settings.serial.lower() or found.serial)
        if wanted != (found.vendor, found.serial):
            raise WrongDevice(
                f"{self._who}: is vendor {found.vendor} serial {found.serial}, configured is vendor {wanted[0]} "
                f"serial {wanted[1]}: put back that one, or correct the config"
            )

    def _hear_out(self, ends_s: float) -> None:
        """Until the reader has nothing more to say of what happened before. What it feels now is heard too."""
        since = self._session.answered
        while self._session.answered < since + QUIET_ANSWERS:
            if not self._session.secure:
                raise DeviceLost(f"{self._who}: lost its session as soon as it had one: look at line and reader")
            for event in self._listen(ends_s, "is still busy with what it kept"):
                since = self._session.answered
                if event["event"] == _STATUS:
                    self._take(event)

    def _outcome(self, command: int, ends_s: float) -> bool:
        """Whether the reader carried out a command, which it was just told."""
        while True:
            for event in self._listen(ends_s, "does not answer a command"):
                if event["event"] == _STATUS:
                    self._take(event)
            for ended, good in self._session.outcomes:
                if ended == command:
                    self._session.outcomes.clear()
                    return good

    def _listen(self, ends_s: float, complaint: str) -> list[Event]:
        if self._now_s() >= ends_s:
            raise DeviceLost(f"{self._who}: {complaint}, and its time is over: look at line and reader")
        return self._session.turn()

    def _lost(self) -> None:
        """The session is over, though the line is not: an answer that noise spoilt, or a reader that started anew."""
        now_s = self._now_s()
        if self._telling is not None:
            self._refused(self._telling)
        if len(self._lost_s) == LOST_SESSIONS_MAX and now_s - self._lost_s[0] < LOST_WITHIN_S:
            raise DeviceLost(f"{self._who}: lost more than {LOST_SESSIONS_MAX} sessions in a minute: look at the line")
        self._lost_s.append(now_s)
        _log.info("%s: the session was lost; a new one is made", self._who)
        self._join((self._key,), min(self._settings.answer_s, AGAIN_S))

    # ------------------------------------------------------------ what it reports

    def _take(self, event: Event) -> None:
        if event["event"] == _CARD_READ:
            try:
                card = osdp_input.card(event["length"], event["data"])
            except ValueError as problem:
                _log.info("%s: reports %s, which is nobody's", self._who, problem)
            else:
                self._tokens.append(Token(card.text(), CARD))
        elif event["event"] == _KEY_PRESS:
            self._tokens.extend(Token(entry, KEYS) for entry in self._keypad.feed(event["data"], self._now_s()))
        elif event["event"] == _STATUS and event["type"] == _LOCAL_STATUS:
            if len(event["report"]) < 2:
                raise BadReply(f"{self._who}: a status of {len(event['report'])} bytes, where there must be two")
            self._tampered, self._mains_lost = bool(event["report"][0]), bool(event["report"][1])

    # ------------------------------------------------------------ what it is told

    def _tell(self) -> None:
        """Show the phase; what was to be shown before is of no interest any more."""
        self._to_tell.clear()
        if self._shown is not None:
            wanted = osdp_feedback.commands(self._shown, self._session.can, self._beep_due)
            self._to_tell.extend(each for each in wanted if self._refusals[each["command"]] < REFUSALS_MAX)

    def _go_on_telling(self) -> None:
        """One command at a time: the reader drops the session with the one that it refuses, and that one is known."""
        for ended, good in self._session.outcomes:
            if self._telling is not None and ended == self._telling["command"]:
                if not good:
                    self._refused(self._telling)
                self._telling = None
        self._session.outcomes.clear()
        if self._telling is None and self._to_tell:
            self._telling = self._to_tell.popleft()
            self._beep_due &= self._telling["command"] != osdp_feedback.BUZZER
            self._session.command(self._telling)

    def _refused(self, told: dict[str, Any]) -> None:
        self._refusals[told["command"]] += 1
        if self._refusals[told["command"]] == REFUSALS_MAX:
            _log.warning("%s: refuses command %d, which it is not told again", self._who, told["command"])
