"""Writes `docs/eligibility.md` from the rules in the lane files.

    python -m gatefw.eligibility_docs docs/eligibility.md [config/lanes]

A test compares the file with what this makes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gatefw import settings, toml_document
from gatefw.config_tables import Port
from gatefw.errors import ConfigError
from gatefw.rule import RULE_TABLE, Rule
from gatefw.toml_document import Document, Place

INTRODUCTION = """\
# Who may pass

Made from `config/lanes/*.toml` by `python -m gatefw.eligibility_docs docs/eligibility.md`; do not edit. How rules are
written is in `config/reference.toml`.

Every rule must hold. All that do not are told, in this order; the first is what the traveller is turned away for. A
fact that is not known, or cannot be read, does not hold, nor does a rule of which it is not known whether it is for
this traveller: to know less about somebody never makes them eligible.

Days begin at midnight in the port's own time zone. The last day of validity is valid, the whole birthday counts; who
was born on 29 February has it on 1 March in a common year, and nobody's incomplete date of birth (`XX`) is guessed.
Rules that need the clock are marked so. While nobody vouches for it they fail as `time_unverified`, and refer.

Facts are those of the record (`registered`, `residence`, `born`, `purpose`, `permit.*`, `endorsement.*`,
`area_permit.*`, `designated.by`), of the agreement to each comparison (`consent.*`, given or withdrawn), of the journey
(`journey.*`; `journey.passed` are the touchpoints behind the traveller), or of a document alone (`document.*`, `born`).
A site may have others. `${place}`, `${direction}` and `${lane}` are the lane's own.
"""
T = TypeVar("T")


def markdown(folder: Path) -> str:
    """The rules of every lane file in `folder`, as Markdown. Raises ConfigError for a file that cannot be read."""
    return "\n".join([INTRODUCTION, *(_lane(toml_document.read(path)) for path in sorted(folder.glob("*.toml")))])


def _lane(document: Document) -> str:
    tables = enumerate(document.table.get(RULE_TABLE, []), 1)
    rules = [_built(Rule, table, (RULE_TABLE, str(number)), document) for number, table in tables]
    port = _built(Port, document.table.get("port", {}), ("port",), document)
    title = f"## `{Path(document.file).stem}`\n\n"
    if not rules:
        return f"{title}Everybody who was found.\n"
    zone = f"Days are those of {port.timezone}.\n\n" if any(rule.needs_clock for rule in rules) else ""
    return f"{title}{zone}| rule | of whom | fact | which | else |\n|---|---|---|---|---|\n{_rows(rules)}\n"


def _built(kind: type[T], table: object, at: Place, document: Document) -> T:
    def report(place: Place, problem: str) -> None:
        raise ConfigError(document.file, document.line(place), ".".join(place), problem)

    built = settings.build(kind, table, at, report)
    assert built is not None
    return built


def _rows(rules: Sequence[Rule]) -> str:
    return "\n".join(f"| {' | '.join(_cells(rule))} |" for rule in rules)


def _cells(rule: Rule) -> tuple[str, ...]:
    """A rule as it is read aloud."""
    whom = "; ".join(f"`{fact}` {' or '.join(words)}" for fact, words in rule.when.items()) or "all"
    others = "".join(f"; {word}: `{reason}`" for word, reason in rule.reason_if.items())
    says = f"{rule.says} (clock)" if rule.needs_clock else rule.says
    return rule.name, whom, f"`{rule.fact}`", says, f"{rule.verdict}: `{rule.reason}`{others}"


def main(file: Path, folder: Path = Path("config/lanes")) -> None:
    file.write_text(markdown(folder), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
