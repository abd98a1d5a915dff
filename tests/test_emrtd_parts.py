"""The parts of a chip's protocol, each at its own edge: curves, keys, what a chip says it can, commands, messaging."""

import contextlib
import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.sim.chip_crypto import Group, Session
from hw.sim.chip_keys import AgreementKey, Offer, card_access, group_14, group_15
from hw.wire import der
from hw.wire.emrtd import STANDARDISED, ChipRefused, Curve, Why, public_keys, security_infos
from hw.wire.emrtd.apdu import Answer, Command
from hw.wire.emrtd.public_keys import EcKey, RsaKey
from hw.wire.emrtd.secure_messaging import SHORT_LE_BYTES, SecureMessaging
from hw.wire.emrtd.suites import Suite

CURVES = list(STANDARDISED.values())
CIPHERS = {1: Suite.TRIPLE_DES, 2: Suite.AES_128, 3: Suite.AES_192, 4: Suite.AES_256}


def why(caught: pytest.ExceptionInfo[ChipRefused]) -> Why:
    return caught.value.why


# ---------------------------------------------------------------- curves


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.named.name)
def test_a_curves_numbers_are_openssls(curve: Curve) -> None:
    one, two, three = (curve.times_generator(factor) for factor in (1, 2, 3))
    assert curve.add(one, one) == two
    assert curve.add(one, two) == curve.add(two, one) == three
    assert curve.times_generator(curve.order - 1) == (one[0], curve.prime - one[1])
    with pytest.raises(ValueError):
        curve.times_generator(curve.order)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.named.name)
@settings(max_examples=15)
@given(data=st.data())
def test_products_are_those_of_a_textbook(curve: Curve, data: st.DataObject) -> None:
    number = next(number for number, each in STANDARDISED.items() if each is curve)
    secret, other = (curve.secret(data.draw(st.binary(min_size=8, max_size=80))) for _ in range(2))
    group = Group(number)
    point = curve.times_generator(other)
    assert point == group.times(other, group.g)
    assert curve.times(secret, point) == group.times(secret, point)
    assert curve.times_up_to_sign(secret, point)[0] == int.from_bytes(curve.agree(secret, point), "big")
    assert curve.decode(curve.encode(point)) == point == group.read(group.written(point))


@given(st.binary(min_size=0, max_size=100))
def test_a_secret_is_never_one_with_which_a_product_is_lost(chance: bytes) -> None:
    curve = STANDARDISED[12]
    assert 2 <= curve.secret(chance) <= curve.order - 2
    assert curve.secret((curve.order - 4).to_bytes(32, "big")) == curve.order - 2
    assert curve.secret((curve.order - 3).to_bytes(32, "big")) == 2


@given(st.binary(max_size=140))
def test_bytes_are_a_point_of_the_curve_or_refused(encoded: bytes) -> None:
    curve = STANDARDISED[12]
    try:
        point = curve.decode(encoded)
    except ChipRefused as refused:
        assert refused.why is Why.UNREADABLE
    else:
        assert curve.encode(point) == encoded


def test_a_point_and_its_negative_have_no_sum_and_neither_is_a_point_off_the_curve_one() -> None:
    curve = STANDARDISED[12]
    x, y = curve.generator
    with pytest.raises(ChipRefused, match="infinity"):
        curve.add((x, y), (x, curve.prime - y))
    for wrong in (
        b"\4" + bytes(64),
        curve.encode((x, y ^ 1)),
        b"\2" + x.to_bytes(32, "big"),
        curve.encode((x, y))[:-1],
    ):
        with pytest.raises(ChipRefused):
            curve.decode(wrong)


# ---------------------------------------------------------------- a chip's public key


def ec_key(parameter: int, written_out: bool) -> bytes:
    infos = der.only(der.only(group_14((), AgreementKey(parameter, 77), written_out=written_out), 0x6E).value, der.SET)
    keys = [part for info in infos.items() for part in info.items() if part.tag == der.SEQUENCE]
    return keys[0].encoded


@pytest.mark.parametrize("parameter", STANDARDISED)
@pytest.mark.parametrize("written_out", [False, True])
def test_a_curve_by_number_or_written_out_is_the_same_curve(parameter: int, written_out: bool) -> None:
    key = public_keys.public_key(ec_key(parameter, written_out))
    assert isinstance(key, EcKey)
    assert key.curve is STANDARDISED[parameter]
    assert key.point == key.curve.times_generator(77)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.named.name)
