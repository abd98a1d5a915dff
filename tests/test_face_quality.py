"""gatefw face quality and gatefw face fusion, on photographs: tables for people, a line for machines, and no names."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from gatefw import cli
from gatefw.biometrics.measuring.fusion_gain import MEAN

pytestmark = pytest.mark.models
PEOPLE = {"one": ("obama.jpg", "obama2.jpg", "obama3.jpg"), "other": ("biden.jpg",)}


@pytest.fixture
def folder(tmp_path: Path, models: Path, photos: Path) -> Path:
    for person, pictures in PEOPLE.items():
        (tmp_path / "folder" / person).mkdir(parents=True)
        for picture in pictures:
            shutil.copy(photos / picture, tmp_path / "folder" / person)
    return tmp_path / "folder"


def test_quality_prints_every_component_and_draws_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "discard.svg"
    assert cli.main(["face", "quality", str(folder), "--bootstrap", "5", "--plot", str(plot)]) == 0
    told = capsys.readouterr().out
    figures = json.loads(told.splitlines()[-1])
    assert figures["comparisons"] == 3
    assert {"weight", "random", "sharpness", "illumination_uniformity"} <= set(figures["by"])
    assert "illumination uniformity" in told
    assert "obama" not in told
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")


def test_fusion_tells_what_the_mirror_image_is_worth(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["face", "fusion", str(folder), "--bootstrap", "2", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["mirror"] is True
    assert [(way["frames"], way["fused"], way["mirror"]) for way in figures["ways"]] == [
        (1, MEAN, True),
        (1, MEAN, False),
    ]
    mirrored, single = (way["at"][0]["distance"] for way in figures["ways"])
    assert mirrored != single


@pytest.mark.parametrize("name", ["quality", "fusion"])
def test_a_folder_without_people_is_refused(name: str, tmp_path: Path, models: Path) -> None:
    assert cli.main(["face", name, str(tmp_path)]) == 2


@pytest.mark.parametrize(("plot", "told"), [("none/plot.svg", "its folder is not there"), ("folder", "is a folder")])
def test_a_plot_that_cannot_be_written_is_refused_before_anything_is_measured(
    plot: str, told: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["face", "quality", str(folder), "--plot", str(tmp_path / plot)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [("fusion", "--seed"), ("fusion", "--bootstrap"), ("quality", "--bootstrap")])
@pytest.mark.parametrize("number", ["-1", "many"])
def test_replicates_and_seeds_are_whole_numbers(
    words: tuple[str, str], number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["face", words[0], "folder", words[1], number])
    assert left.value.code == 2
    assert f"{number}: a whole number of 0 or more is wanted" in capsys.readouterr().err
