"""Nothing personal, biometric or secret lies open in anything that a gate leaves behind."""

import base64
import json
import os
import signal
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from live_gate import DEADLINE_S, LiveGate, live_gate
from mirror_watched import watched
from peers import until
from planted import WINDOW_BYTES, files, leaks, spelt

from gatefw.biometrics.gallery import Gallery, keys_of
from gatefw.errors import Refusal
from gatefw.identifier import new_identifier
from gatefw.keys import read
from gatefw.model import SubjectId

NAME, NUMBER, BORN = "ZEBEDEE QUILLFEATHER", "XQ9988776", "1931-07-19"
NOW = 1e9
TABLES = "[journal]\ncheckpoint_s = 1.0\n[recording]\nmost_mb = 4\n[screen]\nmirror = true\n"


@pytest.mark.parametrize(
    "written",
    [
        f'{{"name": "{NAME}"}}'.encode(),
        b"\x00\x01" + NAME.encode("utf-16-le"),
        b"log: " + NAME.encode().hex().encode(),
        base64.b64encode(f"holder {NAME}, born".encode()),
        base64.b64encode(f"a holder {NAME}, born".encode()),
        base64.b64encode(f"the holder {NAME}, born".encode()),
        base64.urlsafe_b64encode(b"\xfb\xff" + NAME.encode() * 3),
    ],
)
def test_a_leak_is_found_however_it_is_spelt(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "some.log").write_bytes(b"before " + written + b" after")
    (tmp_path / "sealed").write_bytes(os.urandom(4096))
    found = leaks(tmp_path, {"name": NAME.encode(), "number": NUMBER.encode()}, {})
    assert found
    assert all(each.startswith("name in below/some.log") for each in found)
    assert leaks(tmp_path, {"name": NAME.encode()}, {"name": [tmp_path / "below" / "some.log"]}) == []


def test_of_a_photograph_any_middle_piece_is_found(tmp_path: Path) -> None:
    photo = os.urandom(10_000)
    (tmp_path / "cache").write_bytes(photo[3_000:7_000])
    assert leaks(tmp_path, {"photo": photo}, {}) == ["photo in cache, as it is"]
    assert dict(spelt(photo))["as it is"] in photo


