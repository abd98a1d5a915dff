"""A challenge: things the traveller is asked to do, in an order that nobody could know before, by a deadline.

    asked       one Act after the other, drawn by a seed that is handed in
    BLINK       eyes open, then closed, then open again; measured by the widest they were, because eyes differ
    LEFT/RIGHT  the head straight, then turned to the person's own side, then straight again
    done        all were seen in their order; failed: the deadline came first, or time ran backwards, or the head turned
                the other way from what was asked

An act counts only from its own beginning: a turn or a blink from before it was asked proves nothing. It shows that
what stands there moves on demand, not that it lives: a mask with holes, or a person behind a picture's eyes, may do it.
Pure: times are seconds of any clock, handed in.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from gatefw.biometrics.measuring.motion import Pose

OPEN_MIN = 0.8
CLOSED_MAX = 0.6
"""Openness of the eyes, as a share of the widest that this challenge saw. Between the two nothing is concluded."""
STRAIGHT_MAX = 0.18
TURNED_MIN = 0.25
"""Yaw, either way. Between the two nothing is concluded."""


class Act(StrEnum):
    BLINK = "blink"
    LEFT = "left"
    RIGHT = "right"


class Phase(StrEnum):
    """Of the act that is asked: how it must begin, then what is asked, then the end of it."""

    READY = "ready"
    ACT = "act"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Challenge:
    """Where it stands. `acts`: those still to be done, the first is asked now. seen_s: the last frame, None before one.

    widest: the most open that the eyes were.
    """

    acts: tuple[Act, ...]
    deadline_s: float
    phase: Phase = Phase.READY
    seen_s: float | None = None
    ends_s: float = math.inf
    widest: float = 0.0
    failed: bool = False

    @property
    def done(self) -> bool:
        return not self.acts and not self.failed

    @property
    def over(self) -> bool:
        return self.done or self.failed

    @property
    def asks(self) -> Act | None:
        return self.acts[0] if self.acts and not self.failed else None


def begin(seed: int, count: int, deadline_s: float) -> Challenge:
    """A challenge of `count` acts, 1 to 8, no two in a row alike; `deadline_s` counts from the first frame.

    `seed`: whoever knows it knows the order; draw it anew for each traveller (`secrets.randbits`).
    Raises ValueError: another count, or a deadline that is no time.
    """
    if not 1 <= count <= 8 or not 0 < deadline_s < math.inf:
        raise ValueError(f"challenge: 1 to 8 acts and a deadline above 0 s are wanted, not {count} and {deadline_s}")
    drawn, acts = np.random.default_rng(seed), list[Act]()
    while len(acts) < count:
        others = [act for act in Act if not acts or act is not acts[-1]]
        acts.append(others[drawn.integers(len(others))])
    return Challenge(tuple(acts), deadline_s)


def step(challenge: Challenge, pose: Pose | None, now_s: float) -> Challenge:
    """The challenge after a frame seen at `now_s`; pose: None for a frame without a face."""
    if challenge.over:
        return challenge
    ends_s = now_s + challenge.deadline_s if challenge.seen_s is None else challenge.ends_s
    backwards = challenge.seen_s is not None and now_s < challenge.seen_s
    challenge = replace(challenge, seen_s=now_s, ends_s=ends_s)
    if backwards or not now_s <= ends_s:
        return replace(challenge, failed=True)
    return challenge if pose is None else _moved(challenge, pose)


def _moved(challenge: Challenge, pose: Pose) -> Challenge:
    act, phase = challenge.acts[0], challenge.phase
    widest = max(challenge.widest, pose.openness)
    challenge = replace(challenge, widest=widest)
    rests, acts = _rests(act, pose, widest), _does(act, pose, widest)
    if phase is Phase.READY and rests:
        return replace(challenge, phase=Phase.ACT)
    if phase is Phase.ACT and _does_the_contrary(act, pose):
        return replace(challenge, failed=True)
    if phase is Phase.ACT and acts:
        return replace(challenge, phase=Phase.BACK)
    if phase is Phase.BACK and rests:
        return replace(challenge, acts=challenge.acts[1:], phase=Phase.READY)
    return challenge


def _rests(act: Act, pose: Pose, widest: float) -> bool:
    return pose.openness >= OPEN_MIN * widest if act is Act.BLINK else abs(pose.yaw) <= STRAIGHT_MAX


def _does(act: Act, pose: Pose, widest: float) -> bool:
    if act is Act.BLINK:
        return pose.openness <= CLOSED_MAX * widest
    return (pose.yaw if act is Act.LEFT else -pose.yaw) >= TURNED_MIN


def _does_the_contrary(act: Act, pose: Pose) -> bool:
    return act is not Act.BLINK and (-pose.yaw if act is Act.LEFT else pose.yaw) >= TURNED_MIN