def test_a_curve_by_name_is_known(curve: Curve) -> None:
    private = ec.derive_private_key(77, curve.named)
    key = public_keys.public_key(der.only(group_15(private), 0x6F).value)
    assert key == EcKey(curve, curve.times_generator(77))


def test_a_curve_written_out_with_another_base_point_is_refused() -> None:
    curve, encoded = STANDARDISED[12], ec_key(12, True)
    base, other = curve.encode(curve.generator), curve.encode(curve.times_generator(2))
    assert base in encoded
    with pytest.raises(ChipRefused, match="written out") as caught:
        public_keys.public_key(encoded.replace(base, other))
    assert why(caught) is Why.UNSUPPORTED


@pytest.mark.parametrize("number", [curve.prime for curve in CURVES[:2]] + [curve.order for curve in CURVES[:2]])
def test_a_curve_written_out_with_another_number_is_refused(number: int) -> None:
    parameter = next(each for each, curve in STANDARDISED.items() if number in (curve.prime, curve.order))
    encoded = ec_key(parameter, True)
    size = (number.bit_length() + 7) // 8
    with pytest.raises(ChipRefused) as caught:
        public_keys.public_key(encoded.replace(number.to_bytes(size, "big"), (number - 2).to_bytes(size, "big")))
    assert why(caught) is Why.UNSUPPORTED


def spki(algorithm: str, *parameters: bytes, key: bytes = b"\4") -> bytes:
    kind = der.encode(der.SEQUENCE, der.encode_object_id(algorithm), *parameters)
    return der.encode(der.SEQUENCE, kind, der.encode(der.BIT_STRING, b"\0", key))


@pytest.mark.parametrize(
    "info",
    [
        spki("1.2.840.10045.2.1", der.encode_object_id("1.3.132.0.10")),  # a curve for money, not for documents
        spki("1.2.840.10045.2.1", der.encode(der.NULL)),
        spki("0.4.0.127.0.7.1.2", der.encode_integer(11)),
        spki("1.2.840.10040.4.1"),
        spki("1.2.840.10045.2.1", der.encode(
            der.SEQUENCE,
            der.encode_integer(1),
            der.encode(der.SEQUENCE, der.encode_object_id("1.2.840.10045.1.2"), der.encode_integer(163)),
            der.encode(der.SEQUENCE, der.encode(der.OCTET_STRING, b"\1"), der.encode(der.OCTET_STRING, b"\1")),
            der.encode(der.OCTET_STRING, b"\4"),
            der.encode_integer(7),
        )),
    ],
)  # fmt: skip
def test_a_key_of_another_kind_is_unsupported(info: bytes) -> None:
    with pytest.raises(ChipRefused) as caught:
        public_keys.public_key(info)
    assert why(caught) is Why.UNSUPPORTED


def rsa_key(modulus: int, exponent: int) -> bytes:
    key = der.encode(der.SEQUENCE, der.encode_integer(modulus), der.encode_integer(exponent))
    return spki("1.2.840.113549.1.1.1", der.encode(der.NULL), key=key)


def test_an_rsa_key_is_taken_within_its_bounds_alone() -> None:
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    assert public_keys.public_key(rsa_key(numbers.n, 65537)) == RsaKey(numbers.n, 65537)
    for modulus, exponent in [
        (numbers.n >> 1 | 1, 65537),
        (numbers.n << 3080 | 1, 65537),
        (numbers.n + 1, 65537),
        (numbers.n, 1),
        (numbers.n, 65536),
        (numbers.n, 2**32 + 1),
    ]:
        with pytest.raises(ChipRefused) as caught:
            public_keys.public_key(rsa_key(modulus, exponent))
        assert why(caught) is Why.UNSUPPORTED


@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_or_refused(info: bytes) -> None:
    with contextlib.suppress(ChipRefused, der.Malformed):
        public_keys.public_key(info)


# ---------------------------------------------------------------- what a chip says of itself


