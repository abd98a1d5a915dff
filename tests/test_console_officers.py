"""Who may log in: hashes that hold, waits that grow, sessions that end."""

import pytest
from console_bench import HASH, MK, PASSWORD, VISITOR, Clock
from hypothesis import given
from hypothesis import strategies as st

from gatefw.console.officers import (
    ADDRESS_WAIT_S,
    FREE,
    KEPT,
    NAME_WAIT_S,
    PASSWORD_LEAST,
    PASSWORD_MOST,
    Officers,
    Throttle,
    checked,
    fits,
    hashed,
)
from gatefw.console.sessions import MOST, Sessions
from gatefw.errors import Refusal, SetupError


def test_a_password_fits_its_hash_and_no_other_and_no_hash_says_that_two_are_the_same() -> None:
    one, other = hashed(PASSWORD), hashed(PASSWORD)
    assert one != other and PASSWORD not in one
    assert fits(PASSWORD, one) and fits(PASSWORD, other) and not fits(PASSWORD + " ", one)


@pytest.mark.parametrize("length", [0, PASSWORD_LEAST - 1, PASSWORD_MOST + 1])
def test_a_password_that_is_too_short_or_too_long_gets_no_hash(length: int) -> None:
    with pytest.raises(Refusal, match=f"these are {length}"):
        hashed("x" * length)


@pytest.mark.parametrize(
    "line",
    [
        "", "scrypt:...", PASSWORD, HASH[:-1], HASH + " ",
        HASH.replace(":32768:", ":1024:"), HASH.replace(":32768:", ":32769:"), HASH.replace(":32768:8:", ":524288:8:"),
        HASH.replace(":8:1:", ":8:9:"), HASH.replace(":8:1:", ":64:1:"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_hash_or_a_weak_or_ruinous_one_is_refused_without_being_told(line: str) -> None:
    with pytest.raises(SetupError) as raised:
        checked(line)
    assert not line or line not in str(raised.value)


@given(st.text(max_size=80))
def test_whatever_stands_in_the_file_is_refused_or_a_hash(line: str) -> None:
    with pytest.raises(SetupError):
        checked(line)


def test_an_officer_is_known_by_name_and_password() -> None:
    officers = Officers((MK, VISITOR))
    assert officers.known("mk", PASSWORD) is MK
    assert officers.known("mk", "something else") is None
    assert officers.known("nobody", PASSWORD) is None
    assert PASSWORD not in repr(MK) and HASH not in repr(MK)


# ---------------------------------------------------------------- waits


def test_the_wait_doubles_up_to_a_limit_that_is_less_for_a_name_than_for_an_address() -> None:
    """Somebody who wants an officer locked out does not get more than half a minute at a time."""
    throttle, now_s, waits = Throttle(), 0.0, []
    for n in range(FREE + 7):
        assert throttle.enter("mk", f"10.0.0.{n}", now_s) == 0.0
        if n + 1 >= FREE:
            waits.append(throttle.enter("mk", "10.0.0.99", now_s))
            now_s += waits[-1]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, NAME_WAIT_S, NAME_WAIT_S, NAME_WAIT_S]
    assert NAME_WAIT_S < ADDRESS_WAIT_S


def test_tries_that_come_all_at_once_are_counted_before_the_first_is_answered() -> None:
    throttle = Throttle()
    assert [throttle.enter("mk", "10.0.0.1", 5.0) > 0 for _ in range(10)] == [False] * FREE + [True] * (10 - FREE)


def test_who_came_in_begins_anew() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.enter("mk", "10.0.0.1", 0.0)
    throttle.passed("mk", "10.0.0.1")
    assert throttle.enter("mk", "10.0.0.1", 0.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.floats(0, 400)), max_size=60))
def test_nobody_waits_longer_than_the_limit_and_after_the_wait_there_is_a_try(
    tries: list[tuple[str, str, float]],
) -> None:
    throttle, now_s = Throttle(), 0.0
    for name, address, gone_s in tries:
        now_s += gone_s
        wait_s = throttle.enter(name, address, now_s)
        assert 0.0 <= wait_s <= ADDRESS_WAIT_S
        if wait_s:
            now_s += wait_s + 0.001
            assert throttle.enter(name, address, now_s) == 0.0


