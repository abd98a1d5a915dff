"""Other weights of the embedder's network come into service measured, or not at all."""

import io
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

import dlib_files
import tiny_models as tiny

from gatefw.biometrics import admit, dlib_import, fetch, picture
from gatefw.biometrics import card as cards
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.converter import Converted
from gatefw.biometrics.dlib_import import DETECTOR, EMBEDDER, Weights
from gatefw.biometrics.runtime import Runtime
from gatefw.cli import main
from gatefw.errors import ModelError, SetupError

pytestmark = pytest.mark.models
PEOPLE = 110


def no_say(line: str) -> None:
    """Nobody listens."""


def never(name: str, content: bytes, chips: bytes, work: Path) -> Converted:
    raise AssertionError("nothing is converted before it was checked")


@pytest.fixture
def here(models: Path, tmp_path: Path) -> Path:
    """A models directory of its own, with what is installed."""
    shutil.copytree(models, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def folder(faces: Path, tmp_path: Path) -> Path:
    """About as few people as can be measured on, with three or four pictures each."""
    found = [home for home in sorted(faces.iterdir()) if home.is_dir() and len(list(home.glob("*.jpg"))) > 2]
    for home in found[:: len(found) // PEOPLE][:PEOPLE]:
        (tmp_path / "people" / home.name).mkdir(parents=True)
        for path in home.glob("*_000[1234].jpg"):
            (tmp_path / "people" / home.name / path.name).symlink_to(path)
    return tmp_path / "people"


def brought(tmp_path: Path, content: bytes, name: str = "dlib-mine") -> Weights:
    path = tmp_path / "weights.dat"
    path.write_bytes(content)
    return Weights(path, name, "CC0-1.0")


def left(here: Path) -> list[str]:
    return admit.others(here) + [path.name for path in here.glob(".install-*")]


@pytest.mark.faces
def test_weights_enter_with_the_thresholds_of_the_photographs(here: Path, folder: Path, tmp_path: Path) -> None:
    given: list[tuple[int, ...]] = []

    def convert(name: str, content: bytes, chips: bytes, work: Path) -> Converted:
        given.append(np.load(io.BytesIO(chips)).shape)
        return Converted((here / f"{EMBEDDER}.tflite").read_bytes(), 0.01)

    weights = brought(tmp_path, dlib_files.network())
    made = dlib_import.bring(here, weights, folder, "some people", convert, no_say)
    (shape,) = given
    assert shape[0] >= dlib_import.CHIPS_FEWEST
    assert shape[1:] == (150, 150, 3), "ranges of other weights are measured on chips"
    card, _ = cards.installed(here, "dlib-mine")
    assert card == made
    assert (card.licence, card.source) == ("CC0-1.0", None)
    assert card.measured is not None
    assert card.measured.dataset == "some people"
    assert max(row.fnmr for row in card.threshold) < 0.1
    assert "FNMR" in card.accuracy
    assert {(tail.frames, tail.templates) for tail in card.tail} >= {(1, 1), (3, 1)}
    rgb = picture.load(next(folder.rglob("*_0001.jpg")))
    ours, theirs = (Chain.load(here, DETECTOR, name, Runtime.LITERT).probe(rgb) for name in (EMBEDDER, "dlib-mine"))
    assert isinstance(ours, Probe)
    assert isinstance(theirs, Probe)
    assert np.array_equal(ours.template.vector, theirs.template.vector)


@pytest.mark.faces
def test_weights_that_tell_nobody_apart_are_measured_and_refused(here: Path, folder: Path, tmp_path: Path) -> None:
    def convert(name: str, content: bytes, chips: bytes, work: Path) -> Converted:
        return Converted(tiny.embedder(150, 16), 0.01)

    def measure(chain: Chain, folder: Path, dataset: str, tell: fetch.Say) -> cards.Card:
        assert chain.maker.model_sha256 == chain.embedder.card.fingerprint
        poor = cards.Threshold(1e-2, 0.5, 0.3, (0.2, 0.4))
        return replace(chain.embedder.card, threshold=(poor,), measured=cards.Measured("2026-11-30", "x", 1, 1, "x"))

    with pytest.raises(ModelError, match=r"misses 30.0% at an FMR of 0.01, 10% is the most; it is not installed"):
        weights = brought(tmp_path, dlib_files.network())
        dlib_import.bring(here, weights, folder, "people", convert, no_say, measure=measure)
    assert left(here) == []


def test_a_folder_that_is_too_small_is_refused_before_anything_is_converted(
    here: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "people" / "one").mkdir(parents=True)
    shutil.copy(photos / "obama.jpg", tmp_path / "people" / "one")
    (tmp_path / "people" / "one" / "no.jpg").write_bytes(b"no picture")
    (tmp_path / "people" / "notes.txt").write_text("not a person")
    with pytest.raises(SetupError, match="1 people with a good picture; 50 are the least"):
        dlib_import.bring(here, brought(tmp_path, dlib_files.network()), tmp_path / "people", "x", never, no_say)
    with pytest.raises(SetupError, match="0 people with a good picture"):
        dlib_import.bring(here, brought(tmp_path, dlib_files.network()), tmp_path / "nobody", "x", never, no_say)
    assert left(here) == []


def test_a_file_of_another_network_or_none_is_refused_with_what_was_found(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("GATEFW_STATE", str(here.parent))
    whole = dlib_files.network()
    for content, message in (
        (b"", "0 layers instead of 59"),
        (whole[: len(whole) // 2], "does not fit the file"),
        (dlib_files.convolution([1.0, 0.0], (1, 1, 1, 1, 1, 0, 0)), "1 layers instead of 59"),
    ):
        file = str(brought(tmp_path, content).file)
        words = ["--dlib-dat", file, "--name", "mine", "--licence", "?", "--measure", str(tmp_path)]
        assert main(["models", "import-dlib", *words]) == 2
        said = capsys.readouterr().err
        assert "not dlib's 29-convolution face recognition network" in said
        assert message in said
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        Weights(tmp_path / "nowhere.dat", "mine", "?").read()
    with (tmp_path / "long.dat").open("wb") as long:
        long.truncate(10**9)
    with pytest.raises(ModelError, match="longer than 64000000 bytes"):
        Weights(tmp_path / "long.dat", "mine", "?").read()
    assert left(here) == []


@pytest.mark.parametrize(
    ("name", "licence", "message"),
    [("../up", "CC0", "a name of lower case"), ("mine", " ", "and a licence"), (EMBEDDER, "CC0", "product's own")],
)
def test_a_wrong_name_or_no_licence_is_refused_first(
    here: Path, tmp_path: Path, name: str, licence: str, message: str
) -> None:
    weights = Weights(brought(tmp_path, dlib_files.network()).file, name, licence)
    with pytest.raises(ModelError, match=message):
        dlib_import.bring(here, weights, tmp_path, "x", never, no_say)


@pytest.mark.real
@pytest.mark.faces
def test_our_own_published_weights_under_another_name_are_our_own_embedder(
    here: Path, folder: Path, tmp_path: Path
) -> None:
    """GATEFW_ARCHIVES: a directory with the sdist and the converter's wheels, as `install --from` takes it."""
    if not (archives := os.environ.get("GATEFW_ARCHIVES")):
        pytest.skip("GATEFW_ARCHIVES names no directory with archives and the converter's wheels")
    ours, _ = cards.installed(here, EMBEDDER)
    assert ours.source is not None
    archive = fetch.archive(ours.source, tmp_path, no_say, Path(archives))
    weights = brought(tmp_path, fetch.member(archive, ours.source.member, ours.source.member_sha256))
    convert = dlib_import.in_environment(no_say, Path(archives))
    assert dlib_import.bring(here, weights, folder, "people", convert, no_say).sha256 == ours.sha256
