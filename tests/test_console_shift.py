"""The report of a shift: what is counted of a lane's events, and who may see it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from console_bench import MK, RUN, Browser, PlayedLane, console, fact
from hypothesis import given
from hypothesis import strategies as st
from peers import until
from planted import spelt

from gatefw.bus_keys import Permission
from gatefw.console.lanes import Named
from gatefw.console.link import EARLIER
from gatefw.console.officers import Officers
from gatefw.console.server import Console
from gatefw.console.shift import KEPT, RUNS_OPEN, Ledger, by_hour, moment, told
from gatefw.model import FactKind

SEVEN = datetime(2026, 12, 1, 7, tzinfo=UTC)
LANE = Named("lane-1", "Lane 1", "hall")
HOURS = timedelta(hours=1)


def event(n: int, kind: str, at: datetime = SEVEN, run: str = RUN, **data: object) -> dict[str, Any]:
    told_at = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    common = {"time": told_at, "clockquality": "synchronised", "epoch": "e" * 16, "run": run}
    return {"type": f"gatefw.{kind}.v1", "sequence": f"{n:020d}", "data": data, **common}


def passage(n: int, at: datetime, verdict: str = "admit", reason: str = "ok", seconds: float = 4.0) -> list[Any]:
    run = f"{n:016x}"
    return [
        event(n, "passage.decided", at, run, verdict=verdict, reason=reason),
        event(n + 1, "passage.ended", at, run, passed=verdict == "admit", reason=reason, seconds=seconds),
    ]


def counted(*events: dict[str, Any]) -> Ledger:
    ledger = Ledger()
    for each in events:
        ledger.count(each)
    return ledger


def report(ledger: Ledger, begins: datetime = SEVEN, hours: float = 8) -> dict[str, Any]:
    return told([(LANE, ledger)], begins, begins + hours * HOURS)


# ---------------------------------------------------------------- what is counted


def test_passages_are_counted_by_how_they_ended_with_their_reasons_and_times() -> None:
    """A day at the lane: ten pass, each a little slower; one is refused, two are referred, one walks away."""
    events = [each for n in range(10) for each in passage(1 + 2 * n, SEVEN + n * HOURS / 2, seconds=4.0 + n)]
    events += passage(21, SEVEN + HOURS, "refuse", "face_mismatch")
    events += passage(23, SEVEN + HOURS, "refer", "no_face") + passage(25, SEVEN + HOURS, "refer", "no_face")
    events.append(event(27, "passage.ended", SEVEN + HOURS, "f" * 16, passed=False, reason="walked_away", seconds=1.0))
    said = report(counted(*events))
    line = said["total"]
    assert [line[each] for each in ("passed", "refused", "referred", "ended")] == [10, 1, 2, 1]
    assert line["reasons"] == {
        "refused": {"face_mismatch": 1},
        "referred": {"no_face": 2},
        "ended": {"walked_away": 1},
    }
    assert line["p50_s"] == pytest.approx(8.0, rel=0.03) and line["p95_s"] == pytest.approx(13.0, rel=0.03)
    assert said["lanes"][0] == {**line, "id": "lane-1", "name": "Lane 1", "group": "hall", "whole": True,
                                "since": "1970-01-01T00:00:00Z"}  # fmt: skip


def test_what_was_before_the_console_began_is_put_before_it_and_a_shift_is_whole() -> None:
    heard = counted(*passage(13, SEVEN + 2 * HOURS))
    assert not report(heard)["whole"]
    heard.precede(counted(*passage(11, SEVEN - HOURS)))
    assert report(heard)["whole"] and heard.first == 11
    assert report(heard, SEVEN - HOURS)["total"]["passed"] == 2
    heard.precede(counted({**event(1, "alarm.raised", reason="called"), "epoch": "f" * 16}))
    assert report(heard)["total"]["alarms"] == {}  # another journal's


def test_a_shift_holds_what_was_between_its_two_quarters_and_no_more() -> None:
    ledger = counted(*passage(1, SEVEN - HOURS / 3600), *passage(3, SEVEN), *passage(5, SEVEN + 8 * HOURS))
    assert report(ledger)["total"]["passed"] == 1
    assert [counts["passed"] for _, counts in by_hour([ledger], SEVEN, SEVEN + 2.5 * HOURS)] == [1, 0, 0]
    assert [counts["passed"] for _, counts in by_hour([ledger], SEVEN - HOURS, SEVEN + 9 * HOURS)] == [
        1,
        1,
        *[0] * 7,
        1,
    ]


def test_alarms_are_counted_by_reason_and_orders_by_who_gave_them() -> None:
    mk, other = "bus-console/mk", "bus-console/b-7"
    said = report(
        counted(
            event(1, "alarm.raised", reason="called"),
            event(2, "alarm.raised", reason="called"),
            event(3, "fault.latched", reason="door_forced"),
            event(4, "alarm.acknowledged", event=1, by=mk),
            event(5, "operator.ordered", verb="acknowledge", by=mk, accepted=True, reason="ok"),
            event(6, "operator.ordered", verb="close", by=other, accepted=True, reason="ok", why="search"),
            event(7, "operator.ordered", verb="open", by=other, accepted=False, reason="not_now"),
            event(8, "passage.cleared_by_hand", by=mk, why="document_seen"),
            event(9, "alarm.silent", by=mk),
            event(10, "operator.ordered", verb="close", by=other, accepted=False, reason="not_now", why="search"),
            event(11, "operator.ordered", verb="close", by=other, accepted=True, reason="ok", why="crowd"),
            event(12, "operator.ordered", verb="close", by=other, accepted=True, reason="ok", why="Mr Chan"),
        )
    )
    assert said["total"]["alarms"] == {"called": 2, "door_forced": 1}
    assert (said["total"]["acknowledged"], said["total"]["by_hand"]) == (1, 1)
    assert [tuple(each.values()) for each in said["orders"]] == [
        (other, "close", 3, 1, {"search": 2, "crowd": 1}),
        (other, "open", 0, 1, {}),
        (mk, "acknowledge", 1, 0, {}),
        (mk, "clear_by_hand", 1, 0, {}),
        (mk, "silent_alarm", 1, 0, {}),
    ]


def test_an_event_that_comes_twice_counts_once_and_another_journal_begins_anew() -> None:
    both = passage(1, SEVEN)
    ledger = counted(*both, *both, *({**each, "epoch": "f" * 16} for each in both))
    assert report(ledger)["total"]["passed"] == 2


def test_a_passage_that_was_decided_before_the_console_began_ends_as_it_was_decided() -> None:
    """The console is started again while a traveller is being turned away."""
    refused, passed = passage(5, SEVEN, "refuse", "face_mismatch"), passage(7, SEVEN)
    heard = counted(refused[1], *passed)
    assert report(heard)["total"]["ended"] == 1, "nobody knows yet"
    heard.precede(counted(*passage(3, SEVEN), refused[0]))
    line = report(heard)["total"]
    assert [line[each] for each in ("passed", "refused", "ended")] == [2, 1, 0]
    assert line["reasons"]["refused"] == {"face_mismatch": 1} and line["reasons"]["ended"] == {}


def test_an_alarm_that_latches_a_fault_in_the_same_moment_is_counted_once() -> None:
    """As the officer saw it; the same reason later is another alarm."""
    later = SEVEN + timedelta(seconds=30)
    said = report(
        counted(
            event(1, "alarm.raised", reason="door_forced"),
            event(2, "phase.changed", phase="fault"),
            event(3, "fault.latched", reason="door_forced"),
            event(4, "alarm.raised", later, reason="door_forced"),
            event(5, "fault.latched", later, reason="journal_broken"),
        )
    )
    assert said["total"]["alarms"] == {"door_forced": 2, "journal_broken": 1}


@pytest.mark.parametrize("change", [{}, {"epoch": "f" * 16}], ids=["events are missing", "another journal"])
def test_a_shift_of_which_something_was_not_heard_is_not_told_as_whole(change: dict[str, str]) -> None:
    """The lane's journal was cut, restored or made anew while the console followed it."""
    ledger = counted(*passage(1, SEVEN), *({**each, **change} for each in passage(9, SEVEN + 2 * HOURS)))
    assert not report(ledger)["whole"] and report(ledger, SEVEN + 3 * HOURS)["whole"]
    assert report(ledger)["total"]["passed"] == 2


