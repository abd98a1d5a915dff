"""Counts as a picture: bars of passed, refused and referred, as one SVG without scripts or fonts of its own."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH_PX, HEIGHT_PX = 960, 420
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 84, 24, 72, 76
COLOURS = {"passed": "#3079a8", "referred": "#ffcf80", "refused": "#400a14"}
OUTLINE = 'stroke="#222" stroke-width="0.5"'
STEPS = 4
LABELS_MAX = 16


def svg(
    title: str, names: Sequence[str], lines: Sequence[Mapping[str, Any]], called: Mapping[str, str] | None = None
) -> str:
    """A bar for each line, called by its name. called: what the colours mean, where that is not to be in English."""
    called = called or {what: what for what in COLOURS}
    wide, high = WIDTH_PX - LEFT_PX - RIGHT_PX, HEIGHT_PX - TOP_PX - BOTTOM_PX
    top = _round_up(max((sum(int(line[what]) for what in COLOURS) for line in lines), default=0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{HEIGHT_PX}" '
        f'viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{WIDTH_PX}" height="{HEIGHT_PX}" fill="#fff"/>',
        f'<text x="{LEFT_PX}" y="24" font-size="14">{escape(title)}</text>',
        *_axis(top, wide, high),
        *_legend(called),
    ]
    step = wide / max(len(lines), 1)
    for number, (name, line) in enumerate(zip(names, lines, strict=True)):
        x = LEFT_PX + number * step
        parts += _bar(line, called, x + step * 0.15, step * 0.7, high, top)
        if number % -(-len(lines) // LABELS_MAX) == 0:
            at = f'x="{x + step / 2:.1f}" y="{TOP_PX + high + 16}"'
            turned = f'transform="rotate(35 {x + step / 2:.1f} {TOP_PX + high + 16})"'
            parts.append(f'<text {at} {turned} text-anchor="start">{escape(name)}</text>')
    return "\n".join((*parts, "</svg>", ""))


def _axis(top: int, wide: float, high: float) -> list[str]:
    parts = []
    for step in range(STEPS + 1):
        y = TOP_PX + high - high * step / STEPS
        parts.append(f'<line x1="{LEFT_PX}" x2="{LEFT_PX + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT_PX - 8}" y="{y + 4:.1f}" text-anchor="end">{top * step / STEPS:,.0f}</text>')
    return parts


def _legend(called: Mapping[str, str]) -> list[str]:
    parts = []
    for number, (what, colour) in enumerate(COLOURS.items()):
        x = LEFT_PX + number * 90
        parts.append(f'<rect x="{x}" y="38" width="12" height="12" fill="{colour}" {OUTLINE}/>')
        parts.append(f'<text x="{x + 17}" y="48">{escape(called[what])}</text>')
    return parts


def _bar(
    line: Mapping[str, Any], called: Mapping[str, str], x: float, width: float, high: float, top: int
) -> list[str]:
    parts, y = [], float(TOP_PX + high)
    for what, colour in COLOURS.items():
        tall = high * int(line[what]) / top
        y -= tall
        if tall:
            at = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{tall:.1f}"'
            told = f"<title>{escape(called[what])}: {int(line[what]):,}</title>"
            parts.append(f'<rect {at} fill="{colour}" {OUTLINE}>{told}</rect>')
    return parts


def _round_up(number: int) -> int:
    """The least number not below that `STEPS` round ones add up to."""
    size = 1
    while 5 * size * STEPS < number:
        size *= 10
    return next(n * size * STEPS for n in (1, 2, 3, 4, 5) if n * size * STEPS >= number)
