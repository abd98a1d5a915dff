"""The counter's officer clears by hand whom the lane turned away: written down once, with who and why."""

import json
import os
import queue
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cases_bench import Followed
from gate_bench import ANNA

from gatefw.cases import Cases
from gatefw.cli import main
from gatefw.control import ACKNOWLEDGE, CASE, CLEAR, SILENT_ALARM, Answer, Done, Order, Rejected, Rejection
from gatefw.control_server import ControlServer
from gatefw.counter_desk import CounterDesk
from gatefw.errors import JournalBroken, Refusal
from gatefw.events import BY_HAND
from gatefw.journal import Journal
from gatefw.model import Fact, FactKind, Phase, Reason, RunId, SubjectId, Timer, Verdict
from gatefw.wall_time import wall_clock

RUN, OTHER = RunId("a" * 16), RunId("b" * 16)
DEADLINE_S = 30.0


class Desk:
    def __init__(self, journal: Journal) -> None:
        self.journal, self.passed = journal, list[SubjectId]()
        self.cases, self.records = Cases(), dict[SubjectId, dict[str, str]]()
        self.open()

    def open(self) -> None:
        self.desk = CounterDesk(self.journal, self.passed.append, self.cases, self._facts_of, "contactless")

    def _facts_of(self, subject: SubjectId) -> dict[str, str]:
        if subject not in self.records:
            raise Refusal("record: there is none")
        return self.records[subject]

    def passage(
        self,
        run: RunId,
        passed: bool | None,
        reason: Reason = Reason.FACE_MISMATCH,
        decided: tuple[Verdict, SubjectId | None] | None = None,
    ) -> None:
        """One that began and, unless `passed` is None, ended; `decided` upon somebody, or upon nobody known."""
        self._commit(Fact(FactKind.PASSAGE_STARTED, run, (("reader", "reader.front"), ("symbology", ""))))
        if decided is not None:
            verdict, subject = decided
            self._commit(Fact(FactKind.PASSAGE_DECIDED, run, (("verdict", verdict), ("reason", reason)), subject))
        if passed is not None:
            fields = (("passed", passed), ("reason", reason), ("seconds", 7.0))
            self._commit(Fact(FactKind.PASSAGE_ENDED, run, fields))

    def _commit(self, fact: Fact) -> None:
        numbers: queue.Queue[int] = queue.Queue()
        self.journal.append(fact, numbers.put)
        numbers.get(timeout=DEADLINE_S)

    def commit(self, kind: FactKind, run: RunId | None = None, **fields: str | bool) -> int:
        self._commit(Fact(kind, run, tuple(fields.items())))
        return self.journal.head()

    def newest(self) -> dict[str, object]:
        [row] = self.journal.read(self.journal.head() - 1, 1)
        event = json.loads(row.body)
        return {"type": event["type"], "run": event.get("run"), **event["data"]}

    def clear(self, **args: object) -> Answer:
        return self.order(CLEAR, **args)

    def order(self, verb: str, **args: object) -> Answer:
        answers: queue.Queue[Answer] = queue.Queue()
        self.desk.order(Order(verb, args, "uid-1000", None, 99.0), answers.put)
        return answers.get(timeout=DEADLINE_S)

    def refusal(self, verb: str = CLEAR, **args: object) -> str:
        answer = self.order(verb, **args)
        assert isinstance(answer, Rejected)
        assert answer.error is Rejection.REFUSED
        return answer.message


def _broke(error: JournalBroken) -> None:
    pytest.fail(str(error))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with closing(
        Journal.open(tmp_path / "journal.sqlite", "lane", bytes(32), wall_clock, failed=pytest.fail)
    ) as journal:
        made = Desk(journal)
        yield made
        made.desk.close()


@pytest.mark.parametrize("why", BY_HAND.words)
def test_a_traveller_whom_the_lane_turned_away_is_cleared_with_who_and_why(desk: Desk, why: str) -> None:
    desk.passage(RUN, passed=False)
    assert desk.clear(run=RUN, why=why) == Done({"run": RUN, "cleared": True, "event": 3})
    (row,) = desk.journal.read(2, 10)
    assert row.type == "gatefw.passage.cleared_by_hand.v1"
    assert desk.journal.endings(RUN)[FactKind.CLEARED_BY_HAND] == {"by": "uid-1000", "why": why}


