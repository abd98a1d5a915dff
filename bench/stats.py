"""Ten million passages: the department's sentence out of their roll-ups, and the roll-ups made anew out of them.

`sentence` reads the counts and tells them; `count over rows` is what that costs without roll-ups, `rebuild` makes them
anew, in a process of its own whose memory is told, and `limit` are the seconds that the sentence may take.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

from bench.harness import Row, rotate, row
from gatefw import passage_stats, passage_tally, store
from gatefw.passage_stats import FIRST_DAY, Totals
from gatefw.passage_tally import Tally, Where

ROUNDS = 3
PASSAGES = 10_000_000
BEGINS, ENDS = date(2024, 1, 1), date(2024, 10, 31)
PASSED, SHARE = 0.97, 0.7
REASONS = ("face_mismatch", "no_face", "token_unknown", "record_expired")
LIMIT_S, LIMIT_MB = 5.0, 200.0
COUNT = "select count(*), sum(seconds) from passage where what = 'passed'"


def run(rounds: int) -> list[Row]:
    """A row for each. Raises StoreError when the disk is full: two gigabytes are wanted for a moment."""
    with tempfile.TemporaryDirectory(prefix="gatefw-bench-") as directory:
        path, totals = Path(directory) / "journal.sqlite", Path(directory) / "totals.csv"
        with closing(store.connect(path)) as database:
            Tally(database, Where("contactless-e-channel", "departure"))
            passage_tally.insert(database, _rows())
        totals.write_text(f"period,people,total\n2024,departing passengers,{PASSAGES * PASSED / SHARE:.0f}\n")
        most_mb: list[float] = []
        _elsewhere("rebuild", path, most_mb)
        told = _sentence(path, totals)[1]
        samples = rotate(
            {
                "sentence": lambda: _sentence(path, totals)[0],
                "count over rows": lambda: _elsewhere("count", path, []),
                "rebuild": lambda: _elsewhere("rebuild", path, most_mb),
                "limit": lambda: LIMIT_S,
            },
            rounds,
        )
        size_mb = path.stat().st_size / 1e6
    notes = {
        "sentence": told,
        "rebuild": f"{max(most_mb):.0f} MB of {LIMIT_MB:.0f} at most; the file has {size_mb:.0f} MB",
    }
    rows = [row(samples, name, "s", 1.0, ("count over rows", "limit")) for name in samples]
    return [replace(each, note=notes.get(each.name, "")) for each in rows]


def _rows() -> Iterator[passage_tally.Row]:
    """Spread evenly over January to October 2024."""
    draw = random.Random(20241204)
    days, first = (ENDS - BEGINS).days + 1, BEGINS.toordinal() - FIRST_DAY
    for n in range(PASSAGES):
        passed = draw.random() < PASSED
        what, reason = ("passed", "ok") if passed else ("refused", draw.choice(REASONS))
        yield n, first + n * days // PASSAGES, "departure", what, reason, int(passed), 0, 4.0 + 6.0 * draw.random()


def _sentence(path: Path, totals: Path) -> tuple[float, str]:
    began_s = time.perf_counter()
    sums = passage_stats.grouped(passage_stats.read(path), (), lambda _key: True)[()]
    told = passage_stats.sentence("contactless-e-channel", sums, Totals.read(totals))
    return time.perf_counter() - began_s, told


def _elsewhere(what: str, path: Path, most_mb: list[float]) -> float:
    """Its seconds in a process of its own, whose largest size joins `most_mb`."""
    command = [sys.executable, "-m", "bench.stats", what, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, kilobytes = map(float, done.stdout.split())
    most_mb.append(kilobytes / 1e3)
    return seconds


def _here(what: str, path: Path) -> None:
    began_s = time.perf_counter()
    with closing(store.connect(path)) as database:
        if what == "rebuild":
            passage_tally.rebuild(database)
        else:
            database.execute(COUNT).fetchone()
    print(time.perf_counter() - began_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    _here(sys.argv[1], Path(sys.argv[2]))
