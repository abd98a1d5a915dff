"""`gatefw events conform`: the subscriber of the documentation passes, and those with a mistake do not."""

import json
import sys
from pathlib import Path

import pytest

from gatefw.cli import main

SUBSCRIBER = Path(__file__).parent.parent / "docs" / "subscriber.py"
ORDER = 'int(event["sequence"]) == last + 1'


def test_the_subscriber_of_the_documentation_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """It knows the document alone, and nothing of this package."""
    assert main(["events", "conform", "--json", "--", sys.executable, str(SUBSCRIBER)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["conforms"] is True
    assert len(told["scenes"]) == 12
    assert "gatefw." not in SUBSCRIBER.read_text()


@pytest.mark.parametrize(
    ("mistake", "scene", "says"),
    [
        (("print(json", 'print("an event"); print(json'), "everything before it came", "is no event"),
        ((ORDER, 'int(event["sequence"]) > 0'), "some are lost", "is next; it printed"),
        (("last += 1\n", "sys.exit()\n"), "everything before it came", "it ended"),
    ],
)
def test_one_with_a_mistake_is_told_in_which_scene_and_what_it_did(
    mistake: tuple[str, str], scene: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mistake[0] in SUBSCRIBER.read_text()
    wrong = tmp_path / "wrong.py"
    wrong.write_text(SUBSCRIBER.read_text().replace(*mistake))
    assert main(["events", "conform", "--", sys.executable, str(wrong)]) == 1
    told = capsys.readouterr().out
    assert scene in told.splitlines()[-2] and told.splitlines()[-2].startswith("WRONG")
    assert says in told.splitlines()[-1]


def test_one_that_is_silent_is_not_waited_for_longer_than_said(capsys: pytest.CaptureFixture[str]) -> None:
    silent = [sys.executable, "-c", "import signal; signal.pause()"]
    assert main(["events", "conform", "--patience", "0.1", "--", *silent]) == 1
    assert "0 of 600 events printed, then nothing for 0.1 s" in capsys.readouterr().out


def test_a_program_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "conform", "--", "/no/such/program"]) == 2
    assert "/no/such/program: cannot be started" in capsys.readouterr().err
