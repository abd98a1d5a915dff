"""`bench.search`: its galleries are as they are said to be, its full scan is right, what it prints can be read."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gatefw.biometrics.runtime import Maker
from gatefw.errors import ModelError, SetupError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # bench is in no wheel

from bench import search, search_cell, search_decision
from bench.search_peers import MOST, Case, numpy_int8, scan
from bench.search_sets import MATED, PROBES, QUANTILES, apart, drawn, spectrum, synthetic


def test_distances_between_drawn_people_have_the_quantiles_that_were_measured() -> None:
    far = apart(drawn(4000).vectors)
    for share, measured in QUANTILES.items():
        assert far[share] == pytest.approx(measured, rel=0.03), f"a share of {share:g}"


def test_drawn_people_are_neither_centred_nor_of_unit_length_and_vary_along_few_axes() -> None:
    vectors = drawn(4000).vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    variances = np.linalg.eigvalsh(np.cov(vectors.T))
    assert 1.15 < lengths.min() < 1.3 and 1.5 < lengths.max() < 1.75
    assert 1.2 < np.linalg.norm(vectors.mean(0)) < 1.4
    assert 25 < variances.sum() ** 2 / np.square(variances).sum() < 34


@pytest.mark.parametrize("numbers", [128, 512])
def test_synthetic_mates_are_as_near_as_is_said(numbers: int) -> None:
    faces = synthetic(500, numbers)
    mated = faces.mates >= 0
    assert mated.sum() == PROBES // 2
    cosines = (faces.probes[mated] * faces.vectors[faces.mates[mated]]).sum(1)
    assert (cosines > 0.499).all() and (cosines < 0.701).all()
    assert np.linalg.norm(faces.vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(faces.probes, axis=1) == pytest.approx(1, abs=1e-5)


def test_drawn_mates_are_as_far_as_two_pictures_of_a_person() -> None:
    faces = drawn(500)
    mated = faces.mates >= 0
    far = np.linalg.norm(faces.probes[mated] - faces.vectors[faces.mates[mated]], axis=1)
    assert far.mean() == pytest.approx(MATED[0], abs=MATED[1])
    assert (far > 0.1).all() and (far < 0.8).all()
    assert np.linalg.norm(faces.probes[mated], axis=1).mean() == pytest.approx(1.41, abs=0.1)


def test_the_same_gallery_is_drawn_every_time() -> None:
    assert np.array_equal(drawn(300).vectors, drawn(300).vectors)
    assert np.array_equal(synthetic(300, 128).probes, synthetic(300, 128).probes)


def test_another_size_than_the_measured_models_cannot_be_drawn() -> None:
    with pytest.raises(ModelError, match="512 numbers"):
        drawn(10, 512)
    assert len(spectrum()) == 128 and (spectrum() > 0).all()


@st.composite
def galleries(draw: st.DrawFn) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Few different numbers, so that scores are equal often; more rows than one block has."""
    seed, rows, top = draw(st.integers(0, 2**32)), draw(st.integers(MOST, 9000)), draw(st.sampled_from((1, 3, 127)))
    random = np.random.default_rng(seed)
    return tuple(random.integers(-top, top + 1, (count, 8)).astype(np.int8) for count in (rows, 3))  # type: ignore[return-value]


@settings(max_examples=25, deadline=None)
@given(galleries())
def test_the_full_scan_finds_the_five_best_and_of_equal_ones_the_first(
    gallery: tuple[NDArray[np.int8], NDArray[np.int8]],
) -> None:
    rows, probes = gallery
    norms = np.square(rows.astype(np.int32)).sum(1, dtype=np.int32)
    for found, probe in zip(scan(rows, norms, probes), probes, strict=True):
        scores = 2 * rows.astype(np.int64) @ probe.astype(np.int64) - norms
        order = np.lexsort((np.arange(len(rows)), -scores))[:MOST]
        assert found == [(int(scores[at]), int(at)) for at in order]


def test_numpys_engine_finds_what_the_full_scan_does() -> None:
    faces = drawn(9000)
    cell = search_cell.Cell(faces, lambda _words: None)
    try:
        engine = numpy_int8(Case(faces, cell.rows, cell.norms))
        assert cell.exact_peer(cell.answers(engine))
        missing = cell.answers(engine)
        missing[3, 2] = 17
        assert not cell.exact_peer(missing)
    finally:
        cell.index.close()


@pytest.mark.parametrize("name", search.CELLS)
def test_every_cell_is_of_a_set_that_there_is(name: str) -> None:
    faces, people, numbers = search.cell_of(name)
    assert faces in search_cell.SETS
    assert people in search.ROUNDS and numbers in (128, 512)


@pytest.mark.parametrize("name", ["1M", "2Mx128", "drawn_1Mx512", "1Mx129", "1Mx128_1t_1q"])
def test_a_cell_that_there_is_not_is_named_with_those_that_there_are(name: str) -> None:
    with pytest.raises(SetupError, match=rf"{name}.*5Mx128"):
        search.cell_of(name)
    assert search.main(["--cells", name]) == 2


@pytest.mark.parametrize("kind", search_cell.SETS)
def test_a_cell_tells_in_its_last_line_what_its_table_shows(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert search_cell.main([kind, "2000", "128", "--queries", "1", "8", "--rounds", "1"]) == 0
    *shown, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert result["cells"].keys() == {"1t_1q", "1t_8q"}
    for lines in result["cells"].values():
        engines = {line["engine"]: line for line in lines}
        assert {search_cell.LIMIT, search_cell.OURS_ALL, "numpy int8", "numpy float32"} <= engines.keys()
        assert all(line["ms"] >= line["least_ms"] > 0 for line in lines)
        assert all(line["exact"] for name, line in engines.items() if name.startswith(search_cell.OURS))
        assert engines[search_cell.LIMIT]["vs_read_limit"] == 1
    found = search.figures("drawn_1Mx128" if kind == "drawn" else "1Mx128", result)
    assert all(line["exact"] is True and line["vs_best_exact_peer"] > 0 for line in found.values())
    assert len([line for line in shown if "best exact peer" in line]) == 2
    if kind == "drawn":
        assert all(set(line["thresholds"]) == {"0.604", "0.542", "0.493", "0.447"} for line in found.values())
        assert result["strangers"].keys() == result["strangers_measured"].keys()


def test_a_gallery_in_memory_has_everybody_in_its_chunks() -> None:
    faces, maker = drawn(600), Maker("0" * 64, "litert", "1", "default")
    gallery = search_decision.Unsealed(faces, maker)
    places = list(gallery.places(0.0, ()))
    assert sum(place.people for place in places) == 600
    subjects = [subject for place in places for subject in gallery.opened(place).subjects]
    assert len(set(subjects)) == 600
    [template] = gallery.get(subjects[599], 0.0)
    assert np.array_equal(template.vector, faces.vectors[599])
