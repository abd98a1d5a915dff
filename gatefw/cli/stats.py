"""gatefw stats: passages, refusals and times, out of one or several journals."""

import argparse
import csv
import json
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from gatefw import passage_stats as stats
from gatefw import passage_tally, stats_chart, store, whole_file
from gatefw.cli import command
from gatefw.errors import Refusal, StoreError, system_words
from gatefw.journal import own
from gatefw.passage_stats import Key, Sums, Totals
from gatefw.state import state_dir

DESCRIPTION = """\
Counts of passages, refusals by reason, referrals, captures that failed, first-try success and times (token to exit, to
within 2.5 %), out of journals; the gate may run meanwhile. Each journal counts for the system of its lane file. Without
FILE it is this machine's own journal. What a gate cannot know, how many people there were in all, comes from --totals,
a CSV file with the columns period,people,total (2024-01,departing passengers,1671000); without it: "share unknown".

example:
  gatefw stats
  gatefw stats --by month --from 2024-01 --to 2024-10 --totals departures.csv
  gatefw stats /srv/journals/*/journal.sqlite --by system --csv
  gatefw stats --by month --chart passages.svg
  gatefw stats --rebuild
"""
COLUMNS = ("passed", "refused", "referred", "ended", "by_hand", "first_try", "no_capture", "p50_s", "p95_s")
TAIL = ("cumulative", "registered", "share")
REASONS = ("refused", "referred", "ended", "no_capture")


