"""What it costs to believe a travel document: passive authentication of one, and a store of 100 states read anew.

`verify`, a peer: the two ECDSA verifications that no way leads around, of the signed list (P-256) and of the signer's
certificate (P-384). `believe`: everything, with a portrait of 20 kB. `brainpool` and `rsa`: the same for signers with
such keys. `store`: 100 certificates and 100 revocation lists of 50 entries each, read from files and checked.

A lane does one `believe` for each traveller, and one `store` after its files changed. Seen in November 2026 on two
shared x86-64 cores with seven others at work: verify 0.54 to 0.68 ms, believe 0.95 to 1.4, brainpool 1.3 to 1.7,
rsa 0.85 to 1.3, store 150 to 190.
"""

import secrets
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bench.harness import Row, rotate, row, timed
from gatefw import csca_certificate, csca_store, signature, travel_document
from gatefw.csca_store import CscaStore
from gatefw.model import ChipProof
from gatefw.ports import ChipRead
from gatefw.travel_document import Trust
from hw.sim.passport import Authority, Passport, PrivateKey, Signer, issue
from hw.wire import mrz, sod

ROUNDS = 20
CALLS = 10
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEGAN = NOW - timedelta(days=100)
STATES = 100


def run(rounds: int) -> list[Row]:
    """A row for each way."""
    authority = Authority(began=BEGAN)
    authority_read = csca_certificate.read(authority.certificate)
    listed = csca_certificate.read_revocations(authority.revoke(range(1, 50), began=NOW - timedelta(days=1)))
    trust = Trust(CscaStore((authority_read,), (listed,)))
    keys: dict[str, PrivateKey] = {
        "believe": ec.generate_private_key(ec.SECP256R1()),
        "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    made = {name: _document(Signer(authority, key)) for name, key in keys.items()}
    signed = sod.parse(made["believe"].sod)
    signer = csca_certificate.read(signed.certificates[0])

    def verify() -> None:
        algorithm = signed.signature_algorithm
        assert signature.verify(signer.key, algorithm, signed.signature, signed.signed)
        assert authority_read.vouches_for(signer.signed)

    with ExitStack() as stack:
        directory = _states(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))))
        samples = rotate(
            {
                "verify": timed(verify, CALLS),
                **{name: timed(partial(_believe, each, trust), CALLS) for name, each in made.items()},
                "store": timed(lambda: csca_store.load(directory, NOW), 1),
            },
            rounds,
        )
    note = {"store": f"{STATES} certificates, {STATES} lists"}
    return [
        row(samples, each, "ms", 1e3, ("verify",) if each == "believe" else (), note.get(each, "")) for each in samples
    ]


def _document(signer: Signer) -> Passport:
    return issue(signer, picture=b"\xff\xd8\xff" + secrets.token_bytes(20_000))


def _believe(made: Passport, trust: Trust) -> None:
    read = ChipRead(made.sod, made.groups, made.com, ChipProof.NONE)
    travel_document.believe(read, mrz.parse(made.printed), trust, NOW)


def _states(directory: Path) -> Path:
    for number in range(STATES):
        authority = Authority(f"{chr(65 + number // 26)}{chr(65 + number % 26)}", began=BEGAN)
        (directory / f"{number}.cer").write_bytes(authority.certificate)
        (directory / f"{number}.crl").write_bytes(authority.revoke(range(1, 51), began=NOW - timedelta(days=1)))
    return directory
