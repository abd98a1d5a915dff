"""The rows of an index in memory: as int8 numbers, and as what the compiled kernel reads of them first.

plane: four bits of each number, 16 rows interleaved        slack: how far a row is from its four bits, in `unit`
floors: the least square of a length among 16 rows          labels: under which label each row was put
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

kernel: Any
"""None where it was not built."""
try:
    from gatefw.biometrics import _kernel as kernel  # type: ignore[attr-defined,no-redef]
except ImportError:
    kernel = None

Labels = NDArray[np.int32]

CODE_STEP = 7
"""Of the plane's four bits, in int8 steps: about a third of a standard deviation leaves the least residual."""


class RowStore:
    """`count` rows without a gap, in no order, each of `width` numbers; whoever has it keeps threads apart.

    coded: for the kernel; without it the rows alone. What is no row any more is zeros.
    """

    rows: NDArray[np.int8]
    norms: Labels
    floors: Labels
    labels: Labels
    plane: NDArray[np.uint8]
    slack: NDArray[np.uint8]

    def __init__(self, width: int, room: int, *, coded: bool) -> None:
        self._width, self._coded = width, coded
        self.count, self.unit = 0, 0.0
        self._at = np.full(0, -1, np.int32)  # by label
        self._arrays(room)

    def put(self, labels: NDArray[np.int64], rows: NDArray[np.int8]) -> None:
        """Add rows, or replace those of the same labels; no label twice."""
        at = self._places(labels)
        self.rows[at] = rows
        self.norms[at] = np.square(rows.astype(np.int32)).sum(1)
        self.labels[at] = labels
        self._pack(at)

    def of(self, labels: list[int]) -> NDArray[np.int8]:
        """The rows of labels that are there."""
        return self.rows[self._at[labels]]

    def remove(self, labels: Sequence[int] | Labels) -> None:
        """Overwrite rows, if they are there; the last ones take their places."""
        touched = set[int]()
        for label in labels:
            at = int(self._at[label]) if 0 <= label < len(self._at) else -1
            if at < 0:
                continue
            self._at[label] = -1
            self.count = last = self.count - 1
            if at != last:
                for part in (self.rows, self.norms, self.labels):
                    part[at] = part[last]
                self._at[self.labels[at]] = at
            self.rows[last] = 0
            self.norms[last] = self.labels[last] = 0
            touched |= {at, last}
        self._pack(np.array(sorted(touched), np.int64))

    def clear(self) -> None:
        """Overwrite all."""
        self.count = 0
        for part in (self.rows, self.norms, self.floors, self.labels, self.plane, self.slack):
            part.fill(0)
        self._at = np.full(0, -1, np.int32)

    def _places(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the rows of these labels are, or will be."""
        top = int(labels.max(initial=-1)) + 1
        if top > len(self._at):
            grown = np.full(max(top, 2 * len(self._at)), -1, np.int32)
            grown[: len(self._at)] = self._at
            self._at = grown
        at = self._at[labels].astype(np.int64)
        fresh = at < 0
        more = int(fresh.sum())
        if self.count + more > len(self.labels):
            self._arrays(max(self.count + more, 2 * len(self.labels)))
        at[fresh] = np.arange(self.count, self.count + more)
        self._at[labels[fresh]] = at[fresh]
        self.count += more
        return at

    def _arrays(self, room: int) -> None:
        """Arrays for so many rows, with those that there are; the earlier ones are overwritten."""
        room = -(-max(room, 1) // 16) * 16
        width, coded = self._width, room if self._coded else 0
        parts: dict[str, tuple[tuple[int, ...], type]] = {
            "rows": ((room, width), np.int8),
            "norms": ((room,), np.int32),
            "floors": ((coded // 16,), np.int32),
            "labels": ((room,), np.int32),
            "plane": ((coded // 16, 8 * width), np.uint8),
            "slack": ((coded,), np.uint8),
        }
        for name, (shape, kind) in parts.items():
            fresh = _aligned(shape, kind)
            old = getattr(self, name, None)
            if old is not None:
                fresh[: len(old)] = old
                old.fill(0)
            setattr(self, name, fresh)

    def _pack(self, at: NDArray[np.int64]) -> None:
        """Write the codes of these rows; of all rows, when they are farther from their codes than any before."""
        if not self._coded or not len(at):
            return
        blocks = np.unique(at // 16)
        self.floors[blocks] = self.norms.reshape(-1, 16)[blocks].min(1)
        runs = np.split(at, np.flatnonzero(np.diff(at) != 1) + 1)
        if self.unit == 0 or any(self._packed(int(run[0]), len(run)) for run in runs):
            worst = kernel.residual(self.rows, self.count, self._width, CODE_STEP)
            self.unit = max(self.unit, 1.1 * worst / 255, 1e-3)
            self._packed(0, max(self.count, int(at.max()) + 1))

    def _packed(self, first: int, count: int) -> int:
        beyond: int = kernel.pack(self.rows, first, count, self._width, CODE_STEP, self.unit, self.plane, self.slack)
        return beyond


def _aligned(shape: tuple[int, ...], kind: type) -> NDArray[Any]:
    """Zeros that begin at a multiple of 64 bytes, a line of the processor's cache."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    raw = np.zeros(size + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + size].view(kind).reshape(shape)