def test_what_a_chip_says_in_the_open_it_says_in_dg14_too() -> None:
    offers = (Offer(2, 13), Offer(4, 15))
    signed = security_infos.group_14(group_14(offers, AgreementKey(13, 5, 3, 9), "sha384"))
    assert signed.pace == security_infos.card_access(card_access(offers)).pace
    assert [info.suite for info in sorted(signed.pace, key=str)] == [Suite.AES_128, Suite.AES_256]
    assert [(key.number, key.elliptic) for key in signed.chip_keys] == [(9, True)]
    assert [(method.suite, method.number) for method in signed.chip_methods] == [(Suite.AES_192, 9)]
    assert signed.active_digest == "sha384"


def info(protocol: str, *parts: bytes) -> bytes:
    return der.encode(der.SET, der.encode(der.SEQUENCE, der.encode_object_id(protocol), *parts))


def test_what_is_not_known_is_passed_over_and_what_is_known_must_be_well_formed() -> None:
    assert security_infos.card_access(info("0.4.0.127.0.7.2.2.6", der.encode_integer(1))).pace == frozenset()
    assert security_infos.card_access(info("0.4.0.127.0.7.2.2.4.2", der.encode(der.NULL))).pace == frozenset()
    for bad in (
        info("0.4.0.127.0.7.2.2.4.2.2", der.encode_integer(2), der.encode_integer(2**32)),
        info("0.4.0.127.0.7.2.2.4.2.2", der.encode_integer(2), der.encode_integer(12), der.encode(der.NULL)),
        info("0.4.0.127.0.7.2.2.4.2.2", der.encode(der.NULL)),
        info("0.4.0.127.0.7.2.2.1.2", der.encode_integer(2)),
        b"",
    ):
        with pytest.raises(der.Malformed):
            security_infos.card_access(bad)


@pytest.mark.parametrize("signature", ["1.2.840.10045.4.3.2", "0.4.0.127.0.7.1.1.4.1.6"])
def test_active_authentication_by_another_signature_is_unsupported(signature: str) -> None:
    with pytest.raises(ChipRefused) as caught:
        security_infos.card_access(info("2.23.136.1.1.5", der.encode_integer(1), der.encode_object_id(signature)))
    assert why(caught) is Why.UNSUPPORTED


@given(st.binary(max_size=200))
def test_any_bytes_say_something_or_are_refused(file: bytes) -> None:
    with contextlib.suppress(ChipRefused, der.Malformed):
        security_infos.card_access(file)


# ---------------------------------------------------------------- commands and secure messaging


@pytest.mark.parametrize(
    ("command", "encoded"),
    [
        (Command(0, 0x84, 0, 0), "00840000"),
        (Command(0, 0x84, 0, 0, le=8), "0084000008"),
        (Command(0, 0x84, 0, 0, le=256), "0084000000"),
        (Command(0, 0x84, 0, 0, le=257), "00840000000101"),
        (Command(0, 0x84, 0, 0, le=65536), "00840000000000"),
        (Command(0, 0xA4, 2, 12, b"\1\x1e"), "00A4020C02011E"),
        (Command(0, 0xA4, 2, 12, b"\1\x1e", 256), "00A4020C02011E00"),
        (Command(0, 0xA4, 2, 12, bytes(256)), "00A4020C000100" + "00" * 256),
        (Command(0, 0xA4, 2, 12, b"\1", 257), "00A4020C000001010101"),
    ],
)
def test_lengths_are_extended_only_where_short_ones_do_not_do(command: Command, encoded: str) -> None:
    assert command.encode().hex().upper() == encoded


@pytest.mark.parametrize("answer", [b"", b"\x90", bytes(65539)])
def test_an_answer_without_a_status_or_longer_than_any_is_refused(answer: bytes) -> None:
    with pytest.raises(ChipRefused):
        Answer.parse(answer)


