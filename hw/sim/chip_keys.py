"""What a document's maker writes into a chip for its access and its proofs: EF.CardAccess, DG14, DG15, and the keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hw.sim.chip_crypto import Group
from hw.sim.passport import Holder, Passport, Signer, issue
from hw.wire import der, mrz

CARD_ACCESS, COM, SOD = 0x011C, 0x011E, 0x011D
"""File identifiers (ICAO 9303-10, 3.11); data group n is 0100 + n."""

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_PACE, _CHIP, _CHIP_KEY = "0.4.0.127.0.7.2.2.4.2", "0.4.0.127.0.7.2.2.3.2", "0.4.0.127.0.7.2.2.1.2"
_EC, _PRIME_FIELD = "1.2.840.10045.2.1", "1.2.840.10045.1.1"
_DIGEST_NUMBER = {"sha1": 1, "sha224": 2, "sha256": 3, "sha384": 4, "sha512": 5}


@dataclass(frozen=True)
class Offer:
    """One way of doing PACE: `cipher` 1 to 4 (3DES, AES-128, -192, -256), `parameter` as in 9303-11, 9.5.1."""

    cipher: int
    parameter: int

    @property
    def protocol(self) -> bytes:
        return der.read(der.encode_object_id(f"{_PACE}.{self.cipher}")).value

    def info(self) -> bytes:
        return der.encode(
            der.SEQUENCE,
            der.encode_object_id(f"{_PACE}.{self.cipher}"),
            der.encode_integer(2),
            der.encode_integer(self.parameter),
        )


@dataclass(frozen=True)
class AgreementKey:
    """A key of Chip Authentication. `number` is written where a chip has several."""

    parameter: int
    secret: int = field(repr=False)
    cipher: int = 4
    number: int | None = None

    @property
    def protocol(self) -> bytes:
        return der.read(der.encode_object_id(f"{_CHIP}.{self.cipher}")).value

    def infos(self, written_out: bool) -> list[bytes]:
        number = [] if self.number is None else [der.encode_integer(self.number)]
        key = _curve_key(self.parameter, self.secret, written_out)
        method = der.encode_object_id(f"{_CHIP}.{self.cipher}")
        return [
            der.encode(der.SEQUENCE, der.encode_object_id(_CHIP_KEY), key, *number),
            der.encode(der.SEQUENCE, method, der.encode_integer(1), *number),
        ]


@dataclass(frozen=True)
class Personalisation:
    """What the maker wrote. `key` is the MRZ information; `files` are by file identifier, EF.CardAccess among them."""

    files: Mapping[int, bytes] = field(repr=False)
    key: bytes = field(repr=False)
    offers: tuple[Offer, ...] = ()
    basic_access: bool = True
    agreement: AgreementKey | None = None
    signing: SigningKey | None = field(default=None, repr=False)
    digest: str = "sha256"


def personalise(
    signer: Signer,
    holder: Holder | None = None,
    offers: tuple[Offer, ...] = (),
    agreement: AgreementKey | None = None,
    signing: SigningKey | None = None,
    digest: str = "sha256",
    kind: str = "TD3",
    picture: bytes = b"",
    written_out: bool = False,
) -> tuple[Passport, Personalisation]:
    """A document, and what is written into its chip: PACE where there are offers, BAC always, the keys as given."""
    active = digest if isinstance(signing, ec.EllipticCurvePrivateKey) else None
    groups = {}
    if offers or agreement is not None or active is not None:
        groups[14] = group_14(offers, agreement, active, written_out)
    if signing is not None:
        groups[15] = group_15(signing)
    passport = issue(signer, holder, kind, picture, groups)
    files = {COM: passport.com, SOD: passport.sod} | {0x0100 + n: file for n, file in passport.groups.items()}
    if offers:
        files[CARD_ACCESS] = card_access(offers)
    key = mrz.chip_key(mrz.parse(passport.printed))
    return passport, Personalisation(files, key, offers, True, agreement, signing, digest)


def card_access(offers: tuple[Offer, ...]) -> bytes:
    return der.encode(der.SET, *sorted(offer.info() for offer in offers))


def group_14(
    offers: tuple[Offer, ...] = (),
    agreement: AgreementKey | None = None,
    digest: str | None = None,
    written_out: bool = False,
) -> bytes:
    """DG14: what EF.CardAccess says, and the chip's key. `written_out`: its curve number by number, as many are."""
    infos = [offer.info() for offer in offers]
    if agreement is not None:
        infos += agreement.infos(written_out)
    if digest is not None:
        signature = der.encode_object_id(f"0.4.0.127.0.7.1.1.4.1.{_DIGEST_NUMBER[digest]}")
        active = der.encode_object_id("2.23.136.1.1.5")
        infos.append(der.encode(der.SEQUENCE, active, der.encode_integer(1), signature))
    return der.encode(0x6E, der.encode(der.SET, *sorted(infos)))


def group_15(key: SigningKey) -> bytes:
    return der.encode(0x6F, key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _curve_key(parameter: int, secret: int, written_out: bool) -> bytes:
    group = Group(parameter)
    point = group.written(group.times(secret, group.g))
    if not written_out:
        kind = der.encode_object_id("0.4.0.127.0.7.1.2")
        algorithm = der.encode(der.SEQUENCE, kind, der.encode_integer(parameter))
        return der.encode(der.SEQUENCE, algorithm, der.encode(der.BIT_STRING, b"\x00", point))
    algorithm = der.encode(der.SEQUENCE, der.encode_object_id(_EC), _written_out(group))
    return der.encode(der.SEQUENCE, algorithm, der.encode(der.BIT_STRING, b"\x00", point))


def _written_out(group: Group) -> bytes:
    coefficients = ((number % group.p).to_bytes(group.size, "big") for number in (group.a, group.b))
    return der.encode(
        der.SEQUENCE,
        der.encode_integer(1),
        der.encode(der.SEQUENCE, der.encode_object_id(_PRIME_FIELD), der.encode_integer(group.p)),
        der.encode(der.SEQUENCE, *(der.encode(der.OCTET_STRING, number) for number in coefficients)),
        der.encode(der.OCTET_STRING, group.written(group.g)),
        der.encode_integer(group.n),
        der.encode_integer(1),
    )
