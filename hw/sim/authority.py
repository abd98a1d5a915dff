"""An authority of the simulated world: it has a stop-list, remembers who departed today, and keeps what it was told.

`SimulatedAuthority.answers` is all of it: a letter in, answers out, in memory. On a socket it is `AuthorityCounter`.
What it does wrong when it is told to is its `mode`. It opens its boxes with its own key; the lane has none for them.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from selectors import BaseSelector

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gatefw.authority_wire import (
    PASSAGE,
    QUERY,
    TRAVELLER,
    Addressee,
    Contents,
    Forged,
    Kind,
    Letter,
    Malformed,
    Word,
    answer,
    opened,
    read,
)
from hw.sim.peers import Listener, Peer, sized
from hw.sim.settings import AuthoritySettings

DAY_S = 86_400


class Mode(StrEnum):
    """How it behaves."""

    HONEST = "honest"
    LATE = "late"  # what it would say to a query it says after the next letter
    LOST = "lost"  # says nothing to a query
    REFUSING = "refusing"
    WRONG_KEY = "wrong_key"  # signs with another key
    FORGED = "forged"  # says "clear" under the signature of what it had said
    REPLAYING = "replaying"  # says again what it said to the first query
    GARBLED = "garbled"
    NO_RECEIPT = "no_receipt"  # keeps records, and does not say so


@dataclass(frozen=True, slots=True)
class Received:
    """A clearance record as it came: the number it goes by, and what was in both its boxes."""

    id: bytes
    letter: bytes
    traveller: Contents
    passage: Contents


@dataclass
class SimulatedAuthority:
    """`lanes` are whom it answers, by name. `stop_list`: issuers and numbers of documents."""

    name: str
    lanes: Mapping[str, Ed25519PublicKey]
    now: Callable[[], float]
    signs: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    seals: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)
    stop_list: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    mode: Mode = Mode.HONEST
    queries: list[Contents] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    rejected: int = 0
    """Letters that were malformed, or signed by nobody whom it knows."""
    _held: list[bytes] = field(default_factory=list)
    _said: bytes = b""

    @property
    def addressee(self) -> Addressee:
        """As a lane file names it."""
        return Addressee(self.name, self.signs.public_key(), self.seals.public_key())

    @property
    def records(self) -> dict[bytes, Received]:
        """What it was told, each record once, however often it came."""
        return {each.id: each for each in self.received}

    def look_for(self, issuer: str, number: str) -> None:
        """Put a document on the stop-list."""
        self.stop_list.add((issuer, number))

    def answers(self, letter: bytes) -> list[bytes]:
        """What it says now, to this letter or to one before."""
        held, self._held = self._held, []
        try:
            read_letter = read(letter, self.name, self.lanes)
            said = self._say(read_letter, letter)
        except (Malformed, Forged):
            self.rejected += 1
            return held
        return [*said, *held]

    def _say(self, letter: Letter, message: bytes) -> list[bytes]:
        match letter.kind:
            case Kind.HELLO:
                key = Ed25519PrivateKey.generate() if self.mode is Mode.WRONG_KEY else self.signs
                return [answer(letter.hash, Word.HERE, int(self.now()), key)]
            case Kind.RECORD:
                traveller, passage = opened(letter, 0, TRAVELLER, self.seals), opened(letter, 1, PASSAGE, self.seals)
                self.received.append(Received(letter.id, message, traveller, passage))
                receipt = answer(letter.hash, Word.RECEIVED, int(self.now()), self.signs)
                return [] if self.mode is Mode.NO_RECEIPT else [receipt]
        return self._answer_query(letter)

    def _answer_query(self, letter: Letter) -> list[bytes]:
        asked = opened(letter, 0, QUERY, self.seals)
        self.queries.append(asked)
        answer_key, word, at = asked["answer_key"], self._word(asked), int(self.now())
        assert isinstance(answer_key, bytes)
        honest = answer(letter.hash, word, at, self.signs, answer_key)
        self._said = self._said or honest
        match self.mode:
            case Mode.LATE:
                self._held.append(honest)
                return []
            case Mode.LOST:
                return []
            case Mode.WRONG_KEY | Mode.FORGED:
                return [answer(letter.hash, Word.CLEAR, at, Ed25519PrivateKey.generate(), answer_key)]
            case Mode.REPLAYING:
                return [self._said]
            case Mode.GARBLED:
                return [os.urandom(len(honest))]
        return [honest]

    def _word(self, asked: Contents) -> Word:
        document = (str(asked["issuer"]), str(asked["number"]))
        if document in self.stop_list:
            return Word.HIT
        if self._used_today(document, str(asked["direction"]), asked["at"]):
            return Word.USED_TWICE
        return Word.REFUSED if self.mode is Mode.REFUSING or document in self.refused else Word.CLEAR

    def _used_today(self, document: tuple[str, str], direction: str, at: object) -> bool:
        """Whether somebody passed with this document in the same direction on the same day (UTC)."""
        return any(
            each.passage["passed"] == 1
            and each.passage["direction"] == direction
            and (each.traveller.get("document.issuer", ""), each.traveller.get("document.number")) == document
            and int(each.passage["at"]) // DAY_S == int(str(at)) // DAY_S
            for each in self.received
        )


def of_settings(name: str, settings: AuthoritySettings, now: Callable[[], float]) -> SimulatedAuthority:
    """As a `[world.authorities.NAME]` table describes it."""
    return SimulatedAuthority(
        name,
        {settings.lane: Ed25519PublicKey.from_public_bytes(bytes.fromhex(settings.key))},
        now,
        Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings.signs)),
        X25519PrivateKey.from_private_bytes(bytes.fromhex(settings.seals)),
    )


class AuthorityLine:
    """A `Link` to it, within the driver's own thread: what it says is there as soon as it was asked."""

    def __init__(self, authority: SimulatedAuthority) -> None:
        self._authority = authority
        self._asked = self._said = b""

    def write(self, data: bytes) -> None:
        letters, self._asked = sized(self._asked + data)
        for letter in letters:
            self._said += b"".join(_framed(each) for each in self._authority.answers(letter))

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        if not self._said:
            threading.Event().wait(timeout_s)  # whoever owns the line may have something to ask by then
        data, self._said = self._said[:max_bytes], self._said[max_bytes:]
        return data

    def flush_input(self) -> None:
        self._said = b""

    def close(self) -> None:
        self._said = b""


class AuthorityCounter:
    """The same behind a unix socket, served by the world's loop."""

    def __init__(self, selector: BaseSelector, path: Path, authority: SimulatedAuthority) -> None:
        self._authority = authority
        self._listener = Listener(selector, path, self._take, cut=sized)

    def hang_up(self) -> None:
        """End every connection; whoever asks can come again."""
        for peer in list(self._listener.peers):
            peer.close()

    def close(self) -> None:
        self._listener.close()

    def _take(self, peer: Peer, letter: bytes) -> None:
        for each in self._authority.answers(letter):
            peer.send(_framed(each))


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message
