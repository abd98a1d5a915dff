"""The converter's parts: what it reads and writes, and that its comparison tells a wrong model from a right one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("flatbuffers", reason="flatbuffers comes with ai-edge-litert, which this environment lacks")
litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

from dlib_files import affine, convolution, integer, network, real, tag, tensor  # noqa: E402

from gatefw.biometrics.convert import dlib_dat, dlib_network, dlib_resnet, ranges  # noqa: E402
from gatefw.biometrics.convert.compare import compare, draw_face  # noqa: E402
from gatefw.biometrics.convert.tflite_writer import NONE, OP, RELU, Graph  # noqa: E402

# ---------------------------------------------------------------- dlib files


floats = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=40)


@given(floats, floats, st.lists(st.integers(-300, 70_000), min_size=7, max_size=7))
def test_layers_come_out_in_file_order_with_their_numbers(
    weights: list[float], gammas: list[float], sizes: list[int]
) -> None:
    content = b"\x01\x02xx" + convolution(weights, tuple(sizes)) + affine(gammas)
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


@given(st.floats(-1e6, 1e6))
def test_a_float_comes_out_as_the_nearest_that_24_bits_hold(value: float) -> None:
    assert dlib_dat.numbers(b"xx" + real(value) + real(1.5), 2, 2) == [pytest.approx(value, rel=1e-6), 1.5]


def test_a_float_beyond_all_numbers_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="dlib number of"):
        dlib_dat.numbers(integer(1) + integer(2**40), 0, 1)


WHOLE = network()


def test_the_network_is_built_and_its_normalisation_is_the_files_own() -> None:
    chip = np.random.default_rng(0).integers(0, 256, (150, 150, 3)).astype(np.float32)
    first = run(dlib_resnet.build(WHOLE), chip)
    shifted = run(dlib_resnet.build(network(mean=(112.782, 107.001, 94.298))), chip - 10)
    assert first.shape == (128,)
    assert shifted == pytest.approx(first, rel=1e-3, abs=1e-3)


def test_a_convolution_comes_out_with_its_affine_layer_folded_in() -> None:
    convolutions, dense = dlib_network.folded(WHOLE)
    assert [weights.shape for weights, _ in convolutions[:2]] == [(32, 7, 7, 3), (32, 3, 3, 32)]
    assert len(convolutions) == 29
    assert dense.shape == (128, 256)
    doubled = WHOLE.replace(affine(np.repeat(np.float32([1, 0]), 32)), affine(np.repeat(np.float32([2, 5]), 32)))
    weights, bias = dlib_network.folded(doubled)[0][1]
    assert np.array_equal(weights, 2 * convolutions[1][0])
    assert np.array_equal(bias, 2 * convolutions[1][1] + 5)


FIRST, SECOND = (32, 7, 7, 2, 2, 0, 0), (32, 3, 3, 1, 1, 1, 1)
OTHERS = {
    "nothing": (b"", "0 layers instead of 59"),
    "one layer": (convolution([1.0, 0.0], (1, 1, 1, 1, 1, 0, 0)), "1 layers instead of 59"),
    "its last third is missing": (WHOLE[: 2 * len(WHOLE) // 3], "does not fit the file"),
    "another stride": (
        WHOLE.replace(b"".join(map(integer, FIRST)), b"".join(map(integer, (32, 7, 7, 1, 1, 0, 0)))),
        "1",
    ),
    "no filters": (WHOLE.replace(b"".join(map(integer, SECOND)), b"".join(map(integer, (0, 3, 3, 1, 1, 1, 1)))), "2"),
    "no input layer": (WHOLE.replace(b"input_rgb_image_sized", b"input_grey_image_size"), "no input layer"),
    "another mean": (WHOLE.replace(real(122.782), real(-300.0)), "its input layer subtracts"),
    "not a number": (WHOLE.replace(np.ones(32, "<f4").tobytes(), np.full(32, np.nan, "<f4").tobytes()), "not finite"),
    "another order": (affine([1.0]) + WHOLE[: WHOLE.index(tag("fc_2"))], "convolution 1 is affine_ of"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_the_network_is_refused_with_what_was_found(what: str) -> None:
    content, message = OTHERS[what]
    assert content != WHOLE
    with pytest.raises(ValueError, match=message):
        dlib_resnet.build(content)


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


def test_ranges_are_the_least_and_greatest_that_a_tensor_holds_over_all_chips() -> None:
    graph = Graph([1, 2, 2, 3])
    doubled = graph.conv(graph.input, 2 * np.eye(3, dtype=np.float32).reshape(3, 1, 1, 3), np.zeros(3, "f4"), 1, "SAME")
    model = graph.model(graph.reshape(doubled, [1, 12]), "doubles")
    chips = np.array([np.full((2, 2, 3), 7), np.arange(12).reshape(2, 2, 3)], np.uint8)
    found = ranges.measured(model, chips, {f"t{doubled}": {}, "input": {}, "unknown": {}})
    assert found == {f"t{doubled}": {"min": 0.0, "max": 22.0}, "input": {"min": 0.0, "max": 11.0}}


def test_the_comparison_finds_a_model_equal_to_itself_and_different_from_another() -> None:
    same = compare(embedder(1), embedder(1), "embed")
    assert same == {"same_shapes": True, "difference": 0.0}
    other = compare(embedder(1), embedder(2), "embed")
    assert other["same_shapes"]
    assert other["difference"] > 0.15
    chips = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    assert compare(embedder(1), embedder(1), "embed", chips)["on_chips"] == 0.0
    assert compare(embedder(1), embedder(2), "embed", chips)["on_chips"] > 0.15


@pytest.mark.parametrize(("kind", "low", "high"), [("embed", 0, 255), ("detect", -1, 1)])
def test_drawn_faces_are_in_the_range_of_the_networks_and_differ(kind: str, low: float, high: float) -> None:
    drawn = [draw_face(64, kind, np.random.default_rng(n)) for n in range(3)]
    assert all(face.shape == (64, 64, 3) and face.min() >= low and face.max() <= high for face in drawn)
    assert not np.array_equal(drawn[0], drawn[1])
