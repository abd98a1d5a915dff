"""One life of a directory of keys: what is done to it is drawn by a seed, and what it must be is kept beside it."""

import os
import random
import shutil
import tempfile
from pathlib import Path

from chip import Chip, PowerCut

from gatefw import key_ring
from gatefw.errors import StoreError
from gatefw.keeping import Keeping, Provider
from gatefw.key_ring import KeyRing

ACTS = ("make", "make", "destroy", "destroy", "migrate", "start", "copy")
LENGTH = 25
KEEPINGS = (Keeping(), Keeping(Provider.TPM), Keeping(Provider.CREDENTIAL))


class Wrong(Exception):
    """Something is not as it must be."""


class Life:
    """`story`: what was done; `crashes`: how often it was cut off."""

    def __init__(self, seed: int, chip: Chip | None = None) -> None:
        self._random, self._chip = random.Random(seed), chip or Chip()
        self.story: list[str] = []
        self.crashes = 0
        self._keys: dict[str, bytes] = {}
        self._leaving = set[str]()  # their destruction was begun: they are there, or they are not
        self._gone: dict[str, bool] = {}  # whether it may be called proven
        self._filed: set[str] = set()  # those that were ever in a file

    def live(self) -> None:
        """Raises Wrong."""
        with tempfile.TemporaryDirectory(prefix="keys-", dir=_memory()) as folder:
            self._folder = Path(folder)
            self._directory = self._folder / "partitions"
            (self._folder / "gatefw-root").write_bytes(bytes(range(32)))
            os.environ["CREDENTIALS_DIRECTORY"] = folder
            self._wanted = self._random.choice(KEEPINGS)
            self._ring().require(self._wanted)
            for number in range(LENGTH):
                self._act(f"k{number}")
                self._look()

    def _ring(self, cut: int = -1) -> KeyRing:
        """As a process has it that starts now, and ends at a step."""
        key_ring._secrets.clear()
        left = [cut]

        def before(_step: str) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise PowerCut

        return KeyRing(self._directory, self._chip, before)  # type: ignore[arg-type]

    def _act(self, fresh: str) -> None:
        act, cut = self._random.choice(ACTS), self._random.choice((-1, -1, *range(12)))
        name = self._random.choice(sorted(self._keys)) if self._keys else None
        self._chip.torn = act in ("destroy", "migrate") and self._random.random() < 0.1
        self.story.append(f"{act} {fresh if act == 'make' else name or '-'}, cut at {cut}")
        ring = self._ring(cut)
        try:
            if act == "make":
                key = self._random.randbytes(32)
                ring.create(self._directory / f"{fresh}.key", key)
                self._keys[fresh] = key
            elif act == "destroy" and name:
                self._leaving.add(name)
                ring.destroy(self._directory / f"{name}.key")
            elif act == "migrate":
                self._wanted = self._random.choice(KEEPINGS)
                ring.migrate(self._wanted)
            elif act == "copy" and self._directory.is_dir():
                shutil.copytree(self._directory, self._folder / f"flash-{fresh}" / "partitions")
        except PowerCut:
            self.crashes += 1
        self._chip.torn = False
        if act == "start" or self._random.random() < 0.5:
            self._started()

    def _started(self) -> None:
        """The next start finishes what was cut off."""
        try:
            self._ring().require(self._wanted)
        except StoreError:  # a migration was cut off before it had begun
            self._ring().migrate(self._wanted)

    def _leave(self) -> None:
        """Those whose destruction has come so far that they do not open are gone."""
        for name in sorted(self._leaving):
            path = self._directory / f"{name}.key"
            if not path.exists() or not any(path.read_bytes()):
                del self._keys[name]
                self._gone[name] = name not in self._filed
                self._leaving.remove(name)

    def _look(self) -> None:
        """Every key opens and is the same; of those that are gone none opens, and what is told of them is true."""
        self._leave()
        ring = self._ring()
        for name, key in self._keys.items():
            path = self._directory / f"{name}.key"
            found = ring.get(path)
            if found is None or found[0] != key:
                raise Wrong(f"{name} does not open, or as another key")
            if path.read_bytes() == key:
                self._filed.add(name)
            if found[1] != (Provider.TPM,):
                self._filed.add(name)
        told = {each.name: each.proven for each in ring.destroyed()}
        for name, may in self._gone.items():
            if told.get(name) and not may:
                raise Wrong(f"{name} is called proven gone, and was in a file")
        self._look_at_flash({name for name, proven in told.items() if proven and name in self._gone})

    def _look_at_flash(self, proven: set[str]) -> None:
        """No copy of the disk from any time before opens a key that is proven gone."""
        for copy in self._folder.glob("flash-*/partitions"):
            for path in copy.glob("*.key"):
                if path.stem in proven and self._opens(copy, path):
                    raise Wrong(f"{path.stem} is called proven gone, and opens out of {copy.parent.name}")

    def _opens(self, copy: Path, path: Path) -> bool:
        key_ring._secrets.clear()
        try:
            return KeyRing(copy, self._chip).get(path) is not None  # type: ignore[arg-type]
        except StoreError:
            return False


def _memory() -> str | None:
    """Where syncing costs nothing: what is tried is the order of steps."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
