"""The officer's console before its lanes: who may log in and what they may order, and what is told of lanes.

The lanes are played, each by a real bus with keys in this process; the browser is asked for without a web server.
"""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from console_bench import IDLE, MK, PASSWORD, RUN, VISITOR, Browser, Clock, PlayedLane, console, fact, refused, setting
from peers import until
from starlette.requests import Request
from web_bench import Asked

from gatefw.console.officers import ADDRESS_WAIT_S, FREE, Officers, bears, hashed
from gatefw.console.row import AT_ONCE, PAGES, Came, Row
from gatefw.console.server import Console
from gatefw.control import Done, Rejected, Rejection
from gatefw.errors import ConfigError
from gatefw.model import FactKind, Phase
from gatefw.web.shell import HEADERS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Iterator[Browser]:
    """A browser at a console that has no lane: for what is about officers alone."""
    made = Console(setting(), Row(()), clock)
    yield Browser(made.application())
    made.row.close()


def told(answer: Asked) -> Any:
    return json.loads(answer.body)


# ---------------------------------------------------------------- who is there


def test_who_is_not_logged_in_gets_the_page_and_its_texts_and_nothing_else(desk: Browser) -> None:
    assert [desk.get(path).status for path in ("/words", "/session", "/lanes", "/lanes/lane-1/case")] == [
        200,
        401,
        401,
        401,
    ]
    assert [desk.post(path).status for path in ("/logout", "/lanes/lane-1/orders", "/stop")] == [401, 401, 401]


def test_the_cookie_is_for_this_origin_alone_and_no_script_reads_it(desk: Browser) -> None:
    cookie = desk.login().headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie and "Secure" not in cookie
    assert told(desk.get("/session")) | {"csrf": ""} == {
        "name": "mk", "may": ["operate", "read"], "csrf": "", "language": "en", "idle_s": 1800.0,
    }  # fmt: skip


def test_no_browser_of_a_shared_desk_is_asked_to_keep_an_officers_password(desk: Browser) -> None:
    page = desk.get("/").body.decode()
    form = page[page.index('<form id="login"') : page.index("</form>")]
    assert re.findall('autocomplete="(.*?)"', form) == ["off", "username", "off"], "the form, the name, the password"


def test_with_tls_the_cookie_goes_over_nothing_else(tmp_path: Path) -> None:
    made = Console(replace(setting(), tls=(tmp_path / "a", tmp_path / "b")), Row(()))
    cookie = Browser(made.application()).post("/login", {"name": "mk", "password": PASSWORD}).headers["set-cookie"]
    assert cookie.startswith("__Host-") and "Secure" in cookie
    made.row.close()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("mk", "correct horse batterY"),
        ("nobody", PASSWORD),
        ("", ""),
        ("mk", "x" * 256),
        ("\ud800", PASSWORD),
        ("mk", "\ud800" * 10),
    ],
)
def test_a_wrong_name_is_told_as_a_wrong_password_is(desk: Browser, name: str, password: str) -> None:
    answer = desk.login(name, password)
    assert (answer.status, told(answer)) == (401, {"error": "refused", "message": "name or password is wrong"})
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "sent", [[], {"name": 1, "password": PASSWORD}, {"name": "mk"}, {"name": "x" * 65, "password": ""}]
)
def test_a_login_that_is_none_is_no_try(desk: Browser, sent: object) -> None:
    assert [desk.post("/login", sent).status for _ in range(FREE + 2)] == [400] * (FREE + 2)


def test_who_tries_again_and_again_waits_longer_each_time_and_no_password_helps_meanwhile(
    desk: Browser, clock: Clock
) -> None:
    assert [desk.login(password="wrong password").status for _ in range(FREE)] == [401] * FREE
    first = told(desk.login())["wait_s"]
    assert desk.login().status == 429, "the right password is not looked at"
    clock.now_s += first + 0.1
    assert desk.login(password="wrong password").status == 401
    assert told(desk.login())["wait_s"] == pytest.approx(2 * first, abs=0.3)
    clock.now_s += ADDRESS_WAIT_S
    assert desk.login().status == 204
    assert [desk.login(password="wrong password").status for _ in range(FREE)] == [401] * FREE, "all is forgotten"


def test_who_tries_many_names_from_one_address_waits_too(desk: Browser) -> None:
    assert [desk.login(f"officer-{n}", "wrong password").status for n in range(FREE + 1)] == [401] * FREE + [429]


