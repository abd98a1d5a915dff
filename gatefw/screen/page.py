"""Serves the picture to the browser: a page, its stream, and one touch."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gatefw import wire_json
from gatefw.display import TOUCH_BYTES, TOUCHES
from gatefw.errors import BadReply
from gatefw.screen.link import SILENT_S, Link
from gatefw.screen.picture import Line, Place, picture, silent
from gatefw.web.board import Board, stream
from gatefw.web.shell import application, page
from gatefw.words import Words

FILES = Path(__file__).parents[1] / "data" / "screen"
BEAT_S = 0.5


def screen(display: Path, place: Place, tongues: Sequence[Words], silent_s: float = SILENT_S) -> Starlette:
    """The application of a screen at `place`, which follows the display socket as long as it runs."""
    nothing = silent(place, tongues)
    board = Board(nothing.told())

    def heard(line: Line | None) -> None:
        board.put((nothing if line is None else picture(line, place, tongues)).told())

    @asynccontextmanager
    async def follows(app: Starlette) -> AsyncIterator[None]:
        app.state.link = link = Link(display, heard, silent_s)
        try:
            yield
        finally:
            link.close()

    async def shown(_request: Request) -> Response:
        return stream(board, BEAT_S)

    async def closed(_request: Request) -> Response:
        return JSONResponse(nothing.told())

    routes = [
        page("/", FILES / "screen.html"),
        Route("/silent", closed),
        Route("/shown", shown),
        Route("/touch", touched, methods=["POST"]),
    ]
    return application(routes, FILES, follows)


async def touched(request: Request) -> Response:
    """Confirm or decline what is asked, and nothing else."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > TOUCH_BYTES:
            return PlainTextResponse("too long\n", 413)
    try:
        message = wire_json.decode(body)
    except BadReply:
        return PlainTextResponse("no touch\n", 400)
    touch, run = message.get("touch"), message.get("run")
    if message.keys() != {"touch", "run"} or not (isinstance(touch, str) and touch in TOUCHES and isinstance(run, str)):
        return PlainTextResponse("no touch\n", 400)
    return Response(status_code=204 if request.app.state.link.touch(touch, run) else 503)
