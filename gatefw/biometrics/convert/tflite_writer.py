"""A small writer of float32 TFLite files: numpy and flatbuffers, with the schema that ships in ai-edge-litert.

Easy to get wrong:
  * Both builtinCode and deprecatedBuiltinCode must be set. Old readers look at the second; the quantizer looks at the
    first alone and takes a missing one for 0, which is ADD.
  * A signature is needed: the quantizer finds inputs by signature name.
  * Buffer 0 must be the empty one.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike, NDArray

OP = schema.BuiltinOperator
RELU = schema.ActivationFunctionType.RELU
NONE = schema.ActivationFunctionType.NONE

Weights = NDArray[np.float32]


def pack(model: Any) -> bytes:
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def unpack(content: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def buffer(content: bytes) -> Any:
    made = schema.BufferT()
    made.data = np.frombuffer(content, np.uint8) if content else None
    return made


def signature(inputs: Sequence[int], outputs: Sequence[int]) -> Any:
    """`serving_default` with the inputs and outputs named `input`, `output_0`, `output_1` ..."""

    def entry(name: str, tensor: int) -> Any:
        made = schema.TensorMapT()
        made.name, made.tensorIndex = name.encode(), int(tensor)
        return made

    made = schema.SignatureDefT()
    made.signatureKey, made.subgraphIndex = b"serving_default", 0
    made.inputs = [entry("input", inputs[0])]
    made.outputs = [entry(f"output_{i}", tensor) for i, tensor in enumerate(outputs)]
    return made


class Graph:
    """One graph, rows x columns x channels, batch 1. Every method returns the number of the tensor it made."""

    def __init__(self, input_shape: Sequence[int]) -> None:
        self._buffers: list[bytes] = [b""]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[Any] = []
        self.input = self._tensor(input_shape, name="input")

    def shape(self, tensor: int) -> list[int]:
        return [int(d) for d in self._tensors[tensor].shape]

    def conv(self, x: int, weights: Weights, bias: Weights, stride: int, padding: str, activation: int = NONE) -> int:
        """`weights`: outputs x rows x columns x inputs. `padding`: VALID or SAME."""
        n, height, width, _ = self.shape(x)
        outputs, rows, columns, _ = weights.shape
        if padding == "VALID":
            size = [(height - rows) // stride + 1, (width - columns) // stride + 1]
        else:
            size = [-(-height // stride), -(-width // stride)]
        options = schema.Conv2DOptionsT()
        options.padding = getattr(schema.Padding, padding)
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = activation
        inputs = [x, self._constant(weights), self._constant(bias)]
        return self._operator(OP.CONV_2D, inputs, [n, *size, outputs], "Conv2DOptions", options)

    def pool(self, x: int, size: int, stride: int, code: int) -> int:
        """`code`: OP.MAX_POOL_2D or OP.AVERAGE_POOL_2D, without padding."""
        n, height, width, channels = self.shape(x)
        options = schema.Pool2DOptionsT()
        options.padding, options.fusedActivationFunction = schema.Padding.VALID, NONE
        options.strideH = options.strideW = stride
        options.filterHeight = options.filterWidth = size
        shape = [n, (height - size) // stride + 1, (width - size) // stride + 1, channels]
        return self._operator(code, [x], shape, "Pool2DOptions", options)

    def pad_to(self, x: int, shape: Sequence[int]) -> int:
        """Zeros at the end of each axis until `shape` is reached; `x` itself when it has that shape already."""
        if self.shape(x) == list(shape):
            return x
        pads = np.array([[0, want - have] for have, want in zip(self.shape(x), shape, strict=True)], np.int32)
        return self._operator(OP.PAD, [x, self._constant(pads)], shape, "PadOptions", schema.PadOptionsT())

    def add(self, a: int, b: int, activation: int = NONE) -> int:
        options = schema.AddOptionsT()
        options.fusedActivationFunction = activation
        return self._operator(OP.ADD, [a, b], self.shape(a), "AddOptions", options)

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        target = np.array(shape, np.int32)
        options = schema.ReshapeOptionsT()
        options.newShape = target
        return self._operator(OP.RESHAPE, [x, self._constant(target)], shape, "ReshapeOptions", options)

    def dense(self, x: int, weights: Weights) -> int:
        """`weights`: outputs x inputs; no bias."""
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction, options.weightsFormat, options.keepNumDims = NONE, 0, False
        inputs = [x, self._constant(weights)]
        shape = [1, weights.shape[0]]
        return self._operator(OP.FULLY_CONNECTED, inputs, shape, "FullyConnectedOptions", options)

    def model(self, output: int | Sequence[int], description: str) -> bytes:
        outputs = [output] if isinstance(output, int) else list(output)
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.name = self._tensors, self._operators, b"main"
        graph.inputs, graph.outputs = np.array([self.input], np.int32), np.array(outputs, np.int32)
        model = schema.ModelT()
        model.version, model.description = 3, description.encode()
        model.operatorCodes, model.subgraphs = self._codes, [graph]
        model.buffers = [buffer(content) for content in self._buffers]
        model.signatureDefs = [signature([self.input], outputs)]
        return pack(model)

    def _tensor(
        self, shape: Sequence[int], content: bytes = b"", dtype: int = schema.TensorType.FLOAT32, name: str = ""
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.hasRank = np.array(shape, np.int32), dtype, True
        tensor.name = (name or f"t{len(self._tensors)}").encode()
        tensor.buffer = 0
        if content:
            self._buffers.append(content)
            tensor.buffer = len(self._buffers) - 1
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _constant(self, values: ArrayLike) -> int:
        array = np.asarray(values)
        if array.dtype == np.int32:
            return self._tensor(array.shape, array.tobytes(), schema.TensorType.INT32)
        return self._tensor(array.shape, np.ascontiguousarray(array, "<f4").tobytes())

    def _code(self, code: int) -> int:
        for number, known in enumerate(self._codes):
            if known.builtinCode == code:
                return number
        made = schema.OperatorCodeT()
        made.builtinCode, made.deprecatedBuiltinCode, made.version = code, min(code, 127), 1
        self._codes.append(made)
        return len(self._codes) - 1

    def _operator(self, code: int, inputs: list[int], shape: Sequence[int], kind: str, options: Any) -> int:
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs = self._code(code), np.array(inputs, np.int32)
        output = self._tensor(shape)
        operator.outputs = np.array([output], np.int32)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = options
        self._operators.append(operator)
        return output
