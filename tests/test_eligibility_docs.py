"""docs/eligibility.md says what the lane files say."""

from pathlib import Path

import pytest

from gatefw import eligibility_docs
from gatefw.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[1]


def test_the_document_says_what_the_lane_files_say() -> None:
    made = eligibility_docs.markdown(PROJECT / "config" / "lanes")
    found = (PROJECT / "docs" / "eligibility.md").read_text(encoding="utf-8")
    assert found == made, "python -m gatefw.eligibility_docs docs/eligibility.md"


def test_a_rule_is_a_row_that_can_be_read_aloud(tmp_path: Path) -> None:
    (tmp_path / "staff.toml").write_text(
        '[port]\ntimezone = "Asia/Hong_Kong"\n'
        '[[rule]]\nname = "kind"\nfact = "kind"\none_of = ["a", "b"]\nreason = "not_eligible"\nverdict = "refuse"\n'
        '[[rule]]\nname = "in-force"\nwhen = { kind = ["a"] }\nfact = "pass.expires"\nnot_before = "today"\n'
        'reason = "permit_expired"\nreason_if = { never = "permit_missing" }\n'
    )
    (tmp_path / "open.toml").write_text("[lane]\n")
    eligibility_docs.main(tmp_path / "made.md", tmp_path)
    text = (tmp_path / "made.md").read_text(encoding="utf-8").removeprefix(eligibility_docs.INTRODUCTION)
    assert text.splitlines() == [
        "",
        "## `open`",
        "",
        "Everybody who was found.",
        "",
        "## `staff`",
        "",
        "Days are those of Asia/Hong_Kong.",
        "",
        "| rule | of whom | fact | which | else |",
        "|---|---|---|---|---|",
        "| kind | all | `kind` | is one of a, b | refuse: `not_eligible` |",
        "| in-force | `kind` a | `pass.expires` | is today or later (clock) "
        "| refer: `permit_expired`; never: `permit_missing` |",
    ]


def test_a_rule_that_cannot_be_read_is_named_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "lane.toml").write_text('\n[[rule]]\nname = "x"\nfact = "x"\nequals = "1"\nreason = "nothing"\n')
    with pytest.raises(ConfigError, match=r"lane\.toml:6: rule\.1\.reason"):
        eligibility_docs.markdown(tmp_path)
