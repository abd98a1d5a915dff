"""Signed tokens: what an issuer signed is read, and nothing that anybody else made, changed or spelt otherwise."""

import time
from dataclasses import replace
from typing import Any

import cwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSE, COSEAlgs, COSEHeaders, COSEKey
from hypothesis import given
from hypothesis import strategies as st

from gatefw import base45, cbor, signed_token
from gatefw.model import Failed, Reason, Token
from gatefw.signed_token import Claims, Direction, Forged, Malformed, Signed

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY_ID = "5f1c09d2"
ISSUERS = {KEY_ID: KEY.public_key()}
CLAIMS = Claims(
    "GATE1:ABCDEFGHIJKLMNOPQRSTUVWXYZ22", "lane-1", Direction.ARRIVAL, 1_800_000_000, 1_800_000_300, b"id" * 4
)
TEXT = signed_token.issue(CLAIMS, KEY_ID, KEY)


def _read(text: bytes, symbology: str = "") -> Signed:
    return signed_token.read(Token(text, symbology), ISSUERS)


def _assembled(claims: Any = None, protected: Any = None, unprotected: Any = None, **given: Any) -> bytes:
    """A token with the right signature over whatever is in it."""
    payload = cbor.encode(_raw(CLAIMS) if claims is None else claims)
    header = cbor.encode({1: -8, 4: bytes.fromhex(KEY_ID)} if protected is None else protected)
    signature = given.get("signature", KEY.sign(cbor.encode(("Signature1", header, b"", payload))))
    inner = (header, {} if unprotected is None else unprotected, payload, signature)
    return b"GW1:" + base45.encode(cbor.encode(cbor.Tagged(given.get("tag", 18), inner)))


def _raw(claims: Claims) -> dict[Any, Any]:
    numbers = {Direction.ARRIVAL: 1, Direction.DEPARTURE: 2}
    return {2: claims.subject, 3: claims.lane, 4: claims.expires, 5: claims.not_before, 7: claims.id,
            -65537: numbers[claims.direction]}  # fmt: skip


@given(
    st.builds(
        Claims,
        st.from_regex(r"[A-Z0-9:]{8,40}", fullmatch=True),
        st.from_regex(r"[a-z0-9][a-z0-9\-]{0,39}", fullmatch=True),
        st.sampled_from(Direction),
        st.integers(0, 1 << 32),
        st.integers((1 << 32) + 1, (1 << 33) - 1),
        st.binary(min_size=8, max_size=16),
    ),
    st.sampled_from(["", "]Q0", "]Q1", "]Q3"]),
)
def test_what_was_issued_is_read_by_who_knows_the_issuer(claims: Claims, symbology: str) -> None:
    assert _read(signed_token.issue(claims, KEY_ID, KEY), symbology) == Signed(KEY_ID, claims)


def test_a_token_never_shows_in_a_log() -> None:
    assert "GATE1" not in repr(_read(TEXT))
    assert repr(CLAIMS.id) not in repr(_read(TEXT))


# ---------------------------------------------------------------- against another implementation


def _their_key(private: Any = KEY) -> COSEKey:
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return COSEKey.from_pem(pem, kid=bytes.fromhex(KEY_ID))


def test_another_implementation_reads_our_tokens_and_finds_the_same_claims() -> None:
    now = int(time.time())
    claims = replace(CLAIMS, not_before=now - 3600, expires=now + 3600)
    text = signed_token.issue(claims, KEY_ID, KEY)
    found = cwt.CWT.new(leeway=1).decode(base45.decode(text[4:]), _their_key())
    assert found == _raw(claims)


def test_we_read_the_tokens_of_another_implementation() -> None:
    header = {COSEHeaders.ALG: COSEAlgs.EDDSA, COSEHeaders.KID: bytes.fromhex(KEY_ID)}
    theirs = COSE.new().encode(
        cbor.encode(_raw(CLAIMS)), _their_key(), protected=header, unprotected={}, out="cbor2/CBORTag"
    )
    assert theirs.tag == 18
    inner = tuple(dict(part) if isinstance(part, dict) else part for part in theirs.value)
    assert _read(b"GW1:" + base45.encode(cbor.encode(cbor.Tagged(18, inner)))) == Signed(KEY_ID, CLAIMS)


# ---------------------------------------------------------------- forged


