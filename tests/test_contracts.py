"""The import contracts in pyproject.toml: each one is shown to catch what it forbids, in a copy of the sources."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]

VIOLATIONS = {
    "what the pages share knows nothing of what they show": ("gatefw/web/board.py", "import gatefw.words"),
    "the traveller's screen knows the display socket and nothing it could order with": (
        "gatefw/screen/link.py",
        "import gatefw.control",
    ),
    "the technician's page asks what it is handed to ask, and opens no store, no bus and no device": (
        "gatefw/technician/page.py",
        "import gatefw.control",
    ),
    "the officer's console reaches a lane by its bus alone, and knows no traveller": (
        "gatefw/console/row.py",
        "import gatefw.records",
    ),
    "what officers see of a lane is worked out without a clock, a thread or a file": (
        "gatefw/console/alarms.py",
        "import time",
    ),
    "model and errors stand on the standard library alone": ("gatefw/model.py", "import numpy"),
    "ports know model and errors alone": ("gatefw/ports.py", "import hw"),
    "what decides has no clock, no thread, no file, no socket, no hardware and no chance": (
        "gatefw/leases.py",
        "import time",
    ),
    "two minds for a door: lane and interlock do not know each other": (
        "gatefw/lane.py",
        "import gatefw.interlock",
    ),
    "the interlock and the words of lane and gate know the model alone": (
        "gatefw/interlock.py",
        "import gatefw.clearance",
    ),
    "a procedure knows the model and what a procedure is": (
        "gatefw/clearance/contactless.py",
        "import gatefw.ports",
    ),
    "procedures do not know each other": ("gatefw/clearance/new.py", "import gatefw.clearance.contactless"),
    "biometrics know no bus, no hardware, no door and no traveller's record": (
        "gatefw/biometrics/verify.py",
        "import gatefw.records",
    ),
    "the converter runs in an environment without this project": (
        "gatefw/biometrics/convert/compare.py",
        "import gatefw.errors",
    ),
    "vision knows neither doors nor lane nor bus": ("gatefw/vision_worker.py", "import gatefw.interlock"),
    "the supervisor's process decodes no picture": ("gatefw/clerk.py", "import gatefw.biometrics.gallery"),
    "the installer runs where nothing is installed yet: the standard library, words, and the daemon's socket": (
        "gatefw/installer/places.py",
        "import gatefw.config",
    ),
    "words for people know what there is to be said, and not who says it": (
        "gatefw/words/status.py",
        "import gatefw.display",
    ),
    "safe mode makes doors safe and says why: it has no lane, no store and no device of its own": (
        "gatefw/safe_mode.py",
        "import gatefw.journal",
    ),
    "the watcher can only drop outputs: it knows neither lane nor gate nor journal": (
        "gatefw/watcher.py",
        "import gatefw.leases",
    ),
    "a document is judged by its bytes, a store and a date handed in": ("gatefw/travel_document.py", "import time"),
    "records and tokens know neither hardware nor bus nor faces": ("gatefw/records.py", "import cv2"),
    "events, journal, bus and control know neither hardware nor lane nor faces": ("gatefw/bus.py", "import hw"),
    "whoever watches a lane knows what anybody may be told, and opens nothing of its own": (
        "gatefw/watch/seen.py",
        "import gatefw.records",
    ),
    "a terminal's screen is drawn by watch alone": ("gatefw/cli/device.py", "import textual"),
    "the config is given the drivers' schema: reading it loads no hardware and no model": (
        "gatefw/settings.py",
        "import hw",
    ),
    "a driver knows model, errors, ports and what drivers share in hw; no other driver": (
        "hw/door_new.py",
        "import hw.door_gpio",
    ),
    "a running lane needs nothing that measures models": (
        "gatefw/biometrics/search.py",
        "import gatefw.biometrics.measuring.rates",
    ),
    "links and pins know no protocol and no driver": ("hw/link.py", "import hw.wire.jpeg"),
    "a wire protocol is bytes only": ("hw/wire/new.py", "import time"),
    "live code never imports the simulated world; demo and simulate start it": (
        "hw/sensors_new.py",
        "import hw.sim.client",
    ),
    "the simulated world knows no live code but words, newest pictures and wire protocols": (
        "hw/sim/door.py",
        "import gatefw.gate",
    ),
    "the simulated chip of a document shares no cryptography with its reader": (
        "hw/sim/chip_crypto.py",
        "import hw.wire.emrtd.suites",
    ),
    "nothing that runs a lane knows the doctor": ("gatefw/watcher.py", "import gatefw.doctor.examine"),
    "serial ports are opened by hw.link alone": ("hw/reader_new.py", "import serial"),
    "GPIO libraries are used by hw.gpio alone": ("hw/indicator_new.py", "import gpiozero"),
    "ZeroMQ is spoken by the bus alone": ("gatefw/control.py", "import zmq"),
    "models are run by biometrics alone": ("gatefw/vision_feed.py", "import ai_edge_litert"),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says about a copy of the sources in which every contract is violated once."""
    copy = tmp_path_factory.mktemp("violated")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in ("gatefw", "hw"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, line in VIOLATIONS.values():
        with (copy / path).open("a") as file:
            file.write(f"\n{line}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache", "--no-logo"],
        cwd=copy,
        env={"COLUMNS": "200", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_catches_what_it_forbids(name: str, verdicts: str) -> None:
    assert name in VIOLATIONS, "add an import that breaks the new contract"
    assert [line for line in verdicts.splitlines() if line.startswith(f"{name} BROKEN")], verdicts


def imports_by_name(path: Path) -> bool:
    """Whether a file can import a module whose name it computes."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names) if any(alias.name == "importlib" for alias in names):
                return True
            case ast.ImportFrom(module="importlib", names=names) if any(a.name == "import_module" for a in names):
                return True
            case ast.Name(id="__import__") | ast.Attribute(attr="__import__"):
                return True
    return False


def test_only_the_five_places_that_find_files_by_name_import_by_name() -> None:
    sources = [path for package in ("gatefw", "hw") for path in (ROOT / package).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in sources if imports_by_name(path)}
    by_name = {"hw/__init__.py", "hw/sim/lines.py", "gatefw/clearance/__init__.py", "gatefw/cli/__init__.py"}
    assert found == by_name | {"gatefw/doctor/examine.py"}
