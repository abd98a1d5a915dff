"""The stories of the people who come to a lane, by what its procedure asks of them. Each is told once, here.

A lane knows the stories of every question its procedure asks, and one for each of its rules (`attributes`). So a new
lane file or a new procedure has its travellers at once, and each of them an end that is expected.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gatefw import clearance, toml_document
from gatefw.clearance import Clear, Terms
from gatefw.config import Config
from gatefw.crew import gate_settings
from gatefw.model import (
    AllAnswered,
    Answer,
    AskAuthorities,
    CheckEligibility,
    ChipProof,
    Cleared,
    Confirm,
    Confirmed,
    DocumentRead,
    DoorId,
    Eligible,
    Enrolled,
    EnrolTraveller,
    FaceCompared,
    FaceIdentified,
    FingerCompared,
    IdentifyFace,
    Inside,
    LetIn,
    LookUpRecord,
    ReadDocument,
    RecordFound,
    Reply,
    Request,
    SubjectId,
    Together,
    Token,
    VerifyFace,
    VerifyFinger,
    VerifyPortrait,
)
from gatefw.rule import own_words
from gatefw.simulate.attributes import failing
from gatefw.simulate.traveller import NEIGHBOUR, NONE, OWN, STRANGER, Story

Kind = type[Request]


def story(name: str, told: str, *expects: str, **differs: Any) -> Story:
    return Story(name, told, expects, {}, differs)


PASSES = story("passes", "Somebody to whom every rule says yes, with all that they need, passes in one go.", "ok")

TOKEN = (
    story("token-malformed", "The reader reads something that is no code at all.", "token_malformed",
          tokens=("token_malformed",)),
    story("token-unknown", "A card of another office: nobody here has this number.", "token_unknown",
          tokens=("token_unknown",)),
    story("record-expired", "The registration ended last month, and nobody renewed it.", "record_expired",
          tokens=("record_expired",)),
    story("record-revoked", "The card was reported as lost; the finder tries it.", "record_revoked",
          tokens=("record_revoked",)),
    story("card-then-code", "The worn card cannot be read. The traveller shows the QR code on their phone instead.",
          "token_malformed", "ok", tokens=("token_malformed", OWN)),
)  # fmt: skip

DOCUMENT = (
    story("document-absent", "The printed lines are read, but no document lies on the chip reader.", "no_document",
          document=NONE),
    story("document-altered", "Somebody has put their own portrait into the chip: it is not what was signed.",
          "document_altered", document="document_altered"),
    story("document-cloned", "A true copy of a true chip, without the key that cannot be copied.", "document_cloned",
          document="document_cloned"),
    story("signer-unknown", "A document of a state whose certificates this port does not hold.",
          "document_signer_unknown", document="document_signer_unknown"),
    story("chip-removed", "The document is taken away while its chip is read.", "document_removed",
          document="document_removed"),
    story("chip-dead", "The chip does not answer. It is nobody's fault: the counter looks at the page.",
          "document_unreadable", document="document_unreadable"),
)  # fmt: skip

IDENTIFY = (
    story("stranger", "Somebody steps before the camera whom nobody ever registered.", "not_identified",
          in_front=STRANGER),
    story("twins", "Two registered sisters are alike enough. The lane does not take the better one.", "ambiguous",
          in_front="ambiguous"),
    story("veiled-in-front", "A veiled traveller does not show her face to a machine. She is referred, without blame.",
          "no_face", in_front=NONE),
    story("child-in-front", "A child is too small for the camera. The counter is for them.", "face_too_small",
          in_front="face_too_small"),
)  # fmt: skip

OUTGROWN = (
    story("outgrown", "More are enrolled than a face can tell apart. Who is found shows a finger inside as well.", "ok",
          outgrown=True),
    story("outgrown-lookalike", "The same; who is found only looks like a registered one, and has another finger.",
          "finger_mismatch", outgrown=True, fingers=(NEIGHBOUR,)),
)  # fmt: skip

FACE = (
    story("veiled", "A veiled traveller does not show her face to a machine. She is referred, without blame.",
          "no_face", inside=NONE),
    story("wheelchair", "From a wheelchair only half of the face is in the picture. The counter is for them.",
          "partial_face", inside="partial_face"),
)  # fmt: skip

IMPOSTOR = story(
    "impostor", "Somebody has borrowed a card. The face is not its holder's, and they leave where they came from.",
    "face_mismatch", inside=STRANGER,
)  # fmt: skip

SWAPPED = story(
    "swapped", "One is found in front; when the door opens another steps in. The second look says so.",
    "person_swapped", does="is swapped",
)  # fmt: skip

CONFIRM = (
    story("not-me", "The screen shows the data of somebody else. The traveller says so.", "declined", does="declines"),
    story("no-answer", "The traveller looks at the screen, and answers nothing.", "not_confirmed", does="is silent"),
    story("walks-away", "Asked whether that is them, the traveller turns round and goes.", "walked_away",
          does="walks away"),
)  # fmt: skip

AIRLOCK = (
    story("followed", "Somebody slips in behind the traveller before the door can close. No face is asked.",
          "tailgating", does="is followed"),
)  # fmt: skip

HESITANT = story(
    "hesitates", "The card is good and the door opens, but its holder has gone.", "nobody_entered", does="walks away"
)

AUTHORITY = (
    story("stop-listed", "An authority looks for this person. The traveller is shown the way to the counter, no more.",
          "stop_listed", authorities="stop_listed"),
    story("used-twice", "The same document has left already this morning.", "document_used_twice",
          authorities="document_used_twice"),
    story("one-says-no", "One of the authorities does not say yes.", "authority_refused",
          authorities="authority_refused"),
    story("one-is-silent", "One of the authorities does not answer in time. Nobody passes on half a yes.",
          "authority_unavailable", authorities="authority_unavailable"),
)  # fmt: skip

ENROLMENT = (
    story("enrolled-twice", "This face is in the flight's gallery already, under another name. An officer looks.",
          "enrolled_twice", enrolment="enrolled_twice"),
)  # fmt: skip


def finger_stories(terms: Terms) -> Iterator[Story]:
    """What fingers do, three at most, and what the lane does about it."""
    unread, instead = ("finger_unclear",) * terms.finger_tries, terms.face_after_finger
    worn, absent = ("ok", "ok") if instead else ("finger_unclear", "no_finger")
    yield story("other-finger", "The finger is not the holder's. Another try does not make it so.", "finger_mismatch",
                fingers=(NEIGHBOUR,))  # fmt: skip
    yield story("dry-finger", "The first two tries are too dry to be read. The third is good.", "ok",
                fingers=("finger_unclear", "finger_unclear", OWN)[-terms.finger_tries:])  # fmt: skip
    yield story("worn-finger", "A bricklayer's finger cannot be read at any try.", worn,
                fingers=unread)  # fmt: skip
    yield story("no-finger", "Nobody lays a finger on the sensor.", absent, fingers=(NONE,))
    if instead:
        yield story("worn-finger-impostor", "Somebody else's worn finger gives way to the face, and the face tells.",
                    "face_mismatch", fingers=unread, inside=STRANGER)  # fmt: skip


def of_lane(config: Config, terms: Terms) -> list[Story]:
    """Every story that can be told of this lane, the one who passes first."""
    clear = clearance.load(config.lane.procedure)
    asked = questions(clear, terms)
    shape = {DoorId(device.name) for device in config.having("door")}
    found = [PASSES]
    for kind, told in (
        (LookUpRecord, TOKEN), (ReadDocument, DOCUMENT), (IdentifyFace, IDENTIFY), (Confirm, CONFIRM),
        (AskAuthorities, AUTHORITY), (EnrolTraveller, ENROLMENT),
    ):  # fmt: skip
        found += told if kind in asked else ()
    if VerifyFinger in asked:
        found += finger_stories(terms)
    elif IdentifyFace in asked and config.gallery.outgrown == "finger":
        found += OUTGROWN
    if {VerifyFace, VerifyPortrait} & asked:
        found += [*FACE, *([SWAPPED] if IdentifyFace in asked else [IMPOSTOR])]
    if LetIn in asked and DoorId.ENTRY in shape:
        found += [*AIRLOCK, *([] if Confirm in asked or IdentifyFace in asked else [HESITANT])]
    return [_placed(each) for each in found] + list(_of_rules(config, document_only=ReadDocument in asked))


def questions(clear: Clear, terms: Terms) -> set[Kind]:
    """What a procedure asks of somebody about whom every answer is good, and of one whose finger is not there."""
    asked: set[Kind] = set()
    procedure = clear(Token(b""), terms)
    try:
        request = next(procedure)
        while True:
            asked.update(type(each) for each in _each(request))
            request = procedure.send(_yes(request))
    except StopIteration:
        return asked


def asks_for_faces(config: Config) -> bool:
    """Whether the procedure looks at everybody's face."""
    asked = questions(clearance.load(config.lane.procedure), gate_settings(config).terms)
    return bool({IdentifyFace, VerifyFace, VerifyPortrait} & asked)


