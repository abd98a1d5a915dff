"""A lane file of an older layout: its keys are moved, its values and comments stay, and nothing is guessed."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import config_migrate
from gatefw.cli import main
from gatefw.cli.config import _rewrite
from gatefw.config_migrate import MOVES, Move, migrated, renamed
from gatefw.errors import SetupError

SCAN = Move("0.2.0", ("timers", "look_s"), ("timers", "scan_s"))
RELEASE = Move("0.2.0", ("door", "*", "lock_pin"), ("door", "*", "release"))
TRIES = Move("0.3.0", ("lane", "tries"), ("tries", "most"))
ZONES = Move("0.3.0", ("lane", "zone"), ("port",))
OLD = """\
# a gate
[lane]
name = "l"       # its name
tries = 4        # then the counter

[timers]         # how long
look_s = 2.5     # empty for so long
check_s = 3.0

[door.entry_door]
lock_pin = 17    # the relay
"""


def test_a_renamed_key_keeps_its_line_its_value_and_its_comment() -> None:
    text, done = migrated(OLD, [SCAN, RELEASE])
    assert text == OLD.replace("look_s", "scan_s").replace("lock_pin", "release")
    assert [str(each) for each in done] == [
        "timers.look_s is timers.scan_s since 0.2.0",
        "door.entry_door.lock_pin is door.entry_door.release since 0.2.0",
    ]


def test_a_key_that_moved_stands_in_its_new_table_with_its_comment() -> None:
    text, _ = migrated(OLD, [TRIES])
    assert text.endswith("\n[tries]\nmost = 4        # then the counter\n")
    assert 'name = "l"       # its name\n\n[timers]' in text
    above, _ = migrated(OLD + "\n[tries]\nwithin_s = 60.0\n", [TRIES])
    assert "[tries]\nmost = 4        # then the counter\nwithin_s = 60.0\n" in above


def test_a_list_of_several_lines_moves_as_a_whole() -> None:
    old = "[lane]\ntries = [\n  1,\n  2,  # two\n]\nname = 'l'\n"
    text, _ = migrated(old, [TRIES])
    assert text == "[lane]\nname = 'l'\n\n[tries]\nmost = [\n  1,\n  2,  # two\n]\n"


def test_a_table_takes_the_tables_within_it_along() -> None:
    text, _ = migrated('[lane.zone]   # where\nplace = "n"\n[lane.zone.inner]\nx = 1\n', [ZONES])
    assert text == '[port]   # where\nplace = "n"\n[port.inner]\nx = 1\n'


def test_moves_of_several_versions_follow_one_another() -> None:
    first, then = Move("0.2.0", ("a", "x"), ("a", "y")), Move("0.3.0", ("a", "y"), ("b", "z"))
    text, done = migrated("[a]\nx = 1\n", [first, then])
    assert tomllib.loads(text) == {"a": {}, "b": {"z": 1}}
    assert [each.since for each in done] == ["0.2.0", "0.3.0"]


def test_both_names_at_once_are_for_a_person_to_settle() -> None:
    with pytest.raises(SetupError, match=r"timers.look_s is timers.scan_s now, and both are there"):
        migrated("[timers]\nlook_s = 1.0\nscan_s = 2.0\n", [SCAN])


@pytest.mark.parametrize(
    "spelling", ["timers.look_s = 2.5\n", "timers = { look_s = 2.5 }\n", '[timers]\n"look_s" = 2.5\n']
)
def test_what_is_written_unusually_is_moved_right_or_left_alone(spelling: str) -> None:
    try:
        text, _ = migrated(spelling, [SCAN])
    except SetupError as error:
        assert "line" in str(error) and "only you can move it" in str(error)
    else:
        assert tomllib.loads(text) == {"timers": {"scan_s": 2.5}}


@given(st.text(alphabet='ab=[]\n.#" 1x', max_size=60))
def test_whatever_is_valid_comes_out_moved_or_is_refused(text: str) -> None:
    moves = [Move("1", ("a", "x"), ("b", "x")), Move("1", ("b", "*", "a"), ("b", "*", "b"))]
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    try:
        after, done = migrated(text, moves)
    except SetupError:
        return
    assert bool(done) == (after != text)
    assert migrated(after, moves) == (after, [])


def test_a_file_of_today_stays_as_it_is() -> None:
    assert migrated(OLD) == (OLD, [])


def test_check_says_what_an_old_name_is_called_now() -> None:
    assert renamed(("door", "exit_door", "lock_pin"), [RELEASE]) == (
        "is door.exit_door.release since 0.2.0; `gatefw config migrate` moves it"
    )
    assert renamed(("door", "exit_door", "release"), [RELEASE]) == ""
    assert all(move.to(move.old) for move in MOVES)


def test_what_the_file_was_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "lane.toml"
    path.write_text("1")
    path.chmod(0o640)
    kept = [_rewrite(path, text) for text in ("2", "3")]
    assert [each.name for each in kept] == ["lane.toml.1.old", "lane.toml.2.old"]
    assert [each.read_text() for each in (*kept, path)] == ["1", "2", "3"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_with_todays_layout_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lane.toml"
    path.write_text(OLD)
    assert main(["config", "migrate", str(path), "--write"]) == 0
    assert capsys.readouterr().out == f"{path}: has today's layout\n"
    assert path.read_text() == OLD and config_migrate.MOVES == ()
