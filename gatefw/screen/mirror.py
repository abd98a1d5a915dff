"""The mirror on the traveller's screen: whether it is shown now, and the next picture of it. None is kept.

Vision gives a picture only while it looks at somebody (`mirror_wire`); it is asked for only while the lane says that
somebody's face is wanted, and where this screen hangs. Either of them alone shows nobody.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatefw import mirror_wire, unix_socket
from gatefw.display import FACES
from gatefw.errors import BadReply
from gatefw.mirror_wire import BYTES_MAX
from gatefw.model import Phase, Reason
from gatefw.screen.picture import Place

WITHIN_S = 1.0
"""A picture that does not come so soon is none."""
WATCHERS = 2
"""So many browsers are shown it at once, one of which has perhaps gone."""
_SEEN = {
    Place.FRONT: {mirror_wire.Place.ONLY, mirror_wire.Place.FRONT},
    Place.INSIDE: {mirror_wire.Place.ONLY, mirror_wire.Place.INSIDE},
    Place.WHOLE: set(mirror_wire.Place),
}


def outline(line: Mapping[str, Any] | None, place: Place) -> str:
    """How the outline is drawn over the mirror, `seek` or `good`; "" while there is no mirror at `place`."""
    if line is None or line.get("mirror") is not True:
        return ""
    served, phase = _face_of(line.get("asks")), line.get("phase")
    inside = served and phase == Phase.VERIFYING
    front = (served and phase == Phase.TOKEN_PRESENTED) or _face_of(line.get("front"))
    if not {Place.FRONT: front, Place.INSIDE: inside, Place.WHOLE: front or inside}[place]:
        return ""
    return "good" if line.get("hint") in ("", Reason.OK) else "seek"


def _face_of(asks: object) -> bool:
    """Whether somebody's face is wanted."""
    return isinstance(asks, list) and any(each in FACES for each in asks if isinstance(each, str))


class Mirror:
    """What vision shows at `path` to a screen at `place`."""

    def __init__(self, path: Path, place: Place, within_s: float = WITHIN_S) -> None:
        unix_socket.checked(path)
        self._path, self._place, self._within_s, self._asking = path, place, within_s, 0

    async def next(self) -> bytes | None:
        """The next picture (`mirror_wire`). None: nobody is looked at, or elsewhere, or more wait than there may be."""
        if self._asking >= WATCHERS:
            return None
        self._asking += 1
        try:
            async with asyncio.timeout(self._within_s):
                told = await self._told()
            return told if mirror_wire.decode(told).place in _SEEN[self._place] else None
        except (OSError, BadReply):  # vision is not there, hung up, was too slow, or says what is no picture
            return None
        finally:
            self._asking -= 1

    async def _told(self) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._path)
        try:
            told = b""
            while len(told) <= BYTES_MAX and (chunk := await reader.read(BYTES_MAX)):
                told += chunk
            return told
        finally:
            writer.close()
