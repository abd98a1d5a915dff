"""What goes wrong in a storm, and when: faults drawn from a seed, each with how long it lasts.

Sensors do not lie here: what they tell is true, or late by less than a lock takes (`LATE_S`), or that it cannot be
read. What one sensor that lies does is explored in every state there is by tests/trust/model.
"""

import math
from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import NamedTuple

LATE_S = 0.4
"""How late a reading comes at most; `leases.SETTLE_S` is argued from it."""
BETWEEN_S = 9.0
"""On average, between two faults."""


class Fault(StrEnum):
    LOST = "device_lost"
    GARBLED = "device_garbled"  # contacts that contradict each other, levels that cannot be read
    SLOW = "device_slow"
    DUPLICATED = "inputs_duplicated"
    IMPAIRED = "device_impaired"
    CHATTER = "input_chatters"
    BUTTON = "button_pressed"  # call, stop, the officer's evacuation, a case that was opened
    FIRE = "fire"
    PRESSURE = "queue_pressure"  # the loop stands still, or the queue overflows
    CLOCK = "clock_jumps"
    DEATH = "process_dies"
    DISK_FULL = "disk_full"
    STALL = "journal_stalls"
    VISION_DEAD = "vision_dead"
    ANSWER_LATE = "answers_late"
    ANSWER_LOST = "answers_lost"
    ANSWER_TWICE = "answers_duplicated"
    ORDER = "operator_orders"


WEIGHTS = {
    Fault.LOST: 5,
    Fault.GARBLED: 4,
    Fault.SLOW: 8,
    Fault.DUPLICATED: 8,
    Fault.IMPAIRED: 4,
    Fault.CHATTER: 5,
    Fault.BUTTON: 6,
    Fault.FIRE: 4,
    Fault.PRESSURE: 7,
    Fault.CLOCK: 6,
    Fault.DEATH: 6,
    Fault.DISK_FULL: 4,
    Fault.STALL: 6,
    Fault.VISION_DEAD: 5,
    Fault.ANSWER_LATE: 7,
    Fault.ANSWER_LOST: 5,
    Fault.ANSWER_TWICE: 8,
    Fault.ORDER: 12,
}
LASTS_S = {Fault.SLOW: 20.0, Fault.DUPLICATED: 20.0, Fault.CLOCK: 60.0, Fault.STALL: 12.0, Fault.PRESSURE: 3.0}
"""The longest that some last; all others end after `LASTS_MOST_S` at the latest."""
LASTS_MOST_S = 15.0


class Strike(NamedTuple):
    """One fault: when it begins, what it is, how long it lasts, and a seed for what it does."""

    at_s: float
    fault: Fault
    lasts_s: float
    seed: int


def drawn(chance: Random, from_s: float, most_s: float = math.inf, between_s: float = BETWEEN_S) -> Iterator[Strike]:
    """Faults one after the other, by chance."""
    at_s = from_s
    kinds, weights = tuple(WEIGHTS), tuple(WEIGHTS.values())
    while (at_s := at_s + chance.expovariate(1 / between_s)) < most_s:
        [fault] = chance.choices(kinds, weights)
        yield Strike(at_s, fault, chance.uniform(0.05, LASTS_S.get(fault, LASTS_MOST_S)), chance.getrandbits(32))
