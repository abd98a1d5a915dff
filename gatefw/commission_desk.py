"""Signs what a commissioning came to, and writes down that it was handed in."""

import re
from collections.abc import Callable

from gatefw.commission.seal import digest, seal
from gatefw.control import Answer, Done, Order
from gatefw.errors import Refusal
from gatefw.events import TECHNICIAN
from gatefw.model import Fact, FactKind
from gatefw.wall_time import WallTime

VERB = "commission_sign"


class CommissionDesk:
    """Of one lane, whose file has the SHA-256 `config`; `seed` is the key that signs its journal."""

    def __init__(
        self, lane: str, config: str, seed: bytes, record: Callable[[Fact], None], now: Callable[[], WallTime]
    ) -> None:
        self._lane, self._config, self._seed, self._record, self._now = lane, config, seed, record, now

    def order(self, order: Order, reply: Callable[[Answer], None]) -> None:
        """Sign the report in `args`. Raises Refusal: it is none, or not of this lane as it runs."""
        match order.args:
            case {
                "report": {
                    "lane": str(lane),
                    "config": str(config),
                    "technician": str(name),
                    "passed": bool(passed),
                    "complete": bool(complete),
                    **_rest,
                } as told
            } if TECHNICIAN.fits(name) and re.fullmatch(r"[0-9a-f]{64}", config):
                pass
            case _:
                raise Refusal(f"{VERB}: a report with lane, config, technician, passed and complete is wanted")
        if lane != self._lane or config != self._config:
            raise Refusal(
                f"{VERB}: the report is of lane {lane[:40]!r} by the lane file {config[:12]}..., and here runs "
                f"{self._lane!r} by {self._config[:12]}...: restart the daemon by the file that was commissioned"
            )
        report = digest(told)
        fields = ("by", order.by), ("name", name), ("report", report), ("passed", passed), ("complete", complete)
        self._record(Fact(FactKind.COMMISSIONED, None, fields))
        reply(Done({"signed": seal(self._seed, self._lane, report, self._config, self._now(), order.by)}))
