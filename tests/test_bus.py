"""Whoever follows the bus gets every committed event once and in order, whatever they or the gate go through."""

import itertools
import json
import os
import queue
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from bus_bench import DEADLINE_S, BusBench, endpoints_in
from hypothesis import given
from hypothesis import strategies as st

from gatefw.bus import REPLAY_ROWS, Bus
from gatefw.bus_client import NEWEST, Sequence, follow
from gatefw.bus_keys import ClientKey, Keyholders, new_pair
from gatefw.bus_socket import HIGH_WATER
from gatefw.errors import BadReply, GateError, SetupError
from gatefw.health_message import TYPE, health_message
from gatefw.journal import Journal
from gatefw.wall_time import WallTime


def identify(sock: zmq.Socket[bytes], key: ClientKey) -> None:
    sock.curve_serverkey = key.server.encode()
    sock.curve_publickey, sock.curve_secretkey = key.public.encode(), key.secret.encode()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[BusBench]:
    with closing(BusBench(tmp_path)) as gate:
        yield gate


def numbers(events: Iterator[dict[str, object]], count: int) -> list[int]:
    return [int(str(event["sequence"])) for event in itertools.islice(events, count)]


@contextmanager
def asking(gate: BusBench) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger, dealer.rcvtimeo = 0, int(DEADLINE_S * 1000)
        identify(dealer, gate.key)
        dealer.connect(gate.key.replay)
        yield dealer


# ---------------------------------------------------------------- following


def test_a_late_joiner_gets_what_was_before_and_then_what_comes(gate: BusBench) -> None:
    gate.commit(REPLAY_ROWS + 44)
    with closing(follow(gate.key)) as events:
        assert numbers(events, REPLAY_ROWS + 44) == list(range(1, REPLAY_ROWS + 45))
        gate.commit(3)
        assert numbers(events, 3) == [REPLAY_ROWS + 45, REPLAY_ROWS + 46, REPLAY_ROWS + 47]


def test_who_saw_some_goes_on_after_them_and_who_wants_only_new_ones_gets_those(gate: BusBench) -> None:
    gate.commit(10)
    with closing(follow(gate.key, since=7)) as events:
        assert numbers(events, 3) == [8, 9, 10]
    seen: queue.Queue[int] = queue.Queue()
    stop = threading.Event()

    def follow_new() -> None:
        with closing(follow(gate.key, since=None)) as events:
            while not stop.is_set():
                seen.put(numbers(events, 1)[0])

    thread = threading.Thread(target=follow_new)
    thread.start()
    got: list[int] = []
    while not got:  # it takes part from some moment on, which only its first event shows
        gate.commit(1)
        with suppress(queue.Empty):
            got.append(seen.get(timeout=0.05))
    assert got[0] > 10
    stop.set()
    gate.commit(1)
    thread.join()
    rest = [seen.get_nowait() for _ in range(seen.qsize())]
    assert got + rest == list(range(got[0], got[0] + 1 + len(rest)))


def test_an_event_holds_no_subject_and_says_which_journal_it_is_from(gate: BusBench) -> None:
    gate.commit(1)
    with closing(follow(gate.key)) as events:
        event = next(events)
    assert event["epoch"] == gate.journal.epoch
    assert "never-on-the-bus" not in json.dumps(event)


def test_how_the_devices_are_is_told_to_who_listens_under_a_number_that_no_event_has(gate: BusBench) -> None:
    """It may be lost and is not replayed; whoever follows the numbers passes over it."""
    gate.commit(1)
    with zmq.Context() as context, context.socket(zmq.SUB) as listens, closing(follow(gate.key)) as events:
        listens.linger, listens.rcvtimeo = 0, 100
        identify(listens, gate.key)
        listens.subscribe(TYPE.encode())
        listens.connect(gate.key.events)
        assert numbers(events, 1) == [1]
        body = health_message("lane", gate.journal.epoch, gate.journal.now(), {"devices": {}, "threads": {}})
        heard = None
        for _ in range(300):
            gate.bus.show(TYPE, body)
            with suppress(zmq.Again):
                heard = listens.recv_multipart()
                break
        assert heard == [TYPE.encode(), bytes(8), body]
        gate.commit(2)
        assert numbers(events, 2) == [2, 3]


