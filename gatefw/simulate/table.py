"""The table of all systems: for each, who passes and who is turned away, as its stories just came out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatefw.config import Config
from gatefw.crew import gate_settings
from gatefw.simulate.day import tell
from gatefw.simulate.stories import of_lane

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# Every clearance system: who passes, who does not, and why

Written by `gatefw systems --markdown > docs/systems.md`: each line is a story that was just played in virtual time,
around the real Gate, procedure and rules of the lane file, with scripted matching. A test plays them all and compares.
Where a traveller has several runs, the reasons stand in their order. Rules are told in the lane files, all else in the
stories. What the models make of faces is another measurement: `gatefw simulate LANE --matcher real --faces DIR`.

"""
COLUMNS = ("system", "story", "outcome", "reason", "told in")


@dataclass(frozen=True, slots=True)
class Row:
    """One story of one system. `reason` is how the last run ended, those before it in front; `ok` if as it should."""

    system: str
    story: str
    outcome: str
    reason: str
    link: str
    ok: bool

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            self.system,
            self.story,
            self.outcome if self.ok else f"UNEXPECTED {self.outcome}",
            self.reason,
            self.link,
        )


def rows(config: Config) -> Iterator[Row]:
    """Play every story of this lane, each alone."""
    for story in of_lane(config, gate_settings(config).terms):
        came, lane = tell(config, story)
        clean = not list(lane.world.history.of("violation"))
        yield Row(
            f"{config.lane.name}, reversed" if config.reversed else config.lane.name,
            story.name,
            "passes" if came.across else "turned away",
            ", then ".join(came.reasons),
            _relative(story.where),
            came.expected and clean,
        )


def markdown(table: Sequence[Row]) -> str:
    """docs/systems.md, with links to where each story is told."""
    lines = [f"{HEAD}| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in table:
        *cells, link = row.cells
        path, _, line = link.rpartition(":")
        there = path if Path(path).is_absolute() else f"../{path}"
        lines.append(f"| {' | '.join(cells)} | [{link}]({there}#L{line}) |")
    return "\n".join(lines)


def plain(table: Sequence[Row]) -> str:
    """For a terminal."""
    cells = [COLUMNS, *(row.cells for row in table)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _relative(where: str) -> str:
    path, _, line = where.rpartition(":")
    inside = Path(path).resolve()
    return f"{inside.relative_to(ROOT)}:{line}" if inside.is_relative_to(ROOT) else where
