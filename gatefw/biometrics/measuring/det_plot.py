"""A DET plot (detection error trade-off, ISO/IEC 19795-1): FNMR against FMR, as one SVG without scripts or fonts.

Both axes are normal deviates, on which normally distributed scores make a straight line. It holds numbers only.
"""

from collections.abc import Iterator, Sequence
from html import escape
from statistics import NormalDist

from gatefw.biometrics.measuring.group_rates import Group
from gatefw.biometrics.measuring.rates import Rates

WIDTH_PX, HEIGHT_PX = 900, 680
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 84, 32, 64, 72
TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.4)
MOST = 0.5
CURVE, GROUP_COLOURS = "#14507a", ("#a03010", "#2f6b2f", "#6a3d9a", "#8a6d00", "#0f6f6f", "#9c2a63", "#444", "#7a4a21")

_NORMAL = NormalDist()


class _Axes:
    """Where rates lie on the paper."""

    def __init__(self, rates: Rates) -> None:
        fmrs = [fmr for fmr, _ in rates.det] + [point.fmr for point in rates.points if point.carried]
        fnmrs = [rate.value for _, rate in rates.det if rate.value > 0]
        self.left, self.bottom = _below(min(fmrs, default=1e-3)), _below(min(fnmrs, default=1e-3))

    def x(self, fmr: float) -> float:
        return LEFT_PX + (WIDTH_PX - LEFT_PX - RIGHT_PX) * _share(fmr, self.left)

    def y(self, fnmr: float) -> float:
        return HEIGHT_PX - BOTTOM_PX - (HEIGHT_PX - TOP_PX - BOTTOM_PX) * _share(fnmr, self.bottom)


def svg(title: str, rates: Rates, groups: Sequence[Group] = ()) -> str:
    """The curve with its 95 % band, a mark with its threshold at each carried point, and marks of every group there."""
    axes = _Axes(rates)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{HEIGHT_PX}" '
            f'viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" font-family="sans-serif" font-size="13" fill="#222">',
            f'<rect width="{WIDTH_PX}" height="{HEIGHT_PX}" fill="#fff"/>',
            f'<text x="{LEFT_PX}" y="28" font-size="16">{escape(title)}</text>',
            *_grid(axes),
            *_curve(axes, rates),
            *_points(axes, rates),
            *_groups(axes, groups),
            *_legend(rates, groups),
            "</svg>",
            "",
        )
    )


def _grid(axes: _Axes) -> Iterator[str]:
    right, bottom = WIDTH_PX - RIGHT_PX, HEIGHT_PX - BOTTOM_PX
    for tick in TICKS:
        if tick >= axes.left:
            x = axes.x(tick)
            yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP_PX}" y2="{bottom}" stroke="#ddd"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{_percent(tick)}</text>'
        if tick >= axes.bottom:
            y = axes.y(tick)
            yield f'<line x1="{LEFT_PX}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{LEFT_PX - 8}" y="{y + 4:.1f}" text-anchor="end">{_percent(tick)}</text>'
    size = f'width="{right - LEFT_PX}" height="{bottom - TOP_PX}"'
    yield f'<rect x="{LEFT_PX}" y="{TOP_PX}" {size} fill="none" stroke="#666"/>'
    middle_x, middle_y = (LEFT_PX + right) / 2, (TOP_PX + bottom) / 2
    yield f'<text x="{middle_x}" y="{HEIGHT_PX - 22}" text-anchor="middle">FMR: strangers that match</text>'
    turned = f'transform="rotate(-90 22 {middle_y})"'
    yield f'<text x="22" y="{middle_y}" {turned} text-anchor="middle">FNMR: people who do not match themselves</text>'
    least = max(axes.left, axes.bottom)
    ends = f'x1="{axes.x(least):.1f}" y1="{axes.y(least):.1f}" x2="{axes.x(MOST):.1f}" y2="{axes.y(MOST):.1f}"'
    yield f'<line {ends} stroke="#888" stroke-dasharray="5 4"/>'


def _curve(axes: _Axes, rates: Rates) -> Iterator[str]:
    upper = [f"{axes.x(fmr):.1f},{axes.y(rate.high):.1f}" for fmr, rate in rates.det]
    lower = [f"{axes.x(fmr):.1f},{axes.y(rate.low):.1f}" for fmr, rate in reversed(rates.det)]
    line = [f"{axes.x(fmr):.1f},{axes.y(rate.value):.1f}" for fmr, rate in rates.det]
    yield f'<polygon points="{" ".join(upper + lower)}" fill="{CURVE}" fill-opacity="0.15"/>'
    yield f'<polyline points="{" ".join(line)}" fill="none" stroke="{CURVE}" stroke-width="2"/>'


def _points(axes: _Axes, rates: Rates) -> Iterator[str]:
    for point in rates.points:
        if point.carried:
            x, y = axes.x(point.fmr), axes.y(point.fnmr.value)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{CURVE}"/>'
            label = 'paint-order="stroke" stroke="#fff" stroke-width="3"'
            yield f'<text x="{x + 9:.1f}" y="{y - 9:.1f}" {label}>{point.threshold.value:.3f}</text>'


def _groups(axes: _Axes, groups: Sequence[Group]) -> Iterator[str]:
    for number, group in enumerate(groups):
        colour = GROUP_COLOURS[number % len(GROUP_COLOURS)]
        for fmr, fnmr in zip(group.fmr, group.fnmr, strict=True):
            if fmr is not None and fnmr is not None:
                x, y = axes.x(fmr.value), axes.y(fnmr.value)
                yield f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>'


def _legend(rates: Rates, groups: Sequence[Group]) -> Iterator[str]:
    x = LEFT_PX + 0.0
    yield f'<circle cx="{x + 5}" cy="47" r="4.5" fill="{CURVE}"/>'
    yield f'<text x="{x + 15}" y="51">all, with 95 % band; {_marks(rates)}</text>'
    x += 530
    yield f'<line x1="{x}" x2="{x + 24}" y1="47" y2="47" stroke="#888" stroke-dasharray="5 4"/>'
    yield f'<text x="{x + 30}" y="51">equal errors</text>'
    for number, group in enumerate(groups):
        y = TOP_PX + 22 + 20 * number
        right = WIDTH_PX - RIGHT_PX - 14
        colour = GROUP_COLOURS[number % len(GROUP_COLOURS)]
        yield f'<rect x="{right - 8}" y="{y - 9}" width="8" height="8" fill="{colour}"/>'
        yield f'<text x="{right - 16}" y="{y}" text-anchor="end">{escape(group.name)}</text>'


def _marks(rates: Rates) -> str:
    """What is marked on the curve, and what a curve on the lower edge says."""
    marked = "marked: the threshold" if any(point.carried for point in rates.points) else "too few to mark a threshold"
    return f"{marked}; at the lower edge: none" if any(rate.value == 0 for _, rate in rates.det) else marked


def _share(rate: float, least: float) -> float:
    """0 at the least rate of an axis, 1 at MOST, outside of neither."""
    low, high = _NORMAL.inv_cdf(least), _NORMAL.inv_cdf(MOST)
    return (_NORMAL.inv_cdf(min(max(rate, least), MOST)) - low) / (high - low)


def _below(rate: float) -> float:
    """The largest tick that does not exceed a rate by more than rounding."""
    return max((tick for tick in TICKS if tick <= rate * 1.05), default=TICKS[0])


def _percent(rate: float) -> str:
    return f"{100 * rate:g} %".replace("1e-04", "0.0001")
