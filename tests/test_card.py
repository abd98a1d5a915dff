"""A card and a file belong together, or nothing runs."""

import re
from pathlib import Path

import pytest

from gatefw.biometrics import card as cards
from gatefw.biometrics.threshold import threshold_for
from gatefw.errors import ModelError

DETECTOR, EMBEDDER, *_ = cards.shipped()


def card_text(name: str = EMBEDDER.name) -> str:
    return (cards.SHIPPED / f"{name}.toml").read_text("utf-8")


def read_text(tmp_path: Path, text: str) -> cards.Card:
    path = tmp_path / "card.toml"
    path.write_text(text, "utf-8")
    return cards.read(path)


def test_every_shipped_card_states_its_terms_and_who_measured_what() -> None:
    for card in cards.shipped():
        assert re.fullmatch("[0-9a-f]{64}", card.sha256)
        assert card.licence in ("Apache-2.0", "CC0-1.0")
        assert "%" in card.accuracy
        assert "measured by" in card.accuracy_source
        assert card.file == f"{card.name}.tflite"


def test_a_stricter_rate_has_a_smaller_distance_and_costs_more_travellers() -> None:
    rows = sorted(EMBEDDER.threshold, key=lambda row: row.fmr)
    assert [row.distance for row in rows] == sorted(row.distance for row in rows)
    assert [row.fnmr for row in rows] == sorted((row.fnmr for row in rows), reverse=True)
    assert all(row.fnmr_interval[0] < row.fnmr < row.fnmr_interval[1] for row in rows)


def test_a_rate_nobody_measured_has_no_threshold() -> None:
    assert threshold_for(EMBEDDER, 1e-3).distance == 0.542
    with pytest.raises(ModelError, match=r"FMR of 1e-08; its card has 0.01, 0.001, 0.0001"):
        threshold_for(EMBEDDER, 1e-8)
    with pytest.raises(ModelError, match="none"):
        threshold_for(DETECTOR, 1e-3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "embed"', 'kind = "embde"', "kind: 'embde'"),
        ('kind = "embed"', 'kind = "detect"', "an embedder, and nothing else"),
        ('licence = "CC0-1.0"\n', "", "'licence' is missing"),
        ("side_px = 150", "side_px = 150\nsidepx = 1", "input: unknown key 'sidepx'"),
        ("side_px = 150", 'side_px = "150"', "input: side_px: '150'"),
        ("side_px = 150", "side_px = true", "input: side_px: True"),
        ("[46.773, 46.847]", "[46.773]", "alignment: right_eye"),
        ("fmr = 1e-3", "fmr = []", r"threshold\[1\]: fmr"),
        ('file = "dlib-resnet-int8.tflite"', 'file = "../x"', "'../x' is not a file name"),
        ("[input]", "[input", "cannot be read"),
    ],
)
def test_a_wrong_card_is_refused_with_the_place_that_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in card_text()
    with pytest.raises(ModelError, match=message):
        read_text(tmp_path, card_text().replace(old, new, 1))


def test_a_model_is_used_only_with_the_card_that_names_its_hash(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not there; run `gatefw models install`"):
        cards.installed(tmp_path, EMBEDDER.name)
    (tmp_path / f"{EMBEDDER.name}.toml").write_text(card_text(), "utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        cards.installed(tmp_path, EMBEDDER.name)
    model = tmp_path / EMBEDDER.file
    model.write_bytes(b"a model")
    with pytest.raises(ModelError, match="its card says 8da17c2b"):
        cards.installed(tmp_path, EMBEDDER.name)
    text = card_text().replace(EMBEDDER.sha256, cards.sha256(model))
    (tmp_path / f"{EMBEDDER.name}.toml").write_text(text, "utf-8")
    card, path = cards.installed(tmp_path, EMBEDDER.name)
    assert (card.sha256, path) == (cards.sha256(model), model)


@pytest.mark.parametrize("name", ["../secret", ".hidden", "a/b"])
def test_a_model_name_never_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="without a directory"):
        cards.installed(tmp_path, name)
