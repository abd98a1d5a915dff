"""One key file for each partition of a sealed store: what is sealed with it is gone when the key is.

Destroying overwrites the key's bytes, then unlinks the file, each made durable before the next. Where the root of the
keys is in a TPM (`key_ring`), the others get a new root and the TPM forgets the old one: then no copy opens, wherever
it is. Elsewhere that is worth what is below. On a disk that writes in place nothing is left. On flash (SD card, eMMC,
SSD) the controller writes elsewhere and keeps the old page until it erases that block; a copy-on-write file system
(btrfs, ZFS), a snapshot, a journal of data or a backup keep the old bytes too. Whoever takes the chips off the board
may find a destroyed key there. Hence such a partition is to lie on an encrypted disk, whose one key is in a TPM or
typed in; is to live no longer than its journey; and keys are left out of backups and snapshots. The rows are erased as
well, never only the key: either alone would do.

Any process, any thread; every answer comes from the disk.
"""

import os
import secrets
from pathlib import Path

from gatefw import keys
from gatefw.errors import StoreError
from gatefw.events import PARTITION
from gatefw.key_ring import KeyRing


class PartitionKeys:
    """The keys in `directory`, each called `<partition>.key`; made at the first key. Raises StoreError throughout."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.ring = directory, KeyRing(directory)

    def make(self, name: str) -> bytes:
        """A new random key of 32 bytes, durable when this returns.

        Raises StoreError when there is a key file already, be it one whose destruction was interrupted: `destroy` it.
        """
        path, key = self._path(name), secrets.token_bytes(keys.KEY_BYTES)
        if not self.ring.create(path, key):
            raise StoreError(f"key of partition {name}: {path} exists; destroy that partition or take another name")
        return key

    def get(self, name: str) -> bytes | None:
        """The key of a partition; None when there is none, never was or no more."""
        path = self._path(name)
        try:
            found = self.ring.get(path)
        except StoreError:
            if os.path.lexists(path):
                raise
            return None
        return found and found[0]

    def destroy(self, name: str) -> None:
        """Make the key unreadable for ever, then its name disappear; nothing happens when that was done before.

        A crash leaves the whole key or none: it lies in one sector, which is written or not.
        """
        path = self._path(name)
        try:
            self.ring.destroy(path)
        except StoreError as error:
            raise StoreError(
                f"key of partition {name}: {path} cannot be destroyed: {error}; the key is to be taken as still there; "
                "mend that and destroy the partition again"
            ) from error

    def names(self) -> list[str]:
        """Every partition that has a key file, in order; also those whose destruction was interrupted (`get`: None)."""
        try:
            return sorted(path.stem for path in self.directory.glob("*.key") if PARTITION.fits(path.stem))
        except OSError as error:
            raise StoreError(f"keys of partitions: {self.directory}: {error.strerror}; give it back to us") from error

    def _path(self, name: str) -> Path:
        if not PARTITION.fits(name):
            raise StoreError(f"partition {name!r}: not a name; 1 to 40 of a-z, 0-9 and -, a letter or digit first")
        return self.directory / f"{name}.key"
