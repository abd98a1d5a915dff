"""The console's page and what it takes from elsewhere, each by its name: words, reasons, orders, signs."""

import re

import pytest

from gatefw.bus_orders import OPERATE
from gatefw.console import FILES
from gatefw.events import BY_HAND, ORDERED_FOR
from gatefw.model import Phase
from gatefw.words import Words, console

PAGE = {path.name: path.read_text() for path in FILES.iterdir() if not path.name.startswith("shift")}
CODE = "\n".join(text for name, text in PAGE.items() if name.endswith(".js"))
OF_THE_PAGE = {key for key in console.ALL if key.partition(".")[0] not in ("reason", "phase")}
PARTS = "|".join(sorted({key.partition(".")[0] for key in OF_THE_PAGE}))
AS_WRITTEN = set(re.findall(rf'"((?:{PARTS})\.[a-z_.]+)"', CODE))
PUT_TOGETHER = re.compile(
    r"state\.|why\.|need\.|order\.|login\.|alarm\.(emergency|high|medium|low)$|card\.camera_"
    r"|ask\.(evacuate|clear_by_hand|reset|let_out)(_means|_do)?$|case\.(reason|phase|procedure|run|met|not_met|open)$"
)
"""Words whose key the page puts together."""


def listed(name: str) -> set[str]:
    """What stands in a list or table of the page's code that is called so."""
    found = re.search(rf"{name}\b\]?[ :=(]+(new Set\()?([\[{{])([^\]}}]*)", CODE)
    assert found is not None, name
    return set(re.findall(r'"([a-z_]+)"', found.group(3)))


def test_every_word_that_the_page_asks_for_is_there() -> None:
    in_html = set(re.findall(r'data-t="([a-z_.]+)"', PAGE["console.html"]))
    assert {key for key in in_html | AS_WRITTEN if not key.startswith("shift.")} <= set(console.ALL)


def test_no_word_is_there_that_the_page_does_not_ask_for() -> None:
    in_html = set(re.findall(r'data-t="([a-z_.]+)"', PAGE["console.html"]))
    alone = {key for key in OF_THE_PAGE - in_html - AS_WRITTEN if not PUT_TOGETHER.match(key)}
    assert alone == set()


def test_the_reasons_that_an_officer_chooses_among_are_those_that_there_are() -> None:
    assert listed("BY_HAND") == set(BY_HAND.words) == set(Words().texts("why"))
    assert set(ORDERED_FOR.words) == set(console.ORDERED_FOR)
    assert listed("evacuate") == set(console.EVACUATE_WHY)
    assert listed("stop") == set(console.STOP_WHY)
    assert listed("reset") == set(console.RESET_WHY)


def test_every_order_of_the_page_is_one_that_a_lane_takes_from_a_console() -> None:
    assert listed("KEYS") - {"stop"} <= OPERATE


@pytest.mark.parametrize("phase", [*Phase, "silent"])
def test_every_state_has_a_sign_that_is_in_the_page(phase: str) -> None:
    found = re.search(rf'\b{phase}: "([a-z]+)"', PAGE["row.js"])
    assert found is not None and f'<symbol id="sign-{found.group(1)}"' in PAGE["console.html"]


def test_nothing_is_inline_and_no_text_of_a_lane_is_taken_for_a_page() -> None:
    """The policy that every answer carries would refuse it; here it is said before."""
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|localStorage|sessionStorage", CODE)
    assert not re.search(r'\son[a-z]+="|\sstyle="|<style|<script>', PAGE["console.html"])


def test_a_lane_that_closed_by_itself_is_not_said_to_lack_a_device() -> None:
    """The camera may be there and merely dark, or the mains be gone; what it is stands beside these words."""
    for said in (Words().texts("console")["state.degraded"], Words().phase(Phase.DEGRADED)):
        assert "device" not in said and "missing" not in said
