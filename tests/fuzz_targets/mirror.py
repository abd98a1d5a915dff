"""A picture of the mirror, as the traveller's screen reads it from vision."""

from gatefw.errors import BadReply
from gatefw.mirror_wire import BYTES_MAX, Place, Shown, decode, encode


def see(chunks: list[bytes]) -> None:
    told = b"".join(chunks)
    try:
        shown = decode(told)
    except BadReply:
        return
    assert len(shown.grey) == shown.width_px * shown.height_px
    assert encode(shown) == told
    assert len(told) <= BYTES_MAX


TARGETS = {"mirror": see}
SEEDS = {"mirror": [encode(Shown(place, 3, 2, b"123456")) for place in Place]}
