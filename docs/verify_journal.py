"""Verifies an export of a gate's journal; knows only audit.md.  Usage: verify_journal.py EXPORT PUBLICKEY [ANCHORS]"""

import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def signed(line):
    """The fields of a checkpoint; raises InvalidSignature."""
    message, _, signature = line.rpartition(" signature=")
    fields = dict(part.split("=", 1) for part in message.split(" ")[1:])
    assert fields["key"] == sys.argv[2] and line.startswith("gatefw-checkpoint-1 "), "signed by somebody else"
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(fields["key"])).verify(bytes.fromhex(signature), message.encode())
    return fields


head, *lines, end = Path(sys.argv[1]).read_bytes().splitlines()
lane, epoch, previous, hashes, newest, upto = json.loads(head)["lane"], json.loads(head)["epoch"], None, {}, None, 0
for line in lines:
    chain, _, body = line.partition(b',"event":')
    row, body = json.loads(chain + b"}")["chain"], body[:-1]
    n, before, event = row["n"], bytes.fromhex(row["previous"]), json.loads(body)
    begins = (n == 1 and before == bytes(32)) or event["type"] == "gatefw.journal.checkpoint.v1"
    assert before == previous and n - 1 in hashes if hashes else begins, f"row {n} does not follow"
    digest = hashlib.sha256(before)
    for part in n.to_bytes(8, "big"), epoch.encode(), body, bytes.fromhex(row["subject"] or ""):
        digest.update(len(part).to_bytes(4, "big") + part)
    assert digest.hexdigest() == row["hash"] and event["sequence"] == f"{n:020d}", f"row {n} was altered"
    if event["type"] == "gatefw.journal.checkpoint.v1":
        told, upto = signed(event["data"]["anchor"]), n - 1
        found = told["lane"], told["epoch"], told["n"], told["hash"], told["time"]
        assert found == (lane, epoch, str(n - 1), row["previous"], event["time"]), f"row {n}: of another row"
        assert newest in (None, told["previous"]), f"row {n}: does not follow the checkpoint before"
        newest = hashlib.sha256(event["data"]["anchor"].encode()).hexdigest()
    hashes[n], previous = row["hash"], digest.digest()
assert json.loads(end) == {"end": n}, "the export was cut off"
for anchor in Path(sys.argv[3]).read_text().splitlines() if len(sys.argv) > 3 else []:
    told = signed(anchor)
    assert hashes.get(int(told["n"])) == told["hash"], f"the row of an anchor is missing: {told['n']}"
print(f"{lane} {epoch}: rows {min(hashes)} to {n} hold, signed up to row {upto}")
