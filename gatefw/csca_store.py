"""Whom we trust to sign travel documents: CSCA certificates and revocation lists in a directory, no network.

    *.cer *.crt *.der *.pem   country signing certificates (ICAO 9303-12), self-signed or link certificates
    *.crl                     their revocation lists

Who puts a file there decides whose documents open the border, so it must not be writable by everybody. A certificate
is trusted when it signed itself, or when one that is trusted signed it (a link certificate: the old key vouches for
the new one). A revocation list is taken when a trusted certificate of its issuer signed it. One bad file keeps the
daemon from starting, and `gatefw check` names it; files of other kinds are not looked at.
"""

import base64
import binascii
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from gatefw import csca_certificate
from gatefw.csca_certificate import Certificate, Revocations
from gatefw.errors import StoreError
from gatefw.signature import NotAllowed
from hw.wire.certificate import Signed
from hw.wire.der import Malformed

CERTIFICATES, REVOCATIONS = (".cer", ".crt", ".der", ".pem"), (".crl",)
MAX_FILES = 2000
MAX_FILE_BYTES = 8 * 1024 * 1024
_ARMOUR = re.compile(rb"\s*-----BEGIN (CERTIFICATE|X509 CRL)-----\s(.*?)-----END \1-----\s*", re.DOTALL)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a file of the store. All but warnings keep the daemon from starting."""

    file: str
    text: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


@dataclass(frozen=True, slots=True)
class CscaStore:
    """What is trusted: certificates of authorities, and revocation lists that they signed."""

    authorities: tuple[Certificate, ...] = ()
    revocations: tuple[Revocations, ...] = ()

    def named_by(self, signer: Certificate) -> list[Certificate]:
        """The authorities that `signer` names as its issuer, by name or key. Whether they signed it is not said."""
        wanted = signer.authority_identifier
        return [
            each
            for each in self.authorities
            if each.name == signer.issuer or (wanted and each.key_identifier == wanted)
        ]

    def revoked(self, signer: Certificate, authority: Certificate, now: datetime) -> bool | None:
        """Whether its authority revoked `signer`, or revoked itself; None when no list that is current could tell.

        A list that is out of date still revokes: nothing on it becomes good again.
        """
        lists = [each for each in self.revocations if each.issuer == authority.name]
        if any(signer.subject.serial in each.serials for each in lists):
            return True
        if any(
            authority.subject.serial in each.serials for each in self.revocations if each.issuer == authority.issuer
        ):
            return True
        return False if any(each.current_at(now) for each in lists) else None


def load(directory: Path, now: datetime) -> CscaStore:
    """The store in `directory`. Raises StoreError for the first file that is wrong, the others as its notes."""
    store, problems = read(directory, now)
    errors = [each for each in problems if not each.warning]
    if errors:
        error = StoreError(f"CSCA store {directory}: {errors[0]}")
        for other in errors[1:]:
            error.add_note(str(other))
        raise error
    return store


def read(directory: Path, now: datetime) -> tuple[CscaStore, list[Problem]]:
    """What can be trusted in `directory`, and everything that is wrong there, file by file."""
    reading = _Reading(now)
    try:
        if directory.stat().st_mode & stat.S_IWOTH:
            reading.find(directory, "everybody may write there, and so decide whom the gate trusts: chmod o-w")
        files = sorted(path for path in directory.iterdir() if path.suffix.lower() in (*CERTIFICATES, *REVOCATIONS))
    except OSError as problem:
        return CscaStore(), [Problem(str(directory), f"cannot be read: {problem.strerror}")]
    if len(files) > MAX_FILES:
        return CscaStore(), [Problem(str(directory), f"has {len(files)} files, and at most {MAX_FILES} are read")]
    certificates = reading.each(files, CERTIFICATES, csca_certificate.read)
    authorities = reading.trusted(certificates)
    revocations = reading.signed(reading.each(files, REVOCATIONS, csca_certificate.read_revocations), authorities)
    if not certificates:
        reading.find(directory, "holds no CSCA certificate that can be read: no document would be believed")
    return CscaStore(tuple(authorities), tuple(revocations)), reading.problems


class _Reading:
    """One look through the directory: goes on after every problem, and collects them."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.problems: list[Problem] = []

    def find(self, path: Path, text: str, warning: bool = False) -> None:
        self.problems.append(Problem(str(path), text, warning))

    def each(self, files: list[Path], suffixes: tuple[str, ...], parse: Callable[[bytes], T]) -> list[tuple[Path, T]]:
        """Every file of a kind that can be read."""
        found = []
        for path in files:
            if path.suffix.lower() not in suffixes:
                continue
            try:
                found.append((path, parse(_der(path))))
            except OSError as problem:
                self.find(path, f"cannot be read: {problem.strerror}")
            except (Malformed, NotAllowed) as problem:
                self.find(path, str(problem))
        return found

    def trusted(self, certificates: list[tuple[Path, Certificate]]) -> list[Certificate]:
        """Those that signed themselves, and those that a trusted one signed, over any number of link certificates."""
        waiting = [(path, each) for path, each in certificates if self._is_authority(path, each)]
        found = [each for _, each in waiting if _vouched(each, [each])]
        before = -1
        while len(found) > before:
            before, signed = len(found), {id(each) for each in found}
            waiting = [pair for pair in waiting if id(pair[1]) not in signed]
            found += [each for _, each in waiting if _vouched(each, found)]
        for path, _ in waiting:
            self.find(path, "neither signed itself nor is signed by a certificate that is trusted here")
        return found

    def signed(self, lists: list[tuple[Path, Revocations]], authorities: list[Certificate]) -> list[Revocations]:
        """The lists that a trusted certificate of their issuer signed."""
        found = []
        for path, each in lists:
            if not any(_made(authority, each.signed) for authority in authorities if authority.name == each.issuer):
                self.find(path, "is not signed by a certificate of its issuer that is trusted here")
                continue
            found.append(each)
            if not each.current_at(self._now):
                self.find(path, f"is out of date since {_day(each.ends)}: get the newer one", warning=True)
        return found

    def _is_authority(self, path: Path, each: Certificate) -> bool:
        if not (each.is_authority and each.may_sign):
            self.find(path, "is no certificate of an authority: only those that may sign certificates belong here")
            return False
        if not each.country:
            self.find(path, "names no country, so nobody can say whose documents it vouches for")
            return False
        if not each.valid_at(self._now):
            text = f"is valid from {_day(each.begins)} to {_day(each.ends)}: documents of its signers are refused"
            self.find(path, text, warning=True)
        return True


def _vouched(each: Certificate, by: list[Certificate]) -> bool:
    """Whether one of them signed it. A link certificate has the country of its signer, though perhaps another name."""
    return any(
        other.name == each.issuer and other.country == each.country and _made(other, each.signed) for other in by
    )


def _made(authority: Certificate, signed: Signed) -> bool:
    try:
        return authority.vouches_for(signed)
    except (Malformed, NotAllowed):
        return False


def _der(path: Path) -> bytes:
    """What is in the file, out of its PEM armour if it has one. Raises OSError, Malformed."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & stat.S_IWOTH:
            raise Malformed("everybody may write it, and so decide whom the gate trusts: chmod o-w")
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise Malformed(f"over {MAX_FILE_BYTES} bytes")
    armour = _ARMOUR.fullmatch(data)
    if armour is None:
        return data
    try:
        return base64.b64decode(b"".join(armour[2].split()), validate=True)
    except binascii.Error:
        raise Malformed("its PEM armour holds no base64") from None


def _day(when: datetime | None) -> str:
    return when.date().isoformat() if when is not None else "the beginning: it names no end"
