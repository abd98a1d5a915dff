"""A day at the lane. Each story is a function: its docstring is told, its body happens, its result is the outcome.

Outcomes are what the world saw happen to the people: passed (across), let_out (by the entry), kept_out (never inside),
evacuated. The reason is what the gate's events say: alarms, losses and the ends of passages, in order.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from gatefw.demo.scene import SAME_PERSON, SOMEBODY_ELSE, Scene
from gatefw.model import FactKind, Phase

SCANNER = "scanner-front"
TURNS_AWAY_S = 0.5  # so long somebody waits before a door that stays closed
HURRIED_M_S = 4.0

Act = Callable[[Scene], str]


@dataclass(frozen=True, slots=True)
class Story:
    """`told` says in two sentences what happens; `expected` and `reason` are how it should end."""

    name: str
    told: str
    expected: str
    reason: str
    act: Act


STORIES: list[Story] = []


def story(expected: str, reason: str) -> Callable[[Act], Act]:
    """The next story of the day, called as its function is."""

    def add(act: Act) -> Act:
        told = " ".join((inspect.getdoc(act) or "").split())
        STORIES.append(Story(act.__name__, told, expected, reason, act))
        return act

    return add


# ---------------------------------------------------------------- who is who


@story(expected="passed", reason="ok")
def passes(scene: Scene) -> str:
    """A traveller, registered from one photograph, shows a QR code. The camera inside sees another photograph of the
    same person."""
    scene.enters("traveller", code=scene.codes.registered, photo=SAME_PERSON)
    return scene.ended("traveller", passages=1)


@story(expected="let_out", reason="face_mismatch")
def impostor(scene: Scene) -> str:
    """Somebody else shows the same code. The face does not fit, and they leave where they came from."""
    scene.enters("impostor", code=scene.codes.registered, photo=SOMEBODY_ELSE)
    outcome = scene.ended("impostor", passages=1)
    scene.expect(not scene.states("exit_door"), "the exit moved")
    return outcome


# ---------------------------------------------------------------- codes that do not hold


@story(expected="kept_out", reason="token_unknown")
def unknown(scene: Scene) -> str:
    """The code is well formed, but nobody was registered with it. No door moves."""
    return _kept_out(scene, "GATE1:" + "A" * 28)


@story(expected="kept_out", reason="record_expired")
def expired(scene: Scene) -> str:
    """The registration behind this code is over. No door moves."""
    return _kept_out(scene, scene.codes.expired)


@story(expected="kept_out", reason="record_revoked")
def revoked(scene: Scene) -> str:
    """The registration behind this code was revoked this morning. No door moves."""
    return _kept_out(scene, scene.codes.revoked)


@story(expected="kept_out", reason="token_malformed")
def malformed(scene: Scene) -> str:
    """One code is an address on the web; the next is the traveller's own, with one letter misread. Neither is looked
    up."""
    code = scene.codes.registered
    misread = code[:-1] + ("A" if code[-1] != "A" else "B")
    return _kept_out(scene, "https://example.org/?id=1' OR 1=1", misread)


def _kept_out(scene: Scene, *codes: str) -> str:
    people = [f"traveller {number}" for number in range(1, len(codes) + 1)]
    outcome = ""
    for number, (who, code) in enumerate(zip(people, codes, strict=True), 1):
        scene.enters(who, code=code, photo=SAME_PERSON, enter_patience_s=TURNS_AWAY_S)
        outcome = scene.ended(*people[:number], passages=number)
    scene.expect(not scene.states("entry_door") + scene.states("exit_door"), "a door moved")
    return outcome


# ---------------------------------------------------------------- people are not as one would like them


@story(expected="let_out", reason="no_face")
def looks_away(scene: Scene) -> str:
    """The registered traveller looks anywhere but at the camera. That is nobody's fault: they are referred to the
    counter."""
    scene.enters("traveller", code=scene.codes.registered)
    outcome = scene.ended("traveller", passages=1)
    scene.expect(_verdicts(scene) == ["refer"], f"the verdicts were {_verdicts(scene)}, not one refer")
    return outcome


@story(expected="let_out", reason="tailgating")
def tailgating(scene: Scene) -> str:
    """A second person slips in at the traveller's heels. No face is asked for, and both are let out again."""
    scene.enters("traveller", code=scene.codes.registered, photo=SAME_PERSON)
    scene.enters("tail", "follower", walk_m_s=HURRIED_M_S, photo=SOMEBODY_ELSE)
    outcome = scene.ended("traveller", "tail", passages=1)
    scene.expect(not _verdicts(scene), "a face was asked for")
    return outcome


