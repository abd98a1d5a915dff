"""The files of a chip: what is cut out of them, and what they get wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from utopia import JPEG, SECRETS, group_14, group_15, passport

from hw.sim import passport as office
from hw.wire import der, lds
from hw.wire.der import Malformed

JPEG_2000 = b"\x00\x00\x00\x0cjP  \r\n\x87\n a portrait"


def test_the_common_file_tells_which_groups_to_ask_for() -> None:
    groups = {1: b"", 2: b"", 14: b"", 15: b""}
    assert lds.common(office.common(groups)) == lds.Common("0107", (1, 2, 14, 15))


@pytest.mark.parametrize("file", [b"", b"\x60\x00", b"\x60\x06\x5f\x01\x03107", office.group_1(b"A")])
def test_a_common_file_without_a_version_is_none(file: bytes) -> None:
    with pytest.raises(Malformed):
        lds.common(file)


def test_the_zone_and_the_portrait_are_cut_out_as_they_are() -> None:
    groups = passport().groups
    assert lds.mrz(groups[1]) == passport().printed.replace(b"\n", b"")
    assert lds.portrait(groups[2]).picture == JPEG
    assert lds.portrait(office.group_2(JPEG_2000)).picture == JPEG_2000


def test_a_drawn_portrait_is_a_jpeg_that_a_document_holds() -> None:
    drawn = office.drawn_portrait()
    assert lds.portrait(office.group_2(drawn)).picture == drawn
    assert drawn.startswith(b"\xff\xd8\xff")


def test_nothing_of_a_portrait_shows_in_its_repr() -> None:
    assert repr(lds.portrait(passport().groups[2])) == "Portrait()"


def changed(old: bytes, new: bytes) -> bytes:
    """DG2 with bytes replaced by as many others."""
    group = passport().groups[2]
    assert group.count(old) == 1
    assert len(old) == len(new)
    return group.replace(old, new)


@pytest.mark.parametrize(
    ("group", "error", "why"),
    [
        (changed(b"FAC\x00010\x00", b"FAC\x00030\x00"), lds.Unsupported, "19794-5:2005"),
        (changed(b"\x5f\x2e", b"\x5f\x2d"), lds.Unsupported, "39794-5"),
        (changed(b"\x7f\x60", b"\x7f\x62"), Malformed, "no face"),
        (changed(JPEG[:3], b"GIF"), Malformed, "neither JPEG nor"),
        (passport().groups[2][:-1], Malformed, "longer than what holds it"),
    ],
)
def test_a_portrait_in_another_shape_is_refused(group: bytes, error: type[Malformed], why: str) -> None:
    with pytest.raises(error, match=why):
        lds.portrait(group)


def record(whole: int = 0, faces: int = 1, own: int = 0, points: int = 0) -> bytes:
    """DG2 whose facial record says of itself what is wrong by so much."""
    inner = bytes(16) + bytes(12) + JPEG
    face = (4 + len(inner) + own).to_bytes(4, "big") + points.to_bytes(2, "big") + inner[2:]
    data = b"FAC\x00010\x00" + (14 + len(face) + whole).to_bytes(4, "big") + faces.to_bytes(2, "big") + face
    template = der.encode(0x7F60, der.encode(0x5F2E, data))
    return der.encode(0x75, der.encode(0x7F61, der.encode(der.INTEGER, b"\x01"), template))


@pytest.mark.parametrize("wrong", [{"whole": 1}, {"whole": -1}, {"faces": 0}, {"own": 1}, {"own": -40}, {"points": 9}])
def test_lengths_that_contradict_each_other_are_refused(wrong: dict[str, int]) -> None:
    assert lds.portrait(record()).picture == JPEG
    with pytest.raises(Malformed, match="contradict"):
        lds.portrait(record(**wrong))


def test_a_key_for_chip_authentication_is_found_among_other_things() -> None:
    assert lds.offers_chip_authentication(group_14())
    assert lds.offers_chip_authentication(group_14("0.4.0.127.0.7.2.2.1.1"))
    assert not lds.offers_chip_authentication(group_14("0.4.0.127.0.7.2.2.4.2.2"))


@pytest.mark.parametrize("length", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000])
def test_the_length_of_a_file_is_known_by_its_first_bytes(length: int) -> None:
    for tag in (0x61, 0x7F61):
        file = der.encode(tag, bytes(length))
        assert lds.file_bytes(file[:6]) == len(file)


@pytest.mark.parametrize("head", ["", "61", "6180", "618401000000", "6182", "7f61", "6183020000"])
def test_a_file_without_a_length_or_with_a_huge_one_is_refused(head: str) -> None:
    with pytest.raises(Malformed):
        lds.file_bytes(bytes.fromhex(head))


@pytest.mark.parametrize("take", [lds.common, lds.mrz, lds.portrait, lds.offers_chip_authentication])
def test_a_huge_file_is_not_looked_at(take: object) -> None:
    with pytest.raises(Malformed, match="over 131072"):
        take(bytes(lds.MAX_FILE_BYTES + 1))  # type: ignore[operator]


TAKES = (lds.common, lds.mrz, lds.portrait, lds.offers_chip_authentication, lds.file_bytes)


@given(st.data())
def test_any_damage_to_a_file_is_read_or_malformed_and_tells_nothing(data: st.DataObject) -> None:
    seeds = (*passport().groups.values(), passport().com, group_14(), group_15())
    file = bytearray(data.draw(st.one_of(st.sampled_from(seeds), st.binary(max_size=80))))
    for _ in range(data.draw(st.integers(0, 3))):
        if file:
            file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    for take in TAKES:
        try:
            take(bytes(file))
        except Malformed as refused:
            assert not any(secret.decode() in str(refused) for secret in SECRETS)
