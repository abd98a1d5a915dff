"""The simulated world's authorities: what they answer, what they are told to do wrong, and what they remember."""

import selectors
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gatefw import authority_wire as wire
from gatefw.authority_wire import Sender, Word
from hw.sim.authority import Mode, SimulatedAuthority, of_settings
from hw.sim.cameras import Cameras
from hw.sim.control import Control
from hw.sim.lines import Lines
from hw.sim.passport_office import PassportOffice
from hw.sim.physics import World
from hw.sim.pins import PinTable
from hw.sim.settings import WorldSettings, parse

LANE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SENDER = Sender("hetao", LANE)
TABLE = f"""
signs = "{"01" * 32}"
seals = "{"02" * 32}"
lane = "hetao"
key = "{LANE.public_key().public_bytes_raw().hex()}"
"""


def described(**changed: Any) -> dict[str, Any]:
    return {"authorities": {"hong-kong": {**tomllib.loads(TABLE), **changed}}}


def made() -> SimulatedAuthority:
    return of_settings("hong-kong", parse(described()).authorities["hong-kong"], lambda: 1_900_000_000.0)


def test_an_authority_of_the_world_answers_the_lane_that_it_knows() -> None:
    authority = made()
    sent = wire.hello(authority.addressee, SENDER)
    (answer,) = authority.answers(sent.message)
    assert wire.believe(answer, sent, authority.addressee.signs).word is Word.HERE
    stranger = Sender("hetao", Ed25519PrivateKey.generate())
    assert authority.answers(wire.hello(authority.addressee, stranger).message) == []
    assert authority.answers(b"rubbish") == []
    assert authority.rejected == 2


def test_what_it_would_say_late_it_says_after_the_next_letter() -> None:
    authority = made()
    authority.mode = Mode.LATE
    sent = wire.query(authority.addressee, SENDER, {"issuer": "UTO", "number": "1", "direction": "arrival", "at": 0})
    assert authority.answers(sent.message) == []
    hello = wire.hello(authority.addressee, SENDER)
    assert [wire.named_in(each) for each in authority.answers(hello.message)] == [hello.hash, sent.hash]


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"signs": "short"}, "signs: 64 hex"), ({"more": 1}, "wanted are"), ({"key": 5}, "key: 64 hex")],
)
def test_a_table_that_means_nothing_is_named(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=rf"world\.authorities\.hong-kong.*{says}"):
        parse(described(**changed))


def test_the_world_is_asked_for_what_they_know_and_tells_them_what_to_do(tmp_path: Path) -> None:
    authority, settings = made(), WorldSettings()
    world = World(settings, 0.0)
    with selectors.DefaultSelector() as selector, closing(Cameras(selector, tmp_path, {}, "", 10.0)) as cameras:
        control = Control(
            world, PinTable(world, keep=False), {}, cameras, Lines(tmp_path, {}, world, world.note), PassportOffice(),
            {"hong-kong": authority},
        )  # fmt: skip
        about = {"do": "authority", "authority": "hong-kong"}
        assert control.obey({**about, "mode": "refusing"}) == {"ok": True}
        assert control.obey({**about, "look_for": ["UTO", "1"]}) == {"ok": True}
        assert authority.mode is Mode.REFUSING
        assert authority.stop_list == {("UTO", "1")}
        number = wire.new_id()
        boxes = [
            wire.shut(contents, part, authority.addressee, "hetao", number)
            for contents, part in (({"document.number": "1"}, wire.TRAVELLER), ({"passed": 1}, wire.PASSAGE))
        ]
        authority.answers(wire.record(authority.addressee, SENDER, number, *boxes).message)
        told = control.obey({"do": "received", "authority": "hong-kong"})
        assert told["records"] == [{"traveller": {"document.number": "1"}, "passage": {"passed": 1}}]
        for wrong in ({**about, "mode": "angry"}, {**about, "authority": "nowhere", "mode": "lost"}):
            assert not control.obey(wrong)["ok"]
