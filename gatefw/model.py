"""The words of the gate: what is sensed, what happens, what is wanted, what is decided. No behaviour, stdlib only.

Events are past facts, commands imperative, requests verb + noun. Everything is frozen and hashable, so that a lane's
state is finite and a run can be replayed. Personal data (a token's payload, a subject id) is kept out of `repr`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

RunId = NewType("RunId", str)
"""One traveller's passage, from the first token to the exit. Random, new each time, fit for a public bus."""
SubjectId = NewType("SubjectId", str)
"""One person in the records. Random, never derived from a document; sealed in the journal, never on the bus."""


# ---------------------------------------------------------------- what is sensed


class DoorId(StrEnum):
    """The two doors of a lane, named by the way a traveller goes."""

    ENTRY = "entry_door"
    EXIT = "exit_door"

    @property
    def other(self) -> "DoorId":
        return DoorId.EXIT if self is DoorId.ENTRY else DoorId.ENTRY


class Position(StrEnum):
    """Where a door is, from its contacts alone. SECURED means closed *and* locked, both sensed, not commanded."""

    SECURED = "secured"
    CLOSED = "closed"  # closed but not locked
    OPEN = "open"
    UNKNOWN = "unknown"  # contacts contradict each other, or nobody reads them


class Beam(StrEnum):
    """The light beam across a door's opening."""

    CLEAR = "clear"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Occupancy(StrEnum):
    """People between the doors."""

    EMPTY = "empty"
    ONE = "one"
    MANY = "many"
    UNKNOWN = "unknown"


class Zone(StrEnum):
    """Where a presence sensor looks."""

    FRONT = "front"  # before the entry door
    BEHIND = "behind"  # past the exit door


class Input(StrEnum):
    """Buttons, switches and contacts. The first four are never merged (see `lane`)."""

    FIRE = "fire"
    CALL = "call"
    STOP = "stop"
    EVACUATE = "officer_evacuate"
    REQUEST_TO_EXIT = "request_to_exit"
    TAMPER = "tamper"
    MAINS_LOST = "mains_lost"  # the site's supply failed: the lane runs on what is left in a battery
    OFFICER_KEY = "officer_key"  # the four buttons below are dead until this switch is turned
    OFFICER_OPEN = "officer_open"
    OFFICER_CLOSE = "officer_close"
    OFFICER_LET_OUT = "officer_let_out"
    OFFICER_RESET = "officer_reset"


class Signal(StrEnum):
    """Level of an input. UNKNOWN (broken wire, reader gone) is never taken for OFF by the interlock."""

    OFF = "off"
    ON = "on"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sensed:
    """Everything the interlock may know, as sensed now: positions, beams, occupancy, emergency inputs. No identity."""

    entry: Position = Position.UNKNOWN
    exit: Position = Position.UNKNOWN
    entry_beam: Beam = Beam.UNKNOWN
    exit_beam: Beam = Beam.UNKNOWN
    occupancy: Occupancy = Occupancy.UNKNOWN
    fire: Signal = Signal.UNKNOWN
    evacuate: Signal = Signal.UNKNOWN
    stop: Signal = Signal.UNKNOWN

    def position(self, door: DoorId) -> Position:
        return self.entry if door is DoorId.ENTRY else self.exit

    def beam(self, door: DoorId) -> Beam:
        return self.entry_beam if door is DoorId.ENTRY else self.exit_beam


# ---------------------------------------------------------------- states, purposes, reasons


class Phase(StrEnum):
    """What the lane is doing. `lane` holds the theory."""

    RECOVERING = "recovering"
    IDLE = "idle"
    TOKEN_PRESENTED = "token_presented"
    ENTRY_RELEASED = "entry_released"
    ENTERING = "entering"
    VERIFYING = "verifying"
    EXIT_RELEASED = "exit_released"
    LEAVING = "leaving"
    REFUSED = "refused"
    REFERRED = "referred"
    HOLD = "hold"
    EVACUATED = "evacuated"
    DEGRADED = "degraded"
    FAULT = "fault"
    MAINTENANCE = "maintenance"
    EXERCISE = "exercise"
    OUT_OF_SERVICE = "out_of_service"


class Timer(StrEnum):
    """The one timer of a phase. Lengths are in the lane file (`[timers]`, seconds)."""

    SCAN = "scan"  # the lane must look empty and secured for so long
    CHECK = "check"  # an answer about the token
    ENTER = "enter"  # somebody steps in
    SECURE = "secure"  # the entry door closes behind them
    VERIFY = "verify"  # backstop behind the procedure's own deadlines
    LEAVE = "leave"  # the exit door opens; the way through is walked
    LET_OUT = "let_out"  # a refused traveller walks out
    HOLD = "hold"  # an officer comes
    MAINTENANCE = "maintenance"
    EXERCISE = "exercise"  # a technician sees a door move


