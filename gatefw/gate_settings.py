"""What the Gate is told of a lane file."""

from dataclasses import dataclass

from gatefw.clearance import Beginning, Terms
from gatefw.lane_terms import Policy
from gatefw.model import Reason, Timer


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Who may go where, how long things take (seconds), which devices a passage needs.

    Where a run `begins` with presence, `identifier` is the camera that sees who stands in front, and one who stays
    there is looked at again after `again_s`. pipelining: the next token is taken while the last traveller leaves.
    bears: ailments of devices that keep nobody out of this lane.
    """

    policy: Policy
    timers: dict[Timer, float]
    terms: Terms
    required: frozenset[str]
    in_service: bool
    lease_s: float = 2.0
    renew_s: float = 0.5
    confirm_s: float = 10.0
    begins: Beginning = Beginning.TOKEN
    identifier: str = "camera.front"
    again_s: float = 5.0
    pipelining: bool = False
    bears: frozenset[Reason] = frozenset()
