"""Why an order to the lane is given, in one of the words of `events.ORDERED_FOR`. It may be left out.

An order for maintenance has reasons of its own (`maintenance_order`), as has the counter's word (`counter_desk`).
"""

from collections.abc import Mapping
from typing import Any

from gatefw.control import Order
from gatefw.errors import Refusal
from gatefw.events import ORDERED_FOR
from gatefw.maintenance import BEGINS, GOES_ON
from gatefw.model import Verb

AT_ONCE = frozenset({Verb.HOLD, Verb.EVACUATE})
"""Not refused because of a word: somebody may be inside."""
TAKES = frozenset(Verb) - {BEGINS, GOES_ON}
OTHER = "other"


def asked(verb: Verb, args: Mapping[str, Any]) -> str:
    """The word, empty where none was given. Raises Refusal: it is none of them.

    To hold and to evacuate is done whatever was said; a word that we do not know is written down as `other`.
    """
    why = args.get("why")
    if verb not in TAKES or why is None:
        return ""
    if ORDERED_FOR.fits(why):
        return str(why)
    if verb in AT_ONCE:
        return OTHER
    raise Refusal(f"{verb.value}: why: one of {', '.join(ORDERED_FOR.words)} is wanted, or none")


def noted(order: Order) -> tuple[tuple[str, str], ...]:
    """The field of `operator.ordered` for an order that is refused before the lane hears of it."""
    why = order.args.get("why")
    return (("why", str(why)),) if order.verb in TAKES and ORDERED_FOR.fits(why) else ()
