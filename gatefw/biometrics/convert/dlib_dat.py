"""Read the layers of a dlib network file.

dlib writes a network as nested C++ templates, so there is no table of contents. What there is: every layer begins with
its version string (`con_4`, `affine_`, `fc_2`), written as a length and ASCII. This finds those strings in order and
decodes what follows each.

    integer  one byte (bit 7: negative, low four bits: how many bytes follow), then those bytes, little endian
    float    two integers: mantissa, and the power of two that it is multiplied by
    tensor   integer version (2), four integers of shape, float32 little endian
    con_     tensor of weights then biases; integers: filters, rows, columns, stride y, stride x, padding y, padding x
    affine_  tensor of gammas then betas
    fc_      integers outputs, inputs; tensor stored inputs x outputs
"""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TAG = re.compile(rb"\x01([\x04-\x0f])(con_[0-9]?|affine_|fc_[0-9]?)")


@dataclass(frozen=True)
class Layer:
    """One layer: `name` is dlib's version string, `sizes` the integers beside its tensor, `values` flat float32."""

    name: str
    sizes: tuple[int, ...]
    values: NDArray[np.float32]


class _Reader:
    def __init__(self, content: bytes, position: int) -> None:
        self.content, self.position = content, position

    def integer(self) -> int:
        if self.position >= len(self.content):
            raise ValueError(f"dlib file ends at {self.position}, where an integer should begin")
        head = self.content[self.position]
        length = head & 0x0F
        end = self.position + 1 + length
        if length > 8 or end > len(self.content):
            raise ValueError(f"dlib integer of {length} bytes at {self.position} of {len(self.content)}")
        value = int.from_bytes(self.content[self.position + 1 : end], "little")
        self.position = end
        return -value if head & 0x80 else value

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def real(self) -> float:
        mantissa, exponent = self.integers(2)
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise ValueError(f"dlib number of {mantissa} * 2 ** {exponent} before {self.position}") from None

    def tensor(self) -> NDArray[np.float32]:
        version = self.integer()
        if version != 2:
            raise ValueError(f"dlib tensor version {version} at {self.position}, only 2 is known")
        shape = self.integers(4)
        count = math.prod(shape)
        if min(shape) < 0 or self.position + 4 * count > len(self.content):
            raise ValueError(f"dlib tensor of shape {shape} at {self.position} does not fit the file")
        values = np.frombuffer(self.content, "<f4", count, self.position)
        self.position += 4 * count
        return values


def layers(content: bytes) -> list[Layer]:
    """All layers in file order (input side first for the recognition network). Raises ValueError on a damaged file."""
    found, position = [], 0
    while match := _TAG.search(content, position):
        start = match.start() + 2
        name = content[start : start + match.group(1)[0]].decode("latin1")
        reader = _Reader(content, start + len(name))
        if name.startswith("con_"):
            values = reader.tensor()
            layer = Layer(name, reader.integers(7), values)
        elif name.startswith("fc_"):
            sizes = reader.integers(2)
            layer = Layer(name, sizes, reader.tensor())
        else:
            layer = Layer(name, (), reader.tensor())
        found.append(layer)
        position = reader.position
    return found


def numbers(content: bytes, position: int, count: int) -> list[float]:
    """So many floats from a position on. Raises ValueError on a damaged file."""
    reader = _Reader(content, position)
    return [reader.real() for _ in range(count)]
