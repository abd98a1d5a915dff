"""gatefw journal: verify, export and anchor what a gate wrote down, and say what an archive has."""

import argparse
import dataclasses
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from gatefw import journal_audit, keys
from gatefw.cli import command
from gatefw.errors import Refusal
from gatefw.journal_anchor import Signed, Signer
from gatefw.journal_audit import Report
from gatefw.journal_chain import BadRow
from gatefw.state import state_dir

VERIFY = """\
Walks the whole chain of a journal, or of an export of one, and every signature in it, and names the first row that does
not hold. The gate may run meanwhile. --key is the lane's public key, as it was noted when the lane was set up (`gatefw
journal anchor` shows it): without it, rows are proven to be of one signer, not of whom. --anchor is a file of
checkpoints that somebody else kept, a line each: rows that were cut off behind the newest are noticed by it alone.

example:
  gatefw journal verify
  gatefw journal verify /srv/copies/journal.sqlite --key 8f3b...e1 --anchor anchors.txt
  gatefw journal verify 2026-11.jsonl --key lane-key.txt --json

Exit status: 0 it holds, 1 it does not, 2 it cannot be read.
"""
EXPORT = """\
Writes rows to a file that anybody can verify who knows the lane's public key: events as they were published, with what
chains them. Whom they are about stays sealed. Whole segments are written, each with the checkpoint that vouches for it;
the answer says where the next export begins. Everything is verified on the way.

example:
  gatefw journal export -o first.jsonl
  gatefw journal export /var/lib/gatefw/journal.sqlite --since 48211 -o next.jsonl

Exit status: 0 done, 1 the journal does not hold (nothing is written), 2 it cannot be read.
"""
ANCHOR = """\
Prints the newest signed checkpoint of a journal, one line. Keep it where whoever could alter the journal cannot, or
publish it: from then on rows up to it cannot be cut off or rewritten unnoticed. Events `journal.checkpoint` carry it
too.

example:
  gatefw journal anchor >> /mnt/elsewhere/anchors.txt
"""
RECEIPT = """\
For the archive: verifies an export and prints a receipt, one signed line that says that the archive has it. --key is
the lane's public key, --sign the archive's key file (`gatefw journal new-archive-key`). A receipt is for every row up
to the last: of an export that does not begin with the first, --after names the receipt for the rows before.

example:
  gatefw journal receipt first.jsonl --key 8f3b...e1 --sign archive.key > receipt.txt
  gatefw journal receipt next.jsonl --key 8f3b...e1 --sign archive.key --after receipt.txt > next-receipt.txt

Exit status: 0 done, 1 the export does not hold, 2 it cannot be read.
"""
ACKNOWLEDGE = """\
Tells a running gate that an archive has its rows: LINE is the archive's receipt or, where the lane file names no
archive_key, the checkpoint at the end of an export, on the word of whoever says so. It is journalled. What is old
enough may be removed from then on. With - the line is read from standard input.

example:
  gatefw journal acknowledge - < receipt.txt
"""
NEW_KEY = """\
Makes the key with which an archive signs its receipts: KEYFILE (mode 0600, 32 bytes) stays with the archive, what is
printed goes into the lane file.

example:
  gatefw journal new-archive-key archive.key
"""
LINE_CHARS = 4096


