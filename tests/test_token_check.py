"""Which tokens a lane takes, and each signed one once: through restarts, crashes and clocks that are set wrong."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gatefw import signed_token
from gatefw.errors import StoreError
from gatefw.model import Failed, Reason, Token
from gatefw.seen_tokens import SeenTokens
from gatefw.signed_token import Claims, Direction
from gatefw.token_check import TokenCheck, TokenTerms
from gatefw.wall_time import WallTime

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = 1_800_000_000
IDENTIFIER = "GATE1:ABCDEFGHIJKLMNOPQRSTUVWXYZ22"
CLAIMS = Claims(IDENTIFIER, "lane-1", Direction.ARRIVAL, NOW, NOW + 300, b"id" * 4)
TERMS = TokenTerms("lane-1", Direction.ARRIVAL, {"5f": KEY.public_key()}, 600.0)
TAKEN = Token(IDENTIFIER.encode())
YEAR_S = 31_536_000


class Desk:
    """A check with a store on disk, whose clock is set by the test."""

    def __init__(self, path: Path) -> None:
        self._path, self.now, self.synchronised, self.terms = path, float(NOW), True, TERMS
        self.open()

    def open(self) -> None:
        self.seen = SeenTokens(self._path)

    def restart(self) -> None:
        self.seen.close()
        self.open()

    def show(self, claims: Claims = CLAIMS, key_id: str = "5f", key: Ed25519PrivateKey = KEY) -> Token | Failed:
        return self.take(Token(signed_token.issue(claims, key_id, key), "]Q1"))

    def take(self, token: Token) -> Token | Failed:
        return TokenCheck(self.terms, self.seen, lambda: WallTime(int(self.now * 1e9), self.synchronised)).take(token)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state" / "tokens.sqlite")
    yield desk
    desk.seen.close()


def _claims(number: int, **changed: int) -> Claims:
    return replace(CLAIMS, id=number.to_bytes(8, "big"), **changed)  # type: ignore[arg-type]


# ---------------------------------------------------------------- what is taken


def test_a_good_token_leads_to_the_record_of_its_subject(desk: Desk) -> None:
    assert desk.show() == TAKEN


def test_an_identifier_is_taken_as_it_is_where_the_lane_allows_it_and_only_there(desk: Desk) -> None:
    token = Token(b"A1234567", "]C0")
    assert desk.take(token) is token
    desk.terms = replace(TERMS, static=False)
    assert desk.take(token) == Failed(Reason.TOKEN_NOT_ALLOWED)
    assert desk.show() == TAKEN


def test_a_lane_without_issuers_takes_no_signed_token(desk: Desk) -> None:
    desk.terms = TokenTerms("lane-1")
    assert desk.show() == Failed(Reason.TOKEN_FORGED)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"lane": "lane-2"}, Reason.TOKEN_ELSEWHERE),
        ({"direction": Direction.DEPARTURE}, Reason.TOKEN_ELSEWHERE),
        ({"expires": NOW + 601}, Reason.TOKEN_NOT_ALLOWED),
        ({"not_before": NOW + 1}, Reason.TOKEN_NOT_YET),
        ({"not_before": NOW - 300, "expires": NOW}, Reason.TOKEN_EXPIRED),
        ({"not_before": NOW - YEAR_S, "expires": NOW + 60}, Reason.TOKEN_NOT_ALLOWED),
    ],
)
def test_a_token_for_elsewhere_or_another_time_is_refused_with_its_reason_and_not_used_up(
    desk: Desk, changed: dict[str, object], reason: Reason
) -> None:
    assert desk.show(replace(CLAIMS, **changed)) == Failed(reason)  # type: ignore[arg-type]
    assert desk.seen.count() == 0
    assert desk.show() == TAKEN


def test_a_forged_and_a_malformed_token_are_told_apart(desk: Desk) -> None:
    assert desk.show(key=Ed25519PrivateKey.generate()) == Failed(Reason.TOKEN_FORGED)
    assert desk.take(Token(b"GW1:NONSENSE")) == Failed(Reason.TOKEN_MALFORMED)


@pytest.mark.parametrize(
    ("now", "good"), [(NOW - 0.001, False), (NOW, True), (NOW + 299.999, True), (NOW + 300.0, False)]
)
def test_there_is_no_leeway_at_either_end(desk: Desk, now: float, good: bool) -> None:
    desk.now = now
    assert (desk.show() == TAKEN) is good


def test_a_clock_nobody_vouches_for_takes_no_signed_token_unless_the_lane_says_so(desk: Desk) -> None:
    desk.synchronised = False
    assert desk.show() == Failed(Reason.TIME_UNVERIFIED)
    desk.terms = replace(TERMS, require_synchronised=False)
    assert desk.show() == TAKEN


def test_a_forged_token_is_called_forged_though_the_clock_is_nothing_to_go_by(desk: Desk) -> None:
    desk.synchronised = False
    assert desk.show(key=Ed25519PrivateKey.generate()) == Failed(Reason.TOKEN_FORGED)


# ---------------------------------------------------------------- once


def test_a_token_is_taken_once_also_after_a_restart(desk: Desk) -> None:
    assert desk.show() == TAKEN
    assert desk.show() == Failed(Reason.TOKEN_REPLAYED)
    desk.restart()
    assert desk.show() == Failed(Reason.TOKEN_REPLAYED)
    assert desk.show(_claims(2)) == TAKEN


def test_the_same_id_from_another_issuer_is_another_token(desk: Desk) -> None:
    other = Ed25519PrivateKey.generate()
    desk.terms = replace(TERMS, issuers={**TERMS.issuers, "60": other.public_key()})
    assert desk.show() == TAKEN
    assert desk.show(key_id="60", key=other) == TAKEN
    assert desk.show(key_id="60", key=other) == Failed(Reason.TOKEN_REPLAYED)


def test_the_claims_of_a_used_token_under_a_new_signature_are_used_too(desk: Desk) -> None:
    """An issuer that signs the same id again, with a longer life, has not made another token."""
    assert desk.show() == TAKEN
    assert desk.show(replace(CLAIMS, expires=NOW + 400)) == Failed(Reason.TOKEN_REPLAYED)


def test_a_process_that_is_killed_the_moment_after_has_used_the_token(tmp_path: Path, desk: Desk) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from gatefw.seen_tokens import SeenTokens
assert SeenTokens(Path(sys.argv[1])).use("5f", b"id" * 4, int(sys.argv[2]) + 300, int(sys.argv[2]))
os.kill(os.getpid(), signal.SIGKILL)
"""
    desk.seen.close()
    path = tmp_path / "state" / "tokens.sqlite"
    ran = subprocess.run([sys.executable, "-c", program, str(path), str(NOW)], capture_output=True, timeout=60)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    desk.open()
    assert desk.show() == Failed(Reason.TOKEN_REPLAYED)


