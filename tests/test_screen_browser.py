"""The traveller's screen in a real browser: Debian's Chromium. Pictures of it go to .screenshots, which git ignores."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from kiosk import NEEDED, PICTURES, Kiosk, shows
from peers import until

from gatefw.display import SOCKET, Display
from gatefw.gate_terms import Answered, Ask, GateInput
from gatefw.model import Answer, Confirm, Confirmed, Failed, Phase, Reason, RunId, SubjectId
from gatefw.screen.signs import PHASES

RUN = RunId("a" * 16)
pytestmark = NEEDED


class Lane:
    """A display whose loop beats, a screen of it, and a browser before that."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        self.heard: list[GateInput] = []
        facts = {"document.name": "CHAN TAI MAN"}
        self.display = held.enter_context(closing(Display(folder / SOCKET, lambda _who: facts, self.heard.append)))
        self.silent, self._over = threading.Event(), threading.Event()
        beats = threading.Thread(target=self._beats)
        beats.start()
        held.callback(beats.join)
        held.callback(self._over.set)
        self.kiosk = Kiosk(folder, folder, held)
        self.page = self.kiosk.opened()

    def _beats(self) -> None:
        while not self._over.wait(0.25):
            if not self.silent.is_set():
                self.display.beat(time.monotonic())

    def asks(self) -> None:
        self.display.show(Phase.TOKEN_PRESENTED, None)
        self.display.ask(Ask(RUN, 4, Confirm(SubjectId("5" * 32), 15.0)))
        shows(self.page, "you")


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    with ExitStack() as held:
        yield Lane(tmp_path, held)


def test_every_phase_is_a_sign_and_three_sentences(lane: Lane) -> None:
    PICTURES.mkdir(exist_ok=True)
    for phase, (sign, _) in PHASES.items():
        lane.display.show(phase, None)
        shows(lane.page, sign)
        assert lane.page.locator("#words p:visible").count() == 3
        lane.page.screenshot(path=PICTURES / f"{phase}.png")
    lane.asks()
    lane.page.screenshot(path=PICTURES / "confirm.png")


@pytest.mark.parametrize(("touch", "reply"), [("confirm", Confirmed()), ("decline", Failed(Reason.DECLINED))])
def test_a_button_answers_and_is_large_enough_for_a_finger(lane: Lane, touch: str, reply: Answer) -> None:
    lane.asks()
    box = lane.page.locator(f"#{touch}").bounding_box()
    assert box is not None and box["width"] >= 44 and box["height"] >= 44
    lane.page.click(f"#{touch}")
    assert until(lambda: lane.heard, "the answer") == [Answered(RUN, 4, reply)]


def test_a_lane_or_a_screen_that_is_silent_is_closed_and_comes_back_by_itself(lane: Lane) -> None:
    lane.display.show(Phase.IDLE, None)
    shows(lane.page, "present")
    lane.silent.set()
    shows(lane.page, "help")
    lane.silent.clear()
    shows(lane.page, "present")
    lane.page.evaluate("Date.now = () => 0")  # somebody sets the clock back: that lengthens no silence
    lane.kiosk.kill()
    shows(lane.page, "help")
    lane.kiosk.start()
    shows(lane.page, "present")
