"""Rules in a lane file: read as written, and every mistake named by file, line and key."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_config import SIMULATED, Lane, dump

from gatefw import eligibility
from gatefw.config import Finding
from gatefw.model import Eligible, Ineligible, Reason
from gatefw.rule import CONDITIONS, Rule
from gatefw.wall_time import WallTime

GOOD = """
[[rule]]
name = "class"
fact = "residence"
one_of = ["mainland", "hong-kong"]
reason = "not_eligible"

[[rule]]
name = "permit"
when = { residence = ["mainland", "hong-kong"] }
fact = "permit.kind"
equals = "exit-entry"
reason = "permit_missing"
reason_if = { stamp = "document_kind_wrong" }
verdict = "refuse"

[[rule]]
name = "in-force"
fact = "permit.expires"
not_before = "today"
reason = "permit_expired"
"""


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    lane = Lane(tmp_path / "lane.toml", SIMULATED)
    lane.text += GOOD
    return lane


def located(finding: Finding, lane: Lane, text: str, key: str) -> str:
    """The problem, if it names the lane file, the line on which `text` stands last, and the key."""
    assert finding.file == str(lane.path)
    assert finding.line == lane.text[: lane.text.rindex(text)].count("\n") + 1
    assert finding.key == key
    return finding.problem


def test_rules_are_read_as_they_are_written(lane: Lane) -> None:
    assert lane.check() == []
    config = lane.load()
    assert [(rule.name, rule.fact, rule.says) for rule in config.rules] == [
        ("class", "residence", "is one of mainland, hong-kong"),
        ("permit", "permit.kind", "is exit-entry"),
        ("in-force", "permit.expires", "is today or later"),
    ]
    permit = config.rules[1]
    assert (permit.verdict, permit.reason_if, permit.needs_clock) == (
        "refuse",
        {"stamp": Reason.DOCUMENT_KIND_WRONG},
        False,
    )
    rules = eligibility.Rules(config.rules, config.port, config.lane.name, lambda: WallTime(0, True))
    facts = {"residence": "mainland", "permit.kind": "exit-entry", "permit.expires": "1970-01-01"}
    assert rules.judge(facts) == Eligible()


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('equals = "exit-entry"', 'equal = "exit-entry"', "rule.2.equal", "unknown key; did you mean equals?"),
        ('equals = "exit-entry"', "equals = 3", "rule.2.equals", "a word without blanks is wanted, not 3"),
        ('equals = "exit-entry"', 'equals = "exit entry"', "rule.2.equals", "a word without blanks is wanted"),
        (
            '"permit_missing"',
            '"permit_mising"',
            "rule.2.reason",
            'and .* more is wanted.*did you mean "permit_missing"?',
        ),
        ('"permit_missing"', '"ok"', "rule.2.reason", "ok is no reason"),
        ('stamp = "document_kind_wrong"', 'stamp = "ok"', "rule.2.reason_if.stamp", "ok is no reason"),
        ('"refuse"', '"admit"', "rule.2.verdict", 'one of "refer", "refuse" is wanted, not "admit"'),
        ('name = "in-force"', 'name = "permit"', "rule.3.name", "rule 2 is called permit too"),
        ('name = "in-force"', 'name = "In force"', "rule.3.name", "a name of a-z, 0-9"),
        ('"permit.expires"', '"Permit expires"', "rule.3.fact", "a fact's name, like permit.expires"),
        ('not_before = "today"', 'not_before = "tomorrow"', "rule.3.not_before", '"today" or "YYYY-MM-DD"'),
        ('not_before = "today"', "not_before = 2026-11-30", "rule.3.not_before", "a day in quotes"),
        ('not_before = "today"', 'not_before = "2026-02-29"', "rule.3.not_before", "of the calendar"),
        ('not_before = "today"', 'after = "2026-02-28"', "rule.3.after", "RFC 3339 with its offset"),
        ('not_before = "today"', 'after = "today"', "rule.3.after", "a moment in quotes"),
        ('not_before = "today"', "age_at_least_years = 0", "rule.3.age_at_least_years", "from 1 to 150"),
        ('not_before = "today"', "one_of = []", "rule.3.one_of", "a list of at least one, each a word.* not a list"),
        ('not_before = "today"', 'one_of = "a"', "rule.3.one_of", 'a list of at least one.* not "a"'),
        ('not_before = "today"', 'equals = "${gate}"', "rule.3.equals", r"\$\{gate\} is not known; \$\{place\}, "),
        ('not_before = "today"', 'lacks = ["a", "x${lane}"]', "rule.3.lacks", r"x\$\{lane\} is not known"),
        (
            'not_before = "today"',
            'equals = "${place}"',
            "rule.3.equals",
            r"\$\{place\} has no value; write port\.place",
        ),
        ('not_before = "today"', 'equals = "${direction}"', "rule.3.equals", r"no value; write port\.direction"),
        (
            'residence = ["mainland", "hong-kong"]',
            'residence = ["mainland", "macao"]',
            "rule.2.when.residence",
            "nobody has macao: the rules for all leave residence hong-kong, mainland",
        ),
        (
            'residence = ["mainland", "hong-kong"]',
            'purpose = ["private"]',
            "rule.2.when.purpose",
            "divides people by purpose, .* add a rule for all: purpose one_of",
        ),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_line_and_key(
    lane: Lane, old: str, new: str, key: str, says: str
) -> None:
    finding = next(found for found in lane.edit(old, new).check() if not found.warning and found.key == key)
    assert re.search(says, located(finding, lane, new, key))


@pytest.mark.parametrize(("given", "found"), [("", "none"), ('equals = "x"\nlacks = ["y"]\n', "equals and lacks")])
def test_a_rule_has_one_condition(lane: Lane, given: str, found: str) -> None:
    finding = lane.edit('not_before = "today"\n', given).only()
    problem = located(finding, lane, "[[rule]]", "rule.3")
    assert problem.startswith("one condition is wanted, of equals, one_of,")
    assert problem.endswith(f"this has {found}")


def test_a_class_of_people_without_a_rule_of_their_own_is_a_warning(lane: Lane) -> None:
    finding = lane.edit('residence = ["mainland", "hong-kong"]', 'residence = ["mainland"]').only()
    assert finding.warning
    assert "no rule is for those with residence hong-kong" in located(finding, lane, "one_of", "rule.1.one_of")
    assert lane.load().rules


@pytest.mark.parametrize("rules", ["rule = 3\n", '[rule]\nname = "x"\n'])
def test_rules_stand_in_double_brackets(lane: Lane, rules: str) -> None:
    lane.text = rules + lane.text.replace(GOOD, "") if rules.startswith("rule") else lane.text.replace(GOOD, rules)
    finding = lane.only()
    assert (finding.key, "[[rule]] are wanted" in finding.problem) == ("rule", True)


def test_a_rule_that_is_no_table_is_named_by_its_number(lane: Lane) -> None:
    lane.text = "rule = [1]\n" + lane.text.replace(GOOD, "")
    assert lane.only().key == "rule.1"


@pytest.mark.parametrize("zone", ["Asia/HongKong", "America", "Nowhere"])
def test_a_time_zone_that_there_is_not_is_named(lane: Lane, zone: str) -> None:
    lane.text += f'\n[port]\ntimezone = "{zone}"\n'
    finding = lane.only()
    assert f"time zone {zone} is not known" in located(finding, lane, "timezone", "port.timezone")


def test_rules_about_days_by_a_clock_that_may_be_wrong_are_a_warning(lane: Lane) -> None:
    lane.text += "\n[port]\nrequire_synchronised = false\n"
    finding = lane.only()
    assert finding.warning
    assert "in-force" in located(finding, lane, "require_synchronised", "port.require_synchronised")
    lane.text = lane.text.replace('not_before = "today"', 'not_before = "2026-11-30"')
    assert lane.check() == []


def test_the_reference_shows_every_key_of_a_rule_and_every_condition() -> None:
    shown = tomllib.loads(SIMULATED.with_name("reference.toml").read_text(encoding="utf-8"))["rule"]
    assert {key for table in shown for key in table} == {field.name for field in dataclasses.fields(Rule)}
    assert {*CONDITIONS} < {field.name for field in dataclasses.fields(Rule)}


texts = st.sampled_from(
    ["x", "residence", "today", "now", "${place}", "${x}", "2026-02-30", "2026-11-30", "not_eligible"]
)
values = texts | st.integers(-1, 200) | st.booleans() | st.lists(texts, max_size=2) | st.dictionaries(texts, texts)
keys = st.sampled_from([field.name for field in dataclasses.fields(Rule)])
tables = st.dictionaries(keys, values, max_size=4).map(
    lambda given: {"name": "x", "fact": "residence", "reason": "not_eligible", **given}
)


@given(st.lists(tables, max_size=3))
def test_any_rules_are_rules_that_can_be_judged_or_findings(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, Any]]
) -> None:
    lane = Lane(tmp_path_factory.getbasetemp() / "rules.toml", SIMULATED)
    lane.text += "".join(f"[[rule]]\n{dump(table)}" for table in drawn)
    if any(not found.warning for found in lane.check()):
        return
    config = lane.load()
    rules = eligibility.Rules(config.rules, config.port, config.lane.name, lambda: WallTime(0, True))
    assert len(config.rules) == len(drawn)
    assert isinstance(rules.judge({"residence": "x"}), Eligible | Ineligible)
