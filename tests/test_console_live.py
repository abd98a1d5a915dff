"""The officer's console as a process, at a real lane over its keys: seen, ordered, silent, back, and in the journal."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from console_bench import HASH, PASSWORD
from live_gate import LiveGate, live_gate
from peers import until

from gatefw.cli import main

pytestmark = [pytest.mark.real, pytest.mark.models]
ENDS_S = 60.0


class Desk:
    """A browser's requests at a console that is a process of its own."""

    def __init__(self, address: str) -> None:
        self._address, self._cookie, self._csrf = address, "", ""

    def ask(self, path: str, told: object = None) -> Any:
        """POST where something is told, else GET; of a stream, its first message."""
        body = None if told is None else json.dumps(told).encode()
        headers = {"Cookie": self._cookie, "X-CSRF": self._csrf, "Origin": self._address}
        request = urllib.request.Request(f"{self._address}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=ENDS_S) as answer:
            if cookie := answer.headers.get("set-cookie"):
                self._cookie = cookie.partition(";")[0]
            if path != "/lanes":
                text = answer.read()
                return json.loads(text) if text else None
            return next(json.loads(line[6:]) for line in answer if line.startswith(b"data: "))

    def login(self) -> None:
        self.ask("/login", {"name": "mk", "password": PASSWORD})
        self._csrf = self.ask("/session")["csrf"]

    def row(self) -> Any:
        return self.ask("/lanes")["lanes"][0]

    def order(self, verb: str, **args: object) -> Any:
        return self.ask("/lanes/hall/orders", {"verb": verb, **args})


def unseen(desk: Desk) -> list[str]:
    """The alarms that nobody acknowledged."""
    return [each["id"] for each in desk.ask("/lanes")["alarms"] if each["by"] is None]


@contextmanager
def desk_at(gate: LiveGate, key: Path) -> Iterator[Desk]:
    file = gate.run / "console.toml"
    lane = f'[[lane]]\nname = "hall"\nkey = "{key.name}"\n'
    officer = f'[[officer]]\nname = "mk"\npassword = "{HASH}"\nmay = ["read", "operate"]\n'
    file.write_text(f"[console]\nport = 0\n{lane}{officer}")
    file.chmod(0o600)
    words = [sys.executable, "-m", "gatefw", "console", str(file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        desk = Desk(process.stdout.readline().strip().rstrip("/"))
        desk.login()
        try:
            yield desk
        finally:
            process.terminate()
            assert process.wait(ENDS_S) in (0, -signal.SIGTERM)


def test_an_officer_sees_a_lane_holds_it_and_stands_in_its_journal(models: Path, photos: Path) -> None:
    """A lane is held from the console, its daemon is stopped, goes on, and the console is begun anew."""
    with live_gate(models, photos) as gate:
        key = gate.run / "desk.key"
        assert main(["keys", "new", "desk", "--may", "read,operate", "--dir", str(gate.run), "--out", str(key)]) == 0
        with desk_at(gate, key) as desk:
            until(lambda: desk.row()["phase"] == "idle", "the lane")
            assert gate.ask("status")["cameras"] == ["camera.inside", "camera.front"]
            assert desk.row()["camera"] == "ok" and "hold" in desk.row()["orders"]
            gate.daemon.send_signal(signal.SIGSTOP)
            until(lambda: desk.row()["phase"] == "silent", "that it answers no more")
            gate.daemon.send_signal(signal.SIGCONT)
            until(lambda: desk.row()["phase"] == "idle", "that it answers again")
            assert desk.order("hold", why="search")["outcome"] == "done"
            until(lambda: desk.row()["phase"] == "hold", "that it is held")
        with desk_at(gate, key) as desk:
            until(lambda: any(each["number"] for each in desk.ask("/lanes")["alarms"]), "the alarm of before")
            [alarm] = [each for each in desk.ask("/lanes")["alarms"] if each["number"]]
            assert desk.order("acknowledge", number=alarm["number"])["outcome"] == "done"
            until(lambda: alarm["id"] not in unseen(desk), "that it was seen")
            assert desk.order("silent_alarm")["outcome"] == "done"
        said = [each for each in gate.events() if each["data"].get("by") == "bus-desk/mk"]
        assert [each["type"].removeprefix("gatefw.") for each in said] == [
            "operator.ordered.v1",
            "alarm.acknowledged.v1",
            "alarm.silent.v1",
        ]
        assert said[0]["data"]["why"] == "search"
