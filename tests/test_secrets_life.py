"""The lives of keys that are tried by the thousand: the same seed is the same life, and what is wrong is found."""

import sys
from pathlib import Path

import pytest
from chip import Chip

sys.path.insert(0, str(Path(__file__).resolve().parent / "trust"))

from secrets_life import Life, Wrong


@pytest.fixture(autouse=True)
def credentials_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "")


class Elephant(Chip):
    """Never forgets."""

    def forget(self, index: int) -> None:
        """What was kept is kept."""


def test_a_life_goes_as_its_seed_says_and_nothing_is_wrong_in_it() -> None:
    told = []
    for _ in range(2):
        life = Life(7)
        life.live()
        told.append(life.story)
    assert told[0] == told[1]
    assert len(told[0]) == 25


def test_a_chip_that_forgets_nothing_is_found_out() -> None:
    found = 0
    for seed in range(40):
        try:
            Life(seed, Elephant()).live()
        except Wrong as wrong:
            assert "is called proven gone, and opens out of flash-" in str(wrong)
            found += 1
    assert found
