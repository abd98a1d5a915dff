"""The page and what it asks: who is there, how the lanes are, and orders to them.

Each request but the page, its texts and the login is of a session, and each that changes something shows the session's
token besides the cookie. Nothing of who asked for what is kept; the journals of the lanes have every order.
"""

import asyncio
import hashlib
import json
import logging
import secrets
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gatefw import wire_json
from gatefw.bus_keys import Permission
from gatefw.bus_orders import LANE, URGENT, needed
from gatefw.console import FILES, shift_page
from gatefw.console.officers import Officer, Officers, Throttle, bears, mark
from gatefw.console.row import ORDER_S, STOP_S, Came, Row
from gatefw.console.sessions import Session, Sessions
from gatefw.console.setting import Reader, Setting
from gatefw.control import ACKNOWLEDGE, CASE, VERBS
from gatefw.errors import BadReply, GateError
from gatefw.model import Phase
from gatefw.web.board import RETRY_MS
from gatefw.web.shell import LOCAL, application, body, foreign, page
from gatefw.words import ENGLISH, OF_CODES, OF_OFFICERS, Words, known

BODY_BYTES = 16 * 1024
BEAT_S, SOON_S = 0.4, 0.1
"""The row is sent so often at least, and never twice within SOON_S."""
COOKIE = "gatefw_console"
MARK_S = 90 * 86_400

_log = logging.getLogger(__name__)
Answer = Callable[[Request, Officer], Awaitable[Response]]


