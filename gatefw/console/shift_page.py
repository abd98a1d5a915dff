"""The report of a shift for whoever is logged in and may read: a page, its figures, and a chart of its hours."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gatefw import stats_chart
from gatefw.bus_keys import Permission
from gatefw.console import FILES
from gatefw.console.officers import Officer
from gatefw.console.row import Row
from gatefw.console.shift import KEPT, QUARTER_S, by_hour, moment, told
from gatefw.control import SILENT_ALARM
from gatefw.web.shell import page
from gatefw.words import ENGLISH, Words, known

LONGEST = timedelta(seconds=KEPT * QUARTER_S)
Answer = Callable[[Request, Officer], Awaitable[Response]]


def routes(row: Row, asking: Callable[[Answer], Callable[[Request], Awaitable[Response]]]) -> list[Route]:
    """asking: puts the session of an officer before an answer."""

    async def figures(request: Request, officer: Officer) -> Response:
        span = _span(request)
        if isinstance(span, Response):
            return span
        if not _may(officer):
            return _no()
        found = await asyncio.to_thread(told, row.ledgers, *span)
        return JSONResponse({**found, "orders": [each for each in found["orders"] if not _silent(each, officer)]})

    async def chart(request: Request, officer: Officer) -> Response:
        span = _span(request)
        if isinstance(span, Response):
            return span
        if not _may(officer):
            return _no()
        offset = _minutes(request.query_params.get("offset", "0"))
        hours = await asyncio.to_thread(by_hour, [ledger for _, ledger in row.ledgers], *span)
        names = [(at + timedelta(minutes=offset)).strftime("%H:%M") for at, _ in hours]
        called = Words(known(request.query_params.get("lang", "")) or ENGLISH).texts("shift")
        drawn = stats_chart.svg("", names, [counts for _, counts in hours], called)
        return Response(drawn, media_type="image/svg+xml")

    return [
        page("/shift", FILES / "shift.html"),
        Route("/shift/figures", asking(figures)),
        Route("/shift/chart", asking(chart)),
    ]


def _may(officer: Officer) -> bool:
    return Permission.READ in officer.may


def _silent(order: Mapping[str, Any], officer: Officer) -> bool:
    """A silent alarm of theirs: whoever stands beside them reads it here no more than on the page of the lanes."""
    return order["verb"] == SILENT_ALARM and str(order["by"]).rpartition("/")[2] == officer.name


def _no() -> Response:
    return JSONResponse({"error": "not_permitted", "message": "this officer may not read"}, 403)


def _span(request: Request) -> tuple[datetime, datetime] | Response:
    begins, ends = (moment(request.query_params.get(name, "")) for name in ("from", "to"))
    if begins is None or ends is None or not timedelta() < ends - begins <= LONGEST:
        message = (
            f"from and to: two moments like 2026-12-01T07:00Z, at most {LONGEST.total_seconds() / 3600:.0f} h apart"
        )
        return JSONResponse({"error": "malformed", "message": message}, 400)
    return begins, ends


def _minutes(text: str) -> int:
    """How far the reader's clock is before UTC; what is none is 0."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,3}", text) else 0
