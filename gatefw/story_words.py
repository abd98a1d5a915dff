"""What each event of a passage says, in a sentence: for `story`.

That a door's release was permitted is said only where the door was then seen to move or its release to end.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gatefw.meanings import MEANS
from gatefw.model import Asked, ChipProof, FactKind, Phase, Position, Purpose, Reason, Verdict

K = FactKind


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the journal. `at` is wall time, in UTC; `run` is empty outside of a passage."""

    n: int
    at: datetime
    synchronised: bool
    kind: FactKind
    run: str
    data: Mapping[str, Any]

    @classmethod
    def parse(cls, body: bytes) -> "Event":
        """From the JSON of a row. Raises ValueError, KeyError: it is no event of this version."""
        told = json.loads(body)
        kind = FactKind(told["type"].removeprefix("gatefw.").removesuffix(".v1"))
        at, synchronised = datetime.fromisoformat(told["time"]), told["clockquality"] == "synchronised"
        return cls(int(told["sequence"]), at, synchronised, kind, told.get("run", ""), told["data"])


Ahead = Sequence[Event]
Words = Callable[[Event, Ahead], str]

PHASES: Mapping[Phase, str] = {
    Phase.RECOVERING: "The lane makes sure that it is empty and its doors are locked.",
    Phase.IDLE: "The lane is free for the next traveller.",
    Phase.TOKEN_PRESENTED: "The lane looks into it, all doors locked.",
    Phase.ENTRY_RELEASED: "The lane invites the traveller in.",
    Phase.ENTERING: "One person is inside; the lane waits for the entry door to close behind them.",
    Phase.VERIFYING: "One person is where they should be, and every door is locked.",
    Phase.EXIT_RELEASED: "The admission is on the disk; the lane wants the exit door released.",
    Phase.LEAVING: "The exit door is open; the lane waits until the traveller is through.",
    Phase.REFUSED: "The lane lets the traveller out, refused.",
    Phase.REFERRED: "The lane lets the traveller out, referred to the counter.",
    Phase.HOLD: "The lane holds still, every door locked, and waits for an officer.",
    Phase.EVACUATED: "The lane has freed the doors of the escape plan.",
    Phase.DEGRADED: "The lane takes nobody, until all that it needs is there and works.",
    Phase.FAULT: "The lane is in fault, and stays so until somebody looked and resets it.",
    Phase.MAINTENANCE: "The lane is in maintenance.",
    Phase.EXERCISE: "A technician moves a door.",
    Phase.OUT_OF_SERVICE: "The lane is out of service.",
}
PURPOSES: Mapping[Purpose, str] = {
    Purpose.ENTER: "to let the traveller in",
    Purpose.ADMIT: "to let the traveller through",
    Purpose.WAY_OUT: "to let whoever is inside out",
    Purpose.EMERGENCY: "because of an emergency",
    Purpose.EXERCISE: "for a technician",
}
POSITIONS: Mapping[Position, str] = {
    Position.SECURED: "closed and locked",
    Position.CLOSED: "closed, not locked",
    Position.OPEN: "open",
    Position.UNKNOWN: "in no position that its contacts could tell",
}
QUESTIONS: Mapping[Asked, str] = {
    Asked.LOOK_UP_RECORD: "Whose token it is",
    Asked.VERIFY_FACE: "The face, to be compared with the record",
    Asked.VERIFY_FINGER: "The finger",
    Asked.READ_DOCUMENT: "The document's chip",
    Asked.VERIFY_PORTRAIT: "The face, to be compared with the document",
    Asked.IDENTIFY_FACE: "The face, to be found in the gallery",
    Asked.CHECK_ELIGIBILITY: "Whether the lane's rules hold",
    Asked.CONFIRM: "The traveller's own word",
    Asked.ASK_AUTHORITIES: "The authorities",
    Asked.ENROL_TRAVELLER: "The registration for the journey",
}
PROOFS: Mapping[ChipProof, str] = {
    ChipProof.NONE: "it has no key that would show that it is no copy",
    ChipProof.ACTIVE: "it proved that it is no copy (active authentication)",
    ChipProof.CHIP: "it proved that it is no copy (chip authentication)",
}
VERDICTS: Mapping[Verdict, str] = {
    Verdict.ADMIT: "let through",
    Verdict.REFUSE: "refuse",
    Verdict.REFER: "refer to the counter",
}
SYMBOLOGIES = {
    "A": "a bar code (Code 39)",
    "C": "a bar code (Code 128)",
    "E": "a bar code (EAN)",
    "L": "a PDF417 code",
    "Q": "a QR code",
    "Z": "a card or a keypad's entry",
    "d": "a Data Matrix code",
    "z": "an Aztec code",
}
"""By the letter of the AIM prefix (ISO/IEC 15424); `]Z2` is a card and `]Z0` a keypad's entry of ours."""


