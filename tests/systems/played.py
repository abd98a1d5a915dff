"""Who comes to each system, and what should come of them: one who passes, and some of its refusals.

Registration is by the gate's own commands, with the photographs of `gatefw models install --photos`; people show other
photographs of the same person, or of somebody else.
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from live_gate import DEADLINE_S, LiveGate

from gatefw.identifier import new_identifier

ENROLLED, SHOWN, SOMEBODY_ELSE = "obama.jpg", ("obama2.jpg", "obama3.jpg"), "biden.jpg"
MORE_FACES = ("obama.jpg", "obama3.jpg")
CARD, UNKNOWN_CARD = "card:26:01020340", "card:26:03040580"
FINGER, OTHER_FINGER = 7, 8
YEAR = "2036-01-01"
BORN, NUMBERS = "1990-05-05", ("K00000017", "D00000017")
PERSONAL = (BORN, *NUMBERS)
"""What nobody is to read in whatever a gate writes, besides the codes and cards that were shown."""

Known = dict[str, str]
"""What was made for a lane before anybody came: codes, documents, subjects."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody comes by a script of the world. `outcome` is what the world sees, `reason` what the gate tells first.

    `needs` names what of `Known` is handed to the script under which argument; `also` is who comes with them,
    `first` what an officer does before.
    """

    name: str
    outcome: str
    reason: str
    script: str
    given: tuple[tuple[str, Any], ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    also: tuple[str, tuple[tuple[str, Any], ...]] | None = None
    first: Callable[[LiveGate], None] | None = None

    def arguments(self, known: Known) -> dict[str, Any]:
        return dict(self.given) | {argument: known[name] for argument, name in self.needs}


@dataclass(frozen=True, slots=True)
class System:
    """One lane file. `journey`: it shares its people with the touchpoints before it. `reverse`: the other way round."""

    lane: str
    prepare: Callable[[LiveGate, Path], Known]
    visits: tuple[Visit, ...]
    watcher: bool = True
    journey: bool = False
    reverse: bool = False


# ---------------------------------------------------------------- before anybody comes


def enrol(gate: LiveGate, photos: Path, tokens: list[str] | None, **args: Any) -> str:
    """Register somebody from two photographs; returns the subject."""
    paths = [str(photos / photo) for photo in MORE_FACES]
    told = gate.ask("enrol", tokens=tokens, photos=paths, days=30, consent=True, **args)
    return str(told["subject"])


def partition(gate: LiveGate, name: str, **facts: str) -> None:
    gate.ask("partition_make", name=name, facts=facts)


def enrol_finger(gate: LiveGate, subject: str, finger: int = FINGER) -> None:
    """`gatefw enrol-finger`, and somebody at the sensor who does what it says."""
    command = [sys.executable, "-m", "gatefw", "enrol-finger", subject, "--consent", "--json", "--dir", str(gate.run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ran:
        assert ran.stderr is not None
        for line in ran.stderr:
            act = "lift" if line.startswith("lift") else "lay"
            given = {"finger": finger} if act == "lay" else {}
            gate.world.do("line", line="finger", act=act, **{"with": given})
        assert ran.wait(DEADLINE_S) == 0, f"enrol-finger ended with {ran.returncode}"
    gate.world.do("line", line="finger", act="lift", **{"with": {}})


RESIDENT = {"residence": "hong-kong-permanent", "document.kind": "hong-kong-identity-card"}
MAINLAND = {
    "residence": "mainland",
    "born": BORN,
    "purpose": "private",
    "permit.kind": "exit-entry-permit",
    "permit.from": "2020-01-01",
    "permit.expires": YEAR,
    "endorsement.kind": "business",
    "endorsement.entries": "multiple",
    "endorsement.expires": YEAR,
    "endorsement.destination": "hong-kong",
}


def by_code(gate: LiveGate, photos: Path) -> Known:
    """A resident with a code, and one who is none."""
    code, foreign = new_identifier().decode(), new_identifier().decode()
    enrol(gate, photos, [code], facts=RESIDENT)
    enrol(gate, photos, [foreign], facts={**RESIDENT, "residence": "elsewhere"})
    return {"resident": code, "foreigner": foreign, "stranger": new_identifier().decode()}


def by_card(gate: LiveGate, photos: Path) -> Known:
    enrol_finger(gate, enrol(gate, photos, [CARD], facts=RESIDENT))
    return {"resident": CARD, "stranger": UNKNOWN_CARD}


def by_document(gate: LiveGate, photos: Path) -> Known:
    """Three documents: a good one, one whose portrait was exchanged, a copy."""
    holder = {"expires": "351231", "number": NUMBERS[0]}
    names = {"good": "", "forged": "altered", "copy": "copied"}
    known = {}
    for name, flaw in names.items():
        told = gate.world.do("issue", document=name, photo=ENROLLED, holder=holder, flaw=flaw)
        known |= {name: name, f"{name} printed": str(told["mrz"])}
    return known


def by_face_and_finger(gate: LiveGate, photos: Path) -> Known:
    partition(gate, "registered-mainland")
    enrol_finger(gate, enrol(gate, photos, None, partition="registered-mainland", facts=MAINLAND))
    return {}


def permit_holder(gate: LiveGate, photos: Path) -> Known:
    partition(gate, "permit-resident")
    permit = {"kind": "resident", "expires": YEAR, "directions": "arrival departure"}
    facts = {f"area_permit.{name}": value for name, value in permit.items()}
    enrol(gate, photos, None, partition="permit-resident", facts=facts)
    return {}


def designated(gate: LiveGate, photos: Path) -> Known:
    partition(gate, "park-hetao")
    facts = {"designated.by": "hong-kong shenzhen", "document.issuer": "UTO", "document.number": NUMBERS[1]}
    enrol(gate, photos, None, partition="park-hetao", facts=facts)
    return {}


def journey(gate: LiveGate, photos: Path) -> Known:
    """The flight of check-in; its people are registered there."""
    closes = {"journey.name": "cx100", "journey.gate": "gate-24", "journey.closes_at": "2035-01-01T00:00:00Z"}
    partition(gate, "flight-cx100", **closes)
    return by_document(gate, photos)


def nothing(gate: LiveGate, photos: Path) -> Known:
    """Whoever comes was registered at a touchpoint before."""
    return {}


def resident_at_the_counter(gate: LiveGate) -> None:
    """An officer saw the identity card of whoever checked in: that stands in no passport."""
    for each in gate.ask("subjects")["subjects"]:
        gate.ask("change_facts", subject=each["subject"], facts={"residence": "hong-kong"})


# ---------------------------------------------------------------- who comes


def _with(**given: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(given.items())


def _by_token(scanner: str) -> tuple[Visit, ...]:
    shows = _with(scanner=scanner, enter_patience_s=20.0)
    return (
        Visit("an unknown token", "not_admitted", "token_unknown", "traveller",
              _with(scanner=scanner, enter_patience_s=2.0), (("code", "stranger"),)),
        Visit("somebody else", "turned_back", "face_mismatch", "traveller",
              (*shows, ("photo", SOMEBODY_ELSE)), (("code", "resident"),)),
    )  # fmt: skip


CONTACTLESS = (
    Visit("passes", "passed", "ok", "traveller", _with(scanner="front", photo=SHOWN[0], enter_patience_s=20.0),
          (("code", "resident"),)),
    *_by_token("front"),
    Visit("no resident", "not_admitted", "not_resident", "traveller", _with(scanner="front", enter_patience_s=2.0),
          (("code", "foreigner"),)),
)  # fmt: skip
E_CHANNEL = (
    Visit("passes", "passed", "ok", "traveller", _with(scanner="card", enter_patience_s=20.0, fingers=str(FINGER)),
          (("code", "resident"),)),
    Visit("another finger", "turned_back", "finger_mismatch", "traveller",
          _with(scanner="card", enter_patience_s=20.0, fingers=" ".join([str(OTHER_FINGER)] * 6)),
          (("code", "resident"),)),
    Visit("a dry finger, and the face instead", "passed", "ok", "traveller",
          _with(scanner="card", enter_patience_s=20.0, photo=SHOWN[0], fingers=" ".join([f"{FINGER}:dry"] * 6)),
          (("code", "resident"),)),
    Visit("an unknown card", "not_admitted", "token_unknown", "traveller",
          _with(scanner="card", enter_patience_s=2.0), (("code", "stranger"),)),
)  # fmt: skip
SMART_DEPARTURE = (
    Visit("passes", "passed", "ok", "traveller", _with(scanner="mrz", photo=SHOWN[0], enter_patience_s=30.0),
          (("code", "good printed"), ("document", "good"))),
    Visit("somebody else", "turned_back", "face_mismatch", "traveller",
          _with(scanner="mrz", photo=SOMEBODY_ELSE, enter_patience_s=30.0),
          (("code", "good printed"), ("document", "good"))),
    Visit("another portrait in the chip", "not_admitted", "document_altered", "traveller",
          _with(scanner="mrz", enter_patience_s=12.0), (("code", "forged printed"), ("document", "forged"))),
    Visit("a copied chip", "not_admitted", "document_cloned", "traveller",
          _with(scanner="mrz", enter_patience_s=12.0), (("code", "copy printed"), ("document", "copy"))),
)  # fmt: skip
FACE_TWICE = (
    Visit("passes", "passed", "ok", "known", _with(photo=SHOWN[0], says="nothing", enter_patience_s=30.0)),
    Visit("a stranger", "not_admitted", "not_identified", "known",
          _with(photo=SOMEBODY_ELSE, says="nothing", enter_patience_s=8.0)),
    Visit("somebody else steps in", "not_admitted", "person_swapped", "decoy",
          _with(photo=SHOWN[0], says="nothing", enter_patience_s=30.0),
          also=("follower", _with(photo=SOMEBODY_ELSE, enter_patience_s=60.0))),
)  # fmt: skip
HETAO = (
    *FACE_TWICE[1:],
    FACE_TWICE[0],
    Visit("the same again today", "not_admitted", "document_used_twice", "known",
          _with(photo=SHOWN[1], says="nothing", enter_patience_s=12.0)),
)  # fmt: skip
"""The authorities remember who passed today: so those who do not pass come first."""
DOCUMENT_FREE = (
    Visit("passes", "passed", "ok", "known",
          _with(photo=SHOWN[0], enter_patience_s=30.0, fingers=" ".join([str(FINGER)] * 3))),
    Visit("says: not me", "not_admitted", "declined", "known",
          _with(photo=SHOWN[0], says="no", enter_patience_s=8.0)),
    Visit("a stranger", "not_admitted", "not_identified", "known", _with(photo=SOMEBODY_ELSE, enter_patience_s=8.0)),
    Visit("another finger", "turned_back", "finger_mismatch", "known",
          _with(photo=SHOWN[0], enter_patience_s=30.0, fingers=" ".join([str(OTHER_FINGER)] * 6))),
)  # fmt: skip
ONE_DOOR = (
    Visit("passes", "passed", "ok", "boarder", _with(photo=SHOWN[0], leave_patience_s=30.0)),
    Visit("a stranger", "turned_back", "not_identified", "boarder", _with(photo=SOMEBODY_ELSE, leave_patience_s=10.0)),
    Visit("the same again", "turned_back", "touchpoint_repeated", "boarder",
          _with(photo=SHOWN[0], leave_patience_s=10.0)),
)  # fmt: skip
JOURNEY_E_CHANNEL = (
    Visit("no eligible resident", "not_admitted", "not_eligible_resident", "known",
          _with(photo=SHOWN[0], says="nothing", enter_patience_s=6.0)),
    replace(FACE_TWICE[0], first=resident_at_the_counter),
    Visit("the same again", "not_admitted", "touchpoint_repeated", "known",
          _with(photo=SHOWN[1], says="nothing", enter_patience_s=6.0)),
)  # fmt: skip
CHECK_IN = (
    Visit("passes", "went_on", "ok", "passer", _with(scanner="mrz", photo=SHOWN[0], stand_s=15.0),
          (("code", "good printed"), ("document", "good"))),
    Visit("somebody else", "went_on", "face_mismatch", "passer", _with(scanner="mrz", photo=SOMEBODY_ELSE, stand_s=9.0),
          (("code", "good printed"), ("document", "good"))),
    Visit("a copied chip", "went_on", "document_cloned", "passer", _with(scanner="mrz", stand_s=5.0),
          (("code", "copy printed"), ("document", "copy"))),
)  # fmt: skip
NO_DOOR = (
    Visit("passes", "went_on", "ok", "passer", _with(photo=SHOWN[0], stand_s=8.0)),
    Visit("a stranger", "went_on", "not_identified", "passer", _with(photo=SOMEBODY_ELSE, stand_s=8.0)),
    Visit("the same again", "went_on", "touchpoint_repeated", "passer", _with(photo=SHOWN[0], stand_s=8.0)),
)  # fmt: skip

SYSTEMS = (
    System("e-channel", by_card, E_CHANNEL),
    System("contactless-e-channel", by_code, CONTACTLESS),
    System("smart-departure", by_document, SMART_DEPARTURE),
    System("document-free", by_face_and_finger, DOCUMENT_FREE),
    System("chung-ying-street", permit_holder, FACE_TWICE),
    System("chung-ying-street", permit_holder, FACE_TWICE[:1], reverse=True),
    System("hetao", designated, HETAO),
    System("flight-token-check-in", journey, CHECK_IN, watcher=False, journey=True),
    System("flight-token-bag-drop", nothing, NO_DOOR, watcher=False, journey=True),
    System("flight-token-security", nothing, ONE_DOOR, journey=True),
    System("flight-token-e-channel", nothing, JOURNEY_E_CHANNEL, journey=True),
    System("flight-token-boarding", nothing, ONE_DOOR, journey=True),
)
"""In this order: each touchpoint of the journey wants those before it passed."""
