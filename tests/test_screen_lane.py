"""The traveller's screen of a real lane in a real browser: touched by travellers, and left by every process in turn."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kiosk import NEEDED, PICTURES, Kiosk, shows
from live_gate import DEADLINE_S, LiveGate, live_gate
from peers import until
from systems.live import LANES, at_rest, ends
from systems.played import FINGER, SHOWN, by_face_and_finger
from systems.simulated import simulated

pytest.importorskip("axe_playwright_python", reason="pip install gatefw[browser]")
pytestmark = [*NEEDED, pytest.mark.real, pytest.mark.models]


def comes(gate: LiveGate, who: str) -> None:
    """Stands where told, shows their face, presses nothing; inside they lay down the finger that is asked for."""
    fingers = " ".join([str(FINGER)] * 3)
    gate.world.traveller(who, "known", photo=SHOWN[0], says="nothing", enter_patience_s=40.0, fingers=fingers)


def saw(page: Any) -> list[str]:
    return list(page.evaluate("window.seen"))


def tongues(page: Any) -> list[str]:
    return [each.get_attribute("lang") for each in page.locator("#words p").all()]


def in_order(signs: list[str], seen: list[str]) -> bool:
    rest = iter(seen)
    return all(sign in rest for sign in signs)


def test_a_touch_lets_one_traveller_through_and_sends_another_to_the_counter(models: Path, photos: Path) -> None:
    """The whole document-free lane. Somebody is found by their face, reads what was found and touches "yes, this is
    me": the door opens, inside they are asked for face and finger, and they pass. Next time they touch "no", and
    nobody is let in; nobody pressed a button of the gate. This lane speaks to them in their own language alone, from
    when it is known whose run it is until the next one comes.
    """
    lane = simulated(LANES / "document-free.toml") + '\n[screen]\nby_nationality = "alone"\n'
    with ExitStack() as held, live_gate(models, photos, lane=lane) as gate:
        by_face_and_finger(gate, photos)
        [anna] = gate.ask("subjects")["subjects"]
        gate.ask("change_facts", subject=anna["subject"], facts={"document.nationality": "CHN"})
        kiosk = Kiosk(gate.run, gate.run / "state", held)
        front, inside = kiosk.opened("/front"), kiosk.opened("/inside")
        shows(front, "step")
        shows(inside, "wait")
        assert tongues(front) == ["en", "zh-Hant", "zh-Hans"]

        comes(gate, "anna")
        shows(front, "you")
        assert "1990" in front.locator("#facts").inner_text() and "you" not in saw(inside)
        assert tongues(front) == ["zh-Hans"] and "这是您的资料吗" in front.locator("#words").inner_text()
        front.screenshot(path=PICTURES / "lane-confirm.png")
        front.click("#confirm")
        assert gate.world.outcome("anna", DEADLINE_S) == "passed"
        until(lambda: at_rest(gate), "the lane to be at rest", DEADLINE_S)
        shows(front, "step")
        assert tongues(front) == ["en", "zh-Hant", "zh-Hans"]
        assert in_order(["step", "look", "you", "go", "wait", "step"], saw(front)), saw(front)
        assert in_order(["both", "through", "wait"], saw(inside)), saw(inside)

        comes(gate, "anna-again")
        shows(front, "you")
        front.click("#decline")
        shows(front, "counter")
        assert gate.world.outcome("anna-again", DEADLINE_S) == "not_admitted"
        assert [each["reason"] for each in ends(gate)][:2] == ["ok", "declined"]
        assert gate.world.violations() == []


def test_whatever_is_killed_people_are_told_how_they_get_out_and_the_screen_comes_back_by_itself(
    models: Path, photos: Path, tmp_path: Path
) -> None:
    """Supervisor, screen, both, one after the other. Nobody reloads a page. A screen that is started while its lane is
    dead says what the lane said before: here the door behind them is locked, so there is a button to press.
    """
    with ExitStack() as held, live_gate(models, photos) as gate:
        kiosk = Kiosk(gate.run, tmp_path, held)
        front, inside = kiosk.opened("/front"), kiosk.opened("/inside")

        def lives() -> None:
            shows(front, "code")
            shows(inside, "wait")

        def dead() -> None:
            shows(front, "closed")
            shows(inside, "help")
            assert "call button" in inside.locator("#words").inner_text()

        lives()
        gate.kill()
        dead()
        kiosk.kill()
        kiosk.start()
        late = kiosk.opened("/inside")
        shows(late, "help")
        assert "call button" in late.locator("#words").inner_text()
        gate.restart()
        lives()
        kiosk.kill()
        dead()
        kiosk.start()
        lives()
