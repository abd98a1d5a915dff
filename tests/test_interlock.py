"""The interlock's truth table, over every combination of what can be sensed and every command."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from gatefw.interlock import Keep, Permit, permits
from gatefw.model import Beam, DoorId, Occupancy, Position, Purpose, Reason, Release, Secure, Sensed, Signal

EVERYTHING = [
    Sensed(*levels) for levels in product(Position, Position, Beam, Beam, Occupancy, Signal, Signal, Signal)
]  # 4 * 4 * 3 * 3 * 4 * 3 * 3 * 3 = 15,552


def permitted(command: Release | Keep | Secure) -> Iterator[Sensed]:
    return (sensed for sensed in EVERYTHING if permits(command, sensed).permitted)


def test_the_table_is_total_and_always_says_why_not() -> None:
    commands = [kind(door, purpose) for kind in (Release, Keep) for door in DoorId for purpose in Purpose]
    for command in (*commands, *(Secure(door) for door in DoorId)):
        for sensed in EVERYTHING:
            permit = permits(command, sensed)
            assert permit.permitted or permit.reason is not Reason.OK


@pytest.mark.parametrize("door", DoorId)
@pytest.mark.parametrize("purpose", [Purpose.ENTER, Purpose.ADMIT, Purpose.EXERCISE])
def test_no_passage_begins_unless_the_other_door_is_sensed_secured(door: DoorId, purpose: Purpose) -> None:
    assert all(sensed.position(door.other) is Position.SECURED for sensed in permitted(Release(door, purpose)))


@pytest.mark.parametrize("purpose", [Purpose.ENTER, Purpose.ADMIT, Purpose.EXERCISE])
@pytest.mark.parametrize("door", DoorId)
@pytest.mark.parametrize("kind", [Release, Keep])
def test_no_passage_begins_or_goes_on_while_an_emergency_input_is_not_sensed_off(
    kind: type[Release | Keep], door: DoorId, purpose: Purpose
) -> None:
    for sensed in permitted(kind(door, purpose)):
        assert sensed.fire is sensed.evacuate is sensed.stop is Signal.OFF


def test_nobody_is_invited_into_a_lane_that_is_not_sensed_empty() -> None:
    seen = {sensed.occupancy for sensed in permitted(Release(DoorId.ENTRY, Purpose.ENTER))}
    assert seen == {Occupancy.EMPTY}


@pytest.mark.parametrize("kind", [Release, Keep])
@pytest.mark.parametrize("door", DoorId)
def test_a_door_is_exercised_only_while_nobody_is_sensed_inside(kind: type[Release | Keep], door: DoorId) -> None:
    assert {sensed.occupancy for sensed in permitted(kind(door, Purpose.EXERCISE))} == {Occupancy.EMPTY}


def test_nobody_is_admitted_unless_exactly_one_is_sensed_inside() -> None:
    seen = {sensed.occupancy for sensed in permitted(Release(DoorId.EXIT, Purpose.ADMIT))}
    assert seen == {Occupancy.ONE}


def test_entering_is_by_the_entry_and_admission_by_the_exit_alone() -> None:
    assert not list(permitted(Release(DoorId.EXIT, Purpose.ENTER)))
    assert not list(permitted(Release(DoorId.ENTRY, Purpose.ADMIT)))


@pytest.mark.parametrize("door", DoorId)
def test_a_way_out_is_withheld_only_by_an_other_door_that_is_known_to_be_unsecured(door: DoorId) -> None:
    for sensed in EVERYTHING:
        permit = permits(Release(door, Purpose.WAY_OUT), sensed)
        known_unsecured = sensed.position(door.other) in (Position.CLOSED, Position.OPEN)
        assert permit.permitted is not known_unsecured
        assert permit.alarm is (sensed.position(door.other) is Position.UNKNOWN)


@pytest.mark.parametrize("door", DoorId)
def test_an_emergency_release_needs_an_emergency_that_is_sensed_or_cannot_be_read(door: DoorId) -> None:
    for sensed in EVERYTHING:
        calm = sensed.fire is Signal.OFF and sensed.evacuate is Signal.OFF
        assert permits(Release(door, Purpose.EMERGENCY), sensed).permitted is not calm


@pytest.mark.parametrize("door", DoorId)
@pytest.mark.parametrize("purpose", [Purpose.WAY_OUT, Purpose.EMERGENCY])
def test_a_way_out_once_given_is_never_taken_back(door: DoorId, purpose: Purpose) -> None:
    assert len(list(permitted(Keep(door, purpose)))) == len(EVERYTHING)


@pytest.mark.parametrize("door", DoorId)
def test_nothing_closes_on_a_body_or_under_stop_or_in_an_emergency(door: DoorId) -> None:
    for sensed in permitted(Secure(door)):
        assert sensed.beam(door) is Beam.CLEAR
        assert sensed.stop is not Signal.ON
        assert Signal.ON not in (sensed.fire, sensed.evacuate)


def test_a_door_that_is_not_there_stands_in_nobody_s_way_and_asks_for_no_row_of_its_own() -> None:
    """It is secured, and its beam is clear, for ever: what is left of the table is the only door's own."""
    alone = [s for s in EVERYTHING if s.entry is Position.SECURED and s.entry_beam is Beam.CLEAR]
    for sensed in alone:
        calm = sensed.fire is sensed.evacuate is sensed.stop is Signal.OFF
        known = sensed.exit is not Position.UNKNOWN
        admits = calm and known and sensed.occupancy is Occupancy.ONE
        assert permits(Release(DoorId.EXIT, Purpose.ADMIT), sensed).permitted is admits
        assert permits(Keep(DoorId.EXIT, Purpose.ADMIT), sensed).permitted is calm
        exercises = calm and known and sensed.occupancy is Occupancy.EMPTY
        assert permits(Release(DoorId.EXIT, Purpose.EXERCISE), sensed).permitted is exercises


