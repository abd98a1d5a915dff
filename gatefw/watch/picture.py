"""What is known of a gate as lines of text, for a terminal of any size. Pure.

Nothing is told by colour alone: every line that is not well begins with a sign, `!` for what keeps the lane from
working, `~` for what works badly. At 80 x 24 everything has its place, and keeps it; a larger terminal shows more
devices and more events.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from gatefw.model import Beam, Input, Occupancy, Phase, Position, Signal
from gatefw.watch.seen import Device, Door, Event, Lane, Run, Seen

OLD_S = 1.0
"""A status is told to be old when the next one is so late."""
LEFT, DEVICES, BARS, BAR = 50, 8, 4, 7
LEAST = 80, 24
QUIET = frozenset({Phase.IDLE, Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED, Phase.ENTERING, Phase.VERIFYING})
ILL = frozenset({Phase.FAULT, Phase.EVACUATED})
BAD_KINDS = ("alarm.raised", "fault.latched", "device.lost")
ODD_KINDS = ("device.impaired", "door.release_dropped", "passage.rule_failed", "passage.question_failed")
READ_ONLY = "q quit   it only looks; in maintenance (`gatefw lane maintain`) there are keys"
KEYS = "q quit   up/down choose a device   t test it   e end maintenance"


class Style(Enum):
    PLAIN = "plain"
    TITLE = "title"
    FAINT = "faint"
    GOOD = "good"
    ODD = "odd"
    BAD = "bad"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Line:
    """Spans of text from left to right, none of which is empty."""

    spans: tuple[tuple[str, Style], ...] = ()

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.spans)

    def fitted(self, width: int) -> "Line":
        """Exactly so wide; what is cut off is told by a dot."""
        text = self.text
        if len(text) <= width:
            return Line((*self.spans, (" " * (width - len(text)), Style.PLAIN))) if len(text) < width else self
        left, kept = width - 1, list[tuple[str, Style]]()
        for part, style in self.spans:
            if left > 0:
                kept.append((part[:left], style))
                left -= len(part)
        return Line((*kept, (".", Style.FAINT)))

    def __add__(self, other: "Line") -> "Line":
        return Line((*self.spans, *other.spans))


def line(text: str, style: Style = Style.PLAIN) -> Line:
    return Line(((text, style),) if text else ())


def picture(seen: Seen, width: int, height: int, now_s: float, chosen: int | None = None) -> list[Line]:
    """So many lines, each so wide. chosen: which device is, in maintenance."""
    lane = seen.lane
    lines = [_header(seen, now_s).fitted(width), _notice(seen, width, now_s).fitted(width)]
    if lane is not None:
        most = len(seen.devices) + 1
        rows = min(max(DEVICES + 1, height - LEAST[1] + DEVICES + 1), max(most, DEVICES + 1))
        left = [*_doors(lane), *_passages(lane)]
        right = _devices(seen.devices, rows - 1, chosen, width - LEFT - 1)
        beside = min(LEFT, width)
        for one, other in zip(_filled(left, rows), _filled(right, rows), strict=True):
            lines.append((one.fitted(beside) + line(" ") + other).fitted(width))
        lines += [each.fitted(width) for each in _face(lane, width)]
    rest = height - len(lines) - 1
    lines += [each.fitted(width) for each in _events(seen, rest)]
    lines = [*lines[: height - 1], *([line("").fitted(width)] * (height - 1 - len(lines)))]
    foot = KEYS if lane is not None and lane.maintenance and not seen.gone else READ_ONLY
    return [*lines, line(foot, Style.FAINT).fitted(width)]


def plain(lines: Iterable[Line]) -> str:
    return "\n".join(each.text.rstrip() for each in lines)


def duration(seconds: float) -> str:
    """Short: 0.4 s, 12 s, 3 min, 5 h, 2 d."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    for unit_s, unit, most in ((1, "s", 100), (60, "min", 100), (3600, "h", 48)):
        if seconds < unit_s * most:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


# ---------------------------------------------------------------- the parts


def _header(seen: Seen, now_s: float) -> Line:
    lane, age_s = seen.lane, now_s - seen.at_s
    if lane is None:
        return line("gatefw watch", Style.TITLE) + line("   no gate yet" if seen.gone else "   ...")
    style = Style.BAD if lane.phase in ILL else Style.GOOD if lane.phase in QUIET else Style.ODD
    service = "in service" if lane.in_service else "OUT OF SERVICE"
    told = line(f"{lane.name}  ", Style.TITLE) + line(lane.phase.upper(), style) + line(f"  {service}")
    if seen.gone:
        return told + line("  as it was ", Style.BAD) + line(f"{duration(age_s)} ago", Style.BAD)
    if age_s > OLD_S + seen.every_s:
        return told + line(f"  ~ {duration(age_s)} old", Style.ODD)
    return told + line(f"  live  journal {lane.journal_head}", Style.FAINT)


