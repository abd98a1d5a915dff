"""The files of a travel document's chip: what is in EF.COM, DG1, DG2 and DG14 (ICAO 9303-10).

All of it is a stranger's bytes until passive authentication has found their hashes signed, and their size and shape
stay a stranger's afterwards. A picture is cut out here, never decoded. Errors hold nothing of what a file says.
"""

from dataclasses import dataclass, field

from hw.wire import der
from hw.wire.der import Malformed, expect

COM_TAG, SOD_TAG = 0x60, 0x77
GROUP_TAGS = {1: 0x61, 2: 0x75, 3: 0x63, 4: 0x76, 5: 0x65, 6: 0x66, 7: 0x67, 8: 0x68, 9: 0x69,
              10: 0x6A, 11: 0x6B, 12: 0x6C, 13: 0x6D, 14: 0x6E, 15: 0x6F, 16: 0x70}  # fmt: skip
MAX_FILE_BYTES = 131_072
"""No file that we read is as long: portraits have 15 to 40 kB."""

CHIP_AUTHENTICATION_KEYS = ("0.4.0.127.0.7.2.2.1.1", "0.4.0.127.0.7.2.2.1.2")
_MRZ_TAG = 0x5F1F
_BIOMETRIC_GROUP, _BIOMETRIC, _BLOCKS = 0x7F61, 0x7F60, (0x5F2E, 0x7F2E)
_FACE_HEADER = b"FAC\x00010\x00"  # ISO/IEC 19794-5:2005
_FACE_HEADER_BYTES, _RECORD_BYTES, _POINT_BYTES, _IMAGE_BYTES = 14, 20, 8, 12
_PICTURES = (b"\xff\xd8\xff", b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
"""How a JPEG, a JPEG 2000 file and a JPEG 2000 codestream begin."""


class Unsupported(Malformed):
    """Well formed as far as we look, but of an edition that we do not read: ISO/IEC 39794-5, say."""


@dataclass(frozen=True, slots=True)
class Common:
    """EF.COM, which nobody signs: a hint which groups to ask for, and no more."""

    version: str
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Portrait:
    """The picture of the holder, still encoded."""

    picture: bytes = field(repr=False)


def file_bytes(head: bytes) -> int:
    """How long a whole file is, by its first six bytes. Raises Malformed when that is over MAX_FILE_BYTES."""
    tag_bytes = 2 if head[:1] and head[0] & 0x1F == 0x1F else 1
    if len(head) <= tag_bytes:
        raise Malformed("a file has no length")
    first = head[tag_bytes]
    count = first & 0x7F if first & 0x80 else 0
    digits = head[tag_bytes + 1 : tag_bytes + 1 + count]
    if first == 0x80 or count > 3 or len(digits) < count:
        raise Malformed("the length of a file is open, torn off or over 16 MiB")
    length = int.from_bytes(digits, "big") if count else first
    whole = tag_bytes + 1 + count + length
    if whole > MAX_FILE_BYTES:
        raise Malformed(f"a file of over {MAX_FILE_BYTES} bytes")
    return whole


def common(file: bytes) -> Common:
    """What EF.COM says. Raises Malformed."""
    parts = {part.tag: part.value for part in der.elements(_opened(file, COM_TAG), strict=False)}
    version, tags = parts.get(0x5F01, b""), parts.get(0x5C, b"")
    if len(version) != 4 or not version.isdigit():
        raise Malformed("EF.COM has no version of the data structure")
    numbers = {tag: number for number, tag in GROUP_TAGS.items()}
    return Common(version.decode("ascii"), tuple(sorted({numbers[tag] for tag in tags if tag in numbers})))


def mrz(file: bytes) -> bytes:
    """The machine readable zone in DG1, its lines run together. Raises Malformed."""
    return expect(der.only(_opened(file, GROUP_TAGS[1]), _MRZ_TAG, strict=False), _MRZ_TAG).value


def portrait(file: bytes) -> Portrait:
    """The first face in DG2. Raises Malformed, or Unsupported for an encoding that is not ISO/IEC 19794-5:2005."""
    group = der.only(_opened(file, GROUP_TAGS[2]), _BIOMETRIC_GROUP, strict=False)
    faces = [part for part in der.elements(group.value, strict=False) if part.tag == _BIOMETRIC]
    if not faces:
        raise Malformed("DG2 has no face")
    blocks = [part for part in der.elements(faces[0].value, strict=False) if part.tag in _BLOCKS]
    if len(blocks) != 1:
        raise Unsupported("DG2 has no block of ISO/IEC 19794-5 (the newer 39794-5 is not read yet)")
    return Portrait(_picture(blocks[0].value))


def offers_chip_authentication(file: bytes) -> bool:
    """Whether DG14 has a key for Chip Authentication (ICAO 9303-11, 9.2). Raises Malformed."""
    infos = der.only(_opened(file, GROUP_TAGS[14]), der.SET).items()
    kinds = [der.object_id(der.Items(info).take(der.OBJECT_ID)) for info in infos]
    return any(kind in CHIP_AUTHENTICATION_KEYS for kind in kinds)


def _opened(file: bytes, tag: int) -> bytes:
    if len(file) > MAX_FILE_BYTES:
        raise Malformed(f"a file of over {MAX_FILE_BYTES} bytes")
    return der.only(file, tag, strict=False).value


def _picture(record: bytes) -> bytes:
    """The picture in a facial record: header, facial information, feature points, image information, picture."""
    if not record.startswith(_FACE_HEADER):
        raise Unsupported("the face in DG2 is no record of ISO/IEC 19794-5:2005")
    whole, faces = int.from_bytes(record[8:12], "big"), int.from_bytes(record[12:14], "big")
    own = int.from_bytes(record[14:18], "big")
    points = int.from_bytes(record[18:20], "big")
    start = _FACE_HEADER_BYTES + _RECORD_BYTES + points * _POINT_BYTES + _IMAGE_BYTES
    end = _FACE_HEADER_BYTES + own
    if whole != len(record) or faces < 1 or not start < end <= whole:
        raise Malformed("the lengths in the facial record of DG2 contradict each other")
    picture = record[start:end]
    if not picture.startswith(_PICTURES):
        raise Malformed("the picture in DG2 is neither JPEG nor JPEG 2000")
    return picture
