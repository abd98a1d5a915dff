"""dlib's 29-convolution face recognition ResNet as a float32 TFLite file.

Input 1x150x150x3 RGB, 0..255, float32; output 1x128. The vectors are neither of unit length (1.22 to 1.60 on the
development faces) nor centred: compare them by L2 distance.

    stem      7x7 stride 2 VALID, ReLU, 3x3 max pool stride 2
    stages    3 blocks of 32 channels, then each beginning with a halving block: 4 of 64, 3 of 128, 3 of 256, 1 of 256
    block     3x3 SAME ReLU, 3x3 SAME, ADD of its input, ReLU
    halving   3x3 stride 2 VALID ReLU, 3x3 SAME, ADD of the 2x2 average pool of its input, ReLU
    head      2x2 average pool, dense 256 -> 128 without bias

In a halving block the two branches disagree in channels (the pool keeps the old count) and sometimes in size; dlib pads
the smaller with zeros at the end. The affine layers fold into the convolutions, and so does the normalisation of the
input, (RGB - mean) / 256: exactly, because the first convolution is VALID and so never pads un-normalised pixels.
"""

from collections.abc import Iterator

import numpy as np

from . import dlib_dat
from .tflite_writer import OP, RELU, Graph, Weights

MEAN_RGB = np.array([122.782, 117.001, 104.298], np.float32)
STAGES = ((False, 3), (True, 3), (True, 2), (True, 2), (True, 0))  # (begins with a halving block, plain blocks)

Convolution = tuple[Weights, Weights]


def build(content: bytes) -> bytes:
    """The TFLite file for a dlib `.dat`. Raises ValueError when it is another network."""
    convolutions, dense = _folded(content)
    weights, bias = convolutions[0]
    bias = bias - (weights * (MEAN_RGB / 256)).sum((1, 2, 3))
    weights = weights / np.float32(256)
    rest = iter(convolutions[1:])
    graph = Graph([1, 150, 150, 3])
    x = graph.conv(graph.input, weights, bias, 2, "VALID", RELU)
    x = graph.pool(x, 3, 2, OP.MAX_POOL_2D)
    for halves, plain_blocks in STAGES:
        if halves:
            x = _halving(graph, x, rest)
        for _ in range(plain_blocks):
            x = _block(graph, x, rest)
    x = graph.reshape(graph.pool(x, 2, 1, OP.AVERAGE_POOL_2D), [1, 256])
    return graph.model(graph.dense(x, dense), "minitfl")


def _folded(content: bytes) -> tuple[list[Convolution], Weights]:
    """Each convolution with its affine layer folded in (outputs x rows x columns x inputs), and the dense weights."""
    found = dlib_dat.layers(content)
    if len(found) != 59 or not found[-1].name.startswith("fc_"):
        raise ValueError(f"not the 29-convolution recognition network: {len(found)} layers instead of 59")
    convolutions = []
    for layer, affine in zip(found[:-1:2], found[1:-1:2], strict=True):
        if not layer.name.startswith("con_") or affine.name != "affine_":
            raise ValueError(f"unexpected order of layers: {layer.name}, {affine.name}")
        filters, rows, columns = layer.sizes[:3]
        gamma, beta = affine.values[:filters], affine.values[filters:]
        weights = layer.values[:-filters].reshape(filters, -1, rows, columns) * gamma[:, None, None, None]
        convolutions.append((weights.transpose(0, 2, 3, 1), layer.values[-filters:] * gamma + beta))
    return convolutions, found[-1].values.reshape(256, 128).T


def _block(graph: Graph, x: int, rest: Iterator[Convolution]) -> int:
    first, second = next(rest), next(rest)
    y = graph.conv(graph.conv(x, *first, 1, "SAME", RELU), *second, 1, "SAME")
    return graph.add(y, x, RELU)


def _halving(graph: Graph, x: int, rest: Iterator[Convolution]) -> int:
    first, second = next(rest), next(rest)
    y = graph.conv(graph.conv(x, *first, 2, "VALID", RELU), *second, 1, "SAME")
    skip = graph.pool(x, 2, 2, OP.AVERAGE_POOL_2D)
    shape = [max(pair) for pair in zip(graph.shape(y), graph.shape(skip), strict=True)]
    return graph.add(graph.pad_to(y, shape), graph.pad_to(skip, shape), RELU)
