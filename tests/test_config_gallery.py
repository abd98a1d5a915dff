"""A lane that finds people by their face names the camera for it, and no more people than its model can tell apart."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

import hw
from gatefw import config
from gatefw.biometrics import card as cards
from gatefw.biometrics.threshold import capacity, for_gallery
from gatefw.cli import check as check_cli
from gatefw.cli import run as run_cli
from gatefw.config import Finding
from gatefw.config_tables import GallerySize
from gatefw.errors import ModelError

REFERENCE = Path(__file__).parent.parent / "config" / "lanes" / "contactless-e-channel.toml"
ENV = {"GATEFW_STATE": "/state", "GATEFW_RUN": "/run/gate"}
_, EMBEDDER, *_ = cards.shipped()


def holds(_name: str, size: GallerySize) -> None:
    for_gallery(EMBEDDER, size.most, size.fpir, size.fnir, size.frames)


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., list[Finding]]:
    def checked(vision: str, gallery: str = "", more: str = "") -> list[Finding]:
        text = REFERENCE.read_text(encoding="utf-8").replace('start = "unit"', f'start = "unit"\n{vision}')
        path = tmp_path / "lane.toml"
        path.write_text(text + f"\n[gallery]\n{gallery}\n{more}", encoding="utf-8")
        return config.check(path, hw.schema, env=ENV, holds=holds)

    return checked


def test_the_camera_that_identifies_is_one_of_the_lanes(check: Callable[..., list[Finding]]) -> None:
    assert check('identify = "inside"') == []
    (found,) = check('identify = "front"')
    assert (found.key, found.problem) == ("vision.identify", "no camera is called front; there are inside")


def test_a_camera_for_codes_looks_at_no_face(check: Callable[..., list[Finding]]) -> None:
    second = '[camera.front]\ndriver = "v4l2"\ndevice = "/dev/v4l/by-id/usb-OTHER-video-index0"\n'
    (found,) = check('identify = "front"\ncodes = "front"', more=second)
    assert (found.key, "looks for codes" in found.problem) == ("vision.identify", True)


def test_a_gallery_that_the_model_cannot_hold_is_named_by_its_line_with_how_many_it_can(
    check: Callable[..., list[Finding]],
) -> None:
    held = capacity(EMBEDDER, 0.01, 0.2, frames=3).people
    (found,) = check('identify = "inside"', f"most = {held + 1}\nfpir = 0.01\nfnir = 0.2")
    assert (found.key, found.warning) == ("gallery.most", False)
    assert found.line is not None
    assert f"it can hold {held} at an FPIR of 0.01 and an FNIR of 0.2" in found.problem
    assert check('identify = "inside"', f"most = {held}\nfpir = 0.01\nfnir = 0.2") == []
    assert check("", "most = 200") == [], "a lane that compares one with one may have any number of people"


def test_check_and_run_refuse_a_lane_whose_installed_model_cannot_hold_its_gallery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path / "run"))
    text = REFERENCE.read_text(encoding="utf-8").replace('start = "unit"', 'start = "unit"\nidentify = "inside"')
    (tmp_path / "lane.toml").write_text(text + "\n[gallery]\nmost = 5000\nfpir = 0.001\n", encoding="utf-8")
    lane = argparse.Namespace(file=tmp_path / "lane.toml", json=False, if_broken="exit", last_known_good=False)
    check_cli.run(lane)
    assert "it can hold" not in capsys.readouterr().out, "there is no model yet"
    (tmp_path / "state" / "models").mkdir(parents=True)
    shipped = cards.SHIPPED / f"{EMBEDDER.name}.toml"
    (tmp_path / "state" / "models" / shipped.name).write_text(shipped.read_text("utf-8"), "utf-8")
    assert check_cli.run(lane) == 1
    assert "gallery.most: is 5000: model dlib-resnet-int8" in capsys.readouterr().out
    with pytest.raises(ModelError, match=r"it can hold \d+ at an FPIR of 0\.001"):
        run_cli.run(lane)


def test_whom_a_search_may_meet_reaches_the_vision_process(tmp_path: Path) -> None:
    text = REFERENCE.read_text(encoding="utf-8").replace('start = "unit"', 'start = "unit"\nidentify = "inside"')
    (tmp_path / "lane.toml").write_text(
        text + '\n[gallery]\nmost = 40\nframes = 2\n[people]\npartitions = "flight-* staff"\n', encoding="utf-8"
    )
    vision = config.load(tmp_path / "lane.toml", hw.schema, ENV).vision
    assert (vision.searched.most, vision.searched.frames, vision.searched.partitions) == (40, 2, ("flight-*", "staff"))
    assert [camera.name for camera in vision.identifying] == ["camera.inside"] == [c.name for c in vision.verifying]
