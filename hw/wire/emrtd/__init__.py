"""Electronic travel documents, as ICAO 9303-10 and -11 have them: the reader's side, bytes only.

`read_chip` is all of it. It is handed its randomness, is sent answers, and yields commands; who drives it looks after
time, and may stop at any command. `STANDARDISED` are the curves of 9303-11, 9.5.1 that are done.
"""

from hw.wire.emrtd.apdu import MAX_ANSWER_BYTES, Chance, Dialogue
from hw.wire.emrtd.curves import STANDARDISED, Curve
from hw.wire.emrtd.refusal import ChipRefused, Why
from hw.wire.emrtd.secure_messaging import SHORT_LE_BYTES
from hw.wire.emrtd.session import Proof, Reading, read_chip

__all__ = [
    "MAX_ANSWER_BYTES",
    "SHORT_LE_BYTES",
    "STANDARDISED",
    "Chance",
    "ChipRefused",
    "Curve",
    "Dialogue",
    "Proof",
    "Reading",
    "Why",
    "read_chip",
]
