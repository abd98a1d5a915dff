"""Passages are counted with the journal, and told by system, day, month and year."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw import cli, passage_stats, passage_tally, stats_chart
from gatefw.events import new_run
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, Reason, RunId, Verdict
from gatefw.passage_stats import Sums
from gatefw.passage_tally import Tally, Where
from gatefw.wall_time import WallTime

HONG_KONG = Where("e-channel", "departure", "Asia/Hong_Kong")
KEY = bytes(32)


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e9)


class Clock:
    """Says what it is told to."""

    def __init__(self, at: str) -> None:
        self.at = at

    def __call__(self) -> WallTime:
        return WallTime(ns(self.at), True)


class Gate:
    """A journal, and passages in it."""

    def __init__(self, path: Path, where: Where | None = HONG_KONG) -> None:
        self.path, self.clock = path, Clock("2024-01-15T08:00:00")
        self.journal = Journal.open(path, "lane-1", KEY, self.clock, lambda error: None, where)

    def passage(
        self,
        verdict: Verdict = Verdict.ADMIT,
        reason: Reason = Reason.OK,
        matched: Sequence[bool] = (True,),
        s: float = 7,
    ) -> RunId:
        run = new_run()
        self.journal.append(Fact(FactKind.PASSAGE_STARTED, run, (("reader", "reader.front"), ("symbology", ""))))
        for each in matched:
            fields = ("matched", each), ("score", 0.3), ("threshold", 0.5), ("fmr", 0.001), ("frames", 1)
            self.journal.append(Fact(FactKind.FACE_COMPARED, run, fields))
        self.journal.append(Fact(FactKind.PASSAGE_DECIDED, run, (("verdict", verdict), ("reason", reason))))
        self.end(run, verdict is Verdict.ADMIT, reason, s)
        return run

    def end(self, run: RunId, passed: bool, reason: Reason, s: float = 1.0) -> None:
        fields = ("passed", passed), ("reason", reason), ("seconds", float(s))
        self.journal.append(Fact(FactKind.PASSAGE_ENDED, run, fields))

    def sums(self, *by: str) -> dict[tuple[str, ...], Sums]:
        self.journal.close()
        return passage_stats.grouped(passage_stats.read(self.path), by, lambda _: True)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "journal.sqlite")
    yield gate
    gate.journal.close()


def test_each_passage_is_counted_once_by_how_it_ended(gate: Gate) -> None:
    gate.passage()
    gate.passage(Verdict.REFUSE, Reason.FACE_MISMATCH, [False])
    gate.passage(Verdict.REFER, Reason.NO_FACE, [])
    gate.end(new_run(), False, Reason.TAILGATING)
    (sums,) = gate.sums().values()
    assert sums.passages == 4
    assert [sums.of(what) for what in ("passed", "refused", "referred", "ended")] == [1, 1, 1, 1]
    assert sums.reasons("refused") == {"face_mismatch": 1}
    assert sums.reasons("no_capture") == {"no_face": 1}


def test_the_first_try_counts_only_when_nothing_was_asked_twice(gate: Gate) -> None:
    gate.passage(matched=[True])
    gate.passage(matched=[False, True])
    gate.passage(matched=[])  # nothing was compared: that was no try
    (sums,) = gate.sums().values()
    assert (sums.of("first_try"), sums.of("passed")) == (1, 3)


def test_a_day_ends_at_midnight_of_the_port(gate: Gate) -> None:
    for at in ("2024-01-15T15:59:59", "2024-01-15T16:00:00", "2024-01-31T16:30:00"):  # UTC; Hong Kong is 8 hours ahead
        gate.clock.at = at
        gate.passage()
        gate.journal.verify()
    assert list(gate.sums("day")) == [("2024-01-15",), ("2024-01-16",), ("2024-02-01",)]


def test_system_and_direction_are_those_of_the_lane(gate: Gate) -> None:
    gate.passage()
    assert list(gate.sums("system", "direction")) == [("e-channel", "departure")]


def test_what_a_restart_ended_is_counted_as_ended(gate: Gate) -> None:
    gate.end(new_run(), False, Reason.RESTARTED, 0.0)
    (sums,) = gate.sums().values()
    assert sums.reasons("ended") == {"restarted": 1}


def test_registered_people_and_hand_clearances_are_counted(gate: Gate) -> None:
    for kind in (FactKind.SUBJECT_ENROLLED, FactKind.SUBJECT_ENROLLED, FactKind.SUBJECT_REVOKED):
        gate.journal.append(Fact(kind, None, (("by", "uid-0"),)))
    fields = (("by", "uid-0"), ("why", "veil"))
    gate.journal.append(Fact(FactKind.CLEARED_BY_HAND, gate.passage(Verdict.REFER, Reason.NO_FACE), fields))
    (sums,) = gate.sums().values()
    assert (sums.registered, sums.of("by_hand")) == (1, 1)


def test_an_older_journal_is_counted_when_it_is_next_opened(gate: Gate) -> None:
    gate.passage()
    gate.passage(Verdict.REFUSE, Reason.FACE_MISMATCH, [False])
    before = gate.sums("day", "direction")
    with closing(sqlite3.connect(gate.path)) as database:
        for table in ("counted", "passage", "day_count", "day_time"):
            database.execute(f"drop table {table}")
        database.commit()
    assert Gate(gate.path).sums("day", "direction") == before


def test_nothing_is_counted_twice_by_opening_it_again(gate: Gate) -> None:
    gate.passage()
    before = gate.sums()
    assert Gate(gate.path).sums() == before


ROWS = st.lists(
    st.tuples(
        st.integers(19000, 19400),
        st.sampled_from(["", "arrival", "departure"]),
        st.sampled_from(["passed", "refused", "referred", "ended"]),
        st.sampled_from(["ok", "face_mismatch", "no_face"]),
        st.booleans().map(int),
        st.booleans().map(int),
        st.floats(0, 1e4),
    ),
    max_size=40,
)


@given(ROWS)
def test_the_roll_ups_made_anew_say_what_their_rows_say(rows: list[tuple[int, str, str, str, int, int, float]]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        Tally(database, Where("x"))
        passage_tally.insert(database, ((n, *row) for n, row in enumerate(rows)))
        assert passage_tally.rebuild(database) == passage_tally.rebuild(database) == len(rows)
        found = database.execute("select what, sum(count) from day_count group by 1").fetchall()
        times = database.execute("select coalesce(sum(count), 0) from day_time").fetchone()[0]
    counted = dict(found)
    for what in ("passed", "refused", "referred", "ended"):
        assert counted.get(what, 0) == sum(row[2] == what for row in rows)
    assert counted.get("first_try", 0) == sum(row[4] for row in rows)
    assert times == counted.get("passed", 0)


def test_the_roll_ups_made_anew_are_those_that_were_kept(gate: Gate) -> None:
    gate.passage(s=3.2)
    gate.passage(Verdict.REFER, Reason.BLURRED, [])
    gate.journal.append(Fact(FactKind.SUBJECT_ENROLLED, None, (("by", "uid-0"),)))
    before = gate.sums("day")
    with closing(sqlite3.connect(gate.path, isolation_level=None)) as database:
        passage_tally.rebuild(database)
    assert passage_stats.grouped(passage_stats.read(gate.path), ("day",), lambda _: True) == before


@given(st.lists(st.floats(0.06, 5000), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_percentile_is_told_to_within_two_and_a_half_per_cent(seconds: list[float], share: float) -> None:
    sums = Sums()
    sums.steps.update(passage_tally.step_of(each) for each in seconds)
    told = sums.percentile_s(share)
    place = max(0, -(-int(share * len(seconds) * 1e9) // 10**9) - 1)
    near = sorted(seconds)[max(0, place - 1) : place + 2]
    assert told is not None
    assert any(0.97 * each - 0.01 <= told <= 1.03 * each + 0.01 for each in near)


def test_nobody_took_no_time() -> None:
    assert Sums().percentile_s(0.5) is None


# ---------------------------------------------------------------- shares


@pytest.fixture
def totals(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "totals.csv"
        path.write_text("period,people,total\n" + text)
        return path

    return write


def test_the_sentence_of_the_department_comes_out(totals: Callable[[str], Path]) -> None:
    months = [f"2024-{month:02}" for month in range(1, 11)]
    sums = Sums()
    for month in months:
        each = Sums(days={f"{month}-03", f"{month}-04"})
        each.counts["passed", ""] = 1_170_000
        sums.add(each)
    path = totals("".join(f"{month},departing passengers,1671428\n" for month in months))
    told = passage_stats.sentence("contactless-e-channel", sums, passage_stats.Totals.read(path))
    assert told == (
        "contactless-e-channel: 11.7 million passages in January to October 2024, 70 per cent of departing passengers"
    )


def test_a_total_that_lacks_a_month_makes_no_share(totals: Callable[[str], Path]) -> None:
    sums = Sums(days={"2024-01-03", "2024-02-03"})
    sums.counts["passed", ""] = 5
    known = passage_stats.Totals.read(totals("2024-01,people,10\n"))
    assert passage_stats.sentence("x", sums, known).endswith("share unknown")
    assert passage_stats.sentence("x", sums, None).endswith("share unknown")


def test_a_total_of_a_year_says_nothing_of_its_months(totals: Callable[[str], Path]) -> None:
    known = passage_stats.Totals.read(totals("2024,people,100\n"))
    assert known.of({"2024-03-01"}, "2024-03") is None
    assert known.of({"2024-03-01", "2024-04-01"}, "2024") == 100


@pytest.mark.parametrize(
    "text", ["2024-13,people,10\n", "2024,people,many\n", "2024,people,1\n2024,people,2\n", "2024,a,1\n2023,b,1\n", ""]
)
def test_totals_that_cannot_be_meant_are_refused(totals: Callable[[str], Path], text: str) -> None:
    path = totals(text)
    assert cli.main(["stats", "--totals", str(path)]) == 2


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (set(), "no time at all"),
        ({"2024-05-31"}, "May 2024"),
        ({"2023-01-01", "2023-12-31"}, "2023"),
        ({"2023-11-01", "2024-02-01"}, "November 2023 to February 2024"),
    ],
)
def test_a_span_of_days_is_told_in_months(days: set[str], words: str) -> None:
    assert passage_stats.span(days) == words


# ---------------------------------------------------------------- the command


@pytest.fixture
def year(gate: Gate) -> Path:
    """Two days in January, one in March."""
    for at, passages in (("2024-01-15T08:00:00", 2), ("2024-01-16T08:00:00", 1), ("2024-03-01T08:00:00", 4)):
        gate.clock.at = at
        for _ in range(passages):
            gate.passage()
    gate.passage(Verdict.REFUSE, Reason.FACE_MISMATCH, [False])
    gate.journal.close()
    return gate.path


def test_months_add_up(year: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stats", str(year), "--by", "month", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [(each["month"], each["passed"], each["cumulative"]) for each in lines] == [
        ("2024-01", 3, 3),
        ("2024-03", 4, 7),
    ]


def test_a_span_ends_with_its_last_day_and_knows_what_was_before(
    year: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["stats", str(year), "--by", "day", "--from", "2024-01-16", "--to", "2024-03", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [(each["day"], each["cumulative"]) for each in lines] == [("2024-01-16", 3), ("2024-03-01", 7)]


def test_the_table_ends_with_the_sentence(year: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stats", str(year), "--by", "year"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "e-channel: 7 passages in January to March 2024, share unknown"
    assert "refused: face_mismatch 1" in out


def test_a_spreadsheet_has_a_column_for_every_reason(year: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["stats", str(year), "--by", "month", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["refused:face_mismatch"] for row in rows] == ["0", "1"]


def test_several_journals_are_one_table(year: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Gate(tmp_path / "other" / "journal.sqlite", Where("hetao", "arrival"))
    other.passage()
    other.journal.close()
    assert cli.main(["stats", str(year), str(other.path), "--by", "system,direction", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [(each["system"], each["passed"]) for each in lines] == [("e-channel", 7), ("hetao", 1)]


def test_the_chart_is_a_picture_of_the_groups(year: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chart = tmp_path / "chart.svg"
    assert cli.main(["stats", str(year), "--by", "day", "--chart", str(chart)]) == 0
    root = ElementTree.parse(chart).getroot()
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["passed: 2", "passed: 1", "passed: 4", "refused: 1"]


def test_the_bars_of_a_chart_are_told_apart_on_grey_paper_too() -> None:
    """WCAG 1.4.11: three times as light as each other, whatever their hue; the lightest has an outline on white."""
    grey = sorted(luminance(colour) for colour in stats_chart.COLOURS.values())
    assert all((light + 0.05) / (dark + 0.05) >= 3 for dark, light in pairwise(grey)), grey


def luminance(colour: str) -> float:
    """Of WCAG 2: from black, 0, to white, 1."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_name_in_a_chart_is_no_markup() -> None:
    line = {"passed": 1, "refused": 0, "referred": 0}
    ElementTree.fromstring(stats_chart.svg("<&>", ["<script>"], [line]))
    ElementTree.fromstring(stats_chart.svg("none", [], []))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--by", "week"),
        ("--by", "day,month"),
        ("--by", "day,day"),
        ("--from", "yesterday"),
        ("--chart", "x.png"),
        ("--chart", "/nowhere/x.svg"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    year: Path, arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["stats", str(year), *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_file_that_is_no_journal_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    assert cli.main(["stats", str(other)]) == 2
    assert str(other) in capsys.readouterr().err


def test_counts_are_made_anew_only_while_nobody_writes_the_journal(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.passage()
    assert cli.main(["stats", str(gate.path), "--rebuild"]) == 2
    assert "another process writes it" in capsys.readouterr().err
    gate.journal.close()
    assert cli.main(["stats", str(gate.path), "--rebuild"]) == 0
    assert "1 passage in January 2024" in capsys.readouterr().out
