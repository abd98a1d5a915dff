"""What a JPEG 2000 picture says of itself, before anybody decodes it: a small file can unfold to gigabytes.

Both forms that a travel document may hold are known: the bare codestream, and a JP2 file around it. Boxes, the
codestream's SIZ segment: ITU-T T.800 (JPEG 2000 Part 1), Annexes I and A.5.1.
"""

from dataclasses import dataclass

_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, and SIZ which must follow it
_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_BOXES_MAX = 32
_PALETTE = b"pclr"  # 1,024 entries of 255 channels: one byte of picture becomes a kilobyte


@dataclass(frozen=True, slots=True)
class Header:
    """The picture's size, how many components it has, of how many bits at most, and in how many tiles it is cut."""

    width_px: int
    height_px: int
    components: int
    bits: int
    tiles: int


def header(picture: bytes) -> Header:
    """What its header says. Raises ValueError: neither a codestream nor a JP2 file, torn, impossible, or a palette."""
    if picture.startswith(_SIGNATURE):
        picture = picture[_codestream_at(picture) :]
    if not picture.startswith(_CODESTREAM):
        raise ValueError("it does not begin like a JPEG 2000 picture")
    return _size(picture[len(_CODESTREAM) :])


def _codestream_at(file: bytes) -> int:
    at = 0
    for _ in range(_BOXES_MAX):
        kind, start, end = _box(file, at, len(file))
        if kind == b"jp2c":
            return start
        if kind == b"jp2h":
            _refuse_palette(file, start, end)
        at = end
    raise ValueError(f"no codestream in its first {_BOXES_MAX} boxes")


def _box(file: bytes, at: int, ends: int) -> tuple[bytes, int, int]:
    """Kind, start and end of the content of the box at `at`, all of it before `ends`."""
    length, kind, start = int.from_bytes(file[at : at + 4], "big"), file[at + 4 : at + 8], at + 8
    if length == 1:
        length, start = int.from_bytes(file[at + 8 : at + 16], "big"), at + 16
    end = ends if length == 0 else at + length
    if not start <= end <= ends:
        raise ValueError(f"a box of {length} bytes at byte {at} does not fit")
    return kind, start, end


def _refuse_palette(file: bytes, at: int, ends: int) -> None:
    for _ in range(_BOXES_MAX):
        if at == ends:
            return
        kind, _, at = _box(file, at, ends)
        if kind == _PALETTE:
            raise ValueError("it has a palette")
    raise ValueError(f"more than {_BOXES_MAX} boxes in its header")


def _size(segment: bytes) -> Header:
    """Of the SIZ segment, from its length on."""
    length, components = int.from_bytes(segment[:2], "big"), int.from_bytes(segment[36:38], "big")
    if len(segment) < length or length != 38 + 3 * components or not components:
        raise ValueError(
            f"its size segment has {length} bytes, of which {len(segment)} came, for {components} components"
        )
    x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0 = (
        int.from_bytes(segment[at : at + 4], "big") for at in range(4, 36, 4)
    )
    if not (x0 < x1 and y0 < y1 and tile_x and tile_y and tile_x0 <= x0 and tile_y0 <= y0):
        raise ValueError("its size segment describes no picture")
    across, down = -(-(x1 - tile_x0) // tile_x), -(-(y1 - tile_y0) // tile_y)
    depths = [(segment[38 + 3 * n] & 0x7F) + 1 for n in range(components)]
    return Header(x1 - x0, y1 - y0, components, max(depths), across * down)
