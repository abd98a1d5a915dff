"""How often somebody was refused at a lane of late. The count is bounded and expires: it is no blacklist.

Never more than `most` refusals of a subject are remembered, each for `within_s`; one that is dated in the future, by a
clock that was wrong, does not count. A passage clears them.
"""

from gatefw.model import SubjectId
from gatefw.people_store import PeopleStore

_STALE = "lane = ? and (at <= ? or at > ?)"
_FORGET = f"delete from refusal where {_STALE}"  # noqa: S608  a constant


class Tries:
    """Those of one lane; any thread. `now` is wall time in seconds since 1970 UTC. Every method raises StoreError."""

    def __init__(self, people: PeopleStore, lane: str, most: int, within_s: float) -> None:
        self._people, self._lane, self._most, self._within_s = people, lane, most, within_s

    def refused(self, subject: SubjectId, now: float) -> int | None:
        """Remember a refusal; how many there are, when that is the limit, else None. Said once in `within_s`."""
        ours = (subject, self._lane)
        with self._people.transaction() as database:
            database.execute(_FORGET, self._stale(now))
            query = "select count(*), max(told_at) from refusal where subject = ? and lane = ?"
            before, told_at = database.execute(query, ours).fetchone()
            fresh = told_at is not None and now - self._within_s < told_at <= now
            reached = before + 1 >= self._most and not fresh
            told_at = now if reached else told_at if fresh else None
            database.execute(
                "insert into refusal (subject, lane, at, told_at) values (?, ?, ?, ?)", (*ours, now, told_at)
            )
            database.execute(
                "delete from refusal where subject = ?1 and lane = ?2 and number not in (select number from refusal "
                "where subject = ?1 and lane = ?2 order by number desc limit ?3)",
                (*ours, self._most),
            )
        return self._most if reached else None

    def too_many(self, subject: SubjectId, now: float) -> bool:
        """Whether they were refused so often, of late, that an officer should look at it."""
        query = "select count(*) from refusal where subject = ? and lane = ? and at > ? and at <= ?"
        count = self._people.row(query, subject, self._lane, now - self._within_s, now)[0]
        return bool(count >= self._most)

    def passed(self, subject: SubjectId) -> None:
        """They passed: what was before is forgotten."""
        with self._people.transaction() as database:
            database.execute("delete from refusal where subject = ? and lane = ?", (subject, self._lane))

    def forget(self, now: float) -> None:
        """Remove what does not count any more."""
        if self._people.row(f"select 1 from refusal where {_STALE} limit 1", *self._stale(now)):  # noqa: S608  a constant
            with self._people.transaction() as database:
                database.execute(_FORGET, self._stale(now))

    def _stale(self, now: float) -> tuple[str, float, float]:
        return (self._lane, now - self._within_s, now)
