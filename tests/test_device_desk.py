"""The technician's desk: what there is, who may touch it and when, what is written down, and secrets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from device_bench import WAIT_S, Bench, benched
from peers import until

from gatefw.control import Done, Rejected, Rejection
from gatefw.device_session import ABANDONED_S
from gatefw.device_states import DeviceStates
from gatefw.errors import DeviceLost
from gatefw.events import check
from gatefw.gate_terms import DeviceCame, DeviceImpaired, DeviceWent, Tick
from gatefw.model import FactKind, Phase, Reason


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with benched(tmp_path) as bench:
        yield bench


def refused(bench: Bench, verb: str, says: str, **args: Any) -> None:
    answer = bench.order(verb, **args)
    assert isinstance(answer, Rejected), answer
    assert answer.error is Rejection.REFUSED
    assert says in answer.message


def journalled(bench: Bench) -> list[tuple[object, ...]]:
    found = []
    for fact in bench.facts:
        check(fact)
        assert fact.kind is FactKind.OPERATOR_ORDERED
        found.append(tuple(dict(fact.fields).values()))
    return found


# ---------------------------------------------------------------- what there is


def test_every_device_is_listed_with_its_state_and_since_when(bench: Bench) -> None:
    states = DeviceStates(bench.places, lambda: bench.now_s)
    bench.now_s += 5
    for event in (DeviceCame("reader.front"), DeviceCame("sensors.lane"), DeviceCame("vision"), Tick()):
        states.notice(event)
    states.notice(DeviceImpaired("sensors.lane", Reason.TAMPERED, True))
    states.notice(DeviceWent("indicator.lamps", Reason.DEVICE_WRONG))
    bench.now_s += 2
    states.notice(DeviceCame("reader.front"))  # no news
    listed = {str(each["device"]): each for each in states.listed()}
    assert list(listed) == [each.label for each in bench.places]
    fields = ("role", "driver", "state", "reasons", "for_s")
    assert [listed["reader.front"][name] for name in fields] == ["reader", "fake", "there", [], 2.0]
    assert [listed["sensors.lane"][name] for name in fields[2:]] == ["impaired", ["tampered"], 2.0]
    assert [listed["indicator.lamps"][name] for name in fields[2:]] == ["lost", ["device_wrong"], 2.0]
    assert [listed["finger.inside"][name] for name in fields[2:]] == ["lost", ["device_lost"], 7.0]
    states.notice(DeviceImpaired("sensors.lane", Reason.TAMPERED, False))
    assert {str(each["device"]): each["state"] for each in states.listed()}["sensors.lane"] == "there"


def test_cameras_are_as_lost_as_the_process_that_they_belong_to(bench: Bench) -> None:
    states = DeviceStates(bench.places, lambda: bench.now_s)

    def camera() -> list[object]:
        [told] = [each for each in states.listed() if each["device"] == "camera.inside"]
        return [told["state"], told["reasons"], told["for_s"]]

    states.notice(DeviceCame("camera.inside"))
    states.notice(DeviceCame("vision"))
    assert camera() == ["there", [], 0.0]
    bench.now_s += 1
    states.notice(DeviceWent("vision", Reason.DEVICE_LOST))
    bench.now_s += 1
    assert camera() == ["lost", ["device_lost"], 1.0]
    states.notice(DeviceCame("vision"))
    assert camera() == ["there", [], 2.0]


def test_the_list_is_for_any_phase_and_nothing_is_written_down_for_it(bench: Bench) -> None:
    bench.phase = Phase.IDLE
    answer = bench.order("devices")
    assert isinstance(answer, Done)
    assert answer.result["phase"] == "idle"
    assert len(answer.result["devices"]) == len(bench.places)  # type: ignore[arg-type]
    assert bench.facts == []


def test_why_a_device_is_not_there_stands_beside_it_in_words(bench: Bench) -> None:
    bench.worker("reader.front").trouble = "key file /k: is not there"
    answer = bench.order("devices")
    assert isinstance(answer, Done)
    listed: Any = answer.result["devices"]
    assert {each["device"]: each["detail"] for each in listed if each["detail"]} == {
        "reader.front": "key file /k: is not there"
    }


# ---------------------------------------------------------------- who may, and when


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.MAINTENANCE])
@pytest.mark.parametrize("verb", ["device_test", "device_trace", "device_trace_raw", "device_install"])
def test_a_device_is_touched_in_maintenance_only_and_the_refusal_says_how_to_get_there(
    bench: Bench, verb: str, phase: Phase
) -> None:
    bench.phase = phase
    refused(bench, verb, f"the lane is {phase.value}", device="reader.front")
    refused(bench, verb, "`gatefw lane maintain ", device="reader.front")
    assert journalled(bench) == [(verb, "uid-7", False, Reason.NOT_NOW)] * 2


def test_what_begins_is_written_down_once_and_what_follows_is_not(bench: Bench) -> None:
    test = bench.begin("device_test", "sensors.lane", seconds=1)
    test.end()
    assert journalled(bench) == [("device_test", "uid-7", True, Reason.OK)]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({}, "a device is wanted"),
        ({"device": 7}, "a device is wanted"),
        ({"device": "reader.frnt"}, "did you mean reader.front?"),
        ({"device": "zzz"}, "there are reader.front"),
        ({"device": "reader.front", "seconds": 0}, "1 to 600"),
        ({"device": "reader.front", "seconds": True}, "1 to 600"),
        ({"device": "reader.front", "seconds": 601}, "1 to 600"),
        ({"session": "x", "seen": 0}, "that session is over"),
    ],
)
def test_an_order_that_is_not_in_order_is_refused(bench: Bench, args: dict[str, Any], says: str) -> None:
    refused(bench, "device_test", says, **args)


def test_a_session_is_followed_by_its_own_order_alone(bench: Bench) -> None:
    test = bench.begin("device_test", "sensors.lane")
    refused(bench, "device_trace", "that session is over", session=test._session, seen=0)


def test_two_tests_at_once_are_one_too_many(bench: Bench) -> None:
    bench.begin("device_test", "sensors.lane")
    refused(bench, "device_test", "device_test of sensors.lane is under way, by uid-7", device="reader.front")


def test_what_ends_with_the_daemon_ends_at_once(bench: Bench) -> None:
    bench.begin("device_test", "sensors.lane")
    bench.desk.close()
    assert all(session.over for _, session in bench.desk._sessions.values())
    assert not any(thread.is_alive() for thread in bench.desk._threads)


def test_leftovers_of_a_killed_daemon_are_removed_at_the_start(tmp_path: Path) -> None:
    left = tmp_path / "trace-abc"
    left.mkdir()
    (left / "dialogue").write_text("# somebody's code")
    (tmp_path / "trace-notes.txt").write_text("not ours")
    with benched(tmp_path):
        assert not left.exists()
        assert (tmp_path / "trace-notes.txt").exists()


# ---------------------------------------------------------------- secrets


def test_a_secret_is_renewed_by_its_device(bench: Bench) -> None:
    assert bench.begin("device_renew_secret", "reader.front").end()["passed"] is True
    assert journalled(bench) == [("device_renew_secret", "uid-7", True, Reason.OK)]


@pytest.mark.parametrize("verb", ["device_renew_secret", "device_install"])
def test_a_device_without_a_secret_says_so(bench: Bench, verb: str) -> None:
    outcome = bench.begin(verb, "document.desk").end()
    assert outcome["passed"] is False
    assert "no secret" in outcome["why"] or "no first secret" in outcome["why"]


def test_a_camera_has_neither_secret_nor_wire(bench: Bench) -> None:
    for verb in ("device_renew_secret", "device_install"):
        refused(bench, verb, "belongs to the vision process", device="camera.inside")
    refused(bench, "device_trace", "has pictures and no wire", device="camera.inside")


class Factory:
    """A driver whose device wants a first secret before it can be opened."""

    def __init__(self, bench: Bench) -> None:
        self.installed, self.opens, self._card = 0, 0, bench.card

    def open(self, _settings: object) -> Any:
        self.opens += 1
        if not self.installed:
            raise DeviceLost("does not know the key")
        return self._card

    def install(self, _settings: object) -> None:
        self.installed += 1


def unopened(bench: Bench) -> Factory:
    """The reader, closed by its owner, is of that kind from now on."""
    factory = Factory(bench)
    bench.installers["reader.front"]._driver = factory  # type: ignore[assignment]
    bench.worker("reader.front").fail(DeviceLost("reader.front: unplugged"))
    until(lambda: factory.opens, "it cannot be opened", WAIT_S)
    return factory


def test_a_device_is_given_its_first_secret_and_is_there_afterwards(bench: Bench) -> None:
    factory = unopened(bench)
    install = bench.begin("device_install", "reader.front", seconds=60)
    assert "install mode" in install.until("prompt")["prompt"]
    assert install.end()["passed"] is True
    assert factory.installed == 1
    until(lambda: bench.worker("reader.front").device is bench.card, "it is there", WAIT_S)


@pytest.mark.parametrize("how", ["end", "gone", "maintenance"])
def test_an_installation_that_has_not_begun_can_be_given_up_and_never_begins(bench: Bench, how: str) -> None:
    factory = unopened(bench)
    worker = bench.worker("reader.front")
    worker.end()
    until(lambda: not (worker._thread and worker._thread.is_alive()), "its owner does nothing", WAIT_S)
    install = bench.begin("device_install", "reader.front", seconds=600)
    if how == "gone":
        bench.now_s += ABANDONED_S + 0.1
    if how == "maintenance":
        bench.phase = Phase.OUT_OF_SERVICE
    until(
        lambda: (
            (how != "end" or install.look("end") is not None)
            and all(session.over for _, session in bench.desk._sessions.values())
        ),
        "it is given up",
        WAIT_S,
    )
    with pytest.raises(DeviceLost):
        bench.installers["reader.front"]()
    assert factory.installed == 0


def test_an_installation_that_its_device_refuses_is_a_failure_in_its_own_words(bench: Bench) -> None:
    factory = unopened(bench)

    def refuses(_settings: object) -> None:
        raise DeviceLost("is not in its install mode")

    factory.install = refuses  # type: ignore[method-assign]
    outcome = bench.begin("device_install", "reader.front").end()
    assert (outcome["passed"], outcome["why"]) == (False, "is not in its install mode")


def test_where_a_secret_is_agreed_nothing_else_is_done(bench: Bench) -> None:
    unopened(bench)
    bench.worker("reader.front").end()
    bench.begin("device_install", "reader.front", seconds=600)
    for verb in ("device_test", "device_trace"):
        refused(bench, verb, "device_install of reader.front is under way", device="sensors.lane")
