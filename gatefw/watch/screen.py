"""The lines on a terminal, and in maintenance the keys: what is moved by hand is asked about first.

Only lines that changed are written again, a few times a second, which is little enough for a slow line. The gate is
read from `Source` alone; the keys give the orders of `gatefw device test` and `gatefw lane maintain-end`, which the
daemon refuses outside of maintenance, whatever stands here.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style as Look
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from gatefw.device_dialogue import Dialogue, ended, in_words
from gatefw.errors import GateError
from gatefw.watch.picture import Line, Style, picture
from gatefw.watch.source import Source

LOOK_S = 0.2
SAID = 12
Order = Callable[[str, Mapping[str, object]], Mapping[str, Any]]
MOVES = ("door.",)
"""Devices whose test moves something that people can touch."""

PLAIN_LOOKS = {
    Style.PLAIN: Look(),
    Style.TITLE: Look(bold=True),
    Style.FAINT: Look(),
    Style.GOOD: Look(),
    Style.ODD: Look(bold=True),
    Style.BAD: Look(reverse=True),
    Style.CHOSEN: Look(reverse=True),
}
COLOURS = {
    Style.FAINT: Look(dim=True),
    Style.GOOD: Look(color="green"),
    Style.ODD: Look(color="yellow"),
    Style.BAD: Look(color="red", bold=True),
}


class Picture(Widget):
    """The whole terminal. `chosen`: the device that is chosen, in maintenance."""

    DEFAULT_CSS = "Picture { width: 100%; height: 100%; background: ansi_default; }"

    def __init__(self, source: Source, colour: bool) -> None:
        super().__init__()
        self._source, self._lines = source, list[Line]()
        self._looks = PLAIN_LOOKS | COLOURS if colour else PLAIN_LOOKS
        self.chosen = 0

    @property
    def lines(self) -> list[Line]:
        return self._lines

    def look(self) -> None:
        """Draw what changed."""
        width, height = self.size
        if not width or not height:
            return
        seen, before = self._source.seen, self._lines
        choosing = seen.lane is not None and seen.lane.maintenance
        self._lines = picture(seen, width, height, self._source.now_s(), self.chosen if choosing else None)
        if len(before) != len(self._lines):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old != new:
                self.refresh(Region(0, y, width, 1))

    def on_resize(self) -> None:
        self._lines = []
        self.look()

    def render_line(self, y: int) -> Strip:
        if y >= len(self._lines):
            return Strip.blank(self.size.width)
        spans = self._lines[y].spans
        return Strip([Segment(text, self._looks[style]) for text, style in spans], self.size.width)


class Asking(ModalScreen[bool]):
    """A question before something happens: only `y` says yes."""

    CSS = "Asking { align: center middle; } Static { width: 64; height: auto; border: round; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [("y", "dismiss(True)"), ("n,escape,q,enter", "dismiss(False)")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        yield Static(f"{self.question}\n\ny yes   n no", markup=False)


class Doing(ModalScreen[None]):
    """A device's test while it goes on: what is said of it, and answers to what it asks."""

    CSS = """
    Doing { align: center middle; }
    Vertical { width: 72; height: auto; border: round; padding: 0 1; }
    Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "say('yes')"),
        ("n", "say('no')"),
        ("escape,q", "end"),
    ]

    def __init__(self, order: Order, device: str) -> None:
        super().__init__()
        self._order, self._device = order, device
        self.said, self._answer, self.over = [f"test {device}"], "", False

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(markup=False)

    def on_mount(self) -> None:
        self._show()
        self.run_worker(self._work, thread=True)

    def action_say(self, word: str) -> None:
        self._answer = word

    def action_end(self) -> None:
        if self.over:
            self.dismiss()
        self._answer = "end"

    def _work(self) -> None:
        """On a thread: until the test ended, by itself or as asked."""
        try:
            dialogue = Dialogue(self._order, "device_test", self._device, {"asks": True})
            while dialogue.outcome is None:
                dialogue.say, self._answer = self._answer, ""
                for line in dialogue.look():
                    self._tell(in_words(line))
            self._tell(ended(dialogue.outcome))
            self._tell(str(dialogue.outcome.get("why") or ""))
        except GateError as error:
            self._tell(f"! {error}")
        self.over = True
        self._tell("")

    def _tell(self, words: str) -> None:
        self.said += [words] if words else []
        self.app.call_from_thread(self._show)

    def _show(self) -> None:
        keys = "q back" if self.over else "y yes   n no   q end the test"
        self.query_one(Static).update("\n".join([*self.said[-SAID:], "", keys]))


class Watch(App[int]):
    """`order` gives an order that changes something; it is used in maintenance alone. It ends with an exit status."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "end(0)"),
        ("ctrl+c", "end(130)"),
        ("up,k", "choose(-1)"),
        ("down,j", "choose(1)"),
        ("t", "test"),
        ("e", "end_maintenance"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, source: Source, order: Order, colour: bool = True) -> None:
        super().__init__(ansi_color=True)
        self._source, self.order = source, order
        self.picture = Picture(source, colour)

    @property
    def text(self) -> str:
        """What stands on the terminal."""
        return "\n".join(line.text for line in self.picture.lines)

    def compose(self) -> ComposeResult:
        yield self.picture

    def on_mount(self) -> None:
        self.set_interval(LOOK_S, self.picture.look)
        ended = partial(self.exit, 128 + signal.SIGTERM)  # with the terminal as it was before
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended)

    def action_end(self, status: int) -> None:
        self.exit(status)

    @property
    def _maintained(self) -> bool:
        seen = self._source.seen
        return seen.lane is not None and seen.lane.maintenance and not seen.gone

    def action_choose(self, by: int) -> None:
        if self._maintained and self._source.seen.devices:
            self.picture.chosen = (self.picture.chosen + by) % len(self._source.seen.devices)
            self.picture.look()

    def action_test(self) -> None:
        devices = self._source.seen.devices
        if not self._maintained or not devices:
            return
        device = devices[min(self.picture.chosen, len(devices) - 1)].name
        moves = device.startswith(MOVES)
        warning = "THE DOOR WILL MOVE: see that nobody is in its way." if moves else "Nothing moves by it."

        def answered(yes: bool | None) -> None:
            if yes:
                self.push_screen(Doing(self.order, device))

        self.push_screen(Asking(f"Test {device}?\n{warning}"), answered)

    def action_end_maintenance(self) -> None:
        if not self._maintained:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._end_maintenance, thread=True)

        self.push_screen(Asking("End the maintenance? The lane is out of service then; nothing moves."), answered)

    def _end_maintenance(self) -> None:
        try:
            self.order("maintain_end", {})
        except GateError as error:
            self.call_from_thread(self.notify, str(error), severity="error")
