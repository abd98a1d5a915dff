"""The peer of `bench.screen`: a Starlette page which streams each line of a display socket as it comes, and shows it.

`python -m bench.screen_peer DIR` prints its address.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from gatefw.display import SOCKET
from gatefw.web.serve import bound, serve

PAGE = """<!doctype html><title>Bare</title><p id="words"></p><script>
new EventSource("/shown").onmessage = (event) => { document.getElementById("words").textContent = event.data; };
</script>"""


def app(display: Path) -> Starlette:
    async def lines() -> AsyncGenerator[str, None]:
        reader, writer = await asyncio.open_unix_connection(display)
        before = b""
        while line := await reader.readline():
            if line != before:
                yield f"data: {line.decode()}\n"
            before = line
        writer.close()

    async def page(_request: Request) -> Response:
        return HTMLResponse(PAGE)

    async def shown(_request: Request) -> Response:
        return StreamingResponse(lines(), media_type="text/event-stream")

    return Starlette(routes=[Route("/", page), Route("/shown", shown)])


if __name__ == "__main__":
    listener = bound("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    serve(app(Path(sys.argv[1]) / SOCKET), listener)