def door_words(door: str) -> str:
    return door.replace("_", " ")


def _means(event: Event) -> str:
    return MEANS[Reason(event.data["reason"])]


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _started(event: Event, _ahead: Ahead) -> str:
    device, symbology = event.data["reader"], event.data["symbology"]
    if device.startswith("camera."):
        return f"Somebody stood before {device}."
    exact = {"]Z2": "a card", "]Z0": "a keypad's entry"}
    default = f"a code ({symbology})" if symbology else "a card, code or document"
    what = exact.get(symbology) or SYMBOLOGIES.get(symbology[1:2], default)
    return f"{device} read {what}."


def _face(event: Event, _ahead: Ahead) -> str:
    data = event.data
    alike = "alike enough" if data["matched"] else "not alike enough"
    within = f" (one stranger in {1 / data['fmr']:,.0f} comes within that)" if data["fmr"] else ""
    return (
        f"The face was compared over {_frames(data)}: a distance of {data['score']:.3f}, of {data['threshold']:.3f} "
        f"allowed{within}: {alike}."
    )


def _identified(event: Event, _ahead: Ahead) -> str:
    data = event.data
    return (
        f"The face was found among {data['gallery']:,} enrolled, over {_frames(data)}: a distance of "
        f"{data['score']:.3f}, of {data['threshold']:.3f} allowed, and nobody else was as near "
        f"(of strangers {100 * data['fpir']:.3g} % are found by mistake)."
    )


def _frames(data: Mapping[str, Any]) -> str:
    return f"{data['frames']} frame{'' if data['frames'] == 1 else 's'}"


def _finger(event: Event, _ahead: Ahead) -> str:
    data = event.data
    which = "it is the enrolled one" if data["matched"] else "it is not the enrolled one"
    tries = "" if data["attempts"] == 1 else f", laid down {data['attempts']} times"
    return f"The finger was compared{tries}: {which} (the sensor's own score: {data['score']})."


def _rule(event: Event, _ahead: Ahead) -> str:
    return f"The lane's rule {event.data['rule']!r} does not hold: {_lowered(_means(event))}"


def _question(event: Event, ahead: Ahead) -> str:
    what = QUESTIONS[Asked(event.data["question"])]
    decided = any(each.kind is K.PASSAGE_DECIDED for each in ahead)
    if not decided and any(each.kind is K.PASSAGE_ENDED for each in ahead):
        return f"{what} was still asked for when the passage ended."
    return f"{what} was asked for, in vain: {_lowered(_means(event))}"


def _by_hand(event: Event, _ahead: Ahead) -> str:
    return f"The counter cleared the traveller by hand ({event.data['why'].replace('_', ' ')}), by {event.data['by']}."


def _decided(event: Event, _ahead: Ahead) -> str:
    return f"Decided: {VERDICTS[Verdict(event.data['verdict'])]}. {_means(event)}"


def _ended(event: Event, _ahead: Ahead) -> str:
    return f"The passage ended: {'passed' if event.data['passed'] else 'not passed'} ({event.data['reason']})."


def _released(event: Event, ahead: Ahead) -> str:
    """A way out is driven first and recorded then; any other release is asked of the interlock after it is recorded."""
    purpose, door = Purpose(event.data["purpose"]), door_words(event.data["door"])
    came = next((each for each in ahead if each.data.get("door") == event.data["door"]), None)
    driven = purpose in (Purpose.WAY_OUT, Purpose.EMERGENCY)
    permitted = driven or (came is not None and came.kind in (K.DOOR_MOVED, K.DOOR_SECURED))
    alarm = ", with an alarm" if event.data["alarm"] else ""
    return f"The release of the {door} was asked for{' and permitted' * permitted}{alarm}, {PURPOSES[purpose]}."


