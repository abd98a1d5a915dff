"""Secrets that were planted are looked for in whatever a gate leaves on the disk, however they may be spelt."""

import base64
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

WINDOW_BYTES = 48


def spelt(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """A secret as it may stand in a file. Of a long one its middle, so that it is found without its beginning."""
    if len(secret) > 2 * WINDOW_BYTES:
        middle = len(secret) // 2
        secret = secret[middle : middle + WINDOW_BYTES]
    yield "as it is", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    for shift in range(3):  # wherever it begins within a longer text
        encoded = base64.b64encode(bytes(shift) + secret)[4 if shift else 0 : -4]
        yield "base64", encoded
        yield "base64 of a URL", encoded.translate(bytes.maketrans(b"+/", b"-_"))
    if secret.isascii():
        yield "UTF-16", secret.decode().encode("utf-16-le")
        yield "UTF-16, the other way", secret.decode().encode("utf-16-be")
    yield "backwards", secret[::-1]


def leaks(folder: Path, planted: Mapping[str, bytes], at_home: Mapping[str, Collection[Path]]) -> list[str]:
    """Which secret lies in which file, open to whoever has the file. `at_home`: the files that are for a secret."""
    found = []
    for path in files(folder):
        content = path.read_bytes()
        for name, secret in planted.items():
            if path not in at_home.get(name, ()):
                found += [
                    f"{name} in {path.relative_to(folder)}, {how}" for how, spell in spelt(secret) if spell in content
                ]
    return found


def files(folder: Path) -> Iterator[Path]:
    """Every plain file below; what a link leads to is somebody else's."""
    for directory, _, names in os.walk(folder):
        for path in (Path(directory) / name for name in sorted(names)):
            if path.is_file() and not path.is_symlink():
                yield path
