"""`[screen]`: what a lane file may say of the traveller's screen."""

from pathlib import Path

import pytest
from test_config import Lane


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path / "lane.toml")


def test_without_the_table_people_are_spoken_to_in_all_languages_and_nothing_is_heard(lane: Lane) -> None:
    assert lane.check() == []
    screen = lane.load().screen
    assert (screen.languages, screen.by_nationality, screen.audio, screen.mirror) == ("", "no", False, False)


@pytest.mark.parametrize(
    ("says", "key", "problem"),
    [
        ('languages = "en fr"', "screen.languages", "no language is called fr; there are en, zh_Hant, zh_Hans"),
        ('languages = "English"', "screen.languages", "languages with spaces between"),
        ('by_nationality = "only"', "screen.by_nationality", "alone"),
        ('by_nationality = "first"\nnationalities = "own.toml"', "screen.nationalities", "the whole path of a file"),
        ('nationalities = "/etc/gatefw/own.toml"', "screen.nationalities", 'while by_nationality is "no"'),
    ],
)
def test_what_cannot_be_shown_is_found_before_anybody_stands_there(
    lane: Lane, says: str, key: str, problem: str
) -> None:
    lane.text += f"\n[screen]\n{says}\n"
    found = lane.only()
    assert found.key == key and problem in found.problem


def test_languages_in_another_order_and_a_sites_own_nationalities_are_taken(lane: Lane) -> None:
    lane.text += '\n[screen]\nlanguages = "zh_Hant en"\nby_nationality = "alone"\nnationalities = "/etc/own.toml"\n'
    assert lane.check() == []
    assert lane.load().screen.languages.split() == ["zh_Hant", "en"]
