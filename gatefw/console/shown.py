"""A lane as the page has it: a row, and its alarms. What is told are ages, so that no browser needs a clock. Pure."""

from collections.abc import Iterable, Mapping

from gatefw.console.alarms import Priority, told
from gatefw.console.lanes import DEAF, SILENT, TURNED_AWAY, UNKNOWN, Lane, Named, Referral, Table, table, word, words
from gatefw.events import RUN
from gatefw.model import Phase

REFERRED_S = 900.0
"""So long a referral stands beside its lane, which serves others meanwhile: for the way to the counter, and there."""
TONES: Mapping[str, str] = {
    Phase.RECOVERING: "calm",
    Phase.IDLE: "calm",
    Phase.TOKEN_PRESENTED: "go",
    Phase.ENTRY_RELEASED: "go",
    Phase.ENTERING: "go",
    Phase.VERIFYING: "go",
    Phase.EXIT_RELEASED: "go",
    Phase.LEAVING: "go",
    Phase.REFUSED: "act",
    Phase.REFERRED: "act",
    Phase.HOLD: "act",
    Phase.EVACUATED: "stop",
    Phase.DEGRADED: "act",
    Phase.FAULT: "stop",
    Phase.MAINTENANCE: "off",
    Phase.EXERCISE: "off",
    Phase.OUT_OF_SERVICE: "off",
}
"""calm: nothing to do; go: somebody passes; act: an officer is wanted; stop: nobody passes until one came; off."""
TECHNICIANS = {Phase.MAINTENANCE, Phase.EXERCISE}


def row(named: Named, lane: Lane, now_s: float) -> dict[str, object]:
    """The lane as the page has it. What a silent lane was doing is not told: nobody knows whether it still does."""
    base = {"id": named.id, "name": named.name, "group": named.group}
    if lane.silent(now_s):
        since_s = None if lane.heard_s is None else _ago(now_s, lane.heard_s)
        return {**base, "phase": SILENT, "tone": "stop", "since_s": since_s, **_NOTHING}
    referral = referred(lane, now_s)
    return {
        **base,
        "phase": lane.phase,
        "tone": TONES.get(lane.phase, "stop"),
        "since_s": _ago(now_s, lane.phase_s),
        "occupancy": word(lane.status.get("occupancy")),
        "waiting_since_s": _waiting_s(lane, now_s),
        "reason": _reason(lane),
        "referral": referral
        and {"run": referral.run, "reason": referral.reason, "since_s": _ago(now_s, referral.at_s)},
        "camera": _camera(lane.status),
        "devices_lost": list(words(lane.status.get("missing"))),
        "ways_out": list(words(lane.status.get("ways_out"))),
        "orders": list(_orders(lane, referral)),
        "case": _case(lane, referral),
    }


_NOTHING: Mapping[str, object] = {
    "occupancy": UNKNOWN,
    "waiting_since_s": None,
    "reason": None,
    "referral": None,
    "camera": UNKNOWN,
    "devices_lost": (),
    "ways_out": (),
    "orders": (),
    "case": None,
}


def alarms(named: Named, lane: Lane, now_s: float) -> Iterable[dict[str, object]]:
    """Those of one lane. That it is silent, or not heard, is one itself, without a number: no event says so."""
    if lane.silent(now_s):
        yield _unheard(named, SILENT, None if lane.heard_s is None else _ago(now_s, lane.heard_s))
    if lane.missed is not None and lane.deaf(now_s):
        yield _unheard(named, DEAF, _ago(now_s, lane.missed[1]))
    for alarm in lane.alarms:
        if (shown := told(alarm, now_s, REFERRED_S)) is not None:
            yield {"id": f"{named.id}:{lane.epoch}:{alarm.number}", "lane": named.id, **shown}


def _unheard(named: Named, what: str, since_s: float | None) -> dict[str, object]:
    return {
        "id": f"{named.id}:{what}",
        "lane": named.id,
        "number": None,
        "priority": Priority.HIGH.value,
        "reason": what,
        "since_s": since_s,
        "by": None,
        "over": False,
        "run": None,
        "giver": "",
    }


def referred(lane: Lane, now_s: float) -> Referral | None:
    """Who was sent to the counter, and was not cleared there yet."""
    found = lane.referral
    stays = found is not None and (lane.phase in TURNED_AWAY or now_s - found.at_s < REFERRED_S)
    return found if stays else None


def _ago(now_s: float, then_s: float) -> float:
    return round(max(0.0, now_s - then_s), 1)


def _waiting_s(lane: Lane, now_s: float) -> float | None:
    """For how long a traveller is at it: since the oldest passage under way began, or since they were turned away."""
    heard_s = lane.heard_s or 0.0
    begun = [
        seconds for each in _tables(lane.status.get("runs")) if (seconds := _seconds(each.get("for_s"))) is not None
    ]
    if begun:
        return round(max(begun) + now_s - heard_s, 1)
    inside = lane.phase in TURNED_AWAY and lane.status.get("occupancy") != "empty"
    return _ago(now_s, lane.phase_s) if inside else None


def _reason(lane: Lane) -> str | None:
    """Why it is as it is: what is latched, what is missing, or why the traveller was turned away."""
    latched, said = lane.status.get("latched"), lane.status.get("reason")
    if latched or said:
        return word(latched or said)
    if lane.turned_away[1]:
        return lane.turned_away[1]
    if lane.phase != Phase.DEGRADED:
        return None
    if words(lane.status.get("missing")):
        return "device_lost"
    ailing = (words(reasons) for reasons in table(lane.status.get("impaired")).values())
    return next((reasons[0] for reasons in ailing if reasons), None)


def _camera(status: Table) -> str:
    """`ok`: the lane misses no camera, and says nothing against one; `none`: its file has none."""

    def seen(names: Iterable[str]) -> bool:
        return any(name == "vision" or name.startswith("camera.") for name in names)

    if status.get("cameras") == []:
        return "none"
    if seen(words(status.get("missing"))):
        return "lost"
    if seen(name for name, reasons in table(status.get("impaired")).items() if reasons):
        return "degraded"
    return "ok" if isinstance(status.get("missing"), list) else UNKNOWN


def _orders(lane: Lane, referral: Referral | None) -> Iterable[str]:
    """What an officer may want of it now, most wanted first; the lane itself has the last word."""
    phase = lane.phase
    if phase == UNKNOWN:
        return
    if phase == Phase.HOLD:
        yield "let_out"
    if phase in (Phase.HOLD, Phase.FAULT, Phase.EVACUATED):
        yield "reset"
    if referral is not None:
        yield "clear_by_hand"
    if phase not in (Phase.HOLD, Phase.FAULT, Phase.EVACUATED, *TECHNICIANS):
        yield "hold"
    if phase not in TECHNICIANS:
        yield "close" if lane.status.get("in_service") is True else "open"
    if phase != Phase.EVACUATED:
        yield "evacuate"
    yield "silent_alarm"


def _case(lane: Lane, referral: Referral | None) -> str | None:
    """The run about which the lane may be asked: of whom it serves, who is at the counter, or who is held."""
    served = [each for each in _tables(lane.status.get("runs")) if RUN.fits(each.get("run"))]
    if served:
        return str(served[0]["run"])
    if referral is not None:
        return referral.run
    return lane.turned_away[0] or None


def _tables(value: object) -> Iterable[Table]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _seconds(value: object) -> float:
    counts = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
    return float(value) if counts and isinstance(value, int | float) else 0.0
