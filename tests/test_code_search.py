"""QR codes in pictures: found turned, small and noisy; one presentation is one code; two codes are none."""

import itertools

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefw.code_search import APART_S, EVERY_S, GONE_S, CodeWatch, search

QR = zxingcpp.BarcodeFormat.QRCode


def picture_of(
    code: bytes, kind: object = QR, width: int = 1280, height: int = 720, scale: int = 5, angle: float = 0.0
):
    """A code on a white card in the middle of a grey picture, turned, with the noise of a sensor."""
    card = np.pad(np.array(zxingcpp.create_barcode(code, kind).to_image(scale=scale)), 20, constant_values=255)
    turned = cv2.getRotationMatrix2D((card.shape[1] / 2, card.shape[0] / 2), angle, 1.0)
    turned[:, 2] += (width - card.shape[1]) / 2, (height - card.shape[0]) / 2
    grey = cv2.GaussianBlur(cv2.warpAffine(card, turned, (width, height), borderValue=128), (0, 0), 1.0)
    noisy = grey + np.random.default_rng(3).normal(0, 6, grey.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("angle", [0.0, 12.0, 45.0, 90.0, 200.0])
def test_a_code_is_found_however_it_is_held_in_grey_and_in_colour(angle: float) -> None:
    grey = picture_of(b"GWID:0123456789", angle=angle)
    assert search(grey) == {b"GWID:0123456789"}
    assert search(np.dstack([grey] * 3)) == {b"GWID:0123456789"}


def test_bytes_come_as_they_are() -> None:
    assert search(picture_of(bytes(range(256)))) == {bytes(range(256))}


def test_a_code_is_read_by_somebody_elses_writer_too() -> None:
    card = cv2.QRCodeEncoder.create().encode("GWID:0123456789")
    grey = np.full((480, 640), 200, np.uint8)
    grey[100 : 100 + card.shape[0] * 5, 200 : 200 + card.shape[1] * 5] = np.kron(card, np.ones((5, 5), np.uint8))
    assert search(grey) == {b"GWID:0123456789"}


@pytest.mark.parametrize("kind", ["Aztec", "PDF417", "DataMatrix", "Code128"])
def test_no_other_symbology_is_looked_for(kind: str) -> None:
    assert search(picture_of(b"GWID0123456789", getattr(zxingcpp.BarcodeFormat, kind))) == frozenset()


def test_a_part_of_the_memory_of_a_camera_is_as_good_as_a_copy() -> None:
    padded = np.zeros((480, 704), np.uint8)
    padded[:, :640] = picture_of(b"GWID:0123456789", width=640, height=480)
    assert search(padded[:, :640]) == {b"GWID:0123456789"}


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_any_picture_at_all_is_searched(width: int, height: int, depth: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, depth), np.uint8)
    assert isinstance(search(noise[:, :, 0] if depth == 1 else noise), frozenset)


# ---------------------------------------------------------------- over time


def told(*sights: tuple[float, frozenset[bytes]]) -> list[tuple[float, bytes]]:
    watch = CodeWatch()
    return [(at_s, code) for at_s, codes in sights if (code := watch.seen(codes, at_s)) is not None]


A, B, NONE = frozenset({b"a"}), frozenset({b"b"}), frozenset()


def test_a_code_that_is_held_is_told_once() -> None:
    assert told(*((n / 8, A) for n in range(100))) == [(0.0, b"a")]


def test_a_code_that_flickers_is_held_and_one_that_was_away_is_shown_again() -> None:
    flickering = [(n / 8, (A, NONE, NONE)[n % 3]) for n in range(40)]
    assert told(*flickering, (4.9 + GONE_S - 0.1, A), (4.9 + 3 * GONE_S, A)) == [(0.0, b"a"), (4.9 + 3 * GONE_S, b"a")]


def test_two_codes_at_once_are_none() -> None:
    assert told((0.0, A | B), (1.0, B), (2.0, A | B)) == [(1.0, b"b")]


def test_codes_that_take_turns_come_no_faster_than_two_a_second() -> None:
    many = [(n / 8, frozenset({b"%d" % n})) for n in range(80)]
    times = [at_s for at_s, _ in told(*many)]
    assert all(later - sooner >= APART_S for sooner, later in itertools.pairwise(times))
    assert len(times) == 20


def test_no_more_than_eight_pictures_a_second_are_searched() -> None:
    watch = CodeWatch()
    searched = sum(watch.due(n / 30) for n in range(300))
    assert 70 <= searched <= 10 / EVERY_S


def test_a_watch_shows_nobodys_code() -> None:
    watch = CodeWatch()
    watch.seen(frozenset({b"secret"}), 0.0)
    assert "secret" not in repr(watch)
