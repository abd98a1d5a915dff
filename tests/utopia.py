"""Utopia: its printing office for the tests, with an authority, a signer and a document made once; what is trusted."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatefw import csca_certificate
from gatefw.csca_store import CscaStore
from gatefw.model import ChipProof
from gatefw.ports import ChipRead
from gatefw.travel_document import Trust
from hw.sim.passport import Authority, Holder, Passport, Signer, issue
from hw.wire import der, lds

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BEGAN = NOW - timedelta(days=100)
JPEG = b"\xff\xd8\xff\xe0 a portrait \xff\xd9"
HOLDER = Holder(names="MUSTERPERSON<<ERIKA", number="C01X00T47")
SECRETS = (b"C01X00T47", b"MUSTERPERSON", b"740812", b"300415")


@cache
def authority() -> Authority:
    return Authority(began=BEGAN)


@cache
def signer() -> Signer:
    return Signer(authority())


@cache
def passport() -> Passport:
    return issue(signer(), HOLDER, picture=JPEG)


@cache
def passport_with_keys() -> Passport:
    """A document whose chip has a key for Chip Authentication and one for Active Authentication."""
    return issue(signer(), HOLDER, picture=JPEG, groups={14: group_14(), 15: group_15()})


@cache
def public_info() -> bytes:
    key = ec.derive_private_key(0x1234567, ec.SECP256R1())
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def group_14(kind: str = "0.4.0.127.0.7.2.2.1.2") -> bytes:
    """DG14 with one SecurityInfo: by default a key for Chip Authentication."""
    info = der.encode(der.SEQUENCE, der.encode_object_id(kind), public_info())
    return der.encode(lds.GROUP_TAGS[14], der.encode(der.SET, info))


def group_15() -> bytes:
    return der.encode(lds.GROUP_TAGS[15], public_info())


def revocations(office: Authority, *serials: int, days: int = 90) -> bytes:
    return office.revoke(serials, began=NOW - timedelta(days=1), life_days=days)


def trust(*offices: Authority, lists: tuple[bytes, ...] | None = None, needs_current_list: bool = True) -> Trust:
    """These authorities, or Utopia's, with an empty revocation list each unless others are given."""
    found = offices or (authority(),)
    given = lists if lists is not None else tuple(revocations(office) for office in found)
    store = CscaStore(
        tuple(csca_certificate.read(office.certificate) for office in found),
        tuple(csca_certificate.read_revocations(each) for each in given),
    )
    return Trust(store, needs_current_list)


def as_read(document: Passport, proof: ChipProof = ChipProof.NONE, **changed: object) -> ChipRead:
    """What a driver brings, with parts of it `changed`."""
    parts = {"sod": document.sod, "groups": document.groups, "com": document.com, "proof": proof, **changed}
    return ChipRead(**parts)  # type: ignore[arg-type]


def fill(directory: Path, **files: bytes) -> Path:
    """A store of files: `csca_cer=...` becomes `csca.cer`."""
    directory.mkdir(exist_ok=True)
    for name, data in files.items():
        (directory / name.replace("_", ".")).write_bytes(data)
    return directory
