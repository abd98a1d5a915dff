"""A gallery of many people: how long it takes to open, to look somebody up, to enrol, to revoke, and to read it whole.

    python -m bench.gallery --people 5000000       the residents of one lane kind: by their ids, on disk
    python -m bench.gallery --people 1000000       and what it takes to have all of them in memory for a search

The people are drawn from a seed: random ids, one template of 128 random numbers each. The store is made anew in a
temporary directory by `Gallery.enrol_many`, and measured by a process of its own. Look-ups are of people drawn at
random, in a file that the kernel has cached as far as it fits; enrolments and revocations are committed and synced one
by one. Peer for reading it whole, in the same run and alternating: the first 100,000 people in the layout before
chunks, one SQLite row a template, each sealed by itself. The last line is one line of JSON.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

from gatefw import sealing
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.gallery_chunk import Member
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.search import Search
from gatefw.biometrics.template import Template
from gatefw.cli.command import progress
from gatefw.model import Reason, SubjectId

KEY = bytes(32)
MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
DIM, BLOCK = 128, 8192
FOREVER = 4e9
PEER_PEOPLE, PEER_ROUNDS = 100_000, 3
LOOKUPS, CHANGES, STARTS, SEARCHES = 2000, 200, 20, 20
SEARCHED_MOST = 1_000_000
"""Of more people only what concerns one of them is measured."""

Figures = dict[str, float | int]
Told = Callable[[str], None]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gallery", description=str(__doc__).splitlines()[0])
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--dir", type=Path, help="where the store is made (default: the temporary directory)")
    parser.add_argument("--store", type=Path, help="measure a store that this bench made, and nothing else")
    options = parser.parse_args()
    if options.people < 1:
        parser.error(f"--people {options.people}: at least 1 is wanted")
    if options.store and not options.store.is_file():
        parser.error(f"--store {options.store}: not there; name the gallery.sqlite that this bench made")
    if options.dir and not options.dir.is_dir():
        parser.error(f"--dir {options.dir}: no directory; make it, or name another")
    with progress(sys.stderr) as told:
        if options.store:
            print(json.dumps(_measured(options.store, options.people, told)))
            return 0
        with tempfile.TemporaryDirectory(prefix="gatefw-gallery-", dir=options.dir) as place:
            figures = _built(Path(place) / "gallery.sqlite", options.people, told) | _in_a_process(
                Path(place), options.people
            )
    for name, value in figures.items():
        print(f"{name:36} {value:,}")
    print(json.dumps(figures))
    return 0


# ---------------------------------------------------------------- the store


def _built(path: Path, people: int, told: Told) -> Figures:
    began_s = time.perf_counter()
    with closing(Gallery(path, KEY)) as gallery:
        gallery.enrol_many(_members(people), told=lambda number: told(f"{number:,} of {people:,} enrolled"))
    size = path.stat().st_size
    return {
        "people": people,
        "enrol_many_s": round(time.perf_counter() - began_s, 1),
        "file_bytes": size,
        "file_bytes_per_template": round(size / people),
    }


def _members(people: int) -> Iterator[Member]:
    """In order of their ids."""
    chance, step = np.random.default_rng(1), (1 << 128) // people
    for begin in range(0, people, BLOCK):
        vectors = chance.standard_normal((min(BLOCK, people - begin), DIM), np.float32) * np.float32(0.12)
        for at, vector in enumerate(vectors, begin):
            yield Member(_id(at, step), FOREVER, (Template(vector, MAKER),))


def _id(number: int, step: int) -> SubjectId:
    return SubjectId(f"{number * step + hash((number, 5)) % step:032x}")


def _in_a_process(place: Path, people: int) -> Figures:
    """What a process takes that has not made the store."""
    program = [sys.executable, "-m", "bench.gallery", "--people", str(people), "--store", str(place / "gallery.sqlite")]
    done = subprocess.run(program, stdout=subprocess.PIPE, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


# ---------------------------------------------------------------- what is measured


def _measured(path: Path, people: int, told: Told) -> Figures:
    before_mb = _rss_mb()
    starts = [_seconds(lambda: Gallery(path, KEY).close()) for _ in range(STARTS)]
    figures: Figures = {
        "load_average": round(os.getloadavg()[0], 1),
        "start_ms": _ms(starts, 0.5),
        "start_first_ms": _ms(starts[:1], 0.5),
    }
    with closing(Gallery(path, KEY)) as gallery:
        figures |= _of_one(gallery, people, told)
        figures["rss_mb_by_ids"] = round(_rss_mb() - before_mb, 1)
        if people <= SEARCHED_MOST:
            figures |= _read_whole(gallery, path, people, told)
            figures |= _searched(gallery, people, told)
    return figures


def _of_one(gallery: Gallery, people: int, told: Told) -> Figures:
    chance, step = np.random.default_rng(2), (1 << 128) // people
    figures: Figures = {}

    def look(subject: SubjectId) -> None:
        assert not isinstance(gallery.get(subject, 0.0), Reason)

    def enrol(subject: SubjectId) -> None:
        gallery.enrol(subject, [Template(chance.standard_normal(DIM, np.float32), MAKER)], FOREVER)

    changes = min(CHANGES, people)
    there = [_id(number, step) for number in chance.integers(people, size=min(LOOKUPS, 10 * people)).tolist()]
    fresh = [SubjectId(chance.bytes(16).hex()) for _ in range(changes)]
    leaving = sorted(set(there))[: changes // 2]
    for name, work, subjects in (
        ("look_up", look, there),
        ("enrol", enrol, fresh),
        ("revoke", gallery.revoke, leaving),
    ):
        told(name)
        times = [_seconds(partial(work, each)) for each in subjects]
        figures |= {f"{name}_p50_ms": _ms(times, 0.5), f"{name}_p99_ms": _ms(times, 0.99)}
    for subject in fresh:
        gallery.revoke(subject)
    return figures


def _read_whole(gallery: Gallery, path: Path, people: int, told: Told) -> Figures:
    """Every template of the first 100,000 people, opened: by chunks, and by rows."""
    peer = path.with_name("rows.sqlite")
    with closing(sqlite3.connect(peer)) as rows:
        number = _write_rows(rows, min(people, PEER_PEOPLE))
        reads: dict[str, list[float]] = {"chunks": [], "rows": []}
        for turn in range(PEER_ROUNDS):
            told(f"reading {number:,} people, round {turn + 1} of {PEER_ROUNDS}")
            reads["chunks"].append(_seconds(lambda: _read_chunks(gallery, number)))
            reads["rows"].append(_seconds(lambda: _read_rows(rows)))
    ratio = median(chunks / row for chunks, row in zip(*reads.values(), strict=True))
    return {f"read_{name}_us_per_template": round(median(each) / number * 1e6, 2) for name, each in reads.items()} | {
        "read_chunks_vs_rows": round(ratio, 3)
    }


def _write_rows(rows: sqlite3.Connection, people: int) -> int:
    rows.execute("CREATE TABLE template (place TEXT, sealed BLOB)")
    key = sealing.derive(KEY, "gallery")
    for member in islice(_members(people), people):
        place = json.dumps(
            ["main", member.subject, 0, member.expires_at, MAKER.model_sha256, "litert", "2.3.0", "default"]
        )
        sealed = sealing.seal(key, member.templates[0].vector.tobytes(), place.encode())
        rows.execute("INSERT INTO template VALUES (?, ?)", (place, sealed))
    rows.commit()
    return people


def _read_rows(rows: sqlite3.Connection) -> None:
    key = sealing.derive(KEY, "gallery")
    for place, sealed in rows.execute("SELECT * FROM template"):
        subject = json.loads(place)[1]
        Member(subject, FOREVER, (Template(np.frombuffer(sealing.unseal(key, sealed, place.encode()), "<f4"), MAKER),))


def _read_chunks(gallery: Gallery, people: int) -> None:
    for place in gallery.places(0.0):
        chunk = gallery.opened(place)
        assert chunk is not None
        chunk.references(MAKER)
        people -= len(chunk)
        if people <= 0:
            return


def _searched(gallery: Gallery, people: int, told: Told) -> Figures:
    told("reading everybody for a search")
    before_mb, probe = _rss_mb(), Template(np.full(DIM, 0.12, np.float32), MAKER)
    with closing(Search(gallery, MAKER, (), people, lambda: 0.0)) as search:
        began_s = time.process_time()
        load_s = _seconds(lambda: search.people)
        load_cpu_s = time.process_time() - began_s
        held_mb = _rss_mb() - before_mb
        times = [_seconds(lambda: search.candidates(probe, lambda _templates: 0.5)) for _ in range(SEARCHES)]
        subject = gallery.list(most=1)[0].subject
        gallery.enrol(subject, [probe], FOREVER)
        fresh_s = _seconds(lambda: search.candidates(probe, lambda _templates: 0.0))
        return {
            "search_people": search.people,
            "search_load_s": round(load_s, 2),
            "search_load_cpu_s": round(load_cpu_s, 2),
            "search_load_us_per_template": round(load_s / people * 1e6, 2),
            "search_rss_mb": round(held_mb, 1),
            "search_bytes_per_template": round(held_mb * 1e6 / people),
            "search_p50_ms": _ms(times, 0.5),
            "search_after_a_change_ms": round(fresh_s * 1e3, 2),
        }


def _seconds(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def _ms(seconds: list[float], share: float) -> float:
    return round(float(np.quantile(seconds, share)) * 1e3, 2)


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
