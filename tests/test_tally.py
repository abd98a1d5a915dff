"""What was said and heard on a port is counted by kind, for each opening, and none of it is kept."""

from hypothesis import given
from hypothesis import strategies as st

from hw.link import heard_on, tally


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_bytes_are_counted_by_what_they_could_be_however_they_come(pieces: list[bytes]) -> None:
    counted, whole = tally.Tally(), b"".join(pieces)
    for piece in pieces:
        counted.hears(piece)
    told = counted.to_json()
    assert told["heard"] == len(whole)
    assert told["zeros"] == whole.count(b"\0")
    assert told["text"] == sum(0x20 <= byte < 0x7F or byte in b"\r\n" for byte in whole)
    assert told["ends"] == whole.count(b"\r") + whole.count(b"\n")


def test_a_port_that_was_just_opened_anew_tells_how_it_was_before() -> None:
    """A device that is lost is opened every few seconds: who asks just then still hears what was heard."""
    first = tally.begin("/dev/tally-test")
    for _ in range(5):
        first.says()
        first.hears(b"\0")
    tally.begin("/dev/tally-test")
    assert heard_on("serial:/dev/tally-test?baud=9600")["zeros"] == 5
    second = tally.begin("/dev/tally-test")
    for _ in range(11):
        second.says()
    told = heard_on("spy:/tmp/file+serial:/dev/tally-test")
    assert (told["turns"], told["zeros"]) == (11, 0)


def test_of_a_link_that_is_no_port_nothing_was_counted() -> None:
    assert heard_on("unix:/run/there.sock") == heard_on("serial:/dev/never-opened") == {}
