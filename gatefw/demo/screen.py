"""What is seen of the demo in a terminal: each story told, its events as they come, a table at the end. 80 columns."""

import textwrap
import time
from collections.abc import Sequence
from typing import TextIO

from gatefw.demo.pages import OFFICER, Pages
from gatefw.demo.play import Result
from gatefw.demo.stories import Story
from gatefw.demo.witness import Event
from gatefw.model import FactKind, Phase

WIDTH = 80
BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"
PHASE_COLOURS = {
    Phase.IDLE: GREEN,
    Phase.ENTRY_RELEASED: CYAN,
    Phase.EXIT_RELEASED: CYAN,
    Phase.REFUSED: YELLOW,
    Phase.REFERRED: YELLOW,
    Phase.DEGRADED: YELLOW,
    Phase.EVACUATED: RED,
    Phase.FAULT: RED,
}
WORDS = {
    FactKind.PASSAGE_STARTED: "code read by {reader}",
    FactKind.FACE_COMPARED: "face at a distance of {score:.2f}, of {threshold:.2f} allowed",
    FactKind.PASSAGE_DECIDED: "decision: {verdict} ({reason})",
    FactKind.PASSAGE_ENDED: "passage ended: {reason}",
    FactKind.DOOR_RELEASED: "{door} released ({purpose})",
    FactKind.RELEASE_DROPPED: "{door} not released: {reason}",
    FactKind.DOOR_MOVED: "{door} {position}",
    FactKind.INPUT_CHANGED: "{input} {signal}",
    FactKind.ALARM_RAISED: "alarm: {reason}",
    FactKind.DEVICE_LOST: "{device} is not there",
    FactKind.DEVICE_RECOVERED: "{device} is there",
    FactKind.FAULT_LATCHED: "latched: {reason}",
    FactKind.FAULT_RESET: "latch reset by {by}",
    FactKind.OPERATOR_ORDERED: "{by} orders {verb}",
    FactKind.SUBJECT_ENROLLED: "a traveller is registered by {by}",
    FactKind.SUBJECT_REVOKED: "a registration is revoked by {by}",
}
"""Events that are shown, in words; of doors that move only where they end up."""
ROW = "{:<11} {:<14} {:<14} {:<20} {:>10} {:>6}"


class Screen:
    """Writes to a terminal or a pipe; colours only when told. `event` may be called from another thread."""

    def __init__(self, out: TextIO, colour: bool) -> None:
        self._out, self._colour = out, colour
        self._began_s = time.monotonic()
        self._number = 0

    def opens(self) -> None:
        self._say(self._paint("gatefw demo: a day at a simulated lane", BOLD))
        self._say("Real processes and real time; only the gate and its people are simulated.")
        self._say("First the lane comes into service, and travellers are registered.")
        self._say()

    def pages(self, pages: Pages) -> None:
        """Where to look at it in a browser."""
        self._say(f"The traveller's screen in front:  {pages.front}")
        self._say(f"The traveller's screen inside:    {pages.inside}")
        self._say(f"The officer's console:            {pages.console}")
        self._say(f"                                  as {OFFICER}, password {pages.password}")
        self._say()

    def begins(self, story: Story) -> None:
        self._began_s = time.monotonic()
        self._number += 1
        self._say()
        self._say(self._paint(f"{self._number:2}  {story.name.replace('_', ' ')}", BOLD))
        self._say(textwrap.fill(story.told, WIDTH, initial_indent="    ", subsequent_indent="    "))

    def event(self, event: Event) -> None:
        """One line, with the lane's phase in a column of its own whenever it changes."""
        phase, words = "", ""
        if event.kind is FactKind.PHASE_CHANGED:
            phase = event.data["phase"]
        elif event.kind in WORDS and event.data.get("position") != "closed":
            words = WORDS[event.kind].format(**event.data)
        else:
            return
        column = self._paint(f"{phase:<16}", PHASE_COLOURS.get(Phase(phase), "") if phase else "")
        loud = event.kind in (FactKind.ALARM_RAISED, FactKind.FAULT_LATCHED, FactKind.DEVICE_LOST)
        seconds = self._paint(f"{time.monotonic() - self._began_s:8.2f} s", DIM)
        self._say(f"{seconds}  {column} {self._paint(words, YELLOW if loud else '')}".rstrip())

    def ends(self, result: Result) -> None:
        mark = self._paint("as it should" if result.ok else "WRONG", GREEN if result.ok else RED)
        self._say(f"    = {result.outcome}, {result.reason or 'no reason'}: {mark}")
        for problem in result.problems:
            self._say(self._paint(f"      {problem}", RED))

    def table(self, results: Sequence[Result]) -> None:
        """story | expected | outcome | reason | decision s | exit s, and how many ended as they should."""
        self._say()
        self._say(self._paint(ROW.format("story", "expected", "outcome", "reason", "decision s", "exit s"), BOLD))
        for each in results:
            row = (
                each.name,
                each.expected,
                each.outcome,
                each.reason,
                _seconds(each.decision_s),
                _seconds(each.exit_s),
            )
            self._say(self._paint(ROW.format(*row), "" if each.ok else RED))
        well = sum(result.ok for result in results)
        self._say()
        self._say(self._paint(f"{well} of {len(results)} stories ended as they should", BOLD))

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code and text.strip() else text

    def _say(self, line: str = "") -> None:
        self._out.write(line + "\n")
        self._out.flush()


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
