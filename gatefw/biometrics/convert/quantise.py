"""float -> int8 with ai-edge-quantizer, from activation ranges kept in JSON: installing needs no pictures.

Other weights than the published ones have other ranges, which are measured on chips. The ones that ship are minima and
maxima of each tensor over 200 (detector: 100) faces. The range of the input is never measured but set: 0..255 for the
embedder, -1..1 for the detector; with measured ones ([1.86, 246.9]) plain white would saturate.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_quantizer import quantizer, recipe
from numpy.typing import NDArray

from .ranges import Ranges, measured

INPUT_RANGE = {"embed": (0.0, 255.0), "detect": (-1.0, 1.0)}
# The last BlazeFace block and its four heads stay float: one tensor there spans -330..8, and in int8 the key points
# move by 10.9 % of the eye distance (1.8 % this way), which costs 0.6 points of verification accuracy.
KEEP_FLOAT = {
    "embed": (),
    "detect": (".*(classificator|regressor).*", ".*(depthwise_conv2d_15|conv2d_16|add_15|activation_16|reshape).*"),
}


def quantise(float_model: bytes, kind: str, chips: NDArray[Any] | None = None) -> bytes:
    """The int8 TFLite file of a float one. `kind`: "detect" or "embed". Ranges are measured on `chips`, if given."""
    rules = recipe.static_wi8_ai8()
    for regex in KEEP_FLOAT[kind]:
        rules.append({"regex": regex, "operation": "*", "algorithm_key": "no_quantize", "op_config": {}})
    tool = quantizer.Quantizer(float_model)
    tool.load_quantization_recipe(rules)
    return bytes(tool.quantize(_ranges(float_model, kind, chips), enable_progress_report=False).quantized_model)


def _ranges(float_model: bytes, kind: str, chips: NDArray[Any] | None) -> dict[str, dict[str, Any]]:
    found: Ranges = json.loads(Path(__file__).with_name(f"ranges_{kind}.json").read_text())
    if chips is not None:
        found = measured(float_model, chips, found)
    found["input"] = dict(zip(("min", "max"), INPUT_RANGE[kind], strict=True))
    return {
        name: {bound: np.full((1, 1, 1, 1), value, np.float32) for bound, value in bounds.items()}
        for name, bounds in found.items()
    }
