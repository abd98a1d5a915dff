"""An operator's own model: looked at, admitted whole, used as its card says, and refused when it does not fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

import tiny_models as tiny  # noqa: E402

from gatefw.biometrics import admit, picture  # noqa: E402
from gatefw.biometrics import card as cards  # noqa: E402
from gatefw.biometrics.align import QUALITY, align  # noqa: E402
from gatefw.biometrics.card import Card, Grid, Input, Pad, Threshold  # noqa: E402
from gatefw.biometrics.chain import Chain, Probe  # noqa: E402
from gatefw.biometrics.detector import Detector  # noqa: E402
from gatefw.biometrics.embedder import Embedder  # noqa: E402
from gatefw.biometrics.runtime import Network, Runtime  # noqa: E402
from gatefw.cli import main  # noqa: E402
from gatefw.errors import ModelError  # noqa: E402

DETECTOR, EMBEDDER, LANDMARK = "blazeface-short-range-int8", "dlib-resnet-int8", "face-landmark"
ROW = Threshold(1e-3, 0.5, 0.1, (0.05, 0.2))


def no_say(line: str) -> None:
    """An operator who does not look."""


def added(models: Path, content: bytes, card: Card) -> Card:
    return admit.add(models, *tiny.written(models.parent / "brought", content, card), Runtime.LITERT, no_say)


def loaded(tmp_path: Path, content: bytes, card: Card) -> Network:
    path = tmp_path / card.file
    path.write_bytes(content)
    return Network(card, path, Runtime.LITERT)


# ---------------------------------------------------------------- adding and removing


def test_a_model_is_added_listed_replaced_by_its_measured_card_and_removed(tmp_path: Path) -> None:
    models, content = tmp_path / "models", tiny.embedder()
    card = added(models, content, tiny.embedder_card(content))
    assert cards.installed(models, "tiny", calibrated=False) == (card, models / "tiny.tflite")
    with pytest.raises(ModelError, match="not measured"):
        cards.installed(models, "tiny")
    added(models, content, replace(card, threshold=(ROW,)))
    assert cards.installed(models, "tiny")[0].threshold == (ROW,)
    assert admit.others(models) == ["tiny"]
    admit.remove(models, "tiny", no_say)
    assert [path.name for path in models.iterdir()] == [".lock"]


def test_the_commands_tell_what_they_did_in_a_line_of_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path / "state"))
    content = tiny.embedder()
    file, card = tiny.written(tmp_path, content, tiny.embedder_card(content))
    assert main(["models", "add", str(file), "--card", str(card), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["name"], row["kind"]) == ("tiny", "embed")
    assert row["state"].startswith("not measured: not in service")
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][-1] == row
    assert main(["models", "remove", "tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "tiny", "state": "removed"}
    assert main(["models", "remove", "tiny"]) == 2
    assert "was not added here; added were none" in capsys.readouterr().err


def test_our_own_names_are_neither_taken_nor_removed(tmp_path: Path) -> None:
    content = tiny.embedder()
    with pytest.raises(ModelError, match="one of the product's own"):
        added(tmp_path / "models", content, tiny.embedder_card(content, name=EMBEDDER))
    with pytest.raises(ModelError, match="cannot be removed"):
        admit.remove(tmp_path, EMBEDDER, no_say)


def test_another_file_under_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    models, first, second = tmp_path / "models", tiny.embedder(seed=1), tiny.embedder(seed=2)
    kept = added(models, first, tiny.embedder_card(first))
    with pytest.raises(ModelError, match=r"another file is installed.*gatefw models remove tiny"):
        added(models, second, tiny.embedder_card(second))
    assert cards.installed(models, "tiny", calibrated=False)[0] == kept


CONTENT = tiny.embedder()
FITS = tiny.embedder_card(CONTENT)
WRONG = {
    "another file than the card's": (CONTENT, replace(FITS, sha256="1" * 64), "sha256 is .* its card .* says 1111"),
    "another size": (CONTENT, replace(FITS, input=Input(150, 0, 255)), r"inputs are \[\[1, 112, 112, 3\]\].*150"),
    "a file name of its own": (CONTENT, replace(FITS, file="x.tflite"), "file is 'x.tflite'; write 'tiny.tflite'"),
    "an embedder called detector": (CONTENT, tiny.detector_card(CONTENT, 112, [Grid(1, 1)]), "outputs are .* anchors"),
    "a detector called embedder": (
        tiny.detector(112, np.zeros((1, 16)), np.zeros((1, 1))),
        FITS,
        "an embedder has one row of numbers",
    ),
    "an embedder called landmarks": (CONTENT, replace(FITS, kind="landmark", alignment=None), "landmarks are 1404"),
    "a number that is not there": (
        CONTENT,
        replace(FITS, kind="pad", alignment=None, pad=Pad("independently", "a laboratory", 0.5, 0.1, (), number=16)),
        "takes number 16, it gives 16; they count from 0",
    ),
    "a number before the first": (
        CONTENT,
        replace(FITS, kind="pad", alignment=None, pad=Pad("independently", "a laboratory", 0.5, 0.1, (), number=-1)),
        "pad: number -1: numbers of an output count from 0",
    ),
    "infinity": (tiny.embedder(gain=np.inf), FITS, "made no usable numbers|not finite"),
    "always the same": (tiny.embedder(gain=0.0), replace(FITS, metric="l2"), "the same vector of every picture"),
    "no direction": (tiny.embedder(gain=0.0), FITS, "made no usable numbers"),
    "no model": (b"TFL3" + bytes(500), FITS, "tiny"),
    "half a model": (CONTENT[: len(CONTENT) // 2], FITS, "tiny"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_its_card_is_refused_and_nothing_is_left(tmp_path: Path, what: str) -> None:
    content, card, message = WRONG[what]
    card = card if "another file" in what else tiny.fitting(card, content) if "own" not in what else card
    with pytest.raises(ModelError, match=message):
        added(tmp_path / "models", content, card)
    assert [path.name for path in (tmp_path / "models").glob("[!.]*")] == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file, card = tiny.written(tmp_path, CONTENT, FITS)
    with pytest.raises(ModelError, match="nowhere: no file of at most 200 MB"):
        admit.add(tmp_path / "models", tmp_path / "nowhere", card, Runtime.LITERT, no_say)
    file.unlink()
    file.mkdir()
    with pytest.raises(ModelError, match="no file of at most"):
        admit.add(tmp_path / "models", file, card, Runtime.LITERT, no_say)


def test_a_file_that_takes_the_runtime_down_takes_only_the_child_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime is one that aborts. It is no module of the folder in which the child starts: those are not taken."""
    runtime = tmp_path / "elsewhere" / "ai_edge_litert"
    runtime.mkdir(parents=True)
    (runtime / "__init__.py").write_text("")
    (runtime / "interpreter.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(runtime.parent))
    (tmp_path / "tiny.tflite").write_bytes(CONTENT)
    with pytest.raises(ModelError, match=r"model tiny: .*exit -6.*damaged, or not for this runtime"):
        admit.looked_at(FITS, tmp_path / "tiny.tflite", Runtime.LITERT, tmp_path)


@given(st.data())
@settings(max_examples=8)
def test_a_damaged_model_is_admitted_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(tiny.embedder(14, 4))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    card = tiny.fitting(replace(FITS, input=Input(14, 0, 1)), bytes(content))
    try:
        added(tmp_path_factory.mktemp("damaged") / "models", bytes(content), card)
    except ModelError as problem:
        assert "tiny" in str(problem)


# ---------------------------------------------------------------- used as the card says


@pytest.mark.models
def test_a_second_embedder_runs_the_chain_in_its_own_chip_and_metric(
    tmp_path: Path, models: Path, photos: Path
) -> None:
    here, content = tmp_path / "models", tiny.embedder()
    here.mkdir()
    for name in (DETECTOR, EMBEDDER):
        for path in models.glob(f"{name}.*"):
            (here / path.name).write_bytes(path.read_bytes())
    card = added(here, content, tiny.embedder_card(content, mirror=False))
    with pytest.raises(ModelError, match="not measured"):
        Chain.load(here, DETECTOR, "tiny", Runtime.LITERT)
    ours = Chain.load(here, DETECTOR, EMBEDDER, Runtime.LITERT)
    theirs = Chain.load(here, DETECTOR, "tiny", Runtime.LITERT, calibrated=False)
    rgb = picture.load(photos / "obama.jpg")
    probe, other = theirs.probe(rgb), ours.probe(rgb)
    assert isinstance(probe, Probe)
    assert isinstance(other, Probe)
    assert probe.template.vector.shape == (16,)
    assert np.linalg.norm(probe.template.vector) == pytest.approx(1, abs=1e-6)
    assert probe.quality == other.quality, "quality is judged alike, whatever the embedder's chip"
    assert theirs.align(rgb, probe.face)[0].shape == (112, 112, 3)
    with pytest.raises(ModelError, match="not comparable"):
        probe.template.distance(other.template)
    assert probe.template.maker.model_sha256 == card.fingerprint


@pytest.mark.models
def test_the_same_file_used_otherwise_is_another_maker(models: Path, photos: Path) -> None:
    card, path = cards.installed(models, EMBEDDER)
    frame = replace(QUALITY.places, nose=(74.5, 77.0))
    twin = replace(card, name="twin", source=None, metric="cosine", mirror=False, alignment=frame)
    detector = Network(*cards.installed(models, DETECTOR), Runtime.LITERT)
    ours, theirs = (Chain(detector, Network(each, path, Runtime.LITERT)) for each in (card, twin))
    rgb = picture.load(photos / "obama.jpg")
    probe, other = ours.probe(rgb), theirs.probe(rgb)
    assert isinstance(probe, Probe)
    assert isinstance(other, Probe)
    assert not probe.template.maker.comparable(other.template.maker)
    chip, _ = align(rgb, probe.face, QUALITY)
    assert np.array_equal(probe.template.vector, ours.embed(chip, mirror=True))
    single = ours.embed(chip, mirror=False)
    assert np.array_equal(theirs.embed(chip), single / np.float32(np.linalg.norm(single)))
    assert not np.array_equal(theirs.align(rgb, probe.face)[0], chip), "four points lie otherwise than three"


@pytest.mark.parametrize("change", [{"input": Input(112, 0, 1)}, {"metric": "l2"}, {"mirror": False}])
def test_cards_that_use_one_file_otherwise_have_other_fingerprints(change: dict[str, object]) -> None:
    assert replace(FITS, **change).fingerprint != FITS.fingerprint  # type: ignore[arg-type]
    assert replace(FITS, name="other", licence="MIT", threshold=(ROW,)).fingerprint == FITS.fingerprint
    shipped = cards.read(cards.SHIPPED / f"{EMBEDDER}.toml")
    assert shipped.fingerprint == shipped.sha256


def test_channels_come_in_the_order_of_the_card(tmp_path: Path) -> None:
    chip = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    in_order = loaded(tmp_path, CONTENT, FITS)
    turned = loaded(tmp_path, CONTENT, replace(FITS, input=replace(FITS.input, channels="bgr")))
    assert np.array_equal(turned.run(chip)[0], in_order.run(np.ascontiguousarray(chip[..., ::-1]))[0])
    assert not np.array_equal(turned.run(chip)[0], in_order.run(chip)[0])


def test_the_mirror_image_is_averaged_before_the_length_is_taken(tmp_path: Path) -> None:
    embedder = Embedder(loaded(tmp_path, CONTENT, FITS))
    chip = np.random.default_rng(2).integers(0, 256, (112, 112, 3), np.uint8)
    passes = [embedder.network.run(np.ascontiguousarray(each))[0] for each in (chip, chip[:, ::-1])]
    mean = np.mean(passes, 0)
    assert embedder.embed(chip) == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


@given(st.data())
@settings(max_examples=25)
def test_a_face_stands_where_its_anchor_and_the_numbers_say_whatever_the_grids(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    side_px = 64
    grids = data.draw(st.lists(st.builds(Grid, st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=3))
    centres = [
        ((column + 0.5) / grid.cells, (row + 0.5) / grid.cells)
        for grid in grids
        for row in range(grid.cells)
        for column in range(grid.cells)
        for _ in range(grid.each)
    ]
    seen = data.draw(st.integers(0, len(centres) - 1))
    boxes, logits = np.zeros((len(centres), 16)), np.full((len(centres), 1), -9.0)
    boxes[seen] = [1, 2, 20, 30, *range(-6, 6)]
    logits[seen] = 9.0
    content = tiny.detector(side_px, boxes, logits)
    network = loaded(tmp_path_factory.mktemp("grid"), content, tiny.detector_card(content, side_px, grids))
    (face,) = Detector(network).faces(np.full((side_px, side_px, 3), 255, np.uint8))
    x, y = np.array(centres[seen]) * side_px
    assert face.box == pytest.approx([x + 1 - 10, y + 2 - 15, x + 1 + 10, y + 2 + 15], abs=1e-3)
    assert face.right_eye == pytest.approx([x - 6, y - 5], abs=1e-3)
    assert face.mouth == pytest.approx([x, y + 1], abs=1e-3)
    assert Detector(network).faces(np.zeros((side_px, side_px, 3), np.uint8)) == []


def test_outputs_that_do_not_fit_the_anchors_are_refused(tmp_path: Path) -> None:
    content = tiny.detector(32, np.zeros((9, 16)), np.zeros((9, 1)))
    Detector(loaded(tmp_path, content, tiny.detector_card(content, 32, [Grid(3, 1)])))
    with pytest.raises(ModelError, match=r"the anchors of its card say \[\(4, 1\), \(4, 16\)\]"):
        Detector(loaded(tmp_path, content, tiny.detector_card(content, 32, [Grid(2, 1)])))
