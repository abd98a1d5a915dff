"""The identifiers this lane reads: what a QR code, a card or a card's barcode must look like to be looked up at all.

    QR code    GATE1: and 28 characters A-Z 2-7: 128 random bits in base32, then two check characters
    ID card    8 to 20 characters A-Z 0-9, as the card's own barcode holds them
    card:      a card's bits by radio, `card:26:01020340`: how many, and in hex from the left, the unused ones zero

All can be copied and used again: they say who somebody claims to be, no more. A face or a finger follows.
"""

import base64
import re
import secrets

from gatefw.model import Failed, Reason, Token

QR_PREFIX = b"GATE1:"
RANDOM_BYTES = 16
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_QR = re.compile(rb"GATE1:([A-Z2-7]{26})([A-Z2-7]{2})")
_CARD = re.compile(rb"[A-Z0-9]{8,20}")
_RADIO_CARD = re.compile(rb"card:([1-9][0-9]{0,2}):((?:[0-9A-F]{2}){1,64})")
_QR_SYMBOLOGY = "]Q"  # AIM: QR Code, any option
_NO_BARCODE = "]Z"  # AIM: it was read in some other way
_MODULUS = 1021  # a prime below 32 * 32: finds every wrong character and every pair of swapped ones


def new_identifier() -> bytes:
    """The payload of a new QR code; whoever enrols a traveller gives it to them."""
    body = base64.b32encode(secrets.token_bytes(RANDOM_BYTES)).rstrip(b"=")
    return QR_PREFIX + body + _check_characters(body)


def parse_identifier(token: Token) -> bytes | Failed:
    """The identifier in `token`, as it is looked up; Failed(TOKEN_MALFORMED) for everything else.

    A reader that tells the symbology must tell the right one: a QR identifier out of a barcode is a forgery or a wrong
    setting. A reader that tells none is taken at its word.
    """
    is_qr_symbol = token.symbology.startswith(_QR_SYMBOLOGY)
    is_barcode = bool(token.symbology) and not token.symbology.startswith(_NO_BARCODE)
    if matched := _RADIO_CARD.fullmatch(token.payload):
        fits = not is_barcode and _is_one_spelling(int(matched[1]), matched[2])
    elif token.symbology.startswith(_NO_BARCODE):
        fits = False
    elif matched := _QR.fullmatch(token.payload):
        fits = (is_qr_symbol or not token.symbology) and _is_whole(matched[1], matched[2])
    else:
        fits = not is_qr_symbol and _CARD.fullmatch(token.payload) is not None
    return token.payload if fits else Failed(Reason.TOKEN_MALFORMED)


def _is_one_spelling(bits: int, digits: bytes) -> bool:
    unused = -bits % 8
    return len(digits) == 2 * ((bits + 7) // 8) and int(digits[-2:], 16) % (1 << unused) == 0


def _is_whole(body: bytes, check: bytes) -> bool:
    """One spelling only: the two bits that 26 characters hold beyond 128 are zero."""
    return _ALPHABET.index(body[-1:]) % 4 == 0 and check == _check_characters(body)


def _check_characters(body: bytes) -> bytes:
    remainder = 0
    for character in body:
        remainder = (remainder * 32 + _ALPHABET.index(character)) % _MODULUS
    check = remainder * 32 * 32 % _MODULUS
    return bytes((_ALPHABET[check // 32], _ALPHABET[check % 32]))
