"""In which language the traveller whom the lane serves is spoken to, by the nationality of their document.

Only the language goes further: neither a screen nor its socket hears a nationality.
"""

import logging
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from gatefw.errors import SetupError
from gatefw.gate_terms import Ask
from gatefw.model import Phase, Reason, RunId, SubjectId

OURS = Path(__file__).parent / "data" / "languages.toml"
FACT = "document.nationality"
_TO_EVERYBODY = frozenset(
    {Phase.OUT_OF_SERVICE, Phase.MAINTENANCE, Phase.EXERCISE, Phase.DEGRADED, Phase.FAULT, Phase.EVACUATED}
)

_log = logging.getLogger(__name__)


def languages(own: Path | None = None) -> dict[str, str]:
    """Language by nationality: ours, and before it what stands in a site's `own` file. Raises SetupError."""
    return {**_read(OURS), **(_read(own) if own is not None else {})}


class Tongue:
    """Of one lane. `now` is the language to speak, "" for all at once.

    `facts_of` reads a record; whose nationality cannot be had is spoken to in all languages.
    """

    def __init__(self, spoken: Mapping[str, str], facts_of: Callable[[SubjectId], Mapping[str, str]]) -> None:
        self._spoken, self._facts_of = spoken, facts_of
        self._of: dict[RunId, str] = {}
        self._run: RunId | None = None
        self.now = ""

    def met(self, ask: Ask) -> None:
        """A question about somebody: a run's language is looked up once, as soon as it is known whose run it is."""
        if self._spoken and self._of.get(ask.run) is None and (nationality := self._nationality(ask)) is not None:
            self._of[ask.run] = self._spoken.get(nationality, "")
            if ask.run == self._run:
                self.now = self._of[ask.run]

    def serves(self, run: RunId | None) -> None:
        """Whom the lane serves now; after the end of a run its traveller still reads how it ended."""
        if run is not None and run != self._run:
            self._run, self.now = run, self._of.get(run, "")

    def shown(self, phase: Phase, reason: Reason | None) -> None:
        """What is for everybody, or for the next one, is said in every language."""
        if phase in _TO_EVERYBODY or (phase is Phase.IDLE and reason is None):
            self._run, self.now = None, ""

    def forget(self, run: RunId) -> None:
        """The run is over."""
        self._of.pop(run, None)

    def _nationality(self, ask: Ask) -> str | None:
        document, subject = (getattr(ask.request, name, None) for name in ("document", "subject"))
        if document is not None:
            return str(document.nationality)
        if subject is None:
            return None
        try:
            return self._facts_of(subject).get(FACT, "")
        except Exception as error:  # noqa: BLE001  a record that cannot be read costs a language, and no passage
            _log.warning("display: %s: no language can be chosen", type(error).__name__)
            return ""


def _read(file: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"{file}: languages by nationality cannot be read: {error}") from error
    for code, tag in table.items():
        if not (isinstance(tag, str) and code.isascii() and code.isupper() and 1 <= len(code) <= 3):
            raise SetupError(f'{file}: {code}: lines like CHN = "zh_Hans" are wanted, a nationality and a language')
    return table