class Purpose(StrEnum):
    """Why a door is released: what the interlock demands depends on it, and nothing else does."""

    ENTER = "enter"
    ADMIT = "admit"
    WAY_OUT = "way_out"
    EMERGENCY = "emergency"
    EXERCISE = "exercise"


class Reason(StrEnum):
    """Why something was refused, dropped, alarmed or latched. One code per cause; the events carry no other text."""

    OK = "ok"
    # the token and its record
    TOKEN_MALFORMED = "token_malformed"
    TOKEN_UNKNOWN = "token_unknown"
    RECORD_EXPIRED = "record_expired"
    RECORD_REVOKED = "record_revoked"
    NO_CONSENT = "no_consent"
    NOT_ENROLLED = "not_enrolled"
    LOOKUP_TIMEOUT = "lookup_timeout"
    RECORDS_UNAVAILABLE = "records_unavailable"
    # a signed token
    TOKEN_FORGED = "token_forged"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_NOT_YET = "token_not_yet"
    TOKEN_ELSEWHERE = "token_elsewhere"  # for another lane or direction
    TOKEN_REPLAYED = "token_replayed"
    TOKEN_NOT_ALLOWED = "token_not_allowed"  # of a kind that this lane does not take
    TIME_UNVERIFIED = "time_unverified"
    # the travel document
    MRZ_MALFORMED = "mrz_malformed"
    NO_DOCUMENT = "no_document"
    DOCUMENT_KEY_WRONG = "document_key_wrong"  # the chip does not open with what is printed
    DOCUMENT_REMOVED = "document_removed"
    DOCUMENT_TIMEOUT = "document_timeout"
    DOCUMENT_UNREADABLE = "document_unreadable"
    DOCUMENT_UNSUPPORTED = "document_unsupported"
    DOCUMENT_ALTERED = "document_altered"
    DOCUMENT_SIGNER_UNKNOWN = "document_signer_unknown"
    DOCUMENT_SIGNER_REVOKED = "document_signer_revoked"
    DOCUMENT_SIGNER_EXPIRED = "document_signer_expired"
    DOCUMENT_EXPIRED = "document_expired"
    DOCUMENT_CLONED = "document_cloned"
    DOCUMENTS_UNAVAILABLE = "documents_unavailable"
    # the finger
    FINGER_MISMATCH = "finger_mismatch"
    NO_FINGER = "no_finger"
    FINGER_UNCLEAR = "finger_unclear"
    FINGER_NOT_ENROLLED = "finger_not_enrolled"
    FINGERS_UNAVAILABLE = "fingers_unavailable"
    # the face
    FACE_MISMATCH = "face_mismatch"
    NO_FACE = "no_face"
    TWO_FACES = "two_faces"
    FACE_TOO_SMALL = "face_too_small"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    PARTIAL_FACE = "partial_face"
    LOOKING_AWAY = "looking_away"
    NO_FRAME = "no_frame"
    VERIFY_TIMEOUT = "verify_timeout"
    VISION_UNAVAILABLE = "vision_unavailable"
    # people and doors
    NOBODY_ENTERED = "nobody_entered"
    TAILGATING = "tailgating"
    OCCUPANCY_UNKNOWN = "occupancy_unknown"
    OCCUPANT_VANISHED = "occupant_vanished"
    WILL_NOT_LEAVE = "will_not_leave"
    WRONG_WAY = "wrong_way"
    HELD_OPEN = "held_open"
    OBSTRUCTED = "obstructed"
    INTRUSION = "intrusion"
    UNCLEARED_EXIT = "uncleared_exit"
    DOOR_FORCED = "door_forced"
    DOOR_UNCONFIRMED = "door_unconfirmed"
    RELEASE_DROPPED = "release_dropped"
    # inputs and operators
    FIRE = "fire"
    EVACUATED = "evacuated"
    STOPPED = "stopped"
    CALLED = "called"
    TAMPERED = "tampered"
    MAINS_LOST = "mains_lost"
    CLOSED = "closed"
    MAINTENANCE = "maintenance"
    RESET = "reset"
    NOT_NOW = "not_now"
    # the machine
    DEVICE_LOST = "device_lost"
    DEVICE_WRONG = "device_wrong"
    DEVICE_NOT_SET_UP = "device_not_set_up"
    DEVICE_STUCK = "device_stuck"
    DEVICE_FLOODS = "device_floods"
    CAMERA_DARK = "camera_dark"
    CAMERA_BLINDED = "camera_blinded"
    CAMERA_COVERED = "camera_covered"
    CAMERA_FROZEN = "camera_frozen"
    OVERFLOW = "overflow"
    JOURNAL_BROKEN = "journal_broken"
    SOFTWARE = "software"
    RESTARTED = "restarted"
    # the interlock's own words
    OTHER_DOOR_NOT_SECURED = "other_door_not_secured"
    OTHER_DOOR_UNKNOWN = "other_door_unknown"
    NOT_THIS_DOOR = "not_this_door"
    OWN_DOOR_UNKNOWN = "own_door_unknown"
    NOT_EMPTY = "not_empty"
    NOT_EXACTLY_ONE = "not_exactly_one"
    EMERGENCY_INPUT = "emergency_input"
    NO_EMERGENCY = "no_emergency"


