"""How a gate is brought into each state of its lane, so that it can be killed there."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from trust.kills_gate import Gate
from trust.kills_vision import MISMATCH, NO_FACE

from gatefw.model import DoorId, Input, Phase

TRAVEL = "door travel"
LONG_S = 30.0
"""How long vision thinks about whoever is to be found there."""
MOTIONS = [(door, state) for door in DoorId for state in ("opening", "closing")]


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, as its seed and number make it. `again`: the one that follows is struck as well, while it starts."""

    number: int
    wanted: str
    mode: str
    share: float
    """Which part of the time that the wanted state may last, from 0 to 1."""
    inside: bool
    jammed: bool
    other: bool
    again: bool
    again_s: float


def planned(seed: int, number: int, modes: dict[str, float]) -> Kill:
    """Every state in turn; the rest is chance. `modes` are weights."""
    chance = Random(f"{seed}:{number}")
    wanted = WANTED[number % len(WANTED)]
    return Kill(
        number,
        wanted,
        mode=chance.choices(list(modes), list(modes.values()))[0],
        share=chance.random(),
        inside=chance.random() < 0.5,
        jammed=chance.random() < 0.5,
        other=chance.random() < 0.5,
        again=wanted == Phase.RECOVERING or chance.random() < 0.05,
        again_s=chance.uniform(0.0, 1.8),
    )


def kept(number: int) -> bool:
    """Whether this kill is one before a kernel that keeps the lines of a dead process as driven: every other one."""
    return (number + number // len(WANTED)) % 2 == 1


def reach(gate: Gate, kill: Kill) -> float:
    """Bring the lane there, from idle; how long it may stay. What was done to the gate is undone by `gate.mend`."""
    return _REACHES[kill.wanted](gate, kill)


def _idle(_gate: Gate, _kill: Kill) -> float:
    return 0.3


def _recovering(gate: Gate, kill: Kill) -> float:
    """It will be struck while it starts, after a death in an empty lane or with somebody inside."""
    return _verifying(gate, kill) if kill.inside else 0.1


def _token_presented(gate: Gate, _kill: Kill) -> float:
    gate.vision.identify_s = 3.0
    gate.traveller()
    gate.await_phase(Phase.TOKEN_PRESENTED)
    return 0.5


def _passing(phase: Phase, for_s: float) -> Callable[[Gate, Kill], float]:
    def passing(gate: Gate, _kill: Kill) -> float:
        gate.traveller()
        gate.await_phase(phase)
        return for_s

    return passing


def _verifying(gate: Gate, _kill: Kill) -> float:
    gate.vision.verify_s = LONG_S
    gate.traveller()
    gate.await_phase(Phase.VERIFYING)
    return 0.6


def _entry_released(gate: Gate, kill: Kill) -> float:
    """Half of them in the moment in which the line goes on: what is not on disk by then never will be."""
    gate.traveller()
    if kill.other:
        gate.await_world("line", name=f"{DoorId.ENTRY}.release", level=1)
        return 0.01
    gate.await_phase(Phase.ENTRY_RELEASED)
    return 0.4


def _exit_released(gate: Gate, kill: Kill) -> float:
    """It lasts until the leaf begins to move: half of them move late, the others are met as their line goes on."""
    if kill.jammed:
        gate.harm(DoorId.EXIT, jammed=True)
    gate.traveller()
    if not kill.jammed:
        gate.await_world("line", name=f"{DoorId.EXIT}.release", level=1)
        return 0.01
    gate.await_phase(Phase.EXIT_RELEASED)
    return 0.5


def _refused(gate: Gate, _kill: Kill) -> float:
    gate.vision.verdict = MISMATCH
    gate.traveller()
    gate.await_phase(Phase.REFUSED)
    return 0.8


def _referred(gate: Gate, kill: Kill) -> float:
    if kill.other:
        gate.vision.verdict = NO_FACE
        gate.traveller()
    else:
        _verifying(gate, kill)
        gate.press_shortly(Input.CALL)
    gate.await_phase(Phase.REFERRED)
    return 0.8


def _pressed(phase: Phase, first: Input, other: Input) -> Callable[[Gate, Kill], float]:
    def pressed(gate: Gate, kill: Kill) -> float:
        if kill.inside:
            _verifying(gate, kill)
        gate.press(other if kill.other else first)
        gate.await_phase(phase)
        return 0.6

    return pressed


def _degraded(gate: Gate, kill: Kill) -> float:
    if kill.inside:
        _verifying(gate, kill)
    gate.lose_cameras()
    gate.await_phase(Phase.DEGRADED)
    return 0.6


def _fault(gate: Gate, kill: Kill) -> float:
    """Somebody forces the entry; whoever is inside may go back that way."""
    if kill.inside:
        _verifying(gate, kill)
    gate.harm(DoorId.ENTRY, forced=True)
    gate.await_phase(Phase.FAULT)
    return 0.6


def _maintenance(gate: Gate, _kill: Kill) -> float:
    gate.order("maintain", name="tester", why="other")
    return 0.3


def _exercise(gate: Gate, kill: Kill) -> float:
    gate.order("maintain", name="tester", why="other")
    gate.order("exercise_entry" if kill.other else "exercise_exit")
    gate.await_phase(Phase.EXERCISE)
    return 0.6


def _out_of_service(gate: Gate, _kill: Kill) -> float:
    gate.order("close")
    return 0.3


def _travel(gate: Gate, kill: Kill) -> float:
    door, state = MOTIONS[kill.number % len(MOTIONS)]
    gate.traveller()
    gate.await_world("door", door=door, state=state)
    return 0.35


_REACHES: dict[str, Callable[[Gate, Kill], float]] = {
    Phase.RECOVERING: _recovering,
    Phase.IDLE: _idle,
    Phase.TOKEN_PRESENTED: _token_presented,
    Phase.ENTRY_RELEASED: _entry_released,
    Phase.ENTERING: _passing(Phase.ENTERING, 0.3),
    Phase.VERIFYING: _verifying,
    Phase.EXIT_RELEASED: _exit_released,
    Phase.LEAVING: _passing(Phase.LEAVING, 0.6),
    Phase.REFUSED: _refused,
    Phase.REFERRED: _referred,
    Phase.HOLD: _pressed(Phase.HOLD, Input.STOP, Input.STOP),
    Phase.EVACUATED: _pressed(Phase.EVACUATED, Input.FIRE, Input.EVACUATE),
    Phase.DEGRADED: _degraded,
    Phase.FAULT: _fault,
    Phase.MAINTENANCE: _maintenance,
    Phase.EXERCISE: _exercise,
    Phase.OUT_OF_SERVICE: _out_of_service,
    TRAVEL: _travel,
}
WANTED = tuple(_REACHES)
