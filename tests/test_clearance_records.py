"""Clearance records: who can read them, how they wait, go out and are erased; and that no death loses one."""

import logging
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from authority_bench import ALL, ANNA, BERT, NAMES, SECRETS, Desk, desks, rows
from peers import until

from gatefw.authority_desk import CLEARANCE_RECORDS
from gatefw.clearance_records import ClearanceRecords, Draft, Waiting, standings
from gatefw.config_tables import Authorities
from gatefw.errors import StoreError
from gatefw.gate_terms import Ask, DeviceWent
from gatefw.model import (
    CheckEligibility,
    Cleared,
    Fact,
    FactKind,
    Failed,
    Reason,
    RunId,
    Verdict,
)
from hw.sim.authority import Mode

UNAVAILABLE = Failed(Reason.AUTHORITY_UNAVAILABLE)
BOTH = Cleared(NAMES)
Make = Callable[..., Desk]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with desks(tmp_path) as made:
        yield made


def test_each_authority_gets_a_record_of_the_passage_and_says_that_it_has_it(make: Make) -> None:
    """Anna passes. Both authorities read who, when, which way and by whose yes; neither reads the other's."""
    desk = make().start()
    desk.pass_through("00000000000000a1")
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_DELIVERED)) == 2, "both have it")
    for name, authority in desk.authorities.items():
        (received,) = authority.received
        assert received.traveller == {
            "document.issuer": "UTO", "document.number": "L898902C3", "document.kind": "passport",
            "document.name": "ERIKSSON ANNA MARIA", "born": "1974-08-12",
        }  # fmt: skip
        assert received.passage == {
            "direction": "arrival", "at": int(desk.clock.now), "passed": 1, "ended": "ok", "verdict": "admit",
            "reason": "ok", "rules_failed": "", "cleared_by": "hong-kong shenzhen",
        }  # fmt: skip
        assert {"authority": f"authority.{name}"} in desk.kinds(FactKind.CLEARANCE_QUEUED)
    assert len({each.received[0].id for each in desk.authorities.values()}) == 2


def test_the_gate_cannot_read_back_what_it_has_written(make: Make) -> None:
    desk = make()
    desk.cut.update(NAMES)
    desk.start()
    desk.ask("00000000000000a1")
    until(lambda: rows(desk.path, "select * from draft"), "the draft is on disk")
    drafts = desk.everything_written()
    desk.end("00000000000000a1")
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_QUEUED)) == 2)
    for secret in (*SECRETS, b"hong-kong shenzhen", b"document_expired"):
        assert secret not in drafts + desk.everything_written()
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600


def test_who_was_refused_by_rules_has_a_record_with_every_rule_that_failed(make: Make) -> None:
    desk = make().start()
    desk.desk.begin(Ask(RunId("00000000000000a1"), 1, CheckEligibility(BERT)))
    desk.note(FactKind.RULE_FAILED, "00000000000000a1", ("rule", "named-by-both"), ("reason", "not_designated"))
    desk.note(FactKind.RULE_FAILED, "00000000000000a1", ("rule", "of-age"), ("reason", "under_age"))
    desk.decide("00000000000000a1", Verdict.REFER, Reason.NOT_DESIGNATED)
    desk.end("00000000000000a1", False, Reason.NOT_DESIGNATED)
    until(lambda: desk.authorities["shenzhen"].received)
    passage = desk.authorities["shenzhen"].received[0].passage
    assert passage["rules_failed"] == "named-by-both=not_designated of-age=under_age"
    assert (passage["verdict"], passage["passed"], "cleared_by" in passage) == ("refer", 0, False)


def test_who_was_never_found_has_no_record(make: Make) -> None:
    desk = make().start()
    desk.decide("00000000000000a1", Verdict.REFUSE, Reason.TOKEN_UNKNOWN)
    desk.end("00000000000000a1", False, Reason.TOKEN_UNKNOWN)
    desk.pass_through("00000000000000a2")
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_QUEUED)) == 2)
    assert rows(desk.path, "select count(*) from record") == [(2,)]


def test_records_wait_for_a_line_and_go_out_in_their_order(make: Make) -> None:
    desk = make()
    desk.cut.add("shenzhen")
    desk.start()
    for number in range(5):
        desk.pass_through(f"00000000000000b{number}", BERT if number % 2 else ANNA)
    until(lambda: len(desk.authorities["hong-kong"].received) == 5)
    assert desk.authorities["shenzhen"].received == []
    sent_in_order = [letter for (letter,) in rows(desk.path, "select letter from record where authority = 'shenzhen'")]
    desk.cut.clear()
    until(lambda: len(desk.authorities["shenzhen"].received) == 5, "what waited is delivered")
    assert [each.letter for each in desk.authorities["shenzhen"].received] == sent_in_order


