"""What a disk may hold after the power failed, out of the log of power_shim.c.

What a sync covered is there. Of what was written to a file since its last sync any part may be, in sectors of 512
bytes, in any order: some sectors of a later write, and none of an earlier one. Names change in order within one
directory: the changes since its last sync are there up to some point. One sector is written or is not; nothing else is
relied on, above all not that a sync of a file makes its name durable.
"""

import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path, PurePath

SECTOR = 512
_HEADER = struct.Struct("=cQQII")
SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
MADE_ANEW = "-shm"
"""Files of SQLite that are memory shared by processes, and are made anew by the first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `what`: Write, Truncate, Sync, sync of a Directory, Create, Rename, Unlink, Link, sYmlink, maKe a
    directory, or a Marker; `first` a name or data, `second` a name."""

    what: str
    file: int
    at: int
    first: bytes
    second: bytes

    @property
    def path(self) -> str:
        return self.first.decode()


def steps(log: bytes) -> Iterator[Step]:
    at = 0
    while at < len(log):
        what, file, place, first, second = _HEADER.unpack_from(log, at)
        at += _HEADER.size
        yield Step(what.decode(), file, place, log[at : at + first], log[at + first : at + first + second])
        at += first + second


@dataclass(slots=True)
class File:
    """`stable`: what is on disk; `pending`: what was done since, in order."""

    stable: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.stable, step)
        self.pending.clear()

    def after_cut(self, chance: random.Random, share: float, torn: bool) -> bytes:
        """What may be left; `share` of the writes is, or of their sectors where they are `torn`."""
        left = bytearray(self.stable)
        for step in self.pending:
            for piece in _sectors(step) if torn and step.what == "W" else (step,):
                if chance.random() < share:
                    _apply(left, piece)
        return bytes(left)


Name = File | str | None
"""What a name stands for: a file, the target of a link, a directory."""


class Gone(Enum):
    GONE = auto()


GONE = Gone.GONE
Change = tuple[tuple[str, Name | Gone], ...]
"""Names and what they stand for from then on."""
Image = Mapping[str, bytes | str | None]


class Disk:
    """The files below `root`, as the steps taken so far have left them.

    `ignores`: the kinds of sync that are not done, to plant what must be found: "S" of files, "D" of directories.
    """

    def __init__(self, root: str, ignores: str = "") -> None:
        self._root, self._ignores = root, ignores
        self._files: dict[int, File] = {}
        self._now: dict[str, Name] = {root: None}
        self._stable: dict[str, Name] = {root: None}
        self._pending: dict[str, list[Change]] = {}

    def take(self, step: Step) -> None:
        match step.what:
            case "W" | "T":
                self._files[step.file].pending.append(step)
            case "S" if "S" not in self._ignores:
                self._files[step.file].sync()
            case "D" if "D" not in self._ignores:
                for change in self._pending.pop(step.path, []):
                    _rename(self._stable, change)
            case "C":
                self._files[step.file] = File()
                self._change(step.path, ((step.path, self._files[step.file]),))
            case "K":
                self._change(step.path, ((step.path, None),))
            case "Y":
                self._change(step.path, ((step.path, step.second.decode()),))
            case "U":
                self._change(step.path, ((step.path, GONE),))
            case "L" | "R":
                new, what = step.second.decode(), self._now[step.path]
                old: Change = ((step.path, GONE),) if step.what == "R" else ()
                self._change(new, (*old, (new, what)))

    def after_cut(self, chance: random.Random) -> Image:
        """What may be left if the power fails now: names, with the bytes of files and the targets of links."""
        share, names_share, torn = chance.choice(SHARES), chance.choice(SHARES), chance.random() < 0.7
        names = dict(self._stable)
        for changes in self._pending.values():
            most = len(changes)
            kept = chance.randint(0, most) if 0 < names_share < 1 else int(names_share) * most
            for change in changes[:kept]:
                _rename(names, change)
        there = {name: what for name, what in names.items() if self._reached(names, name)}
        return {
            name: what.after_cut(chance, share, torn) if isinstance(what, File) else what
            for name, what in sorted(there.items())
            if not name.endswith(MADE_ANEW)
        }

    def freed(self) -> list[bytes]:
        """What may stand in blocks that no name leads to any more, for whoever reads the disk itself."""
        named = {id(what) for what in self._now.values()}
        nameless = [file for file in self._files.values() if id(file) not in named]
        return [b"".join((file.stable, *(step.first for step in file.pending))) for file in nameless]

    def running(self) -> Image:
        """What whoever did all that sees."""
        image: dict[str, bytes | str | None] = {}
        for name, what in sorted(self._now.items()):
            if isinstance(what, File):
                left = bytearray(what.stable)
                for step in what.pending:
                    _apply(left, step)
                image[name] = bytes(left)
            else:
                image[name] = what
        return {name: what for name, what in image.items() if not name.endswith(MADE_ANEW)}

    def _change(self, path: str, change: Change) -> None:
        _rename(self._now, change)
        self._pending.setdefault(str(PurePath(path).parent), []).append(change)

    def _reached(self, names: Mapping[str, Name], name: str) -> bool:
        """Whether every directory above is there too."""
        while name != self._root:
            name = str(PurePath(name).parent)
            if name not in names:
                return False
        return True


def lay(image: Image, root: str, folder: Path) -> None:
    """Make `folder`, which is not there yet, what `root` is in an image."""
    for name, what in image.items():
        path = folder / PurePath(name).relative_to(root)
        if what is None:
            path.mkdir(mode=0o700)
        elif isinstance(what, str):
            path.symlink_to(what)
        else:
            path.write_bytes(what)
            path.chmod(0o600)


def found(folder: Path) -> Image:
    """What there is, as an image of it."""
    image: dict[str, bytes | str | None] = {str(folder): None}
    for path in sorted(folder.rglob("*")):
        if not path.name.endswith(MADE_ANEW):
            target = str(path.readlink()) if path.is_symlink() else None
            image[str(path)] = target if target or path.is_dir() else path.read_bytes()
    return image


def _sectors(step: Step) -> Iterator[Step]:
    done = 0
    while done < len(step.first):
        size = SECTOR - (step.at + done) % SECTOR
        yield Step("W", step.file, step.at + done, step.first[done : done + size], b"")
        done += size


def _apply(content: bytearray, step: Step) -> None:
    end = step.at if step.what == "T" else step.at + len(step.first)
    if step.what == "T":
        del content[end:]
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[step.at : end] = step.first


def _rename(names: dict[str, Name], change: Change) -> None:
    for name, what in change:
        if what is GONE:
            names.pop(name, None)
        else:
            names[name] = what
