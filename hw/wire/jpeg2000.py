"""What a JPEG 2000 picture says of itself, before anybody decodes it: a small file can unfold to gigabytes.

Both forms that a travel document may hold are known: the bare codestream, and a JP2 file around it. Boxes, the
codestream's segments: ITU-T T.800 (JPEG 2000 Part 1), Annexes I, A.4 to A.6 and B.6.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, and SIZ which must follow it
_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_BOXES_MAX = 32
_PALETTE = b"pclr"  # 1,024 entries of 255 channels: one byte of picture becomes a kilobyte
_SOT, _SOD, _EOC, _COD, _COC = b"\xff\x90", b"\xff\x93", b"\xff\xd9", b"\xff\x52", b"\xff\x53"
_SEGMENTS = frozenset(bytes((0xFF, code)) for code in b"\x52\x53\x55\x57\x58\x5c\x5d\x5e\x5f\x60\x61\x63\x64")
"""All of Part 1 but SIZ. Decoders look for what they know in the middle of what they do not know: it is refused."""
_SOT_BYTES = 12
_LEVELS_MAX = 32


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
    return _size(_stream(picture)[len(_CODESTREAM) :])


def precincts(picture: bytes) -> int:
    """Into how many precincts a decoder cuts it, at most. OpenJPEG keeps 1.6 KB of each before there is anything in it.

    Raises ValueError: as `header`; its headers are torn, hold what no picture of Part 1 does, or no coding style.
    """
    stream, found = _stream(picture), header(picture)
    begin = len(_CODESTREAM) + 38 + 3 * found.components
    styles = list(_styles(stream, begin, 2 if found.components > 256 else 1))
    if not styles:
        raise ValueError("it does not say how it is coded")
    return found.components * max(_precincts(found, *style) for style in styles)


def _stream(picture: bytes) -> bytes:
    """The codestream, out of its file if it has one."""
    if picture.startswith(_SIGNATURE):
        picture = picture[_codestream_at(picture) :]
    if not picture.startswith(_CODESTREAM):
        raise ValueError("it does not begin like a JPEG 2000 picture")
    return picture


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


Style = tuple[bool, bytes]
"""Whether precincts are of sizes of their own; levels, four bytes about blocks, and those sizes."""


def _styles(stream: bytes, at: int, component_bytes: int) -> Iterator[Style]:
    """Each coding style in the picture's header, which goes on at `at`, and in the headers of its tiles' parts."""
    at = yield from _header_styles(stream, at, component_bytes)
    while stream[at : at + 2] == _SOT:
        length = int.from_bytes(stream[at + 6 : at + 10], "big")
        ends = at + length if length else len(stream)
        at = yield from _header_styles(stream, at + _SOT_BYTES, component_bytes)
        if stream[at : at + 2] != _SOD or ends < at + 2:
            raise ValueError("the header of a tile is torn")
        at = ends
    if stream[at : at + 2] not in (b"", _EOC):
        raise ValueError("something else stands where a tile begins")


def _header_styles(stream: bytes, at: int, component_bytes: int) -> Generator[Style, None, int]:
    """Those from `at` on; returns where the header ends, at a tile or its data."""
    places = {_COD: (0, 5), _COC: (component_bytes, component_bytes + 1)}  # of its flags, and of what `Style` has
    while (marker := stream[at : at + 2]) not in (_SOT, _SOD):
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        content = stream[at + 4 : at + 2 + length]
        flags, coding = places.get(marker, (0, 0))
        if marker not in _SEGMENTS or len(content) != length - 2 or (coding and len(content) < coding + 5):
            raise ValueError("a segment of its headers is torn or unknown")
        if coding:
            yield bool(content[flags] & 1), content[coding:]
        at += 2 + length
    return at


def _precincts(found: Header, own_sizes: bool, coding: bytes) -> int:
    """How many of one component, no fewer than there are: each tile may begin and end within one."""
    levels = coding[0]
    sizes = coding[5 : 6 + levels] if own_sizes else b"\xff" * (levels + 1)
    if levels > _LEVELS_MAX or len(sizes) != levels + 1:
        raise ValueError(f"{levels} levels, of which {len(sizes) - 1} have precincts")
    count = 0
    for level, size in enumerate(sizes):
        across = found.width_px >> levels - level >> (size & 15)
        down = found.height_px >> levels - level >> (size >> 4)
        count += across * down + 2 * found.tiles * (across + down + 2)
    return count
