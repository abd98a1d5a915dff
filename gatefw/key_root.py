"""The root of a directory of keys: the secret that its key files are wrapped with, and where that is.

    FILE         there is none: a key file holds the key itself
    CREDENTIAL   a systemd credential, decrypted for a service when that starts; the same for every directory
    TPM          one of its own for each directory, in the TPM and nowhere else

A wrapped key is a line of JSON, by which root it opens and where it ever was, and the key sealed for its name.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatefw import sealing
from gatefw.errors import StoreError
from gatefw.keeping import FILES, Keeping, Provider
from gatefw.tpm import Tpm

KEY_BYTES = 32
WRAPPED_BYTES_MAX = 480
"""Less than a sector: what overwrites a key overwrites all of it, or nothing."""
_MARK = b"gatefw key "
OpenTpm = Callable[[str, str], Tpm]


@dataclass(frozen=True, slots=True)
class Root:
    """Which root, without the secret. `id`: told from the secret by a hash; `index`: where in the TPM."""

    keeping: Keeping = FILES
    id: str = ""
    index: int = 0

    def to_json(self) -> dict[str, object]:
        keeping = self.keeping
        return {
            "provider": keeping.provider.value,
            "credential": keeping.credential,
            "tcti": keeping.tcti,
            "pcrs": keeping.pcrs,
            "id": self.id,
            "index": self.index,
        }

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Root":
        """Raises KeyError, ValueError."""
        keeping = Keeping(Provider(told["provider"]), told["credential"], told["tcti"], told["pcrs"])
        return cls(keeping, str(told["id"]), int(told["index"]))


PLAIN = Root()


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a key file holds. `lived`: every provider it was ever kept by, first to last; `root`: id of its root, ""
    for the key itself."""

    root: str
    lived: tuple[Provider, ...]
    sealed: bytes = field(repr=False)

    @classmethod
    def read(cls, content: bytes, path: Path) -> "Wrapped | None":
        """None: the key was destroyed, its bytes are overwritten. Raises StoreError."""
        if content and not any(content):
            return None
        if len(content) == KEY_BYTES:
            return cls("", (Provider.FILE,), content)
        header, ended, sealed = content.partition(b"\n")
        try:
            if not header.startswith(_MARK) or not ended:
                raise ValueError
            told = json.loads(header.removeprefix(_MARK))
            return cls(str(told["root"]), tuple(map(Provider, told["lived"])), sealed)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"key file {path}: length is not {KEY_BYTES} bytes; restore it from backup") from error

    def key(self, root: bytes, path: Path) -> bytes:
        """The key itself. `root`: the secret, nothing where there is none. Raises StoreError: it does not open."""
        if not self.root:
            return self.sealed
        try:
            return sealing.unseal(root, self.sealed, self._place(path))
        except StoreError as error:
            raise StoreError(
                f"key file {path}: does not open with its root: altered, or another key's; restore it"
            ) from error

    def written(self) -> bytes:
        return self._header() + b"\n" + self.sealed if self.root else self.sealed

    def _header(self) -> bytes:
        return _MARK + json.dumps({"root": self.root, "lived": self.lived}).encode()

    def _place(self, path: Path) -> bytes:
        return self._header() + json.dumps([path.parent.name, path.name]).encode()


def wrapped(key: bytes, lived: tuple[Provider, ...], root: Root, secret: bytes, path: Path) -> Wrapped:
    """A key for the file at `path`, wrapped with a root; as it is where there is none."""
    if not root.id:
        return Wrapped("", (Provider.FILE,), key)
    provider = root.keeping.provider
    empty = Wrapped(root.id, lived if provider in lived else (*lived, provider), b"")
    return Wrapped(empty.root, empty.lived, sealing.seal(secret, key, empty._place(path)))


def fresh(keeping: Keeping, index: int, open_tpm: OpenTpm) -> tuple[Root, bytes]:
    """A root that is not kept yet, and its secret. `index`: where in the TPM; 0: a place of its own is found.

    Raises StoreError.
    """
    match keeping.provider:
        case Provider.FILE:
            return PLAIN, b""
        case Provider.CREDENTIAL:
            secret = _credential(keeping.credential)
            return Root(keeping, _id(secret)), secret
        case Provider.TPM:
            secret = secrets.token_bytes(KEY_BYTES)
            return Root(keeping, _id(secret), index or open_tpm(keeping.tcti, keeping.pcrs).free_pair()), secret


def keep(root: Root, secret: bytes, open_tpm: OpenTpm) -> None:
    """Have the secret of a fresh root where it belongs, durably. Raises StoreError."""
    if root.keeping.provider is Provider.TPM:
        open_tpm(root.keeping.tcti, root.keeping.pcrs).keep(root.index, secret)


def forget(root: Root, open_tpm: OpenTpm) -> None:
    """Nothing opens any more that was wrapped with it; of a root that is not in a TPM nobody can say that."""
    if root.keeping.provider is Provider.TPM:
        open_tpm(root.keeping.tcti, root.keeping.pcrs).forget(root.index)


def there(root: Root, open_tpm: OpenTpm) -> bool:
    """Whether anything is kept where its secret belongs. Raises StoreError: the TPM cannot be asked."""
    keeping = root.keeping
    return keeping.provider is not Provider.TPM or open_tpm(keeping.tcti, keeping.pcrs).has(root.index)


def secret_of(root: Root, open_tpm: OpenTpm) -> bytes:
    """Raises StoreError: it is not where it belongs, or another one is."""
    keeping = root.keeping
    match keeping.provider:
        case Provider.FILE:
            return b""
        case Provider.CREDENTIAL:
            secret, where = _credential(keeping.credential), f"credential {keeping.credential}"
        case Provider.TPM:
            tpm, where = open_tpm(keeping.tcti, keeping.pcrs), f"TPM {keeping.tcti}: index {root.index:#x}"
            if not tpm.has(root.index):
                raise StoreError(f"{where}: is empty; the TPM was cleared, or is another board's: its keys are lost")
            secret = tpm.secret(root.index)
    if _id(secret) != root.id:
        raise StoreError(f"{where}: is another root than these keys were wrapped with; give back the one they had")
    return secret


def _id(secret: bytes) -> str:
    return hashlib.sha256(b"gatefw key root " + secret).hexdigest()[:16]


def _credential(name: str) -> bytes:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise StoreError(
            f"credential {name}: systemd has given us none; say LoadCredentialEncrypted={name} in the unit, and run "
            "commands that need it by systemd-run with the same"
        )
    try:
        secret = (Path(directory) / name).read_bytes()
    except OSError as error:
        raise StoreError(f"credential {name}: cannot be read in {directory}: {error.strerror}") from error
    if len(secret) != KEY_BYTES:
        raise StoreError(
            f"credential {name}: has {len(secret)} bytes, {KEY_BYTES} are wanted: `gatefw secrets new-root`"
        )
    return secret
