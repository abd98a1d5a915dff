"""Keys and certificates: there, readable by their owner alone, opening what they should, and not over."""

import re
from collections.abc import Iterator
from pathlib import Path

from gatefw import csca_store, journal_audit, key_audit
from gatefw.config import Paths
from gatefw.doctor.files import made_private, must_be_owner, open_to_others, owner, there
from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Seen
from gatefw.errors import StoreError
from hw.osdp_keys import DEFAULT_KEY

PARTITIONS = ("record-partitions", "gallery-partitions")
FOLLOWS = ("G0020", "G0021", "G0023", "G0024", "G0031", "G0225", "G0227", "G0205")


def _directories(seen: Seen) -> Iterator[Path]:
    for place in (seen.paths.state, seen.paths.people, seen.vision):
        yield from there((place / "keys", *(place / "keys" / each for each in PARTITIONS)))


def private(seen: Seen) -> Iterator[Finding]:
    """whether keys are their owner's alone"""
    for directory in dict.fromkeys(_directories(seen)):
        uid = directory.stat().st_uid
        for path in (directory, *(each for each in sorted(directory.iterdir()) if each.is_file())):
            if mode := open_to_others(path):
                cause = f"others than the gate may use this key's file (mode {mode:04o}); the daemon refuses it"
                if path.is_dir():
                    cause = f"others than the gate may look among the keys (mode {mode:04o})"
                remedy = f"sudo chmod {'0700' if path.is_dir() else '0600'} {path}; think who has read it meanwhile"
                fix, evidence = made_private(path), {"mode": f"{mode:04o}"}
                yield Finding("G0200", Severity.DANGER, str(path), cause, remedy, evidence, FOLLOWS, fix=fix)
            if path.stat().st_uid != uid:
                cause = f"this key's file belongs to {owner(path)}, not to the gate: it cannot be read there"
                remedy = f"sudo chown {owner(directory)} {path}"
                yield Finding("G0202", Severity.ERROR, str(path), cause, remedy, explains=FOLLOWS)


def missing(seen: Seen) -> Iterator[Finding]:
    """whether each store has its key"""
    paths, own = seen.paths, Paths(seen.vision, seen.paths.run, seen.paths.shared)
    pairs = [("journal", paths.journal, paths), ("records", paths.records, paths), ("fingers", paths.fingers, paths)]
    pairs += [("gallery", own.gallery, own)]
    for name, store, places in pairs:
        key = places.key(name)
        if store.exists() and not key.exists():
            cause = f"the key of {store.name} is missing: nobody can open it any more"
            remedy = (
                f"restore {key} from its backup; begin {store.name} anew only if there is none (gatefw explain G0201)"
            )
            evidence = {"key": str(key), "store": str(store)}
            yield Finding("G0201", Severity.ERROR, str(key), cause, remedy, evidence, FOLLOWS)
    signing = paths.key("journal-sign")
    if paths.journal.exists() and not signing.exists() and _signed(paths.journal):
        cause = "the key that signs the journal is missing: the daemon does not start without it"
        remedy = f"restore {signing} from its backup"
        yield Finding("G0201", Severity.ERROR, str(signing), cause, remedy, {"key": str(signing)}, FOLLOWS)


def _signed(journal: Path) -> bool:
    try:
        return bool(journal_audit.newest_checkpoint(journal))
    except StoreError:
        return False


def opening(seen: Seen) -> Iterator[Finding]:
    """whether the keys open"""
    for directory in dict.fromkeys(_directories(seen)):
        must_be_owner(seen.machine, directory, f"the keys in {directory}")
        for problem in key_audit.audit(directory).problems:
            if "mode is" not in problem:  # `private` says that, with what mends it
                remedy = f"gatefw secrets show --dir {directory.parent} says more; restore it from backup"
                yield Finding("G0205", Severity.ERROR, str(directory), problem, remedy, explains=FOLLOWS[:-1])


def of_devices(seen: Seen) -> Iterator[Finding]:
    """secrets, keys and libraries that devices want"""
    devices = {device.label: device for device in seen.lane.devices} if seen.lane else {}
    for each in seen.problems:
        if each.warning and each.key in devices:
            mode = "open to others" in each.problem
            severity = Severity.DANGER if mode else Severity.ERROR
            path = getattr(devices[each.key].settings, "key_file", "") or getattr(
                devices[each.key].settings, "password_file", ""
            )
            fix = made_private(Path(path)) if mode and path else None
            remedy = f"as it says; then gatefw device test {each.key}"
            follows = (f"G0030 {each.key}", "G0031")
            yield Finding("G0203", severity, each.key, each.problem, remedy, explains=follows, fix=fix)
    for label, device in devices.items():
        path = str(getattr(device.settings, "key_file", ""))
        if device.driver == "osdp" and path and Path(path).exists() and _well_known(Path(path)):
            cause = "the reader's key is the default key, or one repeated byte: whoever listens on the line reads along"
            remedy = f"remove {path}, put the reader into its install mode, gatefw device install {label}"
            yield Finding("G0204", Severity.DANGER, label, cause, remedy, {"key_file": path}, (f"G0030 {label}",))


def _well_known(path: Path) -> bool:
    try:
        key = bytes.fromhex(path.read_text("ascii"))
    except (ValueError, UnicodeDecodeError):
        return False
    return key == DEFAULT_KEY or len(set(key)) == 1


def certificates(seen: Seen) -> Iterator[Finding]:
    """the certificates by which travel documents are believed"""
    directory = seen.lane.documents.csca if seen.lane else ""
    if not directory:
        return
    _, problems = csca_store.read(Path(directory), seen.machine.now())
    for each in problems:
        over = re.search(r"out of date|is valid from", each.text)
        code, severity = ("G0208", Severity.WARNING) if over else ("G0206", Severity.ERROR)
        if each.warning:
            severity = Severity.WARNING
        remedy = "get the newer one from your CSCA's publisher, put it there, gatefw reload"
        if not over:
            remedy = "as it says; take out what does not belong there, then gatefw reload"
        yield Finding(code, severity, each.file, each.text, remedy, explains=() if over else ("G0020", "G0021"))


CHECKS = (private, missing, opening, of_devices, certificates)
