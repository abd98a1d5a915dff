"""The bench of the gallery measures what it says, on a few people."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_bench_of_the_gallery_ends_with_its_figures_in_one_line() -> None:
    program = [sys.executable, "-m", "bench.gallery", "--people", "12"]
    told = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600).stdout
    figures = json.loads(told.splitlines()[-1])
    assert figures["people"] == 12
    assert 6 <= figures["search_people"] < 12
    assert figures["file_bytes"] > 12 * 512
    assert {"look_up_p99_ms", "enrol_p99_ms", "revoke_p99_ms", "start_ms", "rss_mb_by_ids"} <= figures.keys()
    assert figures["read_chunks_vs_rows"] > 0


def test_a_store_that_is_not_there_is_neither_measured_nor_made(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "bench.gallery", "--store", str(tmp_path / "none.sqlite")]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "not there" in done.stderr
    assert not list(tmp_path.iterdir())
