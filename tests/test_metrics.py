"""The numbers of a gate: against a strict reading of the Prometheus text format 0.0.4, over real sockets."""

import http.client
import json
import math
import re
import socket
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gate_bench import ANNA, Bench
from hypothesis import given
from hypothesis import strategies as st

import hw
from gatefw import config, metrics
from gatefw.clearance.contactless import clear
from gatefw.control import Answer, Done, Order
from gatefw.errors import DeviceLost, SetupError
from gatefw.gate_terms import Answered, Record, TokenRead
from gatefw.health_message import DEVICE, EVERY_S, TYPE
from gatefw.metrics import FAMILIES, SERIES_MAX, text
from gatefw.metrics_exporter import exporter
from gatefw.metrics_server import MetricsServer, read
from gatefw.model import Answer as Reply
from gatefw.model import (
    Eligible,
    FaceCompared,
    Fact,
    FactKind,
    Failed,
    Ineligible,
    Reason,
    RecordFound,
    RunId,
    SubjectId,
    Token,
    Verdict,
)
from gatefw.oversight import Oversight
from gatefw.supervisor import Supervisor
from gatefw.telemetry import Counts

DOCS = Path(__file__).resolve().parents[1] / "docs"
SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
Labels = tuple[tuple[str, str], ...]


def parsed(exposition: bytes) -> dict[str, dict[Labels, float]]:
    """As the format's description has it, and stricter: HELP, TYPE, samples of a family in one block; each once."""
    assert exposition.endswith(b"\n")
    found: dict[str, dict[Labels, float]] = {}
    lines = exposition.decode("utf-8").split("\n")[:-1]
    family = ""
    for line, before in zip(lines, ["", *lines], strict=False):
        if line.startswith("# HELP "):
            _, _, family, _ = line.split(" ", 3)
            assert re.fullmatch(NAME, family)
            assert family not in found, f"{family} comes twice"
            found[family] = {}
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == family and before.startswith(f"# HELP {family} ")
            assert line.split(" ")[3] in ("counter", "gauge", "histogram", "summary", "untyped")
            assert line.endswith(" counter") is family.endswith("_total")
        else:
            matched = re.fullmatch(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)", line)
            assert matched and matched[1] == family, line
            labels = tuple(
                (name, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value))
                for name, value in re.findall(LABEL, matched[2] or "")
            )
            assert labels not in found[family], f"{line} comes twice"
            assert len({name for name, _ in labels}) == len(labels)
            assert matched[7] in ("NaN", "+Inf", "-Inf") or math.isfinite(float(matched[7]))
            found[family][labels] = float(matched[7])
    return found


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=20),
        st.one_of(st.integers(0, 2**53), st.floats(0, 1e12)),
        max_size=20,
    )
)
def test_whatever_a_label_holds_it_is_read_back_as_it_was(given_: dict[str, float]) -> None:
    told = {"gatefw_alarms_total": [((label,), number) for label, number in given_.items()]}
    found = parsed(text(told)).get("gatefw_alarms_total", {})
    assert set(found) == {(("reason", label),) for label in given_}
    for label, number in given_.items():
        assert found[(("reason", label),)] == pytest.approx(number, rel=1e-8)


def test_a_name_that_is_not_in_the_table_and_labels_that_are_not_its_own_are_refused() -> None:
    with pytest.raises(KeyError):
        text({"gatefw_nothing": []})
    with pytest.raises(ValueError, match="argument"):
        text({"gatefw_phase": [(("idle", "twice"), 1)]})


def test_a_label_that_runs_wild_does_not_fill_the_answer() -> None:
    told = text({"gatefw_alarms_total": [((str(number),), 1) for number in range(3 * SERIES_MAX)]})
    assert len(parsed(told)["gatefw_alarms_total"]) == SERIES_MAX


def test_the_documentation_is_what_the_table_says() -> None:
    assert (DOCS / "metrics.md").read_text() == metrics.page()


