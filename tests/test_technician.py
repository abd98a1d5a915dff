"""The technician's page: what it is sent, when the doctor looks, and that nothing of it is an order."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from planted import spelt
from starlette.routing import Route
from test_watch_seen import DECIDED, LISTED, STATUS, WHOLE, after
from web_bench import ask

from gatefw.control import Answer, Done, Order
from gatefw.control_server import ControlServer
from gatefw.errors import DeviceLost
from gatefw.technician.page import FILES, in_words, technician
from gatefw.technician.rounds import EVERY_S, Ended, Rounds, doctor
from gatefw.technician.told import EVENTS, told
from gatefw.watch.seen import EventCame, Seen, Silent, StatusCame, heard
from gatefw.watch.source import Source
from gatefw.words import LANGUAGES, TRADITIONAL, Words

WAIT_S = 60.0
HEALTHY = {"state": "healthy", "findings": [], "unseen": []}
NAME = b"CHAN TAI MAN"

# ---------------------------------------------------------------- what it is sent


def test_a_gate_is_told_with_its_newest_event_first_and_how_old_what_is_told_is() -> None:
    seen = after(StatusCame(STATUS), *(EventCame({**DECIDED, "sequence": f"{n:020}"}) for n in range(60)))
    sent: dict[str, Any] = told(seen, 102.5, (HEALTHY, 7.0))
    assert [each["n"] for each in sent["events"]] == list(range(59, 59 - EVENTS, -1))
    assert (sent["lane"]["phase"], sent["age_s"], sent["gone"]) == ("verifying", 2.5, "")
    assert sent["doctor"] == {**HEALTHY, "ago_s": 7.0}
    json.dumps(sent)


def test_a_gate_that_went_is_told_as_it_was_with_why_and_for_how_long() -> None:
    gone = heard(WHOLE, Silent("gatefw at /x: is `gatefw run` running there?"), 110.0)
    sent: dict[str, Any] = told(gone, 113.0, None)
    assert (sent["lane"]["phase"], sent["age_s"], sent["gone_s"]) == ("verifying", 13.0, 3.0)
    assert "is `gatefw run` running there?" in sent["gone"]


def test_before_anything_is_known_nothing_is_claimed() -> None:
    sent = told(Seen(), 100.0, None)
    assert (sent["lane"], sent["devices"], sent["doctor"]) == (None, [], None)


def test_a_name_that_a_daemon_let_slip_does_not_reach_the_page() -> None:
    slipped = {**STATUS, "hint": NAME.decode(), "traveller": NAME.decode(), "missing": [NAME.decode()]}
    event = {**DECIDED, "data": {**DECIDED["data"], "name": NAME.decode()}}
    sent = json.dumps(told(after(StatusCame(slipped), EventCame(event)), 101.0, None)).encode()
    assert [how for how, spell in spelt(NAME) if spell in sent] == []


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_every_word_that_the_page_asks_for_is_there_in_each_language(tongue: str) -> None:
    texts: Any = in_words(Words(tongue))["texts"]
    script, html = ((FILES / f"technician.{kind}").read_text() for kind in ("js", "html"))
    asked = {each.partition('"')[0] for each in script.split('word("')[1:]}
    asked |= {each.partition('"')[0] for each in script.split('filled("')[1:]}
    asked |= {each.partition('"')[0] for each in html.split('data-text="')[1:]}
    assert len(asked) > 30 and asked <= texts.keys(), asked - texts.keys()
    kinds = {each.partition('"')[0] for each in script.split('code("')[1:]}
    assert kinds and all(any(key.startswith(f"{kind}.") for key in texts) for kind in kinds)


# ---------------------------------------------------------------- the doctor's rounds


class Doctor:
    def __init__(self) -> None:
        self.looks, self.now_s, self.wanted = 0, 1000.0, True
        self.rounds = Rounds(self.look, lambda: self.wanted, now_s=lambda: self.now_s)

    def look(self, _between: Callable[[], None]) -> Mapping[str, Any]:
        self.looks += 1
        self.now_s += 2.0
        return HEALTHY


def test_the_doctor_looks_once_a_minute_and_only_while_somebody_reads() -> None:
    played = Doctor()
    played.wanted = False
    assert not played.rounds.round() and played.rounds.latest is None
    played.wanted = True
    assert played.rounds.round() and not played.rounds.round()
    played.now_s += EVERY_S - 0.5
    assert not played.rounds.round()
    assert played.rounds.latest == (HEALTHY, EVERY_S - 0.5)
    played.now_s += 0.5
    assert played.rounds.round() and played.looks == 2


def test_a_page_that_ends_does_not_wait_for_the_rest_of_the_checks() -> None:
    begun, ended = threading.Event(), list[bool]()

    def look(between: Callable[[], None]) -> Mapping[str, Any]:
        begun.set()
        while True:
            try:
                between()
            except Ended:
                ended.append(True)
                raise

    rounds = Rounds(look, lambda: True)
    rounds.start()
    assert begun.wait(WAIT_S)
    rounds.close()
    assert ended == [True]


def test_a_machine_without_a_gate_is_looked_at_and_what_is_found_has_no_evidence(tmp_path: Path) -> None:
    found = doctor(tmp_path / "nowhere.toml", tmp_path / "run")(lambda: None)
    assert found["state"] == "broken" and found["daemon"] == "absent"
    codes = {each["code"] for each in found["findings"]}
    assert "G0002" not in codes and codes
    assert all(each.keys() == {"code", "severity", "where", "cause", "remedy", "follows"} for each in found["findings"])
    json.dumps(found)


# ---------------------------------------------------------------- what is served


class Gate:
    """A daemon that answers on its socket, and remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.folder = folder
        self.server = ControlServer(folder / "control.sock", self._take)

    def _take(self, order: Order, reply: Callable[[Answer], None]) -> None:
        self.asked.append(order.verb)
        reply(Done(LISTED if order.verb == "devices" else {**STATUS, "version": "0"}))


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.server.close()