def test_a_subscriber_that_sleeps_hurts_nobody_and_misses_nothing(gate: BusBench) -> None:
    gate.commit(1)
    with closing(follow(gate.key)) as sleeper:
        assert numbers(sleeper, 1) == [1]
        for _ in range(5):
            gate.commit(HIGH_WATER)  # more than is kept for it
        with closing(follow(gate.key, since=5 * HIGH_WATER)) as awake:
            assert numbers(awake, 1) == [5 * HIGH_WATER + 1]
        assert numbers(sleeper, 5 * HIGH_WATER) == list(range(2, 5 * HIGH_WATER + 2))


def test_a_gate_that_restarts_is_followed_on_and_a_new_journal_from_its_beginning(tmp_path: Path) -> None:
    with closing(BusBench(tmp_path)) as gate:
        gate.commit(3)
        events = follow(gate.key)
        assert numbers(events, 3) == [1, 2, 3]
    with closing(events):
        with closing(BusBench(tmp_path)) as gate:
            gate.commit(2)
            assert numbers(events, 2) == [4, 5]
        with closing(BusBench(tmp_path, journal="another")) as gate:
            gate.commit(7)
            assert numbers(events, 7) == [1, 2, 3, 4, 5, 6, 7]


def test_a_journal_that_lost_its_newest_rows_is_found_by_who_had_seen_them(gate: BusBench) -> None:
    gate.commit(2)
    with (
        closing(follow(gate.key, since=5)) as events,
        pytest.raises(BadReply, match="newest event is 2"),
    ):
        next(events)


# ---------------------------------------------------------------- the order of events, without I/O


@given(
    total=st.integers(0, 30),
    since=st.integers(0, 5),
    arrivals=st.lists(st.integers(1, 30) | st.just("replay")),
    keep=st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_whatever_is_lost_doubled_or_late_every_event_comes_once_and_in_order(
    total: int, since: int, arrivals: list[int | str], keep: list[bool]
) -> None:
    total = max(total, since)
    sequence, got = Sequence(since), list[int]()

    def replay(keeps: list[bool]) -> None:
        assert sequence.last is not None
        asked = sequence.last
        got.extend(n for n in range(asked + 1, total + 1) if keeps[n % 30] and sequence.event("e", n))
        sequence.head("e", total, asked)

    for arrival in arrivals:
        if arrival == "replay":
            replay(keep)
        elif isinstance(arrival, int) and arrival <= total and sequence.event("e", arrival):
            got.append(arrival)
    while sequence.behind:
        replay([True] * 30)
    assert got == list(range(since + 1, total + 1))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.booleans())))
def test_no_number_of_a_journal_comes_twice_when_journals_change(messages: list[tuple[str, int, bool]]) -> None:
    sequence, got = Sequence(0), list[tuple[str, int]]()
    for epoch, n, is_head in messages:
        if is_head:
            sequence.head(epoch, n, None)
        elif sequence.event(epoch, n):
            got.append((epoch, n))
    assert len(got) == len(set(got))
    for epoch in "abc":
        assert [n for e, n in got if e == epoch] == list(range(1, 1 + sum(e == epoch for e, _ in got)))


def test_who_wants_only_new_events_begins_at_the_newest() -> None:
    sequence = Sequence(None)
    assert sequence.request == [b"", NEWEST.to_bytes(8, "big")]
    assert not sequence.event("e", 7)
    sequence.head("e", 9, None)
    assert sequence.last == 9
    assert sequence.event("e", 10)


# ---------------------------------------------------------------- the wire


def test_the_replay_answers_as_documented(gate: BusBench) -> None:
    gate.commit(3)
    with asking(gate) as dealer:
        for epoch in (b"", gate.journal.epoch.encode()):
            dealer.send_multipart([epoch, (1).to_bytes(8, "big")])
            first, second, head = (dealer.recv_multipart() for _ in range(3))
            assert [first[:2], second[:2]] == [[b"EVENT", bytes(7) + b"\2"], [b"EVENT", bytes(7) + b"\3"]]
            assert head == [b"HEAD", gate.journal.epoch.encode(), bytes(7) + b"\3"]
            assert json.loads(first[2])["sequence"] == "00000000000000000002"