def test_nobody_keeps_an_officer_out_of_the_browser_in_which_they_logged_in_before(desk: Browser, clock: Clock) -> None:
    """Somebody in the hall tries their name from a hundred machines, without a pause, or from the officer's own."""
    _, mark = desk.login().cookies
    stranger = Browser(desk.app)
    while stranger.login(password="wrong password").status == 401:
        pass
    desk.post("/logout")
    desk.cookie = mark
    assert stranger.login().status == 429 and desk.login().status == 204
    assert desk.login("visitor").status == 429, "it is a mark of one officer"
    desk.cookie = f"{mark[:-1]}{'0' if mark[-1] != '0' else '1'}"
    assert desk.login().status == 429, "it is no mark at all"
    desk.cookie = mark
    assert [desk.login(password="wrong password").status for _ in range(FREE + 1)] == [401] * FREE + [429]


def test_a_mark_opens_nothing_and_ends_with_the_password(desk: Browser, clock: Clock) -> None:
    _, mark = desk.login().cookies
    assert "mk" not in mark and PASSWORD not in mark
    desk.cookie = mark
    assert desk.get("/session").status == 401
    other = replace(MK, password=hashed("another password", bytes(16)))
    assert bears(MK, mark.partition("=")[2]) and not bears(other, mark.partition("=")[2])


def test_the_log_names_who_logged_in_and_never_what_was_typed(desk: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """An officer types the password into the field for the name."""
    caplog.set_level(logging.DEBUG)
    desk.login(PASSWORD, "mk")
    desk.login("mk", "wrong password")
    desk.login()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("gatefw")]
    assert said == [
        "console: login refused: a name that nobody has",
        "console: login refused: mk",
        "console: login accepted: mk",
    ]


def test_a_session_ends_when_nothing_was_done_for_long_and_at_the_end_of_the_day_in_any_case(
    desk: Browser, clock: Clock
) -> None:
    desk.login()
    for _ in range(23):
        clock.now_s += 1799.0
        assert desk.get("/session").status == 200
    clock.now_s += 1800.0
    assert desk.get("/session").status == 401
    desk.login()
    for _ in range(24):
        clock.now_s += 1799.0
        assert desk.get("/session").status == 200
    clock.now_s += 100.0
    assert desk.get("/session").status == 401, "twelve hours"


def test_who_logged_out_is_nobody_and_the_old_cookie_opens_nothing(desk: Browser) -> None:
    desk.login()
    assert desk.post("/logout").status == 204
    assert desk.get("/session").status == 401


def test_another_login_of_the_same_browser_ends_the_one_before(desk: Browser) -> None:
    desk.login()
    first = replace(desk)
    desk.login("visitor")
    assert (first.get("/session").status, told(desk.get("/session"))["name"]) == (401, "visitor")


@pytest.mark.parametrize("headers", [{"x_csrf": ""}, {"x_csrf": "x"}, {"origin": "https://evil.example"}])
def test_what_changes_something_comes_from_the_page_of_this_session(desk: Browser, headers: dict[str, str]) -> None:
    desk.login()
    for path in ("/stop", "/logout", "/lanes/lane-1/orders"):
        assert desk.post(path, {"lanes": ["lane-1"], "verb": "close"}, **headers).status == 403
    assert desk.get("/session").status == 200, "nothing of it was done"


@pytest.mark.parametrize(
    ("officers", "status"),
    [
        ((MK,), 200),
        ((VISITOR,), 401),
        ((replace(MK, password=hashed("another password", bytes(16))),), 401),
        ((replace(MK, may=VISITOR.may),), 401),
    ],
)
def test_officers_read_anew_end_the_sessions_of_who_is_another_now(officers: Any, status: int, clock: Clock) -> None:
    made = Console(setting(), Row(()), clock)
    browser = Browser(made.application())
    browser.login()
    made.reload(lambda: replace(setting(), officers=officers))
    assert browser.get("/session").status == status
    made.row.close()


def test_a_session_that_began_while_the_officers_were_read_anew_is_none(clock: Clock) -> None:
    """The password was right when it was looked at."""
    made = Console(setting(), Row(()), clock)
    browser = Browser(made.application())
    browser.login()
    made.officers = Officers((replace(MK, may=VISITOR.may),))
    assert browser.get("/session").status == 401
    made.row.close()


