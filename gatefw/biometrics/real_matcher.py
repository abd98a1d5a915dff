"""The real chain, search and thresholds on a folder of photographs instead of cameras: what a lane's faces come to.

A folder holds one folder for each person, with photographs of them (JPEG, PNG). From it and a seed follow the
travellers, who are enrolled with three photographs and come with others; the impostors, who are enrolled nowhere; and
others who fill the gallery up to the size that the lane allows. Photographs that do not show exactly one good face are
left out: a camera goes on looking, and capture is measured elsewhere. Nothing is written to disk, no name comes out.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import TypeVar

from gatefw.biometrics import picture
from gatefw.biometrics.capture import Capture, Captured
from gatefw.biometrics.card import Threshold
from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.gallery_chunk import CHUNK_PEOPLE, Chunk, Member, Place
from gatefw.biometrics.identify import Found, Identification, Limits
from gatefw.biometrics.search import Search
from gatefw.biometrics.sight import Hint, Look, Rules
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import for_gallery, threshold_for
from gatefw.biometrics.verify import Outcome, Verification
from gatefw.errors import Refusal, SetupError
from gatefw.model import Answer, Enrolled, FaceCompared, FaceIdentified, Failed, Reason, SubjectId
from gatefw.vision_settings import Searched

ENROLLED_FROM = 3
"""Photographs of a traveller; whoever has more comes with those."""
MISMATCH_FRAMES = 5
_ANY = float("inf")
"""Photographs of a person, years apart, differ more than two frames of one minute do: here they are one visit's."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})