def test_without_a_receipt_a_record_is_sent_again_later_each_time_and_is_the_same(make: Make) -> None:
    desk = make().start()
    keeps = desk.authorities["shenzhen"]
    keeps.mode = Mode.NO_RECEIPT
    desk.pass_through("00000000000000a1")
    for times in range(1, 5):
        until(lambda times=times: len(keeps.received) >= times, f"sent {times} times")  # type: ignore[misc]
        desk.clock.now_s += 6.0
        until(lambda: desk.desk.workers[1]._record is None, "it waits to send it again")
        desk.clock.now_s += 200.0
    assert len(keeps.records) == 1
    assert len({each.letter for each in keeps.received}) == 1
    keeps.mode = Mode.HONEST
    desk.clock.now_s += 300.0
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_DELIVERED)) == 2)


def test_a_question_does_not_wait_for_a_receipt(make: Make) -> None:
    desk = make().start()
    desk.authorities["shenzhen"].mode = Mode.NO_RECEIPT
    desk.pass_through("00000000000000a1")
    until(lambda: desk.authorities["shenzhen"].received)
    assert desk.asked("00000000000000a2", BERT) == BOTH


def test_what_was_received_is_erased_by_retention_out_of_file_and_log(make: Make) -> None:
    desk = make(terms=Authorities(retention_days=1.0)).start()
    desk.pass_through("00000000000000a1")
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_DELIVERED)) == 2)
    letter = bytes(rows(desk.path, "select letter from record")[0][0])  # type: ignore[call-overload]
    assert letter in desk.everything_written()
    desk.clock.now += 86_000.0
    desk.clock.now_s += 61.0
    desk.desk.sweep()
    assert desk.asked("00000000000000a2", BERT) == BOTH
    assert desk.kinds(FactKind.CLEARANCE_ERASED) == []
    desk.clock.now += 500.0
    desk.clock.now_s += 61.0
    desk.desk.sweep()
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_ERASED)) == 2, "both are erased")
    assert {"authority": "authority.shenzhen", "records": 1} in desk.kinds(FactKind.CLEARANCE_ERASED)
    assert letter not in desk.everything_written()
    assert [(each.delivered, each.erased) for each in standings(desk.path)] == [(0, 1), (0, 1)]


def test_a_clock_that_nobody_vouches_for_erases_no_record(make: Make) -> None:
    """Story: the board starts in another decade. What was received yesterday is kept until the clock is set right."""
    desk = make(terms=Authorities(retention_days=1.0)).start()
    desk.pass_through("00000000000000a1")
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_DELIVERED)) == 2)
    desk.clock.now, desk.clock.synchronised = desk.clock.now + 1e8, False
    desk.clock.now_s += 61.0
    desk.desk.sweep()
    assert desk.asked("00000000000000a2", BERT) == BOTH
    assert desk.kinds(FactKind.CLEARANCE_ERASED) == []
    desk.clock.synchronised = True
    desk.clock.now_s += 61.0
    desk.desk.sweep()
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_ERASED)) == 2, "both are erased")


def test_a_record_that_was_not_received_is_never_erased(make: Make) -> None:
    desk = make(terms=Authorities(retention_days=0.0))
    desk.cut.add("shenzhen")
    desk.start()
    desk.pass_through("00000000000000a1")
    until(lambda: desk.kinds(FactKind.CLEARANCE_DELIVERED), "one has it")
    desk.clock.now += 1e8
    desk.clock.now_s += 61.0
    desk.desk.sweep()
    until(lambda: desk.kinds(FactKind.CLEARANCE_ERASED))
    assert rows(desk.path, "select authority from record") == [("shenzhen",)]


def test_a_full_queue_keeps_travellers_out_and_drops_nothing(make: Make) -> None:
    desk = make(terms=Authorities(most_waiting=2))
    desk.cut.add("shenzhen")
    desk.start()
    assert desk.room is True
    for number in range(3):  # the third was under way already
        desk.pass_through(f"00000000000000b{number}")
    until(lambda: desk.room is False, "the lane is told")
    assert DeviceWent(CLEARANCE_RECORDS, Reason.OVERFLOW) in desk.inbox
    until(lambda: rows(desk.path, "select count(*) from record where authority = 'shenzhen'") == [(3,)])
    desk.cut.clear()
    until(lambda: desk.room is True, "there is room again")
    until(lambda: len(desk.authorities["shenzhen"].records) == 3)


# ---------------------------------------------------------------- deaths


@pytest.mark.parametrize("how_far", ["asked", "decided", "ended"])
def test_whenever_a_process_dies_the_next_one_delivers_the_record(make: Make, how_far: str) -> None:
    """The process dies after a traveller was asked about, was decided on, or has left. The next one knows only what is
    on disk: the draft, and the journal."""
    first = make()
    first.cut.update(NAMES)
    first.start(lines=False)
    first.asked("00000000000000a1")
    if how_far != "asked":
        first.note(FactKind.RULE_FAILED, "00000000000000a1", ("rule", "of-age"), ("reason", "under_age"))
        first.decide("00000000000000a1")
    if how_far == "ended":
        first.record(_ended("00000000000000a1"))  # in the journal, and nobody has come to write the record
    first.stop()

    second = make(authorities=list(first.authorities.values())).start()
    until(lambda: len(second.kinds(FactKind.CLEARANCE_DELIVERED)) == 2)
    passage = second.authorities["shenzhen"].received[0].passage
    assert second.authorities["shenzhen"].received[0].traveller["document.number"] == "L898902C3"
    told = (passage["verdict"], passage["passed"], passage["ended"], passage["rules_failed"])
    expected = {
        "asked": ("", 0, "restarted", ""),
        "decided": ("admit", 0, "restarted", "of-age=under_age"),
        "ended": ("admit", 1, "ok", "of-age=under_age"),
    }
    assert told == expected[how_far]
    assert rows(second.path, "select count(*) from draft") == [(0,)]