def _dropped(event: Event, _ahead: Ahead) -> str:
    return (
        f"The interlock did not permit the {door_words(event.data['door'])} to be released: {_lowered(_means(event))}"
    )


def _device(event: Event, _ahead: Ahead) -> str:
    words = {
        K.DEVICE_LOST: "was lost",
        K.DEVICE_RECOVERED: "was there again",
        K.DEVICE_IMPAIRED: "worked badly",
        K.DEVICE_RESTORED: "worked as it should again",
    }[event.kind]
    why = f" ({event.data['reason']})" if "reason" in event.data else ""
    return f"{event.data['device']} {words}{why}."


def _ordered(event: Event, _ahead: Ahead) -> str:
    done = "" if event.data["accepted"] else f"; it was not done ({event.data['reason']})"
    why = f" ({event.data['why']})" if "why" in event.data else ""
    return f"{event.data['by']} ordered: {event.data['verb'].replace('_', ' ')}{why}{done}."


WORDS: Mapping[FactKind, Words] = {
    K.PASSAGE_STARTED: _started,
    K.FACE_COMPARED: _face,
    K.FACE_IDENTIFIED: _identified,
    K.FINGER_COMPARED: _finger,
    K.DOCUMENT_READ: lambda e, _: (
        f"The document's chip holds what its issuer signed; {PROOFS[ChipProof(e.data['proof'])]}."
    ),
    K.RULE_FAILED: _rule,
    K.QUESTION_FAILED: _question,
    K.CONFIRMED: lambda _e, _a: "Shown what was read, the traveller said that it is them.",
    K.AUTHORITIES_CLEARED: lambda e, _: f"Every authority asked said yes ({e.data['authorities']}).",
    K.CLEARED_BY_HAND: _by_hand,
    K.CASE_SEEN: lambda e, _: f"{e.data['by']} was shown the case: what is known of the traveller.",
    K.PASSAGE_DECIDED: _decided,
    K.PASSAGE_ENDED: _ended,
    K.PHASE_CHANGED: lambda e, _: PHASES[Phase(e.data["phase"])],
    K.DOOR_RELEASED: _released,
    K.RELEASE_DROPPED: _dropped,
    K.DOOR_SECURED: lambda e, _: f"The release of the {door_words(e.data['door'])} ended.",
    K.DOOR_MOVED: lambda e, _: f"The {door_words(e.data['door'])} was {POSITIONS[Position(e.data['position'])]}.",
    K.INPUT_CHANGED: lambda e, _: f"The input {e.data['input'].replace('_', ' ')} was {e.data['signal']}.",
    K.ALARM_RAISED: lambda e, _: f"Alarm: {_lowered(_means(e))}",
    K.ALARM_SILENT: lambda e, _: f"{e.data['by']} raised a silent alarm: an officer was under duress.",
    K.ALARM_ACKNOWLEDGED: lambda e, _: f"{e.data['by']} had seen the alarm that is event {e.data['event']}.",
    K.FAULT_LATCHED: lambda e, _: f"The fault was latched: {_lowered(_means(e))}",
    K.FAULT_RESET: lambda e, _: f"The fault was reset by {e.data['by']}.",
    K.DEVICE_LOST: _device,
    K.DEVICE_RECOVERED: _device,
    K.DEVICE_IMPAIRED: _device,
    K.DEVICE_RESTORED: _device,
    K.OPERATOR_ORDERED: _ordered,
    K.SERVICE_STARTED: lambda e, _: f"The daemon started, version {e.data['version']}.",
    K.SERVICE_STOPPED: lambda _e, _a: "The daemon stopped.",
    K.CONFIG_LOADED: lambda e, _: f"Another lane file counts from here on (SHA-256 {e.data['sha256'][:12]}...).",
}
"""How an event is told. Kinds that are not here belong to no passage: keys, registrations, the journal's own rows."""
