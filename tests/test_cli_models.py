"""`gatefw models`: what a technician types and reads."""

import argparse
import json
from pathlib import Path

import pytest

from gatefw.biometrics import card as cards
from gatefw.cli import models as command
from gatefw.errors import ModelError


def run(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="gatefw")
    command.add_parser(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["models", *words])
    code: int = arguments.run(arguments)
    return code


@pytest.fixture
def empty_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("empty_state")
def test_the_list_says_what_each_model_is_and_what_to_do_while_it_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["models"]
    assert [row["name"] for row in rows] == [card.name for card in cards.shipped()]
    for row in rows:
        assert {"name", "state", "sha256", "licence", "runtime", "accuracy", "accuracy_source"} <= set(row)
        assert row["state"] == "not installed; run `gatefw models install`"
    assert "FMR 0.001: L2 0.542, FNMR 4.83 %" in rows[1]["thresholds"]


def test_an_altered_model_is_not_called_installed(empty_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = empty_state / "models"
    models.mkdir()
    for card in cards.shipped():
        (models / f"{card.name}.toml").write_bytes((cards.SHIPPED / f"{card.name}.toml").read_bytes())
        (models / card.file).write_bytes(b"altered")
    assert run("list") == 0
    shown = capsys.readouterr().out
    assert shown.count("its card says") == 3
    assert "installed\n" not in shown


@pytest.mark.models
def test_installing_again_says_that_nothing_was_to_do(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("install") == 0
    assert capsys.readouterr().err == f"models: 3 installed and intact in {models}\n"
    assert run("list", "--json") == 0
    assert [row["state"] for row in json.loads(capsys.readouterr().out)["models"]] == ["installed"] * 3


@pytest.mark.usefixtures("empty_state")
def test_an_empty_directory_instead_of_the_network_names_the_first_thing_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"mediapipe.* is not there; put the archive there or leave out --from"):
        run("install", "--from", str(tmp_path))


@pytest.mark.parametrize("words", [("install",), ("list",), ("add",), ("import-dlib",), ("remove",)])
def test_every_help_shows_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(*words, "--help")
    assert f"example:\n  gatefw models {words[0]}" in capsys.readouterr().out
