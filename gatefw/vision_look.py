"""The one question about a face that the vision process looks at now, frame by frame, until it is answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np

from gatefw.biometrics.chain import Chain, Probe
from gatefw.biometrics.liveness import Judge
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.sight import Hint, Look
from gatefw.mirror_wire import Place
from gatefw.model import Reason
from gatefw.vision_feed import Feeds, Seen
from gatefw.vision_server import Asked

LOOK_S = 0.05
TELL_S = 0.25
"""A camera's quality is told no more often: it is for people to look at, and may be lost."""

Ended = TypeVar("Ended")


class Glass(Protocol):
    """Who may see what is looked at: `vision_mirror.Mirror`. Nothing here makes the look wait."""

    def begin(self, place: Place, now_s: float) -> None: ...

    def offer(self, seen: Seen) -> None: ...

    def faced(self, seen: Seen) -> None: ...

    def end(self) -> None: ...


class NoGlass:
    """A lane without a mirror."""

    def begin(self, place: Place, now_s: float) -> None:
        """Nobody sees it."""

    def offer(self, seen: Seen) -> None:
        """Nobody sees it."""

    def faced(self, seen: Seen) -> None:
        """Nobody sees it."""

    def end(self) -> None:
        """Nobody saw it."""


NO_GLASS = NoGlass()


@dataclass(frozen=True, slots=True, eq=False)
class Looking(Generic[Ended]):
    """A look, who asked for it, the cameras it uses, and what is said of its end.

    judge: where liveness is required, looks at every face before it is compared. One that does not pass ends the look,
    and `refuse` says why, whoever it was. told_s: when a camera's quality was told last.
    """

    asked: Asked
    look: Look[Ended]
    feeds: Feeds
    conclude: Callable[[Ended], dict[str, object]]
    refuse: Callable[[Reason], dict[str, object]]
    judge: Judge | None = None
    told_s: dict[str, float] = field(default_factory=dict)

    def step(self, chain: Chain, now_s: Callable[[], float], glass: Glass = NO_GLASS) -> dict[str, object] | None:
        """One frame, if one comes soon; the last word on the question once there is one. Hints are sent from here."""
        seen = self.feeds.take(LOOK_S)
        found: Hint | Ended | None = None
        if seen is not None:
            glass.offer(seen)
        if seen is not None and self.look.wants(seen.frame.captured_s):
            rgb = np.asarray(seen.frame.rgb)

            def judged(quality: Quality) -> None:
                glass.faced(seen)
                self._tell(quality, seen)

            probe = chain.probe(rgb, judged)
            if self.judge is not None and isinstance(probe, Probe):
                alive = self.judge(rgb, probe.face)
                if alive is not Reason.OK:
                    return self.refuse(alive)
            found = self.look.seen(probe, seen.frame.captured_s, seen.repeated, seen.camera)
        if isinstance(found, Hint):
            self.asked.client.send({"id": self.asked.number, "hint": found.reason})
            found = None
        ended = self.look.late(now_s()) if found is None else found
        return None if ended is None else self.conclude(ended)

    def _tell(self, quality: Quality, seen: Seen) -> None:
        at_s = seen.frame.captured_s
        if at_s - self.told_s.get(seen.camera, -TELL_S) < TELL_S:
            return
        self.told_s[seen.camera] = at_s
        told = {name: round(value) for name, value in quality.components.items()}
        self.asked.client.send({"id": self.asked.number, "judged": {"camera": seen.camera, "quality": told}})
