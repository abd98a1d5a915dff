"""The lane's table is the one that was agreed on: `lane_rows.txt`, row by row."""

from pathlib import Path

import pytest
from lane_rows import BUILT, text

from gatefw import lane_table
from gatefw.lane_table import ANYWHERE, ON_ENTRY, TRANSITIONS
from gatefw.lane_terms import Shape
from gatefw.model import Phase


def test_every_row_says_what_was_agreed_on() -> None:
    agreed = Path(__file__).with_name("lane_rows.txt").read_text()
    assert text() == agreed, (
        "read the difference; if it is meant: .venv/bin/python tests/lane_rows.py > tests/lane_rows.txt"
    )


@pytest.mark.parametrize("shape", Shape)
def test_each_shape_of_lane_is_made_of_its_blocks_and_no_other(shape: Shape) -> None:
    agreed = [row for name in BUILT[shape] for row in getattr(lane_table, name)]
    assert [*ANYWHERE[shape], *TRANSITIONS[shape]] == agreed


def test_every_phase_has_its_entry() -> None:
    assert set(ON_ENTRY) == set(Phase)
