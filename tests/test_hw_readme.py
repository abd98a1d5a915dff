"""hw/README.md names every driver, what it hangs on and what is without power; every line of the board has its row."""

import re
import typing
from pathlib import Path

import pytest

import hw
from gatefw.ports import Pin

TEXT = (Path(__file__).resolve().parents[1] / "hw" / "README.md").read_text(encoding="utf-8")


def chapter(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of each row of the chapter's tables."""
    lines = [line for line in chapter(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]


def test_every_driver_has_its_row_and_no_other_has_one() -> None:
    found = rows("Every driver, and what it hangs on")[2:]
    assert sorted(row[0].strip("`") for row in found) == sorted("_".join(each) for each in hw.drivers())
    assert all(len(row) == 4 and all(row) for row in found)


BOARD = [f"{role}_{how}" for role, how in hw.drivers() if how.endswith("gpio")]


@pytest.mark.parametrize("driver", BOARD)
def test_every_line_of_the_board_that_a_driver_can_use_is_in_the_wiring_table(driver: str) -> None:
    role, _, how = driver.partition("_")
    hints = typing.get_type_hints(hw.schema(role, how), include_extras=True)
    pins = {name for name, kind in hints.items() if Pin in (kind, *typing.get_args(kind))}
    named = set(re.findall(r"`(\w+)`", " ".join(row[1] for row in rows("Wiring"))))
    assert pins
    assert pins <= named


@pytest.mark.parametrize("title", ["Wiring", "Without power, without this program"])
def test_the_chapters_that_nobody_may_fit_a_gate_without_are_there(title: str) -> None:
    assert len(chapter(title)) > 1000


def test_a_hardware_time_limit_is_demanded() -> None:
    assert "must end every release\n  by itself: the *hardware time limit*" in chapter(
        "Without power, without this program"
    )