@pytest.mark.parametrize(
    ("first", "change"),
    [(SEVEN + HOURS, {}), (SEVEN - HOURS, {"clockquality": "unsynchronised"})],
    ids=["heard later", "a clock that nobody vouches for"],
)
def test_a_shift_that_may_not_be_whole_says_so(first: datetime, change: dict[str, str]) -> None:
    said = report(counted({**event(2, "alarm.raised", first, reason="called"), **change}))
    assert (said["whole"], said["lanes"][0]["whole"]) == (False, False)
    assert report(Ledger())["lanes"][0]["since"] is None and not report(Ledger())["whole"]


def test_a_lane_that_runs_for_days_and_ends_no_passage_takes_no_more_room() -> None:
    ledger = Ledger()
    for n in range(4 * KEPT):
        at = SEVEN + n * HOURS / 4
        ledger.count(event(2 * n + 1, "passage.decided", at, f"{n:016x}", verdict="admit", reason="ok"))
        ledger.count(event(2 * n + 2, "alarm.raised", at, reason="called"))
    assert len(ledger._quarters) == KEPT and len(ledger._verdicts) == RUNS_OPEN


def test_nobody_who_passed_can_be_found_in_a_report() -> None:
    name, document = b"CHAN TAI MAN", b"K1234567"
    bad = {"reason": document.decode(), "by": name.decode(), "verb": name.decode(), "accepted": True, "name": "x"}
    kinds = ("alarm.raised", "operator.ordered", "passage.ended", "alarm.acknowledged", "fault.latched")
    said = json.dumps(report(counted(*(event(n, kind, **bad) for n, kind in enumerate(kinds, 1))))).encode()
    assert [how for secret in (name, document) for how, spell in spelt(secret) if spell in said] == []
    assert RUN.encode() not in said


