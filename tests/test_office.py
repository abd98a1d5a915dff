"""What stands behind a lane judges people by the clock that somebody vouches for."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import hw
from gatefw import config
from gatefw.model import RecordFound, Token
from gatefw.office import Office
from gatefw.record_terms import Consent, Modality
from gatefw.wall_time import WallTime

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
NOW, YEAR_S = 1_800_000_000, 365 * 86_400
CARD = Token(b"A1234567")


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
