"""What the commands have in common: how far they have come, and what they say when the disk is full."""

import io
import subprocess
import sys
from itertools import count
from pathlib import Path

from gatefw.cli import command


class Terminal(io.StringIO):
    """Somebody looks at it."""

    def isatty(self) -> bool:
        return True


def test_whoever_waits_is_told_how_far_it_has_come_and_nothing_of_it_stays() -> None:
    terminal, seconds = Terminal(), count(0.0, 0.9)
    with command.progress(terminal, lambda: next(seconds)) as tell:
        for words in ("nine of ten", "ten of ten have come", "done"):
            tell(words)
    said = terminal.getvalue()
    assert "nine" not in said, "the first second is quiet"
    assert "\rten of ten have come" in said
    assert said.endswith(f"\rdone{' ' * 16}\r{' ' * 20}\r")


def test_nobody_is_told_where_nobody_looks() -> None:
    file, seconds = io.StringIO(), count(0.0, 9.0)
    with command.progress(file, lambda: next(seconds)) as tell:
        tell("one of ten")
    assert file.getvalue() == ""


def test_a_full_disk_is_said_in_a_line() -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "gatefw", "systems", "flight-token-bag-drop"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert (ran.returncode, ran.stderr) == (2, "gatefw: the output: the disk is full; make room and try again\n")