# ---------------------------------------------------------------- of a supervisor


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with tempfile.TemporaryDirectory(prefix="gw-") as place:
        file = Path(place, "lane.toml")
        file.write_text(re.sub(r'(?m)^factory = ".*"', 'factory = "mock:"', SIM.read_text()))
        env = {"GATEFW_STATE": f"{place}/state", "GATEFW_RUN": f"{place}/run"}
        made = Supervisor(config.load(file, hw.schema, env))
        yield made
        made._files.close()


def test_a_gate_tells_every_name_of_the_table_and_nothing_of_anybody(supervisor: Supervisor) -> None:
    counts = supervisor._oversight.telemetry.counts
    passed = (("passed", True), ("reason", Reason.OK), ("seconds", 3.0))
    counts.notice(Fact(FactKind.PASSAGE_ENDED, RunId("feedfacefeedface"), passed, SubjectId("5" * 32)))
    refused = (("passed", False), ("reason", Reason.STOP_LISTED), ("seconds", 3.0))
    counts.notice(Fact(FactKind.PASSAGE_ENDED, RunId("feedfacefeedface"), refused))
    counts.notice(Fact(FactKind.ALARM_RAISED, None, (("reason", Reason.FIRE),)))
    told = supervisor._oversight.telemetry.text()
    found = parsed(told)
    assert set(found) == {family.name for family in FAMILIES}
    assert found["gatefw_passages_total"] == {(("passed", "false"),): 1.0, (("passed", "true"),): 1.0}
    assert found["gatefw_alarms_total"] == {(("reason", "fire"),): 1.0}
    assert sum(found["gatefw_phase"].values()) == 1.0
    for secret in (b"feedface", b"5555", b"stop_listed"):
        assert secret not in told
    assert sum(len(series) for series in found.values()) < 200
    by_label: dict[str, set[str]] = defaultdict(set)
    for series in found.values():
        for labels in series:
            for name, value in labels:
                by_label[name].add(value)
    assert {name: len(values) for name, values in by_label.items() if len(values) > 40} == {}


SCORE = (0.8, 0.542, 0.001, 3)
IN_FRONT: list[tuple[Reply, ...]] = [
    (Failed(Reason.TOKEN_UNKNOWN),),
    (Failed(Reason.RECORDS_UNAVAILABLE),),
    (RecordFound(ANNA), Ineligible((("permit", Reason.PERMIT_EXPIRED), ("age", Reason.UNDER_AGE)), Verdict.REFUSE)),
    (RecordFound(ANNA), Eligible(), Failed(Reason.STOP_LISTED)),
]
INSIDE: list[tuple[Reply, ...]] = [(FaceCompared(False, *SCORE),), (Failed(Reason.NO_FACE),)]


@pytest.mark.parametrize("ways", [IN_FRONT, INSIDE], ids=["in front", "inside"])
def test_the_numbers_before_and_after_a_passage_do_not_say_why_its_traveller_was_turned_away(
    ways: list[tuple[Reply, ...]],
) -> None:
    counted = []
    for answers in ways:
        bench = Bench(lambda token, terms: clear(token, replace(terms, authorities=ways is IN_FRONT)))
        if ways is IN_FRONT:
            bench.idle().give(TokenRead("reader.front", Token(b"ANNA", "]Q1")))
        else:
            bench.inside()
        for answer in answers:
            bench.give(Answered(bench.ask().run, bench.ask().number, answer))
        assert bench.facts(FactKind.PASSAGE_ENDED)
        counts = Counts()
        for each in bench.effects:
            if isinstance(each, Record):
                counts.notice(each.fact)
        counted.append((counts.facts, counts.passages, counts.alarms))
    assert all(each == counted[0] for each in counted)
    assert counted[0][0]["passage.started"] == counted[0][0]["passage.ended"] == 1


def test_the_health_of_each_device_is_in_the_status(supervisor: Supervisor) -> None:
    answers: list[Answer] = []
    supervisor._orders.take(Order("status", {}, "uid-7", None, 1e9), answers.append)
    (answer,) = answers
    assert isinstance(answer, Done)
    health: Any = answer.result["health"]
    assert set(health["devices"]) == {worker.name for worker in supervisor._crew.all}
    door = health["devices"]["door.entry_door"]
    assert set(door) == {"state", "for_s", "tries", "losses", "error", "turns", "p50_s", "p99_s", "age_s"}
    assert (door["state"], door["turns"], door["age_s"]) == ("lost", 0, None)


