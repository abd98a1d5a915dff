"""What must hold between a lane file's tables about finding people by their face; as `config_rules`."""

from collections.abc import Callable, Mapping
from typing import Any

from gatefw.config_rules import Asked
from gatefw.config_tables import Clearance, GallerySize, VisionTable
from gatefw.errors import SetupError
from gatefw.toml_document import Place

Tell = Callable[[Place, str], None]
FINGER = "finger_s"
Holds = Callable[[str, GallerySize], object]
"""Whether the embedder of that name can search such a gallery; raises SetupError with why not."""


def identification(
    vision: VisionTable, size: GallerySize | None, cameras: Mapping[str, Any], holds: Holds | None, error: Tell
) -> None:
    """The camera that identifies is one of the lane's, and the model can tell so many people apart."""
    if not vision.identify:
        return
    if vision.identify not in cameras:
        found = ", ".join(cameras) or "none"
        error(("vision", "identify"), f"no camera is called {vision.identify}; there are {found}")
    elif vision.identify == vision.codes:
        error(
            ("vision", "identify"),
            f"{vision.identify} looks for codes, and one that does so looks at no face; name another camera",
        )
    if holds is None or size is None:
        return
    try:
        holds(vision.embedder, size)
    except SetupError as problem:
        error(("gallery", "most"), f"is {size.most}: {problem}")


def outgrown(
    size: GallerySize | None, asked: Asked | None, clearance: Clearance | None, has_finger: bool, error: Tell
) -> None:
    """Who is found in a gallery that outgrew the model shows a finger only where a procedure asks for one, on a sensor.

    `asked` is None where the procedure is not known.
    """
    if size is None or size.outgrown != "finger":
        return
    place = ("gallery", "outgrown")
    if not has_finger:
        error(place, 'is "finger", and the lane has no sensor for it; add [finger.NAME], or say "close"')
    if asked is None:
        return
    _, inside, more = asked
    if FINGER not in (*inside, *more):
        error(place, 'is "finger", and this lane\'s procedure asks nobody whom it found for one; say "close"')
    elif FINGER not in inside and clearance is not None and not clearance.second_look:
        error(
            place, 'is "finger", which is asked for with the second look; say clearance.second_look = true, or "close"'
        )
