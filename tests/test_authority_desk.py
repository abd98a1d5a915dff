"""The desk of the authorities: every yes, and every way in which there is none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from authority_bench import BERT, NAMES, Desk, desks
from peers import until

from gatefw import authority_wire as wire
from gatefw.authority_desk import verdict
from gatefw.authority_wire import Word
from gatefw.config_tables import Authorities
from gatefw.gate_terms import Ask, DeviceCame, DeviceWent
from gatefw.model import (
    AskAuthorities,
    ChipProof,
    Cleared,
    DocumentRead,
    Failed,
    Reason,
    RunId,
    SubjectId,
)
from hw.sim.authority import Mode

UNAVAILABLE = Failed(Reason.AUTHORITY_UNAVAILABLE)
BOTH = Cleared(NAMES)
Make = Callable[..., Desk]
DOCUMENT = DocumentRead("P00000009", "UTO", "UTO", "1990-01-01", "2030-01-01", b"jpeg", ChipProof.CHIP)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with desks(tmp_path) as made:
        yield made


def test_both_authorities_are_asked_at_the_same_time_and_both_say_yes(make: Make) -> None:
    desk = make().start()
    assert desk.asked("00000000000000a1") == BOTH
    for authority in desk.authorities.values():
        (asked,) = authority.queries
        told = {name: asked[name] for name in ("issuer", "number", "kind", "direction", "at")}
        assert told == {
            "issuer": "UTO", "number": "L898902C3", "kind": "passport", "direction": "arrival",
            "at": int(desk.clock.now),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.REFUSING, Reason.AUTHORITY_REFUSED),
        (Mode.FORGED, Reason.AUTHORITY_UNAVAILABLE),
        (Mode.WRONG_KEY, Reason.AUTHORITY_UNAVAILABLE),
        (Mode.GARBLED, Reason.AUTHORITY_UNAVAILABLE),
    ],
)
def test_one_that_does_not_say_yes_is_enough(make: Make, mode: Mode, reason: Reason) -> None:
    desk = make().start()
    desk.authorities["shenzhen"].mode = mode
    assert desk.asked("00000000000000a1") == Failed(reason)


def test_a_hit_of_one_is_graver_than_what_any_other_says(make: Make) -> None:
    desk = make().start()
    desk.authorities["hong-kong"].stop_list.add(("UTO", "L898902C3"))
    desk.authorities["shenzhen"].mode = Mode.REFUSING
    assert desk.asked("00000000000000a1") == Failed(Reason.STOP_LISTED)
    assert desk.asked("00000000000000a2", BERT) == Failed(Reason.AUTHORITY_REFUSED)


def test_a_document_with_which_somebody_passed_today_is_used_twice(make: Make) -> None:
    desk = make().start()
    desk.pass_through("00000000000000a1")
    until(lambda: all(each.received for each in desk.authorities.values()), "both have the record")
    assert desk.asked("00000000000000a2") == Failed(Reason.DOCUMENT_USED_TWICE)
    desk.clock.now += 86_400.0
    assert desk.asked("00000000000000a3") == BOTH


@pytest.mark.parametrize("mode", [Mode.LOST, Mode.LATE, Mode.REPLAYING])
def test_one_that_is_silent_late_or_plays_an_old_yes_again_said_nothing_by_the_deadline(make: Make, mode: Mode) -> None:
    desk = make().start()
    assert desk.asked("00000000000000a1") == BOTH
    silent = desk.authorities["shenzhen"]
    silent.mode = mode
    desk.ask("00000000000000a2", deadline_s=2.0)
    until(lambda: len(silent.queries) == 2, "it was asked")
    until(lambda: len(desk.authorities["hong-kong"].queries) == 2, "and so was the other")
    assert desk.answers("00000000000000a2") == []
    desk.clock.now_s += 2.0
    assert desk.answer("00000000000000a2") == UNAVAILABLE
    silent.mode = Mode.HONEST
    assert desk.asked("00000000000000a3") == BOTH
    assert desk.answers("00000000000000a2") == [UNAVAILABLE], "what came too late is nobody's"


def test_one_that_is_not_there_is_no_yes_at_once(make: Make) -> None:
    desk = make()
    desk.cut.add("shenzhen")
    desk.start()
    until(lambda: DeviceWent("authority.shenzhen", Reason.DEVICE_LOST) in desk.inbox)
    assert desk.asked("00000000000000a1") == UNAVAILABLE


def test_one_whose_line_goes_down_meanwhile_is_no_yes(make: Make) -> None:
    desk = make().start()
    desk.authorities["shenzhen"].mode = Mode.LOST
    desk.ask("00000000000000a1")
    until(lambda: desk.authorities["shenzhen"].queries, "it was asked")
    desk.cut.add("shenzhen")
    assert desk.answer("00000000000000a1") == UNAVAILABLE
    assert DeviceWent("authority.shenzhen", Reason.DEVICE_LOST) in desk.inbox


def test_an_authority_that_signs_with_another_key_is_another_device(make: Make) -> None:
    desk = make()
    desk.authorities["shenzhen"].mode = Mode.WRONG_KEY
    desk.desk.start()
    for worker in desk.desk.workers:
        worker.start()
    until(lambda: DeviceWent("authority.shenzhen", Reason.DEVICE_WRONG) in desk.inbox)
    assert DeviceCame("authority.shenzhen") not in desk.inbox


def test_an_authority_that_never_says_that_it_is_there_is_lost(make: Make) -> None:
    desk = make()
    desk.authorities["shenzhen"].lanes = {}
    desk.desk.start()
    desk.desk.workers[1].start()
    until(lambda: desk.authorities["shenzhen"].rejected, "it was greeted")
    desk.clock.now_s += 10.0
    until(lambda: DeviceWent("authority.shenzhen", Reason.DEVICE_LOST) in desk.inbox)


def test_an_authority_that_has_become_silent_is_greeted_and_then_lost(make: Make) -> None:
    desk = make().start()
    desk.authorities["hong-kong"].lanes = {}
    desk.clock.now_s += 21.0
    until(lambda: desk.authorities["hong-kong"].rejected, "it was greeted")
    desk.clock.now_s += 4.0
    until(lambda: DeviceWent("authority.hong-kong", Reason.DEVICE_LOST) in desk.inbox)


def test_one_that_floods_the_line_with_answers_to_nothing_is_left_alone_for_a_while(make: Make) -> None:
    desk = make().start()
    noisy = desk.authorities["shenzhen"]
    stray = wire.answer(bytes(32), Word.CLEAR, 0, noisy.signs)
    noisy.mode = Mode.LATE
    noisy._held.extend([stray] * 99)
    assert desk.asked("00000000000000a1", deadline_s=0.0) == UNAVAILABLE
    noisy.mode = Mode.HONEST
    assert desk.asked("00000000000000a2") == BOTH, "so many are borne"
    noisy._held.extend([stray] * 100)
    desk.ask("00000000000000a3")
    until(lambda: desk.inbox.count(DeviceWent("authority.shenzhen", Reason.DEVICE_LOST)) == 1, "it is left alone")
    until(lambda: desk.inbox.count(DeviceCame("authority.shenzhen")) == 2, "and tried again")
    assert desk.asked("00000000000000a4") == BOTH


def test_a_lane_that_may_goes_on_without_an_authority_and_the_record_says_who_said_yes(make: Make) -> None:
    desk = make(terms=Authorities(offline="clear"))
    desk.cut.add("shenzhen")
    desk.start()
    assert desk.asked("00000000000000a1") == Cleared(("hong-kong",))
    desk.decide("00000000000000a1")
    desk.end("00000000000000a1")
    until(lambda: desk.authorities["hong-kong"].received)
    assert desk.authorities["hong-kong"].received[0].passage["cleared_by"] == "hong-kong"
    desk.authorities["hong-kong"].stop_list.add(("UTO", "B00000002"))
    assert desk.asked("00000000000000a2", BERT) == Failed(Reason.STOP_LISTED)


def test_the_offline_policy_forgives_silence_and_never_a_word() -> None:
    silent: dict[str, Word | None] = {"a": None, "b": None}
    assert verdict(silent, "refer") == UNAVAILABLE
    assert verdict(silent, "clear") == Cleared(())
    for word, reason in (
        (Word.HIT, Reason.STOP_LISTED),
        (Word.USED_TWICE, Reason.DOCUMENT_USED_TWICE),
        (Word.REFUSED, Reason.AUTHORITY_REFUSED),
    ):
        assert verdict({"a": Word.CLEAR, "b": word, "c": None}, "clear") == Failed(reason)


def test_a_traveller_without_a_document_number_or_a_record_cannot_be_asked_about(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    desk = make(who=lambda subject: {"born": "1980-01-01"}).start()
    assert desk.asked("00000000000000a1") == UNAVAILABLE
    assert "no document.number" in caplog.text
    assert not any(each.queries for each in desk.authorities.values())


def test_whose_record_is_gone_is_not_asked_about(make: Make) -> None:
    assert make().start().asked("00000000000000a1", SubjectId("c" * 32)) == UNAVAILABLE


def test_a_visitor_is_asked_about_by_the_document_alone(make: Make) -> None:
    desk = make().start()
    desk.desk.ask(Ask(RunId("00000000000000a1"), 1, AskAuthorities(None, DOCUMENT, 3600.0)))
    assert desk.answer("00000000000000a1") == BOTH
    assert desk.authorities["shenzhen"].queries[0]["number"] == "P00000009"


def test_nobody_is_told_what_is_said_after_their_run_is_over(make: Make) -> None:
    desk = make().start()
    desk.authorities["shenzhen"].mode = Mode.LATE
    desk.ask("00000000000000a1")
    until(lambda: desk.authorities["shenzhen"].queries)
    desk.desk.cancel(RunId("00000000000000a1"))
    desk.authorities["shenzhen"].mode = Mode.HONEST
    assert desk.asked("00000000000000a2") == BOTH
    assert desk.answers("00000000000000a1") == []
