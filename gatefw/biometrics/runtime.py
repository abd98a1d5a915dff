"""One TFLite file under one interpreter. Which interpreter is said in the config; there is no fall-back.

Two interpreters compute slightly different vectors from the same int8 file: litert 2.3 with its default delegate and
tflite-runtime 2.14 differ by an L2 distance of up to 0.031 over 100 faces (threshold 0.542); without default delegates
they are bit-identical. So a template remembers what made it (`Maker`).
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatefw.biometrics.card import Card
from gatefw.errors import ModelError

Picture = NDArray[np.uint8]
"""Rows x columns x RGB."""
Vector = NDArray[np.float32]


class Runtime(StrEnum):
    """LITERT: package ai-edge-litert. TFLITE: package tflite-runtime (Python 3.11, numpy below 2)."""

    LITERT = "litert"
    TFLITE = "tflite"


class Delegate(StrEnum):
    """DEFAULT: the interpreter's own choice, XNNPACK under litert. NONE: the plain kernels, about six times slower."""

    DEFAULT = "default"
    NONE = "none"


PACKAGE = {Runtime.LITERT: "ai-edge-litert", Runtime.TFLITE: "tflite-runtime"}


@dataclass(frozen=True, slots=True)
class Maker:
    """What made a vector. model_sha256: `Card.fingerprint`."""

    model_sha256: str
    runtime: Runtime
    version: str
    delegate: Delegate

    def comparable(self, other: "Maker") -> bool:
        """True for the same model, runtime and delegate.

        A version of the runtime may differ: rounding moves a vector by less than the two runtimes differ (0.031), and
        an update that disowned every template would send every traveller back to the counter.
        """
        mine, others = (
            (self.model_sha256, self.runtime, self.delegate),
            (other.model_sha256, other.runtime, other.delegate),
        )
        return mine == others


class Network:
    """A loaded model: a square picture in, float32 arrays out. To be called from one thread at a time.

    `shapes`: of the outputs, without their batch axis. It computes in one thread, because under contention two were 12
    to 46 times slower than one.
    """

    def __init__(self, card: Card, path: Path, runtime: Runtime, delegate: Delegate = Delegate.DEFAULT) -> None:
        """Raises ModelError: the runtime is not installed, or the file does not load or is not what its card says."""
        self.card = card
        try:
            self._interpreter = _interpreter(path, runtime, delegate)
            self._interpreter.allocate_tensors()
        except (ImportError, AttributeError) as error:
            package = PACKAGE[runtime]
            raise ModelError(f"runtime {runtime!r}: not usable ({error}); install {package!r} here") from error
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"model {path}: {runtime} cannot load it: {error}; the file is damaged or no TFLite model "
                "(`gatefw models install` makes ours anew)"
            ) from error
        self.maker = Maker(card.fingerprint, runtime, version(PACKAGE[runtime]), delegate)
        inputs, self._outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        wanted, found = [1, card.input.side_px, card.input.side_px, 3], [[int(d) for d in t["shape"]] for t in inputs]
        if found != [wanted]:
            raise ModelError(
                f"model {path}: its inputs are {found}, its card says {[wanted]}; they do not belong together"
            )
        for detail in (*inputs, *self._outputs):
            _require_numbers(detail, path)
        self.shapes = [tuple(int(d) for d in detail["shape"][1:]) for detail in self._outputs]
        self._input, self._level = inputs[0], _levels(card, inputs[0])

    def run(self, picture: Picture) -> list[Vector]:
        """The outputs, without their batch axis, for `side_px` x `side_px` x RGB."""
        ordered = picture if self.card.input.channels == "rgb" else picture[..., ::-1]
        self._interpreter.set_tensor(self._input["index"], self._level[ordered][None])
        self._interpreter.invoke()
        return [_real(self._interpreter.get_tensor(detail["index"])[0], detail) for detail in self._outputs]


def _interpreter(path: Path, runtime: Runtime, delegate: Delegate) -> Any:
    if runtime is Runtime.LITERT:
        from ai_edge_litert import interpreter as module
    else:
        from tflite_runtime import interpreter as module
    kinds = module.OpResolverType
    kind = kinds.AUTO if delegate is Delegate.DEFAULT else kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return module.Interpreter(str(path), num_threads=1, experimental_op_resolver_type=kind)


def _require_numbers(detail: Any, path: Path) -> None:
    """Raise ModelError unless a tensor holds float32, or int8 or uint8 with a scale, one picture at a time."""
    kind, scale = np.dtype(detail["dtype"]), detail["quantization"][0]
    if kind not in (np.float32, np.int8, np.uint8) or (kind != np.float32 and not scale > 0):
        raise ModelError(
            f"model {path}: tensor {detail['name']!r} holds {kind} with a scale of {scale:g}; float32, or int8 and "
            "uint8 with a scale, can be used: convert it anew"
        )
    if len(detail["shape"]) < 2 or detail["shape"][0] != 1:
        raise ModelError(
            f"model {path}: tensor {detail['name']!r} has the shape {detail['shape']}; its batch must be 1"
        )


def _levels(card: Card, detail: Any) -> NDArray[Any]:
    """What each of the 256 pixel values is to the input tensor."""
    span = card.input.high - card.input.low
    real = (np.arange(256) * (span / 255) + card.input.low).astype(np.float32)
    if detail["dtype"] == np.float32:
        return real
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    # Pixel values fall on halves of the detector's scale: rounding all of them upwards keeps neighbours apart, where
    # rounding to even would merge and skip levels.
    whole = np.floor(real / scale + 0.501)
    levels: NDArray[Any] = np.clip(whole + zero, limits.min, limits.max).astype(detail["dtype"])
    return levels


def _real(values: NDArray[Any], detail: Any) -> Vector:
    if detail["dtype"] == np.float32:
        return np.array(values, np.float32)
    scale, zero = detail["quantization"]
    return (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)