@pytest.mark.parametrize("cipher", CIPHERS)
@given(data=st.binary(max_size=400), said=st.binary(max_size=400), odd=st.booleans(), le=st.integers(1, 65536))
def test_both_ends_of_a_session_understand_each_other(
    cipher: int, data: bytes, said: bytes, odd: bool, le: int
) -> None:
    near, far = SecureMessaging(CIPHERS[cipher], b"secret"), Session.of(cipher, b"secret")
    for _ in range(2):
        wrapped = near.wrap(Command(0, 0xB0 | odd, 0, 0, data, le))
        extended = wrapped[4] == 0
        size, start = (int.from_bytes(wrapped[5:7], "big"), 7) if extended else (wrapped[4], 5)
        assert far.opened(wrapped[:4], wrapped[start : start + size]) == (data, le)
        assert near.unwrap(far.closed(said, 0x9000, odd)) == Answer(said, 0x9000)


def test_the_longest_part_that_is_asked_for_by_short_lengths_fits_into_a_short_answer() -> None:
    for cipher in CIPHERS:
        assert len(Session.of(cipher, b"").closed(bytes(SHORT_LE_BYTES), 0x9000)) <= 258


def session(cipher: int = 4) -> tuple[SecureMessaging, Session]:
    near, far = SecureMessaging(CIPHERS[cipher], b"secret"), Session.of(cipher, b"secret")
    near.wrap(Command(0, 0xB0, 0, 0, le=8))
    far.counter += 1
    return near, far


@pytest.mark.parametrize("cipher", CIPHERS)
@given(at=st.integers(0, 200), mask=st.integers(1, 255))
def test_a_changed_answer_is_refused_and_ends_the_session(cipher: int, at: int, mask: int) -> None:
    near, far = session(cipher)
    answer = bytearray(far.closed(b"a portrait", 0x9000))
    answer[at % len(answer)] ^= mask
    with pytest.raises((ChipRefused, der.Malformed)):
        near.unwrap(bytes(answer))
    with pytest.raises(ChipRefused, match="over"):
        near.wrap(Command(0, 0xB0, 0, 0, le=8))


def test_an_answer_of_before_and_one_left_out_are_refused() -> None:
    near, far = session()
    old = far.closed(b"first", 0x9000)
    near.unwrap(old)
    near.wrap(Command(0, 0xB0, 0, 0, le=8))
    with pytest.raises(ChipRefused, match="MAC"):
        near.unwrap(old)
    near, far = session()
    far.closed(b"left out", 0x9000)
    with pytest.raises(ChipRefused, match="MAC"):
        near.unwrap(far.closed(b"next", 0x9000))


@pytest.mark.parametrize(
    "answer",
    [
        b"\x90\x00",
        b"\x69\x88",
        b"\x99\x02\x90\x00\x90\x00",  # no MAC
        b"\x8e\x08" + bytes(8) + b"\x90\x00",  # no status
        b"\x99\x02\x90\x00\x8e\x00\x90\x00",  # an empty MAC
        b"\x8e\x08" + bytes(8) + b"\x99\x02\x90\x00\x90\x00",  # another order
        b"\x87\x01\x01" * 2 + b"\x99\x02\x90\x00\x8e\x08" + bytes(8) + b"\x90\x00",  # two of them
    ],
)
def test_an_answer_that_is_not_protected_is_refused(answer: bytes) -> None:
    near, _ = session()
    with pytest.raises(ChipRefused):
        near.unwrap(answer)


@pytest.mark.parametrize("status", [0x6A82, 0x6B00])
def test_a_status_is_believed_only_as_it_was_authenticated(status: int) -> None:
    near, far = session()
    answer = far.closed(b"", status)
    with pytest.raises(ChipRefused, match="status"):
        near.unwrap(answer[:-2] + b"\x90\x00")
    near, far = session()
    assert near.unwrap(far.closed(b"", status)).status == status


@pytest.mark.parametrize("cryptogram", [b"", b"\2" + bytes(16), b"\1" + bytes(15), b"\1" + bytes(16), b"\1"])
def test_an_authentic_answer_that_cannot_be_decrypted_is_refused(cryptogram: bytes) -> None:
    near, far = session()
    far.counter += 1
    body = der.encode(0x87, cryptogram) + der.encode(0x99, b"\x90\x00")
    answer = body + der.encode(0x8E, far._mac(body)) + b"\x90\x00"
    with pytest.raises(ChipRefused):
        near.unwrap(answer)


def test_keys_are_not_shown() -> None:
    assert "secret" not in repr(SecureMessaging(Suite.AES_128, b"secret"))
    assert dataclasses.fields(AgreementKey)[1].repr is False
