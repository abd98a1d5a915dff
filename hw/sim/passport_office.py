"""The world's own state: it issues travel documents, a gate is told by what to believe them, they lie on readers.

    {"do": "issue", "document": "d1", "photo": "anna.jpg", "holder": {"number": ...}, "flaw": ""}   answers "mrz"

`flaw`: "altered", another portrait was put into the chip; "copied", it has every file and not the chip's own key.
"""

import dataclasses
import selectors
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from hw.sim.chip import Chip
from hw.sim.chip_faults import TornOff
from hw.sim.chip_keys import AgreementKey, Offer, Personalisation, personalise
from hw.sim.passport import Authority, Holder, Signer, drawn_portrait, group_2
from hw.sim.peers import Listener, Peer, sized
from hw.sim.vpcd import answered

CSCA = "csca"
FLAWS = ("", "altered", "copied")
_PACE, _KEY = (Offer(2, 12),), AgreementKey(12, 0x1234567, cipher=2)
_PORTRAIT_PX = 531, 413
_DG2 = 0x0102


def chip_socket(name: str) -> str:
    """The socket of a document reader in the world's directory."""
    return f"chip-{name}.sock"


class PassportOffice:
    """Issues documents under names of the world's own; `believe` writes what a gate has to trust."""

    def __init__(self) -> None:
        self._authority = Authority()
        self._signer = Signer(self._authority)
        self._issued: dict[str, Personalisation] = {}

    def believe(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "utopia.cer").write_bytes(self._authority.certificate)
        (directory / "utopia.crl").write_bytes(self._authority.revoke())

    def issue(self, name: str, photo: Path | None, holder: Mapping[str, Any], flaw: str = "") -> str:
        """A document; returns what is printed in it. Raises ValueError, TypeError for what no holder has."""
        if flaw not in FLAWS:
            raise ValueError(f"{flaw!r} is no flaw of a document: {', '.join(filter(None, FLAWS))}")
        picture = _portrait(photo) if photo is not None else drawn_portrait()
        passport, made = personalise(self._signer, Holder(**holder), _PACE, _KEY, picture=picture)
        if flaw == "altered":
            made = dataclasses.replace(made, files={**made.files, _DG2: group_2(drawn_portrait())})
        if flaw == "copied":
            made = dataclasses.replace(made, agreement=dataclasses.replace(_KEY, secret=_KEY.secret + 1))
        self._issued[name] = made
        return passport.printed.decode()

    def chip(self, name: object) -> Chip:
        """Its chip, in no field yet. Raises ValueError for a document that was never issued."""
        if name not in self._issued:
            raise ValueError(f"document {name!r} was never issued; there are {', '.join(self._issued) or 'none'}")
        return Chip(self._issued[str(name)])


class DocumentTray:
    """A document reader on a socket, in the messages of `hw.document_socket`: whatever lies on it answers."""

    def __init__(self, selector: selectors.BaseSelector, path: Path) -> None:
        self._chip: Chip | None = None
        self._readers = Listener(selector, path, self._hear, cut=sized)

    def lay(self, chip: Chip | None) -> None:
        """Lay this chip down, or take away what lies there."""
        self._chip = chip

    def close(self) -> None:
        self._readers.close()

    def _hear(self, reader: Peer, message: bytes) -> None:
        try:
            answer = answered(self._chip, message)
        except TornOff:
            self._chip, answer = None, b""
        if answer is not None:
            reader.send(len(answer).to_bytes(2, "big") + answer)


def _portrait(photo: Path) -> bytes:
    """The photograph at the size that passports have, head and shoulders."""
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"photograph {photo} is no picture that can be decoded")
    height, width = _PORTRAIT_PX
    cut = picture[: picture.shape[1] * height // width]
    scale = min(width / cut.shape[1], height / cut.shape[0])
    small = cv2.resize(cut, (int(cut.shape[1] * scale), int(cut.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])
