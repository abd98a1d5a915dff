"""Password Authenticated Connection Establishment, generic mapping on curves (ICAO 9303-11, 4.4 and appendix G).

Not done, and refused as unsupported: integrated mapping, chip authentication mapping, and modular exponentiation.
"""

import hashlib
import hmac

from hw.wire import der
from hw.wire.emrtd.apdu import OK, WRONG_KEY, Answer, Chance, Command, Dialogue, plain
from hw.wire.emrtd.curves import STANDARDISED, Curve, Point
from hw.wire.emrtd.refusal import ChipRefused, Why, unreadable, unsupported
from hw.wire.emrtd.secure_messaging import SecureMessaging
from hw.wire.emrtd.security_infos import PaceInfo, identifier
from hw.wire.emrtd.suites import FOR_MAC, FOR_PASSWORD, MAC_BYTES, Suite

_MRZ_PASSWORD = b"\x01"
_NONCE_BYTES = 16
_DYNAMIC = 0x7C


def choose(offered: frozenset[PaceInfo]) -> PaceInfo:
    """The strongest of what a chip offers that is done here. Raises ChipRefused: none is."""
    done = [info for info in offered if info.suite is not None and info.parameter in STANDARDISED]
    if not done:
        raise unsupported("the chip offers PACE, but in no way that is done here: see hw.wire.emrtd.pace")
    return max(done, key=lambda info: (_suite(info).strength, STANDARDISED[info.parameter or 0].prime))


def establish(offered: frozenset[PaceInfo], key: bytes, chance: Chance) -> Dialogue[SecureMessaging]:
    """Open the chip with the MRZ information. Raises ChipRefused: KEY_WRONG, UNSUPPORTED, UNREADABLE."""
    info = choose(offered)
    suite, curve = _suite(info), STANDARDISED[info.parameter or 0]
    yield from _set(info, ambiguous=len(offered) > 1)
    password = suite.derive(hashlib.sha1(key).digest(), FOR_PASSWORD)  # noqa: S324  the standard's
    nonce = yield from _nonce(suite, password)
    mapped = yield from _map(curve, nonce, chance)
    secret = curve.secret(chance(curve.chance_bytes))
    ours = curve.times_up_to_sign(secret, mapped)
    theirs = curve.decode((yield from _exchange(0x83, curve.encode(ours), 0x84, "key agreement")))
    if theirs[0] == ours[0]:
        raise unreadable("PACE: the chip sent our own key back")
    agreed = curve.agree(secret, theirs)
    yield from _confirm(info, curve, suite.derive(agreed, FOR_MAC), ours, theirs)
    return SecureMessaging(suite, agreed)


def _suite(info: PaceInfo) -> Suite:
    if info.suite is None:
        raise unsupported("a kind of PACE that is not done here")
    return info.suite


def _set(info: PaceInfo, ambiguous: bool) -> Dialogue[None]:
    """Name the protocol and the password; the domain parameters only where the chip has several."""
    data = der.encode(0x80, identifier(info.protocol)) + der.encode(0x83, _MRZ_PASSWORD)
    if ambiguous:
        data += der.encode(0x84, bytes([info.parameter or 0]))
    answer = yield from plain(Command(0x00, 0x22, 0xC1, 0xA4, data))
    answer.expect_ok("MSE:Set AT for PACE")


def _nonce(suite: Suite, password: bytes) -> Dialogue[int]:
    answer = yield from plain(Command(0x10, 0x86, 0x00, 0x00, der.encode(_DYNAMIC, b""), le=0x100))
    encrypted = _part(answer.expect_ok("PACE nonce"), 0x80)
    if len(encrypted) != _NONCE_BYTES:
        raise unreadable(f"PACE: a nonce of {len(encrypted)} bytes")
    return int.from_bytes(suite.decrypt(password, bytes(suite.block_bytes), encrypted), "big")


def _map(curve: Curve, nonce: int, chance: Chance) -> Dialogue[Point]:
    """The generator that only they know who know the password: nonce * G + an agreed point."""
    secret = curve.secret(chance(curve.chance_bytes))
    sent = curve.encode(curve.times_generator(secret))
    theirs = curve.decode((yield from _exchange(0x81, sent, 0x82, "mapping")))
    if not 0 < nonce < curve.order:
        raise unreadable("PACE: a nonce of zero")
    return curve.add(curve.times_generator(nonce), curve.times(secret, theirs))


def _exchange(tag: int, sent: bytes, answer_tag: int, step: str) -> Dialogue[bytes]:
    answer = yield from plain(Command(0x10, 0x86, 0x00, 0x00, der.encode(_DYNAMIC, der.encode(tag, sent)), le=0x100))
    return _part(answer.expect_ok(f"PACE {step}"), answer_tag)


def _confirm(info: PaceInfo, curve: Curve, key_mac: bytes, ours: Point, theirs: Point) -> Dialogue[None]:
    """Each end shows that it has the same keys, by a MAC over the other's public key."""
    proof = der.encode(_DYNAMIC, der.encode(0x85, token(info, curve, key_mac, theirs)))
    answer = yield from plain(Command(0x00, 0x86, 0x00, 0x00, proof, le=0x100))
    if answer.status in WRONG_KEY:
        raise ChipRefused(Why.KEY_WRONG, f"PACE: the chip answered {answer.status:04X} to our token")
    if not hmac.compare_digest(_token_of(answer), token(info, curve, key_mac, ours)):
        raise ChipRefused(Why.KEY_WRONG, "PACE: the chip's token is wrong: it has another key, or is not the chip")


def _part(data: bytes, tag: int) -> bytes:
    """The one part of an answer's dynamic authentication data."""
    return der.only(der.only(data, _DYNAMIC, strict=False).value, tag, strict=False).value


def _token_of(answer: Answer) -> bytes:
    """The chip's token; references to certificates, which only Terminal Authentication needs, may follow it."""
    whole = der.only(answer.data, _DYNAMIC, strict=False) if answer.status == OK else None
    parts = der.elements(whole.value, strict=False) if whole is not None else []
    if not parts or parts[0].tag != 0x86 or len(parts[0].value) != MAC_BYTES:
        raise unreadable(f"PACE token: answered {answer.status:04X}, not with a token")
    return parts[0].value


def token(info: PaceInfo, curve: Curve, key_mac: bytes, public: Point) -> bytes:
    """The MAC over a public key, written as a data object (9.4.3)."""
    return _suite(info).mac(
        key_mac,
        der.encode(
            0x7F49, der.encode(der.OBJECT_ID, identifier(info.protocol)) + der.encode(0x86, curve.encode(public))
        ),
    )
