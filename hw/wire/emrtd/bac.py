"""Basic Access Control (ICAO 9303-11, 4.3 and appendix D): the older way in, by 3DES and what is printed."""

import hashlib
import hmac

from hw.wire.emrtd.apdu import OK, WRONG_KEY, Answer, Chance, Command, Dialogue, plain
from hw.wire.emrtd.refusal import ChipRefused, Why, unreadable
from hw.wire.emrtd.secure_messaging import SecureMessaging
from hw.wire.emrtd.suites import FOR_ENCRYPTION, FOR_MAC, MAC_BYTES, Suite

_CHALLENGE_BYTES, _HALF_BYTES = 8, 16
_IV = bytes(8)


def establish(key: bytes, chance: Chance) -> Dialogue[SecureMessaging]:
    """Open the chip with the MRZ information. Raises ChipRefused: KEY_WRONG, or a chip outside the standard."""
    suite, seed = Suite.TRIPLE_DES, hashlib.sha1(key, usedforsecurity=True).digest()[:16]  # noqa: S324  the standard's
    key_enc, key_mac = suite.derive(seed, FOR_ENCRYPTION), suite.derive(seed, FOR_MAC)
    answer = yield from plain(Command(0x00, 0x84, 0x00, 0x00, le=_CHALLENGE_BYTES))
    theirs, ours = answer.expect_ok("GET CHALLENGE"), chance(_CHALLENGE_BYTES)
    half = chance(_HALF_BYTES)
    if len(theirs) != _CHALLENGE_BYTES:
        raise unreadable(f"a challenge of {len(theirs)} bytes")
    cryptogram = suite.encrypt(key_enc, _IV, ours + theirs + half)
    proof = cryptogram + suite.mac(key_mac, cryptogram)
    answer = yield from plain(Command(0x00, 0x82, 0x00, 0x00, proof, le=len(proof)))
    returned = _cryptogram(answer, len(proof))
    if not hmac.compare_digest(suite.mac(key_mac, returned), answer.data[-MAC_BYTES:]):
        raise unreadable("EXTERNAL AUTHENTICATE: an answer with a wrong MAC")
    opened = suite.decrypt(key_enc, _IV, returned)
    if opened[: 2 * _CHALLENGE_BYTES] != theirs + ours:
        raise unreadable("EXTERNAL AUTHENTICATE: other challenges came back")
    secret = bytes(a ^ b for a, b in zip(half, opened[2 * _CHALLENGE_BYTES :], strict=True))
    return SecureMessaging(suite, secret, int.from_bytes(theirs[4:] + ours[4:], "big"))


def _cryptogram(answer: Answer, expected_bytes: int) -> bytes:
    if answer.status in WRONG_KEY:
        raise ChipRefused(Why.KEY_WRONG, f"EXTERNAL AUTHENTICATE: answered {answer.status:04X}")
    if answer.status != OK or len(answer.data) != expected_bytes:
        raise unreadable(f"EXTERNAL AUTHENTICATE: answered {answer.status:04X} with {len(answer.data)} bytes")
    return answer.data[:-MAC_BYTES]
