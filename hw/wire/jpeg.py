"""The size of a JPEG picture from its header, before anybody decodes it: a small file can unfold to gigabytes.

Markers and the frame header: ITU-T T.81 (JPEG), Annex B.
"""

_START = b"\xff\xd8"
_NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})  # tables and a reserved code among the frame markers C0 to CF
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a segment


def size_px(picture: bytes) -> tuple[int, int]:
    """(width, height) as the frame header says. Raises ValueError for what is not a JPEG or has no frame header."""
    if not picture.startswith(_START):
        raise ValueError("it does not begin like a JPEG")
    at = 2
    while at + 4 <= len(picture):
        if picture[at] != 0xFF:
            raise ValueError(f"no marker where one must be, at byte {at}")
        marker = picture[at + 1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(picture[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            if length < 8 or at + 9 > len(picture):
                break
            height, width = (int.from_bytes(picture[at + i : at + i + 2], "big") for i in (5, 7))
            return width, height
        if marker in (0xD8, 0xD9, 0xDA) or length < 2:
            break
        at += 2 + length
    raise ValueError("no frame header before the picture or the end")