Ended = TypeVar("Ended", Outcome, Found, Captured)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who comes to the lane. `enrolled`: the photographs they were registered with; none of an impostor."""

    subject: SubjectId = field(repr=False)
    enrolled: tuple[Path, ...] = field(repr=False)
    probes: tuple[Path, ...] = field(repr=False)


class _Memory:
    """A gallery that is nowhere but here."""

    def __init__(self) -> None:
        self._templates: dict[SubjectId, tuple[Template, ...]] = {}
        self._changes = 0

    def enrol(self, subject: SubjectId, templates: Sequence[Template]) -> None:
        self._templates[subject] = tuple(templates)
        self._changes += 1

    def get(self, subject: SubjectId, _now: float) -> tuple[Template, ...] | Reason:
        return self._templates.get(subject, Reason.NOT_ENROLLED)

    def places(self, _now: float, _patterns: Sequence[str]) -> Iterator[Place]:
        for begin in range(0, len(self._templates), CHUNK_PEOPLE):
            yield Place(begin, self._changes, "", min(CHUNK_PEOPLE, len(self._templates) - begin), _ANY)

    def opened(self, place: Place) -> Chunk:
        there = islice(self._templates.items(), place.number, place.number + place.people)
        return Chunk.of([Member(subject, _ANY, templates) for subject, templates in there])

    def generation(self) -> int:
        return self._changes


class RealMatcher:
    """`searched`: None for a lane that searches nobody, whose gallery then holds the travellers alone.

    room: places left free in the gallery, for those who are enrolled here. `drawn` is told how many people there are,
    with each. Raises SetupError when the folder has too few people, ModelError when the model cannot hold so many.
    """

    def __init__(
        self,
        chain: Chain,
        faces: Path,
        seed: int,
        travellers: int = 50,
        impostors: int = 50,
        searched: Searched | None = None,
        fmr: float = 1e-3,
        room: int = 0,
        drawn: Callable[[int], None] = lambda _number: None,
    ) -> None:
        card = chain.embedder.card
        self._chain, self._gallery = chain, _Memory()
        self._probes: dict[Path, Probe | Reason] = {}
        self._limits: Limits | None = None
        self.face: Threshold = threshold_for(card, fmr)
        self.search: Threshold | None = None
        self._many = searched or Searched(most=travellers)
        self._search = Search(self._gallery, chain.maker, (), self._many.most, lambda: 0.0)
        if searched is not None:
            size = searched.most, searched.fpir, searched.fnir, searched.frames
            self.search = for_gallery(card, *size)
            self._limits = replace(Limits.of(card, *size), same=_ANY)
        if travellers > self._many.most:
            raise SetupError(f"{travellers} travellers: the gallery may hold {self._many.most}; make it larger")
        self._chance = random.Random(seed)  # noqa: S311  the same people again for the same seed
        self._faces, self._told = faces, drawn
        self._folders = sorted(each for each in faces.glob("*") if each.is_dir())
        self._there = len(self._folders)
        self._chance.shuffle(self._folders)
        self.travellers = self._drawn(travellers, ENROLLED_FROM + 1)
        self.impostors = self._drawn(impostors, 1)
        others = self._drawn(max(0, self._many.most - travellers - room), 1)
        for person in (*self.travellers, *others):
            self._gallery.enrol(person.subject, self._templates((person.enrolled or person.probes)[:ENROLLED_FROM]))

    @property
    def people(self) -> int:
        """How many are enrolled."""
        return self._search.people

    def identify(self, photos: Sequence[Path]) -> Answer:
        """Whose face the photographs show, as frames of the identifying camera (1:N).

        Fewer photographs than frames are shown again, which helps nobody: copies are worth one (`variety`).
        """
        if self._limits is None:
            return Failed(Reason.SOFTWARE)
        look = Identification(self._search, self._limits, Rules(self._many.frames, 0.0), 0.0, len(photos) + 99.0)
        found = look.refusal() or self._played(look, photos, self._many.frames)
        if found.reason is not Reason.OK or found.subject is None or found.score is None:
            return Failed(found.reason)
        return FaceIdentified(
            found.subject, found.score, found.threshold, found.gallery, found.fpir, found.frames, found.more_evidence
        )

    def verify(self, subject: SubjectId, photos: Sequence[Path]) -> Answer:
        """Whether the photographs show this subject, as frames of the camera inside (1:1)."""
        references = self._gallery.get(subject, 0.0)
        return Failed(references) if isinstance(references, Reason) else self._compared(references, photos)

    def portrait(self, person: Person) -> bytes:
        """A photograph of the person as their document holds it, still encoded."""
        return (person.enrolled or person.probes)[0].read_bytes()

    def verify_portrait(self, portrait: bytes, photos: Sequence[Path]) -> Answer:
        """Whether the photographs show the person of a portrait (1:1)."""
        reference = self._reference(portrait)
        return Failed(reference) if isinstance(reference, Reason) else self._compared([reference], photos)

    def enrol(self, subject: SubjectId, portrait: bytes, photos: Sequence[Path]) -> Answer:
        """Register whoever the photographs show, with the portrait that they fit."""
        reference = self._reference(portrait)
        if isinstance(reference, Reason):
            return Failed(reference)
        look = Capture(reference, self.face, Rules(MISMATCH_FRAMES, 0.0), 0.0, 99.0)
        captured = self._played(look, photos, MISMATCH_FRAMES)
        if captured.reason is not Reason.OK:
            return Failed(captured.reason)
        self._gallery.enrol(subject, captured.templates)
        return Enrolled(subject)

    def _compared(self, references: Sequence[Template], photos: Sequence[Path]) -> Answer:
        look = Verification(references, self.face, Rules(MISMATCH_FRAMES, 0.0), 0.0, 99.0)
        outcome = self._played(look, photos, MISMATCH_FRAMES)
        if outcome.score is None or outcome.reason not in (Reason.OK, Reason.FACE_MISMATCH):
            return Failed(outcome.reason)
        return FaceCompared(outcome.matched, outcome.score, outcome.threshold, outcome.fmr, outcome.frames)

    def _played(self, look: Look[Ended], photos: Sequence[Path], frames: int) -> Ended:
        """The end of a look at the photographs, one after the other, again from the first when they are too few."""
        for at, photo in enumerate(islice(cycle(photos), max(len(photos), frames))):
            ended = look.seen(self._probe(photo), float(at), False)
            if ended is not None and not isinstance(ended, Hint):
                return ended
        ended = look.late(float("inf"))
        assert ended is not None
        return ended

    def _drawn(self, number: int, least: int) -> tuple[Person, ...]:
        """So many people with at least so many good photographs, who are not drawn again."""
        drawn: list[Person] = []
        for folder in tuple(self._folders):
            if len(drawn) == number:
                break
            photos = [each for each in sorted(folder.iterdir()) if each.suffix.lower() in SUFFIXES]
            good = tuple(each for each in photos if len(photos) >= least and isinstance(self._probe(each), Probe))
            if len(good) >= least:
                self._folders.remove(folder)
                kept = ENROLLED_FROM if least > ENROLLED_FROM else 0
                subject = SubjectId(f"{self._chance.getrandbits(128):032x}")
                drawn.append(Person(subject, good[:kept], good[kept:]))
                self._told(self._there - len(self._folders))
        if len(drawn) < number:
            raise SetupError(
                f"{number} people with {least} good photographs are wanted, {self._faces} has {len(drawn)} besides "
                "those who are drawn already; take a larger folder, or fewer people"
            )
        return tuple(drawn)

    def _templates(self, photos: Sequence[Path]) -> list[Template]:
        return [found.template for found in map(self._probe, photos) if isinstance(found, Probe)]

    def _probe(self, photo: Path) -> Probe | Reason:
        if photo not in self._probes:
            self._probes[photo] = self._chain.probe(picture.load(photo))
        return self._probes[photo]

    def _reference(self, portrait: bytes) -> Template | Reason:
        try:
            found = self._chain.probe(picture.decode(portrait, "of a document"))
        except Refusal:
            return Reason.DOCUMENT_UNREADABLE
        return Reason.DOCUMENT_UNREADABLE if isinstance(found, Reason) else found.template
