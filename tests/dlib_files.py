"""dlib network files as dlib writes them, with weights of a test's choosing."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.convert import dlib_network

Floats = NDArray[np.float32]


def integer(value: int) -> bytes:
    raw = abs(value).to_bytes((abs(value).bit_length() + 7) // 8 or 1, "little")
    return bytes([len(raw) | (0x80 if value < 0 else 0)]) + raw


def real(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return integer(int(mantissa * 2**24)) + integer(exponent - 24)


def tensor(values: Iterable[float], shape: tuple[int, int, int, int]) -> bytes:
    content = np.asarray(list(values) if not isinstance(values, np.ndarray) else values, "<f4").tobytes()
    return integer(2) + b"".join(map(integer, shape)) + content


def tag(name: str) -> bytes:
    return integer(len(name)) + name.encode()


def convolution(weights: list[float] | Floats, sizes: tuple[int, ...]) -> bytes:
    return tag("con_4") + tensor(weights, (len(weights), 1, 1, 1)) + b"".join(map(integer, sizes))


def affine(values: list[float] | Floats) -> bytes:
    return tag("affine_") + tensor(values, (len(values), 1, 1, 1))


def network(seed: int = 0, mean: tuple[float, float, float] = (122.782, 117.001, 104.298)) -> bytes:
    """The whole 29-convolution network with random weights: 22 MB that tell nobody from anybody."""
    chance = np.random.default_rng(seed)

    def drawn(count: int, inputs: int) -> Floats:
        return chance.normal(0, math.sqrt(2 / inputs), count).astype(np.float32)

    parts = [tag("loss_metric_2"), real(0.04), tag("input_rgb_image_sized"), *map(real, mean)]
    for inputs, sizes in dlib_network.sizes():
        filters, rows, columns = sizes[:3]
        each = inputs * rows * columns
        parts.append(convolution(np.concatenate([drawn(filters * each, each), np.zeros(filters, "f4")]), sizes))
        parts.append(affine(np.concatenate([np.ones(filters, "f4"), np.zeros(filters, "f4")])))
    parts += [tag("fc_2"), integer(128), integer(256), tensor(drawn(128 * 256, 256), (256, 128, 1, 1))]
    return b"".join(parts)
