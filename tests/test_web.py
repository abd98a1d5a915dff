"""What the pages share: headers that forbid, no foreign name or origin, and the newest for whoever follows."""

import asyncio
import threading
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from web_bench import Asked, ask

from gatefw.errors import SetupError
from gatefw.web.board import Board, stream
from gatefw.web.serve import bound
from gatefw.web.shell import HEADERS, application, page


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


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "localhost@evil.example"])
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
        ("", 403),
    ],
)
def test_an_order_is_taken_from_our_own_page_alone(folder: Path, origin: str, status: int) -> None:
    assert asked(folder, "POST", "/order", origin=origin).status == status
    assert asked(folder, "POST", "/order").status == 403


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
