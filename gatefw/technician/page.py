"""Serves what is known to the browser: a page, its stream, its words and the doctor's pages. Nothing takes an order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gatefw.doctor import pages
from gatefw.errors import Refusal, SetupError
from gatefw.technician.rounds import EVERY_S, Look, Rounds
from gatefw.technician.told import told
from gatefw.watch.source import Source
from gatefw.web.board import Board, stream
from gatefw.web.shell import application, page
from gatefw.words import OF_CODES, Words, language

FILES = Path(__file__).parents[1] / "data" / "technician"
BEAT_S = 1.0


def technician(open_source: Callable[[], Source], look: Look, tongue: str, every_s: float = EVERY_S) -> Starlette:
    """The application, which watches as long as it runs. tongue: what is read where nobody chooses another."""
    board = Board({})

    @asynccontextmanager
    async def watches(_app: Starlette) -> AsyncIterator[None]:
        source, rounds = open_source(), Rounds(look, lambda: board.watchers > 0, every_s)
        source.start()
        rounds.start()
        tells = asyncio.create_task(_tells(board, source, rounds))
        try:
            yield
        finally:
            tells.cancel()
            rounds.close()
            source.close()

    async def seen(_request: Request) -> Response:
        return stream(board, BEAT_S)

    async def words(request: Request) -> Response:
        try:
            chosen = language(request.query_params.get("lang", ""), {"LANG": tongue})
        except SetupError as error:
            return PlainTextResponse(f"{error}\n", 404)
        return JSONResponse(in_words(Words(chosen)))

    routes = [
        page("/", FILES / "technician.html"),
        Route("/seen", seen),
        Route("/words", words),
        Route("/explain/{code}", explained),
    ]
    return application(routes, FILES, watches)


async def _tells(board: Board, source: Source, rounds: Rounds) -> None:
    while True:
        board.put(told(source.seen, source.now_s(), rounds.latest))
        await asyncio.sleep(BEAT_S)


async def explained(request: Request) -> Response:
    """What a finding means: the page that `gatefw explain` prints."""
    try:
        return JSONResponse({"page": pages.page(request.path_params["code"])})
    except Refusal as error:
        return PlainTextResponse(f"{error}\n", 404)


def in_words(words: Words) -> dict[str, object]:
    """The language's tag, and every text of the page: headings by their key, codes as `phase.idle`."""
    codes = {f"{kind}.{code}": text for kind in OF_CODES for code, text in words.texts(kind).items()}
    texts = {**words.texts("label"), **words.texts("technician"), **codes}
    return {"lang": words.language.replace("_", "-"), "texts": texts}