def looks_at_faces(config: Config) -> bool:
    """Whether it looks at anybody's, if only of those whose finger cannot be read."""
    return asks_for_faces(config) or gate_settings(config).terms.face_after_finger


def _each(request: Request) -> Sequence[Request]:
    return request.questions if isinstance(request, Together) else (request,)


def _yes(request: Request) -> Reply:
    if isinstance(request, Together):
        return AllAnswered(tuple(_GOOD[type(each)] for each in request.questions))
    return Inside() if isinstance(request, LetIn) else _GOOD[type(request)]


_WHO = SubjectId(NEIGHBOUR)
_GOOD: Mapping[type, Answer] = {
    LookUpRecord: RecordFound(_WHO),
    VerifyFace: FaceCompared(True, 0.0, 1.0, 1e-3, 1),
    VerifyPortrait: FaceCompared(True, 0.0, 1.0, 1e-3, 1),
    VerifyFinger: FingerCompared(True, 100, 1),
    ReadDocument: DocumentRead("", "", "", "", "", b"", ChipProof.NONE),
    IdentifyFace: FaceIdentified(_WHO, 0.0, 1.0, 1, 0.01, 2),
    CheckEligibility: Eligible(),
    Confirm: Confirmed(),
    AskAuthorities: Cleared(()),
    EnrolTraveller: Enrolled(_WHO),
}


def _of_rules(config: Config, document_only: bool) -> Iterator[Story]:
    """One traveller for every rule of the lane file, and for every reason it may give."""
    own = own_words(config.port, config.lane.name)
    rules = [rule.in_words_of(own) for rule in config.rules]
    lines = toml_document.read(config.file)
    numbers = {rule.name: number for number, rule in enumerate(rules, 1)}
    for rule, of_class, value, reason in failing(rules, document_only):
        line = lines.line(("rule", str(numbers[rule.name]), "name"))
        who = (
            f" Of those whose {', '.join(f'{fact} is {word}' for fact, word in of_class.items())}." if of_class else ""
        )
        yield Story(
            f"{rule.name}-{value}" if reason is not rule.reason else rule.name,
            f"{rule.fact} is {value or 'nothing'}, and the rule wants that it {rule.says}.{who}",
            (reason.value,),
            {**of_class, rule.fact: value},
            where=f"{config.file}:{line}",
        )


def _placed(told: Story) -> Story:
    """With the line of this file on which it stands."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if f'"{told.name}"' in text)
    return replace(told, where=f"{__file__}:{line}")
