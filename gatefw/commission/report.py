"""What is left of a commissioning: a report that a machine can verify, a page for people, a piece of a lane file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gatefw import __version__
from gatefw.commission.plan import Correction, Result, Step, Verdict
from gatefw.commission.seal import Seal, opened
from gatefw.errors import SetupError, StoreError, system_words

REPORT_BYTES_MAX = 48 * 1024
"""An order to the daemon is a line of 64 KiB."""


@dataclass(frozen=True, slots=True)
class About:
    """Which lane was commissioned by whom, by which lane file, and when it was begun (RFC 3339)."""

    lane: str
    config: str
    name: str
    began: str


def report(about: About, steps: Sequence[Step], results: Mapping[str, Result]) -> dict[str, Any]:
    """Every step of the lane is in it; one of which nothing is known was skipped."""
    done = [results.get(step.id) or Result(step.id, Verdict.SKIPPED, "not done", about=step.about) for step in steps]
    return {
        "version": __version__,
        "lane": about.lane,
        "config": about.config,
        "technician": about.name,
        "began": about.began,
        "passed": not any(each.verdict is Verdict.FAILED for each in done),
        "complete": not any(each.verdict is Verdict.SKIPPED for each in done),
        "steps": [each.to_json() for each in done],
    }


def fragment(results: Sequence[Result]) -> str:
    """The keys of the lane file that were measured to be others, each with what was measured. TOML."""
    tables: dict[str, dict[str, Correction]] = {}
    for result in results:
        for each in result.corrections:
            tables.setdefault(each.table, {})[each.key] = each
    lines = ["# What was measured, and is another than the lane file says. Put each key into the table of that name."]
    for table, keys in sorted(tables.items()):
        lines += ["", f"[{table}]"]
        lines += [f"{key} = {json.dumps(each.value)}  # {each.because}" for key, each in sorted(keys.items())]
    return "\n".join(lines) + "\n" if tables else "# Nothing was measured that is another than the lane file says.\n"


def page(told: Mapping[str, Any], line: str) -> str:
    """For people: Markdown."""
    word = "passed" if told["passed"] else "failed"
    lines = [
        f"# Commissioning of lane {told['lane']}: {word}{'' if told['complete'] else ', not complete'}",
        "",
        f"By {told['technician']}, begun {told['began']}, with gatefw {told['version']}.",
        f"Lane file: SHA-256 {told['config']}.",
        "",
        "| step | came to | found | what to do |",
        "|---|---|---|---|",
    ]
    for step in told["steps"]:
        found = ", ".join(f"{name} {_short(value)}" for name, value in step["found"].items())
        played = f", by a draft, played {_short(step['at']) or 'at no time'}" if step["resumed"] else ""
        came_to = f"{step['verdict']}{played}"
        lines.append(f"| {step['step']} | {came_to} | {found} | {step['why'].replace('|', '/')} |")
    lines += ["", "Signed by the lane; `gatefw commission verify` looks whether it holds:", "", f"    {line}", ""]
    return "\n".join(lines)


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_short(inner)}" for name, inner in value.items())
    return str(value).replace("|", "/")


def verified(path: Path) -> tuple[dict[str, Any], Seal]:
    """A report and what the lane says of it. Raises SetupError: it cannot be read; StoreError: it does not hold."""
    told = _read(path)
    if not isinstance(told.get("report"), dict) or not isinstance(told.get("signed"), str):
        raise StoreError(f"{path}: no report of a commissioning: it has no report, or nothing signed below it")
    return told["report"], opened(told["signed"], told["report"])


def draft_of(path: Path, lane: str) -> dict[str, Result]:
    """What a draft says of each step, marked as resumed: anybody may have written it.

    Raises SetupError: it cannot be read, or is another lane's.
    """
    told = _read(path)
    try:
        if told["lane"] != lane:
            raise SetupError(f"{path}: is of lane {told['lane']!r}, and this is {lane!r}")
        return {result.step: replace(result, resumed=True) for result in map(Result.of, told["steps"])}
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError(f"{path}: is no draft of a commissioning ({type(error).__name__}: {error})") from error


def keep_draft(path: Path, about: About, results: Mapping[str, Result]) -> None:
    """Whole or not at all: what was done by a command that was killed is there for the next one."""
    told = {"lane": about.lane, "steps": [each.to_json() for each in results.values()]}
    new = path.with_suffix(".new")
    try:
        new.write_text(json.dumps(told, indent=1), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise SetupError(f"{path}: the draft cannot be written: {system_words(error)}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"{path}: a file of JSON is wanted: {error.strerror}") from error
    except ValueError as error:
        raise SetupError(f"{path}: a file of JSON is wanted: {error}") from error
    if not isinstance(told, dict):
        raise SetupError(f"{path}: one JSON object is wanted")
    return told