def test_a_process_that_dies_before_a_receipt_sends_the_same_record_again(make: Make) -> None:
    first = make().start()
    for authority in first.authorities.values():
        authority.mode = Mode.NO_RECEIPT
    first.pass_through("00000000000000a1")
    until(lambda: all(each.received for each in first.authorities.values()))
    first.stop()
    for authority in first.authorities.values():
        authority.mode = Mode.HONEST
    second = make(authorities=list(first.authorities.values())).start()
    until(lambda: len(second.kinds(FactKind.CLEARANCE_DELIVERED)) == 2)
    for authority in second.authorities.values():
        assert (len(authority.received), len(authority.records)) == (2, 1)


def test_the_records_of_an_authority_that_left_the_lane_file_stay(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    first = make()
    first.cut.update(NAMES)
    first.start(lines=False)
    first.asked("00000000000000a1")
    first.stop()
    with caplog.at_level(logging.ERROR):
        second = make(authorities=[first.authorities["hong-kong"]])
        second.cut.add("shenzhen")
        second.start()
        until(lambda: second.authorities["hong-kong"].received)
    assert "no such authority" in caplog.text
    assert rows(second.path, "select authority from draft") == [("shenzhen",)]


def test_a_store_that_fails_keeps_travellers_out_and_the_record_is_written_when_it_works_again(make: Make) -> None:
    desk = make().start()
    desk.asked("00000000000000a1")
    desk.disk_fails(*ALL)
    desk.end("00000000000000a1")
    until(lambda: desk.room is False)
    assert DeviceWent(CLEARANCE_RECORDS, Reason.DEVICE_LOST) in desk.inbox
    assert desk.asked("00000000000000a2", BERT) == UNAVAILABLE
    desk.disk_fails()
    desk.desk.sweep()
    until(lambda: desk.room is True)
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_DELIVERED)) == 2)


def test_a_store_that_fails_at_the_start_is_recovered_from_as_soon_as_it_works(make: Make) -> None:
    desk = make()
    desk.disk_fails(*ALL)
    desk.start(lines=False)
    assert desk.room is False
    desk.clock.now_s += 61.0
    desk.desk.sweep()
    desk.disk_fails()
    desk.desk.sweep()
    until(lambda: desk.room is True)


def test_a_receipt_that_cannot_be_noted_is_asked_for_again(make: Make) -> None:
    desk = make().start()
    failed = desk.disk_fails("delivered", "erase")
    desk.pass_through("00000000000000a1")
    until(lambda: failed.count("delivered") >= 2, "neither receipt can be noted")
    desk.clock.now_s += 200.0
    until(lambda: failed.count("delivered") >= 4, "both are sent again")
    failed = desk.disk_fails("next")
    desk.clock.now_s += 200.0
    until(lambda: failed.count("next") >= 2, "and cannot even be read")
    desk.disk_fails()
    desk.clock.now_s += 200.0
    until(lambda: len(desk.kinds(FactKind.CLEARANCE_DELIVERED)) == 2, "noted at last")
    assert all(len(each.records) == 1 < len(each.received) for each in desk.authorities.values())


def test_a_store_that_is_no_store_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "authority.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"authority\.sqlite.*restore"):
        ClearanceRecords(tmp_path / "authority.sqlite")
    records = ClearanceRecords(tmp_path / "other.sqlite")
    records.begin(RunId("00000000000000a1"), [Draft("home", b"n", b"box", 0)])
    with pytest.raises(StoreError):  # one letter twice: all of it or nothing
        records.finish(RunId("00000000000000a1"), [("home", Waiting(b"x", b"h")), ("away", Waiting(b"x", b"h"))], 0.0)
    assert [each.authority for each in records.drafts(RunId("00000000000000a1"))] == ["home"]
    records.close()
    with pytest.raises(StoreError):
        records.begun()


def test_a_mistake_in_one_task_does_not_end_the_desk(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    desk = make().start()
    desk.desk.notice(Fact(FactKind.PASSAGE_ENDED, RunId("00000000000000a1"), ()))  # a fact without its fields
    desk.desk.notice(Fact(FactKind.PASSAGE_DECIDED, RunId("00000000000000a1"), ()))
    assert desk.asked("00000000000000a2") == BOTH
    assert "Traceback" in caplog.text


def _ended(run: str) -> Fact:
    return Fact(FactKind.PASSAGE_ENDED, RunId(run), (("passed", True), ("reason", "ok"), ("seconds", 4.0)))
