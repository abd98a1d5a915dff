"""A file for people or other programs is there whole, or is as it was: a full disk leaves no empty one behind."""

import os
from pathlib import Path

from gatefw.private_file import sync_directory


def write(path: Path, content: bytes) -> None:
    """Replace it, durable, with the mode that new files have. Raises OSError; what was there is there still.

    It changes no mode and no owner: a stick's file system may know neither.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        error.filename = str(path)  # a disk that is full does not say of which file
        raise
    sync_directory(path.parent)
