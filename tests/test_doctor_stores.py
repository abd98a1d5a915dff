"""The doctor looks at real stores, keys, models, journals and buses with something wrong in each."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from kept_journal import KEY, STOPPED, Kept, Wall
from patients import first, found, lane, machine, patient, plant, status
from utopia import NOW as CERTIFIED
from utopia import authority, fill, revocations

from gatefw import keys
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.doctor.files import made_private
from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Seen
from gatefw.errors import Refusal
from gatefw.keys import load_or_create
from gatefw.model import SubjectId
from gatefw.records import Records
from hw.osdp_keys import DEFAULT_KEY

MAKER = Maker("a" * 64, Runtime.LITERT, "2.3.0", Delegate.DEFAULT)
LATER = datetime.fromtimestamp(Wall().ns / 1e9 + 3600, UTC)


@pytest.fixture
def gate(tmp_path: Path) -> Seen:
    """A gate with somebody enrolled, and a journal."""
    seen = patient(tmp_path, lane(tmp_path), machine=machine(tmp_path / "root", now=lambda: LATER))
    paths = seen.paths
    Records(paths.records, load_or_create(paths.key("records"), False), ()).close()
    with closing(Gallery(paths.gallery, load_or_create(paths.key("gallery"), False))) as gallery:
        vector = np.random.default_rng(1).normal(size=128).astype(np.float32)
        gallery.enrol(SubjectId("anna"), [Template(vector, MAKER)], 1e12)
    load_or_create(paths.key("journal"), False)
    load_or_create(paths.key("journal-sign"), False)
    with Kept(paths.journal, key=KEY) as kept:
        kept.write(*[STOPPED] * 9)
    return seen


def only(seen: Seen, area: str) -> Finding:
    (finding,) = found(seen, area).values()
    return finding


def altered(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@pytest.mark.parametrize("area", ["keys", "stores", "journal", "bus"])
def test_stores_in_order_have_no_findings(area: str, gate: Seen) -> None:
    assert found(gate, area) == {}


# ---------------------------------------------------------------- keys


def test_a_link_that_a_process_of_the_gate_put_among_its_keys_mends_nothing_elsewhere(
    gate: Seen, tmp_path: Path
) -> None:
    """A process of the gate was taken over, and waits for root to have the doctor mend what others may read."""
    passwd = tmp_path / "passwd"
    passwd.write_text("root:x:0:0::/root:/bin/sh\n")
    passwd.chmod(0o644)
    gate.paths.key("records").with_name("more.key").symlink_to(passwd)
    fix = next(each.fix for each in found(gate, "keys").values() if each.code == "G0200")
    assert fix is not None
    with pytest.raises(OSError, match="symbolic links"):
        fix.apply()
    assert passwd.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_directory_of_theirs_in_the_place_of_the_keys_mends_no_file_that_is_not_theirs(tmp_path: Path) -> None:
    etc, keys = tmp_path / "etc", tmp_path / "keys"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (etc / "passwd").chmod(0o644)
    keys.symlink_to(etc)
    os.chown(keys, 1234, 1234, follow_symlinks=False)
    with pytest.raises(Refusal, match="is not of the user whose directory"):
        made_private(keys / "passwd").apply()
    assert (etc / "passwd").stat().st_mode & 0o777 == 0o644


def test_a_key_that_others_may_read_is_a_danger_and_can_be_mended(gate: Seen) -> None:
    key = gate.paths.key("records")
    key.chmod(0o644)
    finding = only(gate, "keys")
    assert (finding.code, finding.severity, finding.where) == ("G0200", Severity.DANGER, str(key))
    assert first(gate, "keys", "stores").code == "G0200"
    assert finding.fix and finding.fix.apply() == f"{key}: mode was 0644, is 0600"
    assert found(gate, "keys") == {}


@pytest.mark.parametrize("store", ["journal", "records", "gallery", "journal-sign"])
def test_a_key_that_is_missing_while_its_store_is_there_is_named(store: str, gate: Seen) -> None:
    gate.paths.key(store).unlink()
    finding = only(gate, "keys")
    assert (finding.code, finding.where) == ("G0201", str(gate.paths.key(store)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_key_that_belongs_to_another_user_is_named_with_both(gate: Seen) -> None:
    key = gate.paths.key("records")
    os.chown(key, 54321, 54321)
    finding = found(gate, "keys")["G0202"]
    assert (finding.where, "#54321" in finding.cause) == (str(key), True)


def test_a_key_file_with_something_else_in_it_does_not_open(gate: Seen) -> None:
    gate.paths.key("records").write_bytes(b"no key")
    assert only(gate, "keys").code == "G0205"


def test_whoever_is_not_the_gate_s_user_is_told_whom_to_be(gate: Seen, tmp_path: Path) -> None:
    other = patient(tmp_path, gate.lane, machine=machine(tmp_path / "root", uid=4242))
    assert {"G0002"} == set(found(other, "keys"))
    assert "gatefw doctor" in only(other, "keys").remedy


CARD = '\n[reader.card]\ndriver = "osdp"\nlink = "memory:card"\nkey_file = "{}"\n'


def test_a_reader_with_the_key_that_everybody_knows_is_a_danger(tmp_path: Path) -> None:
    key = tmp_path / "card.key"
    key.write_text(DEFAULT_KEY.hex())
    key.chmod(0o600)
    text = lane(tmp_path).file.read_text() + CARD.format(key)
    finding = only(patient(tmp_path, lane(tmp_path, text)), "keys")
    assert (finding.code, finding.severity, finding.where) == ("G0204", Severity.DANGER, "reader.card")


def test_certificates_that_are_over_or_damaged_are_named_by_file(tmp_path: Path) -> None:
    csca = tmp_path / "csca"
    csca.mkdir()
    fill(csca, csca_cer=authority().certificate, utopia_crl=revocations(authority()), broken_cer=b"nothing")
    text = lane(tmp_path, name="smart-departure").file.read_text().replace("/etc/gatefw/csca", str(csca))
    of = lane(tmp_path, text)
    now = machine(tmp_path / "root", now=lambda: CERTIFIED)
    broken = found(patient(tmp_path, of, machine=now), "keys")["G0206"]
    assert (broken.severity, broken.where) == (Severity.ERROR, str(csca / "broken.cer"))
    (csca / "broken.cer").unlink()
    (csca / "utopia.crl").unlink()
    late = machine(tmp_path / "root", now=lambda: CERTIFIED.replace(year=2090))
    over = found(patient(tmp_path, of, machine=late), "keys")["G0208"]
    assert (over.severity, over.where) == (Severity.WARNING, str(csca / "csca.cer"))


# ---------------------------------------------------------------- stores


def test_directories_that_others_may_look_into_can_be_mended(gate: Seen) -> None:
    gate.paths.state.chmod(0o755)
    gate.paths.records.chmod(0o640)
    findings = found(gate, "stores")
    assert set(findings) == {"G0221", "G0222"}
    for finding in findings.values():
        assert finding.fix
        finding.fix.apply()
    assert found(gate, "stores") == {}


def test_a_state_directory_that_is_not_there_can_be_made(tmp_path: Path) -> None:
    seen = patient(tmp_path, lane(tmp_path))
    seen.paths.state.rmdir()
    finding = only(seen, "stores")
    assert finding.code == "G0220"
    assert finding.fix
    finding.fix.apply()
    assert found(seen, "stores") == {}


def test_a_store_that_was_taken_away_under_the_daemon_is_named_before_all_of_it_is_lost(
    gate: Seen, tmp_path: Path
) -> None:
    """Somebody restores a backup, or makes room, beside a gate that serves: nothing fails until its next start."""
    paths = gate.paths
    gate = replace(gate, status=status(config={"state": str(paths.state)}))
    assert found(gate, "stores") == {}
    plant(tmp_path / "root", {"/proc/4711/cmdline": "python\0-m\0gatefw\0run", "/proc/4712/cmdline": "tail"})
    for process in ("4711", "4712"):
        (tmp_path / "root/proc" / process / "fd").mkdir()
        (tmp_path / "root/proc" / process / "fd/7").symlink_to(f"{paths.gallery.resolve()} (deleted)")
    gone = only(gate, "stores")
    assert (gone.code, gone.where) == ("G0228", str(paths.gallery))
    assert "proc/4711/fd/7" in gone.remedy
    (tmp_path / "root/proc/4711/fd/7").unlink()
    paths.journal.rename(tmp_path / "moved")
    assert first(gate, "stores").where == str(paths.journal)


def test_a_store_that_is_no_database_any_more_is_damaged(gate: Seen) -> None:
    gate.paths.records.write_bytes(b"rubbish" * 1000)
    finding = only(gate, "stores")
    assert (finding.code, finding.where) == ("G0223", str(gate.paths.records))


def test_a_store_of_a_newer_version_is_named(gate: Seen) -> None:
    altered(gate.paths.records, "PRAGMA user_version = 99")
    assert only(gate, "stores").code == "G0224"


def test_people_who_are_out_of_reach_in_a_damaged_chunk_are_counted(gate: Seen) -> None:
    altered(gate.paths.gallery, "UPDATE seal SET sealed = zeroblob(length(sealed))")
    finding = found(gate, "stores")["G0225"]
    assert "1 people are out of reach" in finding.cause


def test_a_gallery_with_the_key_of_another_is_not_called_damaged(gate: Seen) -> None:
    key = gate.paths.key("gallery")
    key.unlink()
    keys.create(key)
    assert first(gate, "stores").code == "G0227"


def test_people_who_should_be_forgotten_by_now_are_named(gate: Seen, tmp_path: Path) -> None:
    with closing(Gallery(gate.paths.gallery, keys.read(gate.paths.key("gallery")))) as gallery:
        gallery.make_partition("flight", LATER.timestamp() - 60)
        vector = np.ones(128, np.float32)
        gallery.enrol(SubjectId("bert"), [Template(vector, MAKER)], 1e12, "flight")
    finding = only(gate, "stores")
    assert (finding.code, finding.severity) == ("G0226", Severity.WARNING)


# ---------------------------------------------------------------- models


@pytest.mark.models
def test_models_that_are_missing_or_altered_are_named(models: Path, tmp_path: Path) -> None:
    seen = patient(tmp_path, lane(tmp_path))
    assert first(seen, "models").code == "G0240"
    shutil.copytree(models, seen.paths.state / "models")
    assert found(seen, "models") == {}
    assert seen.lane
    weights = seen.paths.state / "models" / f"{seen.lane.vision.embedder}.tflite"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    finding = only(seen, "models")
    assert (finding.code, finding.where) == ("G0241", f"model {seen.lane.vision.embedder}")


# ---------------------------------------------------------------- the journal


def test_a_row_that_was_altered_breaks_the_chain(gate: Seen) -> None:
    with closing(sqlite3.connect(gate.paths.journal)) as database:
        (number,) = database.execute("SELECT max(n) - 1 FROM event").fetchone()
    altered(gate.paths.journal, "UPDATE event SET body = CAST(body || ' ' AS BLOB) WHERE n = ?", number)
    finding = only(gate, "journal")
    assert (finding.code, f"row {number}" in finding.cause) == ("G0260", True)


def test_rows_that_nobody_signed_for_long_are_a_warning_while_the_daemon_runs(gate: Seen, tmp_path: Path) -> None:
    altered(gate.paths.journal, "DELETE FROM event WHERE n = (SELECT max(n) FROM event)")
    dead = only(gate, "journal")
    alive = only(patient(tmp_path, gate.lane, status=status(), machine=gate.machine), "journal")
    assert (dead.code, dead.severity, alive.severity) == ("G0261", Severity.NOTE, Severity.WARNING)


def test_a_journal_that_is_no_database_cannot_be_read(gate: Seen) -> None:
    gate.paths.journal.write_bytes(b"rubbish" * 1000)
    assert only(gate, "journal").code == "G0265"


@pytest.mark.parametrize(
    ("fill_mb", "code", "severity"),
    [(17, "G0262", Severity.ERROR), (15, "G0262", Severity.WARNING), (9, "G0263", Severity.WARNING)],
)
def test_a_journal_that_fills_is_named_before_and_when_it_is_full(
    fill_mb: int, code: str, severity: Severity, gate: Seen, tmp_path: Path
) -> None:
    text = lane(tmp_path).file.read_text() + "\n[journal]\nmost_mb = 16\n"
    seen = patient(tmp_path, lane(tmp_path, text), machine=gate.machine)
    altered(seen.paths.journal, "CREATE TABLE ballast AS SELECT zeroblob(?) AS b", fill_mb * 2**20)
    finding = only(seen, "journal")
    assert (finding.code, finding.severity) == (code, severity)


# ---------------------------------------------------------------- the bus


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Somebody listens at a socket."""
    with closing(socket.socket(socket.AF_UNIX)) as sock:

        def listen(path: Path) -> None:
            path.parent.mkdir(exist_ok=True)
            sock.bind(str(path))
            sock.listen()

        yield listen


def test_a_bus_whose_place_another_has_taken_is_named(gate: Seen, listening: Callable[[Path], None]) -> None:
    listening(gate.paths.run / "events.sock")
    finding = only(gate, "bus")
    assert (finding.code, finding.where) == ("G0281", "bus.events")


def test_a_bus_that_does_not_listen_while_the_daemon_runs_is_named(tmp_path: Path) -> None:
    text = lane(tmp_path).file.read_text()
    bus = '\n[bus]\nevents = "tcp://127.0.0.1:5601"\nreplay = "tcp://127.0.0.1:5602"\norders = "tcp://127.0.0.1:5603"\n'
    seen = patient(tmp_path, lane(tmp_path, text + bus), status=status())
    table = tmp_path / "root/proc/net/tcp"
    table.parent.mkdir(parents=True)
    row = "   {}: 0100007F:{:04X} 00000000:0000 0A 00000000:00000000\n"
    table.write_text("  sl  local_address rem_address st\n" + row.format(0, 5601) + row.format(1, 5602))
    finding = only(seen, "bus")
    assert (finding.code, finding.where) == ("G0280", "bus.orders")
