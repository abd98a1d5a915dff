"""What the gate keeps about people and itself: the directories, whether the files hold together, what is in them."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from gatefw import journal_audit, people_store
from gatefw.config import Paths
from gatefw.doctor.files import made, made_private, must_be_owner, open_to_others, there
from gatefw.doctor.finding import Finding, Severity, Unseen
from gatefw.doctor.seen import Seen
from gatefw.errors import StoreError

AUDITED_MB = 256
"""A larger gallery takes minutes to audit, and is not audited on the way."""
FOLLOWS = ("G0020", "G0021", "G0023", "G0024", "G0031")
BACKUP = "keep it as it is, restore it from backup, or set it aside and enrol people again"


def directories(seen: Seen) -> Iterator[Finding]:
    """whether the directories are there, and the gate's alone"""
    if seen.lane is not None and not seen.paths.state.exists():
        cause = "the state directory is not there: nobody is enrolled, and there is no journal"
        remedy = "start the daemon, which makes it; or look whether GATEFW_STATE or a mount is missing"
        fix = made(seen.paths.state)
        yield Finding("G0220", Severity.WARNING, str(seen.paths.state), cause, remedy, fix=fix)
    for directory in there((seen.paths.state, seen.vision)):
        if mode := open_to_others(directory):
            cause = f"others may look into the state directory (mode {mode:04o})"
            remedy, evidence = f"sudo chmod 0700 {directory}", {"mode": f"{mode:04o}"}
            fix = made_private(directory)
            yield Finding("G0221", Severity.WARNING, str(directory), cause, remedy, evidence, fix=fix)
    for file in _files(seen):
        if mode := open_to_others(file):
            cause = f"others may read this store (mode {mode:04o})"
            remedy, evidence = f"sudo chmod 0600 {file}", {"mode": f"{mode:04o}"}
            yield Finding("G0222", Severity.WARNING, str(file), cause, remedy, evidence, fix=made_private(file))


def _files(seen: Seen) -> list[Path]:
    return list(there(_stores(seen)))


def _stores(seen: Seen) -> tuple[Path, ...]:
    """Where each is, if the gate has such a one."""
    paths = seen.paths
    return (paths.records, paths.fingers, paths.tokens, paths.clearance_records, paths.journal, _gallery(seen))


def _gallery(seen: Seen) -> Path:
    return Paths(seen.vision, seen.paths.run, seen.paths.shared).gallery


def kept(seen: Seen) -> Iterator[Finding]:
    """whether the files that the daemon writes are still there"""
    if seen.status is None or seen.status.get("config", {}).get("state") != str(seen.paths.state):
        return  # in safe mode it writes none
    lost = dict(_deleted(seen))
    if not seen.paths.journal.exists():  # moved away: the others may never have been there
        lost.setdefault(seen.paths.journal, "")
    for path, held in lost.items():
        cause = "was moved or deleted under the running daemon: what it writes now is gone when it ends"
        remedy = "do not end the daemon: gatefw lane close, then put the file back" + (
            f", out of {held}: gatefw explain G0228 says how" if held else "; gatefw explain G0228 says more"
        )
        yield Finding("G0228", Severity.ERROR, str(path), cause, remedy, {"open": held}, ("G0265", "G0220"))


def _deleted(seen: Seen) -> Iterator[tuple[Path, str]]:
    """Stores that a process of ours has open and that have no name any more, and where they can still be had."""
    names = {f"{each.parent.resolve() / each.name} (deleted)": each for each in _stores(seen)}
    for process in seen.machine.glob("/proc/[0-9]*"):
        try:
            if b"gatefw" not in (process / "cmdline").read_bytes():
                continue
            for each in (process / "fd").iterdir():
                if each.is_symlink() and (store := names.get(str(each.readlink()))):
                    yield store, str(each)
        except PermissionError as error:
            raise Unseen("what the daemon has open is for its own user to see; run it with sudo") from error
        except OSError:
            continue  # it has ended


def whole(seen: Seen) -> Iterator[Finding]:
    """whether the files of the stores hold together"""
    for file in _files(seen):
        if file == seen.paths.journal:
            continue  # areas.journal
        try:
            with contextlib.closing(journal_audit.opened(file)) as database:
                layout = database.execute("PRAGMA user_version").fetchone()[0]
                found = "ok" if _large(file) else database.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise Unseen(f"{file}: {error}; run it as the gate's user") from error
        except sqlite3.DatabaseError as error:
            found, layout = str(error), 0
        if found != "ok":
            cause = f"the file is damaged: {found.partition(chr(10))[0]}"
            yield Finding("G0223", Severity.ERROR, str(file), cause, BACKUP, {"found": found}, FOLLOWS)
        elif file == seen.paths.records and layout > people_store.LAYOUT:
            cause = f"the store has layout {layout}, of a newer gatefw; this one knows {people_store.LAYOUT}"
            remedy = "install the newer gatefw again, or restore the store from before the upgrade"
            yield Finding("G0224", Severity.ERROR, str(file), cause, remedy, {"layout": layout}, FOLLOWS)


def _large(file: Path) -> bool:
    return file.stat().st_size > AUDITED_MB * 2**20


def gallery(seen: Seen) -> Iterator[Finding]:
    """whether everybody in the gallery can be reached, and nobody who should not"""
    file, key = _gallery(seen), Paths(seen.vision, seen.paths.run, seen.paths.shared).key("gallery")
    if not file.exists() or not key.exists():
        return
    must_be_owner(seen.machine, key, "the gallery and its keys")
    if _large(file):
        raise Unseen(f"it is larger than {AUDITED_MB} MB: gatefw gallery audit takes its time for it")
    from gatefw.biometrics.gallery_audit import audit

    try:
        found = audit(file, key, seen.machine.now().timestamp(), seen.tell)
    except StoreError as error:
        yield Finding("G0223", Severity.ERROR, str(file), str(error), BACKUP, explains=FOLLOWS)
        return
    for problem in found.problems:
        if "open to others" in problem:
            continue  # areas.keys and `directories` say that, with what mends it
        code, severity = _of(problem)
        remedy = "gatefw gallery audit says it whole; do as it says, or restore gallery and keys from a backup"
        evidence = {"damaged_people": found.damaged}
        yield Finding(
            code, severity, str(file), problem, remedy, evidence, (*FOLLOWS, "G0225") if code == "G0227" else ()
        )


def _of(problem: str) -> tuple[str, Severity]:
    if problem.startswith("gallery key:"):
        return "G0227", Severity.ERROR
    return ("G0226", Severity.WARNING) if "its time is over" in problem else ("G0225", Severity.ERROR)


CHECKS = (directories, kept, whole, gallery)
