"""Every decoder under fire, briefly; `make fuzz` does it for long."""

import re
from pathlib import Path

import pytest
from fuzz_wire import Outcome, fuzz, inputs, targets

TARGETS = targets()
SHORT_S = 0.3
HERE = Path(__file__).resolve().parent
THROUGH = {"certificate": "csca_certificate"}  # what is used by a decoder that is a target itself


def test_no_file_of_wire_is_without_a_target_that_imports_it() -> None:
    said = " ".join(path.read_text(encoding="utf-8") for path in (HERE / "fuzz_targets").glob("*.py"))
    imported = set(re.findall(r"hw\.wire\.(\w+)", said))
    for names in re.findall(r"from hw\.wire import (.+)", said):
        imported |= set(re.findall(r"\w+", names))
    files = {path.stem for path in (HERE.parent / "hw" / "wire").iterdir() if path.stem.strip("_") == path.stem}
    assert {name for name in files - imported if THROUGH.get(name, "nothing") not in said} == set()


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_a_decoder_refuses_or_understands_it(name: str) -> None:
    target, seeds = TARGETS[name]
    outcome = fuzz(name, target, seeds, SHORT_S, seed=2026)
    assert outcome.failure == "", [piece.hex() for piece in outcome.pieces]


def test_a_decoder_that_breaks_is_caught_with_the_pieces_that_broke_it() -> None:
    def fragile(pieces: list[bytes]) -> None:
        if any(b"\xff" in piece for piece in pieces):
            raise IndexError("past the end")

    outcome = fuzz("fragile", fragile, [b"\x00\xff"], 5.0, seed=1)
    assert outcome.failure == "IndexError: past the end"
    assert any(b"\xff" in piece for piece in outcome.pieces)


def test_a_decoder_that_hoards_is_caught() -> None:
    kept: list[bytes] = []
    outcome = fuzz("hoarder", lambda _pieces: kept.append(bytes(1_000_000)), [], 0.0, seed=1, least=100)
    assert isinstance(outcome, Outcome)
    assert "allowed" in outcome.failure


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = inputs([b"abc"], 5), inputs([b"abc"], 5)
    assert [next(first) for _ in range(50)] == [next(second) for _ in range(50)]
