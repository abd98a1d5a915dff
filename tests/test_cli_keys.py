"""`gatefw keys` and orders with a key, as people use them: a control socket, a bus, two machines' worth of files."""

import json
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bus_bench import BusBench, Reply

from gatefw import key_desk
from gatefw.bus_client import follow
from gatefw.bus_keys import ClientKey, Permission
from gatefw.cli import main
from gatefw.cli.keys import RELAYED
from gatefw.control import Answer, Done, Order
from gatefw.control_server import ControlServer
from gatefw.errors import Refusal
from gatefw.key_desk import KeyDesk
from gatefw.model import FactKind

Gatefw = Callable[..., dict[str, Any]]


class Keys:
    """A gate with its key desk behind a control socket."""

    def __init__(self, directory: Path) -> None:
        self.bench = BusBench(directory)
        self.desk = KeyDesk(self.bench.holders, self.bench.bus, self.bench.recorded.append)
        self.server = ControlServer(directory / "control.sock", self._take)

    def _take(self, order: Order, reply: Reply) -> None:
        assert order.verb in key_desk.VERBS
        self.desk.order(order, reply)

    def close(self) -> None:
        self.server.close()
        self.bench.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Keys]:
    with closing(Keys(tmp_path)) as gate:
        yield gate


@pytest.fixture
def gatefw(gate: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gatefw:
    """Runs a command with --json and returns what it prints; its exit status and words where it fails."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> dict[str, Any]:
        status = main([*arguments, "--dir", str(tmp_path), "--json"])
        told = capsys.readouterr()
        return json.loads(told.out) if status == 0 else {"status": status, "says": told.err}

    return run


def test_a_desk_gets_a_key_uses_it_and_loses_it(gate: Keys, gatefw: Gatefw, tmp_path: Path) -> None:
    made = gatefw("keys", "new", "office", "--may", "read,operate")
    path = tmp_path / "office.key"
    key = ClientKey.read(path)
    assert (made["file"], made["public"], made["may"]) == (str(path), key.public, ["operate", "read"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in made
    assert key.secret not in (tmp_path / "bus_keys.json").read_text(), "the gate knows no client's secret"
    assert gatefw("keys", "list")["keys"] == [{"name": "office", "public": key.public, "may": ["operate", "read"]}]
    gate.bench.commit(1)
    with closing(follow(key)) as events:
        assert next(events)["sequence"].endswith("1")
        assert gatefw("keys", "revoke", "office") == {"name": "office", "revoked": True, "connections": "ended"}
        gate.bench.commit(1)
        with pytest.raises(Refusal, match="revoked"):
            next(events)
    assert gatefw("keys", "list")["keys"] == []
    told = [(fact.kind, dict(fact.fields)) for fact in gate.bench.recorded]
    by = told[0][1]["by"]
    assert str(by).startswith("uid-")
    assert told == [
        (FactKind.KEY_GRANTED, {"key": "office", "read": True, "operate": True, "maintain": False, "by": by}),
        (FactKind.KEY_REVOKED, {"key": "office", "by": by}),
    ]


def test_a_key_for_another_machine_names_the_gate_as_that_machine_reaches_it(gatefw: Gatefw, tmp_path: Path) -> None:
    for host, where in (("gate7.example", "tcp://gate7.example:"), ("fd00::7", "tcp://[fd00::7]:")):
        out = tmp_path / f"{host.replace(':', '-')}.key"
        gatefw("keys", "new", f"archive-{host[0]}", "--host", host, "--out", str(out))
        key = ClientKey.read(out)
        assert (key.events, key.replay, key.orders) == (f"{where}5571", f"{where}5572", f"{where}5573")
    units = Path(__file__).parent.parent / "systemd"
    for name, port in RELAYED.items():
        assert f"ListenStream={port}\n" in (units / f"gatefw-bus-{name}.socket").read_text()


def test_a_client_may_make_its_pair_itself(gate: Keys, gatefw: Gatefw, tmp_path: Path) -> None:
    made = gatefw("keys", "new", "archive", "--public", "." * 40)
    assert "file" not in made
    assert not (tmp_path / "archive.key").exists()
    grant = gate.bench.holders.holder("." * 40)
    assert grant is not None and grant.may == {Permission.READ}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("keys", "new", "Chan Tai Man"), "never a person's"),
        (("keys", "new", "local"), "and not local"),
        (("keys", "new", "desk-1985"), "never a person's"),
        (("keys", "new", "taken"), "is there already"),
        (("keys", "new", "office", "--out", "taken.key"), "never written over"),
        (("keys", "new", "office", "--public", "short"), "40 characters"),
        (("keys", "revoke", "nobody"), "there are taken"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(
    gate: Keys, gatefw: Gatefw, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    gatefw("keys", "new", "taken")
    before = sorted(path.name for path in tmp_path.iterdir())
    if arguments == ("keys", "new", "taken"):
        arguments = (*arguments, "--out", "another.key")
    told = gatefw(*arguments)
    assert told["status"] == 2
    assert says in told["says"]
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert [each.name for each in gate.bench.holders.listed()] == ["taken"]


def test_a_gate_with_a_new_key_is_reached_by_who_was_told(gate: Keys, gatefw: Gatefw, tmp_path: Path) -> None:
    gatefw("keys", "new", "office")
    before = gatefw("keys", "show-server")["server"]
    after = gatefw("keys", "rotate")["server"]
    assert before != after == gatefw("keys", "show-server")["server"]
    gate.bench.commit(1)
    told = json.loads((tmp_path / "office.key").read_text()) | {"server": after}
    with closing(follow(ClientKey(**told))) as events:
        assert next(events)["sequence"].endswith("1")
    with closing(follow(gate.bench.key)) as events:
        assert next(events)["sequence"].endswith("1")


def test_the_lane_is_ordered_about_with_a_key_and_says_who_it_was(gate: Keys, gatefw: Gatefw, tmp_path: Path) -> None:
    gatefw("keys", "new", "office", "--may", "operate")
    orders: list[Order] = []

    def lane() -> None:
        order, reply = gate.bench.orders.get(timeout=30)
        orders.append(order)
        reply(_done(order))

    thread = threading.Thread(target=lane)
    thread.start()
    told = gatefw("lane", "close", "--expects", "idle", "--key", str(tmp_path / "office.key"))
    thread.join()
    assert told == {"phase": "out_of_service"}
    assert [(order.verb, order.by, order.expects) for order in orders] == [("close", "bus-office", "idle")]
    refused = gatefw("lane", "maintain", "--why", "fault", "--expects", "idle", "--key", str(tmp_path / "office.key"))
    assert "wants a key that may maintain" in refused["says"]
    assert "expects" in gatefw("lane", "close", "--key", str(tmp_path / "office.key"))["says"]


def _done(_order: Order) -> Answer:
    return Done({"phase": "out_of_service"})


def test_without_a_gate_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["keys", "list", "--dir", str(tmp_path)]) == 2
    assert "is `gatefw run` running there" in capsys.readouterr().err
    assert main(["events", "tail", "--dir", str(tmp_path)]) == 2
    assert "bus.key" in capsys.readouterr().err
