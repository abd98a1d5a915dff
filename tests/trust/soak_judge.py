"""What was counted in a soak, and whether something grows: kept apart from the gate, so that it can be tested."""

from collections.abc import Sequence
from dataclasses import dataclass

MB = 1_000_000
RISE_MAX_B = {"supervisor": 2 * MB, "vision": 4 * MB}
"""By a line through the second half, from its beginning to its end, however long it is."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one process, with the lane idle."""

    process: str
    at_s: float
    came: int
    rss_b: int
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.process} {self.rss_b / MB:.1f} MB, {self.threads} threads, {self.files} files"


@dataclass(frozen=True, slots=True)
class Judged:
    wrong: list[str]
    figure: str


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line with the least squares through the points; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def judge(samples: Sequence[Sample]) -> Judged:
    """Every process by itself: memory over the second half; threads and files of its end against those before it."""
    wrong, figures = list[str](), list[str]()
    for name in dict.fromkeys(each.process for each in samples):
        own = [each for each in samples if each.process == name]
        half = own[len(own) // 2 :]
        if len(half) < 4:
            wrong.append(f"{name}: {len(own)} samples say nothing; soak longer")
            continue
        lasted_s = half[-1].at_s - half[0].at_s
        rise_b = slope([(each.at_s, each.rss_b) for each in half]) * lasted_s
        figures.append(f"{name} {rise_b / MB:+.2f} MB in {lasted_s:.0f} s of {half[-1].rss_b / MB:.0f} MB")
        if rise_b > RISE_MAX_B[name]:
            wrong.append(f"{name}: memory rises by {rise_b / MB:.2f} MB in {lasted_s:.0f} s")
        middle, end = half[: len(half) // 2], half[len(half) // 2 :]
        for what in ("threads", "files"):
            before, after = max(getattr(each, what) for each in middle), min(getattr(each, what) for each in end)
            if after > before:
                wrong.append(f"{name}: {what} were {before} at most, and are {after} at least")
    return Judged(wrong, "; ".join(figures))
