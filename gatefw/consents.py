"""What registered people agreed to, and what of it they took back."""

from collections.abc import Collection, Mapping

from gatefw.model import SubjectId
from gatefw.people_store import PeopleStore
from gatefw.record_terms import Agreed, Consent, Modality

_ROW = "select subject, modality, given_at, withdrawn_at from consent"


class Consents:
    """Those of one store; any thread. Every method raises StoreError."""

    def __init__(self, people: PeopleStore) -> None:
        self._people = people

    def give(self, subject: SubjectId, consent: Consent) -> None:
        """Beside what was agreed to before; what had been withdrawn holds again."""
        given = [(subject, modality, consent.at) for modality in consent.to]
        with self._people.transaction() as database:
            database.executemany("insert or replace into consent values (?, ?, ?, null)", given)

    def withdraw(self, subject: SubjectId, of: Collection[Modality], now: float) -> None:
        query = "update consent set withdrawn_at = ? where subject = ? and modality = ?"
        with self._people.transaction() as database:
            database.executemany(query, [(now, subject, modality) for modality in of])

    def of(self, subject: str) -> tuple[Agreed, ...]:
        """In a fixed order; nothing of somebody who is not there."""
        rows = self._people.rows(f"{_ROW} where subject = ? order by modality", subject)
        return tuple(Agreed(Modality(to), at, withdrawn_at) for _, to, at, withdrawn_at in rows)

    def by_subject(self, after: str, upto: str | None) -> Mapping[str, tuple[Agreed, ...]]:
        """Of all whose subject id comes after one, up to another."""
        theirs = "where subject > ?1 and (?2 is null or subject <= ?2) order by modality"
        found: dict[str, tuple[Agreed, ...]] = {}
        for subject, to, at, withdrawn_at in self._people.rows(f"{_ROW} {theirs}", after, upto):
            found[subject] = (*found.get(subject, ()), Agreed(Modality(to), at, withdrawn_at))
        return found
