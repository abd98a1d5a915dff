"""Chip Authentication (ICAO 9303-11, 6.2): new session keys that only the chip with the key of DG14 can have.

A copy of the files cannot answer under the new keys: the proof is the first answer after this. Elliptic curves only.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hw.wire import der
from hw.wire.emrtd.apdu import Answer, Chance, Command, Dialogue
from hw.wire.emrtd.public_keys import EcKey, public_key
from hw.wire.emrtd.refusal import ChipRefused, Why
from hw.wire.emrtd.secure_messaging import SecureMessaging
from hw.wire.emrtd.security_infos import CHIP_ECDH_3DES, ChipMethod, SecurityInfos, identifier
from hw.wire.emrtd.suites import Suite

Ask = Callable[[Command], Dialogue[Answer]]


@dataclass(frozen=True, slots=True)
class Way:
    key: EcKey
    method: ChipMethod


def choose(infos: SecurityInfos) -> Way | None:
    """The strongest way that is done here, or None: the chip has no key, or none of a kind that is done."""
    ways: list[Way] = []
    for offered in infos.chip_keys:
        try:
            key = public_key(offered.info) if offered.elliptic else None
        except ChipRefused as refused:
            if refused.why is not Why.UNSUPPORTED:
                raise
            key = None
        if isinstance(key, EcKey):
            named = [method for method in infos.chip_methods if method.number == offered.number]
            ways += [Way(key, method) for method in named or [_unnamed(offered.number)]]
    return max(ways, key=lambda way: (way.method.suite.strength, way.key.curve.prime), default=None)


def _unnamed(number: int | None) -> ChipMethod:
    """What a key without a method means: 3DES (9.2.6)."""
    return ChipMethod(CHIP_ECDH_3DES, Suite.TRIPLE_DES, number)


def authenticate(way: Way, ask: Ask, chance: Chance) -> Dialogue[SecureMessaging]:
    """Agree on new keys; the session goes on under what is returned. Raises ChipRefused."""
    curve, method = way.key.curve, way.method
    secret = curve.secret(chance(curve.chance_bytes))
    ours = curve.encode(curve.times_generator(secret))
    reference = b"" if method.number is None else der.encode(0x84, _bytes(method.number))
    if method.suite is Suite.TRIPLE_DES:
        answer = yield from ask(Command(0x00, 0x22, 0x41, 0xA6, der.encode(0x91, ours) + reference))
        answer.expect_ok("MSE:Set KAT for Chip Authentication")
    else:
        answer = yield from ask(
            Command(
                0x00,
                0x22,
                0x41,
                0xA4,
                der.encode(0x80, identifier(method.protocol)) + reference,
            )
        )
        answer.expect_ok("MSE:Set AT for Chip Authentication")
        answer = yield from ask(Command(0x00, 0x86, 0x00, 0x00, der.encode(0x7C, der.encode(0x80, ours)), le=0x100))
        answer.expect_ok("GENERAL AUTHENTICATE for Chip Authentication")
    return SecureMessaging(method.suite, curve.agree(secret, way.key.point))


def _bytes(number: int) -> bytes:
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
