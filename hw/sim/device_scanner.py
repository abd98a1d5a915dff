"""A simulated code scanner that is spoken to as its maker's are: asked, set up, triggered.

    family = "newland" | "honeywell"      how it is spoken to
    product = "..."                       what it calls itself
    held_s = 5.0                          how long a code is held before its window until it is read
    unknown = ["TRGMOD"]                  settings that this model does not have

What was set is gone when the plug is pulled. Out of its box it reads at once and without prefix; set to be triggered,
it looks for one code after each trigger, for five seconds. `worn` counts writes to its flash.
"""

import math
import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from hw.wire.ascii_scanner import Code, encode
from hw.wire.scanner_commands import LIT_S

_ACK, _ENQ, _NAK = b"\x06", b"\x05", b"\x15"
_HEARD_BYTES = 256
_HELD = 8
_NEWLAND = re.compile(rb"~\x010000([@#])([A-Z0-9_]{6})([A-Z0-9]*);\x03")
_HONEYWELL = re.compile(rb"\x16(?:([TU])\r|M\r([A-Z0-9_]{6})([A-Z0-9]*)([.!]))")
_SETTINGS = {
    "newland": {b"AIDENA": b"0", b"TSUENA": b"1", b"TSUSET": b"0D", b"SCNMOD": b"2", b"ORTSET": b"3000"},
    "honeywell": {b"PREBK2": b"", b"SUFBK2": b"990D", b"TRGMOD": b"3", b"TRGSTO": b"30000"},
}
_TRIGGERED = {"newland": (b"SCNMOD", b"0"), "honeywell": (b"TRGMOD", b"0")}
_PREFIXED = {"newland": (b"AIDENA", b"1"), "honeywell": (b"PREBK2", b"995C81")}
_ASKED = {"newland": b"QRYSYS", "honeywell": b"REVINF"}


class Scanner:
    """One scanner. `lit` is whether it looks for a code now."""

    def __init__(
        self, family: str = "newland", product: str = "GATE-2D", held_s: float = 5.0, unknown: object = ()
    ) -> None:
        if family not in _SETTINGS:
            raise ValueError(f"family: {family!r} is none of {', '.join(_SETTINGS)}")
        self._family, self._product, self._held_s = family, product, held_s
        self._unknown = {str(tag).encode() for tag in unknown} if isinstance(unknown, list | tuple) else set()
        self.worn = 0
        self.power_up(0.0)

    def power_up(self, now_s: float) -> None:  # noqa: ARG002  nothing here takes time
        self._set = dict(_SETTINGS[self._family])
        self._heard = b""
        self._says = bytearray()
        self._lit_until_s = -math.inf
        self._held: deque[tuple[float, Code]] = deque(maxlen=_HELD)

    @property
    def triggered(self) -> bool:
        """Whether it was set to read when it is told to, and then alone."""
        tag, value = _TRIGGERED[self._family]
        return self._set[tag] == value

    def lit(self, now_s: float) -> bool:
        return not self.triggered or now_s < self._lit_until_s

    def receive(self, data: bytes, now_s: float) -> None:
        self._heard += data
        form = _NEWLAND if self._family == "newland" else _HONEYWELL
        while matched := form.search(self._heard):
            self._heard = self._heard[matched.end() :]
            (self._newland if self._family == "newland" else self._honeywell)(matched, now_s)
        self._heard = self._heard[-_HEARD_BYTES:]

    def advance(self, now_s: float) -> bytes:
        while self._held and self.lit(now_s):
            until_s, code = self._held.popleft()
            if now_s <= until_s:
                self._say(code)
                self._lit_until_s = -math.inf
        said = bytes(self._says)
        self._says.clear()
        return said

    def next_s(self) -> float:
        return -math.inf if self._says else math.inf

    def act(self, what: str, given: Mapping[str, Any], now_s: float) -> None:
        """`present`: a code is held before the window; `symbology` is its AIM prefix (]Q1)."""
        code = given.get("code")
        if what != "present" or not isinstance(code, str | bytes):
            raise ValueError(f"{what!r} with {sorted(given)}: a scanner takes present with code and symbology")
        payload = code.encode("latin-1") if isinstance(code, str) else code
        self._held.append((now_s + self._held_s, Code(payload, str(given.get("symbology", "]Q1")))))
        self._says += self.advance(now_s)

    def blurt(self, data: bytes) -> None:
        """Say something that belongs to nothing: what another device in its place might."""
        self._says += data

    def _say(self, code: Code) -> None:
        tag, value = _PREFIXED[self._family]
        self._says += encode(code if self._set[tag] == value else Code(code.payload))

    def _trigger(self, on: bool, now_s: float) -> None:
        self._lit_until_s = now_s + LIT_S if on else -math.inf

    def _newland(self, matched: "re.Match[bytes]", now_s: float) -> None:
        kept, tag, value = matched.groups()
        status, text = _ACK, value
        if tag == _ASKED[self._family]:
            text = f"Product Name: {self._product}\r\nFirmware Version: V1.00\r\n".encode()
        elif tag == b"SCNTRG":
            self._trigger(value == b"1", now_s)
        else:
            status = self._take(tag, value, kept == b"@")
        self._says += b"\x02\x010000" + kept + tag + text + status + b";\x03"

    def _honeywell(self, matched: "re.Match[bytes]", now_s: float) -> None:
        trigger, tag, value, kept = matched.groups()
        if trigger:
            self._trigger(trigger == b"T", now_s)
            return
        status = _ACK
        if tag == _ASKED[self._family]:
            self._says += f"Product Name: {self._product}\r\nBoot Revision: 1\r\nSerial Number: 0\r\n".encode()
        else:
            status = self._take(tag, value, kept == b".")
        self._says += tag + value + status + kept

    def _take(self, tag: bytes, value: bytes, for_good: bool) -> bytes:
        if tag not in self._set or tag in self._unknown:
            return _ENQ
        if not value:
            return _NAK
        self._set[tag] = value
        self.worn += for_good
        return _ACK


def make(options: Mapping[str, Any], world: object) -> Scanner:  # noqa: ARG001  people come to it with their codes
    return Scanner(**options)