def test_who_has_to_wait_makes_nobody_forget_how_long_others_wait() -> None:
    """Somebody guesses one officer's password from many addresses. One of these only asks, with a thousand names,
    while it has to wait; each such question costs nothing.
    """
    throttle = Throttle()
    for n in range(FREE):
        assert throttle.enter(f"officer-{n}", "10.0.0.1", 0.0) == 0.0
    for n in range(FREE):
        assert throttle.enter("mk", f"10.0.0.{2 + n}", 0.0) == 0.0
    for n in range(2 * KEPT):
        assert throttle.enter(f"nobody-{n}", "10.0.0.1", 0.5) > 0.0
    assert throttle.enter("mk", "10.0.0.99", 0.5) == pytest.approx(0.5)


def test_a_flood_of_names_takes_no_memory() -> None:
    throttle = Throttle()
    for n in range(3 * KEPT):
        throttle.enter(f"officer-{n}", f"10.0.{n // 250}.{n % 250}", 0.0)
    assert len(throttle._tries) <= KEPT


# ---------------------------------------------------------------- sessions


@pytest.fixture
def clock() -> Clock:
    return Clock()


@given(
    st.lists(
        st.tuples(st.sampled_from(["begin", "use", "look", "end"]), st.integers(0, 1), st.integers(0, 700)), max_size=40
    )
)
def test_a_session_is_there_as_long_as_it_is_used_and_never_longer(
    steps: list[tuple[str, int, int]],
) -> None:
    """Against the plainest account of the same: when each began, and when it was used last."""
    clock = Clock()
    sessions = Sessions(600.0, 900.0, clock)
    known: dict[int, tuple[str, float, float]] = {}
    for what, which, gone_s in steps:
        clock.now_s += gone_s
        if what == "begin":
            cookie, _ = sessions.begin(f"officer-{which}", HASH, MK.may)
            known[which] = (cookie, clock.now_s, clock.now_s)
            continue
        cookie, began_s, used_s = known.get(which, ("no such cookie", -1e9, -1e9))
        alive = clock.now_s - used_s < 600.0 and clock.now_s - began_s < 900.0
        assert (sessions.find(cookie, use=what == "use") is not None) is alive
        if what == "end":
            sessions.end(cookie)
            known.pop(which, None)
        elif alive and what == "use":
            known[which] = (cookie, began_s, clock.now_s)


def test_a_session_that_is_used_all_day_ends_all_the_same(clock: Clock) -> None:
    sessions = Sessions(600.0, 3600.0, clock)
    cookie, _ = sessions.begin("mk", HASH, MK.may)
    there = []
    for _ in range(8):
        clock.now_s += 500.0
        there.append(sessions.find(cookie, use=True) is not None)
    assert there == [True] * 7 + [False]


def test_no_two_sessions_share_a_cookie_or_a_token_and_the_oldest_goes_first(clock: Clock) -> None:
    sessions = Sessions(600.0, 3600.0, clock)
    other, _ = sessions.begin("visitor", HASH, MK.may)
    made = [sessions.begin("mk", HASH, MK.may) for _ in range(MOST + 1)]
    assert len({cookie for cookie, _ in made}) == len({session.csrf for _, session in made}) == MOST + 1
    assert [sessions.find(cookie, use=False) is None for cookie, _ in made] == [True] + [False] * MOST
    assert sessions.find(other, use=False) is not None, "nobody ends another's"


@pytest.mark.parametrize("cookie", [None, "", "x", "x" * 10_000])
def test_a_cookie_of_nobody_opens_nothing(clock: Clock, cookie: str | None) -> None:
    sessions = Sessions(600.0, 3600.0, clock)
    sessions.begin("mk", HASH, MK.may)
    assert sessions.find(cookie, use=True) is None
    sessions.end(cookie)
