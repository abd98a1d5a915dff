"""A stick: everything that an install needs, in a directory, with a list of what it is.

    DIR/install                         asks for root, and runs the installer out of the wheel
    DIR/x86_64-3.11/manifest.json       version, processor, Python, and the SHA-256 of `install` and all that follows
                    manifest.sig        Ed25519 over manifest.json, where the maker has a key
                    stick.pub           the public key: a gate that was given one takes sticks of no other
                    wheels/*.whl        gatefw and all it imports, chosen when the stick was made
                    models/*            finished models and their cards
                    lane.toml           where the stick is one gate's

A file is believed for its hash, each time it is read: what a worn stick makes of it in between is found out.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gatefw import whole_file
from gatefw.errors import SetupError

MANIFEST, SIGNATURE, PUBLIC, PROGRAM = "manifest.json", "manifest.sig", "stick.pub", "install"
MANIFEST_BYTES = 1 << 20
FILE_BYTES = 1 << 30
KEY_BYTES = 128
FINGERPRINT = 20
"""Hex digits of a SHA-256."""
ORDER = {"dev": -4, "a": -3, "b": -2, "rc": -1, "": 0, "post": 1}
VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Stick:
    """The part of a stick that fits one kind of machine. `files` maps names to SHA-256; `program` is `install`'s."""

    place: Path
    version: str
    target: str
    files: dict[str, str]
    manifest: bytes
    program: str

    def named(self, folder: str) -> list[str]:
        """The files of a folder (`wheels`, `models`), in order."""
        return sorted(name for name in self.files if name.startswith(f"{folder}/"))

    def content(self, name: str) -> bytes:
        """A file, hash checked. Raises SetupError: missing, unreadable, other bytes."""
        return _read(self.place / name, self.files[name])

    def verify(self) -> None:
        """Read everything once, before anything is changed; what root would run next time too. Raises SetupError."""
        for name in self.files:
            self.content(name)
        _read(self.place.parent / PROGRAM, self.program)

    def offered(self) -> bytes | None:
        """The public key that it brings, if it brings one. Raises SetupError: it is none."""
        path = self.place / PUBLIC
        if not path.exists():
            return None
        with path.open("rb") as file:
            text = file.read(KEY_BYTES + 1).strip()
        if not re.fullmatch(rb"[0-9a-f]{64}", text):
            raise SetupError(f"{path}: not a public key of 64 hex digits; make the stick anew")
        if not (self.place / SIGNATURE).exists():
            raise SetupError(f"{path}: there is a key, and no {SIGNATURE} by it; make the stick anew, with --key")
        return text

    @property
    def wheel(self) -> str:
        """The SHA-256 of gatefw itself."""
        return next(self.files[name] for name in self.named("wheels") if _is_ours(name))


def fingerprint(public: bytes) -> str:
    """Of a public key, 64 hex digits: the beginning of its SHA-256, short enough to be compared by eye."""
    digest = hashlib.sha256(bytes.fromhex(public.decode("ascii").strip())).hexdigest()
    return "-".join(digest[at : at + 4] for at in range(0, FINGERPRINT, 4))


def older(version: str, than: str) -> bool:
    """Whether a version comes before another, as far as that can be told: 2.0rc1 before 2.0, and 2.0+b with 2.0+a."""
    return _order(version) < _order(than)


def _order(version: str) -> tuple[list[int], int, int]:
    numbers = re.match(r"[0-9]+(\.[0-9]+)*", version)
    release = [int(each) for each in numbers[0].split(".")] if numbers else []
    while release and release[-1] == 0:
        release.pop()
    rest = re.search(r"[._-]?(dev|a|b|rc|post)\.?([0-9]*)", version.partition("+")[0])
    return release, ORDER[rest[1] if rest else ""], int(rest[2] or 0) if rest else 0


def read(directory: Path, target: str) -> Stick:
    """The stick for a machine such as `aarch64-3.11`. Raises SetupError: none, none for this machine, a bad list."""
    place = directory / target
    path = place / MANIFEST
    if not path.is_file():
        there = sorted(each.parent.name for each in directory.glob(f"*/{MANIFEST}"))
        told = f"it is for {', '.join(there)}" if there else "there is no stick; `gatefw stick make` makes one"
        raise SetupError(f"{directory}: nothing for {target}; {told}")
    with path.open("rb") as file:
        manifest = file.read(MANIFEST_BYTES + 1)
    try:
        told = json.loads(manifest)
        version, files = str(told["gatefw"]), {str(name): str(each) for name, each in told["files"].items()}
        program = str(told["install"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SetupError(f"{path}: not the list of a stick ({error}); make the stick anew") from error
    if not VERSION.fullmatch(version) or ".." in version:
        raise SetupError(f"{path}: {version!r} is no version; make the stick anew")
    if told.get("target") != target:
        raise SetupError(f"{path}: is for {told.get('target')}, not for {target}; make the stick anew")
    if bad := [name for name in files if not _inside(name)]:
        raise SetupError(f"{path}: {bad[0]!r} is not a file of a stick; do not use it")
    if sum(_is_ours(name) for name in files) != 1:
        raise SetupError(f"{path}: one wheel of gatefw is wanted; make the stick anew")
    return Stick(place, version, target, files, manifest, program)


def seal(place: Path, version: str, target: str) -> bytes:
    """Write the list of what is in `place`, and of the program beside it, and return it."""
    names = [path for path in sorted(place.rglob("*")) if path.is_file() and _inside(str(path.relative_to(place)))]
    files = {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in names}
    program = hashlib.sha256((place.parent / PROGRAM).read_bytes()).hexdigest()
    told = {"gatefw": version, "target": target, "install": program, "files": files}
    manifest = json.dumps(told, indent=1).encode()
    for name in (SIGNATURE, PUBLIC):  # of another list
        (place / name).unlink(missing_ok=True)
    whole_file.write(place / MANIFEST, manifest)
    return manifest


def _inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    folder = len(parts) == 2 and parts[0] in ("wheels", "models") and ".." not in parts
    return name == "lane.toml" or (folder and "\\" not in name and not parts[1].startswith("."))


def _is_ours(name: str) -> bool:
    return name.startswith("wheels/gatefw-") and name.endswith(".whl")


def _read(path: Path, expected: str) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES:
            raise SetupError(f"{path}: larger than {FILE_BYTES >> 20} MiB; make the stick anew")
        content = path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}; make the stick anew") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise SetupError(f"{path}: sha256 is {found}, the list says {expected}; make the stick anew")
    return content