def application() -> Any:
    def nobody(_verb: str) -> Mapping[str, Any]:
        raise DeviceLost("nobody is there")

    return technician(lambda: Source(nobody, lambda _since, _ended: iter(())), lambda _between: HEALTHY, TRADITIONAL)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_address_of_the_page_takes_an_order(method: str) -> None:
    app = application()
    assert all(each.methods == {"GET", "HEAD"} for each in app.routes if isinstance(each, Route))
    paths = [each.path.replace("{code}", "G0001") for each in app.routes if isinstance(each, Route)]
    assert len(paths) == 4
    for path in (*paths, "/static/technician.js"):
        answer = ask(app, method, path, b"{}", origin="http://127.0.0.1:8080")
        assert answer.status == 405, path


def test_the_page_and_its_words_are_given_in_the_language_that_is_asked_for() -> None:
    app = application()
    assert b'src="/static/technician.js"' in ask(app, "GET", "/").body
    for query, tag in (("", "zh-Hant"), ("?lang=zh_CN", "zh-Hans"), ("?lang=en", "en")):
        assert json.loads(ask(app, "GET", f"/words{query}").body)["lang"] == tag
    assert ask(app, "GET", "/words?lang=tlh").status == 404


def test_what_a_finding_means_is_the_page_that_explain_prints() -> None:
    answer = ask(application(), "GET", "/explain/G0012")
    assert json.loads(answer.body)["page"].startswith("# G0012: ")
    assert ask(application(), "GET", "/explain/..%2F..%2Fsecret").status == 404
    assert ask(application(), "GET", "/explain/G9999").status == 404


def test_the_command_prints_its_address_and_asks_the_daemon_for_nothing_but_how_it_is(gate: Gate) -> None:
    """A technician opens the page, reads until the doctor has looked, and ends the command."""
    env = {**os.environ, "GATEFW_STATE": str(gate.folder / "state"), "GATEFW_RUN": str(gate.folder)}
    words = [sys.executable, "-m", "gatefw", "status-page", "--port", "0", "--dir", str(gate.folder)]
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(f"{address}seen", timeout=WAIT_S) as stream:
                for line in stream:
                    sent = json.loads(line[6:]) if line.startswith(b"data: {") else {}
                    if sent.get("lane") and sent.get("doctor") and sent.get("devices"):
                        break
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) in (0, -signal.SIGTERM)
        assert process.stderr.read() == ""
    assert (sent["lane"]["name"], sent["lane"]["phase"]) == ("sim", "verifying")
    assert sent["doctor"]["findings"]
    assert set(gate.asked) <= {"status", "devices", "cameras", "edges"}


def test_a_port_that_is_taken_is_said(gate: Gate) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        words = [sys.executable, "-m", "gatefw", "status-page", "--port", port, "--dir", str(gate.folder)]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=WAIT_S)
    assert ran.returncode == 2 and "another one running there" in ran.stderr
