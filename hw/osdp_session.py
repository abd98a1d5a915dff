"""A secure OSDP session (IEC 60839-11-5) with one reader, over any link. libosdp speaks the protocol; this drives it.

One thread owns a session, and everything happens in its `turn`: there is no thread of the library's. What the library
leaves open, and what is done about it here (libosdp 3.2.9, each tried):

  * Without ENFORCE_SECURE it goes online in clear text when the keys differ. It is always set; only `hand_over`, which
    gives a reader its first key, has to do without it, and reads nothing from that session.
  * An offline reader is asked again after up to 300 s. A session that is lost is over: make a new one (13 ms).
  * Silence is noticed after 8 s. `silent_s` counts it from the first poll that was not answered.
  * An answer in pieces is lost, and noise in its buffer is printed to stdout. It is given whole frames only.
  * An exception out of a channel or callback leaves it half-way. Ours keep the failure, and `turn` raises it.
  * Its Python classes keep every event for ever, and poll at their own pace. Its C classes are used instead; a
    ControlPanel that is gone leaves some 0.2 KB behind.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatefw.errors import DeviceLost, WrongDevice
from hw.link import Link
from hw.wire.osdp_frames import Splitter

TURN_S = 0.005  # how long a turn waits for the reader's bytes
GATHER_S = 0.001  # and for more of them, so that noise at line rate costs no more than a thousand turns a second
READ_BYTES = 512
EVENTS_MAX = 64
HAND_OVER_AGAIN_S = 0.5
_FROM_READER = 0x80  # in a frame's address
_STALL_S = 0.05  # what a turn may add to a silence: a thread that was not let run heard nothing, but missed nothing

Event = Mapping[str, Any]


class _Wire:
    """The library's channel. `frames` counts ours that differ from the one before, so: one more than were answered."""

    def __init__(self, link: Link) -> None:
        self.id = 0
        self.frames = self.heard_bytes = self.heard_frames = 0
        self.failure: Exception | None = None
        self._link, self._splitter, self._inbox, self._said = link, Splitter(), bytearray(), b""

    def listen(self) -> None:
        """Take what the reader said, waiting a little for it. Raises DeviceLost."""
        data = self._link.read(READ_BYTES, TURN_S)
        if data:
            time.sleep(GATHER_S)  # a read ends with the first byte: noise would cost a turn for each
        self.heard_bytes += len(data)
        for frame in self._splitter.feed(data):
            self.heard_frames += bool(frame[1] & _FROM_READER)  # not our own, which some adapters repeat
            self._inbox[:] = frame  # there is one answer at a time; who sends another has lost count

    def read(self, max_bytes: int) -> bytes:
        data = bytes(self._inbox[:max_bytes])
        del self._inbox[:max_bytes]
        return data

    def write(self, frame: bytes) -> int:
        self._splitter.clear()
        if frame != self._said:  # one that was not answered is sent again as it was
            self.frames, self._said = self.frames + 1, bytes(frame)
        try:
            self._link.write(self._said)
        except Exception as failure:  # noqa: BLE001  `turn` raises it
            self.failure = failure
            return -1
        return len(frame)

    def flush(self) -> int:
        self._inbox.clear()
        return 0


@dataclass(frozen=True, slots=True)
class Identity:
    """What a reader says it is (osdp_PDID): its maker's OUI and its serial number, in hex."""

    vendor: str
    serial: str
    model: int
    version: int


