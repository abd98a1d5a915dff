"""Every picture of the traveller's screen in a real browser, at sizes of kiosks: all of it seen, all within reach."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from accessible import violations
from contact_sheet import Lane
from kiosk import NEEDED, Kiosk, shows

from gatefw.display import SOCKET
from gatefw.model import Phase
from gatefw.screen.album import album, line, lines
from gatefw.screen.picture import Place, picture
from gatefw.words import LANGUAGES, Words

pytestmark = NEEDED
TONGUES = [Words(each) for each in LANGUAGES]
SIZES = [(1080, 1920), (1920, 1080), (800, 480), (768, 1024), (1024, 768)]
TARGET_PX = 44
"""What WCAG 2.2 asks for at its strictest; a finger in a hurry gets more."""
CAPITAL = 0.025
"""How high a capital of the main words is at least, in heights of the screen: 15 mm of an upright 27 inch screen, read
from two metres and more. Whoever wants it lowered stands before it.
"""
LONG = {
    "document.name": "W" + "*" * 38,
    "name": "P**************** M************* K***********",
    "document.number": "*" * 12 + "67",
    "born": "1990",
}
"""What may be confirmed at the most: a name as long as a document has it, in one word or several."""
FAULTS = """([pictures, target, low, capital]) => {
  const inside = (box) => box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const found = [];
  lower(low);
  for (const [name, picture] of Object.entries(pictures)) {
    show(picture);
    const seen = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
    const boxes = (selector) => seen(selector).map((one) => one.getBoundingClientRect());
    const texts = boxes("#words p, #facts > *"), buttons = boxes("#buttons button"), all = boxes("button");
    const [sign] = boxes("#sign div");
    const pen = document.createElement("canvas").getContext("2d");
    const capitals = seen("#words p").map((one) => {
      pen.font = getComputedStyle(one).font;
      return pen.measureText("H").actualBoundingBoxAscent / innerHeight;
    });
    const letters = seen("dt, dd, #buttons span").map((one) => parseFloat(getComputedStyle(one).fontSize));
    const wants = {
      "outside": ![...texts, ...all, sign].every(inside),
      "over a button": texts.some((text) => all.some((button) => meet(text, button))),
      "under the sign": texts.some((text) => meet(text, sign)),
      "small sign": sign.height < innerHeight / (low ? 12 : 6),
      "small words": Math.min(...capitals) < capital * (low ? 0.6 : 1),
      "small letters": Math.min(...letters) < 16,
      "small button": all.some((button) => button.width < target || button.height < target),
      "high button": all.some((button) => button.top < innerHeight / 2),
      "buttons meet": buttons.length > 1 && meet(buttons[0], buttons[1]),
    };
    for (const [what, is] of Object.entries(wants)) if (is) found.push(`${name}: ${what}`);
  }
  return found;
}"""


class Stage:
    """A lane that says whatever is wanted, a screen of it, and a browser."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        (folder / SOCKET).parent.mkdir()
        self.lane = held.enter_context(closing(Lane(folder / SOCKET)))
        self.kiosk = Kiosk(folder, folder, held)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as held:
        yield Stage(tmp_path, held)


def pictures(place: Place, tongues: Sequence[Words]) -> dict[str, Any]:
    """The album's, and LONG."""
    long = picture(line(Phase.TOKEN_PRESENTED, confirm={"run": "1" * 16, "facts": LONG}), place, tongues)
    return {
        name: json.loads(json.dumps(each.told())) for name, each in (*album(place, tongues).items(), ("long", long))
    }


def test_everything_is_seen_and_what_is_touched_is_large_and_low_at_every_size(stage: Stage) -> None:
    """Three languages at once, which is the most that there is to read; lowered as well."""
    page = stage.kiosk.opened()
    for place in Place:
        shown = pictures(place, TONGUES)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for low in (False, True):
                assert page.evaluate(FAULTS, [shown, TARGET_PX, low, CAPITAL]) == [], (place, width, height, low)


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_language_alone_fits_too(stage: Stage, language: str) -> None:
    page, shown = stage.kiosk.opened(), pictures(Place.WHOLE, [Words(language)])
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for low in (False, True):
            assert page.evaluate(FAULTS, [shown, TARGET_PX, low, CAPITAL]) == [], (width, height, low)


def test_axe_finds_nothing_wrong_in_any_tone_with_buttons_or_without(stage: Stage) -> None:
    """Signs are hidden from it and stand in the page all the time: what differs is the colour, and the buttons."""
    page, audited = stage.kiosk.opened(), set[tuple[str, bool]]()
    for name, each in lines():
        shown = picture(each, Place.WHOLE, TONGUES)
        if (kind := (shown.tone, bool(shown.run))) not in audited:
            audited.add(kind)
            stage.lane.say(each)
            shows(page, shown.sign)
            assert violations(page) == [], name
    assert len(audited) == 5
    stage.lane.say(None)
    shows(page, "help")
    assert violations(page) == []


def test_who_wants_no_motion_sees_none_and_who_does_not_care_sees_nothing_flash(stage: Stage) -> None:
    """No motion is quicker than a second: three flashes in one would be too many (WCAG 2.3.1)."""
    page = stage.kiosk.opened()
    lasting = "() => document.getAnimations().map((one) => one.effect.getComputedTiming().duration)"
    shows(page, "help")
    assert min(page.evaluate(lasting)) >= 1000
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(lasting) == []
