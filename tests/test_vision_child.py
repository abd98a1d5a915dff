"""Keeping a vision process running: with small programs in its place, each a real process."""

import sys
from pathlib import Path

import pytest
from peers import until

from gatefw.vision_child import VisionChild

COUNTS = """
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--config") + 1])
with out.open("a") as file:
    file.write("started\\n")
"""
WAITS = COUNTS + "sys.stdin.read()\n"


def _starts(file: Path) -> int:
    return file.read_text().count("started") if file.exists() else 0


def test_a_process_that_ends_is_started_again(tmp_path: Path) -> None:
    child = VisionChild(tmp_path / "config", (sys.executable, "-c", COUNTS))
    until(lambda: _starts(tmp_path / "config") >= 2, "a second start")
    child.stop()


def test_the_folder_in_which_it_is_started_gives_it_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A technician stands in the folder above a clone, where `gatefw` is a folder of another kind."""
    (tmp_path / "gatefw.py").write_text("raise SystemExit('of this folder')")
    monkeypatch.chdir(tmp_path)
    child = VisionChild(tmp_path / "lane.toml")
    until(lambda: "ended with" in caplog.text, "its end, without a lane file")
    child.stop()
    said = capfd.readouterr().err
    assert "lane.toml" in said and "of this folder" not in said


def test_stopping_ends_the_process_by_its_standard_input(tmp_path: Path) -> None:
    child = VisionChild(tmp_path / "config", (sys.executable, "-c", WAITS))
    until(lambda: _starts(tmp_path / "config") == 1, "the start")
    child.stop()
    assert _starts(tmp_path / "config") == 1


def test_a_process_that_cannot_be_started_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No memory or no descriptor left, for a moment."""
    child = VisionChild(tmp_path / "config", (str(tmp_path / "not-there"),))
    until(lambda: caplog.text.count("could not be started") >= 2, "a second try")
    child.stop()