def test_a_file_that_is_not_in_order_changes_no_officer(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Any:
        raise ConfigError("console.toml", 3, "officer", "is wrong")

    made = Console(setting(), Row(()), clock)
    browser = Browser(made.application())
    browser.login()
    made.reload(broken)
    assert browser.get("/session").status == 200
    assert "console.toml:3" in caplog.text
    made.row.close()


@pytest.mark.parametrize("path", ["/words", "/session", "/lanes", "/nowhere"])
def test_every_answer_forbids_the_browser_to_keep_it(desk: Browser, path: str) -> None:
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= desk.get(path).headers.items()


def test_a_body_beyond_the_limit_is_refused(desk: Browser) -> None:
    desk.login()
    assert desk.post("/stop", {"lanes": ["x" * 20_000]}).status == 413


def test_the_page_is_told_all_its_words_in_the_language_it_asks_for(desk: Browser) -> None:
    english, chinese = told(desk.get("/words?lang=en")), told(desk.get("/words?lang=zh_HK"))
    assert english["phase.idle"] == "Ready" and english["why.child"] == "child"
    assert english.keys() == chinese.keys() and chinese["phase.idle"] != "Ready"
    assert told(desk.get("/words?lang=xx")) == english


# ---------------------------------------------------------------- the lanes


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[tuple[Console, Browser, list[PlayedLane]]]:
    """A console with two lanes that it hears, and an officer who may order."""
    with console(tmp_path, 2) as (made, lanes):
        browser = Browser(made.application())
        browser.login()
        until(lambda: phases(made) == ["idle", "idle"], "both lanes")
        yield made, browser, lanes


def phases(made: Console) -> list[str]:
    return [each["phase"] for each in made.row.now()["lanes"]]


def streamed(made: Console, browser: Browser, count: int, then: Any = lambda: None) -> list[str]:
    """The first `count` messages of the stream; `then` is called after each that tells how the lanes are."""

    async def read() -> list[str]:
        scope = {"type": "http", "headers": [(b"cookie", browser.cookie.encode())]}
        lines: list[str] = []
        async for line in made._stream(Request(scope)):
            lines.append(line)
            if len(lines) > 1:
                then()
            if len(lines) == count:
                break
        return lines

    return asyncio.run(read())


def test_a_lane_is_shown_as_it_is_and_again_when_it_changes(hall: tuple[Console, Browser, list[PlayedLane]]) -> None:
    made, browser, lanes = hall

    def change() -> None:
        lanes[1].status = {**IDLE, "phase": "hold", "occupancy": "one"}
        lanes[1].tell(fact(FactKind.ALARM_RAISED, reason="called"))

    retry, first, *more = streamed(made, browser, 8, change)
    assert retry == "retry: 500\n\n"
    assert [each["phase"] for each in json.loads(first.removeprefix("data: "))["lanes"]] == ["idle", "idle"]
    last = json.loads(more[-1].removeprefix("data: "))
    assert last["lanes"][1]["phase"] == "hold" and last["alarms"][0]["lane"] == "lane-2"


def test_who_gave_a_silent_alarm_is_not_shown_it_and_everybody_else_is(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    """However often they load the page, and whichever lane they gave it for: somebody stands beside them."""
    made, _, lanes = hall
    lanes[0].tell(fact(FactKind.ALARM_SILENT, by="bus-console/mk"))
    lanes[1].tell(fact(FactKind.ALARM_SILENT, by="bus-console/visitor"))
    until(lambda: len(made.row.now()["alarms"]) == 2, "both alarms")
    assert [(each["lane"], each.get("giver")) for each in made._for(MK)["alarms"]] == [("lane-2", None)]
    assert [each["lane"] for each in made._for(VISITOR)["alarms"]] == ["lane-1"]


def test_a_stream_says_that_its_session_ended_and_ends(hall: tuple[Console, Browser, list[PlayedLane]]) -> None:
    made, browser, _ = hall
    lines = streamed(made, browser, 10, lambda: made.sessions.keep(lambda _session: False))
    assert lines[-1] == "event: ended\ndata: {}\n\n" and len(lines) < 10


def test_whose_stream_gives_way_to_another_is_not_told_that_the_session_ended(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    """More pages follow than may: the one that does so for longest asks again, and its officer goes on watching."""
    made, browser, _ = hall

    async def others_come() -> list[str]:
        scope = {"type": "http", "headers": [(b"cookie", browser.cookie.encode())]}
        streams = [made._stream(Request(scope)) for _ in range(PAGES + 1)]
        for each in streams:
            await anext(each), await anext(each)
        rest = [line async for line in streams[0]]
        for each in streams:
            await each.aclose()
        return rest

    assert asyncio.run(others_come()) == []


def test_who_may_only_look_sees_no_orders_and_gives_none(hall: tuple[Console, Browser, list[PlayedLane]]) -> None:
    made, browser, lanes = hall
    browser.login("visitor")
    _, first = streamed(made, browser, 2)
    assert [each["orders"] for each in json.loads(first.removeprefix("data: "))["lanes"]] == [[], []]
    assert browser.post("/lanes/lane-1/orders", {"verb": "close"}).status == 403
    assert browser.post("/stop", {"lanes": ["lane-1"]}).status == 403
    assert browser.get("/lanes/lane-1/case").status == 403
    assert lanes[0].given == []


def test_an_order_reaches_the_lane_with_who_gave_it_and_the_phase_they_saw(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    _, browser, lanes = hall
    answer = browser.post("/lanes/lane-1/orders", {"verb": "close", "expects": "idle"})
    assert (answer.status, told(answer)["outcome"]) == (200, "done")
    [given] = lanes[0].given
    assert (given.verb, given.by, given.expects) == ("close", "bus-console/mk", Phase.IDLE)
    for verb in ("hold", "evacuate", "silent_alarm"):
        browser.post("/lanes/lane-2/orders", {"verb": verb})
    assert [order.expects for order in lanes[1].given] == [None] * 3, "what is urgent is done whatever the phase is now"
    browser.post("/lanes/lane-2/orders", {"verb": "acknowledge", "number": 7})
    assert lanes[1].given[-1].args == {"event": 7}
    browser.post("/lanes/lane-1/orders", {"verb": "clear_by_hand", "run": RUN, "why": "document_seen"})
    assert lanes[0].given[1].args == {"run": RUN, "why": "document_seen"}


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (refused("close is not possible now"), 409, "refused"),
        (Rejected(Rejection.FAILED, "no disk"), 409, "failed"),
        (Rejected(Rejection.EXPIRED, "too late"), 504, "expired"),
        (Rejected(Rejection.NOT_PERMITTED, "no"), 403, "not_permitted"),
    ],
)
def test_what_the_lane_says_to_an_order_is_what_the_officer_is_told(
    hall: tuple[Console, Browser, list[PlayedLane]], answer: Rejected, status: int, error: str
) -> None:
    _, browser, lanes = hall
    lanes[0].answers["close"] = answer
    came = browser.post("/lanes/lane-1/orders", {"verb": "close", "expects": "idle"})
    assert (came.status, told(came)["error"], told(came)["message"]) == (status, error, answer.message)


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/lanes/lane-9/orders", {"verb": "close"}, 404),
        ("/lanes/lane-1/orders", {"verb": "open sesame"}, 400),
        ("/lanes/lane-1/orders", {"verb": ["close"]}, 400),
        ("/lanes/lane-1/orders", {"verb": "close", "expects": "asleep"}, 400),
        ("/lanes/lane-1/orders", {"verb": "let_out"}, 400),
        ("/lanes/lane-1/orders", {"verb": "key_new"}, 403),
        ("/lanes/lane-1/orders", {"verb": "enrol"}, 403),
        ("/stop", {"lanes": []}, 400),
        ("/stop", {"lanes": "lane-1"}, 400),
    ],
)
def test_an_order_that_is_none_or_not_an_officers_reaches_no_lane(
    hall: tuple[Console, Browser, list[PlayedLane]], path: str, sent: dict[str, Any], status: int
) -> None:
    _, browser, lanes = hall
    assert browser.post(path, sent).status == status
    assert lanes[0].given == []


