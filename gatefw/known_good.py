"""The last lane file with which the lane reached service, kept in the state directory for a day on which it is broken.

It is a copy, and whoever runs it says so: nothing here ever takes the place of the lane file by itself. What is kept is
believed only as it was kept: its digest stands beside it, and `config.loaded` in the journal says it as well.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gatefw import __version__, private_file
from gatefw.config import Config
from gatefw.errors import StoreError
from gatefw.model import Phase

COPY, DIGEST = "last-known-good.toml", "last-known-good.json"
ASK = "reach service once with a lane file that is good"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownGood:
    """A copy that is as it was kept. `kept_at`: seconds since 1970, by the machine's clock."""

    path: Path
    sha256: str
    kept_at: float
    version: str


def read(state: Path) -> KnownGood | None:
    """The copy in a state directory, None when none was ever kept. Raises StoreError when it is not as it was kept."""
    copy, digest = state / COPY, state / DIGEST
    if not (digest.exists() and copy.exists()):  # of the first one the digest is there before the copy
        return None
    try:
        told = json.loads(digest.read_bytes())
        found = hashlib.sha256(copy.read_bytes()).hexdigest()
        kept = KnownGood(copy, found, float(told["kept_at"]), str(told["version"]))
        believed = found in (told["sha256"], told["before"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{copy}: the last known good lane file cannot be read ({error}); {ASK}") from error
    if not believed:
        raise StoreError(f"{copy}: is not the lane file that was kept there (SHA-256 {found[:12]}...); {ASK}")
    return kept


def keep(config: Config, now: Callable[[], float] = time.time) -> bool:
    """Keep the file of `config`; False when it is another one on disk by now. Raises StoreError.

    A crash leaves the one before or this one: the digests of both are written first.
    """
    try:
        text = config.file.read_bytes()
    except OSError as error:
        raise StoreError(f"{config.file}: cannot be read again ({error.strerror}), and is not kept") from error
    if hashlib.sha256(text).hexdigest() != config.sha256:
        return False
    state = config.paths.state
    if (before := _before(state)) == config.sha256:
        return True
    told = {"sha256": config.sha256, "before": before, "kept_at": now(), "version": __version__}
    private_file.put(state / DIGEST, json.dumps(told).encode())
    private_file.put(state / COPY, text)
    private_file.sync_directory(state)
    return True


def _before(state: Path) -> str:
    try:
        kept = read(state)
    except StoreError:
        return ""
    return kept.sha256 if kept else ""


class Keeper:
    """Keeps the lane file once, when the lane first serves; for the loop, which does not wait for the disk."""

    def __init__(self, config: Config) -> None:
        work = threading.Thread(target=self._work, name="known-good")
        self._config, self._thread = config, None if config.last_known_good else work

    def look(self, phase: Phase) -> None:
        if self._thread is not None and self._thread.ident is None and phase is Phase.IDLE:
            self._thread.start()

    def close(self) -> None:
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            if not keep(self._config):
                _log.warning("%s: was changed since the start; what runs is not kept", self._config.file)
        except (StoreError, OSError) as error:
            _log.error("the last known good lane file is not kept: %s", error)
