"""What every reader of travel documents does above its own transport: the dialogue with a chip, until a deadline."""

from collections.abc import Callable
from dataclasses import dataclass

from gatefw.model import ChipProof, Reason
from gatefw.ports import ChipRead, DocumentFailed
from hw.wire.emrtd import Chance, ChipRefused, Proof, Why, read_chip

STATUS_BYTES = 2
_REASONS = {
    Why.KEY_WRONG: Reason.DOCUMENT_KEY_WRONG,
    Why.UNREADABLE: Reason.DOCUMENT_UNREADABLE,
    Why.UNSUPPORTED: Reason.DOCUMENT_UNSUPPORTED,
    Why.ALTERED: Reason.DOCUMENT_ALTERED,
    Why.CLONED: Reason.DOCUMENT_CLONED,
}
_PROOFS = {Proof.NONE: ChipProof.NONE, Proof.ACTIVE: ChipProof.ACTIVE, Proof.CHIP: ChipProof.CHIP}


@dataclass(frozen=True)
class ChipDialogue:
    """`reader` is its name in what is said of a failure; `part_bytes` is how much of a file is asked for at once.

    `transmit` sends a command to a chip that was just reset, and returns the answer: two status bytes at least.
    """

    reader: str
    transmit: Callable[[bytes], bytes]
    now_s: Callable[[], float]
    chance: Chance
    part_bytes: int

    def read(self, key: bytes, ends_s: float, given_up: Callable[[], bool]) -> ChipRead:
        """See `DocumentReader.read`. The deadline is looked at between two commands. Raises DocumentFailed."""
        dialogue = read_chip(key, self.chance, self.part_bytes)
        try:
            command = next(dialogue)
            while True:
                if given_up() or self.now_s() >= ends_s:
                    raise DocumentFailed(Reason.DOCUMENT_TIMEOUT, f"{self.reader}: the chip was not read in time")
                command = dialogue.send(self.transmit(command))
        except StopIteration as ended:
            read = ended.value
            return ChipRead(read.sod, read.groups, read.com, _PROOFS[read.proof])
        except ChipRefused as refused:
            raise DocumentFailed(_REASONS[refused.why], f"{self.reader}: {refused}") from refused
