"""The newest of something: any thread puts it there, browsers follow it as server-sent events.

A browser that is slow misses what came between and gets the newest, like a screen on the display socket.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Mapping

from starlette.responses import StreamingResponse

BEAT_S = 1.0
"""So often something is sent, if only a word that nothing changed: a page that hears nothing says so."""
RETRY_MS = 500
"""A browser that lost the stream asks again after so long."""
WATCHERS = 16
"""More of them at once are not a screen: the one that has followed for longest gives way, and may come again."""

Value = Mapping[str, object]


class Board:
    """`put` may be called by any thread, before a loop runs as well. At most `most` follow at once."""

    def __init__(self, value: Value, most: int = WATCHERS) -> None:
        self._lock, self._most = threading.Lock(), most
        self._value, self._number = value, 0
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def value(self) -> Value:
        return self._value

    @property
    def watchers(self) -> int:
        return len(self._waiting)

    def put(self, value: Value) -> None:
        """What is equal to what is there is nothing new."""
        with self._lock:
            if value == self._value:
                return
            self._value, self._number = value, self._number + 1
            waiting = list(self._waiting.items())
        for event, loop in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def follow(self, beat_s: float = BEAT_S) -> AsyncGenerator[Value | None, None]:
        """The value, and each newer one; None when nothing came for so long. Ends when too many others have come."""
        news, sent = asyncio.Event(), -1
        with self._lock:
            while len(self._waiting) >= self._most:
                oldest = next(iter(self._waiting))
                del self._waiting[oldest]
            self._waiting[news] = asyncio.get_running_loop()
        try:
            while news in self._waiting:
                news.clear()
                value, number = self._value, self._number
                yield None if number == sent else value
                sent = number
                try:
                    await asyncio.wait_for(news.wait(), beat_s)
                except TimeoutError:
                    continue
        finally:
            with self._lock:
                self._waiting.pop(news, None)


def stream(board: Board, beat_s: float = BEAT_S) -> StreamingResponse:
    """Everything on the board from now on, as `text/event-stream`; each a line of JSON, `beat` where nothing is new."""

    async def lines() -> AsyncGenerator[str, None]:
        yield f"retry: {RETRY_MS}\n\n"
        async for value in board.follow(beat_s):
            yield "event: beat\ndata: {}\n\n" if value is None else f"data: {json.dumps(value)}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")
