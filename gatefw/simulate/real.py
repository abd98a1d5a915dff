"""The same lane with the real chain of models: photographs instead of names, at the thresholds the lane itself demands.

Half of the people who come are registered, with photographs other than those they show; half are strangers, who try
what a stranger can: their own face where the lane searches, somebody else's card or document where it does not. A
registered traveller who is turned away for their face is a false reject, a stranger who is across a false accept; both
are counted, neither is called unexpected: they are what the thresholds are about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from gatefw.biometrics.chain import Chain
from gatefw.biometrics.real_matcher import Person, RealMatcher
from gatefw.biometrics.runtime import Delegate, Runtime
from gatefw.config import Config
from gatefw.errors import SetupError
from gatefw.model import (
    Answer,
    FaceIdentified,
    Failed,
    Reason,
    SubjectId,
)
from gatefw.simulate.day import Came, Outcome, Progress, come, made_up, play
from gatefw.simulate.lane import SimulatedLane
from gatefw.simulate.scripted import Judge, Scripted, lane_threshold, seen
from gatefw.simulate.stories import PASSES, asks_for_faces, looks_at_faces
from gatefw.simulate.traveller import NEIGHBOUR, Story, Traveller
from hw.sim.physics import World

WORN = ("finger_unclear",)
STRANGER = Story("stranger", "Somebody whom nobody registered tries what a stranger can.", ())
OF_THE_FACE = frozenset(
    {
        Reason.NOT_IDENTIFIED,
        Reason.AMBIGUOUS,
        Reason.FACE_MISMATCH,
        Reason.PERSON_SWAPPED,
        Reason.VERIFY_TIMEOUT,
        Reason.ENROLLED_TWICE,
    }
)
"""Why somebody is turned away for what their photographs look like."""


class RealFaces(Scripted):
    """Faces are compared by the models; all else is scripted. `faces` are people by the names they have here."""

    def __init__(
        self,
        config: Config,
        world: World,
        judge: Judge,
        cast: Mapping[str, Traveller],
        matcher: RealMatcher,
        faces: Mapping[str, Person],
    ) -> None:
        super().__init__(config, world, judge, cast)
        self._matcher, self._faces = matcher, faces
        self._subjects = {name: person.subject for name, person in faces.items()}
        self._names = {subject: name for name, subject in self._subjects.items()}
        self.misidentified: set[str] = set()
        """Who is registered, and was taken for another who is."""

    def identify(self) -> Answer:
        found = seen(self.world.faces_in_front())
        if isinstance(found, Failed):
            return found
        answer = self._matcher.identify(self._faces[found].probes)
        if not isinstance(answer, FaceIdentified):
            return answer
        if self._faces[found].enrolled and answer.subject != self._subjects[found]:
            self.misidentified.add(found)
        name = self._names.get(answer.subject, NEIGHBOUR)
        self._subjects[name] = answer.subject
        return replace(answer, subject=SubjectId(name))

    def compare(self, whose: str) -> Answer:
        found = seen(self.world.faces())
        return found if isinstance(found, Failed) else self._verify(whose, self._faces[found])

    def compare_portrait(self, whose: str) -> Answer:
        found = seen(self.world.faces())
        if isinstance(found, Failed):
            return found
        portrait = self._matcher.portrait(self._faces[whose])
        return self._matcher.verify_portrait(portrait, self._faces[found].probes)

    def _verify(self, whose: str, shows: Person) -> Answer:
        return self._matcher.verify(self._subjects[whose], shows.probes)


@dataclass
class RealOutcome(Outcome):
    """With what the models made of the faces; `people` is how many were enrolled, `misidentified` of those who came."""

    people: int = 0
    misidentified: int = 0

    @property
    def strangers(self) -> list[Came]:
        return [each for each in self.came if each.story is STRANGER]

    @property
    def false_rejects(self) -> list[Came]:
        known = (each for each in self.came if each.story is not STRANGER and not each.across)
        return [each for each in known if each.reasons and each.reasons[-1] in OF_THE_FACE]

    @property
    def unexpected(self) -> list[Came]:
        """Whatever the models did not decide."""
        known = (each for each in self.came if each.story is not STRANGER and not each.expected)
        return [each for each in known if each not in self.false_rejects]

    @property
    def measured(self) -> dict[str, Any]:
        found = sum(each.across for each in self.strangers)
        return {
            "strangers": len(self.strangers),
            "false_rejects": len(self.false_rejects),
            "false_accepts": found,
            "misidentified": self.misidentified,
        }


def simulate_real(
    config: Config, faces: Path, travellers: int, seed: int, progress: Progress = lambda _words: None
) -> RealOutcome:
    """Half of the travellers from the folder are registered, half are strangers. The same seed gives the same people.

    Raises SetupError: the lane looks at no face, or the folder has too few; ModelError: no models are installed, or
    they cannot hold the gallery.
    """
    matcher = real_matcher(config, faces, travellers, seed, progress)
    chance = Random(seed)  # noqa: S311  a simulation
    named = {f"traveller-{number}": person for number, person in enumerate(matcher.travellers, 1)}
    strange = {f"stranger-{number}": person for number, person in enumerate(matcher.impostors, 1)}

    asked = list[RealFaces]()

    def answers(lane: SimulatedLane) -> Callable[[Any], Any]:
        lane.people.update({name: made_up(name, config, chance, PASSES) for name in (NEIGHBOUR, *named)})
        asked.append(RealFaces(config, lane.world, lane.judge, lane.people, matcher, {**named, **strange}))
        return asked[-1].answer

    lane = SimulatedLane(config, answers, seed)
    sent: list[tuple[Traveller, Story]] = [(_shows(lane.people[name], config), PASSES) for name in named]
    for name, victim in zip(strange, named, strict=False):
        facts = lane.people[victim].facts
        sent.append((Traveller(name, facts, tokens=(victim,), fingers=WORN), STRANGER))
    chance.shuffle(sent)
    play(lane, sent, lambda number: progress(come(number, travellers)))
    taken = len(set[str]().union(*(each.misidentified for each in asked)))
    outcome = RealOutcome(config, lane_threshold(config), "real", people=matcher.people, misidentified=taken)
    outcome.take(lane, sent)
    return outcome


def real_matcher(config: Config, faces: Path, travellers: int, seed: int, progress: Progress) -> RealMatcher:
    """The models of the lane, and its gallery full of people of this folder, half of the travellers among them."""
    if not looks_at_faces(config):
        raise SetupError(f"lane {config.lane.name}: looks at no face; nothing is left to the models")
    if not faces.is_dir():
        raise SetupError(f"--faces {faces}: no directory; name one with a folder of photographs for each person")
    vision = config.vision
    chain = Chain.load(
        vision.models, vision.detector, vision.embedder, Runtime(vision.runtime), Delegate(vision.delegate)
    )
    searched = vision.searched if config.vision_table.identify else None
    known = travellers - travellers // 2  # each stranger tries what one of these has
    return RealMatcher(
        chain,
        faces,
        seed,
        known,
        travellers - known,
        searched,
        config.face.fmr,
        drawn=lambda number: progress(f"photographs of {number} people seen"),
    )


def _shows(traveller: Traveller, config: Config) -> Traveller:
    """Where the face is looked at only instead of a finger, everybody's is worn."""
    return traveller if asks_for_faces(config) else replace(traveller, fingers=WORN)
