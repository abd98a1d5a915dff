"""Emergencies are judged by the gate's time, not by the time for which their machine was taken away."""

from trust.emergency_judge import outcome
from trust.emergency_rounds import DEBOUNCE_S, Seen
from trust.emergency_witness import Still

EVERY_S = 1.0


def after(*took_s: float) -> Seen:
    """Emergencies a second apart, the first at 0 s."""
    spans = [(at * EVERY_S, at * EVERY_S + DEBOUNCE_S + took) for at, took in enumerate(took_s)]
    return Seen(took_s=list(took_s), spans=spans)


def test_one_late_emergency_of_two_thousand_is_allowed_and_three_are_a_violation() -> None:
    quick = [0.002] * 1997
    assert outcome(after(*quick, 0.002, 0.002, 0.011), [], enough=1000)["violations"] == 0
    assert outcome(after(*quick, 0.011, 0.011, 0.011), [], enough=1000)["violations"] == 1


def test_an_emergency_while_which_a_core_stood_still_is_told_and_not_judged() -> None:
    late = after(0.002, 0.050, 0.003)
    told = outcome(late, [Still(1.01, 1.06)], enough=1)
    assert (told["runs"], told["violations"]) == (3, 0)
    assert "1 while the machine stood still: at most 50.0 ms" in str(told["figure"])
    assert "p99.9 3.0 ms" in str(told["figure"])


def test_a_core_that_stood_still_before_or_after_excuses_nothing() -> None:
    late = after(0.002, 0.050)
    assert outcome(late, [Still(0.9, 1.0), Still(1.08, 1.2)], enough=1)["violations"] == 1


def test_too_few_emergencies_are_not_judged_and_all_are_told_if_none_was_undisturbed() -> None:
    assert outcome(after(0.050), [], enough=2)["violations"] == 0
    assert "p99.9 50.0 ms" in str(outcome(after(0.050), [Still(0.0, 9.0)], enough=1)["figure"])
