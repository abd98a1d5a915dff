"""A whole gate with an OSDP reader beside its scanner: an opened case ends the service, a card begins a passage."""

from pathlib import Path
from typing import Any

import pytest
from live_gate import LiveGate, live_gate
from osdp_bench import KEY, write_key
from peers import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

CARD = "card:26:01020340"
WAIT_S = 90.0


def tables(key_file: Path) -> str:
    return f"""
[reader.card]
driver = "osdp"
link = "serial:${{RUN}}/tty-card?baud=38400"
key_file = "{key_file}"
silent_s = 5.0

[world.lines.card]
device = "osdp_reader"
baud = 38400
key = "{KEY.hex()}"
"""


def happens(gate: LiveGate, act: str, **given: Any) -> None:
    gate.world.do("line", line="card", act=act, **{"with": given})


def events(gate: LiveGate, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in gate.events() if event["type"] == f"gatefw.{kind}.v1"]


def test_a_card_lets_in_whom_it_belongs_to_and_its_number_is_nowhere(
    models: Path, photos: Path, tmp_path: Path
) -> None:
    write_key(tmp_path / "card.key", KEY)
    with live_gate(models, photos, tables=tables(tmp_path / "card.key")) as gate:
        gate.ask("enrol", tokens=[CARD], photos=[str(photos / "obama.jpg")], days=1, consent=True)

        happens(gate, "tamper", on=True)
        until(lambda: gate.phase() == "degraded", "the lane is degraded", WAIT_S)
        until(
            lambda: {"device": "reader.card", "reason": "tampered"} in events(gate, "device.impaired"), "told", WAIT_S
        )
        happens(gate, "tamper", on=False)
        until(lambda: gate.phase() == "idle", "the lane serves again", WAIT_S)

        def let_in() -> bool:
            if gate.phase() == "idle":
                happens(gate, "card", bits=26, data="01020340")
            return gate.phase() in ("entry_released", "entering")

        until(let_in, "the entry door is released", WAIT_S)
        started = until(lambda: events(gate, "passage.started"), "it is written down", WAIT_S)[0]
        assert started == {"reader": "reader.card", "symbology": "]Z2"}
        assert "01020340" not in str(gate.events())
