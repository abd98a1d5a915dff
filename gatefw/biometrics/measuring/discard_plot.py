"""Error-versus-discard curves as one SVG without scripts or fonts. It holds numbers only."""

from collections.abc import Iterator, Sequence

from gatefw.biometrics.measuring.discard import RANDOM, WEIGHT, Curve

WIDTH_PX, HEIGHT_PX = 900, 640
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 76, 232, 56, 64
APART_PX = 17
"""Two names that stand beside each other."""
STEPS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Of the axis of rates: the finest that makes at most eight."""
COLOURS = ("#a03010", "#2f6b2f", "#6a3d9a", "#8a6d00", "#0f6f6f", "#9c2a63", "#7a4a21", "#3b5bb5")
STRONG, FAINT = "#14507a", "#777"


class _Axes:
    """Where shares and rates lie on the paper."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.most_share = max(curves[0].shares)
        self.most = 1.08 * max(rate.value for curve in curves for rate in curve.fnmr) or 1.0

    def x(self, share: float) -> float:
        return LEFT_PX + (WIDTH_PX - LEFT_PX - RIGHT_PX) * share / self.most_share

    def y(self, fnmr: float) -> float:
        return HEIGHT_PX - BOTTOM_PX - (HEIGHT_PX - TOP_PX - BOTTOM_PX) * min(fnmr / self.most, 1.0)


def svg(curves: Sequence[Curve], fmr: float) -> str:
    """The weight's curve, what random orders do with its band, and the components', each named at its end."""
    axes = _Axes(curves)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{HEIGHT_PX}" '
            f'viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" font-family="sans-serif" font-size="13" fill="#222">',
            f'<rect width="{WIDTH_PX}" height="{HEIGHT_PX}" fill="#fff"/>',
            f'<text x="{LEFT_PX}" y="24" font-size="16">FNMR at an FMR of {fmr:g}, the worst discarded</text>',
            f'<text x="{LEFT_PX}" y="44" fill="{FAINT}">below the grey band: better than chance can be (95 %)</text>',
            *_grid(axes, curves[0].shares),
            *_band(axes, curves),
            *_lines(axes, curves),
            *_names(axes, curves),
            "</svg>",
            "",
        )
    )


def _grid(axes: _Axes, shares: Sequence[float]) -> Iterator[str]:
    right, bottom = WIDTH_PX - RIGHT_PX, HEIGHT_PX - BOTTOM_PX
    for share in shares:
        x = axes.x(share)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP_PX}" y2="{bottom}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{100 * share:g} %</text>'
    step = next(each for each in STEPS if axes.most <= 8 * each)
    for number in range(int(axes.most / step) + 1):
        rate = number * step
        y = axes.y(rate)
        yield f'<line x1="{LEFT_PX}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT_PX - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * rate:.3g} %</text>'
    middle_x, middle_y = (LEFT_PX + right) / 2, (TOP_PX + bottom) / 2
    yield f'<text x="{middle_x}" y="{HEIGHT_PX - 18}" text-anchor="middle">comparisons discarded</text>'
    turned = f'transform="rotate(-90 20 {middle_y})"'
    yield f'<text x="20" y="{middle_y}" {turned} text-anchor="middle">FNMR of the others</text>'


def _band(axes: _Axes, curves: Sequence[Curve]) -> Iterator[str]:
    for curve in curves:
        if curve.measure == RANDOM:
            both = list(zip(curve.shares, curve.fnmr, strict=True))
            ends = [(share, rate.high) for share, rate in both] + [(share, rate.low) for share, rate in both[::-1]]
            points = " ".join(f"{axes.x(share):.1f},{axes.y(fnmr):.1f}" for share, fnmr in ends)
            yield f'<polygon points="{points}" fill="{FAINT}" fill-opacity="0.18"/>'


def _lines(axes: _Axes, curves: Sequence[Curve]) -> Iterator[str]:
    for number, curve in reversed(list(enumerate(curves))):
        both = zip(curve.shares, curve.fnmr, strict=True)
        points = " ".join(f"{axes.x(share):.1f},{axes.y(rate.value):.1f}" for share, rate in both)
        dashes = ' stroke-dasharray="6 4"' if curve.measure == RANDOM else ""
        style = f'stroke="{_colour(number, curve)}" stroke-width="{3.5 if curve.measure == WEIGHT else 1.5}"{dashes}'
        yield f'<polyline points="{points}" fill="none" {style}/>'


def _names(axes: _Axes, curves: Sequence[Curve]) -> Iterator[str]:
    """At the ends of the curves, moved apart where they would lie on each other, and led there by a thin line."""
    right = WIDTH_PX - RIGHT_PX
    ends = sorted((axes.y(curve.fnmr[-1].value), number) for number, curve in enumerate(curves))
    y, room = float(TOP_PX), HEIGHT_PX - BOTTOM_PX - APART_PX * (len(ends) - 1.0)
    for place, (end, number) in enumerate(ends):
        y = max(y + APART_PX if place else y, min(end, room + APART_PX * place))
        curve = curves[number]
        colour, weight = _colour(number, curve), "bold" if curve.measure == WEIGHT else "normal"
        line = f'x1="{right}" y1="{end:.1f}" x2="{right + 18}" y2="{y:.1f}"'
        yield f'<line {line} stroke="{colour}" stroke-width="0.7"/>'
        text = f'x="{right + 22}" y="{y + 4:.1f}" fill="{colour}" font-weight="{weight}"'
        yield f"<text {text}>{curve.measure.replace('_', ' ')}</text>"


def _colour(number: int, curve: Curve) -> str:
    return {WEIGHT: STRONG, RANDOM: FAINT}.get(curve.measure, COLOURS[number % len(COLOURS)])
