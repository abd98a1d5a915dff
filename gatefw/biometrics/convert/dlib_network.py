"""Is a dlib file the 29-convolution face recognition ResNet? Its weights, checked and folded; numpy alone is needed.

Every size is held against the network's own: whatever else a file holds, it is refused before anything is made of it.
Each affine layer folds into the convolution before it, and so does the normalisation of the input, (RGB - mean) / 256,
with the mean that the file says: exactly, because the first convolution is VALID and so never pads pixels that were not
normalised.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import dlib_dat
from .dlib_dat import Layer

Weights = NDArray[np.float32]
Convolution = tuple[Weights, Weights]

FILE_BYTES_MAX = 64_000_000
"""The published file has 22 million."""
STAGES = ((False, 32, 3), (True, 64, 3), (True, 128, 2), (True, 256, 2), (True, 256, 0))
"""Begins with a halving block, channels, plain blocks."""
INPUT = b"input_rgb_image_sized"
OUTPUTS = 128


def folded(content: bytes) -> tuple[list[Convolution], Weights]:
    """Each convolution (outputs x rows x columns x inputs, and biases) and the dense weights (outputs x inputs).

    Raises ValueError, saying what was found, when the content is not this network, damaged or not finite.
    """
    found, wanted = dlib_dat.layers(content), list(sizes())
    if len(found) != 2 * len(wanted) + 1:
        raise ValueError(f"{len(found)} layers instead of {2 * len(wanted) + 1}")
    convolutions = [
        _convolution(number, convolution, affine, *sizes)
        for number, (convolution, affine, sizes) in enumerate(zip(found[:-1:2], found[1:-1:2], wanted, strict=True))
    ]
    channels, dense = STAGES[-1][1], found[-1]
    if not dense.name.startswith("fc_") or dense.sizes != (OUTPUTS, channels):
        raise ValueError(f"the last layer is {dense.name} of {dense.sizes} instead of fc_ of {(OUTPUTS, channels)}")
    _require(dense.values, OUTPUTS * channels, "the last layer")
    weights, bias = convolutions[0]
    shift = (weights * (_mean_rgb(content) / np.float32(256))).sum((1, 2, 3))
    convolutions[0] = weights / np.float32(256), bias - shift
    return convolutions, dense.values.reshape(channels, OUTPUTS).T


def sizes() -> Iterator[tuple[int, tuple[int, ...]]]:
    """Of each convolution in order: its inputs, and filters, rows, columns, strides and paddings."""
    yield 3, (32, 7, 7, 2, 2, 0, 0)
    before = 32
    for halves, channels, plain_blocks in STAGES:
        if halves:
            yield before, (channels, 3, 3, 2, 2, 0, 0)
            yield channels, (channels, 3, 3, 1, 1, 1, 1)
        for _ in range(2 * plain_blocks):
            yield channels, (channels, 3, 3, 1, 1, 1, 1)
        before = channels


def _convolution(number: int, layer: Layer, affine: Layer, inputs: int, sizes: tuple[int, ...]) -> Convolution:
    which = f"convolution {number + 1}"
    if not layer.name.startswith("con_") or affine.name != "affine_" or layer.sizes != sizes:
        raise ValueError(f"{which} is {layer.name} of {layer.sizes} and {affine.name}, instead of con_ of {sizes}")
    filters, rows, columns = sizes[:3]
    _require(layer.values, filters * (inputs * rows * columns + 1), which)
    _require(affine.values, 2 * filters, f"the affine layer of {which}")
    gamma, beta = affine.values[:filters], affine.values[filters:]
    weights = layer.values[:-filters].reshape(filters, inputs, rows, columns) * gamma[:, None, None, None]
    return weights.transpose(0, 2, 3, 1), layer.values[-filters:] * gamma + beta


def _require(values: Weights, count: int, which: str) -> None:
    if values.size != count:
        raise ValueError(f"{which} has {values.size} numbers instead of {count}")
    if not np.isfinite(values).all():
        raise ValueError(f"{which} has numbers that are not finite")


def _mean_rgb(content: bytes) -> Weights:
    """What the network subtracts from its input, 0..255: behind the name of its input layer."""
    at = content.find(INPUT)
    if at < 0:
        raise ValueError(f"no input layer {INPUT.decode()}")
    mean = dlib_dat.numbers(content, at + len(INPUT), 3)
    if not all(0 <= each <= 255 for each in mean):
        raise ValueError(f"its input layer subtracts {mean}, where 0 to 255 are wanted")
    return np.array(mean, np.float32)
