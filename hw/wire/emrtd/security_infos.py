"""What a chip says it can do: EF.CardAccess, in the open, and DG14, signed (ICAO 9303-11, 9.2)."""

from dataclasses import dataclass, field

from hw.wire import der
from hw.wire.der import INTEGER, OBJECT_ID, SEQUENCE, SET, Items
from hw.wire.emrtd.refusal import unsupported
from hw.wire.emrtd.suites import Suite
from hw.wire.lds import GROUP_TAGS

_PACE = "0.4.0.127.0.7.2.2.4."
_PACE_ECDH_GENERIC = _PACE + "2"
_CHIP_KEY_DH, _CHIP_KEY_ECDH = "0.4.0.127.0.7.2.2.1.1", "0.4.0.127.0.7.2.2.1.2"
_CHIP_ECDH = "0.4.0.127.0.7.2.2.3.2"
_ACTIVE = "2.23.136.1.1.5"
_PLAIN_ECDSA = {f"0.4.0.127.0.7.1.1.4.1.{at}": f"sha{bits}" for at, bits in enumerate((1, 224, 256, 384, 512), 1)}
_SUITES = {"1": Suite.TRIPLE_DES, "2": Suite.AES_128, "3": Suite.AES_192, "4": Suite.AES_256}
CHIP_ECDH_3DES = _CHIP_ECDH + ".1"


@dataclass(frozen=True, slots=True)
class PaceInfo:
    """One way of doing PACE. `parameter` numbers the standardised domain parameters; None: it names none."""

    protocol: str
    version: int
    parameter: int | None

    @property
    def suite(self) -> Suite | None:
        """The ciphers of a generic mapping over an elliptic curve; None for every other kind of PACE."""
        mapping, _, cipher = self.protocol.rpartition(".")
        return _SUITES.get(cipher) if mapping == _PACE_ECDH_GENERIC and self.version == 2 else None


@dataclass(frozen=True, slots=True)
class ChipKey:
    """A key of Chip Authentication; `number` tells it from others in the chip. `elliptic` is False for modular ones."""

    info: bytes = field(repr=False)
    number: int | None
    elliptic: bool


@dataclass(frozen=True, slots=True)
class ChipMethod:
    protocol: str
    suite: Suite
    number: int | None


@dataclass(frozen=True, slots=True)
class SecurityInfos:
    """`active_digest` is the hash of Active Authentication by ECDSA; None where the chip names none."""

    pace: frozenset[PaceInfo] = frozenset()
    chip_keys: tuple[ChipKey, ...] = ()
    chip_methods: tuple[ChipMethod, ...] = ()
    active_digest: str | None = None


def identifier(protocol: str) -> bytes:
    """A protocol's object identifier as commands carry it: without tag and length."""
    return der.read(der.encode_object_id(protocol)).value


def card_access(file: bytes) -> SecurityInfos:
    """The content of EF.CardAccess. Raises Malformed, ChipRefused (a part that is not done)."""
    pace: set[PaceInfo] = set()
    keys: list[ChipKey] = []
    methods: list[ChipMethod] = []
    digest = None
    for info in der.only(file, SET).items():
        parts = Items(info)
        protocol = der.object_id(parts.take(OBJECT_ID))
        cipher = protocol.rpartition(".")[2]
        if protocol.startswith(_PACE) and protocol.count(".") == _PACE.count(".") + 1:
            pace.add(PaceInfo(protocol, der.integer(parts.take(INTEGER)), _number(parts)))
        elif protocol in (_CHIP_KEY_DH, _CHIP_KEY_ECDH):
            keys.append(ChipKey(parts.take(SEQUENCE).encoded, _number(parts), protocol == _CHIP_KEY_ECDH))
        elif protocol.startswith(_CHIP_ECDH + ".") and cipher in _SUITES and der.integer(parts.take(INTEGER)) == 1:
            methods.append(ChipMethod(protocol, _SUITES[cipher], _number(parts)))
        elif protocol == _ACTIVE:
            digest = _digest(parts)
    return SecurityInfos(frozenset(pace), tuple(keys), tuple(methods), digest)


def group_14(file: bytes) -> SecurityInfos:
    """The content of DG14, its own tag included. Raises Malformed, ChipRefused (a part that is not done)."""
    return card_access(der.only(file, GROUP_TAGS[14], strict=False).value)


def _number(parts: Items) -> int | None:
    """The optional number at the end of an info, at most four bytes long. Raises Malformed."""
    found = parts.take_if(INTEGER)
    parts.end()
    number = None if found is None else der.integer(found)
    if number is not None and not 0 <= number < 2**32:
        raise der.Malformed("a security info with a negative or overlong number")
    return number


def _digest(parts: Items) -> str:
    version, signature = der.integer(parts.take(INTEGER)), der.object_id(parts.take(OBJECT_ID))
    if version != 1 or signature not in _PLAIN_ECDSA:
        raise unsupported("Active Authentication by a signature other than plain ECDSA")
    return _PLAIN_ECDSA[signature]
