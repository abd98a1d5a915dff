"""Who stands at the gate: is asked what they see, told what to do, and may pass a step by."""

import select
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from gatefw.commission.judge import Finding
from gatefw.commission.plan import Result, Step, Verdict
from gatefw.errors import Refusal, SetupError

SAYS = ("yes", "no", "skip")


class Technician(Protocol):
    def ask(self, step: Step, question: str) -> str:
        """`yes`, `no` or `skip`. Waits for it."""
        ...

    def tell(self, step: Step, what: str) -> None:
        """What to do now, or what was found; nobody waits for an answer."""
        ...

    def passes_by(self, step: Step) -> bool:
        """Whether the step that goes on now is to be skipped. Returns at once."""
        ...


class Skipped(Exception):
    """The technician passes the step by."""


def confirmed(technician: Technician, step: Step, question: str) -> None:
    """Raises Skipped, Refusal: it is not so."""
    said = technician.ask(step, question)
    if said == "skip":
        raise Skipped
    if said != "yes":
        raise Refusal("not confirmed: see to it, and go on with --resume")


def goes_on(technician: Technician, step: Step) -> None:
    """Raises Skipped."""
    if technician.passes_by(step):
        raise Skipped


def result_of(step: Step, findings: Sequence[Finding], found: Mapping[str, Any]) -> Result:
    """Passed, if nothing was found wrong."""
    corrections = tuple(each for finding in findings for each in finding.corrections)
    verdict = Verdict.FAILED if findings else Verdict.PASSED
    return Result(step.id, verdict, "; ".join(finding.why for finding in findings), found, corrections)


class AtTerminal:
    """Reads standard input: y, n, or s to skip."""

    def ask(self, step: Step, question: str) -> str:
        print(f"{step.id}: {question} [y/n, s skips]", flush=True)
        while True:
            line = sys.stdin.readline()
            if not line:
                return "skip"
            if said := {"y": "yes", "n": "no", "s": "skip"}.get(line.strip().lower()[:1]):
                return said

    def tell(self, step: Step, what: str) -> None:
        print(f"{step.id}: {what}", flush=True)

    def passes_by(self, step: Step) -> bool:  # noqa: ARG002
        while select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line:
                return False
            if line.strip().lower()[:1] == "s":
                return True
        return False


class Scripted:
    """Answers from a table: a step's own, else `default`, else yes. What is told goes to `say`."""

    def __init__(self, answers: Mapping[str, str], say: Callable[[Step, str], None]) -> None:
        self._answers, self._say = answers, say

    def ask(self, step: Step, question: str) -> str:
        self._say(step, question)
        return self._answer(step)

    def tell(self, step: Step, what: str) -> None:
        self._say(step, what)

    def passes_by(self, step: Step) -> bool:
        return self._answer(step) == "skip"

    def _answer(self, step: Step) -> str:
        return self._answers.get(step.id, self._answers.get("default", "yes"))


def answers_in(path: Path) -> dict[str, str]:
    """A TOML file of `"step" = "yes" | "no" | "skip"`, and `default`. Raises SetupError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"{path}: a TOML file of answers is wanted: {why}") from error
    for step, answer in table.items():
        if answer not in SAYS:
            raise SetupError(f"{path}: {step}: {answer!r} is none of {', '.join(SAYS)} (a step with dots is quoted)")
    return table
