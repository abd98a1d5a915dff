"""The simulated OSDP reader as a device of the world: its options and acts, and that its own mistakes are said."""

from typing import Any

import pytest
from osdp_bench import KEY, InThread

from hw.osdp_session import Session
from hw.sim import lines
from hw.sim.device_osdp_reader import OsdpReaderDevice, make

MADE = {"device": "osdp_reader", "key": KEY.hex(), "vendor": "0a0b0c", "serial": "00000007"}


def test_a_line_of_the_world_has_one_by_its_name() -> None:
    device = lines.make("card", lines.parse("card", MADE))
    assert isinstance(device, OsdpReaderDevice)


@pytest.mark.parametrize(
    "options",
    [
        {"key": "00"},
        {"key": ""},
        {"mode": "open"},
        {"mode": "install", "key": KEY.hex()},
        {"key": "no hex"},
        {"key": KEY.hex(), "colour": "red"},
    ],
)
def test_an_option_that_means_nothing_is_refused_with_the_lines_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"world\.lines\.card"):
        lines.make("card", lines.parse("card", {"device": "osdp_reader", **options}))


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("dance", {}),
        ("card", {"bits": 26}),
        ("card", {"bits": 26, "data": "0102"}),
        ("card", {"bits": 26, "data": "no hex"}),
        ("tamper", {"on": "yes"}),
    ],
)
def test_what_it_cannot_do_is_refused(what: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make({"key": KEY.hex()}, None).act(what, given, 0.0)


def test_a_panel_learns_who_it_is_and_what_it_can() -> None:
    device = make({key: value for key, value in MADE.items() if key != "device"}, None)
    session = Session(InThread(device), 0, KEY)
    while not session.secure:
        session.turn()
    identity = session.identity()
    assert (identity.vendor, identity.serial) == ("0a0b0c", "00000007")
    assert [capability for capability in range(1, 17) if session.can(capability)] == [1, 3, 4, 5, 6, 13]


def test_another_address_is_somebody_else() -> None:
    session = Session(InThread(make({"key": KEY.hex(), "address": 7}, None)), 0, KEY)
    for _ in range(100):
        session.turn()
    assert session.answered == 0


def test_more_cards_than_it_can_keep_are_forgotten_and_no_harm_is_done() -> None:
    device = make({"key": KEY.hex()}, None)
    for number in range(1000):
        device.act("card", {"bits": 32, "data": f"{number:08x}"}, 0.0)
    session, read = Session(InThread(device), 0, KEY), 0
    while not session.secure:
        session.turn()
    while session.answered < 200 and read < 10:
        read += len(session.turn())
    assert read == 10
