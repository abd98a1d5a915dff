"""int8 against float on drawn faces: proof that a converted file computes what its source computes.

Hashes of the outputs depend on tools and perhaps on the processor, so what is judged is the answer. The faces are drawn
here (ellipses on a ground, eight of them): nobody's photograph is needed, and both networks react as to a real one.
"""

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
FACES = 8


def compare(float_model: bytes, int8_model: bytes, kind: str, chips: NDArray[Any] | None = None) -> dict[str, Any]:
    """What was measured: `same_shapes` of inputs and outputs, and the largest `difference` over the faces.

    embed: L2 distance of the two vectors over the float one's norm. detect: shift of a key point in eye distances,
    infinity where one of the two saw no face. With `chips` also `on_chips`, the median difference of an embedder there.
    """
    floats, int8 = _interpreter(float_model), _interpreter(int8_model)
    side = int(floats.get_input_details()[0]["shape"][1])
    measure = _vector_difference if kind == "embed" else _point_difference
    differences = []
    for number in range(FACES):
        picture = draw_face(side, kind, np.random.default_rng(number))
        differences.append(measure(_run(floats, picture), _run(int8, picture)))
    found = {"same_shapes": _shapes(floats) == _shapes(int8), "difference": max(differences)}
    if chips is not None:
        real = [_vector_difference(_run(floats, chip), _run(int8, chip)) for chip in chips.astype(np.float32)]
        found["on_chips"] = float(np.median(real))
    return found


def draw_face(side_px: int, kind: str, rng: np.random.Generator) -> Pixels:
    """A drawn face in the range of the network's input: 0..255 to embed (filling the chip), -1..1 to detect."""
    y, x = np.mgrid[0:side_px, 0:side_px] / side_px
    scale = 0.9 if kind == "embed" else rng.uniform(0.5, 0.7)
    picture = np.ones((side_px, side_px, 3)) * rng.uniform(60, 200, 3)

    def ellipse(across: float, down: float, width: float, height: float, colour: Any) -> None:
        rightward = (x - 0.5 - across * scale) / (width * scale)
        downward = (y - 0.5 - down * scale) / (height * scale)
        picture[rightward**2 + downward**2 < 1] = colour

    skin = np.array([224, 172, 140]) * rng.uniform(0.7, 1.1)
    ellipse(0, -0.08, 0.44, 0.54, rng.uniform(20, 90, 3))  # hair
    ellipse(0, 0.04, 0.38, 0.50, skin)
    for eye in (-0.16, 0.16):
        ellipse(eye, -0.14, 0.085, 0.020, skin * 0.35)  # brow
        ellipse(eye, -0.06, 0.075, 0.040, (235, 235, 235))
        ellipse(eye, -0.06, 0.035, 0.036, (40, 30, 25))
    ellipse(0, 0.10, 0.05, 0.09, skin * 0.8)
    ellipse(0, 0.26, 0.14, 0.035, (150, 60, 60))
    for _ in range(2):  # soften the edges, as a lens does
        picture = (picture + np.roll(picture, 1, 0) + np.roll(picture, 1, 1) + np.roll(picture, (1, 1), (0, 1))) / 4
    picture = np.clip(picture, 0, 255)
    return (picture if kind == "embed" else picture / 127.5 - 1).astype(np.float32)


def _interpreter(model: bytes) -> Any:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _shapes(interpreter: Any) -> list[list[int]]:
    return [[int(d) for d in t["shape"]] for t in interpreter.get_input_details() + interpreter.get_output_details()]


def _run(interpreter: Any, picture: Pixels) -> list[Pixels]:
    detail = interpreter.get_input_details()[0]
    if detail["dtype"] == np.int8:
        scale, zero = detail["quantization"]
        picture = np.clip(np.round(picture / scale) + zero, -128, 127)
    interpreter.set_tensor(detail["index"], picture[None].astype(detail["dtype"]))
    interpreter.invoke()
    outputs = []
    for detail in interpreter.get_output_details():
        values = interpreter.get_tensor(detail["index"])[0].astype(np.float32)
        scale, zero = detail["quantization"]
        outputs.append((values - zero) * np.float32(scale) if detail["dtype"] == np.int8 else values)
    return outputs


def _vector_difference(exact: list[Pixels], rough: list[Pixels]) -> float:
    return float(np.linalg.norm(exact[0] - rough[0]) / np.linalg.norm(exact[0]))


def _point_difference(exact: list[Pixels], rough: list[Pixels]) -> float:
    found = []
    for outputs in (exact, rough):
        values, logits = sorted(outputs, key=lambda output: -output.shape[-1])
        found.append((values, logits[:, 0]))
    anchor = int(found[0][1].argmax())
    if found[0][1][anchor] < 0 or found[1][1][anchor] < 0:
        return float("inf")
    exact_points, rough_points = (values[anchor, 4:].reshape(6, 2) for values, _ in found)
    eyes = np.linalg.norm(exact_points[0] - exact_points[1])
    return float(np.linalg.norm(exact_points - rough_points, axis=1).max() / eyes)