@given(
    st.dictionaries(
        st.sampled_from(["type", "time", "sequence", "epoch", "run", "data", "clockquality"]),
        st.one_of(
            st.none(),
            st.integers(),
            st.text(max_size=30),
            st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
            st.sampled_from([f"gatefw.{kind.value}.v1" for kind in FactKind]),
            st.dictionaries(st.sampled_from(["reason", "by", "verb", "passed", "seconds"]), st.floats() | st.text()),
        ),
    )
)
def test_whatever_a_lane_says_it_is_counted_or_it_is_not(said: dict[str, Any]) -> None:
    ledger = counted({**event(5, "alarm.raised", reason="called"), **said})
    json.dumps(report(ledger))


@pytest.mark.parametrize("text", ["", "2026-12-01", "2026-12-01T07:00", "0001-01-01T00:00+14:00", "soon"])
def test_what_is_no_moment_is_none(text: str) -> None:
    assert moment(text) is None


# ---------------------------------------------------------------- who may see it


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[tuple[Console, Browser, list[PlayedLane]]]:
    with console(tmp_path, 2) as (made, lanes):
        browser = Browser(made.application())
        browser.login()
        yield made, browser, lanes


def test_the_report_is_what_the_lanes_published_to_this_console(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    _, browser, lanes = hall
    ends = datetime.fromtimestamp(1_800_000_000, UTC) + HOURS  # when all is written down that is played here
    span = f"from={ends - 8 * HOURS:%Y-%m-%dT%H:%MZ}&to={ends:%Y-%m-%dT%H:%MZ}"
    for lane in lanes:
        lane.tell(fact(FactKind.PASSAGE_ENDED, RUN, passed=True, reason="ok", seconds=3.0))
    lanes[1].tell(fact(FactKind.ALARM_RAISED, reason="called"))

    def figures() -> Any:
        return json.loads(browser.get(f"/shift/figures?{span}").body)

    said = until(lambda: (told_now := figures())["total"]["alarms"] and told_now, "what the lanes said")
    until(lambda: figures()["total"]["passed"] == 2, "both passages")
    assert [each["name"] for each in said["lanes"]] == ["Lane 1", "Lane 2"]
    chart = browser.get(f"/shift/chart?{span}&offset=480")
    assert (chart.status, chart.headers["content-type"]) == (200, "image/svg+xml")
    assert b"Passed: 2" in chart.body and b"style=" not in chart.body
    assert "已通過: 2" in browser.get(f"/shift/chart?{span}&lang=zh_HK").body.decode()


def test_the_report_of_who_gave_a_silent_alarm_does_not_tell_of_it(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    _, browser, lanes = hall
    begins = datetime.fromtimestamp(1_800_000_000, UTC) - HOURS
    span = f"from={begins:%Y-%m-%dT%H:%MZ}&to={begins + 8 * HOURS:%Y-%m-%dT%H:%MZ}"
    for by in ("mk", "visitor"):
        lanes[0].tell(fact(FactKind.ALARM_SILENT, by=f"bus-console/{by}"))

    def orders(who: Browser) -> list[str]:
        return [each["by"] for each in json.loads(who.get(f"/shift/figures?{span}").body)["orders"]]

    other = Browser(browser.app)
    other.login("visitor")
    until(lambda: orders(browser) == ["bus-console/visitor"], "the other's alone")
    until(lambda: orders(other) == ["bus-console/mk"], "the other's alone")


def test_a_console_that_is_started_again_reads_the_shift_that_was_before_it(tmp_path: Path) -> None:
    """More happens at a lane than a console reads at its start for its alarms."""
    with console(tmp_path, 1) as (_, lanes):
        for n in range(EARLIER + 400):
            lanes[0].journal.append(fact(FactKind.PASSAGE_ENDED, f"{n:016x}", passed=True, reason="ok", seconds=3.0))
        lanes[0].tell(fact(FactKind.ALARM_RAISED, reason="called"))
    begins = datetime.fromtimestamp(1_800_000_000, UTC) - HOURS
    with console(tmp_path, 1) as (made, _):
        [(named, ledger)] = made.row.ledgers
        until(lambda: ledger.first == 1, "the events of before")
        said = told([(named, ledger)], begins, begins + 8 * HOURS)
    assert (said["total"]["passed"], said["total"]["alarms"], said["whole"]) == (EARLIER + 400, {"called": 1}, True)


def test_without_a_session_or_the_right_to_read_there_is_no_report(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    made, browser, _ = hall
    span = "from=2026-12-01T07:00Z&to=2026-12-01T15:00Z"
    assert browser.get("/shift").status == 200  # the page itself says nothing
    for path in (f"/shift/figures?{span}", f"/shift/chart?{span}"):
        assert Browser(browser.app).get(path).status == 401
        assert browser.get(path).status == 200
    made.officers = Officers([replace(MK, may=frozenset({Permission.OPERATE}))])
    blind = Browser(browser.app)
    blind.login()
    assert [blind.get(f"/shift/{each}?{span}").status for each in ("figures", "chart")] == [403, 403]


@pytest.mark.parametrize(
    "span",
    ["", "from=2026-12-01T07:00Z", "from=x&to=y", "from=2026-12-01T15:00Z&to=2026-12-01T07:00Z",
     "from=2026-12-01T07:00Z&to=2026-12-04T07:00Z"],
)  # fmt: skip
def test_a_shift_that_is_none_is_not_made_up(hall: tuple[Console, Browser, list[PlayedLane]], span: str) -> None:
    answer = hall[1].get(f"/shift/figures?{span}")
    assert answer.status == 400 and "36 h apart" in json.loads(answer.body)["message"]