def _notice(seen: Seen, width: int, now_s: float) -> Line:
    """What matters most. Of a long message the end: there it says what to do."""
    lane = seen.lane
    if seen.gone:
        begins = f"! NO ANSWER for {duration(now_s - seen.gone_s)}: "
        room = width - len(begins)
        return line(begins + (seen.gone if len(seen.gone) <= room else f"...{seen.gone[3 - room :]}"), Style.BAD)
    if lane is None:
        return Line()
    pressed = [name for name, level in lane.signals if level == Signal.ON and name in (Input.FIRE, Input.EVACUATE)]
    worries = (
        (pressed, "! {} is on", Style.BAD),
        ([lane.latched] if lane.latched else [], "! latched: {}; `gatefw lane reset` after a look", Style.BAD),
        (lane.missing, "! missing: {}", Style.BAD),
        (lane.stalled, "! stalled inside the daemon: {}", Style.BAD),
        ([each.name for each in seen.devices if each.state == "impaired"], "~ works badly: {}", Style.ODD),
    )
    told = [(words.format(", ".join(names)), style) for names, words, style in worries if names]
    if lane.maintained:
        left = f", {duration(lane.maintained_left_s)} left" if lane.maintained_left_s else ""
        told.insert(0, (f"~ MAINTENANCE by {', '.join(lane.maintained)}{left}", Style.ODD))
    spans = [(f"{'   ' if i else ''}{text}", style) for i, (text, style) in enumerate(told)]
    return Line(tuple(spans)) if spans else line("  all devices are there", Style.FAINT)


def _doors(lane: Lane) -> list[Line]:
    on = [f"{name} {level}" for name, level in lane.signals if level != Signal.OFF]
    zones = "  ".join(f"{zone} {'[#]' if there else '[ ]'}" for zone, there in lane.zones)
    inside = {Occupancy.EMPTY: "[ ] nobody", Occupancy.ONE: "[#] one", Occupancy.MANY: "[##] more than one"}
    within = inside.get(Occupancy(lane.occupancy)) if lane.occupancy in set(Occupancy) else None
    odd = lane.occupancy not in (Occupancy.EMPTY, Occupancy.ONE)
    return [
        line("DOORS", Style.TITLE),
        *(_door(each) for each in lane.doors),
        line(f"{'!' if odd else ' '} inside {within or '[?] unknown'}   {zones}", Style.BAD if odd else Style.PLAIN),
        line(f"{'! ' + ', '.join(on) if on else '  all inputs are off'}", Style.ODD if on else Style.FAINT),
    ]


def _door(door: Door) -> Line:
    sign = (
        {Position.SECURED: "=", Position.CLOSED: "-", Position.OPEN: ">"}.get(Position(door.position), "!")
        if (door.position in set(Position))
        else "!"
    )
    style = Style.BAD if sign == "!" else Style.GOOD if sign == "=" else Style.ODD
    left = "" if door.left_s is None else f" {duration(door.left_s)}"
    released = f"RELEASED {door.released}{left} " if door.released else ""
    beam = "" if door.beam == Beam.CLEAR else "BEAM" if released else f"beam {door.beam}"
    return line(f"{sign} {door.name:10} {door.position:8} ", style) + line(f"{released}{beam}", Style.ODD)


def _passages(lane: Lane) -> list[Line]:
    left = f"   {lane.timer} time: {duration(lane.timer_left_s)} left" if lane.timer else ""
    title = line("PASSAGE", Style.TITLE) + line(left, Style.FAINT)
    if not lane.runs:
        return [title, line("  nobody is under way", Style.FAINT)]
    return [title, *(each for run in lane.runs[:2] for each in _run(run, short=len(lane.runs) > 1))]


def _run(run: Run, short: bool) -> list[Line]:
    verdict, _, reason = "".join(run.waits_for).partition(":")
    asked = ", ".join("somebody to step in" if each == "let_in" else each for each in run.waits_for)
    told = f"  decided: {verdict} ({reason}), " if reason else f"  waits for {asked or 'nothing'}, "
    waits = line(told) + line(duration(run.waited_s), Style.TITLE)
    waiting = run.place == "waiting"
    if short:
        return [line("  in front:" if waiting else f"  {run.run[:6]}:", Style.FAINT) + waits]
    return [line(f"  {run.run}{' in front' if waiting else ''}, {duration(run.for_s)}"), waits]


