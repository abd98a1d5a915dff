"""The console's connection to one lane."""

from contextlib import closing
from pathlib import Path

import pytest
from peers import until

from gatefw.bus_keys import ClientKey, new_pair
from gatefw.console.link import Link


def test_why_a_lane_does_not_answer_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An installer gave a wrong address: the page only says that the lane is silent."""
    public, secret = new_pair()
    nowhere = (f"ipc://{tmp_path}/{each}.sock" for each in ("events", "replay", "orders"))
    with closing(Link(ClientKey("console", public, secret, new_pair()[0], *nowhere), lambda _message: None)):
        until(lambda: caplog.records, "why")
    assert f"{tmp_path}/orders.sock" in caplog.text and "is `gatefw run` running there" in caplog.text
    assert secret not in caplog.text
