"""What the pages share: headers that forbid, no foreign name or origin, and the newest for whoever follows."""

import asyncio
import http.client
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from peers import until
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from web_bench import Asked, ask

from gatefw.errors import SetupError
from gatefw.web.board import Board, stream
from gatefw.web.serve import CONNECTIONS, bound, server
from gatefw.web.shell import HEADERS, application, body, page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_text("<p>here")
    (tmp_path / "page.css").write_text("p {}")
    return tmp_path


def asked(folder: Path, method: str, path: str, host: str = "127.0.0.1:8080", **headers: str) -> Asked:
    async def order(_request: Request) -> Response:
        return PlainTextResponse("done")

    routes = [page("/", folder / "page.html"), Route("/order", order, methods=["POST"])]
    return ask(application(routes, folder), method, path, b"", host, **headers)


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/static/none.css", "/nowhere", "/static/../../etc/passwd"])
def test_every_answer_forbids_the_browser_what_is_not_from_here(folder: Path, path: str) -> None:
    answer = asked(folder, "GET", path)
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= answer.headers.items()
    assert answer.status == (200 if path in ("/", "/static/page.css") else 404)


def test_no_script_or_style_may_be_inline_and_nothing_is_kept() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy and "*" not in policy and policy.startswith("default-src 'none'")
    assert HEADERS["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "", "localhost@evil.example", "evil@127.0.0.1", "[", "[::1"]
)
def test_a_name_that_is_not_this_machines_is_not_answered(folder: Path, host: str) -> None:
    assert asked(folder, "GET", "/", host=host).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_this_machine_is_answered_under_each_of_its_names(folder: Path, host: str) -> None:
    assert asked(folder, "GET", "/", host=host).status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8080", 200),
        ("http://127.0.0.1:9", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("127.0.0.1:8080", 403),
        ("http://127.0.0.1:8080/page", 403),
        ("", 403),
    ],
)
def test_an_order_is_taken_from_our_own_page_alone(folder: Path, origin: str, status: int) -> None:
    assert asked(folder, "POST", "/order", origin=origin).status == status
    assert asked(folder, "POST", "/order").status == 403


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_of_a_page_that_is_not_ours_a_browser_may_follow_a_link_and_do_nothing_else(folder: Path, site: str) -> None:
    """Another port of this host is the same site: a page there can send a question along with an officer's cookie."""

    def status(method: str = "GET", **fetch: str) -> int:
        named = {f"sec_fetch_{name}": value for name, value in fetch.items()}
        path = "/" if method == "GET" else "/order"
        return asked(folder, method, path, origin="http://127.0.0.1:8080", **named).status

    assert status(site=site, mode="navigate", dest="document") == 200
    assert status(site=site, mode="no-cors", dest="image") == 403
    assert status(site=site, mode="cors", dest="empty") == 403
    assert status(site=site, mode="navigate", dest="iframe") == 403
    assert status(site=site) == 403
    assert status("POST", site=site, mode="navigate", dest="document") == 403


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_what_our_own_page_asks_and_what_somebody_types_is_answered(folder: Path, site: str) -> None:
    assert asked(folder, "GET", "/", sec_fetch_site=site, sec_fetch_mode="cors", sec_fetch_dest="empty").status == 200


def test_who_follows_gets_the_newest_and_a_word_when_nothing_is_new() -> None:
    async def followed() -> list[object]:
        board = Board({"n": 0})
        seen: list[object] = []
        async for value in board.follow(0.01):
            seen.append(value)
            if len(seen) == 1:
                for n in (1, 2, 2, 3):  # while nobody reads
                    board.put({"n": n})
            if value is None:
                assert board.watchers == 1
                return seen
        return seen

    assert asyncio.run(followed()) == [{"n": 0}, {"n": 3}, None]


def test_who_comes_when_there_are_too_many_takes_the_place_of_who_was_there_for_longest() -> None:
    """A browser that is gone, or a stranger who holds all there are, keeps no screen out."""

    async def followed() -> list[object]:
        board = Board({"n": 0}, 2)
        first, second, third = (board.follow(0.01) for _ in range(3))
        await anext(first), await anext(second), await anext(third)
        return [await anext(first, "ended"), await anext(second, "ended"), await anext(third, "ended"), board.watchers]

    assert asyncio.run(followed()) == ["ended", None, None, 2]


def test_what_another_thread_puts_there_wakes_who_follows() -> None:
    async def followed() -> object:
        board = Board({"n": 0})
        follower = board.follow(30.0)
        await anext(follower)
        thread = threading.Thread(target=board.put, args=({"n": 1},))
        thread.start()
        value = await anext(follower)
        thread.join()
        await follower.aclose()
        assert board.watchers == 0
        return value

    assert asyncio.run(followed()) == {"n": 1}


def test_a_stream_is_lines_that_a_browser_reads_and_begins_with_when_to_ask_again() -> None:
    async def begun() -> list[str]:
        lines: list[str] = []
        async for line in stream(Board({"n": 1}), 0.01).body_iterator:
            lines.append(str(line))
            if len(lines) == 3:
                break
        return lines

    assert asyncio.run(begun()) == ["retry: 500\n\n", 'data: {"n": 1}\n\n', "event: beat\ndata: {}\n\n"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "gate.example"])
