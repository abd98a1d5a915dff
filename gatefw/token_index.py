"""By what a record is found: keyed hashes of its tokens, and of the document it was enrolled by."""

import hashlib
import hmac
import json
from collections.abc import Sequence

from gatefw import sealing
from gatefw.errors import Refusal
from gatefw.identifier import parse_identifier
from gatefw.model import DocumentRead, Failed, SubjectId, Token
from gatefw.partitions import Partitions
from gatefw.people_store import PeopleStore
from gatefw.record_terms import IN_USE


class TokenIndex:
    """Those of one store; any thread. Every method raises StoreError."""

    def __init__(self, people: PeopleStore, partitions: Partitions, key: bytes) -> None:
        self._people, self._partitions, self._key = people, partitions, sealing.derive(key, "record tokens")

    def of_token(self, token: Token) -> bytes | Failed:
        """Under what a token is kept; Failed(TOKEN_MALFORMED) for what is none."""
        identifier = parse_identifier(token)
        return identifier if isinstance(identifier, Failed) else self._keyed(self._key, identifier)

    def of_document(self, document: DocumentRead, partition: str) -> bytes:
        """Under what a document is kept. With the partition's key: once that is destroyed it leads to nobody.

        Raises Refusal when it is destroyed.
        """
        words = json.dumps([document.issuer, document.number]).encode()
        return self._keyed(self._partitions.need_key(partition, "record documents"), words)

    def of_all(self, tokens: Sequence[Token], document: DocumentRead | None, partition: str) -> set[bytes]:
        """What a new record is to be found by. Raises Refusal for a malformed token."""
        hashes = {self.of_document(document, partition)} if document else set()
        for token in tokens:
            found = self.of_token(token)
            if isinstance(found, Failed):
                raise Refusal(
                    "enrol: a token is malformed; a QR identifier or 8 to 20 characters A-Z 0-9 of a card are wanted"
                )
            hashes.add(found)
        return hashes

    def claim(self, subject: SubjectId, hashes: set[bytes]) -> None:
        """These find this record from now on. Raises Refusal when one belongs to another that is in use."""
        with self._people.transaction() as database:
            for each in hashes:
                query = "select state from traveller natural join token where hash = ?"
                row = database.execute(query, (each,)).fetchone()
                if row is not None and row[0] in IN_USE:
                    raise Refusal(f"enrol: a token belongs to a record that is {row[0]}; revoke that one first")
            database.executemany("insert or replace into token values (?, ?)", [(each, subject) for each in hashes])

    @staticmethod
    def _keyed(key: bytes, words: bytes) -> bytes:
        return hmac.new(key, words, hashlib.sha256).digest()
