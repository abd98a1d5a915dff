"""Who may pass, by rules over facts: days, birthdays, midnight, the clock, and what is not known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.config_tables import Port
from gatefw.eligibility import Rules, document_facts
from gatefw.errors import SetupError
from gatefw.model import ChipProof, DocumentRead, Eligible, Ineligible, Reason, Verdict
from gatefw.rule import CONDITIONS, Rule, objections
from gatefw.wall_time import WallTime

HONG_KONG = "Asia/Hong_Kong"
PORT = Port(timezone=HONG_KONG, place="gate-24", direction="departure")
NOON = "2026-11-30T12:00:00+08:00"


def rule(fact: str = "x", reason: Reason = Reason.NOT_ELIGIBLE, name: str = "only", **given: Any) -> Rule:
    return Rule(name=name, fact=fact, reason=reason, **given)


def judged(
    rules: Rule | list[Rule], facts: Mapping[str, str], at: str = NOON, synchronised: bool = True, port: Port = PORT
) -> Eligible | Ineligible:
    """The judgement at a moment of RFC 3339."""
    time = WallTime(int(datetime.fromisoformat(at).timestamp()) * 1_000_000_000, synchronised)
    return Rules([rules] if isinstance(rules, Rule) else rules, port, "lane-1", lambda: time).judge(facts)


def reasons(verdict: Eligible | Ineligible) -> list[Reason]:
    return [] if isinstance(verdict, Eligible) else [reason for _, reason in verdict.failed]


# ---------------------------------------------------------------- one condition


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ({"equals": "multiple"}, ["multiple"], ["single", "", "Multiple", "multiple "]),
        ({"one_of": ("resident", "worker")}, ["resident", "worker"], ["visitor", "resident worker", ""]),
        ({"none_of": ("tourism", "transit")}, ["business", ""], ["tourism", "transit"]),
        ({"contains": ("hong-kong", "shenzhen")}, ["shenzhen hong-kong", "a hong-kong shenzhen"], ["hong-kong", ""]),
        ({"lacks": ("bag-drop", "security")}, ["check-in", ""], ["check-in bag-drop", "security"]),
        ({"not_before": "today"}, ["2026-11-30", "2026-12-01", "9999-12-31"], ["2026-11-29", "0001-01-01"]),
        ({"not_after": "today"}, ["2026-11-30", "2026-11-29"], ["2026-12-01"]),
        ({"not_before": "2024-11-20"}, ["2024-11-20", "2026-01-01"], ["2024-11-19"]),
        ({"not_after": "2024-11-20"}, ["2024-11-20"], ["2024-11-21"]),
        (
            {"after": "now"},
            ["2026-11-30T12:00:01+08:00", "2026-11-30T04:00:00.5Z"],
            [NOON, "2026-11-30T04:00:00Z", "2026-11-30T11:59:59+08:00"],
        ),
        ({"after": "2026-11-30T04:00:00Z"}, ["2026-11-30T12:00:01+08:00"], [NOON]),
        ({"age_at_least_years": 14}, ["2012-11-30", "2012-11-29", "1950-01-01"], ["2012-12-01", "2026-12-01"]),
        ({"equals": "${place}"}, ["gate-24"], ["gate-31", "${place}"]),
        ({"one_of": ("both", "${direction}")}, ["both", "departure"], ["arrival"]),
        ({"contains": ("${lane}",)}, ["lane-0 lane-1"], ["lane-0 lane-2"]),
    ],
    ids=str,
)
def test_a_condition_holds_for_some_and_fails_for_others(
    condition: dict[str, Any], holds: list[str], fails: list[str]
) -> None:
    for found in holds:
        assert judged(rule(**condition), {"x": found}) == Eligible()
    for found in fails:
        failed = judged(rule(**condition), {"x": found})
        assert failed == Ineligible((("only", Reason.NOT_ELIGIBLE),), Verdict.REFER)


@pytest.mark.parametrize("unreadable", ["", "XXXX-XX-XX", "2010-XX-XX", "2010-05-XX", "20100530", "2026-02-29",
                                        "2010-5-30", " 2010-05-30", "2010-W05-1", "٢٠١٠-05-30", "never"])  # fmt: skip
@pytest.mark.parametrize("condition", [{"not_before": "2000-01-01"}, {"not_after": "today"}, {"age_at_least_years": 1}])
def test_a_day_that_is_incomplete_or_none_does_not_hold(condition: dict[str, Any], unreadable: str) -> None:
    """A document that does not know a birth writes XX for it (ICAO 9303-3): nobody is old enough by a guess."""
    assert reasons(judged(rule(**condition), {"x": unreadable})) == [Reason.NOT_ELIGIBLE]


@pytest.mark.parametrize(
    "unreadable", ["", "2027-01-01", "2027-01-01T12:00:00", "2027-01-01 12:00:00Z", "2027-13-01T12:00:00Z", "soon",
                   "2027-01-01T12:00:60Z", "2027-01-01T12:00:00+99:00", "2027-01-01T1::::00Z"]
)  # fmt: skip
def test_a_moment_without_its_offset_or_none_does_not_hold(unreadable: str) -> None:
    assert reasons(judged(rule(after="now"), {"x": unreadable})) == [Reason.NOT_ELIGIBLE]


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_fact_that_is_not_known_fails_every_condition(name: str) -> None:
    """To have passed no touchpoint is known, and is the empty text; to know nothing is no proof of anything."""
    wanted = {"age_at_least_years": 1, "not_before": "today", "not_after": "today", "after": "now", "equals": "a"}
    assert reasons(judged(rule(**{name: wanted.get(name, ("a",))}), {})) == [Reason.NOT_ELIGIBLE]


# ---------------------------------------------------------------- days, in the port's own zone


AGED = rule("born", Reason.UNDER_AGE, "aged", age_at_least_years=14)


@pytest.mark.parametrize(
    ("born", "at", "old_enough"),
    [
        ("2012-11-30", "2026-11-29T23:59:59+08:00", False),
        ("2012-11-30", "2026-11-30T00:00:00+08:00", True),  # the whole birthday counts
        ("2004-02-29", "2018-02-28T23:59:59+08:00", False),
        ("2004-02-29", "2018-03-01T00:00:00+08:00", True),  # a common year: 1 March
        ("2012-02-29", "2026-02-28T12:00:00+08:00", False),
        ("2014-02-28", "2028-02-28T12:00:00+08:00", True),
        ("2014-03-01", "2028-02-29T12:00:00+08:00", False),  # a leap year has a day more to wait
    ],
)
def test_somebody_is_of_age_from_midnight_before_the_birthday_on(born: str, at: str, old_enough: bool) -> None:
    assert reasons(judged(AGED, {"born": born}, at)) == ([] if old_enough else [Reason.UNDER_AGE])


def test_born_on_29_february_the_birthday_in_a_leap_year_is_that_day() -> None:
    sixteen = rule("born", Reason.UNDER_AGE, age_at_least_years=16)
    assert reasons(judged(sixteen, {"born": "2004-02-29"}, "2020-02-28T23:59:59+08:00")) == [Reason.UNDER_AGE]
    assert judged(sixteen, {"born": "2004-02-29"}, "2020-02-29T00:00:00+08:00") == Eligible()


IN_FORCE = rule("permit.expires", Reason.PERMIT_EXPIRED, "in-force", not_before="today")


@pytest.mark.parametrize(
    ("zone", "last_moment"),
    [
        (HONG_KONG, "2026-11-30T23:59:59+08:00"),
        ("UTC", "2026-11-30T23:59:59+00:00"),
        ("America/New_York", "2026-11-30T23:59:59-05:00"),
        ("Pacific/Kiritimati", "2026-11-30T23:59:59+14:00"),
    ],
)
def test_the_last_day_of_validity_is_valid_until_the_midnight_of_the_port(zone: str, last_moment: str) -> None:
    port, facts = Port(timezone=zone), {"permit.expires": "2026-11-30"}
    last = datetime.fromisoformat(last_moment)
    midnight = datetime.fromtimestamp(last.timestamp() + 1, last.tzinfo).isoformat()
    assert judged(IN_FORCE, facts, last_moment, port=port) == Eligible()
    assert reasons(judged(IN_FORCE, facts, midnight, port=port)) == [Reason.PERMIT_EXPIRED]


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-03-08T04:59:59Z", "2026-03-07"),
        ("2026-03-08T05:00:00Z", "2026-03-08"),  # a day of 23 hours begins
        ("2026-03-09T03:59:59Z", "2026-03-08"),
        ("2026-03-09T04:00:00Z", "2026-03-09"),
        ("2026-11-01T04:00:00Z", "2026-11-01"),  # and one of 25
        ("2026-11-02T04:59:59Z", "2026-11-01"),
        ("2026-11-02T05:00:00Z", "2026-11-02"),
    ],
)
def test_days_begin_at_midnight_when_the_clocks_are_changed_too(at: str, day: str) -> None:
    port = Port(timezone="America/New_York")
    both = [rule(name="from", not_before="today"), rule(name="to", not_after="today")]
    assert judged(both, {"x": day}, at, port=port) == Eligible()


def test_a_permit_is_not_valid_the_day_before_it_begins() -> None:
    begun = rule("permit.from", Reason.PERMIT_NOT_YET, not_after="today")
    assert reasons(judged(begun, {"permit.from": "2026-12-01"}, "2026-11-30T23:59:59+08:00")) == [Reason.PERMIT_NOT_YET]
    assert judged(begun, {"permit.from": "2026-12-01"}, "2026-12-01T00:00:00+08:00") == Eligible()


# ---------------------------------------------------------------- a clock that nobody vouches for

TIMED = [
    rule("kind", Reason.PERMIT_MISSING, "kind", equals="permit"),
    rule("permit.expires", Reason.PERMIT_EXPIRED, "in-force", not_before="today", verdict="refuse"),
    rule("permit.from", Reason.PERMIT_NOT_YET, "since-the-law", not_before="2024-11-20"),
    rule("closes_at", Reason.JOURNEY_OVER, "open", after="now"),
    AGED,
]
GOOD = {"kind": "permit", "permit.expires": "2030-01-01", "permit.from": "2025-01-01", "born": "1980-01-01",
        "closes_at": "2026-11-30T18:00:00+08:00"}  # fmt: skip


def test_without_a_clock_that_somebody_vouches_for_rules_about_days_do_not_hold() -> None:
    """The time of the board is a guess after a night without power: an expired permit would look valid."""
    failed = judged(TIMED, GOOD, synchronised=False)
    unverified = Reason.TIME_UNVERIFIED
    expected = (("in-force", unverified), ("open", unverified), ("aged", unverified))
    assert failed == Ineligible(expected, Verdict.REFER)  # and nobody is refused for the clock
    assert judged(TIMED, GOOD) == Eligible()


def test_what_is_wrong_without_a_clock_is_told_beside() -> None:
    facts = {**GOOD, "kind": "none", "born": "XXXX-XX-XX"}
    assert reasons(judged(TIMED, facts, synchronised=False)) == [
        Reason.PERMIT_MISSING,
        Reason.TIME_UNVERIFIED,
        Reason.TIME_UNVERIFIED,
        Reason.UNDER_AGE,
    ]


def test_a_port_may_do_without_a_clock_that_is_vouched_for() -> None:
    port = Port(timezone=HONG_KONG, require_synchronised=False)
    assert judged(TIMED, GOOD, synchronised=False, port=port) == Eligible()


# ---------------------------------------------------------------- several rules, classes, verdicts


CLASSES = [
    rule("residence", Reason.NOT_ELIGIBLE, "class", one_of=("mainland", "hong-kong")),
    rule("permit", Reason.PERMIT_MISSING, "a", equals="exit-entry", when={"residence": ("mainland",)}),
    rule("permit", Reason.PERMIT_MISSING, "b", equals="mainland-travel", when={"residence": ("hong-kong",)}),
]


def test_every_rule_that_fails_is_told_in_the_order_of_the_file() -> None:
    failed = judged(TIMED, {**GOOD, "kind": "none", "permit.expires": "2020-01-01", "born": "2020-01-01"})
    expected = (
        ("kind", Reason.PERMIT_MISSING),
        ("in-force", Reason.PERMIT_EXPIRED),
        ("aged", Reason.UNDER_AGE),
    )
    assert failed == Ineligible(expected, Verdict.REFUSE)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"residence": "mainland", "permit": "exit-entry"}, []),
        ({"residence": "hong-kong", "permit": "mainland-travel"}, []),
        ({"residence": "mainland", "permit": "mainland-travel"}, ["a"]),  # the other class's permit is none
        ({"residence": "hong-kong"}, ["b"]),
        ({"residence": "elsewhere", "permit": "exit-entry"}, ["class"]),
        ({"permit": "exit-entry"}, ["class", "a", "b"]),  # of neither is known that it does not apply
    ],
)
def test_a_traveller_falls_under_the_rules_of_exactly_one_class(facts: dict[str, str], told: list[str]) -> None:
    verdict = judged(CLASSES, facts)
    assert [name for name, _ in verdict.failed] == told if isinstance(verdict, Ineligible) else told == []


def test_what_was_found_may_have_a_reason_of_its_own() -> None:
    """Who withdrew has agreed once, and reads another sign than who never did."""
    agreed = rule("consent.face", Reason.NO_CONSENT, equals="given", reason_if={"withdrawn": Reason.CONSENT_WITHDRAWN})
    assert judged(agreed, {"consent.face": "given"}) == Eligible()
    assert reasons(judged(agreed, {"consent.face": "withdrawn"})) == [Reason.CONSENT_WITHDRAWN]
    assert reasons(judged(agreed, {"consent.face": "?"})) == reasons(judged(agreed, {})) == [Reason.NO_CONSENT]


def test_one_rule_that_refuses_is_enough_for_a_refusal() -> None:
    refers, refuses = rule("a", name="a", equals="1"), rule("b", name="b", equals="1", verdict="refuse")
    for facts, expected in (({"b": "1"}, Verdict.REFER), ({"a": "1"}, Verdict.REFUSE), ({}, Verdict.REFUSE)):
        verdict = judged([refers, refuses], facts)
        assert isinstance(verdict, Ineligible)
        assert verdict.verdict is expected


def test_without_rules_everybody_who_was_found_passes() -> None:
    assert judged([], {}) == judged([], {"x": "y"}, synchronised=False) == Eligible()


def test_rules_that_check_objects_to_are_refused_at_the_start_too() -> None:
    with pytest.raises(SetupError, match=r"lane lane-1: rule 1\.not_before: .*2026-02-30.*YYYY-MM-DD"):
        judged(rule(not_before="2026-02-30"), {})
    with pytest.raises(SetupError, match=r"Asia/HongKong is not known.*did you mean Asia/Hong_Kong"):
        judged([], {}, port=Port(timezone="Asia/HongKong"))


def test_a_document_alone_tells_its_facts_and_not_its_number() -> None:
    document = DocumentRead("L898902C3", "UTO", "UTO", "1974-08-12", "2012-04-15", b"portrait", ChipProof.ACTIVE)
    facts = document_facts(document)
    assert facts == {
        "document.issuer": "UTO",
        "document.nationality": "UTO",
        "document.expires": "2012-04-15",
        "document.electronic": "yes",
        "document.proof": "active",
        "born": "1974-08-12",
    }
    electronic = rule("document.electronic", name="electronic", equals="yes")
    valid = rule("document.expires", Reason.DOCUMENT_EXPIRED, "valid", not_before="today")
    assert reasons(judged([electronic, valid], facts)) == [Reason.DOCUMENT_EXPIRED]


# ---------------------------------------------------------------- whatever the rules, whatever the facts

FACTS = ("residence", "a", "b.c")
texts = st.sampled_from(["", "mainland", "hong-kong", "gate-24", "mainland hong-kong", "2012-11-30", "2040-01-01", NOON,
                         "2040-01-01T00:00:00Z", "XXXX-XX-XX"]) | st.text(max_size=12)  # fmt: skip
facts_of_anybody = st.dictionaries(st.sampled_from(FACTS), texts)
words = st.sampled_from(["mainland", "hong-kong", "${place}"])
lists = st.lists(words, min_size=1, max_size=2, unique=True).map(tuple)
days = st.sampled_from(["today", "2026-11-30"])
conditions = st.one_of(
    words.map(lambda word: {"equals": word}),
    st.tuples(st.sampled_from(["one_of", "none_of", "contains", "lacks"]), lists).map(lambda pair: dict([pair])),
    st.tuples(st.sampled_from(["not_before", "not_after"]), days).map(lambda pair: dict([pair])),
    st.just({"after": "now"}),
    st.integers(1, 20).map(lambda years: {"age_at_least_years": years}),
)
classes = st.just({}) | lists.filter(lambda words: "${place}" not in words).map(lambda words: {"residence": words})


@st.composite
def sets_of_rules(draw: st.DrawFn) -> list[Rule]:
    drawn = draw(st.lists(st.tuples(st.sampled_from(FACTS), conditions, classes), max_size=4))
    others = [
        rule(fact, name=f"rule-{number}", when=when, **condition)
        for number, (fact, condition, when) in enumerate(drawn)
    ]
    return [rule("residence", name="class", one_of=("mainland", "hong-kong")), *others]


@given(sets_of_rules(), facts_of_anybody, st.booleans())
def test_to_know_less_about_somebody_never_makes_them_eligible(
    rules: list[Rule], facts: dict[str, str], synchronised: bool
) -> None:
    assert [each for each in objections(rules, PORT, "lane-1") if not each.warning] == []
    if isinstance(judged(rules, facts, synchronised=synchronised), Ineligible):
        for fact in facts:
            fewer = {name: found for name, found in facts.items() if name != fact}
            assert isinstance(judged(rules, fewer, synchronised=synchronised), Ineligible)


@given(sets_of_rules(), facts_of_anybody)
def test_without_a_clock_nobody_is_eligible_who_is_not_with_it(rules: list[Rule], facts: dict[str, str]) -> None:
    with_it, without = reasons(judged(rules, facts)), reasons(judged(rules, facts, synchronised=False))
    assert len(without) >= len(with_it)


@given(st.sampled_from(FACTS), conditions, st.text())
def test_no_text_makes_a_judgement_fail(fact: str, condition: dict[str, Any], found: str) -> None:
    assert len(reasons(judged(rule(fact, **condition), {fact: found}))) <= 1
