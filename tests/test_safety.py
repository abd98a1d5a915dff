"""docs/safety.md and the code say the same: invariants, where they are enforced, the tests that would fail."""

import re
from pathlib import Path

import pytest
from trust.model_search import OWN

from gatefw.simulate.invariants import INVARIANTS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/safety.md").read_text()
TABLE = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("|")]
HAZARDS = [cells for cells in TABLE if len(cells) == 4 and cells[1].startswith("`")]
TESTS = "\n".join(path.read_text() for path in sorted((ROOT / "tests").glob("test_*.py")))


def test_every_invariant_is_argued_for_and_every_argued_one_is_code() -> None:
    assert {cells[1].strip("`") for cells in HAZARDS} == {*INVARIANTS, *OWN}


@pytest.mark.parametrize("test", sorted({cells[3].strip("`") for cells in HAZARDS}))
def test_a_named_test_exists(test: str) -> None:
    assert re.search(rf"^def {test}\(", TESTS, re.MULTILINE)


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`(\w+\.py(?::\w+)?)`", TEXT))))
def test_a_named_place_in_the_code_exists(place: str) -> None:
    file, _, name = place.partition(":")
    text = (ROOT / "gatefw" / file).read_text()
    assert not name or re.search(rf"^ *(def |class )?{name}\b", text, re.MULTILINE)
