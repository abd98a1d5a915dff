"""Travel documents on a PC/SC reader (contactless, ISO/IEC 14443), through pcscd and pyscard.

pyscard has no wheels for Linux: Debian's python3-pyscard, or the extra `documents` with swig and libpcsclite-dev. The
reader needs nothing but power: without it, or without pcscd, it is lost, and no document is read.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import Annotated, Any

from gatefw.errors import DeviceLost, SetupError, WrongDevice
from gatefw.model import Reason
from gatefw.ports import Bound, ChipRead, DocumentFailed
from hw.chip_dialogue import STATUS_BYTES, ChipDialogue
from hw.wire.emrtd import MAX_ANSWER_BYTES, Chance

INSTALL = "install Debian's python3-pyscard, or swig, libpcsclite-dev and gatefw[documents]"
REMOVAL_S = 1.0
"""pcscd looks at a reader's field every 0.2 to 0.4 s."""


@dataclass(frozen=True)
class Settings:
    """`reader` is how pcscd names it, or the beginning of that: `pcsc_scan -r` lists the names."""

    reader: str
    part_bytes: Annotated[int, Bound(16, 65000)] = 223
    """How much of a file is asked for at once. Above 223 reader and every document must know extended lengths."""


def lacks(settings: Settings) -> list[str]:  # noqa: ARG001  whatever it is set to
    """pyscard."""
    return [] if find_spec("smartcard") else [f"pyscard is not there: {INSTALL}"]


def open(settings: Settings) -> "PcscDocumentReader":  # noqa: A001  the name every driver exports
    """The one reader of that name. Raises DeviceLost (no reader, no pcscd), WrongDevice, SetupError (no pyscard)."""
    try:
        from smartcard import scard
    except ImportError as problem:
        raise SetupError(f"document driver pcsc: pyscard cannot be loaded ({problem}): {INSTALL}") from problem

    return PcscDocumentReader(settings, scard)


class PcscDocumentReader:
    """A `DocumentReader`. One thread uses and closes it. `scard` is pyscard's C interface."""

    def __init__(
        self,
        settings: Settings,
        scard: ModuleType | Any,
        now_s: Callable[[], float] = time.monotonic,
        chance: Chance = os.urandom,
    ) -> None:
        self._settings, self._scard, self._now_s, self._chance = settings, scard, now_s, chance
        self._context: Any = self._done(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM), "ask for its readers")
        try:
            self._reader = self._find()
            self.present()
        except BaseException:
            self.close()
            raise

    def present(self) -> bool:
        """Whether a chip is in the reader's field now."""
        return self._is_there(self._state())

    def read(self, key: bytes, deadline_s: float, given_up: Callable[[], bool]) -> ChipRead:
        """See `DocumentReader`. A command that is under way is waited for; the deadline is looked at between two."""
        ends_s = self._now_s() + deadline_s
        card = self._connect()
        afterwards = self._scard.SCARD_RESET_CARD
        try:
            speak = partial(self._transmit, card)
            dialogue = ChipDialogue(self._reader, speak, self._now_s, self._chance, self._settings.part_bytes)
            return dialogue.read(key, ends_s, given_up)
        except DocumentFailed as failed:
            if failed.reason is Reason.DOCUMENT_REMOVED:
                afterwards = self._scard.SCARD_LEAVE_CARD  # a reset that fails makes pcscd blind to the next document
            raise
        finally:
            self._scard.SCardDisconnect(card, afterwards)

    def close(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            self._scard.SCardReleaseContext(context)

    def _find(self) -> str:
        names = self._done(self._scard.SCardListReaders(self._context, []), "list its readers", none=[])
        fitting = [name for name in names if name.startswith(self._settings.reader)]
        if len(fitting) > 1:
            raise WrongDevice(f"{self._settings.reader}: names {len(fitting)} readers: {', '.join(fitting)}: say which")
        if not fitting:
            raise DeviceLost(f"{self._settings.reader}: no such reader: pcscd has {', '.join(names) or 'none'}")
        return str(fitting[0])

    def _connect(self) -> Any:
        """The card, for us alone and freshly reset. Raises DocumentFailed, DeviceLost."""
        scard = self._scard
        how = (scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T1)  # what every contactless chip is shown as
        code, card, _ = scard.SCardConnect(self._context, self._reader, *how)
        if code in (scard.SCARD_E_NO_SMARTCARD, scard.SCARD_W_REMOVED_CARD):
            raise DocumentFailed(Reason.NO_DOCUMENT, f"{self._reader}: nothing lies on it")
        if code in (scard.SCARD_W_UNRESPONSIVE_CARD, scard.SCARD_W_UNPOWERED_CARD, scard.SCARD_E_PROTO_MISMATCH):
            raise DocumentFailed(Reason.DOCUMENT_UNREADABLE, f"{self._reader}: what lies on it does not answer")
        self._done((code, None), "connect to the document")
        return card

    def _transmit(self, card: Any, command: bytes) -> bytes:
        scard = self._scard
        code, answer = scard.SCardTransmit(card, scard.SCARD_PCI_T1, list(command))
        if code == scard.SCARD_S_SUCCESS and len(answer) >= STATUS_BYTES:
            return bytes(answer[: MAX_ANSWER_BYTES + 1])  # some readers report a success of no bytes: the chip is gone
        if code in (scard.SCARD_W_REMOVED_CARD, scard.SCARD_E_NO_SMARTCARD) or self._goes():
            raise DocumentFailed(Reason.DOCUMENT_REMOVED, f"{self._reader}: the document was taken away")
        raise DocumentFailed(Reason.DOCUMENT_UNREADABLE, f"{self._reader}: {self._said(code)}")

    def _goes(self) -> bool:
        """Whether the field turns out to be empty within a second: pcscd hears of it later than a command fails."""
        ends_s = self._now_s() + REMOVAL_S
        state = self._state()
        while self._is_there(state) and (left_s := ends_s - self._now_s()) > 0:
            before, state = state, self._state(state, left_s)
            if state == before:
                break
        return not self._is_there(state)

    def _state(self, known: int = 0, wait_s: float = 0.0) -> int:
        """The reader's state now, or once it is another than `known`. Raises DeviceLost."""
        scard, wait_ms = self._scard, int(wait_s * 1000)
        code, states = scard.SCardGetStatusChange(self._context, wait_ms, [(self._reader, known)])
        if code == scard.SCARD_E_TIMEOUT:
            return known
        state = int(self._done((code, states), "see its state")[0][1])
        if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
            raise DeviceLost(f"{self._reader}: pcscd has lost it: is it plugged in?")
        return state & ~int(scard.SCARD_STATE_CHANGED)

    def _is_there(self, state: int) -> bool:
        return bool(state & self._scard.SCARD_STATE_PRESENT) and not state & self._scard.SCARD_STATE_MUTE

    def _done(self, answer: Any, asked: str, none: Any = None) -> Any:
        """What a call returned behind its code. Raises DeviceLost when the code says that it failed."""
        code, value = answer
        if code == self._scard.SCARD_S_SUCCESS:
            return value
        if none is not None and code == self._scard.SCARD_E_NO_READERS_AVAILABLE:
            return none
        raise DeviceLost(
            f"{self._settings.reader}: cannot {asked}: {self._said(code)}: does pcscd run, is the reader plugged in?"
        )

    def _said(self, code: int) -> str:
        return str(self._scard.SCardGetErrorMessage(code)).strip()
