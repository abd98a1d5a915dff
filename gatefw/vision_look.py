"""The one question about a face that the vision process looks at now, frame by frame, until it is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from gatefw.biometrics.chain import Chain
from gatefw.biometrics.sight import Hint, Look
from gatefw.vision_feed import Feeds
from gatefw.vision_server import Asked

LOOK_S = 0.05

Ended = TypeVar("Ended")


@dataclass(frozen=True, slots=True, eq=False)
class Looking(Generic[Ended]):
    """A look, who asked for it, the cameras it uses, and what is said of its end."""

    asked: Asked
    look: Look[Ended]
    feeds: Feeds
    conclude: Callable[[Ended], dict[str, object]]

    def step(self, chain: Chain, now_s: Callable[[], float]) -> dict[str, object] | None:
        """One frame, if one comes soon; the last word on the question once there is one. Hints are sent from here."""
        seen = self.feeds.take(LOOK_S)
        found: Hint | Ended | None = None
        if seen is not None and self.look.wants(seen.frame.captured_s):
            probe = chain.probe(np.asarray(seen.frame.rgb))
            found = self.look.seen(probe, seen.frame.captured_s, seen.repeated, seen.camera)
        if isinstance(found, Hint):
            self.asked.client.send({"id": self.asked.number, "hint": found.reason})
            found = None
        ended = self.look.late(now_s()) if found is None else found
        return None if ended is None else self.conclude(ended)
