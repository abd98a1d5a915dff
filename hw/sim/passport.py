"""A travel document of Utopia, whole: its state's certificates, its signed list of hashes, its files.

What a state's printing office does (ICAO 9303-10, -12), for the virtual chip and for tests: real keys, real signatures,
made anew each time. Nobody real is in it; the portrait is drawn, or handed in by who has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from hw.wire import der, lds, sod
from hw.wire.mrz import check_digit

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LIFE = timedelta(days=3650)
_SHA256 = der.encode(der.SEQUENCE, der.encode_object_id("2.16.840.1.101.3.4.2.1"))
_ECDSA_SHA256 = der.encode(der.SEQUENCE, der.encode_object_id("1.2.840.10045.4.3.2"))
_RSA_SHA256 = der.encode(der.SEQUENCE, der.encode_object_id("1.2.840.113549.1.1.11"), der.encode(der.NULL))
_MGF1_SHA256 = der.encode(der.SEQUENCE, der.encode_object_id("1.2.840.113549.1.1.8"), _SHA256)
_PSS_SHA256 = der.encode(
    der.SEQUENCE,
    der.encode_object_id("1.2.840.113549.1.1.10"),
    der.encode(
        der.SEQUENCE,
        der.encode(der.CONTEXT_0, _SHA256),
        der.encode(der.CONTEXT_1, _MGF1_SHA256),
        der.encode(der.CONTEXT_2, der.encode_integer(32)),
    ),
)


@dataclass(frozen=True, slots=True)
class Holder:
    """What is printed. Days are YYMMDD, codes those of ICAO 9303-3."""

    number: str = field(default="L898902C3", repr=False)
    issuer: str = "UTO"
    nationality: str = "UTO"
    born: str = field(default="740812", repr=False)
    sex: str = "F"
    expires: str = field(default="300415", repr=False)
    names: str = field(default="ERIKSSON<<ANNA<MARIA", repr=False)

    def lines(self, kind: str = "TD3") -> bytes:
        """The machine readable zone as TD1, TD2 or TD3, lines joined by line feeds."""
        number, overflow = self.number.ljust(9, "<")[:9], self.number[9:]
        held = number + check_digit(number)
        more = ""
        if overflow and kind != "TD3":
            held, more = number + "<", overflow + check_digit(self.number) + "<"
        days = self.born + check_digit(self.born) + self.sex + self.expires + check_digit(self.expires)
        issuer, nationality = self.issuer.ljust(3, "<"), self.nationality.ljust(3, "<")
        if kind == "TD1":
            upper = "I<" + issuer + (held + more).ljust(25, "<")
            middle = days + nationality + "<" * 11
            middle += check_digit(upper[5:] + middle[:7] + middle[8:15] + middle[18:29])
            return "\n".join((upper, middle, self.names.ljust(30, "<")[:30])).encode()
        width = 44 if kind == "TD3" else 36
        upper = ("P<" if kind == "TD3" else "I<") + issuer + self.names
        lower = (held + nationality + days + more).ljust(width - 1, "<")
        if kind == "TD3":
            lower = lower[:42] + check_digit(lower[28:42])
        lower += check_digit(lower[:10] + lower[13:20] + lower[21:])
        return "\n".join((upper.ljust(width, "<")[:width], lower)).encode()


@dataclass(frozen=True, slots=True)
class Passport:
    """What the printing office hands over. `printed` is the zone, the files are what the chip holds."""

    printed: bytes = field(repr=False)
    com: bytes = field(repr=False)
    sod: bytes = field(repr=False)
    groups: Mapping[int, bytes] = field(repr=False)


class Authority:
    """A state's country signing authority (CSCA). `began` is when its certificate begins."""

    def __init__(self, country: str = "UT", key: PrivateKey | None = None, began: datetime | None = None) -> None:
        self.country, self.key = country, key or ec.generate_private_key(ec.SECP384R1())
        self.began = began or datetime.now(UTC) - timedelta(days=30)
        self.name = _name(country, f"CSCA {country}")
        self.certificate = self.certify(self.name, self.key.public_key(), authority=True)

    def certify(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        authority: bool = False,
        life: timedelta = LIFE,
        began: datetime | None = None,
        extension: x509.ExtensionType | None = None,
        critical: bool = True,
    ) -> bytes:
        """A certificate by this authority, in DER; with `authority` and another's name it is a link certificate."""
        usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
        builder = (
            x509.CertificateBuilder(self.name, name, key, x509.random_serial_number())
            .not_valid_before(began or self.began)
            .not_valid_after((began or self.began) + life)
            .add_extension(x509.BasicConstraints(authority, 0 if authority else None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if extension is not None:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def revoke(self, serials: Sequence[int] = (), began: datetime | None = None, life_days: int = 90) -> bytes:
        """A revocation list by this authority, in DER."""
        begins = began or datetime.now(UTC) - timedelta(days=1)
        builder = x509.CertificateRevocationListBuilder(self.name, begins, begins + timedelta(days=life_days))
        for serial in serials:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begins).build()
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)


class Signer:
    """A document signer of an authority. `certificate` (DER) goes into every document that it signs."""

    def __init__(self, authority: Authority, key: PrivateKey | None = None, certificate: bytes = b"") -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.certificate = certificate or authority.certify(
            _name(authority.country, f"Document Signer {authority.country} 1"), self.key.public_key()
        )

    @property
    def serial(self) -> int:
        return x509.load_der_x509_certificate(self.certificate).serial_number

    def sign(self, groups: Mapping[int, bytes], pss: bool = False, content: bytes = b"", by_key: bool = False) -> bytes:
        """EF.SOD over whole files of groups; or over other `content`, as an office that makes mistakes would.

        `by_key`: the signer is named by the identifier of its key, not by issuer and serial number.
        """
        content = content or security_object(groups)
        parsed = x509.load_der_x509_certificate(self.certificate)
        attributes = der.encode(
            der.SET,
            _attribute(sod.CONTENT_TYPE, der.encode_object_id(sod.SECURITY_OBJECT)),
            _attribute(sod.MESSAGE_DIGEST, der.encode(der.OCTET_STRING, _sha256(content))),
        )
        named, signature = self._signature(attributes, pss)
        info = der.encode(
            der.SEQUENCE,
            der.encode_integer(1),
            _key_identifier(parsed) if by_key else _issuer_and_serial(parsed),
            _SHA256,
            der.encode(der.CONTEXT_0, der.only(attributes, der.SET).value),
            named,
            der.encode(der.OCTET_STRING, signature),
        )
        signed_data = der.encode(
            der.SEQUENCE,
            der.encode_integer(3),
            der.encode(der.SET, _SHA256),
            der.encode(
                der.SEQUENCE,
                der.encode_object_id(sod.SECURITY_OBJECT),
                der.encode(der.CONTEXT_0, der.encode(der.OCTET_STRING, content)),
            ),
            der.encode(der.CONTEXT_0, self.certificate),
            der.encode(der.SET, info),
        )
        return der.encode(
            lds.SOD_TAG,
            der.encode(der.SEQUENCE, der.encode_object_id(sod.SIGNED_DATA), der.encode(der.CONTEXT_0, signed_data)),
        )

    def _signature(self, data: bytes, pss: bool) -> tuple[bytes, bytes]:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return _ECDSA_SHA256, self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        if pss:
            return _PSS_SHA256, self.key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        return _RSA_SHA256, self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def issue(
    signer: Signer,
    holder: Holder | None = None,
    kind: str = "TD3",
    picture: bytes = b"",
    groups: Mapping[int, bytes] = MappingProxyType({}),
) -> Passport:
    """A whole document of the `kind` TD1, TD2 or TD3; `groups` are further ones, whole: DG14 and DG15 with keys."""
    printed = (holder or Holder()).lines(kind)
    written = {1: group_1(printed), 2: group_2(picture or drawn_portrait()), **groups}
    return Passport(printed, common(written), signer.sign(written), written)


def group_1(printed: bytes) -> bytes:
    """DG1: the zone, its lines run together."""
    return der.encode(lds.GROUP_TAGS[1], der.encode(0x5F1F, printed.replace(b"\n", b"")))


def group_2(picture: bytes) -> bytes:
    """DG2: one face, as ISO/IEC 19794-5:2005 within the headers of ISO/IEC 7816-11."""
    jpeg_2000 = not picture.startswith(b"\xff\xd8")
    facial = bytes(16) + bytes([0, int(jpeg_2000)]) + (413).to_bytes(2, "big") + (531).to_bytes(2, "big") + bytes(6)
    face = (4 + len(facial) + len(picture)).to_bytes(4, "big") + facial + picture
    record = b"FAC\x00010\x00" + (14 + len(face)).to_bytes(4, "big") + b"\x00\x01" + face
    header = der.encode(0xA1, der.encode(0x87, b"\x01\x01"), der.encode(0x88, b"\x00\x08"))
    template = der.encode(0x7F60, header, der.encode(0x5F2E, record))
    return der.encode(lds.GROUP_TAGS[2], der.encode(0x7F61, der.encode(der.INTEGER, b"\x01"), template))


def common(groups: Mapping[int, bytes]) -> bytes:
    """EF.COM."""
    tags = bytes(lds.GROUP_TAGS[number] for number in sorted(groups))
    return der.encode(lds.COM_TAG, der.encode(0x5F01, b"0107"), der.encode(0x5F36, b"040000"), der.encode(0x5C, tags))


def security_object(groups: Mapping[int, bytes]) -> bytes:
    """The list of hashes that is signed."""
    pairs = [
        der.encode(der.SEQUENCE, der.encode_integer(number), der.encode(der.OCTET_STRING, _sha256(file)))
        for number, file in sorted(groups.items())
    ]
    return der.encode(der.SEQUENCE, der.encode_integer(0), _SHA256, der.encode(der.SEQUENCE, *pairs))


def drawn_portrait() -> bytes:
    """A JPEG of the size that passports have, of a drawn face: for where nobody compares it."""
    import cv2
    import numpy as np

    canvas = np.full((531, 413, 3), 235, np.uint8)
    cv2.ellipse(canvas, (206, 270), (120, 165), 0, 0, 360, (170, 190, 220), -1)
    for x in (160, 252):
        cv2.circle(canvas, (x, 240), 14, (60, 60, 60), -1)
    cv2.ellipse(canvas, (206, 345), (45, 18), 0, 0, 180, (80, 80, 160), 6)
    return bytes(cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])


def _name(country: str, common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, country), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _issuer_and_serial(certificate: x509.Certificate) -> bytes:
    return der.encode(der.SEQUENCE, certificate.issuer.public_bytes(), der.encode_integer(certificate.serial_number))


def _key_identifier(certificate: x509.Certificate) -> bytes:
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return der.encode(0x80, identifier)


def _attribute(kind: str, value: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.encode_object_id(kind), der.encode(der.SET, value))


def _sha256(data: bytes) -> bytes:
    state = hashes.Hash(hashes.SHA256())
    state.update(data)
    return state.finalize()
