"""Travel documents on a reader behind a unix socket: the simulated world, or a process that owns the electronics.

Messages both ways are two bytes of length, then the bytes, as between vpcd and its virtual cards. One byte alone is the
reader's: 2 resets the chip and is not answered, 4 asks for its ATR. Everything else is a command for the chip. No bytes
for an answer say that nothing lies there (any more).
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from gatefw.errors import DeviceLost
from gatefw.model import Reason
from gatefw.ports import Bound, ChipRead, DocumentFailed
from hw.chip_dialogue import STATUS_BYTES, ChipDialogue
from hw.wire.emrtd import MAX_ANSWER_BYTES, Chance

_RESET, _ATR = b"\x02", b"\x04"
_LENGTH_BYTES = 2


@dataclass(frozen=True)
class Settings:
    """`path` of the socket. A reader that says nothing for `answer_s` is lost."""

    path: str
    answer_s: Annotated[float, Bound(0.5, 60.0)] = 5.0
    part_bytes: Annotated[int, Bound(16, 65000)] = 223
    """How much of a file is asked for at once. Above 223 reader and every document must know extended lengths."""


def open(settings: Settings) -> "SocketDocumentReader":  # noqa: A001  the name every driver exports
    """The reader. Raises DeviceLost when nobody answers at the path."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(settings.answer_s)
        connection.connect(settings.path)
        reader = SocketDocumentReader(settings, connection)
        reader.present()
    except OSError as problem:
        connection.close()
        raise DeviceLost(f"document {settings.path}: nobody answers: {problem}; is its process running?") from problem
    except DeviceLost:
        connection.close()
        raise
    return reader


class SocketDocumentReader:
    """A `DocumentReader`. One thread uses and closes it."""

    def __init__(
        self,
        settings: Settings,
        connection: socket.socket,
        now_s: Callable[[], float] = time.monotonic,
        chance: Chance = os.urandom,
    ) -> None:
        self._name, self._connection, self._now_s = f"document {settings.path}", connection, now_s
        self._dialogue = ChipDialogue(self._name, self._transmit, now_s, chance, settings.part_bytes)

    def present(self) -> bool:
        """Whether a chip is in the reader's field now."""
        return bool(self._asked(_ATR))

    def read(self, key: bytes, deadline_s: float, given_up: Callable[[], bool]) -> ChipRead:
        """See `DocumentReader`. A command that is under way is waited for; the deadline is looked at between two."""
        ends_s = self._now_s() + deadline_s
        if not self.present():
            raise DocumentFailed(Reason.NO_DOCUMENT, f"{self._name}: nothing lies on it")
        self._say(_RESET)
        return self._dialogue.read(key, ends_s, given_up)

    def close(self) -> None:
        self._connection.close()

    def _transmit(self, command: bytes) -> bytes:
        answer = self._asked(command)
        if not answer:
            raise DocumentFailed(Reason.DOCUMENT_REMOVED, f"{self._name}: the document was taken away")
        if len(answer) < STATUS_BYTES:
            raise DocumentFailed(Reason.DOCUMENT_UNREADABLE, f"{self._name}: an answer of {len(answer)} byte")
        return answer[: MAX_ANSWER_BYTES + 1]

    def _asked(self, message: bytes) -> bytes:
        self._say(message)
        return self._heard(int.from_bytes(self._heard(_LENGTH_BYTES), "big"))

    def _say(self, message: bytes) -> None:
        try:
            self._connection.sendall(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
        except OSError as problem:
            raise self._lost(str(problem)) from problem

    def _heard(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._connection.recv(count - len(data))
            except OSError as problem:
                raise self._lost(str(problem)) from problem
            if not part:
                raise self._lost("its process went away")
            data += part
        return bytes(data)

    def _lost(self, why: str) -> DeviceLost:
        """What is still to come would be taken for the answer to something else: nothing more is read from it."""
        self._connection.close()
        return DeviceLost(f"{self._name}: {why}")
