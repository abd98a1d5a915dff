"""Simulated lives that are recorded, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from gatefw.config import Config
from gatefw.gate import Gate
from gatefw.gate_settings import GateSettings
from gatefw.gate_terms import Effect, GateInput
from gatefw.model import Reason
from gatefw.photograph import photograph
from gatefw.recording import Recorder
from gatefw.simulate.day import made_up, play, scripted_lane
from gatefw.simulate.lane import SimulatedLane
from gatefw.simulate.stories import of_lane
from gatefw.tape import Json, Masks

WHOLE = 1 << 30


class Reel:
    """A recorder whose lines lie in a list. `loses` says of a line, by its number, whether it is lost."""

    def __init__(
        self,
        gate: Gate,
        settings: GateSettings,
        procedure: str,
        *,
        latched: Reason | None = None,
        segment_bytes: int = WHOLE,
        photo: Json = None,
    ) -> None:
        self.lines: list[bytes] = []
        self.loses: Callable[[int], bool] = lambda _number: False
        self.asked = 0
        about = {"lane": "lane-1", "config": "0" * 64, "procedure": procedure}
        settings = replace(settings, timers=dict(settings.timers))
        self.recorder = Recorder(gate, settings, about, latched, self._keep, segment_bytes, photo)

    def _keep(self, line: bytes, begins: bool) -> bool:
        self.asked += 1
        kept = begins or not self.loses(self.asked)
        if kept:
            self.lines.append(line)
        return kept

    @property
    def begun(self) -> int:
        """How many segments there are."""
        return sum(b"gatefw_recording" in line for line in self.lines)


def recorded(lane: SimulatedLane, segment_bytes: int = WHOLE) -> Reel:
    """From now on, with everything that happens there."""
    procedure, photo = lane.config.lane.procedure, photograph(lane.gate, Masks())
    reel = Reel(lane.gate, lane.settings, procedure, segment_bytes=segment_bytes, photo=photo)
    before = lane.runner.watch

    def watch(event: GateInput, effects: Sequence[Effect], now_s: float) -> None:
        before(event, effects, now_s)
        reel.recorder.took(event, effects, now_s)

    lane.runner.watch = watch
    return reel


def recorded_day(
    config: Config,
    travellers: int,
    seed: int,
    segment_bytes: int = WHOLE,
    loses: Callable[[int], bool] = lambda _number: False,
) -> Reel:
    """People come one after the other, each with one of the lane's stories."""
    chance = Random(seed)
    lane = scripted_lane(config, seed)
    reel = recorded(lane, segment_bytes)
    reel.loses = loses
    told = of_lane(config, lane.settings.terms)
    stories = [told[0], *(chance.choice(told) for _ in range(travellers - 1))]
    play(lane, [(each.played_by(made_up(f"person-{n}", config, chance, each)), each) for n, each in enumerate(stories)])
    reel.recorder.close()
    return reel
