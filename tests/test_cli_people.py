"""`gatefw enrol`, `partition` and the like at a real control socket, behind which the test plays the daemon."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gatefw.cli import main
from gatefw.control import Answer, Done, Order
from gatefw.control_server import ControlServer

SUBJECT = "3f" * 16


class Daemon:
    """Answers every order with `result`."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.orders, self.result = directory, list[Order](), dict[str, Any]()
        self._server = ControlServer(directory / "control.sock", self._take)

    def _take(self, order: Order, reply: Callable[[Answer], None]) -> None:
        self.orders.append(order)
        reply(Done(self.result))

    def run(self, *words: str) -> int:
        return main([*words, "--dir", str(self.directory)])

    @property
    def told(self) -> tuple[str, Mapping[str, Any]]:
        """The last order."""
        return self.orders[-1].verb, {name: value for name, value in self.orders[-1].args.items() if value is not None}

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="gate-") as directory:
        daemon = Daemon(Path(directory))
        yield daemon
        daemon.close()


def test_a_traveller_is_enrolled_into_a_partition_with_what_is_known_of_them(daemon: Daemon) -> None:
    words = ("--partition", "park", "--fact", "permit.expires=2031-05-01", "--fact", "name=a=b", "--consent")
    assert daemon.run("enrol", "--no-token", "--days", "30", *words, "/p1.jpg", "/p2.jpg") == 0
    facts = {"permit.expires": "2031-05-01", "name": "a=b"}
    wanted = {"photos": ["/p1.jpg", "/p2.jpg"], "days": 30, "partition": "park", "facts": facts, "consent": True}
    assert daemon.told == ("enrol", wanted)


def test_a_new_token_is_printed_once(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.result = {"subject": SUBJECT}
    assert daemon.run("enrol", "--new-token", "--days", "1", "--consent", "--json", "p.jpg") == 0
    printed = json.loads(capsys.readouterr().out)
    assert daemon.told[1]["tokens"] == [printed["token"]]
    assert printed["subject"] == SUBJECT


def test_somebody_is_enrolled_again_by_their_subject_alone(daemon: Daemon) -> None:
    assert daemon.run("enrol", "--again", SUBJECT, "--consent", "/p.jpg") == 0
    assert daemon.told == ("enrol", {"again": SUBJECT, "photos": ["/p.jpg"], "facts": {}, "consent": True})


def test_facts_may_stand_in_a_file_instead_and_the_command_line_has_the_last_word(daemon: Daemon) -> None:
    file = daemon.directory / "facts.json"
    file.write_text('{"document.name": "WONG", "born": "1990-02-03"}')
    assert daemon.run("change-facts", SUBJECT, "--facts", str(file), "--fact", "document.name=CHAN") == 0
    facts = {"document.name": "CHAN", "born": "1990-02-03"}
    assert daemon.told == ("change_facts", {"subject": SUBJECT, "facts": facts})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--fact", "born"), "NAME=VALUE is wanted"),
        (("--facts", "/nowhere/at/all"), "cannot be read as JSON: FileNotFoundError"),
        (("--facts", "{folder}/list.json"), "an object is wanted"),
        (("--facts", "{folder}/half.json"), "cannot be read as JSON: JSONDecodeError"),
    ],
)
def test_facts_that_are_none_are_named_and_nothing_is_ordered(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    (daemon.directory / "list.json").write_text("[]")
    (daemon.directory / "half.json").write_text('{"name": "An')
    assert daemon.run("change-facts", SUBJECT, *(word.format(folder=daemon.directory) for word in words)) == 2
    assert says in capsys.readouterr().err
    assert daemon.orders == []


def test_a_registration_is_ended_by_its_subject(daemon: Daemon) -> None:
    assert daemon.run("revoke", SUBJECT) == 0
    assert daemon.told == ("revoke", {"subject": SUBJECT})


def test_consent_is_withdrawn_from_one_thing_or_from_all(daemon: Daemon) -> None:
    assert daemon.run("withdraw-consent", SUBJECT, "--to", "finger") == 0
    assert daemon.told == ("withdraw_consent", {"subject": SUBJECT, "to": "finger"})
    assert daemon.run("withdraw-consent", SUBJECT) == 0
    assert daemon.told == ("withdraw_consent", {"subject": SUBJECT})


def test_the_registrations_are_listed_with_partition_state_and_consent(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    consents = [{"to": "face", "at": 1.0, "withdrawn_at": None}, {"to": "finger", "at": 1.0, "withdrawn_at": 2.0}]
    one = {"subject": SUBJECT, "partition": "park", "state": "active", "consents": consents, "revoked_at": None}
    daemon.result = {"subjects": [{**one, "expires_at": 1_800_000_000.0}]}
    assert daemon.run("subjects") == 0
    printed = capsys.readouterr().out
    assert f"{SUBJECT}  park             active    until 2027-01-15 08:00Z face finger (withdrawn)" in printed
    assert "1 registered" in printed
    assert daemon.run("subjects", "--json") == 0
    assert json.loads(capsys.readouterr().out) == daemon.result


def test_a_partition_is_made_changed_and_destroyed(daemon: Daemon) -> None:
    ends = "2026-12-01T03:00:00+08:00"
    assert daemon.run("partition", "make", "flight-cx100", "--expires", ends, "--fact", "journey.gate=24") == 0
    made = {"name": "flight-cx100", "expires_at": 1_796_065_200.0, "facts": {"journey.gate": "24"}}
    assert daemon.told == ("partition_make", made)
    assert daemon.run("partition", "change", "flight-cx100", "--fact", "journey.gate=31") == 0
    assert daemon.told == ("partition_change", {"name": "flight-cx100", "facts": {"journey.gate": "31"}})
    assert daemon.run("partition", "destroy", "flight-cx100") == 0
    assert daemon.told == ("partition_destroy", {"name": "flight-cx100"})


@pytest.mark.parametrize("when", ["tomorrow", "2026-12-01T03:00:00", "2026-12-01"])
def test_an_end_without_its_offset_is_no_moment(daemon: Daemon, capsys: pytest.CaptureFixture[str], when: str) -> None:
    assert daemon.run("partition", "make", "a", "--expires", when) == 2
    assert "a moment with its offset is wanted" in capsys.readouterr().err
    assert daemon.orders == []


def test_the_partitions_are_a_table_or_json(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    main_one = {"partition": "main", "expires_at": None, "people": 3, "facts": {}}
    flight = {"partition": "f1", "expires_at": 1_800_000_000.0, "people": 12, "facts": {"journey.gate": "24"}}
    daemon.result = {"partitions": [main_one, flight]}
    assert daemon.run("partition", "list") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["main", "3", "people", "for", "ever"],
        ["f1", "12", "people", "until", "2027-01-15", "08:00Z", "journey.gate=24"],
    ]
    assert daemon.run("partition", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == daemon.result
