"""Do strangers come as near as the model card says? Watched on the running lane, without a score leaving it.

Of every search that found somebody, all others of the gallery are strangers. By the card, a share of EXPECTED of such
searches has one of them within a certain distance, whatever the size of the gallery: the distance follows from it. So
among the next PEOPLE the number of those who had one is binomial, and one that the card makes RARE is a drift:

    "nearer"    too many, at the distance that the card calls certain to be strict enough: more strangers are found than
                the lane allows. Seen as soon as there are too many, at the latest after PEOPLE
    "farther"   too few, at the distance that it calls certain to be loose enough: travellers are missed for nothing, or
                the camera no longer sees what it should. Seen after PEOPLE
    it fits     when PEOPLE later both numbers are within what is not unusual (FITS): until then it stays as it is

Whoever is not found may be a stranger or not, so nothing is learnt from them. Nobody counts twice among PEOPLE: who is
alike stays alike every day. Two who are near to each other count for each of them; so the numbers are judged as if they
came in twos, out of half as many. False alarms: at most one in 1,000 times PEOPLE either way, while the card is right.

How many of 2,000 simulated lanes have noticed after PEOPLE, and the median number of people until then, when strangers
come within the distance in so many searches instead of 10 %. With the default model twice as many means that they have
come 0.016 nearer, of a distance of some 0.45:

    nearer     13 %  1 %     15 %  13 %    17 %  57 % (467)   20 %  97 % (417)   25 %  all (335)    40 %  all (210)
    farther     7 %  1 %      6 %   7 %     5 %  31 %          4 %  74 %          3 %  98 %          2 %  all

On the development faces (galleries of 50 to 700 people with one template, 50 to 263 with three; photographs or copies
of one as frames; 40 draws) 7 to 10 % had one within the strict distance, 9 to 11 % within the likeliest, 11 to 14 %
within the loose one, and the numbers varied at most 1.36 times as much as binomial ones (in twos: 1.41).

A gallery in which never so many different people are found is too small to be watched.
"""

import logging
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from gatefw.biometrics.card import Card
from gatefw.biometrics.nearness import share_of, strangers
from gatefw.biometrics.search import Candidate, Reach
from gatefw.biometrics.variety import between
from gatefw.model import SubjectId

EXPECTED = 0.10
PEOPLE = 500
RARE = 1e-3
FITS = 0.05


class Drift(StrEnum):
    """Which way strangers' distances differ from the card's."""

    NEARER = "nearer"
    FARTHER = "farther"


_SAYS = {Drift.NEARER: "nearer than", Drift.FARTHER: "less near than", None: "as near as"}
_log = logging.getLogger(__name__)


class Monitor:
    """Counts, and keeps nothing of anybody but who was counted, until PEOPLE were."""

    def __init__(self) -> None:
        self.drift: Drift | None = None
        self._met: set[SubjectId] = set()
        self._near = self._around = 0

    def ended(self, who: SubjectId, near: bool, around: bool) -> None:
        """Somebody was found. Whether a stranger was within the strict distance, and within the loose one."""
        if who in self._met:
            return
        self._met.add(who)
        self._near, self._around = self._near + near, self._around + around
        if self._near >= too_many(RARE):
            self.drift = Drift.NEARER
        if len(self._met) == PEOPLE:
            self._judge()
            self._met, self._near, self._around = set(), 0, 0

    def _judge(self) -> None:
        if self._near >= too_many(RARE):
            return
        if self._around <= too_few(RARE):
            self.drift = Drift.FARTHER
        elif self._near < too_many(FITS) and self._around > too_few(FITS):
            self.drift = None


class Watch:
    """Looks at the strangers of every search of a lane that fuses so many frames. Raises ModelError: the card has no
    tails."""

    def __init__(self, card: Card, frames: int) -> None:
        self._card, self._frames, self.monitor = card, frames, Monitor()
        strangers(card, frames, 1)

    def farthest(self, people: int, variety: float) -> Reach:
        """How far a search among so many, at least two, must see."""
        return self._within(people, variety, strict=False)

    def searched(self, who: SubjectId, others: Sequence[Candidate], people: int, variety: float) -> None:
        """Somebody was found among so many people; `others` were within `farthest`, perhaps among still others."""
        near, around = (
            any(each.distance <= within(each.templates) for each in others)
            for within in (self._within(people, variety, strict) for strict in (True, False))
        )
        before = self.monitor.drift
        self.monitor.ended(who, near, around)
        if (drift := self.monitor.drift) is not before:
            _log.warning("strangers come %s the card of model %s says", _SAYS[drift], self._card.name)

    def _within(self, people: int, variety: float, strict: bool) -> Reach:
        one, every = (_reach(self._card, frames, people, strict) for frames in (1, self._frames))
        return between(one, every, variety)


@lru_cache(64)
def _reach(card: Card, frames: int, people: int, strict: bool) -> Reach:
    """The strict or the loose end of the distance within which EXPECTED of searches have a stranger."""
    share = share_of(EXPECTED, people - 1)

    @lru_cache(8)
    def reach(templates: int) -> float:
        found = strangers(card, frames, templates).distance(share)
        return found.low if strict else found.high

    return reach


@lru_cache
def too_many(chance: float) -> int:
    """The least number that so many of PEOPLE, in twos, have with no more than this chance."""
    trials = PEOPLE // 2
    return 2 * next(most for most in range(trials + 1) if sum(_shares()[most:]) <= chance)


@lru_cache
def too_few(chance: float) -> int:
    """The largest number as `too_many`, of so few; -1 where even none is not that rare."""
    few = [least for least in range(PEOPLE // 2) if sum(_shares()[: least + 1]) <= chance]
    return 2 * few[-1] if few else -1


@lru_cache
def _shares() -> tuple[float, ...]:
    """How often 0, 1, ... of PEOPLE / 2 happen, by the card."""
    trials, odds = PEOPLE // 2, EXPECTED / (1 - EXPECTED)
    shares = [(1 - EXPECTED) ** trials]
    for number in range(trials):
        shares.append(shares[-1] * (trials - number) / (number + 1) * odds)
    return tuple(shares)
