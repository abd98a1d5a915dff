"""Certificates and revocation lists of travel documents (ICAO 9303-12), read with all that may be wrong in them.

They come from chips, or from a directory that somebody filled. What cannot be read, or uses what is not on the
allow-list of `signature`, is `Malformed` or `NotAllowed` here and nothing else, whatever the library raises.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gatefw import signature
from gatefw.signature import NotAllowed, PublicKey
from hw.wire import certificate
from hw.wire.certificate import Signed, Subject
from hw.wire.der import Malformed

MAX_CERTIFICATE_BYTES = 16_384
_COUNTRY = x509.NameOID.COUNTRY_NAME.dotted_string
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.CRLNumber)
_ANY_PURPOSE = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
Name = tuple[tuple[str, str], ...]
"""A distinguished name to compare: kinds and values, without case and spaces, which issuers do not keep."""
T = TypeVar("T")
E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that could be read. Nothing is said of who signed it, or of when it is valid."""

    signed: Signed = field(repr=False)
    subject: Subject = field(repr=False)
    key: PublicKey = field(repr=False)
    name: Name
    issuer: Name
    begins: datetime
    ends: datetime
    is_authority: bool
    may_sign: bool
    key_identifier: bytes
    authority_identifier: bytes

    @property
    def country(self) -> str:
        """Two letters, upper case; empty when the name has none. Fit for a log, whoever wrote the certificate."""
        found = next((value for kind, value in self.name if kind == _COUNTRY), "")
        return found.upper() if re.fullmatch("[a-z]{2}", found) else ""

    def vouches_for(self, signed: Signed) -> bool:
        """Whether this certificate's key made that signature. Raises NotAllowed, Malformed."""
        return signature.verify(self.key, signed.algorithm, signed.signature, signed.body.encoded)

    def valid_at(self, now: datetime) -> bool:
        """Whether `now` (with its time zone) lies in its time."""
        return self.begins <= now <= self.ends


@dataclass(frozen=True, slots=True)
class Revocations:
    """A revocation list that could be read. Nothing is said of who signed it."""

    signed: Signed = field(repr=False)
    issuer: Name
    begins: datetime
    ends: datetime | None
    serials: frozenset[int] = field(repr=False)

    def current_at(self, now: datetime) -> bool:
        """Whether it is out already and a newer list is not due yet."""
        return self.ends is not None and self.begins <= now <= self.ends


def read(data: bytes) -> Certificate:
    """A certificate in DER. Raises Malformed, NotAllowed."""
    if len(data) > MAX_CERTIFICATE_BYTES:
        raise Malformed(f"a certificate of over {MAX_CERTIFICATE_BYTES} bytes")
    signed = certificate.signed(data)
    subject = certificate.subject(signed)
    return _of_library(lambda: _certificate(x509.load_der_x509_certificate(data), signed, subject))


def read_revocations(data: bytes) -> Revocations:
    """A revocation list in DER. Raises Malformed, NotAllowed."""
    signed = certificate.signed(data)
    return _of_library(lambda: _revocations(x509.load_der_x509_crl(data), signed))


def _certificate(parsed: x509.Certificate, signed: Signed, subject: Subject) -> Certificate:
    found = _understood(parsed.extensions)
    basic, usage = _one(found, x509.BasicConstraints), _one(found, x509.KeyUsage)
    own, authority = _one(found, x509.SubjectKeyIdentifier), _one(found, x509.AuthorityKeyIdentifier)
    is_authority = basic is not None and basic.ca
    purposes = _one(found, x509.ExtendedKeyUsage)
    if purposes is not None and _ANY_PURPOSE not in purposes:  # binding even where not critical (RFC 5280, 4.2.1.12)
        raise NotAllowed("a certificate for a purpose of its own (signed lists, web servers) vouches for no documents")
    return Certificate(
        signed=signed,
        subject=subject,
        key=signature.public_key(subject.key),
        name=_name(parsed.subject),
        issuer=_name(parsed.issuer),
        begins=parsed.not_valid_before_utc,
        ends=parsed.not_valid_after_utc,
        is_authority=is_authority,
        may_sign=usage is not None and (usage.key_cert_sign if is_authority else usage.digital_signature),
        key_identifier=own.digest if own is not None else b"",
        authority_identifier=(authority.key_identifier or b"") if authority is not None else b"",
    )


def _revocations(parsed: x509.CertificateRevocationList, signed: Signed) -> Revocations:
    _understood(parsed.extensions)
    for entry in parsed:
        _understood(entry.extensions)
    return Revocations(
        signed=signed,
        issuer=_name(parsed.issuer),
        begins=parsed.last_update_utc,
        ends=parsed.next_update_utc,
        serials=frozenset(entry.serial_number for entry in parsed),
    )


def _understood(extensions: x509.Extensions) -> x509.Extensions:
    """The extensions, unless one must be understood and is not: it would say what the signer does not vouch for."""
    for each in extensions:
        if each.critical and not isinstance(each.value, _UNDERSTOOD):
            raise NotAllowed(f"critical extension {each.oid.dotted_string} is not understood")
    return extensions


def _one(extensions: x509.Extensions, kind: type[E]) -> E | None:
    return next((each.value for each in extensions if isinstance(each.value, kind)), None)


def _name(name: x509.Name) -> Name:
    return tuple((each.oid.dotted_string, " ".join(str(each.value).split()).casefold()) for each in name)


def _of_library(read_it: Callable[[], T]) -> T:
    """What the library makes of a stranger's bytes; of all it may raise (InvalidVersion is no ValueError) one thing."""
    try:
        return read_it()
    except (Malformed, NotAllowed):
        raise
    except Exception as problem:
        raise Malformed(f"a certificate or revocation list is broken: {type(problem).__name__}") from problem
