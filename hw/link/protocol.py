"""What every link can do."""

from typing import Protocol


class Link(Protocol):
    """Bytes to and from one device. Every call raises DeviceLost when the device went away."""

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """What is there, at least one byte and at most `max_bytes`; `b""` when `timeout_s` passed without a byte."""
        ...

    def write(self, data: bytes) -> None: ...

    def flush_input(self) -> None:
        """Forget what the device sent and nobody read."""
        ...

    def close(self) -> None:
        """Give the device back. May be called twice, and after the device went away."""
        ...
