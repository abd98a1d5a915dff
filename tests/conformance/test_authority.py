"""Every line to an authority: letters go out whole, answers come whole and in order, and rubbish is none."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from authority_bench import Served
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from peers import until

from gatefw import authority_wire as wire
from gatefw.authority_wire import Sender, Word
from gatefw.errors import BadReply, DeviceLost
from hw.link import Link, lay
from hw.sim.authority import AuthorityLine, SimulatedAuthority
from hw.sim.peers import Peer

ROLE = "authority"
LANE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {"signs": "", "seals": "", "key_file": "/nowhere/authority.key"}


def simulated() -> SimulatedAuthority:
    return SimulatedAuthority("hong-kong", {"hetao": LANE.public_key()}, lambda: 1_900_000_000.0)


class in_memory:  # noqa: N801  a bench is named after its place
    """The simulated authority in the driver's own thread."""

    driver: Any

    def __init__(self, path: Path) -> None:
        self.authority, self._path, self._opened = simulated(), path, []  # type: ignore[var-annotated]
        self._line = _Scripted(self.authority)

    def open(self) -> Any:
        lay(str(self._path), self._line)
        self._opened.append(self.driver.open(self.driver.Settings(link=f"memory:{self._path}", **KEYS)))
        return self._opened[-1]

    def says(self, data: bytes) -> None:
        self._line.says(data)

    def hang_up(self) -> None:
        self._line.gone = True

    def absent(self) -> Any:
        return self.driver.Settings(link=f"memory:{self._path}-nobody", **KEYS)

    def close(self) -> None:
        lay(str(self._path), None)
        for each in self._opened:
            each.close()


class _Scripted(AuthorityLine):
    """It says what it is told to, and goes when it is told to."""

    gone = False

    def says(self, data: bytes) -> None:
        self._said += data

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        self._here()
        return super().read(max_bytes, timeout_s)

    def write(self, data: bytes) -> None:
        self._here()
        super().write(data)

    def _here(self) -> None:
        if self.gone:
            raise DeviceLost("hung up")


class on_a_unix_socket:  # noqa: N801  a bench is named after its place
    """The simulated authority as the world serves it, in a loop of its own."""

    driver: Any

    def __init__(self, path: Path) -> None:
        self.authority, self._path = simulated(), path / "authority.sock"
        self._opened: list[Any] = []
        self._served = Served(self._path, self.authority)

    @property
    def _peers(self) -> list[Peer]:
        return self._served.counter._listener.peers

    def open(self) -> Any:
        self._opened.append(self.driver.open(self.driver.Settings(link=f"unix:{self._path}", **KEYS)))
        until(lambda: self._peers)
        return self._opened[-1]

    def says(self, data: bytes) -> None:
        self._served.do(lambda: self._peers[-1].send(data))

    def hang_up(self) -> None:
        self._served.do(self._served.counter.hang_up)

    def absent(self) -> Any:
        return self.driver.Settings(link=f"unix:{self._path}-nobody", **KEYS)

    def close(self) -> None:
        for each in self._opened:
            each.close()
        self._served.close()


class over_tcp:  # noqa: N801  a bench is named after its place
    """One connection on a port of this machine."""

    driver: Any

    def __init__(self, path: Path) -> None:
        self.authority = simulated()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._opened: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._ends: list[socket.socket] = []

    def open(self) -> Any:
        port = self._listener.getsockname()[1]
        self._opened.append(self.driver.open(self.driver.Settings(link=f"tcp:127.0.0.1:{port}", **KEYS)))
        connection, _ = self._listener.accept()
        self._ends.append(connection)
        self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
        self._threads[-1].start()
        return self._opened[-1]

    def _serve(self, connection: socket.socket) -> None:
        line = AuthorityLine(self.authority)
        with suppress(ConnectionError):  # the driver hung up, or we did, while something was on its way
            while data := connection.recv(65536):
                line.write(data)
                while said := line.read(65536, 0.0):
                    connection.sendall(said)

    def says(self, data: bytes) -> None:
        self._ends[-1].sendall(data)

    def hang_up(self) -> None:
        self._ends[-1].shutdown(socket.SHUT_RDWR)

    def absent(self) -> Any:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        return self.driver.Settings(link=f"tcp:127.0.0.1:{port}", **KEYS)

    def close(self) -> None:
        for each in self._opened:
            each.close()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()
        self._listener.close()


BENCHES = {"socket": [in_memory, on_a_unix_socket, over_tcp]}


def heard(line: Any) -> bytes:
    return until(lambda: line.receive(0.05), "an answer")  # type: ignore[no-any-return]


def test_a_letter_is_answered_and_the_answer_holds(bench: Any) -> None:
    line, to = bench.open(), bench.authority.addressee
    for _ in range(3):
        sent = wire.hello(to, Sender("hetao", LANE))
        line.send(sent.message)
        assert wire.believe(heard(line), sent, to.signs).word is Word.HERE


def test_letters_may_be_under_way_together_and_are_answered_each(bench: Any) -> None:
    line, to = bench.open(), bench.authority.addressee
    letters = [wire.query(to, Sender("hetao", LANE), {"issuer": "UTO", "number": str(n), "direction": "", "at": 0})
               for n in range(20)]  # fmt: skip
    for sent in letters:
        line.send(sent.message)
    assert [wire.believe(heard(line), sent, to.signs).word for sent in letters] == [Word.CLEAR] * 20


def test_nothing_said_is_none_within_the_time_given(bench: Any) -> None:
    line = bench.open()
    assert line.receive(0.0) is None
    assert line.receive(0.02) is None


def test_an_answer_that_comes_in_pieces_is_one_answer(bench: Any) -> None:
    line = bench.open()
    for piece in (b"\x00", b"\x05he", b"ll", b"o\x00\x03a"):
        assert line.receive(0.0) is None
        bench.says(piece)
        line_said = line.receive(0.05)
        if line_said is not None:
            break
    else:
        line_said = heard(line)
    assert line_said == b"hello"
    bench.says(b"bc")
    assert heard(line) == b"abc"


@pytest.mark.parametrize("length", [b"\x00\x00", b"\xff\xff"])
def test_an_answer_of_no_length_or_of_too_much_is_a_bad_reply(bench: Any, length: bytes) -> None:
    line = bench.open()
    bench.says(length + b"rubbish")
    with pytest.raises(BadReply, match="bytes"):
        heard(line)


def test_a_line_that_is_hung_up_is_lost_for_both_directions(bench: Any) -> None:
    line = bench.open()
    bench.hang_up()
    with pytest.raises(DeviceLost):
        until(lambda: line.receive(0.05))
    with pytest.raises(DeviceLost):
        until(lambda: line.send(bytes(1000)))


def test_nobody_at_the_other_end_is_lost(bench: Any) -> None:
    with pytest.raises(DeviceLost):
        bench.driver.open(bench.absent())


def test_closing_twice_is_harmless(bench: Any) -> None:
    line = bench.open()
    line.close()
    line.close()


def test_what_this_machine_lacks_is_told(bench: Any, tmp_path: Path) -> None:
    settings = bench.absent()
    assert "gatefw authority new-key" in bench.driver.lacks(settings)[0]
    key = tmp_path / "authority.key"
    key.touch()
    assert bench.driver.lacks(bench.driver.Settings(**{**settings.__dict__, "key_file": str(key)})) == []


def test_a_link_that_can_be_laid_is_one_of_ours() -> None:
    line: Link = AuthorityLine(simulated())
    line.write(b"\x00\x01x")
    line.flush_input()
    assert line.read(10, 0.0) == b""
