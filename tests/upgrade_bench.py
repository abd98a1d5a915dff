"""A gate that serves with people enrolled, sticks of two versions for it, and what it must be like after an upgrade."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stick_bench import LANE, Gate, PowerCut, machine, stick

from gatefw import trial
from gatefw.installer.places import Places
from gatefw.installer.upgrade import read

PEOPLE = {"var/lib/gatefw/records.sqlite": b"layout 1", "var/lib/gatefw/keys/records.key": b"key",
          "var/lib/gatefw-vision/gallery.sqlite": b"faces"}  # fmt: skip
JOURNAL = "var/lib/gatefw/journal.sqlite"


def sticks(home: Path) -> Path:
    """Sticks `one` and `two`, of 1.0 and 2.0, whose lane files differ."""
    stick(home / "one", "1.0")
    stick(home / "two", "2.0", LANE + "# of 2.0\n")
    return home


def state(places: Places) -> dict[str, bytes]:
    return {name: (places.root / name).read_bytes() for name in PEOPLE}


def migrates(places: Places) -> Callable[[str], None]:
    """What the daemon of a version does to the stores when it starts."""

    def start(version: str) -> None:
        (places.root / JOURNAL).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (places.root / JOURNAL).open("ab") as journal:
            journal.write(f"started {version}\n".encode())
        if version != "1.0":
            (places.root / "var/lib/gatefw/records.sqlite").write_bytes(b"layout 2")
            (places.root / "var/lib/gatefw/records.sqlite-wal").write_bytes(b"more")

    return start


def running(root: Path, two: Path) -> Gate:
    gate = Gate(machine(root))
    gate.starts = migrates(gate.places)
    gate.install(two / "one")
    for name, content in PEOPLE.items():
        path = gate.places.root / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(content)
    gate.done.clear()
    return gate


def versions(gate: Gate) -> tuple[str | None, str | None, str]:
    """Which the units run, which is proven, and which runs."""
    return gate.places.version_of(gate.places.current), gate.places.version_of(gate.places.proven), gate.running


def is_back(gate: Gate) -> None:
    """Version 1.0 runs with the stores that it left, the lane is in service, and the journal has lost nothing."""
    assert versions(gate) == ("1.0", "1.0", "1.0")
    assert state(gate.places) == PEOPLE
    assert not (gate.places.root / "var/lib/gatefw/records.sqlite-wal").exists()
    assert gate.places.lane.read_text() == LANE
    assert (gate.places.vision / "models/finder.tflite").read_bytes() == b"finds 1.0"
    nothing_under_way(gate)


def nothing_under_way(gate: Gate) -> None:
    assert read(gate.places) is None
    assert not (gate.places.own / "saved").exists(), "a copy of people's data stayed"
    assert trial.tried(gate.places.vision) == "", "people's stores are closed to orders for ever"
    assert gate.phase == "idle"


# ---------------------------------------------------------------- each change of a file

CHANGES = {f"os.{verb}" for verb in ("rename", "remove", "mkdir", "rmdir", "symlink", "link", "chmod", "chown")}
_hearers: list[Callable[[Path], None]] = []


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _hearers or not (event in CHANGES or event == "open"):
        return
    writes = event != "open" or bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
    if writes and isinstance(arguments[0], str | Path):
        _hearers[-1](Path(arguments[0]))


sys.addaudithook(_heard)  # it stays for good, and does nothing while nobody hears


@contextmanager
def at_each_change(hear: Callable[[Path], None]) -> Iterator[None]:
    """`hear` is called before a file is written, renamed or removed by this process, and may end that."""
    _hearers.append(hear)
    try:
        yield
    finally:
        _hearers.pop()


def changes(act: Callable[[], object]) -> int:
    """How many there are."""
    seen = list[Path]()
    with at_each_change(seen.append):
        act()
    return len(seen)


def cut_off(act: Callable[[], object], after: int) -> None:
    """The power goes before the change with this number: nothing is changed after that, whoever tidies up."""
    left = [after]

    def count(_path: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise PowerCut

    try:
        with at_each_change(count):
            act()
    except PowerCut:
        pass
