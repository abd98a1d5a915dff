"""Other weights of the embedder's network: out of a dlib file, converted, compared, measured, and only then in service.

Published weights differ by tens of points between groups of people; who lives behind a gate decides which are right for
it. So an operator brings weights and photographs, and the model enters with the thresholds measured on those, or not.

    check      is the file this network at all? Before anything is downloaded
    ranges     of int8: they belong to weights, so they are measured on chips of the photographs (for our own published
               weights the ranges that ship are taken, which makes our own embedder again)
    compare    int8 against float, on drawn faces and on the chips
    measure    `calibrate`, in a lane's way; a model that hardly tells people apart is refused
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from gatefw.biometrics import admit, converter, fetch, picture
from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.convert import dlib_network
from gatefw.biometrics.converter import Converted
from gatefw.biometrics.fetch import Say
from gatefw.biometrics.measuring.album import SUFFIXES
from gatefw.biometrics.measuring.calibrate import calibrated
from gatefw.biometrics.quality import the_face
from gatefw.biometrics.runtime import Network, Picture, Runtime
from gatefw.errors import ModelError, Refusal, SetupError
from gatefw.model import Reason

DETECTOR, EMBEDDER = "blazeface-short-range-int8", "dlib-resnet-int8"
CHIPS_MOST, CHIPS_FEWEST = 200, 50
FNMR_MAX = 0.10
"""At the loosest threshold, an FMR of 1e-2 mostly, where the default model has 0.9 %."""

Convert = Callable[[str, bytes, bytes, Path], Converted]
"""Name, dlib file, chips (.npy, or empty) and workplace to the int8 file."""
Measure = Callable[[Chain, Path, str, Say], Card]
"""Chain, folder, what the folder is called and who hears of it to the card of the chain's embedder, with figures."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A dlib file to import. licence: the terms of the weights, as the card is to say them."""

    file: Path
    name: str
    licence: str

    def read(self) -> bytes:
        """The content. Raises ModelError when it is not the embedder's network, with what was found."""
        try:
            with self.file.open("rb") as file:
                content = file.read(dlib_network.FILE_BYTES_MAX + 1)
            if len(content) > dlib_network.FILE_BYTES_MAX:
                raise ValueError(f"longer than {dlib_network.FILE_BYTES_MAX} bytes")
            dlib_network.folded(content)
        except OSError as error:
            raise ModelError(f"{self.file}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ModelError(
                f"{self.file}: not dlib's 29-convolution face recognition network: {error}; only files laid out as "
                "dlib_face_recognition_resnet_model_v1.dat can be imported"
            ) from error
        return content


def bring(
    models: Path,
    weights: Weights,
    folder: Path,
    dataset: str,
    convert: Convert,
    say: Say,
    tell: Say = lambda _: None,
    measure: Measure = calibrated,
) -> Card:
    """Convert, compare and measure the weights on `folder`/identity/picture, and install them as an operator's model.

    Raises ModelError (no such network, int8 unlike float, hardly tells people apart, no detector installed), SetupError
    (the folder is too small to measure on) and StoreError. Whatever it raises, no model was installed.
    """
    if not cards.NAME.fullmatch(weights.name) or not weights.licence.strip():
        raise ModelError(
            f"model {weights.name!r}: a name of lower case letters, digits and . _ -, and a licence are wanted"
        )
    content = weights.read()
    own = Chain.load(models, DETECTOR, EMBEDDER, Runtime.LITERT)
    card = _bare(weights, own.embedder.card)
    admit.require_free(card)
    chips = b"" if hashlib.sha256(content).hexdigest() == _published() else _packed(_chips(own, folder), folder)
    with fetch.workplace(models, say) as work:
        made = convert(card.name, content, chips, work)
        say(
            f"{card.name}: int8 differs from float by at most {made.difference:.3f} of a vector's length on drawn faces"
        )
        path = work / card.file
        path.write_bytes(made.content)
        card = replace(card, sha256=cards.sha256(path))
        admit.looked_at(card, path, Runtime.LITERT, work)
        say(f"{card.name}: measuring on {dataset} ...")
        detector = Network(*cards.installed(models, DETECTOR), Runtime.LITERT)
        chain = Chain(detector, Network(card, path, Runtime.LITERT))
        card = _worth_it(measure(chain, folder, dataset, tell))
        admit.require_same(models, card)
        admit.place(models, card, made.content)
    return card


def in_environment(say: Say, offline: Path | None) -> Convert:
    """The conversion in a throw-away environment. offline: a directory that holds its wheels."""

    def convert(name: str, content: bytes, chips: bytes, work: Path) -> Converted:
        fetch.require_space(work, converter.SPACE_BYTES)
        python = converter.environment(work, say, offline)
        return converter.convert(name, "embed", content, python, work, chips)

    return convert


def _published() -> str:
    source = cards.read(cards.SHIPPED / f"{EMBEDDER}.toml").source
    return "" if source is None else source.member_sha256


def _bare(weights: Weights, ours: Card) -> Card:
    """A card like our own embedder's, which says nothing yet of how well the weights do."""
    return Card(
        name=weights.name,
        kind="embed",
        file=f"{weights.name}.tflite",
        sha256="0" * 64,
        licence=weights.licence,
        summary="Other weights of the network of dlib-resnet-int8, imported from a dlib file.",
        accuracy="not measured",
        accuracy_source="nobody yet",
        runtime_notes="full int8, as fast as dlib-resnet-int8: the same network.",
        input=ours.input,
        alignment=ours.alignment,
    )


def _chips(chain: Chain, folder: Path) -> Iterator[Picture]:
    """One good chip of each person."""
    for home in sorted(folder.iterdir()) if folder.is_dir() else ():
        for path in sorted(home.iterdir()) if home.is_dir() else ():
            if path.suffix.lower() in SUFFIXES and (chip := _chip(chain, path)) is not None:
                yield chip
                break


def _chip(chain: Chain, path: Path) -> Picture | None:
    try:
        rgb = picture.load(path)
    except Refusal:
        return None
    face = the_face(chain.faces(rgb), rgb)
    if isinstance(face, Reason):
        return None
    quality, chip = chain.judge(rgb, face)
    return chip if quality.reason is Reason.OK else None


def _packed(chips: Iterator[Picture], folder: Path) -> bytes:
    some = list(islice(chips, CHIPS_MOST))
    if len(some) < CHIPS_FEWEST:
        raise SetupError(
            f"{folder}: {len(some)} people with a good picture; {CHIPS_FEWEST} are the least to measure on"
        )
    packed = io.BytesIO()
    np.save(packed, np.stack(some))
    return packed.getvalue()


def _worth_it(card: Card) -> Card:
    """The card with its accuracy in words. Raises ModelError when the model hardly tells people apart."""
    row, measured = max(card.threshold, key=lambda row: row.fmr), card.measured
    if row.fnmr > FNMR_MAX or measured is None:
        raise ModelError(
            f"model {card.name}: misses {row.fnmr:.1%} at an FMR of {row.fmr:g}, {FNMR_MAX:.0%} is the most; it is not "
            "installed: these weights do not tell these people apart"
        )
    rates = "; ".join(f"FNMR {each.fnmr:.2%} at FMR {each.fmr:g}" for each in card.threshold)
    whom = f"{measured.people} people, {measured.pictures} pictures"
    return replace(card, accuracy=rates, accuracy_source=f"measured on {measured.dataset} ({whom}), {measured.date}")
