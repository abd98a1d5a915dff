"""What the vision process is asked about its gallery: who is enrolled, from which photographs, in which partition."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gatefw import vision_request as want
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.gallery import TEMPLATES_MAX, Gallery
from gatefw.biometrics.gallery_chunk import reference
from gatefw.biometrics.search import Reach, Search
from gatefw.biometrics.template import Template
from gatefw.biometrics.threshold import loosest, reach, strictest
from gatefw.errors import ModelError, Refusal
from gatefw.model import Reason, SubjectId
from gatefw.vision_server import Asked
from gatefw.vision_wire import LISTED

_log = logging.getLogger(__name__)


class Enrolment:
    """Raises Refusal for what makes no sense, StoreError when the gallery cannot be used.

    twice_most: see `VisionSettings`.
    """

    def __init__(self, chain: Chain, gallery: Gallery, search: Search, twice_most: int) -> None:
        self._chain, self._gallery, self._search, self._twice_most = chain, gallery, search, twice_most
        rows = chain.embedder.card.threshold
        self._same = loosest(rows).distance

    def enrol(self, asked: Asked) -> dict[str, object]:
        """From photographs, all of one person."""
        photos = want.texts(asked, "photos")
        if not 1 <= len(photos) <= TEMPLATES_MAX:
            raise Refusal(f"enrol: {len(photos)} photographs; 1 to {TEMPLATES_MAX} are wanted, 3 are a good number")
        want.text(asked, "subject"), want.number(asked, "expires_at")  # before the work that photographs are
        templates = [self._template_of(Path(path)) for path in photos]
        for path, template in zip(photos, templates, strict=True):
            distance = template.distance(templates[0])
            if distance > self._same:
                raise Refusal(f"photograph {path}: shows another person than the first one ({distance:.2f})")
        return self.keep(asked, templates)

    def keep(self, asked: Asked, templates: Sequence[Template]) -> dict[str, object]:
        """Keep the templates of the subject, in the partition and until when the request says."""
        subject = SubjectId(want.text(asked, "subject"))
        twice = self._others(subject, templates)
        self._gallery.enrol(subject, templates, want.number(asked, "expires_at"), want.partition(asked))
        return {"templates": len(templates), "twice": twice}

    def revoke(self, asked: Asked) -> dict[str, object]:
        """Destroy a subject's templates."""
        return {"revoked": self._gallery.revoke(SubjectId(want.text(asked, "subject")))}

    def everybody(self, asked: Asked) -> dict[str, object]:
        """Who is enrolled: the first `LISTED` of those after somebody."""
        after = want.text(asked, "after") if "after" in asked.fields else ""
        return {"subjects": [asdict(entry) for entry in self._gallery.list(after, LISTED)]}

    def make_partition(self, asked: Asked) -> dict[str, object]:
        """A part of the gallery with a key and an end of its own."""
        self._gallery.make_partition(want.text(asked, "partition"), want.number(asked, "expires_at"))
        return {}

    def destroy_partition(self, asked: Asked) -> dict[str, object]:
        """Its key, its templates, and what of them is in memory."""
        people = self._gallery.destroy_partition(want.text(asked, "partition"))
        self._search.drop_stale()
        return {"people": people}

    def _others(self, subject: SubjectId, templates: Sequence[Template]) -> list[SubjectId] | None:
        """Who else has this face, nearest first; None where too many are enrolled to say so.

        At the FMR of the card's strictest threshold, and the distance that has it for so many photographs: of N other
        people, N times that FMR are named by mistake. An officer looks at both; nobody is refused for it.
        """
        if self._search.people > self._twice_most:
            _log.warning("enrol: more than %d people: nobody is looked for who has the same face", self._twice_most)
            return None
        probe = Template(reference(templates), templates[0].maker)
        found = self._search.candidates(probe, self._near(len(templates)))
        return [each.subject for each in found if each.subject != subject]

    def _near(self, photos: int) -> Reach:
        """The distance of the strictest threshold. A card without tails has but that of one photograph: of fused ones,
        which lie nearer to everybody, it names more strangers."""
        card = self._chain.embedder.card
        strict = strictest(card)
        try:
            return reach(card, 1, strict.fmr, photos)
        except ModelError:
            return lambda _templates: strict.distance

    def _template_of(self, path: Path) -> Template:
        found = self._chain.probe(picture.load(path))
        if isinstance(found, Reason):
            raise Refusal(f"photograph {path}: {found}; one face, whole, sharp and evenly lit is wanted")
        return found.template
