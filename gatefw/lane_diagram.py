"""The lane's table, drawn: Mermaid state diagrams and a table, written into documents between marks.

    python -m gatefw.lane_diagram --write README.md docs/lane.md

Rows that lead to another phase are the arrows. The part `passage` holds those of a passage through an airlock, the part
`around it` all others, with what would draw an arrow from everywhere as a table; the parts `one door` and `no door`
hold what such a lane has of its own. Arrows between the same phases share one line. Rows that stay in their phase are
in `gatefw/lane_table.py` alone.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from gatefw.lane_table import ANYWHERE, CALLED_OUTSIDE, NO_DOOR, ONE_DOOR, TRANSITIONS, Row, Rows
from gatefw.lane_terms import Shape
from gatefw.model import Phase

OTHER_LANES = {"one door": ONE_DOOR, "no door": NO_DOOR}
PARTS = ("passage", "around it", *OTHER_LANES)
_MARKED = re.compile(
    rf"(<!-- lane diagram, ({'|'.join(PARTS)}): begin -->\n)(?:(?!<!-- lane).)*(<!-- lane diagram: end -->)", re.DOTALL
)
PASSAGE = frozenset({
    Phase.IDLE, Phase.TOKEN_PRESENTED, Phase.ENTRY_RELEASED, Phase.ENTERING, Phase.VERIFYING, Phase.EXIT_RELEASED,
    Phase.LEAVING, Phase.REFUSED, Phase.REFERRED,
})  # fmt: skip
"""The phases of one traveller's way, from the token to a free lane."""


def markdown(part: str) -> str:
    """One of `PARTS`, without the marks."""
    if part in OTHER_LANES:
        return "\n".join(_diagram(_arrows(OTHER_LANES[part]), Phase.IDLE))
    arrows = _arrows(TRANSITIONS[Shape.AIRLOCK])
    passage = {ends: labels for ends, labels in arrows.items() if PASSAGE.issuperset(ends)}
    if part == "passage":
        return "\n".join(_diagram(passage, Phase.IDLE))
    service = {ends: labels for ends, labels in arrows.items() if ends not in passage}
    return "\n".join([
        *_diagram(service, Phase.RECOVERING), "",
        "From many phases at once, before any of the arrows above; the first row that fits counts:", "",
        *_table(ANYWHERE[Shape.AIRLOCK]), "",
        "Without an entry door, in place of the rows about `call`:", "",
        *_table(CALLED_OUTSIDE),
    ])  # fmt: skip


def replaced(document: str) -> str:
    """`document` with what stands between the marks drawn anew. Raises ValueError when it has no pair of marks."""
    if not _MARKED.search(document):
        raise ValueError(
            f"no place for the lane diagram: <!-- lane diagram, {PARTS[0]}: begin --> ... <!-- lane diagram: end --> "
            "is wanted"
        )
    return _MARKED.sub(lambda marks: f"{marks[1]}{markdown(marks[2])}\n{marks[3]}", document)


def _arrows(rows: Rows) -> dict[tuple[Phase, Phase], list[str]]:
    found: dict[tuple[Phase, Phase], list[str]] = {}
    for row in rows:
        for phase in row.phases:
            if row.to is not None and row.to is not phase:
                found.setdefault((phase, row.to), []).append(_label(row))
    return found


def _label(row: Row) -> str:
    """Mermaid ends a label at a colon or a semicolon."""
    words = f"{row.on.words}, {row.when.words}" if row.when.words else row.on.words
    return words.replace(":", "").replace(";", ",")


def _diagram(arrows: dict[tuple[Phase, Phase], list[str]], first: Phase) -> Iterator[str]:
    yield from ("```mermaid", "stateDiagram-v2", f"    [*] --> {first.value}")
    for (phase, to), labels in arrows.items():
        yield f"    {phase.value} --> {to.value}: {'<br/>'.join(labels)}"
    yield "```"


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield from ("| in | on | when | goes to |", "|---|---|---|---|", *map(_table_row, rows))


def _table_row(row: Row) -> str:
    return f"| {_phases(row.phases)} | {row.on.words} | {row.when.words} | {row.to.value if row.to else 'stays'} |"


def _phases(phases: tuple[Phase, ...]) -> str:
    others = [phase.value for phase in Phase if phase not in phases]
    if not others:
        return "every phase"
    if len(others) < len(phases):
        return "every phase but " + ", ".join(others)
    return ", ".join(phase.value for phase in phases)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gatefw.lane_diagram", description="Draw the lane's table.")
    parser.add_argument("--write", type=Path, nargs="+", metavar="FILE", required=True, help="documents with marks")
    for file in parser.parse_args(arguments).write:
        file.write_text(replaced(file.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
