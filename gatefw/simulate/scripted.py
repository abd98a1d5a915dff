"""Scripted answers: no picture is looked at, no finger measured. Who is who is known; how long it takes is stated.

The times are about what a Raspberry Pi 5, an R30x sensor and a passport take; they are part of what is printed.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from gatefw.biometrics.card import Card, Threshold, shipped
from gatefw.biometrics.threshold import for_gallery, threshold_for
from gatefw.config import Config
from gatefw.errors import ModelError
from gatefw.model import (
    Answer,
    AskAuthorities,
    CheckEligibility,
    ChipProof,
    Cleared,
    DocumentRead,
    Eligible,
    Enrolled,
    EnrolTraveller,
    FaceCompared,
    FaceIdentified,
    Failed,
    FingerCompared,
    IdentifyFace,
    Ineligible,
    LookUpRecord,
    Question,
    ReadDocument,
    Reason,
    RecordFound,
    SubjectId,
    VerifyFace,
    VerifyFinger,
    VerifyPortrait,
)
from gatefw.simulate.stories import looks_at_faces
from gatefw.simulate.traveller import NONE, STRANGER, Traveller, reason_in
from hw.sim.physics import World
from hw.sim.places import place_inside

Judge = Callable[[Mapping[str, str], DocumentRead | None], Eligible | Ineligible]
TAKES_S: Mapping[type[Question], float] = MappingProxyType(
    {
        LookUpRecord: 0.02,
        CheckEligibility: 0.01,
        IdentifyFace: 0.6,
        VerifyFace: 0.8,
        VerifyPortrait: 0.9,
        VerifyFinger: 1.2,
        ReadDocument: 3.0,
        AskAuthorities: 0.2,
        EnrolTraveller: 0.8,
    }
)
"""How long an answer takes, in seconds. What is not there to be looked at takes as long as the question allows."""
ABSENT = frozenset({Reason.NO_FACE, Reason.NO_FINGER, Reason.NO_DOCUMENT, Reason.AUTHORITY_UNAVAILABLE})


class Scripted:
    """Answers for everybody of the `cast`, by name. A face shows whoever the photograph is named after."""

    def __init__(self, config: Config, world: World, judge: Judge, cast: Mapping[str, Traveller]) -> None:
        self.world, self.judge, self.cast = world, judge, cast
        self.face, self.search = threshold_for(embedder(config), config.face.fmr), search_threshold(config)
        self.fpir = config.gallery.fpir
        self.authorities = tuple(device.name for device in config.having("authority"))
        self._tries: Counter[str] = Counter()

    def answer(self, question: Question) -> tuple[float, Answer] | None:
        """How long it takes, and the reply; None for what the traveller answers with the buttons."""
        takes_s = TAKES_S.get(type(question))
        if takes_s is None:
            return None
        reply = self._reply(question)
        if isinstance(reply, Failed) and reply.reason in ABSENT:
            takes_s = getattr(question, "deadline_s", takes_s)
        return takes_s, reply

    def _reply(self, question: Question) -> Answer:
        match question:
            case LookUpRecord(token):
                return self._look_up(token.payload.decode("ascii"))
            case CheckEligibility(subject, document):
                return self.judge(self.cast[subject].facts if subject else {}, document)
            case IdentifyFace():
                return self.identify()
            case VerifyFace(subject):
                return self.compare(str(subject))
            case VerifyPortrait(portrait):
                return self.compare_portrait(portrait.decode("ascii"))
            case VerifyFinger(subject):
                return self._finger(str(subject))
            case ReadDocument(mrz):
                return self._read(mrz.decode("ascii"))
            case AskAuthorities(subject, document):
                return self._ask_authorities(str(subject) if subject else document.number if document else "")
            case EnrolTraveller(document):
                return self._enrol(document.number)
        return Failed(Reason.SOFTWARE)

    def _look_up(self, text: str) -> Answer:
        if reason := reason_in(text):
            return Failed(reason)
        return RecordFound(SubjectId(text)) if text in self.cast else Failed(Reason.TOKEN_UNKNOWN)

    def identify(self) -> Answer:
        found = seen(self.world.faces_in_front())
        if isinstance(found, Failed):
            return found
        if found not in self.cast or found.startswith(STRANGER):
            return Failed(Reason.NOT_IDENTIFIED)
        if self.search is None:
            return Failed(Reason.VISION_UNAVAILABLE)
        at, people = self.search.distance, len(self.cast)
        more = self.cast[found].outgrown
        return FaceIdentified(SubjectId(found), round(at * 0.6, 3), at, people, self.fpir, 2, more)

    def compare(self, whose: str) -> Answer:
        found = seen(self.world.faces())
        if isinstance(found, Failed):
            return found
        at = self.face.distance
        fits = found == whose
        return FaceCompared(fits, round(at * (0.6 if fits else 1.5), 3), at, self.face.fmr, 5)

    def compare_portrait(self, whose: str) -> Answer:
        return self.compare(whose)

    def _finger(self, whose: str) -> Answer:
        spot = place_inside(self.world.doors)
        there = (person.name for person in self.world.people.values() if person.place is spot)
        inside = next((self.cast[name] for name in there if name in self.cast), None)
        if inside is None:
            return Failed(Reason.NO_FINGER)
        tried = self._tries[inside.name]
        self._tries[inside.name] += 1
        lies = inside.shown(inside.fingers[min(tried, len(inside.fingers) - 1)])
        if lies == NONE:
            return Failed(Reason.NO_FINGER)
        if reason := reason_in(lies):
            return Failed(reason)
        return FingerCompared(lies == whose, 120 if lies == whose else 12, 1)

    def _read(self, number: str) -> Answer:
        if reason := reason_in(number):
            return Failed(reason)
        holder = self.cast[number]
        if reason := reason_in(holder.document):
            return Failed(reason)
        if holder.document == NONE:
            return Failed(Reason.NO_DOCUMENT)
        facts = holder.facts
        return DocumentRead(
            number,
            facts.get("document.issuer", "UTO"),
            facts.get("document.nationality", "UTO"),
            facts.get("born", "1980-01-01"),
            facts.get("document.expires", ""),
            number.encode("ascii"),
            ChipProof.CHIP,
        )

    def _ask_authorities(self, name: str) -> Answer:
        if reason := reason_in(self.cast[name].authorities):
            return Failed(reason)
        return Cleared(self.authorities)

    def _enrol(self, name: str) -> Answer:
        reason = reason_in(self.cast[name].enrolment)
        if reason and reason is not Reason.ENROLLED_TWICE:
            return Failed(reason)
        return Enrolled(SubjectId(name), twice=reason is Reason.ENROLLED_TWICE)


def embedder(config: Config) -> Card:
    """The card of the lane's model. Raises ModelError: nobody knows its rates."""
    name = config.vision_table.embedder
    for card in _shipped():
        if card.name == name:
            return card
    raise ModelError(f"{config.file}: no card of a model {name} is shipped, so its rates are not known; name another")


@cache
def _shipped() -> Sequence[Card]:
    return tuple(shipped())


def search_threshold(config: Config) -> Threshold | None:
    """Where the lane searches: the threshold for its gallery. Raises ModelError: its model cannot hold that."""
    if not config.vision_table.identify:
        return None
    size = config.gallery
    return for_gallery(embedder(config), size.most, size.fpir, size.fnir, size.frames)


def lane_threshold(config: Config) -> Threshold | None:
    """What a face meets first: the threshold of the search, or of one compared with one; None: no face is looked at."""
    if not looks_at_faces(config):
        return None
    return search_threshold(config) or threshold_for(embedder(config), config.face.fmr)


def seen(faces: tuple[str | None, ...]) -> str | Failed:
    """The one face there is, by its photograph."""
    if len(faces) > 1:
        return Failed(Reason.TWO_FACES)
    if not faces or faces[0] is None:
        return Failed(Reason.NO_FACE)
    reason = reason_in(faces[0])
    return Failed(reason) if reason else faces[0]
