"""The real chain on photographs: who is found, who is not, and no matcher where the model cannot hold the gallery."""

from pathlib import Path

import pytest
from vision_lane import usual_chain

from gatefw.biometrics.chain import Chain
from gatefw.biometrics.real_matcher import RealMatcher
from gatefw.biometrics.threshold import reach
from gatefw.errors import ModelError, SetupError
from gatefw.model import Enrolled, FaceCompared, FaceIdentified, Failed, Reason, SubjectId
from gatefw.vision_settings import Searched

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def chain(models: Path) -> Chain:
    return usual_chain(models)


@pytest.fixture
def folder(tmp_path: Path, photos: Path) -> Path:
    """One person with four photographs and a torn one, one with one good photograph, and one whose face is cut off."""
    for name, number, photo in (
        ("anna", 1, "obama.jpg"),
        ("anna", 2, "obama2.jpg"),
        ("anna", 3, "obama3.jpg"),
        ("anna", 4, "obama2.jpg"),
        ("bert", 1, "biden.jpg"),
        ("cleo", 1, "obama_partial_face.jpg"),
    ):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{number}.jpg").symlink_to(photos / photo)
    (tmp_path / "anna" / "notes.txt").write_text("no photograph")
    return tmp_path


def test_a_traveller_is_found_and_verified_and_an_impostor_is_neither(chain: Chain, folder: Path) -> None:
    matcher = RealMatcher(chain, folder, 1, 1, 1, Searched(most=1, fpir=0.01, fnir=0.2))
    (traveller,), (impostor,) = matcher.travellers, matcher.impostors
    assert matcher.people == 1
    found = matcher.identify(traveller.probes)
    assert isinstance(found, FaceIdentified)
    assert (found.subject, found.frames, found.more_evidence) == (traveller.subject, 3, False)
    one, three = (reach(chain.embedder.card, 1, 0.01, frames)(3) for frames in (1, 3))
    assert three < found.threshold == pytest.approx(one, abs=1e-6), "one photograph, shown three times"
    assert matcher.identify(impostor.probes) == Failed(Reason.NOT_IDENTIFIED)
    for probes, matches in ((traveller.probes, True), (impostor.probes, False)):
        for answer in (
            matcher.verify(traveller.subject, probes),
            matcher.verify_portrait(matcher.portrait(traveller), probes),
        ):
            assert isinstance(answer, FaceCompared)
            assert answer.matched is matches
    assert matcher.verify(impostor.subject, impostor.probes) == Failed(Reason.NOT_ENROLLED)
    assert "obama" not in repr(matcher.travellers)


def test_who_checks_in_with_a_portrait_is_found_from_then_on(chain: Chain, folder: Path) -> None:
    matcher = RealMatcher(chain, folder, 1, 0, 1, Searched(most=1, fpir=0.01, fnir=0.2), room=1)
    (comes,) = matcher.impostors
    subject = SubjectId("5" * 32)
    photo = (folder / "bert" / "1.jpg",)
    assert matcher.enrol(subject, b"no picture", comes.probes) == Failed(Reason.DOCUMENT_UNREADABLE)
    other = next(each for each in folder.glob("*/1.jpg") if each.resolve() != comes.probes[0].resolve())
    wrong = matcher.enrol(subject, matcher.portrait(comes), [other])
    assert wrong in (Failed(Reason.FACE_MISMATCH), Failed(Reason.PARTIAL_FACE))
    assert matcher.enrol(subject, photo[0].read_bytes(), photo) == Enrolled(subject)
    found = matcher.identify(photo)
    assert isinstance(found, FaceIdentified)
    assert found.subject == subject


def test_a_photograph_that_shows_no_good_face_is_why_nothing_is_compared(chain: Chain, folder: Path) -> None:
    matcher = RealMatcher(chain, folder, 1, 1, 0, Searched(most=1, fpir=0.01, fnir=0.2))
    cut = [folder / "cleo" / "1.jpg"]
    assert matcher.identify(cut) == Failed(Reason.PARTIAL_FACE)
    assert matcher.verify(matcher.travellers[0].subject, cut) == Failed(Reason.PARTIAL_FACE)
    assert matcher.verify_portrait(cut[0].read_bytes(), cut) == Failed(Reason.DOCUMENT_UNREADABLE)


def test_a_lane_that_searches_nobody_has_no_threshold_for_it(chain: Chain, folder: Path) -> None:
    matcher = RealMatcher(chain, folder, 1, 1, 1)
    assert (matcher.search, matcher.face.distance) == (None, 0.542)
    assert matcher.identify(matcher.travellers[0].probes) == Failed(Reason.SOFTWARE)


def test_too_few_people_or_too_large_a_gallery_is_no_matcher(chain: Chain, folder: Path) -> None:
    with pytest.raises(SetupError, match=r"2 people with 4 good photographs are wanted, .* has 1 besides"):
        RealMatcher(chain, folder, 1, 2, 0)
    with pytest.raises(SetupError, match="3 travellers: the gallery may hold 2"):
        RealMatcher(chain, folder, 1, 3, 0, Searched(most=2))
    with pytest.raises(ModelError, match="it can hold"):
        RealMatcher(chain, folder, 1, 1, 0, Searched(most=5000, fpir=0.001, fnir=0.2))


def test_of_strangers_at_a_lane_nobody_is_found_and_few_travellers_are_missed(chain: Chain, faces: Path) -> None:
    """The development faces, small: the whole measure is `python -m bench.lane_chain`."""
    matcher = RealMatcher(chain, faces, 3, 8, 8, Searched(most=20, fpir=0.01, fnir=0.2))
    found = [(person, matcher.identify(person.probes)) for person in matcher.travellers]
    right = [who for who, answer in found if isinstance(answer, FaceIdentified) and answer.subject == who.subject]
    assert len(right) >= 6
    assert all(isinstance(matcher.identify(person.probes), Failed) for person in matcher.impostors)
    again = RealMatcher(chain, faces, 3, 8, 8, Searched(most=20, fpir=0.01, fnir=0.2))
    assert again.travellers == matcher.travellers
