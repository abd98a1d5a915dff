"""pyscard's C interface in memory: one reader, on which virtual chips are laid down. Codes are PC/SC's own."""

from typing import Any

from hw.sim.chip import Chip
from hw.sim.chip_faults import TornOff

CODES = {
    "SCARD_S_SUCCESS": 0,
    "SCARD_SCOPE_SYSTEM": 2,
    "SCARD_SHARE_EXCLUSIVE": 1,
    "SCARD_PROTOCOL_T1": 2,
    "SCARD_PCI_T1": 2,
    "SCARD_LEAVE_CARD": 0,
    "SCARD_RESET_CARD": 1,
    "SCARD_STATE_UNAWARE": 0,
    "SCARD_STATE_CHANGED": 2,
    "SCARD_STATE_UNKNOWN": 4,
    "SCARD_STATE_UNAVAILABLE": 8,
    "SCARD_STATE_EMPTY": 16,
    "SCARD_STATE_PRESENT": 32,
    "SCARD_STATE_MUTE": 512,
    "SCARD_E_TIMEOUT": 0x8010000A,
    "SCARD_E_NO_SMARTCARD": 0x8010000C,
    "SCARD_E_PROTO_MISMATCH": 0x8010000F,
    "SCARD_E_NOT_TRANSACTED": 0x80100016,
    "SCARD_E_NO_SERVICE": 0x8010001D,
    "SCARD_E_NO_READERS_AVAILABLE": 0x8010002E,
    "SCARD_W_UNRESPONSIVE_CARD": 0x80100066,
    "SCARD_W_UNPOWERED_CARD": 0x80100067,
    "SCARD_W_REMOVED_CARD": 0x80100069,
}
OK, NO_SERVICE, NO_CARD = 0, CODES["SCARD_E_NO_SERVICE"], CODES["SCARD_E_NO_SMARTCARD"]
PRESENT, EMPTY, MUTE, UNKNOWN = 32, 16, 512, 4


class FakeScard:
    """What `smartcard.scard` is to the driver. A document torn off shows in the state only once somebody waits."""

    def __init__(self, *readers: str) -> None:
        self.readers, self.service, self.chip, self.torn = list(readers), True, None, False
        self.contexts, self.left_as = 0, -1
        self.mute = False
        self.refuses_with = OK  # every command to a chip

    chip: Chip | None

    def __getattr__(self, name: str) -> int:
        try:
            return CODES[name]
        except KeyError:
            raise AttributeError(name) from None

    def SCardEstablishContext(self, scope: int) -> tuple[int, Any]:  # noqa: N802
        self.contexts += self.service
        return (OK, "context") if self.service else (NO_SERVICE, None)

    def SCardReleaseContext(self, context: Any) -> int:  # noqa: N802
        self.contexts -= 1
        return OK

    def SCardListReaders(self, context: Any, groups: list[str]) -> tuple[int, list[str]]:  # noqa: N802
        return (OK, self.readers) if self.readers else (CODES["SCARD_E_NO_READERS_AVAILABLE"], [])

    def SCardGetStatusChange(  # noqa: N802
        self, context: Any, wait_ms: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, list[int]]]]:
        if not self.service:
            return NO_SERVICE, []
        (reader, known) = states[0]
        if wait_ms and self.torn:
            self.chip, self.torn = None, False
        there = (PRESENT | (MUTE if self.mute else 0)) if self.chip is not None or self.mute else EMPTY
        state = there if reader in self.readers else UNKNOWN
        return (CODES["SCARD_E_TIMEOUT"], []) if state == known else (OK, [(reader, state | 2, [])])

    def SCardConnect(self, context: Any, reader: str, share: int, protocols: int) -> tuple[int, Any, int]:  # noqa: N802
        if not self.service:
            return NO_SERVICE, None, 0
        if self.mute:
            return CODES["SCARD_W_UNRESPONSIVE_CARD"], None, 0
        if self.chip is None:
            return NO_CARD, None, 0
        self.chip.reset()
        return OK, "card", 2

    def SCardTransmit(self, card: Any, header: int, command: list[int]) -> tuple[int, list[int]]:  # noqa: N802
        if self.refuses_with != OK or self.chip is None:
            return self.refuses_with or CODES["SCARD_W_REMOVED_CARD"], []
        try:
            return OK, list(self.chip.transmit(bytes(command)))
        except TornOff:
            self.torn = True
            return CODES["SCARD_E_NOT_TRANSACTED"], []

    def SCardDisconnect(self, card: Any, left_as: int) -> int:  # noqa: N802
        self.left_as = left_as
        return OK

    def SCardGetErrorMessage(self, code: int) -> str:  # noqa: N802
        return f"code {code:08X}"
