"""The face stack beside others: both runtimes make the same vectors, and dlib is asked what we are asked."""

import sys
from pathlib import Path

import numpy as np
import pytest

from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.runtime import Delegate, Runtime
from gatefw.errors import SetupError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # bench is in no wheel

from bench import face_peer, face_peer_accuracy, runtimes
from bench.runtimes import DETECTOR, EMBEDDER

WAYS = ("ours", "ours embed", "dlib", "dlib x2", "dlib embed")


@pytest.mark.models
@pytest.mark.real
def test_both_runtimes_make_the_same_vectors_bit_by_bit_without_delegates_and_nearly_with(
    models: Path, photos: Path
) -> None:
    try:
        python = runtimes.python_with_tflite()
    except SetupError as problem:
        pytest.skip(str(problem))
    ours = {each: Chain.load(models, DETECTOR, EMBEDDER, Runtime.LITERT, each) for each in Delegate}
    chips = []
    for name in ("obama", "biden"):
        rgb = picture.load(photos / f"{name}.jpg")
        chips.append(ours[Delegate.DEFAULT].align(rgb, ours[Delegate.DEFAULT].faces(rgb)[0])[0])
    plain, _ = runtimes.embedded(python, "tflite plain", np.stack(chips))
    delegated, _ = runtimes.embedded(python, "tflite", np.stack(chips))
    assert np.array_equal(plain, np.stack([ours[Delegate.NONE].embed(chip) for chip in chips]))
    apart = delegated - np.stack([ours[Delegate.DEFAULT].embed(chip) for chip in chips])
    assert 0 < np.linalg.norm(apart, axis=1).max() <= 0.031, "the most that was measured over 100 faces"


@pytest.mark.models
@pytest.mark.real
def test_dlib_is_timed_on_the_same_photographs_in_the_same_rounds(models: Path, photos: Path) -> None:
    rows = face_peer.run(1, photographs=1)
    if rows[0].note.startswith("no peer"):
        pytest.skip(rows[0].note)
    assert [each.name for each in rows] == [f"{kind} {way}" for kind in ("frame", "photo") for way in WAYS]
    ratios = {each.name: each.ratios for each in rows}
    assert ratios["photo dlib"].keys() == {"photo ours"}
    assert ratios["photo dlib embed"].keys() == {"photo ours embed"}


@pytest.mark.models
@pytest.mark.real
def test_without_the_peer_ours_is_timed_alone_and_says_why(
    models: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    rows = face_peer.run(1, ["no-such-package-of-gatefw==9"], photographs=1)
    assert [each.name for each in rows] == [f"{kind} {way}" for kind in ("frame", "photo") for way in WAYS[:2]]
    assert all("no-such-package-of-gatefw==9 cannot be had here: ERROR" in each.note for each in rows)


def test_who_is_told_apart_is_counted_with_the_pictures_without_a_face() -> None:
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(60, 32))
    vectors = [[centre + chance.normal(0, 0.05, 32) for _ in range(2)] for centre in centres]
    found = face_peer_accuracy.measured(vectors)
    assert found.eer.value == 0
    assert found.points[0].fnmr.value == found.points[0].gfrr.value == 0
    vectors[7][1] = None
    found = face_peer_accuracy.measured(vectors)
    assert found.points[0].fnmr.value == 0
    assert found.points[0].gfrr.value == pytest.approx(1 / 60)
    vectors[8][0], vectors[9][0] = vectors[9][0], vectors[8][0]
    assert face_peer_accuracy.measured(vectors).points[0].fnmr.value == pytest.approx(2 / 59)


@pytest.mark.models
def test_a_folder_that_is_none_ends_with_what_to_do(
    models: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert face_peer_accuracy.main(["--faces", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no directory" in capsys.readouterr().err
    assert face_peer_accuracy.main(["--faces", str(tmp_path)]) == 2
    assert "0 people with two pictures" in capsys.readouterr().err
    with pytest.raises(SetupError, match="no picture with a face"):
        runtimes.chips_of(tmp_path)
