"""Passive authentication: whether a chip's files are what a state signed, and whose (ICAO 9303-11, 5.1; 9303-12).

Everything is checked over the bytes as they were read: the list of hashes (EF.SOD) is signed by a document signer; the
signer's certificate by an authority (CSCA) in the store, valid today, not revoked, and of the state that the document
says it is from; every group that was read has the hash on the list; what is printed is what is signed.

Two ways of hiding are refused too. A key that the list names and the chip does not show, or show and not prove, is a
copy's (DOCUMENT_CLONED). And a group outside the list is nobody's word (DOCUMENT_ALTERED).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import TypeVar

from gatefw import country, csca_certificate, signature
from gatefw.csca_certificate import Certificate
from gatefw.csca_store import CscaStore
from gatefw.model import ChipProof, DocumentRead, Reason
from gatefw.ports import ChipRead, DocumentFailed
from gatefw.signature import NotAllowed
from hw.wire import lds, mrz, sod
from hw.wire.der import Malformed
from hw.wire.mrz import Mrz
from hw.wire.sod import SecurityObject

A = TypeVar("A")
B = TypeVar("B")
NEEDED = (1, 2)
KEYS = (14, 15)
"""The groups that hold the chip's own keys: Chip Authentication, Active Authentication."""


@dataclass(frozen=True, slots=True)
class Trust:
    """By what a document is judged. `needs_current_list`: refuse a signer while no current revocation list tells."""

    store: CscaStore
    needs_current_list: bool = True


def believe(read: ChipRead, printed: Mrz, trust: Trust, now: datetime) -> DocumentRead:
    """The document, if everything about it holds at `now` (with the time zone in which the lane counts days).

    Raises DocumentFailed with the reason for the first thing that does not. What is in the document is in no message.
    """
    try:
        listed = sod.parse(read.sod)
        signer = _signed(listed)
        authority = _vouched(signer, trust, now)
        _unaltered(read, listed)
        _proven(read, listed)
        return _document(read, printed, authority, now)
    except (NotAllowed, lds.Unsupported) as problem:
        raise DocumentFailed(Reason.DOCUMENT_UNSUPPORTED, str(problem)) from problem
    except Malformed as problem:
        raise DocumentFailed(Reason.DOCUMENT_UNREADABLE, str(problem)) from problem


def _signed(listed: SecurityObject) -> Certificate:
    """The certificate whose key signed the list."""
    signers = [each for each in _tried(csca_certificate.read, listed.certificates) if _is_named(each, listed)]
    if not signers:
        raise DocumentFailed(Reason.DOCUMENT_SIGNER_UNKNOWN, "EF.SOD does not hold its signer's certificate")
    signer = signers[0]
    if not compare_digest(signature.hashed(listed.content_digest, listed.content), listed.digest):
        raise DocumentFailed(Reason.DOCUMENT_ALTERED, "the list of hashes is not the one that was signed")
    if not signature.verify(
        signer.key, listed.signature_algorithm, listed.signature, listed.signed, listed.content_digest
    ):
        raise DocumentFailed(Reason.DOCUMENT_ALTERED, "the signature of EF.SOD does not hold")
    return signer


def _is_named(each: Certificate, listed: SecurityObject) -> bool:
    wanted = listed.signer
    if wanted.key_identifier:
        return each.key_identifier == wanted.key_identifier
    return (each.subject.issuer, each.subject.serial) == (wanted.issuer, wanted.serial)


