"""A gate that is commissioned, for the tests of it: its devices simulated, a technician who acts in the world.

What a door does is looked up in the world, which sees every pin, and goes on when daemon and command are dead.
"""

import json
import os
import re
import signal
import tomllib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from commission_bench import Player
from live_gate import LiveGate

import hw
from gatefw.commission.plan import Result, Verdict, chosen, plan
from gatefw.commission.report import fragment
from gatefw.commission.site import Site
from gatefw.commission.steps import Commissioning
from gatefw.config import Config, load

SECURED = {"entry_door": "secured", "exit_door": "secured"}


def shortly(text: str) -> str:
    """Maintenance ends soon after whoever asked for it has gone."""
    return text.replace("maintenance_s = 60.0", "maintenance_s = 20.0")


def config_of(gate: LiveGate) -> Config:
    return load(gate.run / "lane.toml", hw.schema, os.environ | {"GATEFW_RUN": str(gate.run)})


def commissioned(gate: LiveGate, *only: str, player: Player | None = None) -> dict[str, Result]:
    """What came of these steps, or of all."""
    config = config_of(gate)
    site = Site(partial(ask, gate), config.timers.maintenance_s)
    does = Commissioning(config, site, player or Player(gate.world)).does
    with site.maintained("mk"):
        return {step.id: does(step) for step in chosen(plan(config), only)}


def ask(gate: LiveGate, verb: str, args: Mapping[str, object]) -> dict[str, Any]:
    return gate.ask(verb, **args)


def failed(results: Mapping[str, Result]) -> dict[str, str]:
    return {name: each.why for name, each in results.items() if each.verdict is Verdict.FAILED}


def restored(gate: LiveGate) -> None:
    assert (gate.driven(), gate.doors()) == ([], SECURED)


def corrected(gate: LiveGate, results: Mapping[str, Result]) -> None:
    """Put what was established into the lane file, as a technician does with an editor, and start the daemon by it."""
    text = (gate.run / "lane.toml").read_text()
    for table, keys in _tables(tomllib.loads(fragment(list(results.values())))):
        head, rest = text.split(f"[{table}]\n", 1)
        body, *others = re.split(r"(?m)^(?=\[)", rest, maxsplit=1)
        for key, value in keys.items():
            body = re.sub(rf"(?m)^{key} = .*\n", "", body)
            body = f"{key} = {json.dumps(value)}\n{body}"
        text = f"{head}[{table}]\n{body}{''.join(others)}"
    gate.kill(signal.SIGTERM)
    (gate.run / "lane.toml").write_text(text)
    gate.restart()


def _tables(told: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in told.items():
        place = f"{at}.{name}".removeprefix(".")
        if any(isinstance(each, dict) for each in value.values()):
            yield from _tables(value, place)
        else:
            yield place, value
