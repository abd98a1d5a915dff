"""Everything a traveller or officer reads, in their language: the one place that screens, console and command line ask.

    words = Words(language("", os.environ))
    words.prompt(Phase.VERIFYING, hint=Reason.TOO_DARK)     for a traveller: what to do now
    words.name(Reason.TOKEN_EXPIRED)                        for an officer: what a code means

English is the source and stands in `officer` and `traveller`; Traditional (as in Hong Kong) and Simplified Chinese are
gettext catalogues in `data/locale`, made by `catalogue`. The kind of word is the context of its message, so that a door
that is closed and a lane that is closed are two words.
"""

import gettext
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from gatefw.errors import SetupError
from gatefw.model import Phase, Reason
from gatefw.words import console, officer, shift, technician, traveller

LOCALE = Path(__file__).parents[1] / "data" / "locale"
DOMAIN = "gatefw"
ENGLISH, TRADITIONAL, SIMPLIFIED = "en", "zh_Hant", "zh_Hans"


def spoken(locale: Path, kind: str = "mo") -> tuple[str, ...]:
    """The languages of a directory of catalogues: ours first, then whatever else somebody put there.

    kind: `mo`, those that can be spoken; `po`, those that somebody translates.
    """
    ours = (ENGLISH, TRADITIONAL, SIMPLIFIED)
    there = sorted(path.parents[1].name for path in locale.glob(f"*/LC_MESSAGES/{DOMAIN}.{kind}"))
    return (*ours, *(each for each in there if each not in ours))


LANGUAGES = spoken(LOCALE)
_ALSO = {"zh_hk": TRADITIONAL, "zh_tw": TRADITIONAL, "zh_mo": TRADITIONAL,
         "zh": SIMPLIFIED, "zh_cn": SIMPLIFIED, "zh_sg": SIMPLIFIED}  # fmt: skip
_NO_LOCALE = ("C", "POSIX")

OF_TRAVELLERS: Mapping[str, Mapping[Any, str]] = {
    "prompt": traveller.PROMPTS,
    "hint": traveller.HINTS,
    "asked": traveller.ASKED,
    "alone": traveller.ALONE,
    "button": traveller.BUTTONS,
    "fact": traveller.FACTS,
    "advice": {text: text for text in {traveller.COUNTER: None, **dict.fromkeys(traveller.ADVICE.values())}},
}
OF_CODES: Mapping[str, Mapping[Any, str]] = {
    "phase": officer.PHASES,
    "reason": officer.REASONS,
    "doorid": officer.DOORS,
    "position": officer.POSITIONS,
    "beam": officer.BEAMS,
    "occupancy": officer.OCCUPANCIES,
    "signal": officer.SIGNALS,
    "input": officer.INPUTS,
    "zone": officer.ZONES,
    "purpose": officer.PURPOSES,
    "verdict": officer.VERDICTS,
    "verb": officer.VERBS,
}
"""By the enum of `model` they are of, in small letters."""
OF_OFFICERS: Mapping[str, Mapping[Any, str]] = {
    "why": officer.BY_HAND,
    "outcome": officer.OUTCOMES,
    "label": officer.LABELS,
    "console": console.ALL,
    "shift": shift.HEADINGS,
}
OF_TECHNICIANS = {"technician": technician.HEADINGS}


def messages() -> Iterator[tuple[str, str]]:
    """Every context and English text, each pair once, in the order of the tables."""
    tables = {**OF_TRAVELLERS, **OF_CODES, **OF_OFFICERS, **OF_TECHNICIANS}
    yield from dict.fromkeys((context, text) for context, table in tables.items() for text in table.values())


def known(tag: str) -> str | None:
    """The language of a tag like `zh_HK.UTF-8`, `zh-Hant-HK` or `en`; None for one that there is not."""
    plain = tag.partition(".")[0].partition("@")[0].replace("-", "_").lower()
    if plain in _ALSO:
        return _ALSO[plain]
    return next((each for each in LANGUAGES if f"{plain}_".startswith(f"{each.lower()}_")), None)


