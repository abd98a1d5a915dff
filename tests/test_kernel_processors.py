"""`tests/kernel/run`: what the kernel finds on this processor is right, and a mistake in it would be seen."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
KERNEL = ROOT / "gatefw" / "biometrics" / "kernel"
MISTAKES = {
    "an equal score with a higher label": ("label > top->labels[last]", "label < top->labels[last]"),
    "a bound that is too low": ("double reach = 2 *", "double reach = 1.5 *"),
    "slack that is too little": ("(uint8_t)units", "(uint8_t)(units / 2)"),
}


def run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "tests" / "kernel" / "run"), "--json", "--target", "host", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    [target] = json.loads(done.stdout)["targets"]
    assert done.returncode == (1 if target["outcome"] == "failed" else 0)
    if target["outcome"] == "skipped":
        pytest.skip(str(target["why"]))
    return dict(target)


@pytest.mark.real
def test_every_path_of_this_processor_finds_what_numpy_finds() -> None:
    target = run("--cases", "30")
    assert target["outcome"] == "passed", target["why"]
    assert "portable" in target["paths"]


@pytest.mark.real
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_kernel_is_seen(mistake: str, tmp_path: Path) -> None:
    shutil.copytree(KERNEL, tmp_path / "kernel")
    source = tmp_path / "kernel" / "kernel.c"
    text, wrong = source.read_text(), MISTAKES[mistake]
    assert wrong[0] in text
    source.write_text(text.replace(*wrong))
    target = run("--cases", "40", "--kernel", str(tmp_path / "kernel"))
    assert target["outcome"] == "failed" and "case " in target["why"]


def test_it_says_what_it_does() -> None:
    command = [sys.executable, str(ROOT / "tests" / "kernel" / "run"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "cortex-a76" in done.stdout


@pytest.mark.parametrize(("option", "value"), [("--cases", "0"), ("--kernel", "nowhere")])
def test_nothing_is_no_pass(option: str, value: str) -> None:
    command = [sys.executable, str(ROOT / "tests" / "kernel" / "run"), "--target", "host", option, value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and option in done.stderr and "passed" not in done.stdout
