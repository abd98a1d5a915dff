"""The face_recognition package's way to an embedding, by dlib alone: HOG detector, five points, descriptor.

    python face_peer_child.py RECOGNITION.dat FIVE_POINTS.dat

Runs in the peer's environment, which has dlib and numpy and not this project. Every request is a line of JSON on the
standard input, with a picture behind it (RGB, of its "shape") where it brings one; every answer is a line of JSON.

    {"put": true} + picture        {"number": of the picture, "faces": so many are found, the picture enlarged once}
    {"time": number, "of": "whole" | "embed", "upsample": 0 | 1, "calls": n}    {"seconds": of one call}
    {"embed": true, "upsample": 0 | 1} + picture                                {"vector": [...], or null for no face}
"""

import json
import math
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np


class Peer:
    """dlib's models, and the pictures that were put here."""

    def __init__(self, recognition: str, five_points: str) -> None:
        dlib = import_module("dlib")
        self._detect, self._points = dlib.get_frontal_face_detector(), dlib.shape_predictor(five_points)
        self._net = dlib.face_recognition_model_v1(recognition)
        self._pictures: list[Any] = []

    def answer(self, asked: dict[str, Any], rgb: Any) -> dict[str, Any]:
        if "put" in asked:
            self._pictures.append(rgb)
            return {"number": len(self._pictures) - 1, "faces": len(self._detect(rgb, 1))}
        if "embed" in asked:
            box = self._central(rgb, asked["upsample"])
            return {"vector": None if box is None else list(self._descriptor(rgb, self._points(rgb, box)))}
        rgb = self._pictures[asked["time"]]
        if asked["of"] == "whole":
            return {"seconds": _mean_s(lambda: self._whole(rgb, asked["upsample"]), asked["calls"])}
        points = self._points(rgb, self._central(rgb, 1))
        return {"seconds": _mean_s(lambda: self._descriptor(rgb, points), asked["calls"])}

    def _whole(self, rgb: Any, upsample: int) -> None:
        for box in self._detect(rgb, upsample):
            self._descriptor(rgb, self._points(rgb, box))

    def _descriptor(self, rgb: Any, points: Any) -> Any:
        return self._net.compute_face_descriptor(rgb, points, 1)

    def _central(self, rgb: Any, upsample: int) -> Any:
        """The face that a press photograph is about, chosen as `album.central` does."""
        middle = np.array([rgb.shape[1], rgb.shape[0]]) / 2

        def beside(box: Any) -> float:
            centre = np.array([box.left() + box.right(), box.top() + box.bottom()]) / 2
            return float(np.linalg.norm(centre - middle) - 0.2 * box.width())

        return min(self._detect(rgb, upsample), key=beside, default=None)


def _mean_s(call: Callable[[], object], calls: int) -> float:
    began_s = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began_s) / calls


def main(recognition: str, five_points: str) -> None:
    peer, requests = Peer(recognition, five_points), sys.stdin.buffer
    while line := requests.readline():
        asked, rgb = json.loads(line), None
        if "shape" in asked:
            rgb = np.frombuffer(requests.read(math.prod(asked["shape"])), np.uint8).reshape(asked["shape"])
        print(json.dumps(peer.answer(asked, rgb)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
