"""The converter's parts: what it reads and writes, and that its comparison tells a wrong model from a right one."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("flatbuffers", reason="flatbuffers comes with ai-edge-litert, which this environment lacks")
litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

from gatefw.biometrics.convert import dlib_dat, dlib_resnet  # noqa: E402
from gatefw.biometrics.convert.compare import compare, draw_face  # noqa: E402
from gatefw.biometrics.convert.tflite_writer import NONE, OP, RELU, Graph  # noqa: E402

# ---------------------------------------------------------------- dlib files


def integer(value: int) -> bytes:
    raw = abs(value).to_bytes((abs(value).bit_length() + 7) // 8 or 1, "little")
    return bytes([len(raw) | (0x80 if value < 0 else 0)]) + raw


def tensor(values: list[float], shape: tuple[int, int, int, int]) -> bytes:
    return integer(2) + b"".join(map(integer, shape)) + struct.pack(f"<{len(values)}f", *values)


def tag(name: str) -> bytes:
    return integer(len(name)) + name.encode()


def convolution(weights: list[float], sizes: tuple[int, ...]) -> bytes:
    return tag("con_4") + tensor(weights, (len(weights), 1, 1, 1)) + b"".join(map(integer, sizes))


floats = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40)


@given(floats, floats, st.lists(st.integers(-300, 70_000), min_size=7, max_size=7))
def test_layers_come_out_in_file_order_with_their_numbers(
    weights: list[float], gammas: list[float], sizes: list[int]
) -> None:
    content = (
        b"\x01\x02xx" + convolution(weights, tuple(sizes)) + tag("affine_") + tensor(gammas, (len(gammas), 1, 1, 1))
    )
    content += tag("fc_2") + integer(1) + integer(2) + tensor([1.0, 2.0], (2, 1, 1, 1))
    found = dlib_dat.layers(content)
    assert [layer.name for layer in found] == ["con_4", "affine_", "fc_2"]
    assert [layer.sizes for layer in found] == [tuple(sizes), (), (1, 2)]
    assert found[0].values.tolist() == weights
    assert found[1].values.tolist() == gammas


@given(st.data())
def test_a_damaged_file_is_a_value_error_and_never_a_crash(data: st.DataObject) -> None:
    whole = bytearray(convolution([1.0, 2.0, 3.0], (1, 1, 1, 2, 2, 0, 0)))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        found = dlib_dat.layers(cut)
    except ValueError:
        return
    assert all(layer.values.size * 4 <= len(cut) for layer in found)


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="1 layers instead of 59"):
        dlib_resnet.build(convolution([1.0, 0.0], (1, 1, 1, 1, 1, 0, 0)))


# ---------------------------------------------------------------- TFLite files


def run(model: bytes, picture: np.ndarray) -> np.ndarray:
    interpreter = litert.Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None].astype(np.float32))
    interpreter.invoke()
    result: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return result[0]


def embedder(seed: int, side: int = 8, bias: float = 0.0) -> bytes:
    """A tiny network with every operator the writer knows."""
    rng = np.random.default_rng(seed)
    graph = Graph([1, side, side, 3])
    weights = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    x = graph.conv(graph.input, weights, np.full(4, bias, np.float32), 1, "SAME", RELU)
    x = graph.add(
        x, graph.pad_to(graph.pool(graph.pool(x, 2, 2, OP.MAX_POOL_2D), 1, 1, OP.MAX_POOL_2D), graph.shape(x))
    )
    size = graph.shape(x)[1]
    x = graph.reshape(graph.pool(x, size, 1, OP.AVERAGE_POOL_2D), [1, 4])
    return graph.model(graph.dense(x, rng.normal(size=(6, 4)).astype(np.float32)), "tiny")


def test_a_written_convolution_computes_what_numpy_computes() -> None:
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(2, 3, 3, 3)).astype(np.float32), np.array([0.5, -0.5], np.float32)
    graph = Graph([1, 5, 5, 3])
    model = graph.model(graph.conv(graph.input, weights, bias, 2, "VALID", NONE), "conv")
    picture = rng.normal(size=(5, 5, 3)).astype(np.float32)
    expected = np.zeros((2, 2, 2))
    for row in range(2):
        for column in range(2):
            patch = picture[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected[row, column] = (weights * patch).sum((1, 2, 3)) + bias
    assert run(model, picture) == pytest.approx(expected, abs=1e-4)


def test_padding_adds_zeros_at_the_end_of_each_axis_only() -> None:
    graph = Graph([1, 2, 2, 3])
    model = graph.model(graph.pad_to(graph.input, [1, 3, 3, 4]), "pad")
    picture = np.arange(1.0, 13.0).reshape(2, 2, 3)
    padded = run(model, picture)
    assert np.array_equal(padded[:2, :2, :3], picture)
    assert padded.sum() == picture.sum()
    assert graph.pad_to(graph.input, [1, 2, 2, 3]) == graph.input


def test_the_comparison_finds_a_model_equal_to_itself_and_different_from_another() -> None:
    same = compare(embedder(1), embedder(1), "embed")
    assert same == {"same_shapes": True, "difference": 0.0}
    other = compare(embedder(1), embedder(2), "embed")
    assert other["same_shapes"]
    assert other["difference"] > 0.15


@pytest.mark.parametrize(("kind", "low", "high"), [("embed", 0, 255), ("detect", -1, 1)])
def test_drawn_faces_are_in_the_range_of_the_networks_and_differ(kind: str, low: float, high: float) -> None:
    drawn = [draw_face(64, kind, np.random.default_rng(n)) for n in range(3)]
    assert all(face.shape == (64, 64, 3) and face.min() >= low and face.max() <= high for face in drawn)
    assert not np.array_equal(drawn[0], drawn[1])