def add_parser(commands: Any) -> None:
    """Add `journal` with `verify`, `export`, `anchor`, `receipt`, `acknowledge` and `new-archive-key`."""
    group = commands.add_parser("journal", help="verify, export and anchor what a gate wrote down")
    own = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    verify = command.add(own, "verify", "is every row as it was written?", VERIFY)
    verify.add_argument("--anchor", type=Path, metavar="ANCHORFILE", help="checkpoints that somebody else kept")
    verify.set_defaults(run=run_verify)
    export = command.add(own, "export", "write rows to a file that anybody can verify", EXPORT)
    export.add_argument("--since", type=_number, default=0, metavar="N", help="begin after row N (0)")
    export.add_argument("--until", type=_number, metavar="N", help="end at row N (default: the newest signed one)")
    export.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help="where to; written over")
    export.set_defaults(run=run_export)
    anchor = command.add(own, "anchor", "print the newest signed checkpoint", ANCHOR)
    anchor.set_defaults(run=run_anchor)
    for parser in (verify, export, anchor):
        what = "journal.sqlite of a lane" + (", or an export" if parser is verify else "")
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help=f"{what} (default: this machine's)")
    receipt = command.add(own, "receipt", "say that an archive has an export", RECEIPT)
    receipt.add_argument("file", type=Path, metavar="OUT", help="the export")
    receipt.add_argument("--sign", type=Path, required=True, metavar="KEYFILE", help="the archive's own key")
    receipt.add_argument("--after", type=Path, metavar="RECEIPT", help="a file: the receipt for the rows before")
    receipt.set_defaults(run=run_receipt)
    for parser in (verify, receipt):
        parser.add_argument(
            "--key", default="", metavar="PUB", required=parser is receipt, help="64 hex digits or a file"
        )
    acknowledge = command.add(own, "acknowledge", "tell the gate what an archive has", ACKNOWLEDGE)
    acknowledge.add_argument("line", metavar="LINE", help="a receipt or a checkpoint; - reads it")
    command.add_dir(acknowledge)
    acknowledge.set_defaults(run=run_acknowledge)
    new_key = command.add(own, "new-archive-key", "make the key for receipts", NEW_KEY)
    new_key.add_argument("keyfile", type=Path, metavar="KEYFILE", help="must not be there yet")
    new_key.set_defaults(run=run_new_key)
    for parser in (verify, export, anchor, receipt, acknowledge, new_key):
        command.add_json(parser)


def run_verify(arguments: argparse.Namespace) -> int:
    path, key = _journal(arguments), _key(arguments.key)
    anchors = journal_audit.anchors_in(arguments.anchor) if arguments.anchor else []
    try:
        with command.progress(sys.stderr) as tell:
            report = journal_audit.verify(path, key, anchors, _every_1000(tell))
    except BadRow as error:
        return _broken(error, arguments.json)
    if arguments.json:
        print(json.dumps({"holds": True, **dataclasses.asdict(report)}, indent=2))
    else:
        command.show({"journal": str(path), "holds": "yes", **_told(report, len(anchors))}, as_json=False)
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    path = _journal(arguments)
    try:
        with command.progress(sys.stderr) as tell:
            report = journal_audit.export(path, arguments.since, arguments.until, arguments.out, _every_1000(tell))
    except BadRow as error:
        return _broken(error, arguments.json)
    result = {
        "rows": f"{report.begins} to {report.ends}",
        "next": f"--since {report.ends - 1}",
        "anchor": report.newest,
    }
    if arguments.json:
        result = dataclasses.asdict(report) | {"next_since": report.ends - 1}
    command.show(result, arguments.json)
    return 0


def run_anchor(arguments: argparse.Namespace) -> int:
    checkpoint = journal_audit.newest_checkpoint(_journal(arguments))
    if arguments.json:
        told = {"anchor": checkpoint.line, "lane": checkpoint.lane, "epoch": checkpoint.epoch, "n": checkpoint.n}
        print(json.dumps(told | {"time": checkpoint.time, "key": checkpoint.key}, indent=2))
    else:
        print(checkpoint.line)
    return 0


def run_receipt(arguments: argparse.Namespace) -> int:
    signer, key = Signer(keys.read(arguments.sign.absolute())), _key(arguments.key)
    try:
        with command.progress(sys.stderr) as tell:
            report = journal_audit.verify(arguments.file, key, [], _every_1000(tell))
    except BadRow as error:
        return _broken(error, arguments.json)
    _must_go_on(arguments, report, signer.public)
    receipt = signer.receipt(Signed.of(report.newest))
    if arguments.json:
        print(json.dumps({"receipt": receipt.line, "upto": receipt.n}, indent=2))
    else:
        print(receipt.line)
    return 0