# ---------------------------------------------------------------- tokens, requests, replies, decisions


@dataclass(frozen=True, slots=True)
class Token:
    """What a reader read, as bytes. `symbology` is the AIM prefix (ISO/IEC 15424) or "" when the reader sends none."""

    payload: bytes = field(repr=False)
    symbology: str = ""


@dataclass(frozen=True, slots=True)
class LookUpRecord:
    """Request: whose token is this? Answered by `RecordFound` or `Failed`."""

    token: Token


@dataclass(frozen=True, slots=True)
class LetIn:
    """Request: release the entry door and wait until exactly one traveller stands inside behind a secured door.

    Answered by `Inside`; when nobody or too many come in, the lane ends the run itself.
    """


@dataclass(frozen=True, slots=True)
class VerifyFace:
    """Request: compare the face before the camera with this subject's templates (1:1). Answered within `deadline_s`."""

    subject: SubjectId = field(repr=False)
    deadline_s: float


@dataclass(frozen=True, slots=True)
class VerifyFinger:
    """Request: compare the finger on the scanner with this subject's template (1:1). Answered within `deadline_s`."""

    subject: SubjectId = field(repr=False)
    deadline_s: float


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """Request: read the chip of the document on the reader and prove it (ICAO 9303-11, -12).

    `mrz` is the machine readable zone as it was read, lines joined by line feeds: the key to the chip. Answered by
    `DocumentRead`, or by `Failed` with the reason why this document is not believed.
    """

    mrz: bytes = field(repr=False)
    deadline_s: float


@dataclass(frozen=True, slots=True)
class VerifyPortrait:
    """Request: compare the face before the camera with a document's portrait (JPEG or JPEG 2000, decoded in vision)."""

    portrait: bytes = field(repr=False)
    deadline_s: float


Question = LookUpRecord | VerifyFace | VerifyFinger | ReadDocument | VerifyPortrait
"""What is asked of records, vision or a device; `LetIn` is asked of the lane itself."""
Request = Question | LetIn


@dataclass(frozen=True, slots=True)
class RecordFound:
    subject: SubjectId = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inside:
    """Exactly one traveller stands between two secured doors."""


@dataclass(frozen=True, slots=True)
class FaceCompared:
    """`score` is a distance, smaller is more alike; `threshold` is the model card's for `fmr`."""

    matched: bool
    score: float
    threshold: float
    fmr: float
    frames: int


@dataclass(frozen=True, slots=True)
class FingerCompared:
    """`score` is the sensor's own measure, larger is more alike; `attempts` is how often the finger was laid down."""

    matched: bool
    score: int
    attempts: int


class ChipProof(StrEnum):
    """How a document's chip showed that it is not a copy."""

    NONE = "none"  # the document has no such key
    ACTIVE = "active"
    CHIP = "chip"


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """A document whose data groups are as they were signed, by a signer whom the CSCA store trusts.

    Days are written YYYY-MM-DD, XX for what the document does not say of a birth; codes are those of ICAO 9303-3.
    `portrait` is the picture of DG2, still encoded.
    """

    number: str = field(repr=False)
    issuer: str = field(repr=False)
    nationality: str = field(repr=False)
    born: str = field(repr=False)
    expires: str = field(repr=False)
    portrait: bytes = field(repr=False)
    proof: ChipProof


@dataclass(frozen=True, slots=True)
class Failed:
    """The question could not be answered, or its answer is no."""

    reason: Reason


Reply = RecordFound | Inside | FaceCompared | FingerCompared | DocumentRead | Failed


class Verdict(StrEnum):
    ADMIT = "admit"
    REFUSE = "refuse"
    REFER = "refer"  # to the counter, without blame


@dataclass(frozen=True, slots=True)
class Decision:
    """How a clearance procedure ends. Only an ADMIT that is committed to the journal ever releases the exit door."""

    verdict: Verdict
    reason: Reason
    subject: SubjectId | None = field(default=None, repr=False)


# ---------------------------------------------------------------- lane events (facts) and commands (wants)


@dataclass(frozen=True, slots=True)
class DoorIs:
    door: DoorId
    position: Position


@dataclass(frozen=True, slots=True)
class BeamIs:
    door: DoorId
    beam: Beam


