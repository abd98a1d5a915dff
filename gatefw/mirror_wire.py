"""One picture of the mirror, as vision gives it to the traveller's screen: grey levels, row after row, and no more.

It is not compressed: whoever shows it has nothing to decode, and so nothing that a picture could break. Nor is there
anything else in it: no name, no number, no box around a face.

    byte 0        where the camera looks: `Place`
    bytes 1 to 4  width and height in pixels, of two bytes each, big-endian
    the rest      width x height bytes, 0 black to 255 white, from the top left, as the camera sees it (not mirrored)

Who connects to the socket says nothing, is given one picture, the next that is taken, and is hung up on; or is hung up
on without one, because nobody is looked at.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from gatefw.errors import BadReply

SOCKET = Path("mirror", "mirror.sock")
"""Below the runtime directory, in a directory which the screen's group may reach, and nothing else beside it."""
SIDE_MAX_PX = 320
_HEAD = struct.Struct(">BHH")
BYTES_MAX = _HEAD.size + SIDE_MAX_PX * SIDE_MAX_PX


class Place(IntEnum):
    """Before the entry door, or inside: a screen in front must not show who stands inside.

    ONLY: where the lane's one camera for faces looks.
    """

    ONLY = 0
    FRONT = 1
    INSIDE = 2


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on its way. It is of somebody: no log and no message has it, whatever prints this."""

    place: Place
    width_px: int
    height_px: int
    grey: bytes = field(repr=False)


def encode(shown: Shown) -> bytes:
    return _HEAD.pack(shown.place, shown.width_px, shown.height_px) + shown.grey


def decode(told: bytes) -> Shown:
    """Raises BadReply: cut off, too large, of no known place, or not as long as it says."""
    if len(told) < _HEAD.size:
        raise BadReply(f"mirror: {len(told)} bytes are no picture; its head alone has {_HEAD.size}")
    place, width, height = _HEAD.unpack_from(told)
    if place not in set(Place):
        raise BadReply(f"mirror: a picture of place {place}; there are {', '.join(str(int(each)) for each in Place)}")
    if not (0 < width <= SIDE_MAX_PX and 0 < height <= SIDE_MAX_PX):
        raise BadReply(f"mirror: {width} x {height} pixels; each side has 1 to {SIDE_MAX_PX}")
    if len(told) != _HEAD.size + width * height:
        raise BadReply(f"mirror: {len(told) - _HEAD.size} bytes for {width} x {height} pixels")
    return Shown(Place(place), width, height, told[_HEAD.size :])
