"""What a simulated day came to, for people to read."""

from collections.abc import Iterator, Mapping
from typing import Any

from gatefw.model import IdentifyFace, ReadDocument, VerifyFace, VerifyFinger
from gatefw.simulate.day import WALK_M_S, Outcome
from gatefw.simulate.scripted import TAKES_S

SCRIPTED = "MATCHING IS SCRIPTED: no face, finger or document was looked at; who is who is known to the simulation."
REAL = "Faces were compared by the lane's own models at its own thresholds; fingers and documents are scripted."


def lines(outcome: Outcome, seed: int) -> Iterator[str]:
    told = outcome.to_json()
    yield f"{outcome.config.lane.name}: {told['travellers']} travellers, seed {seed}"
    yield SCRIPTED if outcome.matcher == "scripted" else REAL
    yield ""
    yield _count("passed", told["passed"])
    for reason, number in told["refused"].items():
        yield _count(reason, number)
    yield _count("unexpected", told["unexpected"])
    for came in outcome.unexpected[:10]:
        wanted, found = ", ".join(came.story.expects), ", ".join(came.reasons) or "no run"
        yield f"    {came.story.name}: {found} instead of {wanted}"
    yield from (f"    must never happen: {violation}" for violation in outcome.violations[:10])
    yield from _of_faces(told)
    yield ""
    yield from _times(told, outcome.config.lane.pipelining)


def _count(what: str, number: int) -> str:
    return f"  {what:<24}{number:>6}"


def _of_faces(told: Mapping[str, Any]) -> Iterator[str]:
    if told["gallery"] is None and told["threshold"] is not None:
        yield f"  one face compared with one, threshold {told['threshold']}"
    if told["gallery"] is not None:
        yield f"  gallery {told['gallery']}, threshold {told['threshold']}, FPIR at most {told['fpir_target']:g}"
    if "false_rejects" in told:
        known = told["travellers"] - told["strangers"]
        yield f"{_count('false rejects', told['false_rejects'])} of {known} registered"
        yield f"{_count('misidentified', told['misidentified'])} of them, taken for another who is registered"
        yield f"{_count('false accepts', told['false_accepts'])} of {told['strangers']} strangers"


def _times(told: Mapping[str, Any], pipelining: bool) -> Iterator[str]:
    yield speed(told)
    if pipelining:
        yield "  of which read early: the token is read while the one before leaves, and the wait counts;"
    slow, fast = WALK_M_S
    takes = {"a face among many": IdentifyFace, "a face": VerifyFace, "a finger": VerifyFinger, "a chip": ReadDocument}
    answers = ", ".join(f"{what} {TAKES_S[kind]:g} s" for what, kind in takes.items())
    yield f"  of which pretended: walking at {slow:g} to {fast:g} m/s, 2 m between the doors;"
    yield f"  {answers}"


def speed(told: Mapping[str, Any]) -> str:
    if told["p50_s"] is None:
        return "  nobody passed"
    return f"  token to exit {told['p50_s']:g} s (p95 {told['p95_s']:g} s), {told['per_minute']:g} people a minute"