def test_who_comes_with_another_epoch_gets_the_new_one_and_no_events(gate: BusBench) -> None:
    gate.commit(3)
    with asking(gate) as dealer:
        dealer.send_multipart([b"f" * 16, bytes(8)])
        assert dealer.recv_multipart() == [b"HEAD", gate.journal.epoch.encode(), bytes(7) + b"\3"]


@pytest.mark.parametrize(
    "request_", [[b""], [b"", b""], [b"", bytes(7)], [b"x", bytes(8)], [b"", bytes(8), b""], [b"f" * 17, bytes(8)]]
)
def test_a_request_of_another_form_is_answered_bad_and_the_next_one_is_served(
    gate: BusBench, request_: list[bytes]
) -> None:
    with asking(gate) as dealer:
        dealer.send_multipart(request_)
        assert dealer.recv_multipart() == [b"BAD"]
        dealer.send_multipart([b"", b"\xff" * 8])
        assert dealer.recv_multipart()[0] == b"HEAD"


def test_a_message_beyond_the_limit_ends_its_connection_and_no_other(gate: BusBench) -> None:
    with asking(gate) as rude, asking(gate) as polite:
        rude.send_multipart([b"", b"x" * 100_000])
        polite.send_multipart([b"", bytes(8)])
        assert polite.recv_multipart()[0] == b"HEAD"
        assert not rude.poll(0)


def test_the_sockets_are_for_their_owner_and_their_directorys_group(gate: BusBench, tmp_path: Path) -> None:
    names = ("events.sock", "replay.sock", "orders.sock")
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in names} == {0o660}
    assert os.umask(0o022) == 0o022


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("tcp://192.0.2.1:5555", "cannot be bound"),
        ("udp://127.0.0.1:5555", "is wanted"),
        ("ipc://@abstract", "is wanted"),
        ("ipc://relative/path", "is wanted"),
        ("ipc:///" + "x" * 200, "the kernel takes 107"),
        ("ipc:///no/such/directory/socket", "is its directory or address there"),
    ],
)
def test_an_endpoint_that_cannot_be_one_is_refused(tmp_path: Path, endpoint: str, says: str) -> None:
    clock = lambda: WallTime(0, True)  # noqa: E731
    with closing(Journal.open(tmp_path / "j", "lane", bytes(32), clock, lambda _: None)) as journal:
        good = endpoints_in(tmp_path)
        for name in ("events", "replay", "orders"):
            holders = Keyholders(tmp_path, tmp_path / "k", tmp_path / "b", replace(good, **{name: endpoint}))
            with pytest.raises(SetupError, match=says):
                Bus(journal, holders, lambda _order, _reply: None, lambda _: None, lambda _: None)


def test_something_else_on_the_endpoint_is_a_bad_reply(tmp_path: Path) -> None:
    """Whoever has the gate's key may still be another version of it."""
    public, secret = new_pair()
    at = endpoints_in(tmp_path)
    key = ClientKey("office", *new_pair(), public, at.events, at.replay, at.orders)
    for message in ([b"t", bytes(8), b"{}"], [b"t", bytes(8), b"[]"], [b"t", bytes(8), b"\xff"]):
        with zmq.Context() as context, context.socket(zmq.XPUB) as other:
            other.linger, other.curve_server = 0, True
            other.curve_publickey, other.curve_secretkey = public.encode(), secret.encode()
            other.bind(at.events)
            caught: queue.Queue[Exception] = queue.Queue()

            def run(caught: queue.Queue[Exception] = caught) -> None:
                try:
                    next(follow(key))
                except GateError as error:
                    caught.put(error)

            thread = threading.Thread(target=run)
            thread.start()
            assert other.poll(int(DEADLINE_S * 1000))  # it has subscribed
            other.send_multipart(message)
            assert isinstance(caught.get(timeout=DEADLINE_S), BadReply)
            thread.join()
