"""`gatefw device` at a real control socket, behind which the test plays the daemon."""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import without_coverage

from gatefw.cli import main
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.control_server import ControlServer
from gatefw.device_trace import SCRUBBED_HEAD

WAIT_S = 60.0
PASSED = {"device": "reader.front", "passed": True, "why": "", "bytes": 8}
FAILED = {"device": "reader.front", "passed": False, "why": "nothing was read"}


class Daemon:
    """Answers an order that begins with a session, and each that follows with the next of `tells`."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.orders, self.tells = directory, list[Order](), list[Answer | dict[str, Any]]()
        self._server = ControlServer(directory / "control.sock", self._take)

    def _take(self, order: Order, reply: Callable[[Answer], None]) -> None:
        self.orders.append(order)
        if "device" in order.args and not isinstance(self.tells[0], Rejected):
            reply(Done({"session": "s", "seen": 0, "said": []}))
            return
        told = self.tells.pop(0) if len(self.tells) > 1 else self.tells[0]
        reply(told if isinstance(told, Done | Rejected) else Done({"session": "s", "seen": 1, **told}))

    def close(self) -> None:
        self._server.close()

    def run(self, *words: str) -> int:
        return main(["device", *words, "--dir", str(self.directory)])


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="gate-") as directory:
        daemon = Daemon(Path(directory))
        yield daemon
        daemon.close()


def test_the_list_is_a_table_or_json(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    device = {
        "device": "reader.front",
        "role": "reader",
        "driver": "serial",
        "state": "lost",
        "for_s": 1.5,
        "detail": "",
    }
    told = {"phase": "idle", "devices": [{**device, "reasons": ["device_lost"]}]}
    daemon.tells = [Done(told)]
    assert daemon.run("list") == 0
    assert "reader.front             serial         lost           1.5 s  device_lost" in capsys.readouterr().out
    assert daemon.run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == told


def test_what_is_said_is_printed_and_the_outcome_is_the_exit_status(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [{"prompt": "show a card", "seconds": 20}, {"read": {"kind": "code", "bytes": 8}}, {"position": "open"}]
    daemon.tells = [{"said": said}, {"said": [], "outcome": PASSED}]
    assert daemon.run("test", "reader.front", "--seconds", "20") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "show a card (within 20 s)",
        "kind=code  bytes=8",
        "position=open",
        "reader.front: passed  bytes=8",
    ]
    assert daemon.orders[0].args == {"device": "reader.front", "asks": False, "seconds": 20.0}
    assert daemon.orders[2].args == {"session": "s", "seen": 1, "say": ""}
    daemon.tells = [{"said": [], "outcome": FAILED}]
    assert daemon.run("test", "reader.front") == 1
    assert "nothing was read" in capsys.readouterr().err


def test_json_is_one_object_a_line(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.tells = [{"said": [{"prompt": "show a card"}]}, {"said": [], "outcome": PASSED}]
    assert daemon.run("test", "reader.front", "--json") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"prompt": "show a card"}, PASSED]


def test_a_refusal_is_the_daemons_own(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.tells = [Rejected(Rejection.REFUSED, "the lane is idle")]
    assert daemon.run("test", "reader.front") == 2
    assert "the lane is idle" in capsys.readouterr().err


def test_no_daemon_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", "list", "--dir", str(tmp_path)]) == 2
    assert "is `gatefw run` running there?" in capsys.readouterr().err


WIRE = ["# serial:/x", "0.1 < 415d0a", "0.2 > 06", "0.3 < lost"]


def test_a_trace_is_printed_for_people_and_written_for_replaying(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    daemon.tells = [{"said": [{"wire": line} for line in WIRE]}, {"said": [], "outcome": PASSED}]
    assert daemon.run("trace", "reader.front") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:4] == ["# serial:/x", "0.1 < 415d0a  A].", "0.2 > 06  .", "0.3 < lost"]
    daemon.tells = [{"said": [{"wire": line} for line in WIRE]}, {"said": [], "outcome": PASSED}]
    out = tmp_path / "wire.txt"
    assert daemon.run("trace", "reader.front", "--out", str(out)) == 0
    assert out.read_text().splitlines() == [SCRUBBED_HEAD, *WIRE]
    assert out.stat().st_mode & 0o777 == 0o600
    assert daemon.run("trace", "reader.front", "--out", str(out)) == 2
    assert "a new file is wanted" in capsys.readouterr().err
    assert {order.verb for order in daemon.orders} == {"device_trace"}


def test_a_trace_for_which_there_is_no_room_names_the_file_and_leaves_none(daemon: Daemon, tmp_path: Path) -> None:
    """A technician's stick is full; the shell lets this command write no file at all."""
    daemon.tells = [{"said": [{"wire": line} for line in WIRE]}, {"said": [], "outcome": PASSED}]
    out = tmp_path / "wire.txt"
    words = [sys.executable, "-m", "gatefw", "device", "trace", "reader.front", "--dir", str(daemon.directory)]
    ran = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *words, "--out", str(out)],
        env=without_coverage(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ran.returncode, ran.stderr) == (
        2,
        f"gatefw: device trace: {out}: cannot be written: File too large\n",
    )
    assert not out.exists()


