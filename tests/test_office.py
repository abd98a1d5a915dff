"""What stands behind a lane judges people by the clock that somebody vouches for, and by what they agree to now."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import hw
from gatefw import config
from gatefw.fingers import Fingerprint
from gatefw.model import Reason, RecordFound, Token
from gatefw.office import Office
from gatefw.record_terms import Consent, Modality
from gatefw.wall_time import WallTime

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
NOW, YEAR_S = 1_800_000_000, 365 * 86_400
CARD = Token(b"A1234567")
SENSOR = '[finger.lane]\ndriver = "r30x"\nlink = "socket:${RUN}/finger.sock"\n'


@dataclass
class Clock:
    """Of the board, as a test sets it."""

    at: int = NOW
    synchronised: bool = True

    def __call__(self) -> WallTime:
        return WallTime(self.at * 10**9, self.synchronised)


def test_a_clock_that_was_wrong_once_shuts_nobody_out_when_it_is_right_again(tmp_path: Path) -> None:
    """Story: somebody registers for a year. The board starts in another decade, and writes into its journal, where
    time never runs back; then the network sets its clock. They pass as before, and not for a day longer."""
    lane = config.load(SIM, hw.schema, {"GATEFW_STATE": str(tmp_path / "state"), "GATEFW_RUN": str(tmp_path / "run")})
    lane.paths.state.mkdir(mode=0o700)
    clock = Clock()
    with ExitStack() as files:
        office = Office(lane, lambda _event: None, files, clock)
        agreed = Consent(frozenset({Modality.FACE}), office.now())
        subject = office.records.enrol([CARD], {}, agreed, NOW + YEAR_S)
        office.records.activate(subject, NOW)
    clock.at, clock.synchronised = 2 * NOW, False
    with ExitStack() as files:
        office = Office(lane, lambda _event: None, files, clock)
        office.scribe.note_config("0" * 64, reversed_=False)
    clock.at, clock.synchronised = NOW + 60, True
    with ExitStack() as files:
        office = Office(lane, lambda _event: None, files, clock)
        assert office.scribe.journal.now().ns == 2 * NOW * 10**9
        assert office.records.look_up(CARD, office.now()) == RecordFound(subject)
        clock.at = NOW + YEAR_S
        assert office.now() == NOW + YEAR_S


def test_a_finger_that_could_not_be_removed_yet_is_compared_with_nobody(tmp_path: Path) -> None:
    """Story: Anna takes her consent back, then her registration ends. The disk is full, so her finger stays in its
    store, until the daemon starts again as the officer was told; the lane serves others meanwhile."""
    (tmp_path / "lane.toml").write_text(f"{SIM.read_text()}\n{SENSOR}")
    env = {"GATEFW_STATE": str(tmp_path / "state"), "GATEFW_RUN": str(tmp_path / "run")}
    lane = config.load(tmp_path / "lane.toml", hw.schema, env)
    lane.paths.state.mkdir(mode=0o700)
    finger, agreed = Fingerprint("zfm", b"ridges"), Consent(frozenset({Modality.FACE, Modality.FINGER}), NOW)
    with ExitStack() as files:
        office = Office(lane, lambda _event: None, files, Clock())
        anna = office.records.enrol([CARD], {}, agreed, NOW + YEAR_S)
        office.records.activate(anna, NOW)
        assert office._fingers is not None
        office._fingers.keep(anna, finger, NOW + YEAR_S)
        assert office.finger_of(anna) == finger
        office.records.withdraw(anna, {Modality.FINGER}, NOW)
        assert office.finger_of(anna) is Reason.FINGER_NOT_ENROLLED
        office.records.revoke(anna, NOW)
        assert office.finger_of(anna) is Reason.RECORD_REVOKED
        assert office._fingers.subjects() == [anna]