@pytest.mark.parametrize(
    ("decided", "passed"),
    [
        ((Verdict.REFER, ANNA), [ANNA]),
        ((Verdict.REFER, None), []),
        ((Verdict.REFUSE, ANNA), []),  # whoever stood there may be somebody else
        (None, []),
    ],
)
def test_who_was_referred_and_then_cleared_is_behind_this_touchpoint(
    desk: Desk, decided: tuple[Verdict, SubjectId | None] | None, passed: list[SubjectId]
) -> None:
    """A passenger who is no resident is referred at immigration; boarding must not send them back for it."""
    desk.passage(RUN, passed=False, reason=Reason.NOT_ELIGIBLE_RESIDENT, decided=decided)
    desk.clear(run=RUN, why="document_seen")
    assert desk.passed == passed


def test_nobody_is_cleared_twice_whether_the_first_time_is_on_disk_yet_or_long_ago(desk: Desk) -> None:
    desk.passage(RUN, passed=False)
    desk.clear(run=RUN, why="child")
    assert "already" in desk.refusal(run=RUN, why="child")
    desk.desk.close()
    desk.open()
    assert "already" in desk.refusal(run=RUN, why="face_seen")
    assert desk.journal.head() == 3


def test_who_passed_needs_no_clearing_and_who_is_under_way_or_unknown_cannot_be_cleared(desk: Desk) -> None:
    desk.passage(RUN, passed=True)
    desk.passage(OTHER, passed=None)
    assert "passed the lane" in desk.refusal(run=RUN, why="other")
    assert "under way still" in desk.refusal(run=OTHER, why="other")
    assert "another lane's" in desk.refusal(run="c" * 16, why="other")


@pytest.mark.parametrize("run", [None, 7, "", "A" * 16, "a" * 15, "a' or 1=1 --"])
def test_what_is_no_run_is_named_as_such(desk: Desk, run: object) -> None:
    assert "16 hex digits" in desk.refusal(run=run, why="other")


@pytest.mark.parametrize("why", [None, 7, "", "because", ["other"]])
def test_a_reason_that_nobody_has_a_word_for_is_refused(desk: Desk, why: object) -> None:
    assert "document_seen" in desk.refusal(run=RUN, why=why)


def test_a_journal_that_takes_nothing_more_is_said_to_be_so(desk: Desk) -> None:
    desk.passage(RUN, passed=False)
    desk.journal.close()
    answer = desk.clear(run=RUN, why="other")
    assert isinstance(answer, Rejected)
    assert answer.error is Rejection.FAILED


# ---------------------------------------------------------------- alarms


def test_a_silent_alarm_is_an_event_with_who_raised_it_and_nothing_else(desk: Desk) -> None:
    assert desk.order(SILENT_ALARM) == Done({"sent": True, "event": 1})
    assert desk.newest() == {"type": "gatefw.alarm.silent.v1", "run": None, "by": "uid-1000"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (FactKind.ALARM_RAISED, {"reason": Reason.CALLED}),
        (FactKind.ALARM_SILENT, {"by": "bus-office"}),
        (FactKind.FAULT_LATCHED, {"reason": Reason.FIRE}),
        (FactKind.DEVICE_LOST, {"device": "vision", "reason": Reason.DEVICE_LOST}),
        (FactKind.DEVICE_IMPAIRED, {"device": "camera.front", "reason": Reason.CAMERA_DARK}),
        (FactKind.PASSAGE_DECIDED, {"verdict": Verdict.REFER, "reason": Reason.STOP_LISTED}),
        (FactKind.PHASE_CHANGED, {"phase": Phase.HOLD, "previous": Phase.VERIFYING}),
    ],
)
def test_who_has_seen_an_alarm_stands_beside_it(desk: Desk, kind: FactKind, fields: dict[str, str]) -> None:
    """By its number, and of the same passage; two officers may both have seen it."""
    n = desk.commit(kind, RUN, **fields)
    for event in (n + 1, n + 2):
        assert desk.order(ACKNOWLEDGE, event=n) == Done({"acknowledged": n, "event": event})
        seen = {"type": "gatefw.alarm.acknowledged.v1", "run": RUN, "event": n, "by": "uid-1000"}
        assert desk.newest() == seen


def test_what_is_no_alarm_or_no_event_is_not_acknowledged(desk: Desk) -> None:
    n = desk.commit(FactKind.PHASE_CHANGED, phase=Phase.IDLE, previous=Phase.RECOVERING)
    assert "event 1 is gatefw.lane.phase_changed.v1, which calls for nobody" in desk.refusal(ACKNOWLEDGE, event=n)
    admitted = desk.commit(FactKind.PASSAGE_DECIDED, RUN, verdict=Verdict.ADMIT, reason=Reason.OK)
    assert "calls for nobody" in desk.refusal(ACKNOWLEDGE, event=admitted)
    assert "there is no event 99: the newest is 2" in desk.refusal(ACKNOWLEDGE, event=99)
    assert desk.journal.head() == 2


