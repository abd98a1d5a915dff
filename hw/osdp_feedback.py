"""What a reader shows and sounds in each phase of the lane: its lamp, its buzzer, its display (osdp_LED, _BUZ, _TEXT).

Green: come, go on. Amber: wait. Red: not this way, or not now. Nothing is safe because a lamp is lit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gatefw.model import Phase

_OFF, _RED, _GREEN, _AMBER = 0, 1, 2, 3  # colours of osdp_LED
LED, BUZZER, TEXT = 2, 3, 4  # libosdp's numbers of these commands
_SET_PERMANENTLY, _TONE, _TEXT_PERMANENTLY = 1, 2, 1
_CAN = {LED: 4, BUZZER: 5, TEXT: 6}  # and of the capability that each needs


@dataclass(frozen=True, slots=True)
class Look:
    """A lamp, blinking or not, how often it beeps when the phase begins, and 16 characters at most."""

    colour: int
    text: str
    beeps: int = 0
    blinks: bool = False


LOOKS: Mapping[Phase, Look] = {
    Phase.RECOVERING: Look(_AMBER, "PLEASE WAIT"),
    Phase.IDLE: Look(_GREEN, "CARD PLEASE"),
    Phase.TOKEN_PRESENTED: Look(_AMBER, "PLEASE WAIT", beeps=1),
    Phase.ENTRY_RELEASED: Look(_GREEN, "PLEASE ENTER", blinks=True),
    Phase.ENTERING: Look(_GREEN, "PLEASE ENTER", blinks=True),
    Phase.VERIFYING: Look(_AMBER, "PLEASE WAIT"),
    Phase.EXIT_RELEASED: Look(_AMBER, "PLEASE WAIT"),
    Phase.LEAVING: Look(_AMBER, "PLEASE WAIT"),
    Phase.REFUSED: Look(_RED, "SEE AN OFFICER", beeps=3),
    Phase.REFERRED: Look(_RED, "SEE AN OFFICER", beeps=2),
    Phase.HOLD: Look(_RED, "SEE AN OFFICER"),
    Phase.EVACUATED: Look(_RED, "LEAVE THE LANE", beeps=5, blinks=True),
    Phase.DEGRADED: Look(_RED, "OUT OF SERVICE"),
    Phase.FAULT: Look(_RED, "OUT OF SERVICE"),
    Phase.MAINTENANCE: Look(_RED, "OUT OF SERVICE", blinks=True),
    Phase.OUT_OF_SERVICE: Look(_RED, "OUT OF SERVICE"),
    Phase.EXERCISE: Look(_RED, "OUT OF SERVICE", blinks=True),
}


def commands(phase: Phase, can: Callable[[int], bool], beeps: bool) -> list[dict[str, Any]]:
    """What to tell a reader, as libosdp takes it; its beeps once a phase. Times in 100 ms."""
    look = LOOKS[phase]
    wanted: list[dict[str, Any]] = [
        {
            "command": LED, "reader": 0, "led_number": 0, "control_code": _SET_PERMANENTLY, "temporary": False,
            "on_count": 5 if look.blinks else 1, "off_count": 5 if look.blinks else 0,
            "on_color": look.colour, "off_color": _OFF,
        },
        {
            "command": TEXT, "reader": 0, "control_code": _TEXT_PERMANENTLY, "temp_time": 0,
            "offset_row": 1, "offset_col": 1, "data": look.text.ljust(16),
        },
    ]  # fmt: skip
    if beeps and look.beeps:
        wanted.append(
            {
                "command": BUZZER,
                "reader": 0,
                "control_code": _TONE,
                "on_count": 1,
                "off_count": 1,
                "rep_count": look.beeps,
            }
        )
    return [each for each in wanted if can(_CAN[each["command"]])]
