"""Base45 (RFC 9285): bytes in the characters that a QR code packs two in eleven bits, upper case and a few signs.

Two bytes become three characters. There is one spelling for each byte string, and no other is read.
"""

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def encode(data: bytes) -> bytes:
    text = bytearray()
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            text.append(_ALPHABET[digit])
    return bytes(text)


def decode(text: bytes) -> bytes:
    """Raises ValueError, which never repeats the text: a wrong character, a wrong length, a number too large."""
    data = bytearray()
    for at in range(0, len(text), 3):
        group = text[at : at + 3]
        number = 0
        for character in reversed(group):
            if character not in _VALUES:
                raise ValueError(f"base45: the character at {at} to {at + len(group)} is not of its 45")
            number = number * 45 + _VALUES[character]
        size = len(group) - 1
        if size == 0 or number >> 8 * size:
            raise ValueError(f"base45: characters {at} to {at + len(group)} stand for no bytes")
        data += number.to_bytes(size, "big")
    return bytes(data)