def _vouched(signer: Certificate, trust: Trust, now: datetime) -> Certificate:
    """The authority that vouches for the signer, today."""
    named = trust.store.named_by(signer)
    authorities = _who_signed(signer, [each for each in named if each.country == signer.country])
    if not authorities or signer.is_authority or not signer.may_sign:
        raise DocumentFailed(
            Reason.DOCUMENT_SIGNER_UNKNOWN,
            f"no CSCA in the store signed this document signer of {signer.country or 'no country'} "
            f"({len(named)} have the name of its issuer): is the newest certificate of that state there?",
        )
    revoked = [trust.store.revoked(signer, each, now) for each in authorities]
    if True in revoked:
        raise DocumentFailed(Reason.DOCUMENT_SIGNER_REVOKED, f"a document signer of {signer.country} is revoked")
    valid = [each for each in authorities if each.valid_at(now)]
    if not valid or not signer.valid_at(now):
        raise DocumentFailed(
            Reason.DOCUMENT_SIGNER_EXPIRED, f"a document signer of {signer.country}, or its CSCA, is not valid today"
        )
    if trust.needs_current_list and False not in revoked:
        raise DocumentFailed(
            Reason.DOCUMENTS_UNAVAILABLE,
            f"no current revocation list of {signer.country} is in the store, and the lane file demands one",
        )
    return valid[0]


def _who_signed(signer: Certificate, named: list[Certificate]) -> list[Certificate]:
    """Those who did. An authority keeps its name when its next key is of another kind, which no such signature fits."""
    tried = _tried(lambda each: (each, each.vouches_for(signer.signed)), named)
    return [each for each, vouches in tried if vouches]


def _tried(do: Callable[[A], B], each_of: Iterable[A]) -> list[B]:
    """What came of those with which it can be done. Raises NotAllowed, Malformed when that is so of none."""
    done, problems = list[B](), list[ValueError]()
    for each in each_of:
        try:
            done.append(do(each))
        except (NotAllowed, Malformed) as problem:
            problems.append(problem)
    if problems and not done:
        raise problems[0]
    return done


def _unaltered(read: ChipRead, listed: SecurityObject) -> None:
    """Every group that was read is on the list with its hash; the ones that are needed were read."""
    for number in NEEDED:
        if number not in read.groups or number not in listed.group_hashes:
            raise DocumentFailed(Reason.DOCUMENT_ALTERED, f"DG{number} was not read, or is not on the signed list")
    for number, file in read.groups.items():
        expected = listed.group_hashes.get(number, b"")
        if not compare_digest(signature.hashed(listed.group_digest, file), expected):
            raise DocumentFailed(Reason.DOCUMENT_ALTERED, f"DG{number} is not the one that was signed")


def _proven(read: ChipRead, listed: SecurityObject) -> None:
    """A chip with a key of its own has shown that it holds it, and the key is on the signed list."""
    for number in KEYS:
        if number in listed.group_hashes and number not in read.groups:
            raise DocumentFailed(Reason.DOCUMENT_CLONED, f"the signed list names DG{number}, which the chip hides")
    chip = 14 in read.groups and lds.offers_chip_authentication(read.groups[14])
    active = 15 in read.groups
    believed = {ChipProof.CHIP: chip, ChipProof.ACTIVE: active, ChipProof.NONE: not (chip or active)}
    if not believed[read.proof]:
        raise DocumentFailed(
            Reason.DOCUMENT_CLONED, f"proof {read.proof} does not go with the keys that the state signed for this chip"
        )


def _document(read: ChipRead, printed: Mrz, authority: Certificate, now: datetime) -> DocumentRead:
    try:
        signed = mrz.parse(lds.mrz(read.groups[1]))
        expires = mrz.expires_on(signed, now.date())
    except mrz.Malformed as problem:
        raise DocumentFailed(Reason.DOCUMENT_UNREADABLE, f"DG1: {problem}") from problem
    if signed.lines != printed.lines:
        raise DocumentFailed(Reason.DOCUMENT_ALTERED, "what is printed is not what is signed in DG1")
    if not country.may_sign_for(authority.country, signed.issuer):
        raise DocumentFailed(
            Reason.DOCUMENT_SIGNER_UNKNOWN,
            f"a signer of {authority.country} does not vouch for another state's documents",
        )
    if expires < now.date():
        raise DocumentFailed(Reason.DOCUMENT_EXPIRED, "the document's last day is over")
    return DocumentRead(
        number=signed.number,
        issuer=signed.issuer,
        nationality=signed.nationality,
        born=mrz.born_on(signed, now.date()),
        expires=expires.isoformat(),
        portrait=lds.portrait(read.groups[2]).picture,
        proof=read.proof,
    )
