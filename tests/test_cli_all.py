"""What holds for every command there is: an example that works, --json, exit statuses, and nothing thrown at people."""

import argparse
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatefw import __version__
from gatefw.cli import main, parser
from gatefw.cli.colour import coloured
from gatefw.manual_page import STATUSES, leaves, page, summaries

COMMANDS = dict(leaves(parser()))
NO_JSON = {
    "console": "a server of pages: it prints their address, and answers a browser",
    "screen": "a server of pages: it prints their address, and answers a browser",
    "status-page": "a server of pages: it prints their address, and answers a browser",
    "run": "a daemon: it tells its events on the bus and its state over `status --json`",
    "watcher": "a daemon: it prints nothing",
    "make-safe": "prints nothing: its exit status is its answer",
    "secrets new-root": "32 bytes for a systemd credential",
    "metrics": "Prometheus's own format",
    "models install": "prints nothing but how far it has come; `models list --json` says what there is",
    "config reference": "a lane file",
    "config last-good": "a lane file",
    "config schema": "JSON Schema, which is JSON",
    "completion": "a script for a shell",
    "manual": "a page for man",
}
"""Commands that print nothing for machines, or only for them, each with its reason."""
GOES_ON = {"run", "watcher", "screen", "console", "status-page", "demo", "systems", "commission"}
CHANGES = {"models install", "install", "uninstall", "self-test", "stick make", "secrets new-root"}
"""Commands that no test begins by the way: those that go on for long, and those that change the machine."""
WAIT_S = 120.0
STATUS = dict(STATUSES)


