"""Records without a template, and templates without a record, which a crash leaves: found, disabled and removed."""

import logging
from collections.abc import Callable

from gatefw.errors import StoreError
from gatefw.model import SubjectId
from gatefw.records import SETTLED_S, Records
from gatefw.vision_wire import LISTED, Message

_log = logging.getLogger(__name__)


class OrphanSearch:
    """For the clerk's thread alone, on which the answers of `ask` come too.

    now: seconds since 1970 UTC. tried: whether what is changed now may be undone; then nothing is. disabled: is called
    after a search, which may have disabled records.
    """

    def __init__(
        self,
        records: Records,
        ask: Callable[..., None],
        now: Callable[[], float],
        tried: Callable[[], bool],
        disabled: Callable[[], None],
    ) -> None:
        self._records, self._ask, self._now, self._tried, self._disabled = records, ask, now, tried, disabled
        self._again_at: float | None = None
        self._listed_upto = ""

    def begin(self) -> None:
        """Search among all."""
        self._ask_who_has_templates("")

    def go_on(self) -> None:
        """Where the last answer ended; or from the beginning, when it is time to look again."""
        if self._again_at is not None and not 0 < self._again_at - self._now() <= SETTLED_S:  # or the clock was set
            self._again_at = None
            self.begin()
        elif self._listed_upto:
            self._ask_who_has_templates(self._listed_upto)

    def _ask_who_has_templates(self, after: str) -> None:
        """Some hundred of them at each sweep: all of them fit into no message, and travellers do not wait for it."""
        self._listed_upto = ""
        if self._tried():
            self._again_at = self._now()
            return
        self._ask("list", lambda message: self._reconcile(message, after), **({"after": after} if after else {}))

    def _reconcile(self, message: Message, after: str) -> None:
        done = message.get("done")
        if not isinstance(done, dict):
            return
        templates = [SubjectId(entry["subject"]) for entry in done["subjects"]]
        upto = max(templates) if len(templates) >= LISTED else None
        try:
            orphans = self._records.reconcile(templates, self._now(), after, upto)
        except StoreError as error:
            _log.error("%s", error)
            return
        self._listed_upto = upto or ""
        if orphans.unsettled:
            self._again_at = self._now() + SETTLED_S
        if orphans.records:
            _log.warning("%d records had no template and were disabled: enrol them again", len(orphans.records))
        for subject in orphans.templates:
            self._ask("revoke", lambda _message: None, subject=subject)
        if orphans.templates:
            _log.warning("%d templates had no record and are removed", len(orphans.templates))
        self._disabled()
