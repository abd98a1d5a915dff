"""gatefw tokens: the keys of who signs tokens, the tokens, and why a lane would not take one."""

import argparse
import hashlib
import json
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import hw
from gatefw import clearance, config, keys, signed_token
from gatefw.cli import command
from gatefw.errors import Refusal
from gatefw.identifier import QR_PREFIX, parse_identifier
from gatefw.model import Failed, Token
from gatefw.signed_token import Claims, Direction, Forged, Malformed
from gatefw.token_check import TokenTerms, judge
from gatefw.wall_time import wall_clock

NEW_ISSUER = """\
Makes a key for signing tokens: KEYFILE (mode 0600, 32 bytes) stays with the issuer, what is printed goes into the lane
file. An issuer who has it can let in everybody who is enrolled; take its lines out of the lane file when it is lost.

example:
  gatefw tokens new-issuer issuer.key
"""
ISSUE = """\
Signs a token for one enrolled traveller (their GATE1: identifier, never a document number: a code can be photographed),
one lane, one direction and a short time, and prints it. It is good once. A lane takes no longer life than its lane file
says, and reads the time without leeway: the clocks of issuer and lane must both be right. With `--subject -` the
identifier is read from standard input, where no other user of this machine sees it.

example:
  gatefw tokens issue --key issuer.key --subject GATE1:... --lane contactless-e-channel --direction arrival --qr
"""
SHOW = """\
Reads a token from standard input (or TOKEN) and says what is in it, and whether the lane of FILE would take it now. It
is not used up. Whether it was used before only the running lane knows: its refusal is then token_replayed.

example:
  gatefw tokens show config/lanes/contactless-e-channel.toml < token.txt

Exit status: 0 when it would be taken, 1 when not.
"""
LIFE_S = 300
READ_BYTES = 4096


def add_parser(commands: Any) -> None:
    """Add `tokens` with `new-issuer`, `issue` and `show`."""
    group = commands.add_parser("tokens", help="sign tokens, and say why one is not taken")
    own = group.add_subparsers(title="commands", required=True, metavar="COMMAND")
    issuer = command.add(own, "new-issuer", "make a key for signing tokens", NEW_ISSUER)
    issuer.add_argument("keyfile", type=Path, metavar="KEYFILE", help="must not be there yet")
    issuer.set_defaults(run=run_new_issuer)
    issue = command.add(own, "issue", "sign a token", ISSUE)
    issue.add_argument("--key", type=Path, required=True, metavar="KEYFILE")
    issue.add_argument("--subject", required=True, help="the traveller's GATE1: identifier; - reads it")
    issue.add_argument("--lane", required=True, help="the lane's name in its file")
    issue.add_argument(
        "--direction", required=True, type=Direction, choices=list(Direction), metavar="arrival|departure"
    )
    issue.add_argument("--life-s", type=int, default=LIFE_S, help=f"how long it is good, from now ({LIFE_S})")
    issue.add_argument("--qr", action="store_true", help="also draw the QR code, for a dark terminal")
    issue.set_defaults(run=run_issue)
    show = command.add(own, "show", "say what is in a token, and whether a lane would take it", SHOW)
    show.add_argument("file", type=Path, metavar="FILE", help="the lane file")
    show.add_argument("token", nargs="?", metavar="TOKEN", help="better from standard input: others see your arguments")
    show.set_defaults(run=run_show)
    for parser in (issuer, issue, show):
        command.add_json(parser)


def run_new_issuer(arguments: argparse.Namespace) -> int:
    path: Path = arguments.keyfile.absolute()
    if path.exists():
        raise Refusal(f"{path}: is there already; a key is never written over")
    public = _key(keys.load_or_create(path, store_exists=False)).public_key().public_bytes_raw()
    result = {"key_id": _key_id(public), "public_key": public.hex()}
    if arguments.json:
        print(json.dumps(result | {"key_file": str(path)}, indent=2))
        return 0
    print(f'[tokens.issuers]\n{result["key_id"]} = "{result["public_key"]}"')
    return 0


def run_issue(arguments: argparse.Namespace) -> int:
    given = sys.stdin.read(READ_BYTES).strip() if arguments.subject == "-" else arguments.subject
    subject = Token(given.encode("ascii", "replace"))
    if not subject.payload.startswith(QR_PREFIX) or isinstance(parse_identifier(subject), Failed):
        raise Refusal(
            f"--subject: a whole {QR_PREFIX.decode()} identifier is wanted, as `gatefw enrol --new-token` prints"
        )
    key = _key(keys.read(arguments.key.absolute()))
    now = int(wall_clock().ns // 1_000_000_000)
    claims = Claims(
        subject.payload.decode(), arguments.lane, arguments.direction, now, now + arguments.life_s,
        secrets.token_bytes(signed_token.ID_BYTES.start),
    )  # fmt: skip
    try:
        text = signed_token.issue(claims, _key_id(key.public_key().public_bytes_raw()), key).decode()
    except Malformed as error:
        raise Refusal(f"issue: {error}: look at --lane and --life-s; nothing was signed") from error
    if arguments.json:
        print(json.dumps({"token": text, "not_before": now, "expires": claims.expires}, indent=2))
        return 0
    print(text)
    if arguments.qr:
        print(_drawn(text))
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    lane = config.load(arguments.file, hw.schema)
    terms = TokenTerms.of(lane.lane.name, lane.tokens, clearance.face_follows(lane.lane.procedure))
    text = arguments.token if arguments.token is not None else sys.stdin.read(READ_BYTES)
    at = wall_clock()
    try:
        signed = signed_token.read(Token(text.rstrip("\r\n").encode("ascii", "replace")), terms.issuers)
    except (Malformed, Forged) as error:
        command.show({"verdict": signed_token.failure(error).reason.value, "why": str(error)}, arguments.json)
        return 1
    claims, verdict = signed.claims, judge(signed.claims, terms, at)
    result = {
        "verdict": verdict.value,
        "issuer": signed.key_id,
        "lane": claims.lane,
        "direction": claims.direction.value,
        "not_before": _utc(claims.not_before),
        "expires": _utc(claims.expires),
        "life_s": claims.life_s,
        "clock": at.rfc3339,
        "clock_is": at.quality,
    }
    command.show(result, arguments.json)
    return 0 if verdict.value == "ok" else 1


def _key(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def _key_id(public: bytes) -> str:
    """Eight hex digits that lead from a token to its key: no secret, and no proof of anything."""
    return hashlib.sha256(public).hexdigest()[:8]


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _drawn(text: str) -> str:
    """The QR code of `text` in half blocks, light modules drawn: two rows of modules in one of characters."""
    import zxingcpp

    image = memoryview(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(scale=1))
    modules: Any = image.tolist()
    rows = [[bool(module) for module in row] for row in modules]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return os.linesep.join(
        "".join(" ▄▀█"[2 * upper + lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs
    )
