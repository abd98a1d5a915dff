"""The keys in a directory: where each lives and has lived, and which of those destroyed are proven gone.

Reads beside a running gate, and changes nothing. A key that is destroyed is proven gone only if it lived in a TPM from
its first moment: whatever else holds a key, flash memory above all, may keep a copy that nobody can find or erase.
"""

import stat
from dataclasses import dataclass, field
from pathlib import Path

from gatefw.errors import StoreError
from gatefw.keeping import Provider
from gatefw.key_ring import KeyRing
from gatefw.key_root import Root
from gatefw.key_state import Destroyed
from gatefw.tpm import Tpm

WHY_NOT = {
    Provider.FILE: "its key lived in a file: flash memory, a snapshot or a backup may keep a copy",
    Provider.CREDENTIAL: "its key lived in a file, and the credential that opens a copy of it is still there",
}


@dataclass(frozen=True, slots=True)
class Gone:
    """A destroyed key. `lived`: by whom it was kept, first to last; `because`: of what it is proven, or is not."""

    name: str
    at: float
    lived: tuple[Provider, ...]
    proven: bool
    because: str


@dataclass(slots=True)
class KeyAudit:
    """Of one directory. `keys`: every key that opens, and by whom it has been kept, first to last."""

    directory: Path
    provider: Provider = Provider.FILE
    keys: dict[str, tuple[Provider, ...]] = field(default_factory=dict)
    destroyed: list[Gone] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def audit(directory: Path) -> KeyAudit:
    """Whatever is wrong is told as a problem."""
    found, ring = KeyAudit(directory), KeyRing(directory)
    if not directory.is_dir():
        return found
    if (mode := stat.S_IMODE(directory.stat().st_mode)) & 0o077:
        found.problems.append(f"{directory}: mode is {mode:04o}, open to others; chmod 0700, and think who read it")
    try:
        state = ring.state()
        found.provider = state.root.keeping.provider
        found.destroyed = [gone(each) for each in ring.destroyed()]
        if not state.settled:
            found.problems.append(f"keys {directory}: a change of them was cut off; start the gate, which finishes it")
        elif found.provider is Provider.TPM:
            found.problems += _left_in_tpm(directory, state.root)
    except StoreError as error:
        found.problems.append(str(error))
    for name in ring.names():
        try:
            if key := ring.get(directory / f"{name}.key"):
                found.keys[name] = key[1]
        except StoreError as error:
            found.problems.append(str(error))
    return found


def gone(key: Destroyed) -> Gone:
    last = key.lived[-1] if key.lived else Provider.FILE
    if key.proven:
        because = "its key lived in the TPM alone, which has forgotten what opens it"
    elif last is Provider.TPM:
        because = f"{WHY_NOT[key.lived[0]]}, from before it was kept by the TPM"
    else:
        because = WHY_NOT[last]
    return Gone(key.name, key.at, key.lived, key.proven, because)


def _left_in_tpm(directory: Path, root: Root) -> list[str]:
    """The root before the one of today has to be gone."""
    before = root.index ^ 1
    if Tpm(root.keeping.tcti).has(before):
        return [
            f"keys {directory}: the TPM still keeps an older root, index {before:#x}: copies of destroyed keys open"
        ]
    return []
