"""What an order for maintenance says, looked at before the lane is asked."""

from collections.abc import Mapping
from typing import Any

from gatefw.errors import Refusal
from gatefw.events import MAINTAINED_FOR, TECHNICIAN
from gatefw.gate_terms import Stay
from gatefw.maintenance import BEGINS, GOES_ON
from gatefw.model import Verb


def asked(verb: Verb, args: Mapping[str, Any], by: str) -> Stay | None:
    """What an order to maintain, or to go on with it, says; None for every other order. Raises Refusal.

    Who orders with a key of the bus is known by its name, and need not give another. Who goes on may leave both away.
    """
    if verb not in (BEGINS, GOES_ON):
        return None
    if unknown := args.keys() - {"name", "why", "seconds"}:
        raise Refusal(f"{verb.value}: name, why and seconds are wanted; {len(unknown)} that do not belong were given")
    key = by.removeprefix("bus-").rpartition("/")[2] if by.startswith("bus-") and verb is BEGINS else ""
    name, why, seconds = args.get("name", key), args.get("why", ""), args.get("seconds")
    if (verb is BEGINS or name) and not TECHNICIAN.fits(name):
        raise Refusal(f"{verb.value}: name: who works there is wanted, in a short code: {TECHNICIAN.says}")
    if (verb is BEGINS or why) and not MAINTAINED_FOR.fits(why):
        raise Refusal(f"{verb.value}: why: one of {', '.join(MAINTAINED_FOR.words)} is wanted")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
        raise Refusal(f"{verb.value}: seconds: a number is wanted")
    return Stay(str(name), str(why), None if seconds is None else float(seconds))
