"""Recordings of what signs say: DIR/LANGUAGE/SIGN.ogg, named as in data/locale and data/screen/signs."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from gatefw.screen.picture import Picture
from gatefw.words import LANGUAGES

SIGNS = Path(__file__).parents[1] / "data" / "screen" / "signs"


@cache
def _signs() -> frozenset[str]:
    return frozenset(path.stem for path in SIGNS.iterdir())


@dataclass(frozen=True, slots=True)
class Voice:
    """`folder`: None where there are no recordings; what is heard then is a chime, where the lane file says so."""

    folder: Path | None = None

    def told(self, picture: Picture) -> dict[str, object]:
        """The picture for the page, with the languages in which its sign is spoken, in the order of its words."""
        tags = [tag.replace("-", "_") for tag, _ in picture.words]
        spoken = [tag for tag in tags if self.recording(tag, picture.sign) is not None]
        return {**picture.told(), "audio": picture.audio or self.folder is not None, "voices": spoken}

    def recording(self, language: str, sign: str) -> Path | None:
        """None where there is none, and for what is the name of no language or sign."""
        if self.folder is None or language not in LANGUAGES or sign not in _signs():
            return None
        file = self.folder / language / f"{sign}.ogg"
        return file if file.is_file() else None

    def route(self) -> BaseRoute:
        async def spoken(request: Request) -> Response:
            file = self.recording(request.path_params["language"], request.path_params["sign"])
            return Response(status_code=404) if file is None else FileResponse(file, media_type="audio/ogg")

        return Route("/audio/{language}/{sign}.ogg", spoken)