def _devices(devices: Sequence[Device], rows: int, chosen: int | None, width: int) -> list[Line]:
    """Those that are not well first; when choosing, in their own order around the chosen one."""
    first = 0 if chosen is None else max(0, min(chosen - rows // 2, len(devices) - rows))
    listed = list(enumerate(devices))
    if chosen is None:
        listed.sort(key=lambda each: each[1].state == "there")
    cut = listed[first : first + rows]
    hidden = len(devices) - len(cut)
    more = f"  and {hidden} more" if hidden else ""
    title = line("DEVICES", Style.TITLE) + line(f"{more or '  ms: 50%/99%'}"[: width - 7], Style.FAINT)
    return [title, *(_device(each, number == chosen, width) for number, each in cut)]


def _device(device: Device, chosen: bool, width: int) -> Line:
    """For how long it is so, where there is room for that."""
    well = device.state == "there"
    sign = ">" if chosen else "+" if well else "~" if device.state == "impaired" else "!"
    style = Style.CHOSEN if chosen else Style.PLAIN if well else Style.ODD if sign == "~" else Style.BAD
    since = duration(device.for_s)
    if not well:
        told = f"{sign} {device.name} {', '.join(device.reasons) or device.state}"
        tries = f", tried {device.tries}x" if device.tries else ""
        more = f", {since}{tries}"
        return line(told + (more if len(told + more) <= width else ""), style)
    took = "" if device.p50_s is None else f"{_ms(device.p50_s)}/{_ms(device.p99_s or 0.0)}"
    return (
        line(f"{sign} {device.name:16} ", style)
        + line(f"{took:>9}")
        + line(f"{since:>8}" if width >= 36 else "", Style.FAINT)
    )


def _ms(seconds: float) -> str:
    ms = seconds * 1000
    return f"{ms:.1f}" if ms < 10 else f"{ms:.0f}"


def _face(lane: Lane, width: int) -> list[Line]:
    """Always of the same height, so that nothing jumps when somebody steps in."""
    title = line("FACE", Style.TITLE)
    if lane.quality:
        title += line(f"  {lane.quality_of}, {duration(lane.quality_for_s)} ago", Style.FAINT)
    else:
        title += line("  quality 0 to 100, while a face is looked at", Style.FAINT)
    title += line(f"   ~ {lane.hint}" if lane.hint else "", Style.ODD)
    columns = max(1, min(3, width // 26))
    bars = [_bar(name, value).fitted(26) for name, value in lane.quality]
    rows = [bars[row::BARS][:columns] for row in range(BARS)]
    return [title, *(sum(row, Line()) for row in rows)]


def _bar(name: str, value: int) -> Line:
    value = min(max(value, 0), 100)
    full = round(value * BAR / 100)
    style = Style.GOOD if value >= 50 else Style.ODD
    return (
        line(f" {_SHORT.get(name, name)[:12]:12} ") + line("#" * full, style) + line(f"{'.' * (BAR - full)} {value:3}")
    )


_SHORT = {
    "face_found": "face found",
    "face_in_picture": "in picture",
    "inter_eye_distance": "eyes apart",
    "under_exposure_prevention": "not black",
    "over_exposure_prevention": "not white",
    "luminance_mean": "brightness",
    "illumination_uniformity": "even light",
    "dynamic_range": "contrast",
    "head_pose_yaw": "looks here",
    "head_pose_roll": "head upright",
    "sharpness": "sharpness",
}


def _events(seen: Seen, rows: int) -> list[Line]:
    newest = seen.events[-1] if seen.events else None
    told = "" if newest is None or newest.synchronised else ", which nobody vouches for"
    title = line("EVENTS", Style.TITLE) + line(f"  newest last, UTC by the gate's clock{told}", Style.FAINT)
    if seen.deaf:
        title = line("EVENTS", Style.TITLE) + line(f"  ! none come: {seen.deaf}", Style.BAD)
    return [title, *(_event(each) for each in seen.events[max(0, len(seen.events) - rows + 1) :])] if rows > 0 else []


def _event(event: Event) -> Line:
    style = Style.BAD if event.kind in BAD_KINDS else Style.ODD if event.kind in ODD_KINDS else Style.PLAIN
    sign = {Style.BAD: "!", Style.ODD: "~"}.get(style, " ")
    told = line(f"{sign} ", style) + line(f"{event.time} ", Style.FAINT) + line(f"{event.kind:21} ", style)
    return told + line(" ".join(event.words), style)


def _filled(lines: list[Line], rows: int) -> list[Line]:
    return [*lines, *([Line()] * rows)][:rows]