def test_a_trace_that_was_refused_leaves_no_file(daemon: Daemon, tmp_path: Path) -> None:
    daemon.tells = [Rejected(Rejection.REFUSED, "the lane is idle")]
    assert daemon.run("trace", "reader.front", "--out", str(tmp_path / "wire.txt")) == 2
    assert list(tmp_path.iterdir()) == []


def test_raw_wants_to_be_said_twice_and_is_another_order(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert daemon.run("trace", "reader.front", "--raw") == 2
    assert "--personal-data-may-be-shown" in capsys.readouterr().err
    assert daemon.orders == []
    daemon.tells = [{"said": [], "outcome": PASSED}]
    assert daemon.run("trace", "reader.front", "--raw", "--personal-data-may-be-shown") == 0
    assert {order.verb for order in daemon.orders} == {"device_trace_raw"}


def test_secrets_are_renewed_and_agreed_by_their_own_orders(daemon: Daemon) -> None:
    daemon.tells = [{"said": [], "outcome": PASSED}]
    assert daemon.run("renew-secret", "reader.card") == 0
    assert daemon.run("install", "reader.card", "--within", "30") == 0
    begun = [(order.verb, dict(order.args)) for order in daemon.orders if "device" in order.args]
    assert begun == [
        ("device_renew_secret", {"device": "reader.card"}),
        ("device_install", {"device": "reader.card", "seconds": 30.0}),
    ]


def interrupting(daemon: Daemon) -> None:
    """Ctrl-C comes while the command waits for its second answer, as the terminal sends it."""
    answers = daemon._take

    def take(order: Order, reply: Callable[[Answer], None]) -> None:
        if len(daemon.orders) == 1:
            os.kill(os.getpid(), 2)
        if order.args.get("say") == "end":
            daemon.tells = [{"said": [], "outcome": PASSED}]
        answers(order, reply)

    daemon._server._handle = take


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C is heard, though whoever started the tests in the background lets them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_asks_for_the_end_and_waits_for_it(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    interrupting(daemon)
    daemon.tells = [{"said": []}, {"said": []}]
    assert daemon.run("test", "sensors.lane") == 130
    assert daemon.orders[-1].args["say"] == "end"
    assert "passed" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "say"), [(b"y\n", "yes"), (b"No\n", "no"), (b"what\ny\n", "yes"), (b"\x04", "end")])
def test_on_a_terminal_questions_are_asked_and_answered(daemon: Daemon, typed: bytes, say: str) -> None:
    master, slave = pty.openpty()
    daemon.tells = [{"said": [{"prompt": "does it show idle?", "ask": True}]}, {"said": []}]
    answers = daemon._take

    def take(order: Order, reply: Callable[[Answer], None]) -> None:
        if order.args.get("say"):
            daemon.tells = [{"said": [], "outcome": PASSED}]
        answers(order, reply)

    daemon._server._handle = take
    command = [sys.executable, "-m", "gatefw", "device", "test", "indicator.lamps", "--dir", str(daemon.directory)]
    with subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, text=True) as ran:
        os.close(slave)
        assert ran.stdout is not None
        assert ran.stdout.readline() == "does it show idle? [y/n]\n"
        os.write(master, typed)
        assert ran.wait(WAIT_S) == 0
    os.close(master)
    assert daemon.orders[0].args["asks"] is True
    assert [order.args["say"] for order in daemon.orders if order.args.get("say")] == [say]
