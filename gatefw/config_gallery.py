"""What must hold between a lane file's tables about finding people by their face; as `config_rules`."""

from collections.abc import Callable, Mapping
from typing import Any

from gatefw.config_tables import GallerySize, VisionTable
from gatefw.errors import SetupError
from gatefw.toml_document import Place

Tell = Callable[[Place, str], None]
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
