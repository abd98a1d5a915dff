"""In which language a traveller is spoken to: by their document, never longer than they are there, all at once else."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gatefw.errors import Refusal, SetupError
from gatefw.gate_terms import Ask
from gatefw.model import (
    CheckEligibility,
    ChipProof,
    DocumentRead,
    LookUpRecord,
    Phase,
    Reason,
    RunId,
    SubjectId,
    Token,
    VerifyFace,
)
from gatefw.tongue import FACT, Tongue, languages
from gatefw.words import LANGUAGES

ANNA, RUN, NEXT = SubjectId("5" * 32), RunId("a" * 16), RunId("b" * 16)
SPOKEN = {"CHN": "zh_Hans", "GBR": "en"}


class Met:
    """A lane's tongue, whose records say `facts` of everybody."""

    def __init__(self, facts: Mapping[str, str], spoken: Mapping[str, str] = SPOKEN) -> None:
        self.facts, self.reads = facts, 0
        self.tongue = Tongue(spoken, self._facts)

    def _facts(self, _subject: SubjectId) -> Mapping[str, str]:
        self.reads += 1
        if not self.facts:
            raise Refusal("record: there is none")
        return self.facts

    def asks(self, run: RunId = RUN) -> None:
        self.tongue.met(Ask(run, 1, LookUpRecord(Token(b"x"))))
        self.tongue.met(Ask(run, 2, CheckEligibility(ANNA)))
        self.tongue.met(Ask(run, 3, VerifyFace(ANNA, 8.0)))


def test_a_travellers_language_is_that_of_their_document_from_the_moment_it_is_known_whose_run_it_is() -> None:
    met = Met({FACT: "CHN"})
    met.tongue.serves(RUN)
    assert met.tongue.now == ""
    met.asks()
    assert (met.tongue.now, met.reads) == ("zh_Hans", 1)


def test_a_visitor_without_a_record_is_known_by_the_document_that_was_read() -> None:
    met = Met({})
    document = DocumentRead("1", "GBR", "GBR", "1990-01-01", "2030-01-01", b"", ChipProof.CHIP)
    met.tongue.serves(RUN)
    met.tongue.met(Ask(RUN, 1, CheckEligibility(None, document)))
    assert (met.tongue.now, met.reads) == ("en", 0)


@pytest.mark.parametrize("facts", [{}, {"born": "1990"}, {FACT: "FRA"}, {FACT: ""}])
def test_whoever_is_of_no_nationality_that_stands_in_the_file_is_spoken_to_in_all(facts: Mapping[str, str]) -> None:
    met = Met(facts)
    met.tongue.serves(RUN)
    met.asks()
    assert (met.tongue.now, met.reads) == ("", 1)


def test_how_it_ended_is_still_said_in_their_language_and_the_next_one_hears_all() -> None:
    met = Met({FACT: "CHN"})
    met.tongue.serves(RUN)
    met.asks()
    met.tongue.forget(RUN)
    met.tongue.serves(None)
    met.tongue.shown(Phase.RECOVERING, Reason.FACE_MISMATCH)
    met.tongue.shown(Phase.IDLE, Reason.FACE_MISMATCH)
    assert met.tongue.now == "zh_Hans"
    met.tongue.serves(NEXT)
    assert met.tongue.now == ""


@pytest.mark.parametrize(("phase", "reason"), [(Phase.IDLE, None), (Phase.EVACUATED, Reason.FIRE), (Phase.FAULT, None)])
def test_what_is_for_everybody_is_said_in_every_language(phase: Phase, reason: Reason | None) -> None:
    met = Met({FACT: "CHN"})
    met.tongue.serves(RUN)
    met.asks()
    met.tongue.shown(phase, reason)
    assert met.tongue.now == ""


def test_one_who_waits_in_front_changes_nothing_for_the_one_who_leaves() -> None:
    met = Met({FACT: "CHN"})
    met.tongue.serves(RUN)
    met.asks()
    met.facts = {FACT: "GBR"}
    met.asks(NEXT)
    assert met.tongue.now == "zh_Hans"
    met.tongue.serves(NEXT)
    assert met.tongue.now == "en"


def test_a_lane_that_does_not_ask_for_nationalities_reads_no_record() -> None:
    met = Met({FACT: "CHN"}, spoken={})
    met.tongue.serves(RUN)
    met.asks()
    assert (met.tongue.now, met.reads) == ("", 0)


# ---------------------------------------------------------------- the file


def test_our_file_names_languages_that_there_are_and_a_sites_own_counts_before_it(tmp_path: Path) -> None:
    ours = languages()
    assert set(ours.values()) <= set(LANGUAGES)
    own = tmp_path / "own.toml"
    own.write_text('CHN = "zh_Hant"\nPRT = "pt"\n')
    assert languages(own) == {**ours, "CHN": "zh_Hant", "PRT": "pt"}


@pytest.mark.parametrize("text", ['chn = "en"', "CHN = 1", 'CHNX = "en"', "CHN", '[CHN]\nen = "x"'])
def test_a_file_with_other_lines_is_refused_by_name(tmp_path: Path, text: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(SetupError, match=r"own\.toml"):
        languages(own)
    with pytest.raises(SetupError, match="nothing"):
        languages(tmp_path / "nothing.toml")