class Console:
    """One console: its officers, who is logged in, and its row of lanes."""

    def __init__(self, setting: Setting, row: Row, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s, self.row, self.officers = now_s, row, Officers(setting.officers)
        table = setting.console
        self.sessions = Sessions(table.idle_min * 60.0, table.longest_h * 3600.0, now_s)
        self._throttle, self._trying = Throttle(), asyncio.Semaphore(2)
        self._secure = setting.tls is not None
        self._names = (*LOCAL, *table.names)

    def application(self, reader: Reader | None = None) -> Starlette:
        """`reader` is asked again for the officers at SIGHUP."""

        @asynccontextmanager
        async def follows(_app: Starlette) -> AsyncIterator[None]:
            loop = asyncio.get_running_loop()
            if reader is not None:
                loop.add_signal_handler(signal.SIGHUP, self.reload, reader)
            try:
                yield
            finally:
                if reader is not None:
                    loop.remove_signal_handler(signal.SIGHUP)
                await asyncio.to_thread(self.row.close)

        return application(self._routes(), FILES, follows, self._names)

    def reload(self, reader: Reader) -> None:
        """Other officers, from their file; whose password or rights are others now is logged out."""
        try:
            self.officers = Officers(reader().officers)
        except GateError as error:
            _log.error("console: the officers are who they were: %s", error)
            return
        self.sessions.keep(self._in_force)
        self.row.tell()
        _log.warning("console: officers read anew")

    def _routes(self) -> list[Route]:
        return [
            page("/", FILES / "console.html"),
            Route("/words", texts),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._changing(self._logout), methods=["POST"]),
            Route("/session", self._asking(self._session)),
            Route("/lanes", self._lanes),
            Route("/lanes/{lane}/orders", self._changing(self._order), methods=["POST"]),
            Route("/lanes/{lane}/case", self._asking(self._case)),
            Route("/stop", self._changing(self._stop), methods=["POST"]),
            *shift_page.routes(self.row, self._asking),
        ]

    # ------------------------------------------------------------ who is there

    def _asking(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def of_session(request: Request) -> Response:
            found = self._found(request, use=True)
            return _no(401, "no_session", "log in") if found is None else await answer(request, found[1])

        return of_session

    def _changing(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def with_token(request: Request) -> Response:
            found = self._found(request, use=False)
            if found is None:
                return _no(401, "no_session", "log in")
            if not secrets.compare_digest(request.headers.get("x-csrf", "").encode(), found[0].csrf.encode()):
                return _no(403, "csrf", "X-CSRF: the token of the session is wanted; load the page again")
            self._found(request, use=True)
            return await answer(request, found[1])

        return with_token

    def _found(self, request: Request, use: bool) -> tuple[Session, Officer] | None:
        # a link on somebody else's page asks nothing in an officer's name
        cookie = None if foreign(request.headers) else request.cookies.get(self._cookie)
        session = self.sessions.find(cookie, use)
        if session is None or not self._in_force(session):
            return None
        officer = self.officers.get(session.officer)
        return (session, officer) if officer else None

    def _in_force(self, session: Session) -> bool:
        """Also of one that began while the officers were read anew: its password was looked at before that."""
        officer = self.officers.get(session.officer)
        return officer is not None and (officer.password, officer.may) == (session.password, session.may)

    @property
    def _cookie(self) -> str:
        return f"__Host-{COOKIE}" if self._secure else COOKIE

    async def _login(self, request: Request) -> Response:
        told = await _body(request)
        name, password = told.get("name"), told.get("password")
        if not (isinstance(name, str) and isinstance(password, str) and len(name) <= 64 and len(password) <= 256):
            return _no(400, "malformed", "name and password are wanted")
        address = request.client.host if request.client else ""
        known_here = request.cookies.get(self._mark(name), "")
        borne = known_here if bears(self.officers.get(name), known_here) else ""
        wait_s = self._throttle.enter(name, address, self._now_s(), borne)
        if wait_s > 0:
            told = {"error": "too_often", "message": "wait before the next try", "wait_s": round(wait_s + 0.05, 1)}
            return JSONResponse(told, 429)
        async with self._trying:
            officer = await asyncio.to_thread(self.officers.known, name, password)
        if officer is None:
            _log.warning("console: login refused: %s", name if self.officers.get(name) else "a name that nobody has")
            return _no(401, "refused", "name or password is wrong")
        self._throttle.passed(name, address, borne)
        _log.warning("console: login accepted: %s", name)
        self.sessions.end(request.cookies.get(self._cookie))
        cookie, _ = self.sessions.begin(name, officer.password, officer.may)
        answer = Response(status_code=204)
        self._give(answer, self._cookie, cookie)
        self._give(answer, self._mark(name), mark(officer), MARK_S)
        return answer

    def _give(self, answer: Response, name: str, value: str, lives_s: int | None = None) -> None:
        answer.set_cookie(name, value, lives_s, path="/", secure=self._secure, httponly=True, samesite="strict")

    def _mark(self, name: str) -> str:
        """The cookie that says that this officer logged in here before; who they are it does not say."""
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
        return f"{self._cookie}_{digest[:16]}"

    async def _logout(self, request: Request, _officer: Officer) -> Response:
        self.sessions.end(request.cookies.get(self._cookie))
        self.row.tell()
        answer = Response(status_code=204)
        answer.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="strict")
        return answer

    async def _session(self, request: Request, officer: Officer) -> Response:
        session = self.sessions.find(request.cookies.get(self._cookie), use=False)
        return JSONResponse({
            "name": officer.name,
            "may": sorted(officer.may),
            "csrf": session.csrf if session else "",
            "language": officer.language,
            "idle_s": self.sessions.idle_s,
        })  # fmt: skip

    # ------------------------------------------------------------ the lanes

    async def _lanes(self, request: Request) -> Response:
        found = self._found(request, use=False)
        if found is None:
            return _no(401, "no_session", "log in")
        if Permission.READ not in found[1].may:
            return _no(403, "not_permitted", "this officer may not read")
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncGenerator[str, None]:
        """The row as it is now, at news and each BEAT_S (what is told are ages), until the session ends, which is said.

        Who gives way to others is told nothing: their browser asks again.
        """
        yield f"retry: {RETRY_MS}\n\n"
        async for _ in self.row.changes.follow(BEAT_S):
            found = self._found(request, use=False)
            if found is None:
                yield "event: ended\ndata: {}\n\n"
                return
            yield f"data: {json.dumps(self._for(found[1]))}\n\n"
            await asyncio.sleep(SOON_S)

    def _for(self, officer: Officer) -> Mapping[str, Any]:
        """Of orders those that this officer may give. Who gave a silent alarm is not shown it, on whichever page they
        are, and however often that is loaded: somebody stands beside them.
        """
        told = self.row.now()
        rows = [{**each, "orders": [verb for verb in each["orders"] if may(officer, verb)]} for each in told["lanes"]]
        alarms = [
            {name: value for name, value in each.items() if name != "giver"}
            for each in told["alarms"]
            if each.get("giver") != officer.name
        ]
        return {**told, "lanes": rows, "alarms": alarms}

    async def _order(self, request: Request, officer: Officer) -> Response:
        lane, told = request.path_params["lane"], await _body(request)
        verb, expects = told.pop("verb", None), told.pop("expects", None)
        if lane not in self.row:
            return _no(404, "no_lane", f"there is no lane {lane[:40]!r}")
        if not (isinstance(verb, str) and verb in VERBS) or expects not in (None, *Phase):
            return _no(400, "malformed", "verb: one of the lane's; expects: a phase or nothing")
        if not may(officer, verb):
            return _no(403, "not_permitted", f"{officer.name} may not order {verb}")
        if expects is None and verb in LANE - URGENT:
            return _no(400, "malformed", "expects: the phase in which the officer saw the lane")
        if verb == ACKNOWLEDGE:
            told = {"event": told.get("event", told.get("number"))}
        phase = Phase(expects) if expects else None
        return _answer(await self.row.order(lane, verb, told, phase, officer.name, ORDER_S))

    async def _case(self, request: Request, officer: Officer) -> Response:
        lane = request.path_params["lane"]
        if lane not in self.row:
            return _no(404, "no_lane", f"there is no lane {lane[:40]!r}")
        if not may(officer, CASE):
            return _no(403, "not_permitted", f"{officer.name} may not see cases")
        args = {"run": run} if (run := request.query_params.get("run")) else {}
        came = await self.row.order(lane, CASE, args, None, officer.name, ORDER_S)
        return _answer(Came(404, came.told) if came.status == 409 else came)

    async def _stop(self, request: Request, officer: Officer) -> Response:
        """Holds several lanes at once. Each is answered for by name, and one that does not answer keeps no other."""
        told = await _body(request)
        lanes = told.get("lanes")
        if not isinstance(lanes, list) or not lanes or not all(isinstance(each, str) for each in lanes):
            return _no(400, "malformed", "lanes: a list of their ids is wanted")
        if not may(officer, "hold"):
            return _no(403, "not_permitted", f"{officer.name} may not order hold")
        known_lanes = [each for each in dict.fromkeys(lanes) if each in self.row]
        args = {"why": told["why"]} if "why" in told else {}
        holds = [self.row.order(each, "hold", args, None, officer.name, STOP_S) for each in known_lanes]
        came = dict(zip(known_lanes, await asyncio.gather(*holds), strict=True))
        missing = Came(404, {"outcome": "refused", "error": "no_lane", "message": "there is no such lane"})
        return JSONResponse({"outcomes": {each: dict(came.get(each, missing).told) for each in lanes}})


def may(officer: Officer, verb: str) -> bool:
    """What the lane wants of a key for it, the console wants of the officer."""
    permission = needed(verb)
    return permission is not None and permission in officer.may


async def texts(request: Request) -> Response:
    """All that the page says, by context and code; what is the page's alone by its own keys."""
    words = Words(known(request.query_params.get("lang", "")) or ENGLISH)
    contexts = {**{each: f"{each}." for each in (*OF_CODES, *OF_OFFICERS, "fact")}, "console": ""}
    return JSONResponse({
        f"{before}{key}": text for each, before in contexts.items() for key, text in words.texts(each).items()
    })  # fmt: skip


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises HTTPException."""
    sent = await body(request, BODY_BYTES)
    try:
        return wire_json.decode(sent)
    except BadReply as error:
        raise HTTPException(400) from error


def _answer(came: Came) -> Response:
    return JSONResponse(dict(came.told), came.status)


def _no(status: int, error: str, message: str) -> Response:
    return JSONResponse({"error": error, "message": message}, status)