def test_an_address_that_others_reach_is_refused(host: str) -> None:
    with pytest.raises(SetupError, match="--port"):
        bound(host, 0)


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_that_is_none_is_refused_with_its_number(port: int) -> None:
    with pytest.raises(SetupError, match=str(port)):
        bound("127.0.0.1", port)


def test_a_port_that_another_process_has_is_said() -> None:
    with bound("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(SetupError, match="another one running"):
            bound("127.0.0.1", taken.getsockname()[1])


# ---------------------------------------------------------------- whoever connects


@contextmanager
def served(folder: Path, *more: Route) -> Iterator[int]:
    """The port of a page that is served."""
    made = server(application([page("/", folder / "page.html"), *more], folder))
    with bound("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=lambda: made.run(sockets=[listener]), name="served page")
        thread.start()
        until(lambda: made.started, "the page")
        try:
            yield listener.getsockname()[1]
        finally:
            made.should_exit = True
            thread.join()


def hung_up(peer: socket.socket) -> bool:
    poll = select.poll()
    poll.register(peer, select.POLLRDHUP)
    return bool(poll.poll(0))


def test_who_connects_again_and_again_and_asks_nothing_keeps_nobody_out(folder: Path) -> None:
    """Some send nothing, some half a request, some have had their answer; then a browser comes."""
    half = b"GET / HTTP/1.1\r\nHost: 127.0.0.1"
    whole = half + b"\r\n\r\n"
    with served(folder) as port, ExitStack() as held:
        all_of_them = [
            held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(2 * CONNECTIONS)
        ]
        for n, one in enumerate(all_of_them):
            with suppress(OSError):  # it was hung up on
                one.sendall((b"", half, whole)[n % 3])
        until(lambda: sum(map(hung_up, all_of_them)) >= CONNECTIONS, "that who was there for longest gave way")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)) as browser:
            browser.request("GET", "/")
            assert browser.getresponse().read() == b"<p>here"


@pytest.mark.parametrize(
    "asks",
    [
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 9\r\n\r\n{",
        b"GET /big HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["do not send what they announced", "do not take what they asked for"],
)
def test_who_asks_and_never_comes_to_an_end_keeps_nobody_out(
    folder: Path, asks: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody on the network opens all the connections there may be; an officer must hold a lane."""

    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)
            await asyncio.sleep(0)

    async def big(_request: Request) -> Response:
        return StreamingResponse(without_end())

    async def login(request: Request) -> Response:
        await body(request, 100, 600.0)
        raise AssertionError

    with ExitStack() as held:
        port = held.enter_context(served(folder, Route("/big", big), Route("/", login, methods=["POST"])))
        strangers = [held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)]
        for one in strangers:
            one.sendall(asks)
        if b"big" in asks:
            until(lambda: all(select.select([one], (), (), 0)[0] for one in strangers), "the beginning of the answers")

        def answered() -> bytes:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)) as browser, suppress(OSError):
                browser.request("GET", "/")
                return browser.getresponse().read()
            return b""

        until(lambda: answered() == b"<p>here", "an answer to the officer")
    assert caplog.text == "", "a stranger fills no log"


def test_of_those_who_are_answered_nobody_gives_way(folder: Path) -> None:
    """A stream is an answer that has no end."""

    async def follows(_request: Request) -> Response:
        return stream(Board({}), 0.05)

    with ExitStack() as held:
        port = held.enter_context(served(folder, Route("/follow", follows)))
        browser = held.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)))
        browser.request("GET", "/follow")
        answer = held.enter_context(browser.getresponse())
        for _ in range(2 * CONNECTIONS):
            held.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert answer.read(400).count(b"beat") > 10


def test_what_is_sent_too_slowly_is_not_waited_for() -> None:
    async def never() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(HTTPException) as refused:
        asyncio.run(body(Request({"type": "http"}, never), 10, 0.01))
    assert refused.value.status_code == 408
