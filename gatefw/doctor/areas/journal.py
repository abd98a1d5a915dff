"""The journal: does its end hold together, is it signed, has it room, and has an archive what is old."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gatefw import journal_audit
from gatefw import journal_chain as chain
from gatefw.doctor.finding import Finding, Severity, Unseen
from gatefw.doctor.seen import Seen
from gatefw.errors import StoreError
from gatefw.journal_chain import BadRow
from gatefw.journal_keeping import FILLING
from gatefw.model import FactKind

LATE = timedelta(minutes=10)
"""A lane signs within `checkpoint_s`; so long after that somebody should look."""
HALF = 0.5
FOLLOWS = ("G0020", "G0021", "G0023", "G0031", "G0033")
EVIDENCE = "stop the gate, keep the file as it is as evidence, move it away; gatefw journal verify names the first row"


def holds(seen: Seen) -> Iterator[Finding]:
    """whether the newest rows are as they were written"""
    if not (path := seen.paths.journal).exists():
        return
    try:
        report = journal_audit.verify_newest(path)
    except BadRow as error:
        yield Finding("G0260", Severity.ERROR, str(path), f"the chain is broken: {error}", EVIDENCE, explains=FOLLOWS)
        return
    except StoreError as error:
        if "no row yet" in str(error) and seen.status is not None:
            return
        if "unable to open" in str(error) or "ermission" in str(error):
            raise Unseen(f"{error}; run it as the gate's user") from error
        yield Finding("G0265", Severity.ERROR, str(path), f"it cannot be read: {error}", EVIDENCE, explains=FOLLOWS)
        return
    if (since := _unsigned_since(seen)) and seen.machine.now() - since > LATE + _checkpoint(seen):
        rows = report.ends - report.signed_upto
        cause = f"{rows} rows are not signed, the oldest since {since:%Y-%m-%d %H:%M}: they could be cut off unnoticed"
        remedy = "start the daemon, which verifies and signs them; if it runs, send its log"
        severity = Severity.NOTE if seen.status is None else Severity.WARNING
        yield Finding("G0261", severity, str(path), cause, remedy, {"signed_upto": report.signed_upto})


def _checkpoint(seen: Seen) -> timedelta:
    return timedelta(seconds=seen.lane.journal.checkpoint_s if seen.lane else 60.0)


def _unsigned_since(seen: Seen) -> datetime | None:
    """When the oldest row was written that no checkpoint covers; the newest checkpoint itself is none."""
    with _reading(seen) as database:
        signed = chain.last(database, FactKind.JOURNAL_CHECKPOINT)
        query = "SELECT at FROM event WHERE n > ? ORDER BY n LIMIT 1"
        row = database.execute(query, (signed[0] if signed else 0,)).fetchone()
    return datetime.fromtimestamp(row[0] / 1e9, UTC) if row else None


def _reading(seen: Seen) -> "contextlib.closing[sqlite3.Connection]":
    return contextlib.closing(journal_audit.opened(seen.paths.journal))


def room(seen: Seen) -> Iterator[Finding]:
    """whether it has room, and an archive what is old"""
    if seen.lane is None or not (path := seen.paths.journal).exists():
        return
    table, most = seen.lane.journal, seen.lane.journal.most_mb * 2**20
    try:
        with _reading(seen) as database:
            pages, free, size = (
                int(database.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
            acknowledged = chain.last(database, FactKind.JOURNAL_ACKNOWLEDGED)
    except (sqlite3.Error, json.JSONDecodeError):
        return  # `holds` says what is wrong with it
    used = (pages - free) * size
    upto = int(acknowledged[1]["upto"]) if acknowledged else 0
    evidence = {"used_mb": used // 2**20, "most_mb": table.most_mb, "acknowledged_upto": upto}
    archive = "gatefw journal export -o FILE, give it to the archive, then gatefw journal acknowledge"
    if used >= FILLING * most:
        full = used >= most
        cause = f"the journal has {used // 2**20} of the {table.most_mb} MB that it may have"
        cause += ": nobody new is let in" if full else ": soon nobody new is let in"
        remedy = f"{archive}; or raise [journal] most_mb"
        severity = Severity.ERROR if full else Severity.WARNING
        yield Finding("G0262", severity, str(path), cause, remedy, evidence, ("G0031",) if full else ())
    elif table.archive == "required" and not upto and used >= HALF * most:
        cause = f"no archive ever acknowledged anything, and the journal has {used // 2**20} of {table.most_mb} MB"
        yield Finding("G0263", Severity.WARNING, str(path), cause, archive, evidence)


CHECKS = (holds, room)
