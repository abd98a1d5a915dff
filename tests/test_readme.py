"""README.md holds: its commands run, its files are there, its examples work, its diagram is the table's."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from peers import until

from gatefw import lane_diagram
from gatefw.lane_table import ANYWHERE, CALLED_OUTSIDE, TRANSITIONS
from gatefw.lane_terms import Shape

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LANE = (ROOT / "docs" / "lane.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent

ELSEWHERE = {
    "make demo": "test_demo.py runs what it runs; .ci/run the command itself",
    "make test": "this is it; .ci/run the command itself",
    "make trust": ".ci/run runs what it runs",
}
SERVERS = ("python -m hw.sim", "gatefw watcher", "gatefw run")
ENDLESS = "gatefw events tail"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def files() -> dict[str, str]:
    """The examples that README says to save, by their path."""
    return dict(re.findall(r"^<!-- file: (\S+) -->\n```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL))


# ---------------------------------------------------------------- the diagram


def test_the_diagram_is_the_table_s() -> None:
    for document in (README, LANE):
        assert lane_diagram.replaced(document) == document, "make diagram"


def test_every_row_that_leads_elsewhere_is_drawn() -> None:
    drawn = README + LANE
    for row in (row for rows in TRANSITIONS.values() for row in rows):
        for phase in row.phases:
            if row.to is not None and row.to is not phase:
                assert re.search(rf"{phase.value} --> {row.to.value}: .*{re.escape(row.on.words.split(':')[0])}", drawn)
    assert LANE.count("\n| ") == len(ANYWHERE[Shape.AIRLOCK]) + len(CALLED_OUTSIDE) + 2


def test_a_document_without_a_place_for_the_diagram_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the lane diagram"):
        lane_diagram.replaced("# nothing here")


# ---------------------------------------------------------------- what it names


def test_every_file_it_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("#")]
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_place_it_links_to_within_itself_is_a_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= anchors


def test_every_command_in_its_table_is_one_the_program_has() -> None:
    rows = re.findall(r"^\| `gatefw (.+?)` ", README, re.MULTILINE)
    words = [row.replace("FILE", "").replace("`", "").split() for row in rows]
    shown = run("gatefw --help").stdout
    for first, *_ in words:
        assert re.search(rf"^    {first.strip(',')}\b", shown, re.MULTILINE), first


def test_every_make_target_and_bench_it_names_is_there() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = set(re.findall(r"`make ([a-z]+)`", README))
    assert {"conformance", "fuzz", "hil"} <= named <= set(targets)
    benches = {path.stem for path in (ROOT / "bench").glob("*.py")}
    assert set(re.findall(r"`python -m bench ([a-z_]+)`", README)) <= benches


# ---------------------------------------------------------------- its commands


def environment(home: Path | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEFW_", "XDG_", "STATE_"))}
    return kept | {"PATH": f"{BIN}:{kept['PATH']}"} | ({"HOME": str(home)} if home else {})


def run(command: str, home: Path | None = None, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-ec", command], cwd=ROOT, env=environment(home), capture_output=True, text=True, timeout=timeout_s
    )


@pytest.fixture(scope="module")
def home(models: Path, photos: Path) -> Iterator[Path]:
    """A home directory with models and photographs, short enough for the sockets below it."""
    with tempfile.TemporaryDirectory(prefix="gatefw-") as directory:
        state = Path(directory) / ".local" / "state" / "gatefw"
        shutil.copytree(models, state / "models")
        shutil.copytree(photos, state / "photos")
        yield Path(directory)


@contextmanager
def server(command: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["bash", "-c", command], cwd=ROOT, env=environment(home))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def followed(command: str, home: Path, until_it_says: bytes) -> list[bytes]:
    """What a command prints that goes on for ever, up to this line."""
    said = []
    with subprocess.Popen(["bash", "-c", command], cwd=ROOT, env=environment(home), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if until_it_says in line:
                break
        process.send_signal(signal.SIGINT)
    return said


def in_service(command: str, home: Path) -> bool:
    status = run(command, home)
    return status.returncode == 0 and re.search(r"^phase +idle$", status.stdout, re.MULTILINE) is not None


@pytest.mark.real
@pytest.mark.models
@pytest.mark.timeout(600)
def test_its_commands_run_as_they_stand_and_somebody_passes(home: Path) -> None:
    """In the order of README, in a new home; servers go on in the background until the end."""
    exports = next(line for line in commands() if line.startswith("export "))
    (home / "gate-run").mkdir(mode=0o700)
    [passage] = [block for block in blocks("python") if "WorldClient" in block]
    with ExitStack() as running:
        for command in commands():
            line = f"{exports}; {command}"
            if command in ELSEWHERE or command == exports:
                continue
            if command.startswith(SERVERS):
                running.enter_context(server(f"{exports}; exec {command}", home))
                until((home / "gate-run" / "pins.sock").exists, "the world is there", deadline_s=60)
            elif command.startswith(ENDLESS):
                (home / "passage.py").write_text(passage)
                said = run(f"{exports}; python {home}/passage.py", home)
                assert said.stdout == "passed\n", said.stderr
                events = followed(f"{exports}; exec {command}", home, b"passage.ended")
                assert b"passed=true" in events[-1].lower()
            else:
                if command == "gatefw status":
                    until(lambda line=line: in_service(line, home), "the lane is in service", deadline_s=60)
                ran = run(line, home)
                assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"


# ---------------------------------------------------------------- its examples


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the files that README says to add, and a lane file that names them."""
    copy = tmp_path_factory.mktemp("extended")
    for package in ("gatefw", "hw"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in files().items():
        assert not (ROOT / path).exists(), f"{path} is there already: choose another example"
        (copy / path).write_text(text)
    lane = (ROOT / "config" / "sim.toml").read_text()
    lane = lane.replace('procedure = "contactless"', 'procedure = "two_looks"')
    lane += '\n[indicator.text]\ndriver = "display"\nlink = "memory:display"\n'
    (copy / "lane.toml").write_text(lane)
    return copy


def run_extended(extended: Path, program: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=extended,
        env=environment() | {"PYTHONPATH": str(extended)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_lane_file_can_name_the_new_driver_and_the_new_procedure(extended: Path) -> None:
    program = """
import pathlib, hw
from gatefw import clearance, config
for found in config.check(pathlib.Path("lane.toml"), hw.schema, procedure=clearance.load):
    print(found)
"""
    assert run_extended(extended, program) == ""


def test_the_new_driver_shows_what_the_lane_does(extended: Path) -> None:
    program = """
import hw
from gatefw.model import Phase, Reason
from hw import link
with_it = link.plug("display")
driver = hw.load("indicator", "display")
display = driver.open(driver.Settings("memory:display"))
display.show(Phase.IDLE, None)
display.show(Phase.REFUSED, Reason.FACE_MISMATCH)
print(with_it.read(100, 1.0))
display.close()
display.close()
"""
    assert run_extended(extended, program).strip() == r"b'\x0cidle\r\n\x0crefused: face_mismatch\r\n'"


def test_the_new_procedure_admits_only_after_two_looks(extended: Path) -> None:
    program = """
from gatefw.clearance import Terms, load
from gatefw.model import Eligible, FaceCompared, Inside, RecordFound, SubjectId, Token
clear, found = load("two_looks"), RecordFound(SubjectId("0" * 32))
def decided(*looks):
    procedure = clear(Token(b"A1234563"), Terms(8.0))
    next(procedure), procedure.send(found), procedure.send(Eligible()), procedure.send(Inside())
    try:
        for matched in looks:
            procedure.send(FaceCompared(matched, 0.4, 0.542, 1e-3, 1))
    except StopIteration as end:
        return end.value.verdict.value
print(decided(True), decided(True, True), decided(True, False), decided(False))
"""
    assert run_extended(extended, program).strip() == "None admit refuse refuse"
