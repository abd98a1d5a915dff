"""The officer's console in a real browser: Debian's Chromium, thirty lanes. Pictures go to .screenshots."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from console_desk import IN_A_BROWSER, WIDE, Cable, Desk, chromium, playwright
from console_played import CASE, COUNT, HELD, REFERRAL, RUN, Hall, alarm, every_state, hall, lane
from peers import until

from gatefw.console.row import Came
from gatefw.model import Phase

LANGUAGES = ("en", "zh_HK", "zh_CN")
MIDDLE, SMALL, NARROW = (1280, 720), (1024, 768), (420, 850)
pytestmark = IN_A_BROWSER


class PlayedDesk(Desk):
    """At a hall whose lanes a test plays."""

    def __init__(self, hall: Hall, browser: Any, port: int = 0) -> None:
        self.hall, self.row = hall, hall.row
        super().__init__(port or hall.port, browser)

    def ordered(self) -> Any:
        return until(lambda: self.row.given, "the order")[-1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        made = chromium(driver)
        yield made
        made.close()


@pytest.fixture
def desk(browser: Any) -> Iterator[PlayedDesk]:
    with ExitStack() as held:
        made = PlayedDesk(held.enter_context(hall()), browser)
        held.callback(made.page.close)
        yield made
        assert made.broken == []


@pytest.fixture
def seated(desk: PlayedDesk) -> PlayedDesk:
    """With every state that a lane has in the row."""
    lanes, alarms = every_state()
    desk.row.show(*lanes, alarms=alarms)
    desk.login()
    return desk


# ---------------------------------------------------------------- at a glance


def test_every_page_is_accessible_in_every_language(desk: PlayedDesk) -> None:
    lanes, alarms = every_state()
    desk.row.show(*lanes, alarms=alarms)
    desk.sees("#login")
    for tongue in LANGUAGES:
        desk.page.select_option("#language", tongue)
        desk.page.wait_for_function("lang => document.documentElement.lang.startsWith(lang)", arg=tongue[:2])
        assert desk.violations() == [], ("login", tongue)
        desk.picture(f"login-{tongue}")
    desk.login()
    for tongue in LANGUAGES:
        desk.page.select_option("#language", tongue)
        desk.page.focus("#work")
        desk.type("4")
        desk.sees('.card[aria-current="true"]')
        desk.picture(f"row-{tongue}")
        assert desk.violations() == [], ("row", tongue)
        for key in "ceg":
            desk.type(key)
            desk.sees("dialog")
            desk.picture(f"ask-{key}-{tongue}")
            assert desk.violations() == [], (key, tongue)
            desk.type("Escape")
            desk.sees_no("dialog")


def test_each_state_is_a_sign_and_words_besides_a_colour(seated: PlayedDesk) -> None:
    told = {each["id"]: each for each in seated.row.lanes}
    shown = seated.page.eval_on_selector_all(
        ".card", "all => all.map(one => [one.dataset.phase, one.querySelector('.middle use').getAttribute('href'),"
        " one.querySelector('.state').textContent, one.dataset.tone])"
    )  # fmt: skip
    assert [phase for phase, *_ in shown] == [each["phase"] for each in told.values()]
    assert all(sign.startswith("#sign-") and words for _, sign, words, _ in shown)
    assert {phase for phase, *_ in shown} == {*Phase, "silent"}


def test_thirty_lanes_fit_a_large_screen_and_a_small_one_scrolls_down_only(seated: PlayedDesk) -> None:
    tall = "id => { const it = document.getElementById(id); return it.scrollHeight <= it.clientHeight; }"
    wide = "document.documentElement.scrollWidth <= innerWidth"
    assert seated.page.locator(".card").count() == COUNT
    assert seated.page.evaluate(tall, "row") and seated.page.evaluate(wide)
    for width, height in (MIDDLE, SMALL):
        seated.page.set_viewport_size({"width": width, "height": height})
        assert seated.page.evaluate(wide)
        seated.choose(30)
        box = seated.page.locator(".card").nth(29).bounding_box()
        assert box is not None and box["y"] + box["height"] <= height
        seated.picture(f"row-{width}")


def test_a_few_lanes_are_larger_and_told_in_full(desk: PlayedDesk) -> None:
    lanes, alarms = every_state()
    desk.row.lanes = [each for each in lanes if each["id"] in ("lane-3", "lane-4", "lane-12")]
    desk.row.show(alarms=alarms[1:5])
    desk.login()
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
    for width, height in (WIDE, SMALL, NARROW):
        desk.page.set_viewport_size({"width": width, "height": height})
        assert desk.page.eval_on_selector_all(".card span:not(.unseen)", cut) == [], width
        assert desk.page.locator(".card").first.bounding_box()["height"] > 150
        desk.picture(f"few-{width}")


def test_in_a_narrow_window_what_can_be_ordered_and_what_a_case_wants_are_in_sight(desk: PlayedDesk) -> None:
    """Thirty lanes are scrolled through there; the orders do not stand below the last of them."""
    width, height = NARROW
    desk.page.set_viewport_size({"width": width, "height": height})
    held_case(desk)
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.picture(f"case-{width}")
    for each in (
        *desk.page.locator("#orders button").all(),
        desk.page.locator("#case .facts"),
        desk.page.locator("#case button"),
    ):
        box = each.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, each.inner_text()


def test_in_a_narrow_window_no_lane_that_is_chosen_lies_below_its_orders(seated: PlayedDesk) -> None:
    seated.page.set_viewport_size(dict(zip(("width", "height"), NARROW, strict=True)))
    for n in (4, 27, 30):
        seated.choose(n)
        covered = "() => document.querySelector('[aria-current]').getBoundingClientRect().bottom"
        covered += " <= document.getElementById('panel').getBoundingClientRect().top"
        seated.page.wait_for_function(covered)


def test_everything_that_is_touched_is_large_enough_for_a_finger(seated: PlayedDesk) -> None:
    seated.choose(4)
    for each in seated.page.locator("button:visible, select:visible").all():
        box = each.bounding_box()
        assert box and box["width"] >= 44 and box["height"] >= 44, each.inner_text()


def test_a_lane_without_a_camera_has_no_sign_of_one_and_says_so_in_a_word(desk: PlayedDesk) -> None:
    desk.row.show(lane(5, camera="none"), lane(6))
    desk.login()
    shown = "all => all.map(one => !one.hidden)"
    assert desk.page.eval_on_selector_all(".card .camera", shown) == [n != 4 for n in range(COUNT)]
    for n, says in ((5, "No camera"), (6, "Camera good")):
        desk.choose(n)
        desk.says(says, "#lane-facts")


def test_a_lane_stands_where_it_stood_whatever_happens(seated: PlayedDesk) -> None:
    order = [each["name"] for each in seated.row.lanes]
    names = "all => all.map(one => one.textContent)"
    places = "all => all.map(one => [one.getBoundingClientRect().x, one.getBoundingClientRect().y])"
    before = seated.page.eval_on_selector_all(".card", places)
    seated.row.show(lane(1, "fault", reason="door_forced"), lane(12), alarms=[])
    seated.says_exactly("Lane 1", '.card[data-phase="fault"] .name')
    assert seated.page.eval_on_selector_all(".card .name", names) == order
    assert seated.page.eval_on_selector_all(".card", places) == before


def test_an_order_stands_where_it_stood_whatever_the_lane_says(desk: PlayedDesk) -> None:
    """An officer presses Hold as somebody is refused: the pointer is over no other button then. All are in sight."""
    told = {"occupancy": "one", "waiting_since_s": 95.0, "reason": "token_expired", "camera": "lost"}
    desk.login()
    places = "all => all.map(one => [one.getBoundingClientRect().x, one.getBoundingClientRect().y])"
    for size in (WIDE, MIDDLE):
        desk.page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
        desk.row.show(lane(3))
        desk.choose(3)
        desk.says_exactly("Ready", '.card[aria-current="true"] .state')
        before = desk.page.eval_on_selector_all("#orders button", places)
        foot = desk.page.locator("footer").bounding_box()["y"]
        last = desk.page.locator("#orders button").last.bounding_box()
        cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
        assert desk.page.eval_on_selector_all("#orders button, #orders span", cut) == [], size
        assert last["y"] + last["height"] <= foot, size
        desk.row.show(lane(3, "hold", orders=HELD, case=RUN, devices_lost=["camera.inside", "reader.front"], **told))
        desk.says("reader.front", "#lane-facts")
        assert desk.page.eval_on_selector_all("#orders button", places) == before, size


# ---------------------------------------------------------------- alarms


def test_alarms_stand_by_priority_and_of_one_priority_the_newest_first(seated: PlayedDesk) -> None:
    lanes = "all => all.map(one => one.querySelector('.go').textContent)"
    listed = seated.page.eval_on_selector_all("#alarm-list li", lanes)
    assert listed == [f"Lane {n}" for n in (22, 12, 17, 4, 18, 27, 3)]  # 3 was acknowledged by somebody


def test_an_alarm_is_acknowledged_at_its_lane_and_sounds_until_then(desk: PlayedDesk) -> None:
    """Silence, a referral: two tones again and again; the fire of another lane rings over it."""
    desk.login()
    assert desk.page.evaluate("window.tones") == []
    desk.row.show(alarms=[alarm(4, 44, "medium", "permit_expired")])
    desk.sees('#sound[data-sounds="medium"]')
    desk.page.wait_for_function("() => window.tones.length >= 4")
    assert set(desk.page.evaluate("window.tones")) == {660}
    desk.row.show(alarms=[alarm(4, 44, "medium", "permit_expired"), alarm(22, 71, "emergency", "fire")])
    desk.sees('#sound[data-sounds="emergency"]')
    desk.type("n", "a")
    given = desk.ordered()
    assert (given.lane, given.verb, given.args, given.by) == ("lane-22", "acknowledge", {"event": 71}, "mk")
    desk.row.show(alarms=[alarm(22, 71, "emergency", "fire", by="mk"), alarm(4, 44, "medium", "x", over=True)])
    desk.sees('#sound[data-sounds=""]')
    desk.says("acknowledged: mk", "#alarm-list")


def test_of_a_lane_that_never_answered_nobody_is_told_a_time(desk: PlayedDesk) -> None:
    desk.row.show(lane(12, "silent", orders=[], since_s=None), alarms=[alarm(12, None, "high", "silent", None)])
    desk.login()
    desk.says("since this console began", "#alarm-list")
    assert "0 s" not in desk.page.locator("#alarm-list").inner_text()


def test_that_a_lane_is_silent_is_acknowledged_here_as_the_lane_cannot_note_it(desk: PlayedDesk) -> None:
    desk.row.show(lane(12, "silent", orders=[]), alarms=[alarm(12, None, "high", "silent")])
    desk.login()
    desk.page.click("#alarm-list li >> text=Acknowledge")
    desk.says("acknowledged: mk", "#alarm-list")
    assert desk.row.given == []


def test_a_browser_that_plays_nothing_says_so_until_it_is_allowed(desk: PlayedDesk) -> None:
    desk.login()
    desk.open()
    desk.sees(".card")
    desk.row.show(alarms=[alarm(22, 71, "emergency", "fire")])
    desk.sees("#sound.blocked")
    desk.says("SOUND IS OFF", "#sound")
    desk.picture("sound-blocked")
    assert desk.violations() == []
    desk.page.click("#sound")
    desk.sees('#sound[data-sounds="emergency"]')


def test_a_silent_alarm_is_not_to_be_seen_or_heard_where_it_was_given(desk: PlayedDesk) -> None:
    """Whoever stands beside the officer must not learn of it; another console shows it, without a sound."""
    desk.login()
    desk.choose(5)
    desk.type("s")
    assert desk.ordered().verb == "silent_alarm"
    desk.says_exactly("Noted.", "#said")
    desk.row.show(lane(5, "hold"), alarms=[alarm(5, 50, "emergency", "silent_alarm", giver="mk")])
    desk.sees('.card[data-phase="hold"]')
    assert desk.page.locator("#alarm-list li").count() == 0
    desk.open()
    desk.sees('.card[data-phase="hold"]')
    assert desk.page.locator("#alarm-list li").count() == 0, "the page was loaded again"
    desk.row.show(lane(5, "hold"), alarms=[alarm(5, 51, "emergency", "silent_alarm", giver="visitor")])
    desk.says("Silent alarm", "#alarm-list")
    desk.page.click("#sound")
    desk.sees('#sound[data-sounds=""]')


def test_a_silent_alarm_that_did_not_go_out_is_told_to_nobody_but_the_officer(desk: PlayedDesk) -> None:
    desk.login()
    desk.choose(5)
    desk.row.answers["lane-5", "silent_alarm"] = Came(
        504, {"outcome": "unknown", "error": "no_answer", "message": "the lane did not answer"}
    )
    desk.type("s")
    desk.says_exactly("Not noted.", "#said")


# ---------------------------------------------------------------- orders


def test_an_order_is_one_key_at_the_lane_that_is_chosen(desk: PlayedDesk) -> None:
    """What is meant for the lane as the officer saw it says so; a hold comes in any state."""
    desk.row.show(lane(17, "hold", orders=["hold", "let_out", "close"]))
    desk.login()
    desk.choose(17)
    for key, verb, expects, said in (
        ("h", "hold", None, "Hold"),
        ("o", "let_out", Phase.HOLD, "Let out"),
        ("x", "close", Phase.HOLD, "Close lane"),
    ):
        desk.type(key)
        desk.says_exactly(f"{said}, Lane 17: done", "#said")
        given = desk.row.given[-1]
        assert (given.lane, given.verb, given.expects, given.by) == ("lane-17", verb, expects, "mk")


def test_who_is_held_is_let_out_by_the_door_that_the_officer_chooses_where_there_are_two(desk: PlayedDesk) -> None:
    desk.row.show(lane(3, "hold", orders=HELD), lane(4, "hold", orders=HELD, ways_out=["entry_door", "exit_door"]))
    desk.login()
    desk.choose(3)
    desk.says("Let out (entry door)", "#orders")
    desk.type("o")
    desk.says("Lane 3: done")
    desk.choose(4)
    desk.type("o", "2", "Enter")
    desk.says("Lane 4: done")
    assert [(each.lane, each.args) for each in desk.row.given] == [("lane-3", {}), ("lane-4", {"door": "exit_door"})]


def test_a_letter_orders_nothing_before_a_lane_is_chosen_or_where_it_is_not_possible(desk: PlayedDesk) -> None:
    desk.login()
    desk.type("h")
    desk.choose(3)
    desk.type("r", "o", "i")
    desk.page.focus("#logout")
    desk.type("h")
    desk.page.focus("#work")
    desk.type("x")
    assert [each.verb for each in until(lambda: desk.row.given, "the order")] == ["close"]


def test_the_number_of_a_lane_ends_with_the_next_thing_that_is_done(desk: PlayedDesk) -> None:
    """A crowd at two lanes: lane 1 is held, and lane 7, as fast as one types. Nobody meant lane 17."""
    desk.login()
    desk.type("1", "h", "7", "h")
    desk.says_exactly("Hold, Lane 7: done", "#said")
    desk.type("1")
    desk.page.locator(".card").nth(4).click()
    desk.type("2", "h")
    desk.says_exactly("Hold, Lane 2: done", "#said")
    assert [each.lane for each in desk.row.given] == ["lane-1", "lane-7", "lane-2"]


def test_arrows_go_through_the_row_as_it_stands(desk: PlayedDesk) -> None:
    desk.login()
    desk.choose(1)
    desk.type("ArrowRight", "ArrowRight", "ArrowLeft")
    assert "Lane 2" in desk.focused()
    below = desk.page.locator(".card").nth(1).bounding_box()["x"]
    desk.type("ArrowDown")
    assert desk.page.evaluate("document.activeElement.getBoundingClientRect().x") == below
    desk.type("End")
    assert "Lane 30" in desk.focused()
    desk.page.focus("#language")
    desk.type("Home")
    desk.says_exactly("Lane 30", '.card[aria-current="true"] .name')


def test_an_evacuation_wants_a_reason_and_then_enter(desk: PlayedDesk) -> None:
    desk.login()
    desk.choose(8)
    desk.type("e", "Enter", "Enter")
    desk.sees("dialog")
    assert desk.row.given == []
    desk.row.show(lane(8, "verifying"))
    desk.says("has changed", "dialog")
    desk.type("2", "Enter")
    desk.sees_no("dialog")
    given = desk.ordered()
    assert (given.lane, given.verb, given.args["why"], given.expects) == ("lane-8", "evacuate", "medical", None)
    assert "Lane 8" in desk.focused()


@pytest.mark.parametrize("meanwhile", ["verifying", "fault"])
def test_an_order_for_the_lane_as_it_was_seen_is_not_given_once_that_is_over(desk: PlayedDesk, meanwhile: str) -> None:
    """An officer begins to reset a lane and is called away. A colleague resets it, and it stops anew, perhaps before
    anybody saw it serve: nobody looked at that.
    """
    fault = lane(17, "fault", since_s=60.0, reason="door_forced", orders=["reset", "evacuate", "silent_alarm"])
    desk.row.show(fault)
    desk.login()
    desk.choose(17)
    desk.type("r", "1")
    desk.row.show(lane(17, meanwhile, since_s=0.2, reason="tampered", orders=["reset", "evacuate", "silent_alarm"]))
    desk.says("close this and look again", "dialog")
    desk.row.show({**fault, "since_s": 0.4})
    desk.says("forced", '.card[aria-current="true"]')  # what is begun anew is for the lane as it is seen now
    desk.type("Enter")
    desk.sees("dialog [aria-disabled=true]")
    desk.type("Escape", "r", "1", "Enter")
    assert (desk.ordered().verb, len(desk.row.given)) == ("reset", 1)


def test_escape_takes_back_what_was_begun_and_the_focus_is_where_it_was(desk: PlayedDesk) -> None:
    desk.login()
    desk.choose(8)
    for key in ("e", "g"):
        desk.type(key, "1", "Escape")
        desk.sees_no("dialog")
        assert "Lane 8" in desk.focused()
    assert desk.row.given == []


def test_a_traveller_is_cleared_by_hand_with_the_run_that_was_referred(desk: PlayedDesk) -> None:
    desk.row.show(lane(4, "referred", referral=REFERRAL, case=RUN, orders=HELD))
    desk.login()
    desk.choose(4)
    desk.type("c", "1", "Enter")
    given = desk.ordered()
    assert (given.verb, given.args) == ("clear_by_hand", {"run": RUN, "why": "document_seen"})


def test_a_group_is_stopped_and_the_lane_that_did_not_answer_is_named(desk: PlayedDesk) -> None:
    told = {"outcome": "unknown", "error": "no_answer", "message": "the lane did not answer"}
    desk.row.answers["lane-13", "hold"] = Came(504, told)
    desk.login()
    desk.choose(12)
    desk.type("g", "1", "Enter")
    desk.says("9 of 10 lanes are held", "dialog")
    desk.says("Lane 13: the lane did not answer", "dialog")
    desk.picture("stopped")
    assert desk.violations() == []
    assert sorted(each.lane for each in desk.row.given) == [f"lane-{n}" for n in range(11, 21)]
    desk.type("Enter")
    desk.sees_no("dialog")


def test_what_came_of_a_group_waits_until_the_officer_has_given_what_they_are_giving(desk: PlayedDesk) -> None:
    """A lane of the group answers late; meanwhile somebody is seen lying in another."""
    held: list[Any] = []
    desk.page.route("**/stop", lambda route: held.append(route))
    desk.login()
    desk.choose(12)
    desk.type("g", "1", "Enter")
    desk.sees_no("dialog")
    desk.choose(8)
    desk.type("e", "2")
    with desk.page.expect_response("**/stop"):
        held[0].continue_()
    desk.says("10 of 10 lanes are held")
    desk.type("Enter")
    desk.says("10 of 10 lanes are held", "dialog")
    assert [(each.lane, each.verb) for each in desk.row.given][-1] == ("lane-8", "evacuate")
    desk.type("Enter")
    desk.sees_no("dialog")


def test_an_order_that_was_not_done_says_why(desk: PlayedDesk) -> None:
    desk.login()
    desk.choose(2)
    for came, said in (
        (Came(409, {"error": "refused", "message": "lane is fault"}), "refused: lane is fault"),
        (Came(504, {"outcome": "unknown", "error": "no_answer", "message": ""}), "look at the lane"),
        (Came(403, {"error": "not_permitted", "message": "no"}), "may not order"),
    ):
        desk.row.answers["lane-2", "hold"] = came
        desk.type("h")
        desk.says(said)


def test_who_may_only_look_is_offered_no_order(desk: PlayedDesk) -> None:
    desk.row.show(alarms=[alarm(22, 71, "emergency", "fire")])
    desk.login("visitor")
    desk.page.select_option("#language", "en")
    desk.says("You may look", "#who")
    desk.page.focus("#work")
    desk.choose(2)
    assert desk.page.locator("#orders button:visible, .stop:visible").count() == 0
    assert desk.page.locator("#alarm-list button:visible").count() == 1  # to the lane


# ---------------------------------------------------------------- the case


def held_case(desk: PlayedDesk) -> None:
    desk.row.show(lane(4, "referred", referral=REFERRAL, case=RUN, orders=HELD))
    desk.login()
    desk.choose(4)
    assert desk.row.cases == []
    desk.type("v")
    desk.says(str(CASE["facts"]["document.name"]), "#case")  # type: ignore[index]


def test_a_case_is_accessible_in_every_language(desk: PlayedDesk) -> None:
    held_case(desk)
    for tongue in LANGUAGES:
        desk.page.select_option("#language", tongue)
        desk.page.focus("#work")
        desk.type("4", "Escape", "v")
        desk.says("CHAN", "#case")
        desk.picture(f"case-{tongue}")
        assert desk.violations() == [], tongue


@pytest.mark.parametrize("size", [WIDE, MIDDLE], ids=str)
def test_what_a_case_wants_is_in_sight_beside_every_order(desk: PlayedDesk, size: tuple[int, int]) -> None:
    desk.page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    held_case(desk)
    desk.picture(f"case-{size[0]}")
    foot = desk.page.locator("footer").bounding_box()["y"]
    for each in (*desk.page.locator(".needs li").all(), *desk.page.locator("#orders button").all()):
        box = each.bounding_box()
        assert box["y"] >= 188 and box["y"] + box["height"] <= foot, each.inner_text()
    assert desk.page.locator('.card[aria-current="true"]').bounding_box()["x"] >= 0


def no_trace(desk: PlayedDesk) -> bool:
    return "CHAN" not in str(desk.page.content())


def test_a_case_goes_from_the_page_with_the_run_it_is_of(desk: PlayedDesk) -> None:
    held_case(desk)
    desk.row.show(lane(4, "idle"))
    until(lambda: no_trace(desk), "that the case is gone")
    assert desk.row.cases == [RUN]


def test_a_case_is_closed_by_its_key_and_by_going_on(desk: PlayedDesk) -> None:
    held_case(desk)
    for key in ("Escape", "v", "ArrowRight"):
        desk.choose(4)
        desk.type("Escape", "v")
        desk.says("CHAN", "#case")
        desk.type(key)
        until(lambda: no_trace(desk), "that the case is gone")


def test_a_case_goes_when_the_lane_or_the_console_is_silent(desk: PlayedDesk) -> None:
    held_case(desk)
    desk.row.show(lane(4, "silent", orders=[]))
    until(lambda: no_trace(desk), "that the case is gone")
    desk.row.show(lane(4, "referred", referral=REFERRAL, case=RUN, orders=HELD))
    desk.sees('[data-verb="case"][aria-disabled="false"]')
    desk.type("v")
    desk.says("CHAN", "#case")
    desk.hall.stop()
    until(lambda: no_trace(desk), "that the case is gone")


# ---------------------------------------------------------------- the page and its session


def test_a_console_that_hears_nothing_says_so_at_every_lane_and_orders_nothing(desk: PlayedDesk) -> None:
    """The console is restarted: it knows nobody then, and the page asks who is there."""
    desk.login()
    desk.choose(5)
    desk.type("e", "1")
    desk.hall.stop()
    desk.sees("#stale")
    assert desk.page.locator('.card[data-phase="silent"]').count() == COUNT
    desk.picture("stale")
    assert desk.violations() == []
    desk.says("hears nothing", "dialog")
    desk.type("Enter")
    desk.sees("dialog")
    desk.type("Escape", "h", "x")
    desk.hall.start()
    desk.sees("#login")
    assert desk.page.locator(".card").count() == 0 and desk.row.given == []
    desk.login()
    desk.sees_no("#stale")


def test_a_cable_that_was_pulled_and_is_back_is_enough(browser: Any) -> None:
    """Neither end is told that the connection is dead: the page begins another, and the session is still there."""
    with hall() as far, closing(Cable(far.port)) as cable:
        desk = PlayedDesk(far, browser, cable.port)
        try:
            desk.login()
            cable.cut()
            desk.sees("#stale")
            desk.sees_no("#stale")
            desk.row.show(lane(3, "hold"))
            desk.sees('.card[data-phase="hold"]')
        finally:
            desk.page.close()


def test_a_session_that_is_over_takes_everything_with_it(desk: PlayedDesk) -> None:
    desk.row.show(
        lane(4, "referred", referral=REFERRAL, case=RUN, orders=HELD), alarms=[alarm(4, 44, "high", "called")]
    )
    desk.login()
    desk.choose(4)
    desk.type("c")
    desk.sees("dialog")
    desk.hall.clock.now_s += 24 * 3600.0
    desk.sees("#ended")
    for gone in (".card", "#alarm-list li", "dialog *", "#case *"):
        assert desk.page.locator(gone).count() == 0, gone
    assert "Lane 4" not in desk.page.content()
    assert desk.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    desk.picture("ended")
    assert desk.violations() == []


def test_signing_out_ends_the_session_at_the_server_too(desk: PlayedDesk) -> None:
    desk.login()
    desk.page.click("#logout")
    desk.sees("#login")
    desk.open()
    desk.sees("#login")
    assert desk.page.locator(".card").count() == 0


def test_a_wrong_password_is_told_and_guessing_is_slowed_down(desk: PlayedDesk) -> None:
    desk.sees("#login")
    for said in ("do not fit", "do not fit", "do not fit", "Please wait"):
        desk.page.fill("#name", "mk")
        desk.page.fill("#password", "a guess of somebody")
        desk.type("Enter")
        desk.says(said, "#login-said")
        desk.page.wait_for_function("() => document.getElementById('password').value === ''")
    desk.picture("refused")
    assert desk.violations() == []


def test_what_calls_an_officer_moves_for_a_moment_and_not_for_who_wants_no_motion(seated: PlayedDesk) -> None:
    seated.row.show(lane(1, "hold"))
    seated.page.wait_for_function("() => document.getAnimations().length > 0")
    seated.page.wait_for_function("() => document.getAnimations().length === 0")
    seated.page.emulate_media(reduced_motion="reduce")
    seated.row.show(lane(2, "hold"))
    seated.sees('.card[data-phase=hold]:has(kbd:text-is("2"))')
    assert seated.page.evaluate("document.getAnimations().length") == 0


def test_the_language_that_was_chosen_before_signing_in_stays(desk: PlayedDesk) -> None:
    desk.sees("#login")
    desk.page.select_option("#language", "zh_CN")
    desk.says("登录", "#enter")
    desk.login()
    desk.says_exactly("就绪", ".card .state")


def test_a_session_that_is_about_to_end_is_told_heard_and_kept_by_a_touch(browser: Any) -> None:
    """With a minute left of it: a session here lasts no longer."""
    with hall(idle_min=1.0) as short:
        desk = PlayedDesk(short, browser)
        try:
            desk.login()
            desk.sees("#ending")
            desk.sees('#sound[data-sounds="low"]')
            short.clock.now_s += 50.0
            desk.page.click("#go-on")
            desk.sees(".card")
            short.clock.now_s += 50.0
            desk.row.show(lane(3, "hold"))
            desk.sees('.card[data-phase="hold"]')
        finally:
            desk.page.close()