def language(asked: str, env: Mapping[str, str]) -> str:
    """One of LANGUAGES: what was `asked` for, or else as gettext finds it in LANGUAGE, LC_ALL, LC_MESSAGES and LANG.

    What the environment names and there is not is English. Raises SetupError when `asked` is not there.
    """
    if asked:
        if (chosen := known(asked)) is None:
            raise SetupError(f"language {asked!r} is not there; there are {', '.join(LANGUAGES)}, and zh_HK, zh_CN")
        return chosen
    locale = next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")
    if locale.partition(".")[0] in _NO_LOCALE:
        return ENGLISH
    tags = (*env.get("LANGUAGE", "").split(":"), locale)
    return next((found for tag in tags if (found := known(tag))), ENGLISH)


class Words:
    """All words in one of LANGUAGES. Raises SetupError when its catalogue is not there."""

    def __init__(self, language: str = ENGLISH) -> None:
        self.language = language
        try:
            self._catalogue = (
                gettext.NullTranslations()
                if language == ENGLISH
                else gettext.translation(DOMAIN, LOCALE, languages=[language])
            )
        except OSError as error:
            raise SetupError(f"language {language}: no catalogue in {LOCALE} ({error}); install gatefw anew") from error

    # ------------------------------------------------------------ for travellers

    def prompt(self, phase: Phase, reason: Reason | None = None, hint: Reason | None = None) -> str:
        """What the screen asks the traveller to do: `reason` is one that `gate_terms.shown` let through."""
        if hint is not None and phase in (Phase.TOKEN_PRESENTED, Phase.VERIFYING):
            return self.hint(hint)
        if reason is not None and reason is not Reason.OK and phase in (Phase.IDLE, Phase.REFUSED, Phase.REFERRED):
            return self.advice(reason)
        return self._said("prompt", traveller.PROMPTS[phase])

    def hint(self, hint: Reason) -> str:
        """What mends a face that cannot be compared."""
        return self._said("hint", traveller.HINTS.get(hint, traveller.HINTS[Reason.NO_FACE]))

    def advice(self, reason: Reason) -> str:
        """What to do after a decision. Most reasons are nobody's business but the counter's."""
        return self._said("advice", traveller.ADVICE.get(reason, traveller.COUNTER))

    def asked(self, request: str) -> str:
        """What a request (the name of its class in `model`) wants of the traveller; or another of ASKED."""
        return self._said("asked", traveller.ASKED[request])

    def alone(self, door: str) -> str:
        """When the lane says nothing: `open` or `shut`, as the door behind them is; `whole` for whoever reads it."""
        return self._said("alone", traveller.ALONE[door])

    def button(self, touch: str) -> str:
        """Of the traveller's screen: `confirm` or `decline`."""
        return self._said("button", traveller.BUTTONS[touch])

    def fact(self, name: str) -> str:
        """What a fact shown to be confirmed is called: by its whole name or its last part; else the name itself."""
        text = traveller.FACTS.get(name) or traveller.FACTS.get(name.rpartition(".")[2])
        return self._said("fact", text) if text else name

    # ------------------------------------------------------------ for officers

    def phase(self, phase: Phase) -> str:
        return self.name(phase)

    def reason(self, reason: Reason) -> str:
        return self.name(reason)

    def name(self, code: StrEnum) -> str:
        """What a code of `model` means: a phase, a reason, a door, a position and so on. Raises KeyError for others."""
        context = type(code).__name__.lower()
        return self._said(context, OF_CODES[context][code])

    def why(self, by_hand: str) -> str:
        """Why the counter cleared somebody, one of `events.BY_HAND`."""
        return self._said("why", officer.BY_HAND[by_hand])

    def outcome(self, outcome: str) -> str:
        """How a passage ended: `passed`, `kept` or `by_hand`."""
        return self._said("outcome", officer.OUTCOMES[outcome])

    def label(self, key: str) -> str:
        """A heading; one that is none of ours is told as it is, without its underscores."""
        text = officer.LABELS.get(key)
        return self._said("label", text) if text else key.replace("_", " ")

    # ------------------------------------------------------------ for pages

    def texts(self, context: str) -> dict[str, str]:
        """Every word of a table, by its key or code; for a page that puts them where they belong by itself."""
        table = {**OF_TRAVELLERS, **OF_CODES, **OF_OFFICERS, **OF_TECHNICIANS}[context]
        return {str(key): self._said(context, text) for key, text in table.items()}

    def _said(self, context: str, english: str) -> str:
        return self._catalogue.pgettext(context, english)