@given(st.integers(4, len(TEXT) - 1), st.sampled_from(sorted(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")))
def test_a_token_with_any_character_changed_is_refused(at: int, character: int) -> None:
    changed = TEXT[:at] + bytes((character,)) + TEXT[at + 1 :]
    if changed != TEXT:
        with pytest.raises((Malformed, Forged)):
            _read(changed)


def test_the_claims_of_one_token_under_the_signature_of_another_are_forged() -> None:
    other = _raw(replace(CLAIMS, lane="lane-2"))
    genuine = cbor.decode(base45.decode(TEXT[4:]))
    assert isinstance(genuine, cbor.Tagged)
    assert isinstance(genuine.value, tuple)
    with pytest.raises(Forged, match="signature"):
        _read(_assembled(other, signature=genuine.value[3]))


def test_a_stranger_with_the_right_key_id_and_a_stranger_with_their_own_are_forgers() -> None:
    stranger = Ed25519PrivateKey.generate()
    with pytest.raises(Forged, match="signature is not that"):
        _read(signed_token.issue(CLAIMS, KEY_ID, stranger))
    with pytest.raises(Forged, match="no issuer of this lane has the key id aa"):
        _read(signed_token.issue(CLAIMS, "aa", stranger))


def test_the_claims_of_a_forged_token_are_not_even_looked_at() -> None:
    with pytest.raises(Forged):
        _read(_assembled({1: "nonsense"}, signature=bytes(64)))


# ---------------------------------------------------------------- malformed


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"tag": 17}, "COSE_Sign1"),
        ({"unprotected": {4: b"x"}}, "empty unprotected"),
        ({"signature": bytes(63)}, "64 bytes"),
        ({"signature": 5}, "64 bytes"),
        ({"protected": {1: -7, 4: b"x"}}, "EdDSA"),
        ({"protected": {1: -8}}, "exactly the keys 1, 4"),
        ({"protected": {1: -8, 4: b"x", 5: 1}}, "exactly the keys"),
        ({"protected": {1: -8, 4: b""}}, "key id"),
        ({"protected": {1: -8, 4: bytes(17)}}, "key id"),
        ({"protected": {1: -8, 4: "text"}}, "key id"),
        ({"protected": (1, 2)}, "exactly the keys"),
        ({"claims": {**_raw(CLAIMS), 1: "issuer"}}, "exactly the keys"),
        ({"claims": {key: value for key, value in _raw(CLAIMS).items() if key != 4}}, "exactly the keys"),
        ({"claims": "text"}, "exactly the keys"),
        *(
            ({"claims": {**_raw(CLAIMS), key: value}}, "out of its bounds")
            for key, value in [
                (2, b"GATE1:ABC"), (2, "short"), (2, "x" * 41), (2, "A B C D E F"), (3, "Lane 1"), (3, ""), (3, 7),
                (4, 1_800_000_000), (4, 1 << 33), (4, "1800000300"), (5, -1), (5, 1_800_000_300), (7, bytes(7)),
                (7, bytes(17)), (7, 12345678), (-65537, 3), (-65537, 0), (-65537, "arrival"), (-65537, {}),
            ]
        ),
    ],
)  # fmt: skip
def test_a_rightly_signed_token_of_another_form_is_malformed(given: dict[str, Any], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        _read(_assembled(**given))


@pytest.mark.parametrize("text", [b"GW1:", b"GW1:A", b"GW1:::::", b"GW2:" + TEXT[4:], TEXT.lower(), b"", TEXT + b"00"])
def test_a_text_of_another_form_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        _read(text)


def test_a_token_that_is_too_long_is_not_decoded() -> None:
    with pytest.raises(Malformed, match="at most 640"):
        _read(b"GW1:" + b"0" * 640)


def test_a_signed_token_out_of_a_barcode_is_malformed() -> None:
    with pytest.raises(Malformed, match="QR code"):
        _read(TEXT, "]C0")


def test_a_header_or_claims_that_are_no_deterministic_cbor_are_malformed() -> None:
    header, loose = cbor.encode({1: -8, 4: bytes.fromhex(KEY_ID)}), b"\xa2\x02\x60\x02\x60"
    signature = KEY.sign(cbor.encode(("Signature1", header, b"", loose)))
    text = b"GW1:" + base45.encode(cbor.encode(cbor.Tagged(18, (header, {}, loose, signature))))
    with pytest.raises(Malformed, match=r"claims: .*doubled"):
        _read(text)


@given(st.binary(max_size=200))
def test_any_payload_is_refused_with_its_reason(payload: bytes) -> None:
    for text in (payload, b"GW1:" + payload, b"GW1:" + base45.encode(payload)):
        with pytest.raises((Malformed, Forged)) as refused:
            _read(text)
        assert signed_token.failure(refused.value) in (
            Failed(Reason.TOKEN_MALFORMED),
            Failed(Reason.TOKEN_FORGED),
        )


def test_nothing_is_issued_that_no_lane_would_read() -> None:
    with pytest.raises(Malformed):
        signed_token.issue(replace(CLAIMS, subject="x"), KEY_ID, KEY)


# ---------------------------------------------------------------- keys


def test_a_public_key_is_sixty_four_hex_digits() -> None:
    raw = KEY.public_key().public_bytes_raw()
    assert signed_token.public_key(raw.hex()).public_bytes_raw() == raw
    for text in ("", raw.hex()[:-1], raw.hex().upper() + "00", "zz" * 32):
        with pytest.raises(ValueError, match="64 hex digits"):
            signed_token.public_key(text)


P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def _sum(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Addition on edwards25519 (RFC 8032, 5.1.4), affine."""
    (x1, y1), (x2, y2) = left, right
    k = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def _point(y: int) -> tuple[int, int] | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return None if (x * x - square) % P else (x, y)


def _times(number: int, point: tuple[int, int]) -> tuple[int, int]:
    found = (0, 1)
    while number:
        if number & 1:
            found = _sum(found, point)
        point, number = _sum(point, point), number >> 1
    return found


def test_keys_for_which_anybody_can_sign_are_refused() -> None:
    """All eight points of small order, worked out here as multiples of the group's order; and place holders."""
    order = 2**252 + 27742317777372353535851937790883648493
    points = [point for y in range(2, 30) if (point := _point(y)) is not None]
    small = {_times(order * cofactor, point) for point in points for cofactor in range(8)}
    assert len(small) == 8
    for y in {y for _, y in small} | {P, P + 1}:
        for sign in (0, 1):
            with pytest.raises(ValueError, match="anybody can sign"):
                signed_token.public_key((y | sign << 255).to_bytes(32, "little").hex())


def test_a_key_of_another_kind_signs_nothing_that_is_taken() -> None:
    es256 = COSEKey.from_pem(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        kid=bytes.fromhex(KEY_ID),
    )
    header = {COSEHeaders.ALG: COSEAlgs.ES256, COSEHeaders.KID: bytes.fromhex(KEY_ID)}
    theirs = COSE.new().encode(cbor.encode(_raw(CLAIMS)), es256, protected=header, unprotected={})
    with pytest.raises(Malformed, match="EdDSA"):
        _read(b"GW1:" + base45.encode(theirs))
