"""The packets of finger sensors: whole ones out of any bytes, in any pieces, and nothing that is not one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.wire import zfm
from hw.wire.zfm import Code, Command, Decoder, Kind, Packet, Parameters

CONTENTS = st.binary(max_size=zfm.CONTENT_BYTES_MAX)
PACKETS = st.builds(Packet, st.sampled_from(Kind), CONTENTS, st.sampled_from([zfm.ADDRESS, 0, 0xEF01EF01]))


def pieces_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(places)]


def decoded(pieces: list[bytes]) -> list[Packet]:
    decoder = Decoder()
    return [packet for piece in pieces for packet in decoder.feed(piece)]


def test_a_command_is_the_bytes_that_the_manual_prints() -> None:
    """ZFM-20 manual v2.0: VfyPwd with the password 0, GenImg, and the acknowledgement of success."""
    verify = zfm.encode(Packet(Kind.COMMAND, bytes((Command.PASSWORD,)) + zfm.PUBLISHED_PASSWORD))
    assert verify.hex() == "ef01ffffffff01000713000000000" + "01b"
    assert zfm.encode(Packet(Kind.COMMAND, bytes((Command.LOOK,)))).hex() == "ef01ffffffff010003010005"
    assert zfm.encode(Packet(Kind.REPLY, bytes((Code.OK,)))).hex() == "ef01ffffffff07000300000a"


@given(st.lists(PACKETS, max_size=5), st.lists(st.integers(0, 5000), max_size=8))
def test_every_chunking_of_a_stream_gives_the_packets_that_were_sent(sent: list[Packet], cuts: list[int]) -> None:
    stream = b"".join(map(zfm.encode, sent))
    assert decoded(pieces_of(stream, cuts)) == sent


@given(st.lists(st.binary(max_size=600), max_size=12))
def test_any_bytes_are_borne_and_less_than_one_packet_is_held(pieces: list[bytes]) -> None:
    decoder, taken = Decoder(), 0
    for piece in pieces:
        taken += sum(len(zfm.encode(packet)) for packet in decoder.feed(piece))
        assert len(decoder) < zfm.PACKET_BYTES_MAX
    assert taken + decoder.skipped_bytes + len(decoder) == sum(map(len, pieces))


@given(st.binary(max_size=40).filter(lambda noise: b"\xef" not in noise), PACKETS)
def test_a_packet_is_found_behind_noise(noise: bytes, packet: Packet) -> None:
    assert decoded([noise + zfm.encode(packet)]) == [packet]


@given(PACKETS, PACKETS, st.integers(0, 300), st.integers(1, 255))
def test_a_damaged_packet_never_comes_out_as_another_one_and_the_next_is_found(
    first: Packet, second: Packet, at: int, flip: int
) -> None:
    """One changed byte changes the sum, or where the sum stands. What follows is as long as a packet can be."""
    damaged = bytearray(zfm.encode(first))
    place = 6 + at % (len(damaged) - 6)  # start and address are not summed
    damaged[place] ^= flip
    found = decoded([bytes(damaged) + zfm.encode(second), bytes(zfm.PACKET_BYTES_MAX)])
    assert first not in found or first == second
    assert second in found or any(packet.content not in (first.content, second.content) for packet in found)


def test_a_head_that_promises_what_never_comes_hides_a_packet_only_until_more_bytes_come() -> None:
    decoder = Decoder()
    promise = zfm.encode(Packet(Kind.DATA, bytes(256)))[:20]
    packet = Packet(Kind.REPLY, b"\0")
    assert decoder.feed(promise + zfm.encode(packet)) == []
    assert decoder.feed(bytes(zfm.PACKET_BYTES_MAX)) == [packet]


def test_what_is_cleared_meets_nothing_that_comes_later() -> None:
    decoder, whole = Decoder(), zfm.encode(Packet(Kind.REPLY, b"\0"))
    decoder.feed(b"noise" + whole[:8])
    decoder.clear()
    assert decoder.feed(whole[8:]) == []
    assert len(decoder) + decoder.skipped_bytes == len(whole) - 8


@pytest.mark.parametrize("length", [0, 1, 259, 65535])
def test_a_length_that_no_packet_has_is_noise(length: int) -> None:
    forged = b"\xef\x01\xff\xff\xff\xff\x07" + length.to_bytes(2, "big") + bytes(300)
    assert decoded([forged]) == []


@given(st.binary(min_size=1, max_size=1000), st.sampled_from([32, 64, 128, 256]))
def test_data_in_packets_is_the_same_data_and_only_the_last_one_says_so(data: bytes, size: int) -> None:
    packets = decoded(zfm.data_packets(data, size))
    assert b"".join(packet.content for packet in packets) == data
    assert [packet.kind for packet in packets] == [Kind.DATA] * (len(packets) - 1) + [Kind.END]
    assert all(len(packet.content) == size for packet in packets[:-1])


def test_no_data_are_still_told_to_be_over() -> None:
    assert decoded(zfm.data_packets(b"", 128)) == [Packet(Kind.END, b"")]


SECRETS = st.builds(
    Packet,
    st.sampled_from([Kind.DATA, Kind.END]),
    st.binary(min_size=1, max_size=256).map(lambda raw: bytes(byte | 0x40 for byte in raw)),
)
PASSWORDS = st.builds(
    lambda command, password: Packet(Kind.COMMAND, bytes((command,)) + password),
    st.sampled_from([Command.PASSWORD, Command.SET_PASSWORD]),
    st.binary(min_size=4, max_size=4).map(lambda raw: bytes(byte | 0x40 for byte in raw)),
)
PLAIN = st.builds(Packet, st.just(Kind.REPLY), st.binary(min_size=1, max_size=20))


@given(st.lists(SECRETS | PASSWORDS | PLAIN, max_size=6), st.lists(st.integers(0, 5000), max_size=8))
def test_what_may_be_shown_of_a_line_is_as_long_and_holds_no_template_and_no_password(
    sent: list[Packet], cuts: list[int]
) -> None:
    veil, pieces = zfm.Veil(), pieces_of(b"".join(map(zfm.encode, sent)), cuts)
    shown = [veil.over(piece) for piece in pieces]
    assert [len(piece) for piece in shown] == [len(piece) for piece in pieces]
    for was, now in zip(sent, decoded(shown), strict=True):
        assert (now.kind, len(now.content)) == (was.kind, len(was.content))
        kept = {Kind.REPLY: len(was.content), Kind.COMMAND: 1}.get(was.kind, 0)
        assert now.content == was.content[:kept] + bytes(len(was.content) - kept)


@given(st.binary(max_size=100).filter(lambda noise: b"\xef\x01" not in noise), PLAIN)
def test_noise_is_not_shown_and_what_comes_after_it_is(noise: bytes, packet: Packet) -> None:
    veil = zfm.Veil()
    assert set(veil.over(noise)) <= {0, 0xEF}
    assert decoded([veil.over(bytes(1) + zfm.encode(packet))]) == [packet]


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_whatever_is_said_the_veil_keeps_its_length_and_holds_one_packet_at_most(pieces: list[bytes]) -> None:
    veil = zfm.Veil()
    for piece in pieces:
        assert len(veil.over(piece)) == len(piece)
        assert len(veil._shown) < zfm.PACKET_BYTES_MAX


def test_parameters_are_read_as_the_manual_lays_them_out() -> None:
    told = bytes.fromhex("0000 0009 03e8 0003 ffffffff 0002 0006")
    found = zfm.parameters(told)
    assert found == Parameters(0, 9, 1000, 3, 0xFFFFFFFF, 128, 57600)
    assert found.encode() == told


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("", "16 bytes"),
        ("0000 0009 03e8 0003 ffffffff 0002 0006 00", "16 bytes"),
        ("0000 0009 03e8 0006 ffffffff 0002 0006", "security level"),
        ("0000 0009 03e8 0003 ffffffff 0004 0006", "packet size"),
        ("0000 0009 03e8 0003 ffffffff 0002 0000", "baud"),
    ],
)
def test_parameters_that_cannot_be_are_refused_by_name(told: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        zfm.parameters(bytes.fromhex(told))


def test_a_template_never_shows_in_a_log() -> None:
    assert "secret" not in repr(Packet(Kind.DATA, b"secret"))


def test_a_code_that_the_manuals_do_not_name_is_told_as_a_number() -> None:
    assert zfm.says(0x13) == "WRONG_PASSWORD"
    assert zfm.says(0x99) == "code 0x99"
