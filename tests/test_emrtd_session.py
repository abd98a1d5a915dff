"""A whole reading of a chip, in memory: what is read, what is refused, and that nothing said on the way changes it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hw.sim.chip import Chip, Fault, Personalisation
from hw.sim.chip_access import signed
from hw.sim.chip_crypto import cbc, derived, mac
from hw.sim.chip_faults import altered, garbage
from hw.sim.chip_keys import CARD_ACCESS, COM, SOD, AgreementKey, Offer, card_access, group_14, personalise
from hw.sim.passport import Authority, Signer
from hw.wire import der
from hw.wire.emrtd import ChipRefused, Proof, Reading, Why, read_chip
from hw.wire.emrtd import active_authentication as active
from hw.wire.emrtd.public_keys import RsaKey

PICTURE = b"\xff\xd8\xff" + bytes(700)
AGREEMENT = AgreementKey(12, 0xABCDEF0123456789)
PACE = (Offer(4, 12),)


@cache
def office() -> Signer:
    return Signer(Authority())


@cache
def made(kind: str) -> Personalisation:
    words: dict[str, Any] = {
        "bac": {},
        "pace and chip": {"offers": PACE, "agreement": AGREEMENT},
        "pace": {"offers": PACE, "signing": ec.generate_private_key(ec.SECP256R1())},
        "bac and rsa": {"signing": rsa.generate_private_key(65537, 1024)},
    }[kind]
    return personalise(office(), picture=PICTURE, **words)[1]


def chance_of(seed: bytes) -> Callable[[int], bytes]:
    """Randomness that is the same for the same seed."""
    turn = iter(range(1_000_000))
    return lambda count: hashlib.shake_128(seed + next(turn).to_bytes(4, "big")).digest(count)


def read(made: Personalisation, fault: Fault | None = None, part_bytes: int = 223, seed: bytes = b"") -> Reading:
    chip = Chip(made, fault, chance_of(b"chip" + seed))
    dialogue = read_chip(made.key, chance_of(b"reader" + seed), part_bytes)
    try:
        command = next(dialogue)
        while True:
            command = dialogue.send(chip.transmit(command))
    except StopIteration as ended:
        reading: Reading = ended.value
        return reading


def refused(made: Personalisation, fault: Fault | None = None) -> Why:
    with pytest.raises(ChipRefused) as caught:
        read(made, fault)
    return caught.value.why


def files_of(made: Personalisation) -> tuple[dict[int, bytes], bytes, bytes]:
    groups = {name - 0x0100: file for name, file in made.files.items() if name < 0x0111}
    return groups, made.files[COM], made.files[SOD]


@pytest.mark.parametrize("parameter", [10, 12, 13, 15, 16, 17, 18])
@pytest.mark.parametrize("cipher", [1, 2, 3, 4])
def test_every_curve_with_every_cipher_opens_and_proves_a_chip(parameter: int, cipher: int) -> None:
    key = AgreementKey(parameter, 0xFEDCBA9876543210, cipher)
    document = personalise(office(), None, (Offer(cipher, parameter),), key, picture=PICTURE, written_out=cipher % 2)[1]
    reading = read(document)
    assert (reading.groups, reading.com, reading.sod) == files_of(document)
    assert reading.proof is Proof.CHIP


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.BrainpoolP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_active_authentication_by_ecdsa(curve: ec.EllipticCurve, digest: str) -> None:
    signing = ec.generate_private_key(curve)
    assert read(personalise(office(), signing=signing, digest=digest, picture=PICTURE)[1]).proof is Proof.ACTIVE


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_active_authentication_by_rsa_with_every_hash(digest: str) -> None:
    document = replace(made("bac and rsa"), digest=digest)
    assert read(document).proof is Proof.ACTIVE


def test_a_signature_and_its_negative_are_the_same_to_iso_9796() -> None:
    document = made("bac and rsa")
    key = active.group_15(document.files[0x010F])
    assert document.signing is not None and isinstance(key, RsaKey)
    signature = signed(document.signing, "sha256", bytes(8), chance_of(b""))
    other = (key.modulus - int.from_bytes(signature, "big")).to_bytes(len(signature), "big")
    active.verify(key, bytes(8), signature, None)
    active.verify(key, bytes(8), other, None)
    with pytest.raises(ChipRefused):
        active.verify(key, bytes(7) + b"\1", other, None)


@pytest.mark.parametrize(("picture_bytes", "part_bytes"), [(700, 16), (700, 231), (40_000, 223), (80_000, 60_000)])
def test_files_of_any_length_are_read_in_parts_of_any_length(picture_bytes: int, part_bytes: int) -> None:
    document = personalise(office(), None, PACE, AGREEMENT, picture=b"\xff\xd8\xff" + bytes(picture_bytes))[1]
    reading = read(document, part_bytes=part_bytes)
    assert (reading.groups, reading.com, reading.sod) == files_of(document)


def without(made: Personalisation, *names: int) -> Personalisation:
    return replace(made, files={name: file for name, file in made.files.items() if name not in names})


def test_ef_com_may_be_missing_and_nothing_else_that_is_needed() -> None:
    assert read(without(made("pace and chip"), COM)).com is None
    for name in (SOD, 0x0101, 0x0102):
        assert refused(without(made("bac"), name)) is Why.UNREADABLE
    assert refused(without(made("pace and chip"), SOD)) is Why.CLONED  # it was the first thing asked of the proven chip


def test_a_copy_that_hides_its_keys_is_read_without_proof_and_its_owner_sees_the_groups_are_missing() -> None:
    reading = read(without(made("pace and chip"), 0x010E))
    assert (reading.proof, set(reading.groups)) == (Proof.NONE, {1, 2})


def test_pace_that_dg14_names_and_ef_cardaccess_does_not_is_a_downgrade() -> None:
    document = made("pace and chip")
    assert refused(without(document, CARD_ACCESS)) is Why.ALTERED
    weak = (Offer(1, 12),)
    files = {**document.files, CARD_ACCESS: card_access(weak)}
    assert refused(replace(document, files=files, offers=weak)) is Why.ALTERED


@pytest.mark.parametrize("last", ["1.2", "3.2", "6.2", "2.9"])
def test_pace_of_a_kind_that_is_not_done_is_unsupported_and_bac_is_not_tried(last: str) -> None:
    asked: list[bytes] = []

    def fault(number: int, command: bytes, answer: bytes) -> bytes:
        asked.append(command)
        return answer

    info = der.encode(
        der.SEQUENCE,
        der.encode_object_id(f"0.4.0.127.0.7.2.2.4.{last}"),
        der.encode_integer(2),
        der.encode_integer(12),
    )
    files = {**made("bac").files, CARD_ACCESS: der.encode(der.SET, info)}
    assert refused(replace(made("bac"), files=files), fault) is Why.UNSUPPORTED
    assert all(command[1] in (0xA4, 0xB0) for command in asked)


@pytest.mark.parametrize("parameter", [0, 2, 8, 11, 14, 31])
def test_pace_on_parameters_that_are_not_done_is_unsupported(parameter: int) -> None:
    files = {**made("bac").files, CARD_ACCESS: card_access((Offer(4, parameter),))}
    assert refused(replace(made("bac"), files=files)) is Why.UNSUPPORTED


def chip_info(*parts: bytes, protocol: str = "0.4.0.127.0.7.2.2.1.1") -> bytes:
    info = der.encode(der.SEQUENCE, der.encode_object_id(protocol), *parts)
    return der.encode(0x6E, der.encode(der.SET, info))


def test_a_chip_whose_only_key_is_of_a_kind_that_is_not_done_is_unsupported() -> None:
    key = der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, der.encode_object_id("1.2.840.10046.2.1")))
    document = replace(made("bac"), files={**made("bac").files, 0x010E: chip_info(key)})
    assert refused(document) is Why.UNSUPPORTED


def test_a_key_that_names_no_method_is_used_with_3des() -> None:
    key = replace(AGREEMENT, cipher=1)
    infos = der.only(der.only(group_14((), key), 0x6E).value, der.SET).items()
    unnamed = der.encode(0x6E, der.encode(der.SET, min((info.encoded for info in infos), key=lambda x: -len(x))))
    document = replace(made("bac"), files={**made("bac").files, 0x010E: unnamed}, agreement=key)
    assert read(document).proof is Proof.CHIP


def test_ecdsa_without_a_hash_named_in_dg14_is_unsupported() -> None:
    document = made("pace")
    files = {**document.files, 0x010E: group_14(PACE)}
    assert refused(replace(document, files=files)) is Why.UNSUPPORTED


def test_a_chip_that_sends_our_own_key_back_is_not_spoken_to() -> None:
    def mirror(number: int, command: bytes, answer: bytes) -> bytes:
        if command[:2] == b"\x10\x86" and command[7:8] == b"\x83":
            return command[5:7] + b"\x84" + command[8 : 5 + command[4]] + b"\x90\x00"
        return answer

    assert refused(made("pace"), mirror) is Why.UNREADABLE


@pytest.mark.parametrize(
    "file", [b"\x61\x84\x7f\xff\xff\xff\0\0", b"\x61\x83\xff\xff\xff\0\0\0", b"\x61\x02\0\0", bytes(8)]
)
def test_a_file_that_claims_to_be_endless_or_is_too_short_is_not_read(file: bytes) -> None:
    assert refused(replace(made("bac"), files={**made("bac").files, 0x0101: file})) is Why.UNREADABLE


@pytest.mark.parametrize("status", [0x6A82, 0x6982, 0x6D00])
def test_a_chip_without_ef_cardaccess_is_opened_by_bac_whatever_word_it_has_for_that(status: int) -> None:
    def fault(number: int, command: bytes, answer: bytes) -> bytes:
        return status.to_bytes(2, "big") if number == 0 else answer

    assert read(made("bac"), fault).proof is Proof.NONE


def _counted(kind: str) -> list[int]:
    counted: list[int] = []

    def fault(number: int, command: bytes, answer: bytes) -> bytes:
        counted.append(len(answer))
        return answer

    read(made(kind), fault)
    return counted


@pytest.mark.parametrize("kind", ["bac", "pace and chip", "pace", "bac and rsa"])
@settings(max_examples=60)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 400), mask=st.integers(1, 255))
@example(at=0, byte=0, mask=0x10)
def test_no_byte_of_an_answer_can_be_changed_without_refusal_and_never_to_another_result(
    kind: str, at: int, byte: int, mask: int
) -> None:
    document = made(kind)
    try:
        reading = read(document, altered(at % len(_lengths(kind)), byte, mask))
    except ChipRefused:
        return
    assert (reading.groups, reading.com, reading.sod) == files_of(document)
    assert reading.proof is PROOFS[kind]


@cache
def _lengths(kind: str) -> tuple[int, ...]:
    return tuple(_counted(kind))


PROOFS = {"bac": Proof.NONE, "pace and chip": Proof.CHIP, "pace": Proof.ACTIVE, "bac and rsa": Proof.ACTIVE}


@pytest.mark.parametrize("kind", ["bac", "pace and chip"])
def test_under_secure_messaging_a_change_of_any_one_byte_is_always_refused(kind: str) -> None:
    first = {"bac": 4, "pace and chip": 8}[kind]  # commands in the open before it
    for at in range(first, len(_lengths(kind))):
        for byte in (0, 1, _lengths(kind)[at] // 2, -3, -2, -1):
            assert refused(made(kind), altered(at, byte, 0x04)) in (Why.UNREADABLE, Why.CLONED)


@settings(max_examples=60)
@given(st.integers(0, 30), st.binary(max_size=300))
def test_garbage_instead_of_an_answer_is_refused_or_ignored_and_never_believed(at: int, said: bytes) -> None:
    document = made("pace and chip")
    try:
        reading = read(document, lambda number, command, answer: said if number == at else answer)
    except ChipRefused:
        return
    assert (reading.groups, reading.com, reading.sod) == files_of(document)


def test_what_a_refusal_says_and_what_is_shown_of_a_reading_holds_nothing_of_the_document() -> None:
    reading = read(made("pace and chip"))
    assert "L898902C3" not in repr(reading)
    assert repr(reading) == "Reading(proof=<Proof.CHIP: 'chip'>)"
    assert "b'" not in repr(made("pace and chip"))


def said_at(at: int, answer: bytes) -> Fault:
    return garbage(at, answer + b"\x90\x00")


@pytest.mark.parametrize("said", [b"", bytes(7), bytes(9)])
def test_a_challenge_of_another_length_is_refused(said: bytes) -> None:
    assert refused(made("bac"), said_at(2, said)) is Why.UNREADABLE


@pytest.mark.parametrize("said", [b"", bytes(39), bytes(41), bytes(40)])
def test_a_proof_of_the_chip_in_bac_that_is_no_proof_is_refused(said: bytes) -> None:
    assert refused(made("bac"), said_at(3, said)) is Why.UNREADABLE


def test_an_authentic_proof_over_other_challenges_is_refused() -> None:
    """Somebody with the key who answers from a recording."""
    seed = hashlib.sha1(made("bac").key).digest()[:16]
    enc, mac_key = derived(1, seed, 1), derived(1, seed, 2)
    recorded = cbc(1, enc, bytes(8), bytes(32), encrypt=True)
    assert refused(made("bac"), said_at(3, recorded + mac(1, mac_key, recorded))) is Why.UNREADABLE


@pytest.mark.parametrize("status", [0x6300, 0x63C1, 0x6982, 0x6988])
@pytest.mark.parametrize(("kind", "at"), [("bac", 3), ("pace", 7)])
def test_every_word_that_chips_have_for_a_wrong_key_is_understood(kind: str, at: int, status: int) -> None:
    assert refused(made(kind), garbage(at, status.to_bytes(2, "big"))) is Why.KEY_WRONG


def dynamic(tag: int, value: bytes) -> bytes:
    return der.encode(0x7C, der.encode(tag, value))


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (4, dynamic(0x80, bytes(15))),  # a nonce of another length
        (4, dynamic(0x81, bytes(16))),
        (5, dynamic(0x82, b"\4" + bytes(64))),  # no point
        (6, dynamic(0x84, b"")),
        (7, dynamic(0x86, bytes(7))),  # a token of another length
        (7, dynamic(0x87, bytes(8))),
        (7, der.encode(0x7C)),
    ],
)
def test_a_step_of_pace_that_is_not_as_it_should_be_is_refused(at: int, said: bytes) -> None:
    assert refused(made("pace"), said_at(at, said)) is Why.UNREADABLE


def test_a_token_that_is_not_the_chips_means_that_it_has_not_our_key() -> None:
    assert refused(made("pace"), said_at(7, dynamic(0x86, bytes(8)))) is Why.KEY_WRONG


def test_a_nonce_of_zero_is_refused() -> None:
    """With it the mapped generator would not depend on the printed key."""
    password = derived(4, hashlib.sha1(made("pace").key).digest(), 3)
    nonce = cbc(4, password, bytes(16), bytes(16), encrypt=True)
    assert refused(made("pace"), said_at(4, dynamic(0x80, nonce))) is Why.UNREADABLE


def test_references_to_certificates_may_follow_the_chips_token() -> None:
    def fault(number: int, command: bytes, answer: bytes) -> bytes:
        if number != 7:
            return answer
        return der.encode(0x7C, der.only(answer[:-2], 0x7C).value, der.encode(0x87, b"UTCVCA00001")) + b"\x90\x00"

    assert read(made("pace"), fault).proof is Proof.ACTIVE


def test_a_malformed_key_in_dg14_is_unreadable_and_one_on_another_curve_is_passed_over_for_one_that_is_done() -> None:
    document = made("pace and chip")
    good = der.only(der.only(document.files[0x010E], 0x6E).value, der.SET).items()
    protocol = der.encode_object_id("0.4.0.127.0.7.2.2.1.2")
    kind = der.encode(der.SEQUENCE, der.encode_object_id("0.4.0.127.0.7.1.2"), der.encode_integer(14))
    strange = der.encode(der.SEQUENCE, protocol, der.encode(der.SEQUENCE, kind, der.encode(3, bytes(9))))
    broken = der.encode(der.SEQUENCE, protocol, der.encode(der.SEQUENCE, b"\5\0"))
    for more, outcome in ((strange, None), (broken, Why.UNREADABLE)):
        file = der.encode(0x6E, der.encode(der.SET, *(info.encoded for info in good), more))
        changed = replace(document, files={**document.files, 0x010E: file})
        if outcome is None:
            assert read(changed).proof is Proof.CHIP
        else:
            assert refused(changed) is outcome


@pytest.mark.parametrize("length", [0, 63, 65, 127, 129])
@pytest.mark.parametrize("kind", ["pace", "bac and rsa"])
def test_a_signature_of_another_length_is_a_clones(kind: str, length: int) -> None:
    document = made(kind)
    key = active.group_15(document.files[0x010F])
    with pytest.raises(ChipRefused) as caught:
        active.verify(key, bytes(8), bytes(length), "sha256")
    assert caught.value.why is Why.CLONED


def listening(sent: list[bytes], fault: Fault) -> Fault:
    """The fault, and every command written down."""

    def wrapped(number: int, command: bytes, answer: bytes) -> bytes:
        sent.append(command)
        return fault(number, command, answer)

    return wrapped


def test_nothing_more_is_said_to_a_chip_whose_proof_in_bac_is_not_this_sessions() -> None:
    seed = hashlib.sha1(made("bac").key).digest()[:16]
    recorded = cbc(1, derived(1, seed, 1), bytes(8), bytes(32), encrypt=True)
    for fault in (altered(3, -3), said_at(3, recorded + mac(1, derived(1, seed, 2), recorded))):
        sent: list[bytes] = []
        assert refused(made("bac"), listening(sent, fault)) is Why.UNREADABLE
        assert [command[1] for command in sent] == [0xA4, 0xA4, 0x84, 0x82]


def test_of_several_ways_of_pace_the_strongest_is_chosen_and_named_with_its_parameters() -> None:
    offers = (Offer(2, 18), Offer(4, 10), Offer(4, 15), Offer(1, 12))
    sent: list[bytes] = []
    document = personalise(office(), None, offers, AGREEMENT, picture=PICTURE)[1]
    assert read(document, listening(sent, lambda number, command, answer: answer)).proof is Proof.CHIP
    asked = next(command for command in sent if command[:4] == bytes.fromhex("0022C1A4"))
    assert asked[5:].hex().upper() == "800A04007F00070202040204" + "830101" + "84010F"


@pytest.mark.parametrize("more", [-8, 1])
def test_a_chip_that_gives_nothing_or_more_than_was_asked_for_is_not_asked_for_ever(more: int) -> None:
    class Wrong(Chip):
        def _read(self, offset: int, le: int | None) -> bytes:
            data = super()._read(offset, le)
            return data if self._session is None or not offset else (data + bytes(more) if more > 0 else b"")

    chip = Wrong(made("bac"), chance=chance_of(b""))
    dialogue = read_chip(made("bac").key, chance_of(b"reader"))
    command = next(dialogue)
    with pytest.raises(ChipRefused, match="READ BINARY"):
        for _ in range(100):
            command = dialogue.send(chip.transmit(command))