def examples(leaf: argparse.ArgumentParser) -> Iterator[list[str]]:
    """Each call of ours in a command's description, as a shell splits it."""
    for line in (leaf.description or "").replace("\\\n", " ").split("\n"):
        for part in re.split(r"&&|[|;)]", line if line.startswith(" ") else ""):
            call = re.search(r".*(?:^|[\s(])gatefw ((?:(?!\s{2}|\s[<>]).)+)", part)
            if call and "systemctl" not in part:
                yield shlex.split(call[1])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_of_its_own_command_and_each_is_understood(name: str) -> None:
    shown = list(examples(COMMANDS[name]))
    assert any(words[: len(name.split())] == name.split() for words in shown), f"no example of gatefw {name}"
    for words in shown:
        parser().parse_args(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_prints_data_prints_it_for_machines(name: str) -> None:
    flags = {flag for action in COMMANDS[name]._actions for flag in action.option_strings}
    assert ("--json" in flags) is not (name in NO_JSON), NO_JSON.get(name)


def test_every_command_stands_in_the_list_with_a_word_on_it() -> None:
    assert all(summaries(parser()).values())


# ---------------------------------------------------------------- exit statuses


def least(name: str) -> list[str]:
    """The fewest words that a command understands, about things that are not there."""
    words = name.split()
    for action in COMMANDS[name]._actions:
        wanted = action.required and (not action.option_strings or action.nargs != 0)
        if wanted and action.nargs not in ("?", "*"):
            value = str(next(iter(action.choices))) if action.choices else "nowhere/x" if action.type is Path else "7"
            words += [*action.option_strings[:1], *[value] * (action.nargs if isinstance(action.nargs, int) else 1)]
    return words


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a gate."""
    for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - GOES_ON - CHANGES))
def test_on_a_machine_without_a_gate_every_command_says_so_and_throws_nothing(
    name: str, nowhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    words = least(name)
    if name in ("watch", "events tail"):
        words += ["--once"] if name == "watch" else ["--key", "nowhere/x"]
    try:
        status = main(words)
    except SystemExit as end:
        status = end.code  # type: ignore[assignment]
    printed = capsys.readouterr()
    assert str(status) in STATUS, words
    assert status != 2 or printed.err.strip(), "who could not be served is told why"
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_does_not_understand_is_a_two_and_said_on_standard_error(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*least(name), "--no-such-option"])
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "usage: gatefw" in printed.err


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("devcie list", "gatefw: error: argument COMMAND: 'devcie' is none of them; did you mean device?"),
        ("device tets x", "gatefw device: error: argument COMMAND: 'tets' is none of them; did you mean test?"),
        ("lane opne", "gatefw lane: error: argument verb: 'opne' is none of them; did you mean open?"),
        ("lane reset --expects fualt", "argument --expects: 'fualt' is none of them; did you mean fault?"),
        ("status --jsn", "gatefw status: error: --jsn: not understood; did you mean --json?"),
        ("status please", "gatefw status: error: please: not understood; see `gatefw status --help`"),
        ("frobnicate", "'frobnicate' is none of them; see `gatefw --help`"),
        ("completion tcsh", "'tcsh' is none of them; there are bash, zsh, fish"),
    ],
)
def test_what_was_perhaps_meant_is_said(typed: str, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(typed.split())
    assert advice in capsys.readouterr().err


@pytest.mark.parametrize("words", [["models", "list"], ["manual"], ["completion", "bash"], ["--help"]])
def test_whoever_reads_may_leave_and_nobody_is_shouted_at(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        ran = subprocess.run(
            [sys.executable, "-m", "gatefw", *words], stdout=nobody, stderr=subprocess.PIPE, timeout=WAIT_S
        )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_ctrl_c_is_a_130_without_a_word(nowhere: Path) -> None:
    command = [sys.executable, "-m", "gatefw", "watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["answers"] is False
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 130
        assert process.stderr.read() == b""


def test_the_statuses_are_those_of_the_manual_page() -> None:
    assert list(STATUS) == ["0", "1", "2", "3", "130"]


# ---------------------------------------------------------------- colours


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "on_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colours_are_for_terminals_and_for_whoever_wants_them(
    env: dict[str, str], on_terminal: bool, elsewhere: bool
) -> None:
    assert coloured(Terminal(), env) is on_terminal
    assert coloured(io.StringIO(), env) is elsewhere


# ---------------------------------------------------------------- shells and man


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return completion("bash", tmp_path_factory.mktemp("completion"))


def completion(shell: str, directory: Path) -> Path:
    path = directory / f"gatefw.{shell}"
    with path.open("wb") as file:
        subprocess.run([sys.executable, "-m", "gatefw", "completion", shell], stdout=file, check=True, timeout=WAIT_S)
    return path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("gatefw devi", ["device"]),
        ("gatefw device t", ["test", "trace"]),
        ("gatefw lane o", ["open"]),
        ("gatefw lane open --expects i", ["idle"]),
        ("gatefw watch --o", ["--once"]),
        ("gatefw completion ", ["bash", "zsh", "fish"]),
        ("gatefw simulate hetao --matcher ", ["scripted", "real"]),
        ("gatefw check /et", ["/etc"]),
    ],
)
def test_bash_offers_what_fits(bash: Path, typed: str, offered: list[str]) -> None:
    script = """
        source "$1"; typed=$2
        read -ra COMP_WORDS <<<"$typed"; [[ $typed == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=$typed; COMP_POINT=${#typed}
        spec=$(complete -p gatefw); does=${spec##*-F }; ${does%% *} gatefw "${COMP_WORDS[COMP_CWORD]}" ""
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    ran = subprocess.run(["bash", "-c", script, "bash", bash, typed], capture_output=True, text=True, timeout=WAIT_S)
    assert ran.stdout.split() == offered, ran.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_can_read_what_is_made_for_it(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    subprocess.run([shell, "-n", completion(shell, tmp_path)], check=True, timeout=WAIT_S)


def test_fish_tells_what_a_command_is_for(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not here")
    script = f"source {completion('fish', tmp_path)}; complete -C 'gatefw wat'"
    ran = subprocess.run(["fish", "-c", script], capture_output=True, text=True, timeout=WAIT_S, check=True)
    assert "watch\tthe running lane on a terminal" in ran.stdout


def test_the_manual_page_has_every_command_option_and_status_and_is_the_same_twice() -> None:
    text = page(parser(), __version__)
    assert text == page(parser(), __version__)
    for name, leaf in COMMANDS.items():
        section = text.split(f'.SS "gatefw {name}"'.replace("-", "\\-"))[1].split(".SS ")[0]
        for flag in (
            flag for action in leaf._actions for flag in action.option_strings if flag not in ("-h", "--help")
        ):
            assert flag.replace("-", "\\-") in section, f"{name} {flag}"
    assert all(f".B {status}" in text for status, _ in STATUSES)


def test_a_manual_page_says_nothing_to_its_formatter_by_mistake() -> None:
    tricky = argparse.ArgumentParser("x", description=".TH is no heading here\n'nor this\n\n  a \\ backslash\nexample:")
    tricky.add_argument("--per-cent", help="100 %% of it")
    lines = page(tricky, "1").split("\n")
    assert "\\&.TH is no heading here 'nor this" in lines
    assert "a \\e backslash" in lines
    assert "100 % of it" in lines


@pytest.mark.parametrize(
    "judge", [["mandoc", "-Tlint", "-Wwarning"], ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8"]]
)
def test_formatters_take_the_manual_page_without_a_warning(judge: list[str], tmp_path: Path) -> None:
    if shutil.which(judge[0]) is None or (judge[0] == "man" and shutil.which("groff") is None):
        pytest.skip(f"{judge[0]} is not here")
    path = tmp_path / "gatefw.1"
    path.write_text(page(parser(), __version__))
    ran = subprocess.run([*judge, path], capture_output=True, text=True, timeout=WAIT_S)
    said = f"{ran.stdout}\n{ran.stderr}" if judge[0] == "mandoc" else ran.stderr
    told = [line for line in said.split("\n") if line and "missing date" not in line]  # the same bytes every day
    assert told == []
