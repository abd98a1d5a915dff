"""Every decoder under fire, briefly; `make fuzz` does it for long."""

import pytest
from fuzz_wire import Outcome, fuzz, inputs, targets

TARGETS = targets()
SHORT_S = 0.3


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
