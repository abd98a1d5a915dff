"""`gatefw lane maintain`: what it takes on the command line, and what it asks of the gate."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gatefw.cli import main
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.control_server import ControlServer

DONE = Done({"detail": "lane is maintenance", "phase": "maintenance"})


@contextmanager
def gate(place: Path, answer: Answer = DONE) -> Iterator[list[Order]]:
    """A control socket behind which every order gets this answer; the orders as they come."""
    orders: list[Order] = []

    def take(order: Order, reply: Any) -> None:
        orders.append(order)
        threading.Thread(target=reply, args=(answer,)).start()

    with closing(ControlServer(place / "control.sock", take)):
        yield orders


@pytest.mark.parametrize(
    ("words", "verb", "args"),
    [
        ("maintain --name mk --why repair", "maintain", {"name": "mk", "why": "repair"}),
        (
            "maintain --name mk --why repair --minutes 1.5",
            "maintain",
            {"name": "mk", "why": "repair", "seconds": 90.0},
        ),
        ("maintain --extend", "maintain_extend", {}),
        ("maintain --extend --minutes 10 --name ab", "maintain_extend", {"name": "ab", "seconds": 600.0}),
        ("maintain-end", "maintain_end", {}),
        ("let-out", "let_out", {}),
        ("let-out --door exit_door", "let_out", {"door": "exit_door"}),
        ("hold", "hold", {}),
        ("evacuate", "evacuate", {}),
        ("evacuate --why medical", "evacuate", {"why": "medical"}),
        ("let-out --door exit_door --why trapped", "let_out", {"door": "exit_door", "why": "trapped"}),
        ("maintain-end --why other", "maintain_end", {"why": "other"}),
        ("silent-alarm", "silent_alarm", {}),
        ("acknowledge 2041", "acknowledge", {"event": 2041}),
        ("clear 6d1f0a4c9b72e385 --why child", "clear_by_hand", {"run": "6d1f0a4c9b72e385", "why": "child"}),
    ],
)
def test_what_was_typed_is_what_the_gate_is_asked(
    words: str, verb: str, args: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gate(tmp_path) as orders:
        assert main(["lane", *words.split(), "--json", "--dir", str(tmp_path)]) == 0
    assert [(order.verb, order.args) for order in orders] == [(verb, args)]
    assert json.loads(capsys.readouterr().out)["phase"] == "maintenance"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("maintain", "--why: maintain wants one of"),
        ("maintain --name mk", "--why: maintain wants one of"),
        ("maintain --why repair", "wants --name"),
        ("maintain --why child --name mk", "--why: maintain wants one of"),
        ("open --name mk", "belong to maintain"),
        ("maintain-end --extend", "belong to maintain"),
        ("open --minutes 3", "belong to maintain"),
        ("maintain --name mk --why repair --minutes nan", "nan is no time"),
        ("clear 6d1f0a4c9b72e385 --why repair", "--why: clear wants one of"),
        ("clear", "RUN and --why"),
        ("hold --door exit_door", "belongs to let-out"),
        ("acknowledge", "NUMBER of an event"),
        ("acknowledge 6d1f0a4c9b72e385", "NUMBER of an event"),
        ("acknowledge 7 --why child", "NUMBER of an event"),
        ("evacuate 7", "do not belong to evacuate"),
        ("silent-alarm --name mk", "belong to maintain"),
        ("silent-alarm --why threat", "do not belong to silent-alarm"),
        ("case --why other", "do not belong to case"),
        ("close --why child", "--why: close wants one of"),
    ],
)
def test_what_does_not_belong_together_is_refused_before_anybody_is_asked(
    words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lane", *words.split()])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said", "read"),
    [
        ("let-out", "let_out is not possible now", "let-out: refused: let-out is not possible now"),
        (
            "let-out --door exit_door",
            "let_out_exit: this lane lets out by entry_door",
            "let-out: refused: let-out --door exit_door: this lane lets out by entry_door",
        ),
        ("maintain --extend", "maintain_extend came too late", "maintain --extend: refused: maintain --extend came"),
    ],
)
def test_a_refusal_names_the_order_as_it_was_typed(
    words: str, said: str, read: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gate(tmp_path, Rejected(Rejection.REFUSED, said)):
        assert main(["lane", *words.split(), "--dir", str(tmp_path)]) == 2
    assert read in capsys.readouterr().err


def test_where_nobody_answers_the_order_is_named_as_it_was_typed_and_the_place_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lane", "silent-alarm", "--dir", str(tmp_path / "let_out")]) == 2
    said = capsys.readouterr().err
    assert "silent-alarm got no answer" in said and f"{tmp_path}/let_out/control.sock" in said
