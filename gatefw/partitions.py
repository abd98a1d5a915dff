"""Partitions of the records: a flight, a permit class, a park, a time window. Each has a key of its own.

What is known of a partition and of its people is sealed with its key, so destroying the key destroys it at once; the
rows go too. A partition that is being destroyed is first marked as gone, from when on nobody of it is found and nobody
is added; whatever a crash leaves undone, `unfinished` and `to_tell` name. Its row stays until vision has destroyed its
templates (`told`), and keeps the name from being used again before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from gatefw import sealing
from gatefw.errors import Refusal, StoreError
from gatefw.events import PARTITION
from gatefw.partition_keys import PartitionKeys
from gatefw.people_store import PeopleStore
from gatefw.record_terms import FOR_EVER, MAIN

_ALIVE, _GONE, _ERASED = 0, 1, 2
_THEIRS = "subject in (select subject from traveller where partition = ?)"


@dataclass(frozen=True, slots=True)
class Partition:
    """`expires_at`: seconds since 1970 UTC, perhaps FOR_EVER. `people`: registered in it, expired ones too."""

    name: str
    expires_at: float
    people: int
    facts: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToTell:
    """What vision does not know yet of a partition: that it was made, or is gone."""

    name: str
    expires_at: float
    gone: bool


class Partitions:
    """Those of one store; any thread. Every method raises StoreError."""

    def __init__(self, people: PeopleStore, keys: PartitionKeys, main_key: bytes) -> None:
        self._people, self._keys, self._main_key = people, keys, main_key

    def key(self, name: str, purpose: str) -> bytes | None:
        """A partition's key for one purpose; None when the partition is destroyed, or never was."""
        if name == MAIN:
            return sealing.derive(self._main_key, purpose)
        alive = self._people.row("select 1 from partition where name = ? and gone = ?", name, _ALIVE)
        root = self._keys.get(name) if alive else None
        return root and sealing.derive(root, purpose)

    def need_key(self, name: str, purpose: str) -> bytes:
        """As `key`. Raises Refusal when there is none."""
        key = self.key(name, purpose)
        if key is None:
            raise Refusal(f"partition {name}: its key is destroyed; nothing of it can be kept or read")
        return key

    def make(self, name: str, expires_at: float, facts: Mapping[str, str], now: float) -> None:
        """Raises Refusal: no name, one that is taken, a time that is over."""
        if not PARTITION.fits(name):
            raise Refusal(f"partition {name!r}: 1 to 40 of a-z, 0-9 and - are wanted, a letter or digit first")
        if expires_at <= now:
            raise Refusal(f"partition {name}: would expire before it begins; nothing was made")
        with self._people.transaction() as database:
            if name == MAIN or database.execute("select 1 from partition where name = ?", (name,)).fetchone():
                raise Refusal(f"partition {name}: exists, or its templates are not destroyed yet; take another name")
            self._keys.destroy(name)  # one without its row is what a crash left
            key = sealing.derive(self._keys.make(name), "partition facts")
            sealed = sealing.seal(key, json.dumps(dict(facts)).encode(), name.encode())
            database.execute("insert into partition values (?, ?, ?, ?, 0)", (name, expires_at, sealed, _ALIVE))

    def change(self, name: str, facts: Mapping[str, str]) -> None:
        """Replace the facts of these names, and remove those that are empty. Raises Refusal: no such partition."""
        key = self.key(name, "partition facts")
        changed = {name: value for name, value in {**self.facts(name), **facts}.items() if value}
        with self._people.transaction() as database:
            if key is None or name == MAIN:
                raise Refusal(f"partition {name}: there is none that has facts; `gatefw partition list` shows them")
            sealed = sealing.seal(key, json.dumps(changed).encode(), name.encode())
            database.execute("update partition set facts_sealed = ? where name = ?", (sealed, name))

    def facts(self, name: str) -> dict[str, str]:
        """What is known of a partition: its journey. Nothing of one that is not there."""
        key = self.key(name, "partition facts")
        row = self._people.row("select facts_sealed from partition where name = ? and gone = ?", name, _ALIVE)
        if key is None or row is None:
            return {}
        return dict(json.loads(sealing.unseal(key, row[0], name.encode())))

    def open_until(self, name: str, now: float) -> float:
        """Until when it takes people (seconds since 1970 UTC). Raises Refusal when it does not at `now`."""
        if name == MAIN:
            return FOR_EVER
        row = self._people.row("select expires_at from partition where name = ? and gone = ?", name, _ALIVE)
        if row is None or now >= row[0]:
            found = "there is none of that name" if row is None else "its time is over"
            raise Refusal(f"partition {name}: {found}; `gatefw partition list` shows them, `make` makes one")
        return float(row[0])

    def list(self) -> list[Partition]:
        """Every partition that is not gone, in order; the main one first."""
        counts = dict(self._people.rows("select partition, count(*) from traveller group by partition"))
        rows = self._people.rows("select name, expires_at from partition where gone = ? order by name", _ALIVE)
        return [
            Partition(name, expires_at, counts.get(name, 0), self.facts(name))
            for name, expires_at in [(MAIN, FOR_EVER), *rows]
        ]

    def lost(self) -> tuple[str, ...]:
        """Those that nobody has destroyed, whose key is not there all the same, or cannot be used."""

        def usable(name: str) -> bool:
            try:
                return self._keys.get(name) is not None
            except StoreError:
                return False

        rows = self._people.rows("select name from partition where gone = ? order by name", _ALIVE)
        return tuple(name for (name,) in rows if not usable(name))

    # ---------------------------------------------------------------- the end of a partition

    def due(self, now: float) -> tuple[str, ...]:
        """Those whose time is over."""
        query = "select name from partition where gone = ? and expires_at <= ?"
        return tuple(name for (name,) in self._people.rows(query, _ALIVE, now))

    def destroy(self, name: str) -> int | None:
        """Destroy the key, then every row of its people; how many they were, None when another process did it.

        Raises Refusal: the main partition, or one that is not there.
        """
        with self._people.transaction() as database:
            query = "update partition set gone = ?, told = 0 where name = ? and gone = ?"
            if not database.execute(query, (_GONE, name, _ALIVE)).rowcount:
                raise Refusal(f"partition {name}: there is none to destroy; `gatefw partition list` shows them")
        return self.finish(name)

    def unfinished(self) -> tuple[str, ...]:
        """Those that are gone, though their rows are not: a crash came in between, or another process is at it."""
        return tuple(name for (name,) in self._people.rows("select name from partition where gone = ?", _GONE))

    def finish(self, name: str) -> int | None:
        """The rest of `destroy`. The key goes while the row is held: another process may have finished, and the name
        been used again."""
        with self._people.transaction() as database:
            query = "update partition set gone = ?, facts_sealed = null where name = ? and gone = ?"
            if not database.execute(query, (_ERASED, name, _GONE)).rowcount:
                return None
            self._keys.destroy(name)
            for table in ("token", "consent", "touchpoint", "refusal"):
                database.execute(f"delete from {table} where {_THEIRS}", (name,))  # noqa: S608  our own names
            people = database.execute("delete from traveller where partition = ?", (name,)).rowcount
        self._people.forget_all()
        return people

    def to_tell(self) -> tuple[ToTell, ...]:
        """What vision was not told yet, or did not do."""
        rows = self._people.rows("select name, expires_at, gone from partition where told = 0 and gone != ?", _GONE)
        return tuple(ToTell(name, expires_at, gone == _ERASED) for name, expires_at, gone in rows)

    def told(self, told: ToTell) -> None:
        """Vision has done it."""
        with self._people.transaction() as database:
            if told.gone:
                database.execute("delete from partition where name = ? and gone = ?", (told.name, _ERASED))
            else:
                database.execute("update partition set told = 1 where name = ? and gone = ?", (told.name, _ALIVE))
