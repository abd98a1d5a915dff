"""Keys of OSDP's secure channel (SCBK, AES-128): which are keys, and where ours is kept."""

import secrets
from pathlib import Path

from gatefw.errors import StoreError
from hw.secret import SecretFile

KEY_BYTES = 16
DEFAULT_KEY = bytes(range(0x30, 0x40))
"""SCBK-D, which every reader leaves its factory with and the standard prints: whoever listens knows it."""


def fresh_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


class KeyFile:
    """The reader's key in its file (`hw.secret`), never the default one nor one that somebody typed out of habit."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = SecretFile(Path(path), KEY_BYTES)

    def candidates(self) -> tuple[bytes, ...]:
        """The keys that the reader may know, most likely first. Raises StoreError, also for a key that is no secret."""
        found = self._file.candidates()
        if any(key == DEFAULT_KEY or len(set(key)) == 1 for key in found):
            raise StoreError(
                f"key file {self._path}: holds the default key or one repeated byte, which is no secret; "
                "take it away, put the reader into its install mode, and run `gatefw device install`"
            )
        return found

    def stage(self) -> bytes:
        """A key to hand over, kept beside the one in force: a fresh one, or the one that was never settled.

        Raises StoreError: then the reader must not be told.
        """
        staged = self._file.staged()
        if staged is None:
            staged = fresh_key()
            self._file.stage(staged)
        return staged

    def settle(self, key: bytes) -> None:
        """The reader has proven to know this one. Raises StoreError."""
        self._file.settle(key)
