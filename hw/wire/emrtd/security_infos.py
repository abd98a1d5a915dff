"""What a chip says it can do: EF.CardAccess, in the open, and DG14, signed (ICAO 9303-11, 9.2)."""

from dataclasses import dataclass, field

from hw.wire.emrtd.public_keys import unsupported
from hw.wire.emrtd.refusal import unreadable
from hw.wire.emrtd.suites import Suite
from hw.wire.emrtd.tlv import Object, number, objects, only

_SET, _SEQUENCE, _OID, _INTEGER, _DG14 = 0x31, 0x30, 0x06, 0x02, 0x6E

_PACE = bytes.fromhex("04007F0007020204")
_PACE_ECDH_GENERIC = b"\x02"
_CHIP_KEY_DH, _CHIP_KEY_ECDH = bytes.fromhex("04007F000702020101"), bytes.fromhex("04007F000702020102")
_CHIP_ECDH = bytes.fromhex("04007F000702020302")
_ACTIVE = bytes.fromhex("678108010105")
_PLAIN_ECDSA = bytes.fromhex("04007F000701010401")
_PLAIN_ECDSA_DIGESTS = {1: "sha1", 2: "sha224", 3: "sha256", 4: "sha384", 5: "sha512"}
SUITES = {1: Suite.TRIPLE_DES, 2: Suite.AES_128, 3: Suite.AES_192, 4: Suite.AES_256}
"""By the last part of a protocol's object identifier."""


@dataclass(frozen=True, slots=True)
class PaceInfo:
    """One way of doing PACE. `parameter` numbers the standardised domain parameters; None means that it names none."""

    oid: bytes
    version: int
    parameter: int | None

    @property
    def suite(self) -> Suite | None:
        """The ciphers of a generic mapping over an elliptic curve; None for every other kind of PACE."""
        mapping, last = self.oid[len(_PACE) : -1], self.oid[-1]
        return SUITES.get(last) if mapping == _PACE_ECDH_GENERIC and self.version == 2 else None


@dataclass(frozen=True, slots=True)
class ChipKey:
    """A key of Chip Authentication; `number` tells it from others in the chip. `elliptic` is False for modular ones."""

    info: bytes = field(repr=False)
    number: int | None
    elliptic: bool


@dataclass(frozen=True, slots=True)
class ChipMethod:
    oid: bytes
    suite: Suite
    number: int | None


@dataclass(frozen=True, slots=True)
class SecurityInfos:
    """`active_digest` is the hash of Active Authentication by ECDSA; None where the chip names none."""

    pace: frozenset[PaceInfo] = frozenset()
    chip_keys: tuple[ChipKey, ...] = ()
    chip_methods: tuple[ChipMethod, ...] = ()
    active_digest: str | None = None


def card_access(file: bytes) -> SecurityInfos:
    """The content of EF.CardAccess. Raises ChipRefused: malformed."""
    return _infos(file)


def group_14(file: bytes) -> SecurityInfos:
    """The content of DG14, its own tag included. Raises ChipRefused: malformed."""
    return _infos(only(file, _DG14))


def _infos(data: bytes) -> SecurityInfos:
    pace: set[PaceInfo] = set()
    keys: list[ChipKey] = []
    methods: list[ChipMethod] = []
    digest = None
    for item in objects(only(data, _SET)):
        oid, parts = _info(item)
        if oid.startswith(_PACE) and len(oid) == len(_PACE) + 2:
            pace.add(PaceInfo(oid, number(parts[0]), number(parts[1]) if len(parts) > 1 else None))
        elif oid in (_CHIP_KEY_DH, _CHIP_KEY_ECDH):
            keys.append(ChipKey(parts[0].raw, _key_number(parts), oid == _CHIP_KEY_ECDH))
        elif oid[:-1] == _CHIP_ECDH and oid[-1] in SUITES and number(parts[0]) == 1:
            methods.append(ChipMethod(oid, SUITES[oid[-1]], _key_number(parts)))
        elif oid == _ACTIVE:
            digest = _digest(parts)
    return SecurityInfos(frozenset(pace), tuple(keys), tuple(methods), digest)


def _info(item: Object) -> tuple[bytes, list[Object]]:
    parts = objects(item.value)
    if item.tag != _SEQUENCE or not 2 <= len(parts) <= 3 or parts[0].tag != _OID or not 1 <= len(parts[0].value) <= 32:
        raise unreadable("a security info that is not an identifier and one or two values")
    return parts[0].value, parts[1:]


def _key_number(parts: list[Object]) -> int | None:
    return number(parts[1]) if len(parts) > 1 else None


def _digest(parts: list[Object]) -> str:
    oid = parts[1].value if len(parts) == 2 and parts[1].tag == _OID else b""
    if number(parts[0]) != 1 or oid[:-1] != _PLAIN_ECDSA or oid[-1] not in _PLAIN_ECDSA_DIGESTS:
        raise unsupported("Active Authentication by a signature other than plain ECDSA")
    return _PLAIN_ECDSA_DIGESTS[oid[-1]]
