"""Who is logged in, in memory alone: a console that ended knows nobody. No clock."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gatefw.bus_keys import Permission

MOST = 8
"""Of one officer: who logs in again and again ends no other's."""


@dataclass(slots=True)
class Session:
    """password, may: what was in force at login; something else since, and the session is over."""

    officer: str
    password: str = field(repr=False)
    may: frozenset[Permission]
    csrf: str = field(repr=False)
    began_s: float
    used_s: float


class Sessions:
    """idle_s: without anything that the officer did; longest_s: whatever they did. One thread alone."""

    def __init__(self, idle_s: float, longest_s: float, now_s: Callable[[], float]) -> None:
        self.idle_s, self._longest_s, self._now_s = idle_s, longest_s, now_s
        self._sessions: dict[str, Session] = {}

    def begin(self, officer: str, password: str, may: frozenset[Permission]) -> tuple[str, Session]:
        """The cookie of a new session, which is kept as its digest; of MOST of that officer the oldest ends."""
        now_s, cookie = self._now_s(), secrets.token_urlsafe(32)
        self._sessions = {key: each for key, each in self._sessions.items() if self._lives(each)}
        theirs = [key for key, each in self._sessions.items() if each.officer == officer]
        for key in theirs[: max(0, len(theirs) - MOST + 1)]:
            del self._sessions[key]
        session = Session(officer, password, may, secrets.token_urlsafe(32), now_s, now_s)
        self._sessions[_digest(cookie)] = session
        return cookie, session

    def find(self, cookie: str | None, use: bool) -> Session | None:
        """The session of a cookie; `use`: the officer did something just now."""
        session = self._sessions.get(_digest(cookie or ""))
        if session is None:
            return None
        if not self._lives(session):
            del self._sessions[_digest(cookie or "")]
            return None
        if use:
            session.used_s = self._now_s()
        return session

    def end(self, cookie: str | None) -> None:
        self._sessions.pop(_digest(cookie or ""), None)

    def keep(self, still: Callable[[Session], bool]) -> None:
        """End all others."""
        self._sessions = {key: each for key, each in self._sessions.items() if still(each)}

    def _lives(self, session: Session) -> bool:
        now_s = self._now_s()
        return now_s - session.used_s < self.idle_s and now_s - session.began_s < self._longest_s


def _digest(cookie: str) -> str:
    """What is compared is not what was sent, so how long that takes tells nothing."""
    return hashlib.sha256(cookie.encode()).hexdigest()
