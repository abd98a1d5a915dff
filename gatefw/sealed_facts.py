"""What was written down of a person at their enrolment, sealed to them with the key of their partition."""

import json
from collections.abc import Mapping

from gatefw import sealing
from gatefw.model import SubjectId
from gatefw.partitions import Partitions
from gatefw.people_store import PeopleStore

_PURPOSE = "record facts"


class SealedFacts:
    """Those of one store; any thread. Every method raises StoreError."""

    def __init__(self, people: PeopleStore, partitions: Partitions) -> None:
        self._people, self._partitions = people, partitions

    def keep(self, subject: SubjectId, facts: Mapping[str, str]) -> None:
        """In place of what was before. Raises Refusal when the key of their partition is destroyed."""
        with self._people.transaction() as database:
            (partition,) = self._people.row("select partition from traveller where subject = ?", subject)
            key = self._partitions.need_key(partition, _PURPOSE)
            sealed = sealing.seal(key, json.dumps(dict(facts)).encode(), subject.encode())
            database.execute("update traveller set facts_sealed = ? where subject = ?", (sealed, subject))

    def erase(self, subject: SubjectId) -> None:
        """Within a transaction; what is left of them after it, `PeopleStore.forget` sees to."""
        with self._people.transaction() as database:
            database.execute("update traveller set facts_sealed = null where subject = ?", (subject,))

    def of(self, subject: SubjectId) -> dict[str, str] | None:
        """None when there is nobody, they were erased, or their key is destroyed."""
        row = self._people.row("select partition, facts_sealed from traveller where subject = ?", subject)
        key = row and self._partitions.key(row[0], _PURPOSE)
        if not key or row[1] is None:
            return None
        return dict(json.loads(sealing.unseal(key, row[1], subject.encode())))

    def nonce(self, subject: SubjectId) -> bytes | None:
        """Without which what is kept of them now does not open: what is looked for when it was erased."""
        row = self._people.row("select facts_sealed from traveller where subject = ?", subject)
        return None if row is None or row[0] is None else bytes(row[0][: sealing.NONCE_BYTES])

    def prove(self, partition: str) -> None:
        """Raises StoreError unless what is kept of a partition opens with the key that is there."""
        query = "select subject from traveller where partition = ? and facts_sealed is not null limit 1"
        if row := self._people.row(query, partition):
            self.of(SubjectId(row[0]))
