"""Serves the picture to the browser: a page, its stream, one touch and the mirror; for each place a screen may hang at.

`/` is the place that was asked for, `/front` and `/inside` are those: one process serves a lane's two screens.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gatefw import wire_json
from gatefw.display import TOUCH_BYTES, TOUCHES
from gatefw.errors import BadReply
from gatefw.screen.lane import Lane, keep, kept
from gatefw.screen.link import SILENT_S, Link
from gatefw.screen.mirror import Mirror, outline
from gatefw.screen.picture import Line, Place, picture, silent
from gatefw.screen.voice import SIGNS, Voice
from gatefw.web.board import Board, stream
from gatefw.web.shell import application, body
from gatefw.words import Words

FILES = Path(__file__).parents[1] / "data" / "screen"
BEAT_S = 0.5


class Post:
    """What a screen at one place shows. Each picture brings with it what stands there when nobody says anything."""

    def __init__(self, place: Place, tongues: Sequence[Words], lane: Lane, mirror: Path | None, voice: Voice) -> None:
        self._place, self._tongues, self._voice = place, tongues, voice
        self._mirror = None if mirror is None else Mirror(mirror, place)
        self.know(lane)
        self.board = Board(self.told(None))

    def know(self, lane: Lane) -> None:
        self.nothing = self._voice.told(silent(self._place, self._tongues, lane))

    def told(self, line: Line | None) -> dict[str, object]:
        now = self.nothing if line is None else self._voice.told(picture(line, self._place, self._tongues))
        return {**now, "mirror": outline(line, self._place), "silent": self.nothing}

    def routes(self, path: str) -> list[BaseRoute]:
        async def shown(_request: Request) -> Response:
            return stream(self.board, BEAT_S)

        async def closed(_request: Request) -> Response:
            return JSONResponse(self.nothing)

        async def mirrored(_request: Request) -> Response:
            return await self._mirrored()

        return [
            Route(path or "/", seen),
            Route(f"{path}/mirror", mirrored),
            Route(f"{path}/silent", closed),
            Route(f"{path}/shown", shown),
            Route(f"{path}/touch", touched, methods=["POST"]),
        ]

    async def _mirrored(self) -> Response:
        """The next picture, if the lane wants a face here when it is asked for and still does when it comes."""
        if self._mirror is not None and self.board.value["mirror"]:
            seen = await self._mirror.next()
            if seen is not None and self.board.value["mirror"]:
                return Response(seen, media_type="application/octet-stream")
        return Response(status_code=204)


def screen(
    display: Path,
    place: Place,
    tongues: Sequence[Words],
    silent_s: float = SILENT_S,
    known: Path | None = None,
    mirror: Path | None = None,
    audio: Path | None = None,
) -> Starlette:
    """The application of a screen at `place`, which follows the display socket as long as it runs.

    known: the file in which it keeps what it was told of its lane. mirror: the socket of vision's pictures.
    audio: a directory of recordings, see `voice`.
    """
    lane = Lane() if known is None else kept(known)
    voice = Voice(audio)
    posts = [Post(each, tongues, lane, mirror, voice) for each in (place, Place.FRONT, Place.INSIDE)]

    def heard(line: Line | None) -> None:
        nonlocal lane
        told = None if line is None else Lane.heard(line.get("lane"))
        if told is not None and told != lane:
            lane = told
            for post in posts:
                post.know(lane)
            if known is not None:
                keep(known, lane)
        for post in posts:
            post.board.put(post.told(line))

    @asynccontextmanager
    async def follows(app: Starlette) -> AsyncIterator[None]:
        app.state.link = link = Link(display, heard, silent_s)
        try:
            yield
        finally:
            link.close()

    paths = ("", f"/{Place.FRONT}", f"/{Place.INSIDE}")
    routes = [route for post, path in zip(posts, paths, strict=True) for route in post.routes(path)]
    return application([*routes, voice.route()], FILES, follows)


def html() -> str:
    """The page, with every sign in it."""
    signs = sorted(SIGNS.glob("*.svg"))
    drawn = "\n".join(f'<div data-of="{sign.stem}" hidden>{sign.read_text("utf-8").strip()}</div>' for sign in signs)
    return (FILES / "screen.html").read_text("utf-8").replace("<!-- signs -->", drawn)


async def seen(_request: Request) -> Response:
    return HTMLResponse(html())


async def touched(request: Request) -> Response:
    """Confirm or decline what is asked, and nothing else."""
    sent = await body(request, TOUCH_BYTES)
    try:
        message = wire_json.decode(sent)
    except BadReply:
        return PlainTextResponse("no touch\n", 400)
    touch, run = message.get("touch"), message.get("run")
    if message.keys() != {"touch", "run"} or not (isinstance(touch, str) and touch in TOUCHES and isinstance(run, str)):
        return PlainTextResponse("no touch\n", 400)
    return Response(status_code=204 if request.app.state.link.touch(touch, run) else 503)