class Session:
    """One session from its beginning. Raises nothing but what the link raises."""

    def __init__(
        self,
        link: Link,
        address: int,
        key: bytes,
        *,
        hand_over: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        import osdp_sys

        self._wire, self._now_s = _Wire(link), now_s
        self.silent_s = 0.0  # since the last answer, not counting what this thread slept through
        self.default_key = False  # the channel stands on the key that everybody knows
        self.refused = False  # there was an answer, and no secure channel
        self.outcomes: deque[tuple[int, bool]] = deque(maxlen=EVENTS_MAX)  # commands that ended, and how
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._turned_s, self._osdp = now_s(), osdp_sys
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        secure = osdp_sys.FLAG_INSTALL_MODE if hand_over else osdp_sys.FLAG_ENFORCE_SECURE
        self._panel = osdp_sys.ControlPanel(
            [_about_us("reader", address, self._wire, key, secure | osdp_sys.FLAG_ENABLE_NOTIFICATION)]
        )
        events = self._events  # not self: the library's objects stand in no cycle that Python can take apart

        def happened(_reader: int, event: Event) -> int:
            events.append(event)
            return 0

        self._panel.set_event_callback(happened)

    def turn(self) -> list[Event]:
        """Let the session go on, and return what the reader reported. Takes a few milliseconds. Raises DeviceLost."""
        answered = self.answered
        self._wire.listen()
        self._panel.refresh()
        if self._wire.failure is not None:
            raise self._wire.failure
        before_s, self._turned_s = self._turned_s, self._now_s()
        self.silent_s = 0.0 if self.answered > answered else self.silent_s + min(self._turned_s - before_s, _STALL_S)
        reported = []
        while self._events:
            event = self._events.popleft()
            if event["event"] == self._osdp.EVENT_NOTIFICATION:
                self._notice(event["type"], event["arg0"], bool(event["arg1"]))
            else:
                reported.append(event)
        return reported if self.secure else []

    def _notice(self, kind: int, what: int, detail: bool) -> None:
        if kind == self._osdp.EVENT_NOTIFICATION_COMMAND:
            self.outcomes.append((what, detail))
        elif not what:  # no channel, or offline
            self.refused = self.answered > 0
        elif kind == self._osdp.EVENT_NOTIFICATION_SC_STATUS:
            self.default_key |= detail

    @property
    def secure(self) -> bool:
        """Whether the reader is online in a channel that stands on our key, now."""
        online = bool(self._panel.status() & 1) and bool(self._panel.sc_status() & 1)
        return online and not self.default_key

    @property
    def in_clear(self) -> bool:
        """Whether the reader is online and nothing is secret."""
        return bool(self._panel.status() & 1) and not self._panel.sc_status() & 1

    @property
    def answered(self) -> int:
        """How many of our frames the reader has answered."""
        return max(0, self._wire.frames - 1)

    @property
    def heard_frames(self) -> int:
        """How many whole frames a reader said, in answer to whatever."""
        return self._wire.heard_frames

    @property
    def heard_bytes(self) -> int:
        return self._wire.heard_bytes

    def identity(self) -> Identity:
        told = self._panel.get_pd_id(0)
        vendor = (told["vendor_code"] & 0xFFFFFF).to_bytes(3, "little").hex()
        return Identity(vendor, f"{told['serial_number'] & 0xFFFFFFFF:08x}", told["model"], told["version"])

    def can(self, capability: int) -> bool:
        """Whether the reader says that it has this (osdp_PDCAP)."""
        level, count = self._panel.check_capability(0, capability)
        return bool(level > 0 and count > 0)

    def command(self, command: Mapping[str, Any]) -> None:
        """Have the reader do something; how it ended comes to `outcomes`. One at a time."""
        if not self._panel.submit_command(0, dict(command)):
            self.outcomes.append((int(command["command"]), False))


def _about_us(name: str, address: int, wire: _Wire, key: bytes, flags: int) -> dict[str, Any]:
    unused = dict.fromkeys(("version", "model", "vendor_code", "serial_number", "firmware_version"), 0)
    return {"name": name, "address": address, "flags": flags, "scbk": key, "channel": wire, **unused}


def join(
    link: Link,
    who: str,
    address: int,
    keys: Sequence[bytes],
    within_s: float,
    now_s: Callable[[], float] = time.monotonic,
) -> tuple[Session, bytes]:
    """A secure session with the reader at `address`, and the one of `keys` that it knows.

    Raises DeviceLost: it does not answer within `within_s` seconds, or does not get as far as a session. WrongDevice:
    it knows none of the keys, or what answers is no reader.
    """
    ends_s, session = now_s() + within_s, None
    for key in keys:
        session = Session(link, address, key, now_s=now_s)
        while not session.refused:
            session.turn()
            if session.secure:
                return session, key
            if now_s() >= ends_s:
                raise _nobody(who, session)
    raise WrongDevice(
        f"{who}: answers, and does not know the key: it is another reader, one with its factory's key, or one that "
        "does not encrypt; put back the right one, or have this one installed with `gatefw device install`"
    )


def _nobody(who: str, session: Session) -> Exception:
    if session.answered or session.heard_frames:
        return DeviceLost(f"{who}: answers, and no secure session came of it in time: look for a bad line")
    if session.heard_bytes:
        return WrongDevice(
            f"{who}: something talks, and not as an OSDP reader at this address does: another device, "
            "another baud rate or address, or a bad line"
        )
    return DeviceLost(f"{who}: does not answer: is it wired (A and B), powered, and set to this address and baud rate?")


def hand_over(
    link: Link,
    who: str,
    address: int,
    key: bytes,
    within_s: float,
    now_s: Callable[[], float] = time.monotonic,
) -> None:
    """Give `key` to a reader that is in its install mode, over the default key: who listens on the line learns it.

    Waits up to `within_s` seconds for such a reader. Whether it took the key is for `join` to find out. Raises
    DeviceLost: nobody answers. WrongDevice: whoever answers is not in its install mode.
    """
    ends_s, has_another_mode = now_s() + within_s, False
    while True:
        session = Session(link, address, key, hand_over=True, now_s=now_s)
        while not (session.refused or session.in_clear) and now_s() < ends_s:
            session.turn()
            if session.secure or any(good for _, good in session.outcomes):
                return
        has_another_mode |= session.refused or session.in_clear
        if now_s() >= ends_s:
            break
        time.sleep(HAND_OVER_AGAIN_S)  # somebody is putting the reader into its install mode
    if has_another_mode:
        raise WrongDevice(
            f"{who}: answers, and is not in its install mode: put it there by its maker's procedure, and try again"
        )
    raise _nobody(who, session)
