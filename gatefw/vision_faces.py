"""The questions about the face of whoever stands before a camera: is it this one's, whose is it, keep it.

Each is answered at once, with a `dict`, or looked at frame by frame from now on: a `Looking`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from gatefw import vision_request as want
from gatefw.biometrics.capture import Capture, Captured
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import Gallery
from gatefw.biometrics.identify import Identification, Limits
from gatefw.biometrics.liveness import Judge, nobody_can_tell
from gatefw.biometrics.monitor import Watch
from gatefw.biometrics.search import Search
from gatefw.biometrics.sight import Rules
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import threshold_for
from gatefw.biometrics.verify import Outcome, Verification
from gatefw.errors import Refusal
from gatefw.model import Reason, SubjectId
from gatefw.vision_feed import Eyes
from gatefw.vision_gallery import Enrolment
from gatefw.vision_look import Looking
from gatefw.vision_server import Asked
from gatefw.vision_settings import VisionSettings

Reply = dict[str, object] | Looking[Any]

_log = logging.getLogger(__name__)


class Faces:
    """Raises ModelError where the model cannot do what the settings demand of it (`threshold`)."""

    def __init__(
        self,
        settings: VisionSettings,
        chain: Chain,
        gallery: Gallery,
        search: Search,
        enrolment: Enrolment,
        eyes: Eyes,
        now_s: Callable[[], float],
        wall_s: Callable[[], float],
        judge: Judge | None = None,
    ) -> None:
        """`judge`: what judges faces where liveness is required; none there lets nobody pass."""
        self._chain, self._gallery, self._search, self._enrolment = chain, gallery, search, enrolment
        self._eyes, self._now_s, self._wall_s = eyes, now_s, wall_s
        self._judge = (judge or nobody_can_tell) if settings.require_liveness else None
        card, many = chain.embedder.card, settings.searched
        self._threshold = threshold_for(card, settings.fmr)
        self._rules = Rules(settings.mismatch_frames, settings.compare_every_s)
        self._rules_of_search = Rules(many.frames, settings.compare_every_s)
        self._limits: Limits | None = None
        self._watch: Watch | None = None
        if settings.identifying:
            closes = many.outgrown == "close"
            self._limits = Limits.of(card, many.most, many.fpir, many.fnir, many.frames, closes)
            self._watch = Watch(card, many.frames)

    @property
    def ailments(self) -> frozenset[Reason]:
        """What ails the search, where the lane has one. Raises StoreError when the gallery cannot be read."""
        if self._limits is None or self._watch is None:
            return frozenset()
        ails = {
            Reason.GALLERY_TOO_LARGE: self._search.people > self._limits.most,
            Reason.GALLERY_DAMAGED: self._search.damaged > 0,
            Reason.SCORES_DRIFT: self._watch.monitor.drift is not None,
        }
        return frozenset(reason for reason, so in ails.items() if so)

    def verify(self, asked: Asked) -> Reply:
        """The face of a subject (1:1)."""
        begun_s = self._now_s()
        subject, deadline_s = want.text(asked, "subject"), want.number(asked, "deadline_s")
        found = self._gallery.get(SubjectId(subject), self._wall_s())
        if isinstance(found, Reason):
            return self._undecided(found)
        for reference in found:
            reference.require_comparable(self._chain.maker)

        def conclude(outcome: Outcome) -> dict[str, object]:
            """Who was revoked while their face was looked at is not matched."""
            still = self._gallery.get(SubjectId(subject), self._wall_s())
            return self._undecided(still) if isinstance(still, Reason) else asdict(outcome)

        return self._verification(asked, found, begun_s, deadline_s, conclude)

    def verify_portrait(self, asked: Asked) -> Reply:
        """As `verify`, against a picture that came along. It, and what is made of it, end with the verification."""
        begun_s, deadline_s = self._now_s(), want.number(asked, "deadline_s")
        reference = self._portrait(asked)
        if reference is None:
            return self._undecided(Reason.DOCUMENT_UNREADABLE)
        return self._verification(asked, [reference], begun_s, deadline_s, asdict)

    def identify(self, asked: Asked) -> Reply:
        """Whose face of the gallery it is (1:N)."""
        begun_s, deadline_s = self._now_s(), want.number(asked, "deadline_s")
        if self._limits is None or self._eyes.identify is None:
            raise Refusal("identify: this lane has no camera for it; name one in [vision] identify")
        look = Identification(self._search, self._limits, self._rules_of_search, begun_s, deadline_s, self._watch)
        if refused := look.refusal():
            _log.error("identify: more than %d people are enrolled, see [gallery] most", self._limits.most)
            return asdict(refused)
        if self._search.strangers:
            _log.warning("%d people are not found: enrol them again with this model", self._search.strangers)
        return Looking(asked, look, self._eyes.identify, asdict, _not_searched, self._judge)

    def enrol_live(self, asked: Asked) -> Reply:
        """Register the face before the camera, with the portrait that it fits."""
        begun_s, deadline_s = self._now_s(), want.number(asked, "deadline_s")
        want.text(asked, "subject"), want.number(asked, "expires_at"), want.partition(asked)
        reference = self._portrait(asked)
        if reference is None:
            return _not_kept(Reason.DOCUMENT_UNREADABLE)

        def conclude(captured: Captured) -> dict[str, object]:
            if captured.reason is not Reason.OK:
                return _not_kept(captured.reason)
            return {"reason": Reason.OK, **self._enrolment.keep(asked, captured.templates)}

        look = Capture(reference, self._threshold, self._rules, begun_s, deadline_s)
        return Looking(asked, look, self._eyes.faces, conclude, _not_kept, self._judge)

    def _verification(
        self,
        asked: Asked,
        references: Sequence[Template],
        begun_s: float,
        deadline_s: float,
        conclude: Callable[[Outcome], dict[str, object]],
    ) -> Looking[Outcome]:
        look = Verification(references, self._threshold, self._rules, begun_s, deadline_s)
        return Looking(asked, look, self._eyes.faces, conclude, self._undecided, self._judge)

    def _portrait(self, asked: Asked) -> Template | None:
        picture = want.picture(asked)
        found = Reason.DOCUMENT_UNREADABLE if picture is None else self._chain.probe(picture)
        if isinstance(found, Reason):
            _log.warning("%s: the portrait cannot be compared: %s", asked.do, found)
            return None
        return found.template

    def _undecided(self, reason: Reason) -> dict[str, object]:
        return asdict(Outcome(False, reason, None, self._threshold.distance, self._threshold.fmr, 0))


def _not_searched(reason: Reason) -> dict[str, object]:
    return {"reason": reason, "subject": None, "score": None}


def _not_kept(reason: Reason) -> dict[str, object]:
    return {"reason": reason, "templates": 0, "twice": []}
