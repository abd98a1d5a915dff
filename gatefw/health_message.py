"""How each device is, as the bus tells it every few seconds: beside the events of the journal, and kept by nobody.

It has the envelope of an event, with the number 0, which no event has: who follows the numbers passes over it.
"""

import json
import secrets
from collections.abc import Mapping

from gatefw.events import EPOCH, LANE, SPEC_VERSION
from gatefw.wall_time import WallTime

TYPE = "gatefw.telemetry.health.v1"
EVERY_S = 5.0
STATES = ("there", "lost", "stuck")
_SECONDS = {"type": "number", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
DEVICE: Mapping[str, Mapping[str, object]] = {
    "state": {"enum": list(STATES)},
    "for_s": {**_SECONDS, "description": "for how long it is so"},
    "tries": {**_COUNT, "description": "in vain, since it last worked for a while"},
    "losses": {**_COUNT, "description": "how often it was there and went, since the start"},
    "error": {"type": "string", "pattern": "^[A-Za-z]*$", "description": "the class of the last one"},
    "turns": {**_COUNT, "description": "turns of work since the start"},
    "p50_s": {**_SECONDS, "description": "how long a turn takes: median of the newest 256"},
    "p99_s": {**_SECONDS, "description": "and their 99th percentile"},
    "age_s": {"oneOf": [_SECONDS, {"type": "null"}], "description": "since its last turn; null before the first"},
}
THREAD: Mapping[str, Mapping[str, object]] = {"turns": _COUNT, "stalled": {"type": "boolean"}}


def health_message(lane: str, epoch: str, at: WallTime, health: Mapping[str, object]) -> bytes:
    """`health` as `Telemetry.health` tells it, in its envelope."""
    envelope = {
        "specversion": SPEC_VERSION,
        "id": f"{epoch}:{secrets.token_hex(8)}",
        "source": f"/gatefw/{lane}",
        "type": TYPE,
        "time": at.rfc3339,
        "datacontenttype": "application/json",
        "sequence": f"{0:020}",
        "epoch": epoch,
        "clockquality": at.quality,
        "data": health,
    }
    return json.dumps(envelope, separators=(",", ":"), allow_nan=False).encode()


def schema() -> dict[str, object]:
    """JSON Schema (2020-12) of a message."""
    return _closed({
        "specversion": {"const": SPEC_VERSION},
        "id": {"type": "string", "pattern": f"^{EPOCH.pattern}:[0-9a-f]{{16}}$"},
        "source": {"type": "string", "pattern": f"^/gatefw/{LANE.pattern}$"},
        "type": {"const": TYPE},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "sequence": {"const": f"{0:020}"},
        "epoch": {"type": "string", "pattern": f"^{EPOCH.pattern}$"},
        "clockquality": {"enum": ["synchronised", "unsynchronised"]},
        "data": _closed({"devices": _each(DEVICE), "threads": _each(THREAD)}),
    })  # fmt: skip


def _closed(properties: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _each(properties: Mapping[str, object]) -> dict[str, object]:
    """Of each by its name."""
    return {"type": "object", "additionalProperties": _closed(properties)}
