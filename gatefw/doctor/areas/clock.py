"""The clock: documents, tokens and consents expire by it, and the journal is dated with it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gatefw
from gatefw import journal_audit
from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Seen

SLACK = timedelta(minutes=2)
DAY = timedelta(days=1)
FOLLOWS = ("G0121", "G0124", "G0208", "G0226")
"""Of a wrong clock: nobody vouches for it, and what is said to be over."""
SET = (
    "sudo timedatectl set-ntp true, and let it reach a time server; without a network: sudo date -s 'YYYY-MM-DD HH:MM'"
)


def plausible(seen: Seen) -> Iterator[Finding]:
    """whether the clock can be right at all"""
    now, built = seen.machine.now(), datetime.fromtimestamp(Path(gatefw.__file__).stat().st_mtime, UTC)
    if now < built - DAY:
        cause = f"the clock is wrong: it says {now:%Y-%m-%d}, before this program was installed ({built:%Y-%m-%d})"
        evidence = {"now": now.isoformat(), "installed": built.isoformat()}
        yield Finding("G0120", Severity.ERROR, "clock", cause, SET, evidence, (*FOLLOWS, "G0122", "G0123"))


def ahead(seen: Seen) -> Iterator[Finding]:
    """whether the journal's time is still to come"""
    now = seen.machine.now()
    if newest := _journal_ahead(seen, now):
        cause = f"the clock went back: it says {now:%Y-%m-%d %H:%M}, the journal was at {newest:%Y-%m-%d %H:%M} already"
        remedy = f"{SET}; if the journal's time was the wrong one, it stands still until the clock has caught up"
        evidence = {"now": now.isoformat(), "journal_newest": newest.isoformat()}
        yield Finding("G0122", Severity.ERROR, "clock", cause, remedy, evidence, (*FOLLOWS, "G0123"))


def _journal_ahead(seen: Seen, now: datetime) -> datetime | None:
    """The time of the journal's newest row, where that is still to come."""
    journal = seen.paths.journal
    if not journal.exists():
        return None
    try:
        with contextlib.closing(journal_audit.opened(journal)) as database:
            row = database.execute("SELECT at FROM event ORDER BY n DESC LIMIT 1").fetchone()
    except sqlite3.Error:
        return None  # areas.journal says what is wrong with it
    newest = datetime.fromtimestamp(row[0] / 1e9, UTC) if row else now
    return newest if newest > now + SLACK else None


def battery(seen: Seen) -> Iterator[Finding]:
    """whether the board's own clock agrees"""
    now = seen.machine.now()
    for file in seen.machine.glob("/sys/class/rtc/rtc*/since_epoch"):
        rtc = datetime.fromtimestamp(int(file.read_text()), UTC)
        if abs(rtc - now) <= SLACK:
            return
        evidence = {"now": now.isoformat(), "rtc": rtc.isoformat()}
        cause = (
            f"the clock is off: the system says {now:%Y-%m-%d %H:%M}, the board's battery clock {rtc:%Y-%m-%d %H:%M}"
        )
        remedy = (
            f"{SET}; then sudo hwclock --systohc; if it is off again after a night without power, change the battery"
        )
        yield Finding("G0123", Severity.WARNING, "clock", cause, remedy, evidence, ("G0226", "G0208"))
        return
    if seen.lane is not None and not seen.lane.lane.simulated:
        cause = "the board has no battery clock: after a power cut without network it does not know the time"
        remedy = "fit a real-time clock (a Raspberry Pi 5 has one and wants a battery), dtoverlay=i2c-rtc,ds3231"
        yield Finding("G0124", Severity.NOTE, "clock", cause, remedy)


def synchronised(seen: Seen) -> Iterator[Finding]:
    """whether anybody vouches for the clock"""
    if seen.machine.synchronised():
        return
    told = seen.machine.run("timedatectl", "show", "-p", "NTP", "-p", "NTPSynchronized") or ""
    evidence = dict(line.partition("=")[::2] for line in told.splitlines())
    cause = "nobody vouches for the clock: it is synchronised with no source"
    if evidence.get("NTP") == "no":
        cause += ", and no service for that runs"
    severity = Severity.WARNING
    if seen.lane is not None and seen.lane.lane.simulated:
        severity = Severity.NOTE
    elif seen.lane is not None and _needed(seen):
        severity, cause = Severity.ERROR, f"{cause}, and this lane refuses whoever is judged by a date"
    yield Finding("G0121", severity, "clock", cause, SET, evidence)


def _needed(seen: Seen) -> bool:
    """Whether people are refused without it: by rules about days, documents, or tokens that expire."""
    lane = seen.lane
    assert lane is not None
    by_rules = bool(lane.rules) and lane.port.require_synchronised
    return by_rules or (bool(lane.documents.csca) and lane.documents.require_synchronised)


CHECKS = (plausible, ahead, battery, synchronised)
