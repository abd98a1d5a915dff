"""A card and a file belong together, or nothing runs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("side_px = 150", "side_px = true", "input: side_px: True is not a whole number"),
        ('kind = "embed"', 'kind = "embedder"', 'kind: \'embedder\' is not one of "detect", "embed"'),
        ("[46.773, 46.847]", "[46.773]", r"alignment: right_eye: \[46.773\] is not a list of 2, each a finite number"),
        ("fmr = 1e-3", "fmr = []", r"threshold\[1\]: fmr"),
        ('file = "dlib-resnet-int8.tflite"', 'file = "../x"', "'../x' is not a file name"),
        ("[input]", "[input", "cannot be read.*correct it"),
        ("low = 0.0", "low = 255.0", "low < high are wanted"),
        ("low = 0.0", "low = -inf", "input: low: -inf is not"),
        ("side_px = 150", "side_px = 100000", "1 to 1024 px"),
        ('name = "dlib', 'name = "Dlib', "lower case letters"),
        ('sha256 = "8da1', 'sha256 = "8DA1', "64 hexadecimal digits"),
        ("distance = 0.604", "distance = 12.5", "a distance of 12.5"),
        ("[alignment]", "[[grid]]\ncells = 16\neach = 2\n[alignment]", "a detector, and nothing else, has .*grid"),
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


def test_a_detector_says_where_its_anchors_lie(tmp_path: Path) -> None:
    assert [(grid.cells, grid.each) for grid in DETECTOR.grid] == [(16, 2), (8, 6)]
    text = card_text(DETECTOR.name)
    with pytest.raises(ModelError, match=r"other layouts than BlazeFace's cannot be read"):
        read_text(tmp_path, text[: text.index("[[grid]]")])
    with pytest.raises(ModelError, match="1 to 128 cells"):
        read_text(tmp_path, text.replace("cells = 16", "cells = 100000"))


def test_an_embedder_nobody_measured_is_carried_but_not_put_in_service(tmp_path: Path) -> None:
    text = card_text()[: card_text().index("# L2 distances")]
    model = tmp_path / EMBEDDER.file
    model.write_bytes(b"a model")
    card = tmp_path / f"{EMBEDDER.name}.toml"
    card.write_text(text.replace(EMBEDDER.sha256, cards.sha256(model)), "utf-8")
    assert not cards.read(card).calibrated
    with pytest.raises(ModelError, match=r"not measured.*gatefw face calibrate"):
        cards.installed(tmp_path, EMBEDDER.name)
    assert cards.installed(tmp_path, EMBEDDER.name, calibrated=False)[1] == model


def test_a_card_under_another_name_is_not_that_model(tmp_path: Path) -> None:
    (tmp_path / "another.toml").write_text(card_text(), "utf-8")
    with pytest.raises(ModelError, match="card and file name must agree"):
        cards.installed(tmp_path, "another")


def test_a_card_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    with path.open("wb") as file:
        file.truncate(cards.CARD_BYTES_MAX + 1)
    with pytest.raises(ModelError, match="longer than 1000000 bytes"):
        cards.read(path)


@pytest.mark.parametrize("name", [card.name for card in cards.shipped()])
def test_a_written_card_reads_as_the_same_card(tmp_path: Path, name: str) -> None:
    card = cards.read(cards.SHIPPED / f"{name}.toml")
    assert read_text(tmp_path, cards.text(card)) == card


numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    summary=words,
    distance=numbers,
    replicates=st.lists(st.tuples(numbers, numbers, numbers), max_size=3),
    attacks=st.lists(st.builds(cards.Attack, words, st.integers(0, 2**40), numbers), max_size=2),
)
def test_whatever_a_card_says_it_says_again_when_read(
    tmp_path_factory: pytest.TempPathFactory,
    summary: str,
    distance: float,
    replicates: list[cards.Replicate],
    attacks: list[cards.Attack],
) -> None:
    directory = tmp_path_factory.mktemp("card")
    tail = cards.Tail(1, 3, distance, 0.1, -0.2, 0.3, 5, 6, tuple(replicates))
    card = replace(EMBEDDER, summary=summary, tail=(tail,), mated=(), metric="cosine", mirror=False)
    assert read_text(directory, cards.text(card)) == card
    pad = cards.Pad("independently", summary, distance, 0.5, tuple(attacks))
    card = replace(card, kind="pad", alignment=None, threshold=(), tail=(), pad=pad)
    assert read_text(directory, cards.text(card)) == card
