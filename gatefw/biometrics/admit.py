"""Models that an operator brings: looked at in a process of their own, admitted whole or not at all, removed again.

card       read strictly; its name is none of ours, its sha256 is the file's
file       loaded by the runtime in a child, which a damaged file may take down, and run on grey and on noise: the
           tensors must fit the card and the numbers be finite
service    an embedder without thresholds is kept and not put in service (`Card.calibrated`)

python -m gatefw.biometrics.admit CARD FILE RUNTIME     the child: prints what is wrong, nothing when nothing is
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gatefw.biometrics import card as cards
from gatefw.biometrics import fetch
from gatefw.biometrics.card import Card
from gatefw.biometrics.detector import Detector
from gatefw.biometrics.embedder import Embedder
from gatefw.biometrics.fetch import Say
from gatefw.biometrics.landmarks import POINTS
from gatefw.biometrics.runtime import Network, Picture, Runtime
from gatefw.errors import ModelError

FILE_BYTES_MAX = 200_000_000
ALIKE = 1e-6
"""Vectors nearer than this, as a share of their length, are the same."""


def add(models: Path, file: Path, card_file: Path, runtime: Runtime, say: Say) -> Card:
    """Install `file` under the name that its card gives it; a new card for the very same file replaces the old one.

    Raises ModelError when card or file is not what it should be, StoreError when the directory cannot be written.
    """
    card = cards.read(card_file)
    require_free(card)
    require_same(models, card)
    if not file.is_file() or file.stat().st_size > FILE_BYTES_MAX:
        raise ModelError(f"model {file}: no file of at most {FILE_BYTES_MAX // 10**6} MB; name the TFLite file")
    with fetch.workplace(models, say) as work:
        copy = work / card.file
        shutil.copyfile(file, copy)
        if (found := cards.sha256(copy)) != card.sha256:
            raise ModelError(f"model {file}: sha256 is {found}, its card {card_file} says {card.sha256}; correct one")
        looked_at(card, copy, runtime, work)
        place(models, card, copy.read_bytes())
    return card


def remove(models: Path, name: str, say: Say) -> None:
    """Remove an operator's model, its card first. Raises ModelError: there is none, or it is one of ours."""
    if name in _ours():
        raise ModelError(f"model {name}: belongs to the product and cannot be removed")
    if name not in others(models):
        known = ", ".join(others(models)) or "none"
        raise ModelError(f"model {name}: was not added here; added were {known}")
    with fetch.workplace(models, say):
        (models / f"{name}.toml").unlink(missing_ok=True)
        (models / f"{name}.tflite").unlink(missing_ok=True)


def others(models: Path) -> list[str]:
    """The names of the models that were added, in order."""
    return sorted({path.stem for path in models.glob("*.toml") if cards.NAME.fullmatch(path.stem)} - _ours())


def require_free(card: Card) -> None:
    """Raise ModelError when the name is one of ours, or the file is not called by it."""
    if card.name in _ours():
        raise ModelError(f"model {card.name}: is one of the product's own; give the card another name")
    if card.file != f"{card.name}.tflite":
        raise ModelError(f"model {card.name}: its card's file is {card.file!r}; write {card.name + '.tflite'!r}")


def require_same(models: Path, card: Card) -> None:
    """Raise ModelError when another file stands under the name: it may be in service."""
    if (models / card.file).exists() and cards.sha256(models / card.file) != card.sha256:
        raise ModelError(
            f"model {card.name}: another file is installed under this name; remove it (`gatefw models remove "
            f"{card.name}`), or give the card another name"
        )


def place(models: Path, card: Card, content: bytes) -> None:
    """Write an operator's model and then its card, each atomically. To be called in the workplace of `models`."""
    fetch.write_atomically(models / card.file, content)
    fetch.write_atomically(models / f"{card.name}.toml", cards.text(card).encode())


def looked_at(card: Card, file: Path, runtime: Runtime, work: Path) -> None:
    """Raise ModelError unless the runtime, in a process of its own, loads the file and finds what the card says."""
    beside = work / f"{card.name}.toml"
    beside.write_text(cards.text(card), "utf-8")
    command = [sys.executable, "-P", "-m", "gatefw.biometrics.admit", str(beside), str(file), runtime]
    advice = "the file is damaged, or not for this runtime"
    if problem := fetch.run(command, f"model {card.name}", work, advice).strip():
        raise ModelError(problem)


def examine(card: Card, file: Path, runtime: Runtime) -> None:
    """Raise ModelError unless the file loads and gives finite numbers in the shapes that its card's kind wants."""
    network = Network(card, file, runtime)
    if card.kind == "detect":
        Detector(network)
    elif card.kind == "embed":
        _require_difference(Embedder(network))
    sizes = sorted(int(np.prod(shape)) for shape in network.shapes)
    if card.kind == "landmark" and sizes != [1, 3 * POINTS]:
        raise ModelError(f"model {card.name}: gives {sizes} numbers; landmarks are {3 * POINTS}, and 1 for presence")
    if card.kind == "pad" and len(sizes) != 1:
        raise ModelError(f"model {card.name}: has {len(sizes)} outputs; a detector of attacks has one")
    if card.pad and not card.pad.number < sizes[0]:
        raise ModelError(
            f"model {card.name}: its card takes number {card.pad.number}, it gives {sizes[0]}; they count from 0, "
            "correct [pad] number"
        )
    for picture in _pictures(card.input.side_px):
        if not all(np.isfinite(output).all() for output in network.run(picture)):
            raise ModelError(f"model {card.name}: gives numbers that are not finite; convert it anew")


def _require_difference(embedder: Embedder) -> None:
    grey, noise = (embedder.embed(picture) for picture in _pictures(embedder.frame.side_px))
    if np.linalg.norm(grey - noise) <= ALIKE * np.linalg.norm(grey):
        raise ModelError(
            f"model {embedder.network.card.name}: makes the same vector of every picture; are low and high of its card "
            "those that it was trained with?"
        )


def _pictures(side_px: int) -> Iterator[Picture]:
    yield np.full((side_px, side_px, 3), 128, np.uint8)
    yield np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), np.uint8)


def _ours() -> set[str]:
    return {card.name for card in cards.shipped()}


def main(card_file: str, file: str, runtime: str) -> None:
    try:
        examine(cards.read(Path(card_file)), Path(file), Runtime(runtime))
    except ModelError as problem:
        print(problem)


if __name__ == "__main__":
    main(*sys.argv[1:])
