"""What the commands have in common: how far they have come, and what they say when the disk is full."""

import argparse
import errno
import importlib
import io
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from peers import until

from gatefw.cli import GROUPS, command, main
from gatefw.errors import system_words


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


def test_whoever_waits_for_one_answer_is_told_for_how_long() -> None:
    terminal = Terminal()
    with command.waiting("reset: waiting for the gate", terminal):
        until(lambda: "reset: waiting for the gate, " in terminal.getvalue(), "a word on it")
    assert terminal.getvalue().endswith("\r"), "and nothing of it stays"
    quick = Terminal()
    with command.waiting("status", quick):
        pass
    assert quick.getvalue() == ""


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


@pytest.mark.parametrize("group", GROUPS)
def test_the_commands_of_a_group_are_those_that_it_adds(group: str) -> None:
    added = argparse.ArgumentParser().add_subparsers()
    importlib.import_module(f"gatefw.cli.{group}").add_parser(added)
    assert tuple(added.choices) == GROUPS[group]


@pytest.mark.parametrize("name", ["run", "status"])
def test_a_command_of_every_day_loads_no_other_group_and_nothing_that_computes_with_faces(name: str) -> None:
    """The supervisor and the watcher start as `gatefw`: what they load they keep."""
    asked = "import sys; from gatefw.cli import main\ntry: main(sys.argv[1:])\nfinally: print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", asked, "-v", name, "--help"], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.splitlines()[-1].split())
    [group] = [group for group, names in GROUPS.items() if name in names]
    assert {f"gatefw.cli.{each}" for each in GROUPS} & loaded == {f"gatefw.cli.{group}"}
    assert not loaded & {"numpy", "cv2"}


def test_a_file_that_cannot_be_had_is_named_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first mistake on a gate is `gatefw` without sudo. A name that is too long fails for root as well."""
    name = "x" * 300
    assert main(["replay", name]) == 2
    assert capsys.readouterr().err == f"gatefw: {name}: File name too long\n"
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff and what else a picture has\n")
    assert main(["replay", str(tmp_path / "photo.jpg")]) == 2
    assert f"gatefw: {tmp_path / 'photo.jpg'}: recording: line 1 is none of a recording" in capsys.readouterr().err
    refused = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/var/lib/gatefw/journal.sqlite")
    assert system_words(refused) == "Permission denied; be the gate's user (sudo -u gatefw), or use sudo"


@pytest.mark.parametrize("words", ["check", "config show", "doctor", "replay", "journal verify", "tokens show"])
def test_what_a_file_is_called_does_nothing_to_a_terminal(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a stick is called so that a terminal clears its screen, or types. One byte of it is no text."""
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path))
    name = os.fsdecode(b"\x1b]0;rm\x07\xe9.toml")
    (tmp_path / name).write_text('"\\u001b[2J" = 1\n')
    assert main([*words.split(), str(tmp_path / name)]) != 0
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "\\x1b]0;rm\\x07\\udce9.toml" in said, "it is named all the same"
    assert all(each.isprintable() or each == "\n" for each in said)


@pytest.mark.parametrize(
    ("page", "shown"), [("screen", "the screen says that the lane is closed"), ("status-page", "does not answer")]
)
def test_a_page_of_a_directory_that_is_not_there_is_served_and_says_so(page: str, shown: str, tmp_path: Path) -> None:
    """Somebody mistyped --dir, or starts the page before the daemon: the command cannot know which."""
    words = [sys.executable, "-m", "gatefw", page, "--port", "0", "--dir", str(tmp_path / "nix")]
    env = {**os.environ, "GATEFW_STATE": str(tmp_path)}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()
        said = process.stderr.read()
    assert f"{tmp_path / 'nix'}: there is no such directory yet; until `gatefw run` runs there, " in said
    assert shown in said