def _must_go_on(arguments: argparse.Namespace, report: Report, public: str) -> None:
    """What a receipt is given for, the gate may remove: also rows before this export. Raises Refusal, StoreError."""
    before = report.begins - 1
    if before <= report.removed_upto:  # the gate has signed that those are gone
        return
    wanted = f"{arguments.file}: begins with row {report.begins}; wanted is your receipt for the rows up to {before}"
    if arguments.after is None:
        raise Refusal(f"{wanted} (--after), or the export that holds them")
    with journal_audit.named(arguments.after):
        given = Signed.of(arguments.after.read_text(encoding="utf-8", errors="replace").strip())
    same = (given.lane, given.epoch, given.key) == (report.lane, report.epoch, public)
    if given.is_checkpoint or not same or given.n < before:
        raise Refusal(f"{wanted}; {arguments.after} is for row {given.n} of {given.lane}, signed by {given.key[:8]}...")


def run_acknowledge(arguments: argparse.Namespace) -> int:
    line = (sys.stdin.read(LINE_CHARS) if arguments.line == "-" else arguments.line).strip()
    command.show(command.ask(arguments, "journal_acknowledge", {"line": line}), arguments.json)
    return 0


def run_new_key(arguments: argparse.Namespace) -> int:
    path: Path = arguments.keyfile.absolute()
    if path.exists():
        raise Refusal(f"{path}: is there already; a key is never written over")
    public = Signer(keys.load_or_create(path, store_exists=False)).public
    if arguments.json:
        print(json.dumps({"key_file": str(path), "archive_key": public}, indent=2))
    else:
        print(f'[journal]\narchive_key = "{public}"')
    return 0


def _broken(error: BadRow, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"holds": False, "row": error.n, "problem": str(error)}, indent=2))
    else:
        print(f"gatefw: {error}", file=sys.stderr)
    return 1


def _told(report: Report, anchors: int) -> dict[str, object]:
    """For people."""
    unsigned = report.ends - report.signed_upto
    signed = f"up to row {report.signed_upto}, by {report.checkpoints} checkpoints"
    begins = "with the first row there ever was"
    if report.begins > 1:
        begins = "at a checkpoint that vouches for all rows before"
        begins += f"; a signed row says that they were removed up to row {report.removed_upto}" * bool(
            report.removed_upto
        )
    return {
        "lane": f"{report.lane}, epoch {report.epoch}",
        "rows": f"{report.begins} to {report.ends}",
        "begins": begins,
        "signed": f"{signed}; the {unsigned} newest are held by the chain alone" if report.checkpoints else "not yet",
        "key": (report.key or "-") + ("" if report.vouched else "; nobody vouched for it: note it, and give --key"),
        "anchors": f"{report.anchors_met} of {anchors} met; the others are of rows outside of it"
        if anchors
        else "none given",
    }


def _every_1000(tell: Any) -> journal_audit.Tell:
    return lambda n: tell(f"row {n:,}") if n % 1000 == 0 else None


def _journal(arguments: argparse.Namespace) -> Path:
    return arguments.file or state_dir(os.environ) / "journal.sqlite"


def _key(given: str) -> str:
    """A public key as it is, or out of a file."""
    text = given
    if given and not re.fullmatch(r"[0-9a-f]{64}", given):
        try:
            text = Path(given).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise Refusal(f"--key {given}: 64 hex digits are wanted, or a file that holds them") from error
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise Refusal(f"--key {given}: the file does not hold 64 hex digits, and nothing else")
    return text


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**62:
        raise argparse.ArgumentTypeError(f"{text!r} is no row number; 0 is before the first")
    return int(text)