@story(expected="passed", reason="obstructed+ok")
def obstructed(scene: Scene) -> str:
    """A companion stops in the doorway behind the traveller. The door waits for them, raises an alarm, and the passage
    goes on when they step back."""
    scene.enters("traveller", "stayer", code=scene.codes.registered, photo=SAME_PERSON, stay_s=4.0)
    scene.enters("companion", "companion", walk_m_s=HURRIED_M_S, stand_s=3.5)
    return scene.ended("traveller", passages=1)


# ---------------------------------------------------------------- devices are not as one would like them


@story(expected="passed", reason="device_lost+ok")
def unplugged(scene: Scene) -> str:
    """Somebody pulls the code reader's plug and puts it back. The lane is out of order as long as that lasts, then
    serves the next traveller."""
    scene.stage.world.do("scanner", scanner=SCANNER, plugged=False)
    scene.phase(Phase.DEGRADED)
    scene.stage.world.do("scanner", scanner=SCANNER, plugged=True)
    scene.event(FactKind.DEVICE_RECOVERED, device="reader.front")
    scene.phase(Phase.IDLE)
    scene.enters("traveller", code=scene.codes.registered, photo=SAME_PERSON)
    return scene.ended("traveller", passages=1)


@story(expected="let_out+passed", reason="device_lost+ok")
def vision_dies(scene: Scene) -> str:
    """The process that looks at faces is killed with a traveller inside. They are let out by the entry, it is started
    again, and the next one passes."""
    scene.enters("traveller", code=scene.codes.registered)
    scene.phase(Phase.VERIFYING)
    before = scene.states("entry_door")
    scene.stage.kill_vision()
    scene.event(FactKind.DOOR_RELEASED, door="entry_door", purpose="way_out")
    first = scene.ended("traveller", passages=1)
    scene.expect(before[-1:] == ["secured"], f"the entry was {before[-1:]} when vision died, not secured")
    scene.expect(not scene.states("exit_door"), "the exit moved")
    scene.enters("next", code=scene.codes.registered, photo=SAME_PERSON)
    return first + "+" + scene.ended("next", passages=2)


# ---------------------------------------------------------------- buttons and contacts


@story(expected="let_out", reason="face_mismatch+called")
def call_button(scene: Scene) -> str:
    """A refused impostor presses the call button inside. Somebody is called, and the exit stays where it is."""
    scene.enters("impostor", code=scene.codes.registered, photo=SOMEBODY_ELSE)
    scene.event(FactKind.PASSAGE_DECIDED, verdict="refuse")
    scene.presses("call", True)
    scene.presses("call", False)
    outcome = scene.ended("impostor", passages=1)
    scene.expect(not scene.states("exit_door"), "the exit moved")
    return outcome


@story(expected="evacuated", reason="fire+uncleared_exit")
def fire(scene: Scene) -> str:
    """The fire contact opens with a traveller inside: both doors are freed, at once and until somebody says that it is
    over. The contact closes again, and only then a reset is obeyed."""
    scene.enters("traveller", code=scene.codes.registered)
    scene.phase(Phase.VERIFYING)
    scene.presses("fire", True)
    scene.phase(Phase.EVACUATED)
    out = scene.outcome("traveller")
    scene.event(FactKind.DOOR_MOVED, door="exit_door", position="open")
    for door in ("entry_door", "exit_door"):
        scene.expect("open" in scene.states(door), f"{door} did not open")
    scene.presses("fire", False)
    status = scene.stage.gatefw("status")
    scene.expect((status["phase"], status["latched"]) == ("evacuated", "fire"), f"fire was not latched: {status}")
    scene.stage.gatefw("lane", "reset", "--expects", "evacuated")
    scene.phase(Phase.IDLE)
    return "evacuated" if out in ("passed", "let_out") else out


def _verdicts(scene: Scene) -> list[str]:
    return [event.data["verdict"] for event in scene.events if event.kind is FactKind.PASSAGE_DECIDED]
