"""`python -m bench` in its shortest form. No time is judged here: a busy machine is slow, not wrong."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from peers import without_coverage

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("copy", "resize", "decode", "detect", "align", "quality", "embed", "mirror", "verify", "whole")
EDGES = ("echo", "fire entry", "fire both")
PIXELS = (
    ("line to pixel", "bare to pixel", "frame")
    if importlib.util.find_spec("playwright") and Path("/usr/bin/chromium").exists()
    else ()
)
ROWS = {
    "stages": {f"{kind} {stage}" for kind in ("frame", "photo") for stage in STAGES},
    "edge_to_door": {
        "token entry",
        *EDGES,
        *(f"busy {switch} ms, {edge}" for switch in ("0.5", "5") for edge in EDGES),
    },
    "start": {"bare", "libraries", "import supervisor", "import vision", "ready", "vision listens", "in service"},
    "memory": {
        f"{process} {kind}"
        for process in ("bare", "libraries", "supervisor", "vision", "watcher", "gate")
        for kind in ("pss", "rss")
    },
    "screen": {
        *PIXELS,
        *(
            f"{server} {kind} {how}"
            for server in ("screen", "bare")
            for kind in ("pss", "cpu")
            for how in ("idle", "busy")
        ),
    },
    "mirror": {"without", "unwatched", "watched", "picture"},
    "journal": {"sync", "insert", "insert 20", "1 in flight", "20 in flight"},
    "journal_start": {"new rows", "all rows"},
    "finger": {"wire", "check", "load", "match", "wipe", "open"},
    "tokens": {"verify", "sync", "read", "take"},
    "chip": {"pace chip", "extended", "bac", "reader"},
    "replug": {
        *("port", "reader.scanner", "reader.mrz", "reader.card", "finger.scanner"),
        *("door.entry_door", "sensors.remote"),
    },
    "documents": {"verify", "believe", "brainpool", "rsa", "store"},
}
KEYS = {"name", "unit", "median", "least", "p99", "rounds", "ratios", "note"}


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env=without_coverage(),
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.mark.real
@pytest.mark.models
@pytest.mark.parametrize("name", ROWS)
def test_every_bench_measures_its_rows_and_says_so_in_one_line_of_json(name: str, models: Path, photos: Path) -> None:
    ran = bench(name, "--rounds", "1", "--json")
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1])
    assert result.keys() == {"machine", name}
    assert {row["name"] for row in result[name]} == ROWS[name]
    for row in result[name]:
        assert row.keys() == KEYS
        assert 0 < row["least"] <= row["median"] <= row["p99"]
        assert row["ratios"].keys() <= ROWS[name] - {row["name"]}, "a ratio is to a peer of the same run"
        assert all(ratio > 0 for ratio in row["ratios"].values())


def test_a_bench_that_does_not_exist_is_named_with_those_that_do() -> None:
    ran = bench("stagse")
    assert ran.returncode == 2
    assert "stagse" in ran.stderr
    assert all(name in ran.stderr for name in ROWS)
