"""A lane with an authority: the real supervisor, held still, its own key, and an authority behind a real socket."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority_bench import Desk, Served
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from peers import until

import hw
from gatefw import config, device_tests
from gatefw.authority_desk import CLEARANCE_RECORDS
from gatefw.device_session import Session
from gatefw.device_tests import Bench
from gatefw.gate_terms import Answered, Ask, DeviceCame, DeviceWent, GateInput, Record
from gatefw.model import (
    AskAuthorities,
    CheckEligibility,
    ChipProof,
    Cleared,
    DocumentRead,
    Fact,
    FactKind,
    Failed,
    Phase,
    Reason,
    RunId,
    Sensed,
)
from gatefw.supervisor import Supervisor
from hw.sim.authority import Mode, SimulatedAuthority

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
RUN = RunId("00000000000000a1")
DOCUMENT = DocumentRead("P00000009", "UTO", "UTO", "1990-01-01", "2030-01-01", b"jpeg", ChipProof.CHIP)
ENDED = Fact(FactKind.PASSAGE_ENDED, RUN, (("passed", True), ("reason", "ok"), ("seconds", 4.0)))
OWN_KEY = bytes(range(32))


class Lane:
    """A supervisor whose loop does not run, with its authorities' threads running."""

    def __init__(self, path: Path) -> None:
        own = Ed25519PrivateKey.from_private_bytes(OWN_KEY)
        self.authority = SimulatedAuthority("home", {"lane-1": own.public_key()}, time.time)
        self.key = path / "authority.key"
        self.key.write_bytes(OWN_KEY)
        self.key.chmod(0o600)
        lane = re.sub(r'(?m)^factory = ".*"', 'factory = "mock:"', SIM.read_text())
        lane = re.sub(r'(?m)^name = ".*"', 'name = "lane-1"', lane, count=1)
        to = self.authority.addressee
        table = (
            f'\n[authority.home]\ndriver = "socket"\nlink = "unix:{path}/authority.sock"\nkey_file = "{self.key}"\n'
            f'signs = "{to.signs.public_bytes_raw().hex()}"\nseals = "{to.seals.public_bytes_raw().hex()}"\n'
        )
        (path / "lane.toml").write_text(lane + table)
        env = {"GATEFW_STATE": str(path / "state"), "GATEFW_RUN": str(path / "run")}
        self.supervisor = Supervisor(config.load(path / "lane.toml", hw.schema, env))
        self.inbox: list[GateInput] = []
        assert self.supervisor._authorities is not None
        self.desk = self.supervisor._authorities
        self.desk.start()
        (self.worker,) = self.supervisor._crew.correspondents
        self.worker.start()

    def came(self, event: GateInput) -> bool:
        while (event_ := self.supervisor._inbox.get(0)) is not None:
            self.inbox.append(event_)
        return event in self.inbox

    def close(self) -> None:
        self.worker.stop()
        self.desk.stop()
        self.supervisor._files.close()


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    lane = Lane(tmp_path)
    served = Served(tmp_path / "authority.sock", lane.authority)
    yield lane
    lane.close()
    served.close()


def test_what_the_gate_asks_reaches_the_authority_and_its_yes_the_gate(lane: Lane) -> None:
    until(lambda: lane.came(DeviceCame("authority.home")), "it is there")
    assert lane.came(DeviceCame(CLEARANCE_RECORDS))
    lane.supervisor._errands.take(Ask(RUN, 1, CheckEligibility(None, DOCUMENT)))
    lane.supervisor._errands.take(Ask(RUN, 2, AskAuthorities(None, DOCUMENT, 600.0)))
    until(lambda: lane.came(Answered(RUN, 2, Cleared(("home",)))), "both are answered")
    lane.supervisor._errands.take(Record(ENDED))
    until(lambda: lane.authority.received, "the record of the passage")
    assert lane.authority.received[0].traveller["document.number"] == "P00000009"
    until(lambda: b"authority.record_delivered" in _journalled(lane.supervisor), "it is journalled")
    assert b"P00000009" not in _journalled(lane.supervisor)


def test_a_run_that_is_over_wants_no_answer(lane: Lane) -> None:
    until(lambda: lane.came(DeviceCame("authority.home")), "it is there")
    lane.authority.mode = Mode.LOST
    lane.supervisor._errands.take(Ask(RUN, 1, AskAuthorities(None, DOCUMENT, 600.0)))
    until(lambda: lane.authority.queries, "it is asked")
    lane.supervisor._crew.answering[AskAuthorities].cancel(RUN)
    until(lambda: not lane.desk._open, "nobody waits any more")
    assert not any(isinstance(event, Answered) for event in lane.inbox)


def test_without_its_authority_a_lane_is_not_degraded_and_refers(tmp_path: Path) -> None:
    lane = Lane(tmp_path)
    try:
        until(lambda: lane.came(DeviceWent("authority.home", Reason.DEVICE_LOST)), "it is away")
        assert "authority.home" not in lane.supervisor.gate.senses.missing
        lane.supervisor._errands.take(Ask(RUN, 1, AskAuthorities(None, DOCUMENT, 600.0)))
        until(lambda: lane.came(Answered(RUN, 1, Failed(Reason.AUTHORITY_UNAVAILABLE))), "nobody said yes")
    finally:
        lane.close()


def _journalled(supervisor: Supervisor) -> bytes:
    return b"".join(row.type.encode() + row.body for row in supervisor._scribe.journal.read(0, 1000))


# ---------------------------------------------------------------- a technician


@pytest.mark.parametrize("there", [True, False])
def test_a_technician_sees_whether_it_has_signed_that_it_is_there(
    tmp_path: Path, request: pytest.FixtureRequest, there: bool
) -> None:
    desk = Desk(tmp_path)
    request.addfinalizer(desk.stop)
    if not there:
        desk.cut.add("shenzhen")
    desk.start()
    worker = desk.desk.workers[1]
    session = Session("authority.shenzhen", "uid-0", 600.0, lambda: Phase.MAINTENANCE)
    bench = Bench(worker, False, Sensed, lambda: Phase.MAINTENANCE, lambda verb, by: None, lambda: None)  # type: ignore[arg-type, return-value]
    session.run(lambda each: device_tests.TESTS["authority"](each, bench))
    assert session._now().result["outcome"]["passed"] is there