@pytest.mark.parametrize("event", [None, "7", 0, -1, True, 1.0, [], 2**70])
def test_what_is_no_number_of_an_event_is_named_as_such(desk: Desk, event: object) -> None:
    assert "event" in desk.refusal(ACKNOWLEDGE, event=event)
    assert desk.journal.head() == 0


# ---------------------------------------------------------------- the case


def referred(desk: Desk) -> RunId:
    """Anna's face was not compared in time; the lane lets her out and refers her to the counter."""
    bench = Followed(desk.cases)
    bench.inside().over(Timer.VERIFY)
    return bench.runs[0]


ANNA_IS = {"document.name": "CHAN TAI MAN", "document.number": "K01234567", "born": "1984-02-03", "permit.kind": "A1"}


def test_an_officer_is_shown_the_case_once_it_is_on_disk_that_they_looked(desk: Desk) -> None:
    run, desk.records[ANNA] = referred(desk), ANNA_IS
    answer = desk.order(CASE)
    assert isinstance(answer, Done)
    facts = {"document.name": "CHAN TAI MAN", "document.number": "K01234567", "born": "1984-02-03"}
    assert answer.result["facts"] == facts
    said = [answer.result[key] for key in ("run", "procedure", "phase", "reason", "ended", "event")]
    assert said == [run, "contactless", "referred", "verify_timeout", True, desk.journal.head()]
    assert desk.newest() == {"type": "gatefw.passage.case_seen.v1", "run": run, "by": "uid-1000"}


def test_each_look_is_written_down_and_nothing_of_what_was_seen(desk: Desk) -> None:
    run, desk.records[ANNA] = referred(desk), ANNA_IS
    before = desk.journal.head()
    for _ in range(3):
        assert isinstance(desk.order(CASE, run=run), Done)
    rows = desk.journal.read(before, 100)
    assert [row.type for row in rows] == ["gatefw.passage.case_seen.v1"] * 3
    written = b"".join(row.body for row in desk.journal.read(0, 1000))
    assert not any(secret.encode() in written for secret in (*ANNA_IS.values(), ANNA))


def test_who_was_cleared_by_hand_is_forgotten(desk: Desk) -> None:
    run = referred(desk)
    desk.passage(run, passed=False)
    assert isinstance(desk.clear(run=run, why="document_seen"), Done)
    assert f"no case of run {run} is open" in desk.refusal(CASE, run=run)
    assert "no case is open" in desk.refusal(CASE)


def test_a_case_whose_record_is_gone_is_shown_without_it(desk: Desk) -> None:
    referred(desk)
    answer = desk.order(CASE)
    assert isinstance(answer, Done)
    assert answer.result["facts"] == {}


@pytest.mark.parametrize("run", [7, "", "A" * 16, [RUN]])
def test_a_case_is_asked_for_by_a_run_or_not_at_all(desk: Desk, run: object) -> None:
    assert "16 hex digits" in desk.refusal(CASE, run=run)


def test_a_case_that_nobody_could_write_down_is_not_shown(desk: Desk) -> None:
    """Whoever asked hears that their order expired, and nothing else."""
    referred(desk)
    desk.journal.close()
    answers: list[Answer] = []
    desk.desk.order(Order(CASE, {}, "uid-1000", None, 99.0), answers.append)
    desk.desk.close()
    assert answers == []


# ---------------------------------------------------------------- by hand


@pytest.mark.parametrize("arguments", [["clear"], ["clear", RUN], ["clear", "--why", "child"], ["open", RUN]])
def test_the_command_line_wants_run_and_reason_for_clear_and_no_run_for_an_order_to_the_lane(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lane", *arguments, "--dir", str(tmp_path)])
    assert ended.value.code == 2
    assert "RUN and --why" in capsys.readouterr().err.replace("a RUN", "RUN")


def test_a_reason_to_clear_somebody_is_none_to_close_the_lane(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lane", "close", "--why", "child", "--dir", str(tmp_path)])
    assert ended.value.code == 2
    assert "--why: close wants one of fire, medical" in capsys.readouterr().err


def test_the_counters_officer_clears_from_the_command_line(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.passage(RUN, passed=False)
    with closing(ControlServer(tmp_path / "control.sock", desk.desk.order)):
        clear = ["lane", "clear", RUN, "--why", "wheelchair", "--dir", str(tmp_path)]
        assert main(clear) == 0
        assert main(clear) == 2
    told = capsys.readouterr()
    assert RUN in told.out
    assert "was cleared by hand already" in told.err
    assert desk.journal.endings(RUN)[FactKind.CLEARED_BY_HAND] == {"by": f"uid-{os.getuid()}", "why": "wheelchair"}
