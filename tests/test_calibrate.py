"""A folder of photographs becomes the tables of a card, and a card says among how many people it finds somebody."""

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from gatefw.biometrics import card as cards
from gatefw.biometrics.card import Card
from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.measuring.album import Album, Shot
from gatefw.biometrics.measuring.calibrate import distances_of, tables
from gatefw.biometrics.measuring.scores import Scores
from gatefw.biometrics.nearness import Comparisons, strangers
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import capacity
from gatefw.cli import main
from gatefw.errors import SetupError
from gatefw.model import Reason

EMBEDDER = next(card for card in cards.shipped() if card.kind == "embed")
UNMEASURED = replace(EMBEDDER, name="other", threshold=(), tail=(), mated=(), measured=None)
MAKER = Maker("0" * 64, Runtime.LITERT, "2", Delegate.DEFAULT)
GOOD = Quality(60.0, 0.2, 120.0, 0.0, 0.3, 1.0, 0.0, 0.0)
FACE = Face(0.9, np.array((10.0, 10.0, 50.0, 50.0)), *np.zeros((4, 2)))


def drawn(people: int, pictures: int, apart: float = 0.08) -> Album:
    """People as points in 24 dimensions, and their pictures around them."""
    chance = np.random.default_rng(7)
    shots = []
    for person in range(people):
        home = chance.normal(scale=0.12, size=24)
        for _ in range(pictures):
            vector = (home + chance.normal(scale=apart / 2, size=24)).astype(np.float32)
            shots.append(Shot(person, Probe(Template(vector, MAKER), GOOD, FACE)))
    return Album(tuple(shots), people)


@pytest.fixture(scope="module")
def calibrated() -> Card:
    return tables(drawn(150, 6), UNMEASURED, "drawn")


def test_a_card_is_measured_for_every_number_of_frames_and_templates_that_the_folder_has(calibrated: Card) -> None:
    assert [(tail.frames, tail.templates) for tail in calibrated.tail] == [
        (1, 1),
        (1, 3),
        (3, 1),
        (3, 3),
        (5, 1),
        (5, 3),
    ]
    assert [(each.frames, each.templates) for each in calibrated.mated] == [(1, 1), (1, 3), (3, 1), (3, 3), (5, 1)]
    assert calibrated.measured is not None
    assert (calibrated.measured.people, calibrated.measured.pictures) == (150, 900)
    assert [row.fmr for row in calibrated.threshold] == [1e-2, 1e-3], "11,175 pairs do not stand behind 1e-4"
    assert capacity(calibrated, 0.01, 0.2).people > 0


