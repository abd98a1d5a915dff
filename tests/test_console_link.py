"""The console's connection to one lane."""

from contextlib import closing
from pathlib import Path

import pytest
from console_bench import PlayedLane
from peers import until

from gatefw import bus_client
from gatefw.bus_keys import ClientKey, new_pair
from gatefw.console.lanes import Message, StatusCame
from gatefw.console.link import Link
from gatefw.errors import DeviceLost


def test_why_a_lane_does_not_answer_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An installer gave a wrong address: the page only says that the lane is silent."""
    public, secret = new_pair()
    nowhere = (f"ipc://{tmp_path}/{each}.sock" for each in ("events", "replay", "orders"))
    with closing(Link(ClientKey("console", public, secret, new_pair()[0], *nowhere), lambda _message: None)):
        until(lambda: caplog.records, "why")
    assert f"{tmp_path}/orders.sock" in caplog.text and "is `gatefw run` running there" in caplog.text
    assert secret not in caplog.text


@pytest.mark.parametrize("address", ["tcp://lane-1", "tcp://lane-1:orders", "ipc:///" + "x" * 200])
def test_an_address_to_which_nothing_connects_is_told_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    """An installer forgot the port of a lane. The order comes back at once, and the console ends when it is told to."""
    public, secret = new_pair()
    key = ClientKey("console", public, secret, new_pair()[0], address, address, address)
    with pytest.raises(DeviceLost, match=f"{address}: no connection can be made here"):
        bus_client.order(key, "hold")
    with pytest.raises(DeviceLost, match=f"{address}: no connection can be made here"):
        next(bus_client.follow(key))
    with closing(Link(key, lambda _message: None)):
        until(lambda: caplog.records, "why")
    assert address in caplog.text


def test_a_lane_is_asked_on_whatever_became_of_its_last_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Something in an answer was more than this console could take: the next one is heard all the same."""
    heard: list[Message] = []

    def hear(message: Message) -> None:
        heard.append(message)
        if len(heard) == 1:
            raise ValueError("a lane of another version")

    with closing(PlayedLane(tmp_path / "lane")) as lane, closing(Link(lane.console, hear)):
        until(lambda: sum(isinstance(each, StatusCame) for each in heard) > 2, "the next answers")
    assert "a lane of another version" in caplog.text
