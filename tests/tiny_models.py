"""Models of a few hundred bytes, written on the spot, with the cards that fit them: what an operator might bring."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flatbuffers", reason="flatbuffers comes with ai-edge-litert, which this environment lacks")

from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Alignment, Card, Grid, Input
from gatefw.biometrics.convert.tflite_writer import OP, Graph

ALIGNMENT = Alignment((38.0, 45.0), (74.0, 45.0), (56.0, 87.0), nose=(56.0, 65.0))
_BARE = Card(
    name="tiny",
    kind="embed",
    file="tiny.tflite",
    sha256="0" * 64,
    licence="Apache-2.0",
    summary="made by a test",
    accuracy="none",
    accuracy_source="nobody measured it",
    runtime_notes="float",
    input=Input(112, -1.0, 1.0),
)


def embedder(side_px: int = 112, numbers: int = 16, seed: int = 0, gain: float = 1.0) -> bytes:
    """Means of 7 x 7 squares of the picture, mixed at random: a poor embedder, but one."""
    size = side_px // 7
    graph = Graph([1, side_px, side_px, 3])
    means = graph.pool(graph.input, size, size, OP.AVERAGE_POOL_2D)
    rows, columns, channels = graph.shape(means)[1:]
    flat = graph.reshape(means, [1, rows * columns * channels])
    weights = np.random.default_rng(seed).normal(size=(numbers, rows * columns * channels)) * gain
    return graph.model(graph.dense(flat, weights.astype(np.float32)), "tiny embedder")


def detector(side_px: int, boxes: Any, logits: Any) -> bytes:
    """One that answers a white picture, whose pixels are 1, with these numbers, and a black one, of 0, with zeros."""
    graph = Graph([1, side_px, side_px, 3])
    flat = graph.reshape(graph.pool(graph.input, side_px, 1, OP.AVERAGE_POOL_2D), [1, 3])
    outputs = []
    for values in (np.asarray(boxes, np.float32), np.asarray(logits, np.float32)):
        dense = graph.dense(flat, np.repeat(values.reshape(-1, 1), 3, 1) / np.float32(3))
        outputs.append(graph.reshape(dense, [1, *values.shape]))
    return graph.model(outputs, "tiny detector")


def embedder_card(content: bytes, **changed: Any) -> Card:
    """Of an embedder that was not measured."""
    return fitting(replace(_BARE, alignment=ALIGNMENT, metric="cosine", **changed), content)


def detector_card(content: bytes, side_px: int, grid: Sequence[Grid]) -> Card:
    return fitting(replace(_BARE, kind="detect", input=Input(side_px, 0.0, 1.0), grid=tuple(grid)), content)


def fitting(card: Card, content: bytes) -> Card:
    return replace(card, file=f"{card.name}.tflite", sha256=hashlib.sha256(content).hexdigest())


def written(directory: Path, content: bytes, card: Card) -> tuple[Path, Path]:
    """The file and its card in a directory, as an operator has them."""
    directory.mkdir(parents=True, exist_ok=True)
    file, beside = directory / "brought.tflite", directory / "brought.toml"
    file.write_bytes(content)
    beside.write_text(cards.text(card), "utf-8")
    return file, beside