def test_a_lane_that_answers_no_more_is_shown_so_and_its_orders_are_told_as_unknown(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    made, browser, lanes = hall
    lanes[0].deaf.set()
    until(lambda: phases(made) == ["silent", "idle"], "that lane-1 is silent")
    came = browser.post("/lanes/lane-1/orders", {"verb": "close", "expects": "idle"})
    assert (came.status, told(came)["outcome"]) in ((504, "unknown"), (504, "refused"))
    lanes[0].deaf.clear()
    until(lambda: phases(made) == ["idle", "idle"], "that lane-1 is back")


def test_a_group_stop_holds_every_lane_that_answers_and_names_those_that_do_not(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    """Somebody is looked for in the hall; one lane's cable is pulled."""
    _, browser, lanes = hall
    lanes[0].deaf.set()
    came = browser.post("/stop", {"lanes": ["lane-1", "lane-2", "lane-9"], "why": "search"})
    outcomes = told(came)["outcomes"]
    assert came.status == 200 and outcomes.keys() == {"lane-1", "lane-2", "lane-9"}
    assert [each["outcome"] == "done" for each in outcomes.values()] == [False, True, False]
    [order] = lanes[1].given
    assert (order.verb, order.by, order.args) == ("hold", "bus-console/mk", {"why": "search"})


def test_an_order_that_waited_for_others_until_it_was_too_late_is_not_sent(
    hall: tuple[Console, Browser, list[PlayedLane]],
) -> None:
    """The officer was told long ago that nobody answered; the lane must not do it now."""
    made, _, lanes = hall
    lanes[0].close()

    async def many() -> list[Came]:
        dead = [made.row.order("lane-1", "hold", {}, None, "mk", 0.5) for _ in range(AT_ONCE)]
        return await asyncio.gather(*dead, made.row.order("lane-2", "evacuate", {}, None, "mk", 0.1))

    last = asyncio.run(many())[-1]
    assert (last.status, last.told["error"], lanes[1].given) == (503, "unavailable", [])


def test_a_lane_that_restarts_is_followed_on(tmp_path: Path) -> None:
    """The daemon is restarted: its keys and its journal are the same, its connections are new ones."""
    with console(tmp_path, 1) as (made, lanes):
        until(lambda: phases(made) == ["idle"], "the lane")
        lanes[0].tell(fact(FactKind.ALARM_RAISED, reason="called"))
        until(lambda: len(made.row.now()["alarms"]) == 1, "its alarm")
        lanes[0].close()
        until(lambda: phases(made) == ["silent"], "that it is gone")
        lanes[0].__init__(tmp_path / "lane-1")  # type: ignore[misc]
        until(lambda: phases(made) == ["idle"], "that it is back")
        lanes[0].tell(fact(FactKind.ALARM_RAISED, reason="stopped"))
        until(lambda: len(made.row.now()["alarms"]) == 2, "both alarms")


def test_a_console_that_begins_knows_the_alarms_of_before(tmp_path: Path) -> None:
    lane = PlayedLane(tmp_path / "lane-1")
    lane.tell(fact(FactKind.FAULT_LATCHED, reason="door_forced"))
    lane.close()
    with console(tmp_path, 1) as (made, _):
        until(lambda: [each["reason"] for each in made.row.now()["alarms"] if each["number"]], "its alarm")


def test_a_case_is_asked_for_by_its_run_and_passed_on_as_it_is(hall: tuple[Console, Browser, list[PlayedLane]]) -> None:
    made, browser, lanes = hall
    lanes[0].answers["case"] = Done({"run": RUN, "facts": {"name": "SPECIMEN, A"}})
    answer = browser.get(f"/lanes/lane-1/case?run={RUN}")
    assert (answer.status, told(answer)["facts"]) == (200, {"name": "SPECIMEN, A"})
    assert answer.headers["cache-control"] == "no-store"
    assert [(order.args, order.by) for order in lanes[0].given] == [({"run": RUN}, "bus-console/mk")]
    assert "SPECIMEN" not in json.dumps(made.row.now()), "and nothing of it is kept"
    lanes[0].answers["case"] = refused("no case is open")
    assert browser.get("/lanes/lane-1/case").status == 404
    assert browser.get("/lanes/lane-9/case").status == 404


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_page_that_is_not_ours_has_no_case_looked_at_in_an_officers_name(
    hall: tuple[Console, Browser, list[PlayedLane]], site: str
) -> None:
    """The traveller's screen is another port of one host, so a browser sends the officer's cookie with a link there."""
    _, browser, lanes = hall
    lanes[0].answers["case"] = Done({"run": RUN, "facts": {}})
    link = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert [browser.get(path, **link).status for path in (f"/lanes/lane-1/case?run={RUN}", "/")] == [401, 200]
    assert lanes[0].given == [], "no look is journalled"
    assert browser.get("/session").status == 200, "and nobody is logged out by it"
