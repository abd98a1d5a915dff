"""dlib's 29-convolution face recognition ResNet as a float32 TFLite file.

Input 1x150x150x3 RGB, 0..255, float32; output 1x128. The vectors are neither of unit length (1.22 to 1.60 on the
development faces) nor centred: compare them by L2 distance.

    stem      7x7 stride 2 VALID, ReLU, 3x3 max pool stride 2
    stages    3 blocks of 32 channels, then each beginning with a halving block: 4 of 64, 3 of 128, 3 of 256, 1 of 256
    block     3x3 SAME ReLU, 3x3 SAME, ADD of its input, ReLU
    halving   3x3 stride 2 VALID ReLU, 3x3 SAME, ADD of the 2x2 average pool of its input, ReLU
    head      2x2 average pool, dense 256 -> 128 without bias

In a halving block the two branches disagree in channels (the pool keeps the old count) and sometimes in size; dlib pads
the smaller with zeros at the end. What is folded into the convolutions stands in `dlib_network`.
"""

from collections.abc import Iterator

from . import dlib_network
from .dlib_network import STAGES, Convolution
from .tflite_writer import OP, RELU, Graph


def build(content: bytes) -> bytes:
    """The TFLite file for a dlib `.dat`. Raises ValueError when it is another network."""
    convolutions, dense = dlib_network.folded(content)
    rest = iter(convolutions)
    graph = Graph([1, 150, 150, 3])
    x = graph.conv(graph.input, *next(rest), 2, "VALID", RELU)
    x = graph.pool(x, 3, 2, OP.MAX_POOL_2D)
    for halves, _, plain_blocks in STAGES:
        if halves:
            x = _halving(graph, x, rest)
        for _ in range(plain_blocks):
            x = _block(graph, x, rest)
    x = graph.reshape(graph.pool(x, 2, 1, OP.AVERAGE_POOL_2D), [1, 256])
    return graph.model(graph.dense(x, dense), "minitfl")


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
