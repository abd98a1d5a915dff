"""The conformance suites as commands: the table of promises, and a driver on a device that is really there."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def conformance(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=280)


def test_the_table_has_a_row_for_each_promise_and_a_column_for_each_place() -> None:
    done = conformance("tests/conformance/test_indicator.py", "--table", "-k", "gpio")
    assert done.returncode == 0, done.stdout
    assert "indicator: who keeps what" in done.stdout
    assert "gpio on mock pins" in done.stdout
    assert "yes  every line is off before and after" in done.stdout


def test_a_promise_that_needs_a_hand_at_the_device_is_skipped_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "lamps.toml"
    file.write_text('red = 1\namber = 2\ngreen = 3\nfactory = "mock:"\n')
    done = conformance("tests/conformance/test_indicator.py", "--device", f"indicator.gpio={file}", "-rs", "--table")
    assert done.returncode == 0, done.stdout
    assert "wants somebody at the device to expect shown" in done.stdout
    assert "gpio by hand" in done.stdout


def test_settings_that_no_driver_takes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "lamps.toml"
    file.write_text('red = 99\nfactory = "mock:"\n')
    done = conformance("tests/conformance/test_indicator.py", "--device", f"indicator.gpio={file}")
    assert done.returncode != 0
    assert "a BCM pin number from 0 to 53 is wanted, not 99" in done.stdout + done.stderr


def test_a_device_that_means_nothing_is_refused() -> None:
    done = conformance("tests/conformance/test_indicator.py", "--device", "indicator.gpoi=x.toml")
    assert done.returncode != 0
    assert "wanted is ROLE.HOW=FILE" in done.stdout + done.stderr
