"""What is known of a gate and of its doctor's last look, as the page is sent it. No clock, no I/O."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gatefw.watch.seen import Seen

EVENTS = 25


def told(seen: Seen, now_s: float, looked: tuple[Mapping[str, Any], float] | None) -> dict[str, object]:
    """Ages in seconds. A gate that is gone is told as it was, with why and for how long; before its first answer `lane`
    is None, and `doctor` before the first look has ended.
    """
    report, ago_s = looked or (None, 0.0)
    return {
        "lane": None if seen.lane is None else asdict(seen.lane),
        "devices": [asdict(each) for each in seen.devices],
        "events": [asdict(each) for each in reversed(seen.events[-EVENTS:])],
        "gone": seen.gone,
        "gone_s": _tenths(now_s - seen.gone_s if seen.gone else 0.0),
        "age_s": _tenths(now_s - seen.at_s if seen.lane is not None else 0.0),
        "deaf": seen.deaf,
        "doctor": report and {**report, "ago_s": _tenths(ago_s)},
    }


def _tenths(seconds: float) -> float:
    return round(max(seconds, 0.0), 1)
