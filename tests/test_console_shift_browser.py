"""The report of a shift in a real browser: read, chosen, printed, in three languages."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from accessible import violations
from console_bench import MK, PASSWORD, VISITOR, Clock
from console_played import Hall, PlayedRow
from test_console_shift import event, passage

from gatefw.console.lanes import Named
from gatefw.console.setting import ConsoleTable, Setting
from gatefw.console.shift import Ledger

playwright = pytest.importorskip("playwright.sync_api", reason="pip install gatefw[browser]")
CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[1] / ".screenshots"
WAIT_MS = 60_000
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here: apt install chromium"),
]


class ShiftRow(PlayedRow):
    """Three lanes: two with a shift behind them, one that was heard only lately."""

    def __init__(self) -> None:
        super().__init__()
        now = datetime.now(UTC)
        self.kept = {n: Ledger() for n in (1, 2, 3)}
        for lane, every_min in ((1, 3), (2, 5)):
            self._passes(self.kept[lane], now - timedelta(hours=10), now, every_min)
        self._passes(self.kept[3], now - timedelta(hours=2), now, 4)

    def _passes(self, ledger: Ledger, begins: datetime, ends: datetime, every_min: int) -> None:
        n, at = 5, begins  # what was before, nobody heard
        while at < ends:
            verdict, reason = ("refer", "no_face") if n % 23 == 0 else ("refuse", "face_mismatch") if n % 31 == 0 else (
                "admit", "ok")  # fmt: skip
            for each in passage(n, at, verdict, reason, 3.0 + n % 7):
                ledger.count(each)
            if n % 41 == 0:
                ledger.count(event(n + 2, "alarm.raised", at, reason="obstructed"))
                ledger.count(event(n + 3, "alarm.acknowledged", at, event=n + 2, by="bus-console/mk"))
            n, at = n + 4, at + timedelta(minutes=every_min)
        at, by = ends - timedelta(minutes=1), "bus-console/mk"
        ledger.count(event(n, "operator.ordered", at, verb="hold", by=by, accepted=True, reason="ok", why="search"))

    @property
    def ledgers(self) -> list[tuple[Named, Ledger]]:
        return [(Named(f"lane-{n}", f"Lane {n}", "Arrivals"), ledger) for n, ledger in self.kept.items()]


class Desk:
    def __init__(self, held: ExitStack) -> None:
        row = ShiftRow()
        held.callback(row.close)
        self.hall = Hall(row, Clock(), Setting(ConsoleTable(), None, (), (MK, VISITOR)))
        held.callback(self.hall.stop)
        self.hall.start()
        browser = held.enter_context(playwright.sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        held.callback(browser.close)
        self.page = browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(WAIT_MS)
        self.broken: list[str] = []
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))

    def goes(self, path: str) -> None:
        self.page.goto(f"http://127.0.0.1:{self.hall.port}{path}")

    def login(self) -> None:
        self.goes("/")
        self.page.wait_for_selector("#login:visible")
        self.page.fill("#name", "mk")
        self.page.fill("#password", PASSWORD)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(".card:visible")

    def drawn(self) -> None:
        self.page.wait_for_selector("#report:visible")
        self.page.wait_for_selector("#chart[src]")
        playwright.expect(self.page.locator("#chart")).to_have_js_property("complete", True, timeout=WAIT_MS)

    def violations(self) -> list[Any]:
        return violations(self.page)

    def picture(self, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"console-shift-{name}.png").write_bytes(self.page.screenshot(full_page=True))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ExitStack() as held:
        made = Desk(held)
        yield made
        assert made.broken == []


def test_an_officer_reads_what_came_of_their_shift_and_prints_it(desk: Desk) -> None:
    desk.login()
    desk.goes("/shift")
    desk.drawn()
    rows = desk.page.locator("#lanes tbody tr")
    playwright.expect(rows).to_have_count(4)
    figures = [[int(each) for each in row.split("\t")[1:6]] for row in rows.all_inner_texts()]
    assert figures[3] == [sum(column) for column in zip(*figures[:3], strict=True)] and figures[3][0] > 200
    playwright.expect(desk.page.locator("#reasons")).to_contain_text("No face was seen")
    playwright.expect(desk.page.locator("#orders")).to_contain_text("bus-console/mk")
    playwright.expect(desk.page.locator("#orders")).to_contain_text("Somebody is being looked for (3)")
    playwright.expect(desk.page.locator("#part")).to_contain_text("Lane 3 (from ")
    assert desk.page.locator("#chart").evaluate("(chart) => chart.naturalWidth") > 100
    desk.picture("en")
    desk.page.emulate_media(media="print")
    desk.picture("print")
    playwright.expect(desk.page.locator("#last8")).to_be_hidden()
    desk.page.emulate_media(media="screen")
    desk.page.click("#last24")
    playwright.expect(desk.page.locator("#part")).to_contain_text("Lane 1 (from ")
    assert desk.violations() == []


def test_the_report_is_read_in_each_language(desk: Desk) -> None:
    desk.login()
    desk.goes("/shift")
    for tongue, title, order in (("zh_HK", "更次報告", "確認"), ("zh_CN", "班次报告", "确认")):
        desk.page.select_option("#language", tongue)
        playwright.expect(desk.page.locator("h1")).to_have_text(title, timeout=WAIT_MS)
        playwright.expect(desk.page.locator("#orders tbody")).to_contain_text(order, timeout=WAIT_MS)
        desk.drawn()
        desk.picture(tongue)
        assert desk.violations() == []


def test_a_language_that_was_chosen_before_the_report_came_stays(desk: Desk) -> None:
    """On a busy machine the page is there for a second before it hears which language the officer has."""
    held: list[Any] = []
    desk.login()
    desk.page.route("**/session", lambda route: held.append(route))
    desk.goes("/shift")
    desk.page.select_option("#language", "zh_HK")
    playwright.expect(desk.page.locator("h1")).to_have_text("更次報告", timeout=WAIT_MS)
    held.pop().continue_()
    desk.drawn()
    playwright.expect(desk.page.locator("h1")).to_have_text("更次報告", timeout=WAIT_MS)


def test_a_span_that_is_none_is_said_and_nobody_without_a_session_sees_a_figure(desk: Desk) -> None:
    desk.goes("/shift")
    desk.page.wait_for_selector("#login:visible")  # sent to where one logs in
    desk.login()
    desk.goes("/shift")
    desk.drawn()
    desk.page.fill("#from", "2020-01-01T07:00")
    desk.page.locator("#from").dispatch_event("change")
    playwright.expect(desk.page.locator("#said")).to_contain_text("at most 36 hours apart", timeout=WAIT_MS)
