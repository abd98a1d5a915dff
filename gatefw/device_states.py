"""What became of each device of the lane file, and since when."""

import time
from collections.abc import Callable, Sequence

from gatefw.config_tables import Device
from gatefw.gate_terms import DeviceCame, DeviceImpaired, DeviceWent, GateInput
from gatefw.model import Reason
from gatefw.vision_desk import VISION

State = tuple[Reason | None, frozenset[Reason], float]
"""Why it is lost, if it is; what ails it; since when (monotonic seconds)."""


class DeviceStates:
    """`notice` is for the loop; `listed` for any thread. Cameras are as lost as the process that they belong to."""

    def __init__(self, places: Sequence[Device], now_s: Callable[[], float] = time.monotonic) -> None:
        self._places, self._now_s = places, now_s
        lost: State = (Reason.DEVICE_LOST, frozenset(), now_s())
        self._is = dict.fromkeys((VISION, *(each.label for each in places)), lost)

    def notice(self, event: GateInput) -> None:
        match event:
            case DeviceWent(device, reason):
                self._become(device, reason, frozenset())
            case DeviceCame(device):
                self._become(device, None, frozenset())
            case DeviceImpaired(device, reason, impaired) if device in self._is:
                lost, ails, _ = self._is[device]
                self._become(device, lost, ails | {reason} if impaired else ails - {reason})

    def _become(self, device: str, lost: Reason | None, ails: frozenset[Reason]) -> None:
        before = self._is.get(device)
        if before is not None and before[:2] != (lost, ails):
            self._is[device] = (lost, ails, self._now_s())

    def listed(self) -> list[dict[str, object]]:
        """Name, role, driver, `there`, `lost` or `impaired`, why, and for how many seconds."""
        return [self._told(each) for each in self._places]

    def now(self) -> dict[str, State]:
        """Of the vision process and each device: why it is lost, what ails it, and for how many seconds it is so."""
        now_s = self._now_s()
        return {name: (lost, ails, now_s - since_s) for name, (lost, ails, since_s) in self._is.copy().items()}

    def _told(self, place: Device) -> dict[str, object]:
        lost, ails, since_s = self._is[place.label]
        if place.role == "camera" and self._is[VISION][0] is not None:
            lost, _, since_s = self._is[VISION]
        return {
            "device": place.label,
            "role": place.role,
            "driver": place.driver,
            "state": "lost" if lost else "impaired" if ails else "there",
            "reasons": [lost.value] if lost else sorted(ail.value for ail in ails),
            "for_s": round(self._now_s() - since_s, 1),
        }
