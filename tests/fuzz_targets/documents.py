"""Travel documents: what is printed, what a reader sends of it, the files of the chip and the signed list of hashes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from gatefw import csca_certificate
from gatefw.csca_store import CscaStore
from gatefw.model import ChipProof
from gatefw.ports import ChipRead, DocumentFailed
from gatefw.signature import NotAllowed
from gatefw.travel_document import Trust, believe
from hw.sim import passport
from hw.wire import der, lds, mrz, sod
from hw.wire.mrz_reader import MAX_LINE_BYTES, Framer, encode

_NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
_AUTHORITY = passport.Authority(key=ec.derive_private_key(11, ec.SECP256R1()), began=_NOW - timedelta(days=9))
_SIGNER = passport.Signer(_AUTHORITY, ec.derive_private_key(13, ec.SECP256R1()))
_DOCUMENT = passport.issue(_SIGNER, picture=b"\xff\xd8\xff\xe0 a portrait")
_LIST = _AUTHORITY.revoke((7,), began=_NOW - timedelta(days=1))
_PRINTED = mrz.parse(_DOCUMENT.printed)
_TRUST = Trust(CscaStore((csca_certificate.read(_AUTHORITY.certificate),), (csca_certificate.read_revocations(_LIST),)))
_TAKES = (lds.common, lds.mrz, lds.portrait, lds.offers_chip_authentication, lds.file_bytes)


def _zone(chunks: list[bytes]) -> None:
    try:
        zone = mrz.parse(b"".join(chunks))
        mrz.born_on(zone, _NOW.date())
        mrz.expires_on(zone, _NOW.date())
    except mrz.Malformed:
        return
    assert len(mrz.chip_key(zone)) <= 9 + 22 + 16


def _reader(chunks: list[bytes]) -> None:
    framer = Framer(0.5)
    for at, chunk in enumerate(chunks):
        for zone in framer.feed(chunk, at * 0.1):
            assert len(zone) <= 3 * MAX_LINE_BYTES + 2
        assert framer.held_bytes <= 3 * MAX_LINE_BYTES


def _files(chunks: list[bytes]) -> None:
    for take in _TAKES:
        try:
            take(b"".join(chunks))
        except der.Malformed:
            continue


def _list(chunks: list[bytes]) -> None:
    """Any list that is believed holds what was signed, whatever else stands in it."""
    data = b"".join(chunks)
    try:
        believe(ChipRead(data, _DOCUMENT.groups, None, ChipProof.NONE), _PRINTED, _TRUST, _NOW)
    except DocumentFailed:
        return
    assert sod.parse(data).content == sod.parse(_DOCUMENT.sod).content


def _certificates(chunks: list[bytes]) -> None:
    for read in (csca_certificate.read, csca_certificate.read_revocations):
        try:
            read(b"".join(chunks))
        except (der.Malformed, NotAllowed):
            continue


TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "mrz": _zone,
    "mrz reader": _reader,
    "chip files": _files,
    "passive authentication": _list,
    "certificates": _certificates,
}
SEEDS: dict[str, list[bytes]] = {
    "mrz": [passport.Holder().lines(kind) for kind in ("TD1", "TD2", "TD3")],
    "mrz reader": [encode(passport.Holder().lines(kind), b"\r\n", framed=True) for kind in ("TD1", "TD2", "TD3")],
    "chip files": [*_DOCUMENT.groups.values(), _DOCUMENT.com],
    "passive authentication": [_DOCUMENT.sod],
    "certificates": [_AUTHORITY.certificate, _SIGNER.certificate, _LIST],
}