def test_the_store_is_readable_by_its_owner_alone_and_holds_no_token(tmp_path: Path, desk: Desk) -> None:
    desk.show()
    for path in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert IDENTIFIER.encode() not in path.read_bytes()
        assert CLAIMS.id not in path.read_bytes()


def test_used_tokens_are_forgotten_when_they_can_never_be_good_again(desk: Desk) -> None:
    for number in range(20):
        desk.now = NOW + number * 100
        shown = _claims(number, not_before=int(desk.now), expires=int(desk.now) + 300)
        assert desk.show(shown) == TAKEN
    assert desk.seen.count() == 3


# ---------------------------------------------------------------- clocks that are wrong


def test_a_clock_that_is_set_back_revives_no_used_token(desk: Desk) -> None:
    assert desk.show() == TAKEN
    desk.now = NOW + 1000
    assert desk.show(_claims(2, not_before=NOW + 900, expires=NOW + 1200)) == TAKEN
    desk.now = NOW + 10
    assert desk.show() == Failed(Reason.TOKEN_EXPIRED)


def test_a_clock_that_is_set_back_revives_no_token_that_was_seen_expired(desk: Desk) -> None:
    desk.now = NOW + 300
    assert desk.show() == Failed(Reason.TOKEN_EXPIRED)
    desk.restart()
    desk.now = NOW + 10
    assert desk.show() == Failed(Reason.TOKEN_EXPIRED)


def test_a_clock_that_jumps_ahead_forgets_nothing_and_shuts_nobody_out_once_it_is_right_again(desk: Desk) -> None:
    assert desk.show() == TAKEN
    desk.now = NOW + 10 * YEAR_S
    assert desk.show(_claims(2)) == Failed(Reason.TOKEN_EXPIRED)
    desk.now = NOW + 20
    assert desk.show() != TAKEN
    assert desk.show(_claims(3, not_before=NOW + 10, expires=NOW + 310)) == TAKEN


def test_a_token_of_many_years_does_not_move_the_floor(desk: Desk) -> None:
    desk.now = NOW + 10 * YEAR_S
    assert desk.show(replace(CLAIMS, expires=NOW + YEAR_S)) == Failed(Reason.TOKEN_NOT_ALLOWED)
    assert desk.seen.floor() == 0


@given(st.lists(st.tuples(st.integers(0, 2400), st.integers(0, 5), st.booleans()), min_size=1, max_size=25))
def test_no_token_is_ever_taken_twice_whatever_the_clock_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    """Each step: where the clock stands, which token is shown (its begin follows from its number), and a restart."""
    desk = Desk(tmp_path_factory.mktemp("seen") / "tokens.sqlite")
    taken: set[int] = set()
    try:
        for clock, number, restart in steps:
            desk.now = NOW + clock
            begin = NOW + number * 300
            if desk.show(_claims(number, not_before=begin, expires=begin + 600)) == TAKEN:
                assert number not in taken
                taken.add(number)
            if restart:
                desk.restart()
    finally:
        desk.seen.close()


# ---------------------------------------------------------------- a disk that is wrong


def test_a_token_that_cannot_be_written_down_is_not_taken(desk: Desk, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "state" / "tokens.sqlite", isolation_level=None)
    other.execute("drop table used")
    other.close()
    with pytest.raises(StoreError, match="no signed token is taken"):
        desk.show()
    assert desk.seen.floor() == 0


def test_a_store_that_is_no_store_is_refused_at_start(tmp_path: Path) -> None:
    path = tmp_path / "tokens.sqlite"
    path.write_bytes(os.urandom(4096))
    with pytest.raises(StoreError):
        SeenTokens(path)


def test_a_store_of_another_shape_is_refused_at_start(tmp_path: Path) -> None:
    path = tmp_path / "tokens.sqlite"
    database = sqlite3.connect(path)
    database.execute("create table floor (other text)")
    database.close()
    with pytest.raises(StoreError, match="no signed token is taken"):
        SeenTokens(path)