def add_parser(commands: Any) -> None:
    """Add `stats`."""
    parser = command.add(commands, "stats", "passages, refusals and times, from the journal", DESCRIPTION)
    parser.add_argument("journal", type=Path, nargs="*", metavar="FILE", help="journal.sqlite of a lane")
    parser.add_argument("--by", default="", help=f"group by these, with commas: {', '.join(stats.BY)}")
    parser.add_argument("--from", dest="since", default="", metavar="WHEN", help="first day, month or year")
    parser.add_argument("--to", dest="until", default="", metavar="WHEN", help="last day, month or year, included")
    parser.add_argument("--system", help="of this system alone")
    parser.add_argument("--direction", choices=("arrival", "departure"), help="of this direction alone")
    parser.add_argument("--totals", type=Path, metavar="FILE", help="how many people there were in all, for shares")
    parser.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw the groups as bars as well")
    parser.add_argument(
        "--rebuild", action="store_true", help="first count anew, from a row for each passage; lane stopped"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--csv", action="store_true", help="for a spreadsheet")
    how.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    by = _by(arguments.by)
    since, until = _when(arguments.since, "--from"), _when(arguments.until, "--to")
    totals = Totals.read(arguments.totals) if arguments.totals else None
    journals = arguments.journal or [state_dir(os.environ) / "journal.sqlite"]
    if arguments.rebuild:
        _rebuild(journals)
    found = list(chain.from_iterable(_read(journals)))

    def chosen(key: Key) -> bool:
        return arguments.system in (None, key.system) and arguments.direction in (None, key.direction)

    groups = stats.grouped(found, by, lambda key: chosen(key) and stats.within(key.day, since, until))
    whole = stats.grouped(found, ("system",), lambda key: chosen(key) and stats.within(key.day, since, until))
    before = Sums()
    for key, sums in found:
        if chosen(key) and since and key.day < since:
            before.add(sums)
    lines = stats.lines(groups, by, before, totals)
    sentences = [stats.sentence(system, sums, totals) for (system,), sums in whole.items()]
    if arguments.chart:
        _draw(arguments.chart, by, lines, sentences)
    if arguments.json:
        print(json.dumps({"lines": lines, "sentences": sentences}, indent=2))
    elif arguments.csv:
        _print_csv(by, lines)
    else:
        _print_table(by, lines, sentences)
    return 0


def _rebuild(journals: Sequence[Path]) -> None:
    """Raises StoreError: a lane that runs, a journal that is not there or cannot be read."""
    for path in journals:
        next(stats.read(path), None)  # a file that is no journal is not made into one
        descriptor = own(path)
        try:
            with closing(store.connect(path)) as database:
                print(f"{path}: counting anew, 10 million passages take about a minute", file=sys.stderr, flush=True)
                print(f"{path}: {passage_tally.rebuild(database):,} passages", file=sys.stderr)
        except sqlite3.Error as error:
            raise StoreError(f"journal {path}: cannot be counted anew: {error}; look after the disk") from error
        finally:
            os.close(descriptor)


def _read(journals: Sequence[Path]) -> Any:
    """One after the other, with a word on it when that takes its time."""
    begun_s = time.monotonic()
    for number, path in enumerate(journals, 1):
        yield stats.read(path)
        if time.monotonic() - begun_s > 1.0 and sys.stderr.isatty():
            print(f"\r{number} of {len(journals)} journals", end="", file=sys.stderr, flush=True)


def _by(text: str) -> tuple[str, ...]:
    by = tuple(part.strip() for part in text.split(",") if part.strip())
    for each in by:
        if each not in stats.BY:
            raise Refusal(f"--by {each}: groups are {', '.join(stats.BY)}")
    if len(set(by)) < len(by) or sum(each in stats.PERIODS for each in by) > 1:
        raise Refusal(f"--by {text}: each once, and one of {', '.join(stats.PERIODS)} at most")
    return by


def _when(text: str, option: str) -> str:
    if text and not stats.is_period(text):
        raise Refusal(f"{option} {text}: a day, a month or a year is wanted: 2024-01-31, 2024-01 or 2024")
    return text


def _draw(path: Path, by: tuple[str, ...], lines: list[stats.Line], sentences: list[str]) -> None:
    if path.suffix != ".svg":
        raise Refusal(f"--chart {path}: charts are drawn as SVG; name a file that ends in .svg")
    names = [" ".join(str(line[each]) for each in by) or "all" for line in lines]
    drawn = stats_chart.svg("; ".join(sentences)[:110] or "no passages", names, lines)
    try:
        whole_file.write(path, drawn.encode())
    except OSError as error:
        raise Refusal(f"--chart {path}: cannot be written: {system_words(error)}") from error


def _print_csv(by: tuple[str, ...], lines: list[stats.Line]) -> None:
    reasons = sorted({(what, reason) for line in lines for what in REASONS for reason in _reasons(line, what)})
    columns = (*by, *COLUMNS, *TAIL)
    out = csv.writer(sys.stdout)
    out.writerow((*columns, *(f"{what}:{reason}" for what, reason in reasons)))
    for line in lines:
        values = ["" if line[each] is None else line[each] for each in columns]
        out.writerow((*values, *(_reasons(line, what).get(reason, 0) for what, reason in reasons)))


def _reasons(line: stats.Line, what: str) -> dict[str, int]:
    reasons = line["reasons"]
    assert isinstance(reasons, dict)
    return dict(reasons[what])


def _print_table(by: tuple[str, ...], lines: list[stats.Line], sentences: list[str]) -> None:
    columns = (*by, *COLUMNS, *TAIL)
    rows = [columns, *(tuple(_cell(each, line[each]) for each in columns) for line in lines)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(columns))]
    for row in rows:
        cells = [c.ljust(w) if at < len(by) else c.rjust(w) for at, (c, w) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())
    for what in REASONS:
        _print_reasons(what, lines)
    for each in sentences or ["no passages"]:
        print(each)


def _print_reasons(what: str, lines: list[stats.Line]) -> None:
    sums: dict[str, int] = {}
    for line in lines:
        for reason, count in _reasons(line, what).items():
            sums[reason] = sums.get(reason, 0) + count
    if sums:
        told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(sums.items(), key=lambda pair: -pair[1]))
        print(f"{what}: {told}")


def _cell(name: str, value: object) -> str:
    if value is None:
        return "unknown" if name == "share" else "-"
    if isinstance(value, float):
        return f"{100 * value:.1f} %" if name in ("first_try", "no_capture", "share") else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