def test_a_calibrated_card_reads_back_as_it_was_written(calibrated: Card, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(cards.text(calibrated), "utf-8")
    assert cards.read(tmp_path / "other.toml") == calibrated


def test_fused_strangers_are_nearer_by_the_line_that_stands_for_what_was_not_measured(calibrated: Card) -> None:
    """The line through what is in the card gives, for five templates, what five templates are."""
    single = strangers(calibrated, 1, 1).distance(1e-2).best
    guessed = strangers(replace(calibrated, tail=calibrated.tail[:4]), 5, 3).distance(1e-2).best
    assert guessed < single
    assert guessed == pytest.approx(strangers(calibrated, 5, 3).distance(1e-2).best, rel=0.02)


def test_no_fnmr_is_less_than_three_of_all_people(calibrated: Card) -> None:
    missed = Comparisons.of(calibrated, 3, 3).missed(10.0)
    assert missed.best == pytest.approx(3 / 150, abs=1e-4)
    assert Comparisons.of(calibrated, 3, 3).missed(0.0).best == 1


def test_mated_distances_are_those_that_a_share_does_not_exceed() -> None:
    people = np.repeat(np.arange(100, dtype=np.int32), 10)
    mated = distances_of(Scores(np.arange(1000, dtype=np.float32), people, people), 1, 1)
    assert mated.shares[-1] == 0.97
    for share, distance, low, high in zip(mated.shares, mated.distances, mated.low, mated.high, strict=True):
        assert distance == pytest.approx(share * 1000, abs=1)
        assert low <= distance <= high


@pytest.mark.parametrize(("people", "pictures"), [(40, 6), (150, 2)])
def test_too_few_people_with_several_pictures_measure_nothing(people: int, pictures: int) -> None:
    with pytest.raises(SetupError, match="50 with three are the least"):
        tables(drawn(people, pictures), UNMEASURED, "drawn")


def test_a_lost_picture_is_nobodys_frame() -> None:
    lost = Album((*drawn(100, 3).shots, Shot(0, Reason.NO_FACE)), 100)
    card = tables(lost, UNMEASURED, "drawn")
    assert card.measured is not None
    assert card.measured.pictures == 300


# ---------------------------------------------------------------- the commands


@pytest.mark.models
@pytest.mark.faces
def test_calibrate_writes_a_card_that_capacity_reads(
    faces: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eighty-five people: enough to go all the way, and to be near what the shipped card says of all."""
    several = (home for home in sorted(faces.iterdir()) if home.is_dir() and len(list(home.iterdir())) >= 3)
    for number, home in enumerate(islice(several, 85)):
        (tmp_path / "people" / str(number)).mkdir(parents=True)
        for picture in sorted(home.iterdir())[:3]:
            (tmp_path / "people" / str(number) / picture.name).symlink_to(picture)
    out = tmp_path / "card.toml"
    assert main(["face", "calibrate", str(tmp_path / "people"), "--out", str(out), "--dataset", "some"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["dataset"], told["people"], told["card"]) == ("some", 85, str(out))
    card = cards.read(out)
    few, all_ = (strangers(each, 1, 1).distance(1e-2) for each in (card, EMBEDDER))
    assert few.low - 0.02 < all_.best < few.high + 0.02
    assert main(["face", "capacity", "--card", str(out), "--fpir", "0.01", "--fnir", "0.3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(json.loads(lines[-1])["capacity"]) == 6
    assert str(next(iter(sorted(faces.iterdir()))).name) not in out.read_text("utf-8")


@pytest.mark.models
def test_calibrate_says_when_a_folder_is_too_small(
    photos: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.jpg").symlink_to(min(photos.iterdir()))
    out = tmp_path / "card.toml"
    assert main(["face", "calibrate", str(tmp_path), "--out", str(out)]) == 2
    assert "50 with three are the least" in capsys.readouterr().err
    assert not out.exists()


def test_capacity_prints_its_table_and_ends_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    card = cards.SHIPPED / f"{EMBEDDER.name}.toml"
    assert main(["face", "capacity", "--card", str(card), "--fpir", "0.01", "--fnir", "0.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = json.loads(lines[-1])["capacity"]
    assert [(row["frames"], row["templates"]) for row in rows] == [(1, 1), (1, 3), (3, 1), (3, 3), (5, 1), (5, 3)]
    for row in rows:
        held = capacity(EMBEDDER, 0.01, 0.2, row["frames"], row["templates"])
        assert (row["alone"]["people"], row["alone"]["likeliest"]) == (held.people, held.likeliest)
        assert any(f"{held.people:,}" in line for line in lines[:-1])
        assert row["finger"]["people"] >= held.people
    assert any("Twins and relatives" in line for line in lines)


def test_capacity_as_json_is_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    card = cards.SHIPPED / f"{EMBEDDER.name}.toml"
    assert main(["face", "capacity", "--card", str(card), "--fpir", "0.1", "--fnir", "0.3", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["model"] == EMBEDDER.name


def test_capacity_of_a_lane_is_for_the_rates_of_the_lane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    lane = Path(__file__).resolve().parent.parent / "config" / "lanes" / "document-free.toml"
    assert main(["face", "capacity", "--lane", str(lane), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["capacity"]
    assert {(row["fpir"], row["fnir"]) for row in rows} == {(0.1, 0.2)}
    (three,) = [row for row in rows if (row["frames"], row["templates"]) == (3, 1)]
    assert three["alone"]["people"] >= 1000, "the lane's own gallery is held"


def test_capacity_says_in_words_when_rates_hold_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    card = cards.SHIPPED / f"{EMBEDDER.name}.toml"
    assert main(["face", "capacity", "--card", str(card), "--fpir", "1e-9", "--fnir", "1e-9"]) == 0
    told = capsys.readouterr().out
    assert "one person enrolled is too many already" in told
    assert "people at most" not in told


@pytest.mark.parametrize("rate", ["0", "1", "-0.1", "much"])
def test_a_rate_is_a_share(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["face", "capacity", "--fpir", rate])
    assert f"--fpir: {rate}: a share between 0 and 1" in capsys.readouterr().err


def test_a_card_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["face", "calibrate", str(tmp_path), "--out", str(tmp_path / "none" / "card.toml")]) == 2
    assert "its folder is not there; make it" in capsys.readouterr().err
