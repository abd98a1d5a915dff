"""What a lane and an authority say to each other: who can read it, who can forge it, and what is no answer."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gatefw import authority_wire as wire
from gatefw.authority_seal import NotSealed, seal, sealing_key, unseal
from gatefw.authority_wire import (
    PASSAGE,
    QUERY,
    TRAVELLER,
    Addressee,
    Contents,
    Forged,
    Kind,
    Letter,
    Malformed,
    Said,
    Sender,
    Sent,
    Word,
)

SIGNS, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
SEALS, OTHER_SEALS = (X25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (3, 4))
LANE = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
TO = Addressee("hong-kong", SIGNS.public_key(), SEALS.public_key())
SENDER = Sender("hetao", LANE)
LANES = {"hetao": LANE.public_key()}
ABOUT: Contents = {
    "issuer": "UTO",
    "number": "L898902C3",
    "kind": "passport",
    "direction": "arrival",
    "at": 1_900_000_000,
}
AT = 1_900_000_001


def asked() -> tuple[Sent, Letter, bytes]:
    """A query, the letter as the authority reads it, and the key for its answer."""
    sent = wire.query(TO, SENDER, ABOUT)
    letter = wire.read(sent.message, "hong-kong", LANES)
    answer_key = wire.opened(letter, 0, QUERY, SEALS)["answer_key"]
    assert isinstance(answer_key, bytes)
    return sent, letter, answer_key


def test_an_authority_reads_what_the_lane_asks_and_the_lane_believes_its_signed_word() -> None:
    sent, letter, answer_key = asked()
    contents = wire.opened(letter, 0, QUERY, SEALS)
    assert (letter.kind, letter.lane, contents | ABOUT) == (Kind.QUERY, "hetao", contents)
    for word in (Word.CLEAR, Word.HIT, Word.USED_TWICE, Word.REFUSED):
        answer = wire.answer(letter.hash, word, AT, SIGNS, answer_key)
        assert wire.named_in(answer) == sent.hash
        assert wire.believe(answer, sent, TO.signs) == Said(word, AT)


def test_nobody_on_the_way_reads_who_is_asked_about_nor_what_is_said() -> None:
    sent, letter, answer_key = asked()
    assert b"L898902C3" not in sent.message
    answers = [wire.answer(letter.hash, word, AT, SIGNS, answer_key) for word in (Word.CLEAR, Word.HIT)]
    assert len(answers[0]) == len(answers[1])
    with pytest.raises(Malformed):
        wire.opened(letter, 0, QUERY, OTHER_SEALS)


def test_the_answer_to_another_question_is_no_answer() -> None:
    _, letter, answer_key = asked()
    replayed = wire.answer(letter.hash, Word.CLEAR, AT, SIGNS, answer_key)
    again = wire.query(TO, SENDER, ABOUT)
    with pytest.raises(Malformed, match="another letter"):
        wire.believe(replayed, again, TO.signs)
    assert wire.named_in(replayed) != again.hash


def test_what_another_key_has_signed_or_sealed_is_forged() -> None:
    sent, letter, answer_key = asked()
    for forged in (
        wire.answer(letter.hash, Word.CLEAR, AT, OTHER, answer_key),
        wire.answer(letter.hash, Word.CLEAR, AT, SIGNS, bytes(32)),
        wire.answer(letter.hash, Word.CLEAR, AT, SIGNS),
    ):
        with pytest.raises(Forged):
            wire.believe(forged, sent, TO.signs)


def test_a_word_that_is_no_answer_to_the_letter_is_malformed_though_it_is_signed() -> None:
    sent, letter, answer_key = asked()
    for word in (Word.HERE, Word.RECEIVED, 99):
        with pytest.raises(Malformed, match="no answer"):
            wire.believe(wire.answer(letter.hash, word, AT, SIGNS, answer_key), sent, TO.signs)
    hello = wire.hello(TO, SENDER)
    with pytest.raises(Malformed, match="no answer"):
        wire.believe(wire.answer(hello.hash, Word.CLEAR, AT, SIGNS), hello, TO.signs)


@given(st.data())
def test_an_answer_with_any_bit_turned_is_never_believed(data: st.DataObject) -> None:
    sent, letter, answer_key = asked()
    answer = bytearray(wire.answer(letter.hash, Word.HIT, AT, SIGNS, answer_key))
    at = data.draw(st.integers(0, 8 * len(answer) - 1))
    answer[at // 8] ^= 1 << at % 8
    with pytest.raises((Malformed, Forged)):
        wire.believe(bytes(answer), sent, TO.signs)


@given(st.data())
def test_a_letter_with_any_bit_turned_is_never_read(data: st.DataObject) -> None:
    message = bytearray(wire.query(TO, SENDER, ABOUT).message)
    at = data.draw(st.integers(0, 8 * len(message) - 1))
    message[at // 8] ^= 1 << at % 8
    with pytest.raises((Malformed, Forged)):
        wire.read(bytes(message), "hong-kong", LANES)


def test_a_letter_is_for_one_authority_from_a_lane_that_it_knows() -> None:
    message = wire.query(TO, SENDER, ABOUT).message
    with pytest.raises(Malformed, match="to shenzhen"):
        wire.read(message, "shenzhen", LANES)
    with pytest.raises(Forged, match="not known"):
        wire.read(message, "hong-kong", {})
    with pytest.raises(Forged):
        wire.read(message, "hong-kong", {"hetao": OTHER.public_key()})


def test_a_box_that_is_moved_to_another_letter_or_into_another_place_does_not_open() -> None:
    number = wire.new_id()
    traveller = wire.shut({"document.number": "1"}, TRAVELLER, TO, "hetao", number)
    passage = wire.shut({"verdict": "admit"}, PASSAGE, TO, "hetao", number)
    for boxes, own in (((passage, traveller), number), ((traveller, passage), wire.new_id())):
        letter = wire.read(wire.record(TO, SENDER, own, *boxes).message, "hong-kong", LANES)
        with pytest.raises(Malformed):
            wire.opened(letter, 0, TRAVELLER, SEALS)


def test_a_record_is_received_by_the_hash_of_its_letter() -> None:
    number = wire.new_id()
    boxes = [wire.shut({"x": part}, part, TO, "hetao", number) for part in (TRAVELLER, PASSAGE)]
    sent = wire.record(TO, SENDER, number, *boxes)
    letter = wire.read(sent.message, "hong-kong", LANES)
    assert (letter.id, wire.opened(letter, 1, PASSAGE, SEALS)) == (number, {"x": "passage"})
    assert wire.believe(wire.answer(letter.hash, Word.RECEIVED, AT, SIGNS), sent, TO.signs).word is Word.RECEIVED
    with pytest.raises(Malformed):
        wire.opened(letter, 2, PASSAGE, SEALS)


def test_a_box_holds_a_table_of_words_and_numbers_and_nothing_else() -> None:
    number = wire.new_id()
    place = wire._place(QUERY, "hong-kong", "hetao", number)
    for inner in (b"\x01", b"\xa1\x01\x02", b"\xa1\x61a\x80", b"\xff"):
        letter = Letter(Kind.QUERY, "hong-kong", "hetao", number, (seal(inner, TO.seals, place),), bytes(32))
        with pytest.raises(Malformed):
            wire.opened(letter, 0, QUERY, SEALS)


@pytest.mark.parametrize("message", [b"", b"\x80", b"\x83\x61x\x41x\x41x", b"\xff" * 100, bytes(70_000)])
def test_what_is_of_another_form_is_malformed(message: bytes) -> None:
    with pytest.raises(Malformed):
        wire.named_in(message)
    with pytest.raises(Malformed):
        wire.read(message, "hong-kong", LANES)


def test_a_box_opens_for_its_owner_in_its_place_alone() -> None:
    box = seal(b"content", SEALS.public_key(), b"here")
    assert unseal(box, SEALS, b"here") == b"content"
    assert box != seal(b"content", SEALS.public_key(), b"here")
    for other in (lambda: unseal(box, OTHER_SEALS, b"here"), lambda: unseal(box, SEALS, b"there")):
        with pytest.raises(NotSealed):
            other()
    for broken in (b"", box[:31], box[:40], bytes(32) + box[32:]):
        with pytest.raises(NotSealed):
            unseal(broken, SEALS, b"here")


@pytest.mark.parametrize("text", ["", "0" * 63, "X" * 64, "0" * 64, "01" + "00" * 31])
def test_a_place_holder_is_no_key_to_seal_for(text: str) -> None:
    with pytest.raises(ValueError, match=r"hex digits|place holder"):
        sealing_key(text)


def test_the_key_of_an_authority_is_read_as_it_publishes_it() -> None:
    assert sealing_key(SEALS.public_key().public_bytes_raw().hex()) == SEALS.public_key()


def test_what_is_secret_is_not_shown() -> None:
    sent, letter, answer_key = asked()
    assert answer_key.hex() not in repr(sent)
    assert repr(answer_key) not in repr(sent)
    assert "key" not in repr(SENDER)
    assert "boxes" not in repr(letter)