def gatefw(gate: LiveGate, out: str, *words: str) -> None:
    """What a command prints becomes an artefact, too."""
    env = os.environ | {"GATEFW_STATE": str(gate.run / "state"), "GATEFW_RUN": str(gate.run)}
    ran = subprocess.run(
        [sys.executable, "-m", "gatefw", "-v", *words], env=env, capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode()
    (gate.run / out).write_bytes(ran.stdout + ran.stderr)


def traced(gate: LiveGate, code: str) -> None:
    """A technician records the scanner's wire while somebody shows their code."""
    gate.ask("maintain", name="tester", why="other")
    out = gate.run / "scanner.txt"
    command = ["device", "trace", "reader.front", "--seconds", "600", "--out", str(out), "--dir", str(gate.run)]
    with subprocess.Popen(
        [sys.executable, "-m", "gatefw", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as trace:
        until(lambda: out.exists() and out.read_text(), "the trace to begin", DEADLINE_S)

        until(lambda: reader(gate)[-2:] == ["lost", "recovered"], "the reader to be there again", DEADLINE_S)
        gate.world.do("present", scanner="scanner-front", code=code)
        until(lambda: out.read_text().endswith("0d\n"), "the code to be on the wire", DEADLINE_S)
        trace.send_signal(signal.SIGINT)
        trace.wait(DEADLINE_S)


def liveliest(grey: bytes) -> bytes:
    """The piece of a picture with most levels in it: what could lie in a file by chance says nothing."""
    pieces = [grey[at : at + WINDOW_BYTES] for at in range(0, len(grey), WINDOW_BYTES)]
    found = max(pieces, key=lambda piece: len(set(piece)))
    assert len(set(found)) > WINDOW_BYTES // 3
    return found


def reader(gate: LiveGate) -> list[str]:
    """What became of the scanner, one after the other."""
    told = [event for event in gate.events() if event["data"].get("device") == "reader.front"]
    return [str(event["type"]).split(".")[-2] for event in told]


def looked_at(gate: LiveGate) -> dict[str, str]:
    """The facts of the case that is open; none while there is none, or nobody was found yet."""
    try:
        return dict(gate.ask("case")["facts"])
    except Refusal:
        return {}


def templates(state: Path, subject: str) -> dict[str, bytes]:
    with closing(Gallery(state / "gallery.sqlite", read(state / "keys" / "gallery.key"))) as gallery:
        found = gallery.get(SubjectId(subject), NOW)
    assert isinstance(found, tuple), found
    return {f"template {number}": each.vector.tobytes() for number, each in enumerate(found)}


FACTS = {"name": NAME, "document.number": NUMBER, "born": BORN}
SEARCHED = {
    *("journal.sqlite", "records.sqlite", "gallery.sqlite", "run.log", "screen.log", "watcher.log", "scanner.txt"),
    *("00000001.jsonl", "manifest.json", "status.json"),
}
"""What must be among the files that were searched, or the search was none."""


def registered(gate: LiveGate, photo: Path, code: str) -> str:
    """Somebody with an unlikely name, in the gallery of all and in that of a journey; as whom the records know them."""
    gate.ask("partition_make", name="flight-cx100", facts={"journey.name": "cx100"})
    person = {"photos": [str(photo)], "days": 1, "consent": True, "facts": FACTS}
    gate.ask("enrol", tokens=[code], partition="main", **person)
    return str(gate.ask("enrol", tokens=[new_identifier().decode()], partition="flight-cx100", **person)["subject"])


def passed_and_refused(gate: LiveGate, code: str, strange: str) -> bytes:
    """One passes, a stranger's code is refused, whoever has another one's code is sent back; the last one's mirror."""
    gate.world.traveller("anna", code=code, photo="obama2.jpg")
    until(lambda: looked_at(gate) == FACTS, "an officer to be shown her case", DEADLINE_S)
    assert gate.world.outcome("anna", DEADLINE_S) == "passed"
    gate.await_phase("idle")
    gate.world.traveller("bert", code=strange)
    assert gate.world.outcome("bert", DEADLINE_S) == "not_admitted"
    gate.await_phase("idle")
    with watched(gate) as browser:
        gate.world.traveller("carl", code=code, photo="biden.jpg")
        assert gate.world.outcome("carl", DEADLINE_S) == "turned_back"
        gate.await_phase("idle")
    return liveliest(browser.seen[-1].grey)


def asked_for_all_it_tells(gate: LiveGate) -> None:
    """Every command that writes, by what it is kept as; the bundle unpacked."""
    state, trace, archive = gate.run / "state", str(gate.run / "scanner.txt"), str(gate.run / "b.tgz")
    for out, *words in (
        ("status.json", "status", "--json"),
        ("subjects.json", "subjects", "--json"),
        ("metrics.txt", "metrics"),
        ("stats.json", "stats", "--json"),
        ("export.jsonl", "journal", "export", "-o", str(gate.run / "journal.jsonl")),
        ("audit.json", "gallery", "audit", "--dir", str(state), "--json"),
        ("keys.json", "secrets", "show", "--json"),
        ("why.txt", "why", "last"),
        ("replay.json", "replay", str(state / "recordings"), "--json"),
        ("bundle.json", "bundle", "--trace", trace, "-o", archive, "--json"),
    ):
        gatefw(gate, out, *words)
    with tarfile.open(archive) as bundle:
        bundle.extractall(gate.run, filter="data")
    (gate.run / "events.jsonl").write_text("\n".join(map(json.dumps, gate.events())))


@pytest.mark.real
@pytest.mark.models
@pytest.mark.timeout(600)
def test_a_gate_that_registered_cleared_refused_and_crashed_has_told_nothing(models: Path, photos: Path) -> None:
    """Somebody with an unlikely name registers and passes; a stranger's code is refused; whoever has another one's code
    sees themselves on the screen; a technician traces the scanner; the daemon is asked for all it tells, and then dies
    of SIGABRT. Whatever is on the disk then is searched: stores and their logs, journal and its export, events, log
    files, the trace, status and numbers, crash output."""
    photo, code, strange = photos / "obama.jpg", new_identifier().decode(), new_identifier().decode()
    with live_gate(models, photos, tables=TABLES) as gate:
        state = gate.run / "state"
        subject = registered(gate, photo, code)
        mirror = passed_and_refused(gate, code, strange)
        traced(gate, code)
        asked_for_all_it_tells(gate)
        assert json.loads((gate.run / "replay.json").read_bytes())["passages"] == 3
        gate.kill(signal.SIGABRT)

        key_files = {path.stem: path for path in (state / "keys").rglob("*.key")}
        assert {"journal", "records", "gallery", "flight-cx100"} <= key_files.keys()
        planted = {
            "name": NAME.encode(), "number": NUMBER.encode(), "born": BORN.encode(), "code": code.encode(),
            "strange code": strange.encode(), "photo": photo.read_bytes(), **templates(state, subject),
            "mirror": mirror, **{f"key {name}": path.read_bytes() for name, path in key_files.items()},
        }  # fmt: skip
        at_home = {f"key {name}": [path] for name, path in key_files.items()}
        searched = {path.name for path in files(gate.run)}
        assert leaks(gate.run, planted, at_home) == []
        assert searched >= SEARCHED
        assert not [name for name in searched if name.startswith("core")]
        assert keys_of(state / "gallery.sqlite").names() == ["flight-cx100"]

        with (gate.run / "run.log").open("a") as log:  # were there one, it would have been found
            log.write(f"INFO clerk: looked up {planted['template 0'].hex()}\n")
        assert leaks(gate.run, planted, at_home) == ["template 0 in run.log, hex"]
