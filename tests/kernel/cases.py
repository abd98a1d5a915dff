"""Galleries and queries that a search gets wrong if it can, and what numpy says the answers are."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

WIDTHS = (64, 128, 192, 256, 320, 448, 512, 1024)
COUNTS = (1, 2, 15, 16, 17, 31, 48, 63, 64, 65, 80, 127, 128, 129, 255, 256, 257, 319, 320, 321, 511, 513, 577, 1100)
MOST = (1, 2, 5, 17, 64)
QUERIES = (1, 1, 2, 3, 8, 16)
STEPS = (1, 5, 11, 11, 17)
LEAST, GREATEST = -(2**31), 2**31 - 1
TOP = 127


@dataclass(frozen=True, eq=False)
class Case:
    """As harness.c reads it."""

    rows: NDArray[np.int8]
    norms: NDArray[np.int32] | None
    labels: NDArray[np.int32]
    queries: NDArray[np.int8]
    least: NDArray[np.int32]
    k: int
    step: int
    unit: float
    plane: bool
    begin: int
    end: int
    sigma: float

    @property
    def room(self) -> int:
        """Of gf_within: at times too little for what there is."""
        return max(1, len(self.rows) // 2)

    def to_bytes(self) -> bytes:
        head = struct.pack(
            "<10i2f", *self.rows.shape, self.step, self.norms is not None, self.plane, self.begin, self.end,
            len(self.queries), self.k, self.room, self.unit, self.sigma,
        )  # fmt: skip
        norms = b"" if self.norms is None else self.norms.tobytes()
        return b"".join(
            (head, self.rows.tobytes(), norms, self.labels.tobytes(), self.queries.tobytes(), self.least.tobytes())
        )


@dataclass(frozen=True, eq=False)
class Answer:
    """What one path said of a case."""

    status: int
    scores: NDArray[np.int32]
    labels: NDArray[np.int32]
    rescored: int
    near: int
    near_scores: NDArray[np.int32]
    near_labels: NDArray[np.int32]
    near_rescored: int
    total: int


def drawn(seed: int, count: int) -> Iterator[Case]:
    """So many cases, the same for the same seed."""
    for number in range(count):
        yield _case(np.random.default_rng([seed, number]))


def _case(draw: np.random.Generator) -> Case:
    width, count = int(draw.choice(WIDTHS)), int(draw.choice(COUNTS))
    rows = _rows(draw, count, width)
    queries = _queries(draw, rows, int(draw.choice(QUERIES)))
    labels = draw.permutation(count * 3)[:count].astype(np.int32) * int(draw.choice((1, 500_000)))
    norms = np.square(rows.astype(np.int32)).sum(1, dtype=np.int32) if draw.random() < 0.7 else None
    step = int(draw.choice(STEPS))
    begin, end = (0, count) if draw.random() < 0.6 else (int(draw.integers(0, count)) // 16 * 16, count)
    if draw.random() < 0.3:
        end = int(draw.integers(begin, count + 1))
    k = int(draw.choice(MOST))
    unit = max(float(_residuals(rows, step).max()) / 255 * float(draw.choice((1.001, 1.1, 3.0))), 1e-3)
    sigma = float(draw.choice((0.0, 0.0, 0.0, 4.0)))
    scores = _scores(rows, norms, queries)[:, begin:end]
    least = np.array([_least(draw, each, k) for each in scores], np.int32)
    plane = draw.random() < 0.85
    return Case(rows, norms, labels, queries, least, k, step, unit, plane, begin, end, sigma)


def _rows(draw: np.random.Generator, count: int, width: int) -> NDArray[np.int8]:
    kind = draw.choice(("usual", "even", "clipped", "alike", "few", "zeros", "mixed"))
    usual = np.clip(np.rint(draw.standard_normal((count, width)) * 32), -TOP, TOP).astype(np.int8)
    even = draw.integers(-TOP, TOP + 1, (count, width)).astype(np.int8)
    clipped = draw.choice(np.array((-TOP, TOP), np.int8), (count, width))
    alike = usual[draw.integers(0, max(1, count // 8), count)]
    zeros = np.zeros((count, width), np.int8)
    if kind == "few":  # one number off a row that many have: scores lie close together
        few = alike.copy()
        few[np.arange(count), draw.integers(0, width, count)] = draw.integers(-TOP, TOP + 1, count)
        return few
    kinds = {"usual": usual, "even": even, "clipped": clipped, "alike": alike, "zeros": zeros}
    if kind == "mixed":
        return np.choose(draw.integers(0, 5, (count, 1)), list(kinds.values())).astype(np.int8)
    return kinds[str(kind)]


def _queries(draw: np.random.Generator, rows: NDArray[np.int8], count: int) -> NDArray[np.int8]:
    width = rows.shape[1]
    queries = rows[draw.integers(0, len(rows), count)].astype(np.int32)
    queries += np.rint(draw.standard_normal((count, width)) * float(draw.choice((0.0, 4.0, 40.0)))).astype(np.int32)
    extreme = draw.choice((TOP, -TOP, 0, 1), (count, 1))
    queries = np.where(draw.random((count, 1)) < 0.15, extreme, queries)
    return np.clip(queries, -TOP, TOP).astype(np.int8)


def _least(draw: np.random.Generator, scores: NDArray[np.int64], k: int) -> int:
    """Nothing, everything, or just at, below or above a score that there is."""
    kind = draw.choice(("all", "none", "zero", "kth", "some"))
    if kind == "all" or not len(scores):
        return LEAST
    if kind == "none":
        return GREATEST
    if kind == "zero":
        return 0
    ordered = np.sort(scores)[::-1]
    at = min(k, len(ordered)) - 1 if kind == "kth" else int(draw.integers(0, len(ordered)))
    return int(ordered[at]) + int(draw.integers(-1, 2))


def _scores(rows: NDArray[np.int8], norms: NDArray[np.int32] | None, queries: NDArray[np.int8]) -> NDArray[np.int64]:
    dots = queries.astype(np.int64) @ rows.T.astype(np.int64)
    return 2 * dots - (0 if norms is None else norms.astype(np.int64))


def _codes(rows: NDArray[np.int8], step: int) -> NDArray[np.int64]:
    return np.clip(np.floor_divide(rows.astype(np.int64), step) + 8, 0, 15)


def _residuals(rows: NDArray[np.int8], step: int) -> NDArray[np.float64]:
    off = rows.astype(np.float64) - step * (_codes(rows, step) - 7.5)
    return np.asarray(np.sqrt(np.square(off).sum(1)))


@dataclass(frozen=True, eq=False)
class Packed:
    """The plane and slack that were written, and how many rows are too far from their codes."""

    beyond: int
    plane: NDArray[np.uint8]
    slack: NDArray[np.uint8]


def read(case: Case, stream: BinaryIO, paths: Sequence[str]) -> tuple[Packed, dict[str, Answer]]:
    """What harness.c printed of a case. Raises EOFError when it stopped in the middle."""

    def numbers(count: int, kind: str) -> NDArray[np.generic]:
        size = count * np.dtype(kind).itemsize
        if len(found := stream.read(size)) < size:
            raise EOFError("the harness stopped in the middle of a case")
        return np.frombuffer(found, kind)

    def number() -> int:
        return int(numbers(1, "<i8")[0])

    count, width = case.rows.shape
    blocks = -(-count // 16)
    packed = Packed(number(), numbers(blocks * 8 * width, "u1"), numbers(blocks * 16, "u1"))
    answers = {}
    for path in paths:
        status, places = number(), len(case.queries) * case.k
        scores, labels = (numbers(places, "<i4").reshape(-1, case.k) for _ in range(2))
        rescored, near = number(), number()
        near_scores, near_labels = (numbers(case.room, "<i4") for _ in range(2))
        answers[path] = Answer(status, scores, labels, rescored, near, near_scores, near_labels, number(), number())
    return packed, answers


def wrong(case: Case, packed: Packed, answers: dict[str, Answer]) -> list[str]:
    """What is not as numpy says it is, by every path; nothing when all is right."""
    found = [f"packing: {each}" for each in _wrongly_packed(case, packed)]
    first = next(iter(answers.values()))
    scores = _scores(case.rows, case.norms, case.queries)[:, case.begin : case.end]
    labels = case.labels[case.begin : case.end]
    best = [_best(each, labels, int(least), case.k) for each, least in zip(scores, case.least, strict=True)]
    near = np.flatnonzero(scores[0] >= case.least[0])
    kept = near[: case.room]
    for path, answer in answers.items():
        wanted = [(first.scores, first.labels)] if case.sigma and case.plane else [_columns(best, case.k)]
        same = all(np.array_equal(answer.scores, s) and np.array_equal(answer.labels, n) for s, n in wanted)
        checks = {
            "status": answer.status == 0,
            "the best k": same,
            "how many are near": answer.near == len(near),
            "who is near": np.array_equal(answer.near_scores[: len(kept)], scores[0][kept])
            and np.array_equal(answer.near_labels[: len(kept)], labels[kept]),
            "rows compared in full": (answer.rescored, answer.near_rescored) == (first.rescored, first.near_rescored),
            "the sum": answer.total == _total(case.rows.tobytes()[: case.rows.size - case.begin % 7]),
        }
        found += [f"{path}: {what}" for what, right in checks.items() if not right]
    return found


def _best(scores: NDArray[np.int64], labels: NDArray[np.int32], least: int, k: int) -> list[tuple[int, int]]:
    order = np.lexsort((labels, -scores))
    return [(int(scores[at]), int(labels[at])) for at in order.tolist() if scores[at] >= least][:k]


def _columns(best: list[list[tuple[int, int]]], k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    padded = np.array([each + [(LEAST, -1)] * (k - len(each)) for each in best], np.int64)
    return padded[:, :, 0], padded[:, :, 1]


def _wrongly_packed(case: Case, packed: Packed) -> Iterator[str]:
    count, width = case.rows.shape
    codes = np.zeros((-(-count // 16) * 16, width), np.int64)
    codes[:count] = _codes(case.rows, case.step)
    halves = codes.reshape(-1, 16, width // 8, 2, 4).transpose(0, 2, 3, 1, 4)  # block, line, half, row, number
    if not np.array_equal(packed.plane, (halves[:, :, 0] | halves[:, :, 1] << 4).reshape(-1)):
        yield "the codes"
    slack, unit = packed.slack[:count] * float(np.float32(case.unit)), float(np.float32(case.unit))
    residuals = _residuals(case.rows, case.step)
    if not (slack >= residuals).all():
        yield "slack that is less than the residual"
    if not (slack < residuals + 1.001 * unit).all():
        yield "slack that is more than it need be"
    if packed.beyond:
        yield f"{packed.beyond} rows beyond 255 units"


def _total(content: bytes) -> int:
    """As gf_read has it: of 64-bit words while there are four, of bytes at the end."""
    whole = len(content) // 32 * 32
    words = np.frombuffer(content[:whole], "<u8")
    total = int(np.add.reduce(words, dtype=np.uint64)) + sum(content[whole:])
    return (total + 2**63) % 2**64 - 2**63