def test_securing_asks_nothing_of_the_other_door() -> None:
    closed_in = {sensed.exit for sensed in permitted(Secure(DoorId.ENTRY))}
    assert closed_in == set(Position)


# ---------------------------------------------------------------- why not

ENTRY, EXIT = DoorId.ENTRY, DoorId.EXIT
REST = Sensed(Position.SECURED, Position.SECURED, Beam.CLEAR, Beam.CLEAR, Occupancy.EMPTY, *[Signal.OFF] * 3)
INSIDE = replace(REST, occupancy=Occupancy.ONE)
PASSAGES = [
    *(kind(ENTRY, purpose) for kind in (Release, Keep) for purpose in (Purpose.ENTER, Purpose.EXERCISE)),
    *(kind(EXIT, Purpose.ADMIT) for kind in (Release, Keep)),
]
REFUSED = [
    *((each, {input_: level}, Reason.EMERGENCY_INPUT)
      for each in PASSAGES for input_ in ("fire", "evacuate", "stop") for level in (Signal.ON, Signal.UNKNOWN)),
    *((each, {"entry" if each.door is EXIT else "exit": at}, Reason.OTHER_DOOR_NOT_SECURED)
      for each in PASSAGES for at in (Position.CLOSED, Position.OPEN, Position.UNKNOWN)),
    *((Release(ENTRY, Purpose.WAY_OUT), {"exit": at}, Reason.OTHER_DOOR_NOT_SECURED)
      for at in (Position.CLOSED, Position.OPEN)),
    (Release(EXIT, Purpose.ENTER), {}, Reason.NOT_THIS_DOOR),
    (Release(ENTRY, Purpose.ADMIT), {}, Reason.NOT_THIS_DOOR),
    *((each, {"exit" if each.door is EXIT else "entry": Position.UNKNOWN}, Reason.OWN_DOOR_UNKNOWN)
      for each in PASSAGES if isinstance(each, Release)),
    *((each, {"occupancy": count}, Reason.NOT_EMPTY)
      for each in (Release(ENTRY, Purpose.ENTER), Release(ENTRY, Purpose.EXERCISE), Keep(ENTRY, Purpose.EXERCISE))
      for count in Occupancy if count is not Occupancy.EMPTY),
    *((Release(EXIT, Purpose.ADMIT), {"occupancy": count}, Reason.NOT_EXACTLY_ONE)
      for count in Occupancy if count is not Occupancy.ONE),
    *((Release(door, Purpose.EMERGENCY), {}, Reason.NO_EMERGENCY) for door in DoorId),
    *((Secure(ENTRY), {"entry_beam": beam}, Reason.OBSTRUCTED) for beam in (Beam.BROKEN, Beam.UNKNOWN)),
    *((Secure(EXIT), {"exit_beam": beam}, Reason.OBSTRUCTED) for beam in (Beam.BROKEN, Beam.UNKNOWN)),
    *((Secure(door), {"stop": Signal.ON}, Reason.STOPPED) for door in DoorId),
    *((Secure(door), {input_: Signal.ON}, Reason.EMERGENCY_INPUT)
      for door in DoorId for input_ in ("fire", "evacuate")),
]  # fmt: skip


@pytest.mark.parametrize(("command", "sensed", "why"), REFUSED)
def test_what_is_refused_for_one_thing_alone_is_refused_by_its_name(
    command: Release | Keep | Secure, sensed: dict[str, object], why: Reason
) -> None:
    """In a lane at rest, or with the one inside who is admitted, and but for that one thing."""
    lane = INSIDE if getattr(command, "purpose", None) is Purpose.ADMIT else REST
    assert permits(command, replace(lane, **sensed)) == Permit(False, why)


def test_what_is_permitted_has_no_reason_but_for_a_way_out_beside_a_door_that_nobody_can_read() -> None:
    for command in (*PASSAGES, *(Secure(door) for door in DoorId), *(Release(d, Purpose.WAY_OUT) for d in DoorId)):
        lane = INSIDE if getattr(command, "purpose", None) is Purpose.ADMIT else REST
        assert permits(command, lane) == Permit(True)
    unread = permits(Release(ENTRY, Purpose.WAY_OUT), replace(REST, exit=Position.UNKNOWN))
    assert unread == Permit(True, Reason.OTHER_DOOR_UNKNOWN)
    assert unread.alarm