@dataclass(frozen=True, slots=True)
class OccupancyIs:
    occupancy: Occupancy


@dataclass(frozen=True, slots=True)
class InputIs:
    input: Input
    signal: Signal


@dataclass(frozen=True, slots=True)
class ZoneIs:
    zone: Zone
    present: bool


@dataclass(frozen=True, slots=True)
class HealthIs:
    """True while every device and process that a passage needs is there."""

    ok: bool


@dataclass(frozen=True, slots=True)
class Started:
    """The first snapshot of every input was read; before this no output may move."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A token was read and a run began."""


@dataclass(frozen=True, slots=True)
class Invited:
    """The procedure wants the traveller inside."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The procedure's decision; an ADMIT arrives only after its commit."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ReleaseDropped:
    """The interlock did not permit a release when its turn came."""

    door: DoorId


@dataclass(frozen=True, slots=True)
class Faulted:
    """Something happened after which the lane cannot be trusted."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Elapsed:
    timer: Timer
    generation: int


@dataclass(frozen=True, slots=True)
class Operated:
    """An operator's order, after authorisation."""

    verb: "Verb"


class Verb(StrEnum):
    OPEN = "open"
    CLOSE = "close"
    RESET = "reset"
    LET_OUT = "let_out"
    MAINTAIN = "maintain"
    MAINTAIN_END = "maintain_end"
    EXERCISE_ENTRY = "exercise_entry"
    EXERCISE_EXIT = "exercise_exit"


LaneEvent = (
    DoorIs
    | OccupancyIs
    | InputIs
    | ZoneIs
    | HealthIs
    | Started
    | Presented
    | Invited
    | Decided
    | ReleaseDropped
    | Faulted
    | Elapsed
    | Operated
)


@dataclass(frozen=True, slots=True)
class Release:
    """Want a door released for a purpose, until `Secure`. The interlock has the last word, each time anew."""

    door: DoorId
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Secure:
    """Want a door closed and locked. It stays released while its beam is broken or unknown."""

    door: DoorId


@dataclass(frozen=True, slots=True)
class Arm:
    """Start the phase's timer; an `Elapsed` of any earlier generation is stale."""

    timer: Timer
    generation: int


@dataclass(frozen=True, slots=True)
class Proceed:
    """Exactly one is inside behind a secured door: tell the procedure."""


@dataclass(frozen=True, slots=True)
class EndRun:
    """The run is over; a pending admission is void. `passed`: left by the exit after an ADMIT."""

    passed: bool
    reason: Reason | None  # None: as the procedure decided


@dataclass(frozen=True, slots=True)
class Alarm:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Latch:
    """Keep this first cause on disk: the lane stays in FAULT through restarts until a reset."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Unlatch:
    """An authorised reset after a sweep: forget the latched cause."""


LaneCommand = Release | Secure | Arm | Proceed | EndRun | Alarm | Latch | Unlatch


# ---------------------------------------------------------------- what is written down and published


class FactKind(StrEnum):
    """Kinds of journalled events; the part after `gatefw.` of their CloudEvents type. `events` holds their schema."""

    SERVICE_STARTED = "service.started"
    SERVICE_STOPPED = "service.stopped"
    PHASE_CHANGED = "lane.phase_changed"
    PASSAGE_STARTED = "passage.started"
    FACE_COMPARED = "passage.face_compared"
    FINGER_COMPARED = "passage.finger_compared"
    DOCUMENT_READ = "passage.document_read"
    PASSAGE_DECIDED = "passage.decided"
    PASSAGE_ENDED = "passage.ended"
    DOOR_RELEASED = "door.released"
    RELEASE_DROPPED = "door.release_dropped"
    DOOR_SECURED = "door.secured"
    DOOR_MOVED = "door.moved"
    INPUT_CHANGED = "input.changed"
    ALARM_RAISED = "alarm.raised"
    DEVICE_LOST = "device.lost"
    DEVICE_RECOVERED = "device.recovered"
    DEVICE_IMPAIRED = "device.impaired"
    DEVICE_RESTORED = "device.restored"
    FAULT_LATCHED = "fault.latched"
    FAULT_RESET = "fault.reset"
    OPERATOR_ORDERED = "operator.ordered"
    SUBJECT_ENROLLED = "subject.enrolled"
    SUBJECT_REVOKED = "subject.revoked"
    FINGER_ENROLLED = "subject.finger_enrolled"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened or was decided, to be journalled and then published.

    `fields` hold numbers, booleans and codes only, as `events` allows for the kind. `subject` goes into the journal
    sealed and is never published.
    """

    kind: FactKind
    run: RunId | None = None
    fields: tuple[tuple[str, str | int | float | bool], ...] = ()
    subject: SubjectId | None = field(default=None, repr=False)