def watched_over(supervisor: Supervisor, show: Callable[[str, bytes], None]) -> Oversight:
    return Oversight(
        supervisor._config,
        supervisor.gate,
        supervisor._crew,
        supervisor._devices.states,
        supervisor._scribe,
        supervisor._inbox,
        supervisor._notifier,
        show,
    )


def test_what_cannot_be_told_of_the_devices_ends_no_loop(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in what may be lost: the tick in which it is made goes on to beat, and to feed the watchdog."""

    def breaks(_kind: str, _told: bytes) -> None:
        raise ValueError("no JSON")

    watched_over(supervisor, breaks).look(100.0)
    assert "cannot be told" in caplog.text


def test_the_health_of_each_device_is_published_every_few_seconds(supervisor: Supervisor) -> None:
    shown: list[tuple[str, Any]] = []
    oversight = watched_over(supervisor, lambda kind, told: shown.append((kind, json.loads(told))))
    for now_s in (100.0, 100.5, 100.0 + EVERY_S - 0.5, 100.0 + EVERY_S):
        oversight.look(now_s)
    assert [kind for kind, _ in shown] == [TYPE, TYPE]
    devices = shown[0][1]["data"]["devices"]
    assert set(devices) == {worker.name for worker in supervisor._crew.all}
    assert set(devices["door.entry_door"]) == set(DEVICE)


# ---------------------------------------------------------------- over sockets


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gw-") as directory:
        yield Path(directory, "metrics", "metrics.sock")


def test_who_connects_is_told_once_and_others_after_them(place: Path) -> None:
    told = iter((b"one 1\n", b"two 2\n"))
    server = MetricsServer(place, lambda: next(told))
    assert (read(place), read(place)) == (b"one 1\n", b"two 2\n")
    assert place.stat().st_mode & 0o777 == 0o660
    assert place.parent.stat().st_mode & 0o077 == 0
    server.close()
    assert not place.exists()
    with pytest.raises(DeviceLost, match="gatefw run"):
        read(place)


def test_who_does_not_read_holds_up_the_next_one_only_for_a_moment(place: Path) -> None:
    """Its line is as long as a kernel makes it; what is told is longer."""
    server = MetricsServer(place, lambda: b"x" * 10_000_000)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as idle:
        idle.connect(str(place))
        assert len(read(place, 60.0)) >= 1024 * 1024
    server.close()


def test_a_text_that_cannot_be_made_is_nobodys_end(place: Path) -> None:
    texts = [b"", b"here 1\n"]

    def make() -> bytes:
        made = texts.pop(0)
        if not made:
            raise ZeroDivisionError
        return made

    server = MetricsServer(place, make)
    with pytest.raises(DeviceLost):
        read(place)
    assert read(place) == b"here 1\n"
    server.close()


def test_the_exporter_answers_what_the_gate_tells_and_says_when_it_does_not(place: Path) -> None:
    server = MetricsServer(place, lambda: b"gatefw_in_service 1\n")
    with exporter("127.0.0.1:0", place) as http_server:
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        try:

            def asked(path: str, method: str = "GET") -> tuple[int, str, bytes]:
                connection = http.client.HTTPConnection("127.0.0.1", http_server.server_port, timeout=60)
                try:
                    connection.request(method, path)
                    answer = connection.getresponse()
                    return answer.status, answer.headers["Content-Type"], answer.read()
                finally:
                    connection.close()

            assert asked("/metrics") == (200, "text/plain; version=0.0.4; charset=utf-8", b"gatefw_in_service 1\n")
            assert asked("/")[0] == 404
            assert asked("/metrics", "POST")[0] == 501
            server.close()
            assert asked("/metrics")[0] == 503
        finally:
            http_server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9464", "192.0.2.1:9464", "example:1", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999"]
)
def test_the_exporter_is_for_this_machine_alone(listen: str, place: Path) -> None:
    with pytest.raises(SetupError, match="--listen"):
        exporter(listen, place)
