"""Between which numbers each tensor of the float embedder runs on real chips: what int8 is fitted to.

Ranges belong to weights. Those of the published ones ship (`ranges_embed.json`); for other weights they are measured.
"""

from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

Ranges = dict[str, dict[str, float]]


def measured(float_model: bytes, chips: NDArray[Any], known: Ranges) -> Ranges:
    """For the tensors that `known` names (all but the input): least and greatest value over all chips."""
    interpreter = Interpreter(
        model_content=float_model,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    places = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details() if detail["name"] in known}
    found: Ranges = {}
    for chip in chips:
        interpreter.set_tensor(entry, chip[None].astype("float32"))
        interpreter.invoke()
        for name, place in places.items():
            values = interpreter.get_tensor(place)
            low, high = float(values.min()), float(values.max())
            so_far = found.setdefault(name, {"min": low, "max": high})
            so_far["min"], so_far["max"] = min(low, so_far["min"]), max(high, so_far["max"])
    return found
