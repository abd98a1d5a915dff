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
    """The doors of a lane, named by the way a traveller goes: both, the exit alone, or none."""

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
    """People between the doors, or on the marked spot before the only one."""

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
    CONFIRM = "confirm"  # the traveller's own two buttons, for `Confirm`
    DECLINE = "decline"


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
    HEAD_TILTED = "head_tilted"
    UNEVEN_LIGHT = "uneven_light"
    LOW_CONTRAST = "low_contrast"
    NO_FRAME = "no_frame"
    VERIFY_TIMEOUT = "verify_timeout"
    VISION_UNAVAILABLE = "vision_unavailable"
    # the face among many
    NOT_IDENTIFIED = "not_identified"
    AMBIGUOUS = "ambiguous"  # two people of the gallery are alike enough: never "take the best"
    GALLERY_TOO_LARGE = "gallery_too_large"  # for what the model can tell apart at the lane's FPIR
    GALLERY_DAMAGED = "gallery_damaged"  # a part of it does not open: whoever is in it is not found
    SCORES_DRIFT = "scores_drift"  # strangers come nearer, or stay farther, than the model card predicts
    # presentation attacks
    LIVENESS_UNAVAILABLE = "liveness_unavailable"  # no detector, or none that was evaluated independently
    NOT_LIVE = "not_live"
    # who may pass here: one code per rule of a lane file (`eligibility`)
    NOT_ELIGIBLE = "not_eligible"
    NOT_RESIDENT = "not_resident"
    NOT_ELIGIBLE_RESIDENT = "not_eligible_resident"
    NOT_REGISTERED = "not_registered"
    UNDER_AGE = "under_age"
    DOCUMENT_KIND_WRONG = "document_kind_wrong"
    DOCUMENT_NOT_ELECTRONIC = "document_not_electronic"
    PERMIT_MISSING = "permit_missing"
    PERMIT_EXPIRED = "permit_expired"
    PERMIT_NOT_YET = "permit_not_yet"
    ENDORSEMENT_MISSING = "endorsement_missing"
    ENDORSEMENT_KIND_WRONG = "endorsement_kind_wrong"
    ENDORSEMENT_SINGLE = "endorsement_single"
    ENDORSEMENT_EXPIRED = "endorsement_expired"
    ENDORSEMENT_ELSEWHERE = "endorsement_elsewhere"
    PURPOSE_NOT_PRIVATE = "purpose_not_private"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    AREA_PERMIT_MISSING = "area_permit_missing"
    AREA_PERMIT_EXPIRED = "area_permit_expired"
    NOT_DESIGNATED = "not_designated"
    WRONG_DIRECTION = "wrong_direction"
    WRONG_JOURNEY = "wrong_journey"
    WRONG_PLACE = "wrong_place"  # of this journey, but another gate or port
    JOURNEY_OVER = "journey_over"
    TOUCHPOINT_SKIPPED = "touchpoint_skipped"
    TOUCHPOINT_REPEATED = "touchpoint_repeated"
    TOO_MANY_TRIES = "too_many_tries"
    ENROLLED_TWICE = "enrolled_twice"  # the same face under two identities
    # the traveller's own word
    DECLINED = "declined"  # "that is not me"
    NOT_CONFIRMED = "not_confirmed"
    WALKED_AWAY = "walked_away"
    PERSON_SWAPPED = "person_swapped"  # not the one inside who was identified outside
    # the authorities
    STOP_LISTED = "stop_listed"
    DOCUMENT_USED_TWICE = "document_used_twice"
    AUTHORITY_REFUSED = "authority_refused"
    AUTHORITY_UNAVAILABLE = "authority_unavailable"  # late, lost, or its answer does not hold
    SEE_COUNTER = "see_counter"  # what the traveller is shown of a hit
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
    HELD = "held"  # by an officer's order
    CALLED = "called"
    TAMPERED = "tampered"
    MAINS_LOST = "mains_lost"
    CLOSED = "closed"
    MAINTENANCE = "maintenance"
    RESET = "reset"
    NOT_NOW = "not_now"
    NOT_PERMITTED = "not_permitted"
    ORDER_EXPIRED = "order_expired"
    ORDER_REPLAYED = "order_replayed"
    # the machine
    DEVICE_LOST = "device_lost"
    DEVICE_WRONG = "device_wrong"
    DEVICE_NOT_SET_UP = "device_not_set_up"
    DEVICE_STUCK = "device_stuck"
    DEVICE_FLOODS = "device_floods"
    DEVICE_AWAY = "device_away"  # tried often and in vain; it goes on being tried
    STALLED = "stalled"  # a thread of the gate that has work and does none
    PROCESS_STUCK = "process_stuck"  # killed and still there: it hangs in the kernel
    CAMERA_DARK = "camera_dark"
    CAMERA_BLINDED = "camera_blinded"
    CAMERA_COVERED = "camera_covered"
    CAMERA_FROZEN = "camera_frozen"
    OVERFLOW = "overflow"
    JOURNAL_BROKEN = "journal_broken"
    JOURNAL_FILLING = "journal_filling"  # nearly as large as it may be, or the disk nearly full
    JOURNAL_FULL = "journal_full"
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


@dataclass(frozen=True, slots=True)
class IdentifyFace:
    """Request: whose face of the gallery is before the identifying camera (1:N)? Answered by `FaceIdentified`.

    NOT_IDENTIFIED, AMBIGUOUS and what keeps a face from being compared are `Failed`. A probe without a hit is dropped.
    """

    deadline_s: float


@dataclass(frozen=True, slots=True)
class CheckEligibility:
    """Request: may this person pass here and now, by every rule of the lane file? Answered by `Eligible`, `Ineligible`.

    Of a registered `subject`, by the record; of a visitor without one, by the `document` alone.
    """

    subject: SubjectId | None = field(default=None, repr=False)
    document: "DocumentRead | None" = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Confirm:
    """Request: show the traveller the data read, and wait for their yes. Answered by `Confirmed`.

    DECLINED, NOT_CONFIRMED (no answer in time) and WALKED_AWAY are `Failed`.
    """

    subject: SubjectId = field(repr=False)
    deadline_s: float


@dataclass(frozen=True, slots=True)
class AskAuthorities:
    """Request: has any authority something against this passage? Answered by `Cleared` when every one says yes, signed.

    STOP_LISTED, DOCUMENT_USED_TWICE, AUTHORITY_REFUSED and AUTHORITY_UNAVAILABLE are `Failed`.
    """

    subject: SubjectId | None = field(default=None, repr=False)
    document: "DocumentRead | None" = field(default=None, repr=False)
    deadline_s: float = 2.0


@dataclass(frozen=True, slots=True)
class EnrolTraveller:
    """Request: register whoever stands before the camera, as the document says, for the lane's journey.

    The face was compared with the document's portrait before. Answered by `Enrolled`.
    """

    document: "DocumentRead" = field(repr=False)
    deadline_s: float


Question = (
    LookUpRecord
    | VerifyFace
    | VerifyFinger
    | ReadDocument
    | VerifyPortrait
    | IdentifyFace
    | CheckEligibility
    | Confirm
    | AskAuthorities
    | EnrolTraveller
)
"""What is asked of records, vision, a device or an authority; `LetIn` is asked of the lane itself."""


class Asked(StrEnum):
    """Each kind of `Question`, as the journal names it."""

    LOOK_UP_RECORD = "look_up_record"
    VERIFY_FACE = "verify_face"
    VERIFY_FINGER = "verify_finger"
    READ_DOCUMENT = "read_document"
    VERIFY_PORTRAIT = "verify_portrait"
    IDENTIFY_FACE = "identify_face"
    CHECK_ELIGIBILITY = "check_eligibility"
    CONFIRM = "confirm"
    ASK_AUTHORITIES = "ask_authorities"
    ENROL_TRAVELLER = "enrol_traveller"


@dataclass(frozen=True, slots=True)
class Together:
    """Request: ask all of these at once. Answered by `AllAnswered`, when the last reply is there."""

    questions: tuple[Question, ...]


Request = Question | LetIn | Together


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
class FaceIdentified:
    """One person of the gallery, and no other, is alike enough.

    `score` is a distance, smaller is more alike; `threshold` is the model card's for `fpir` among as many people as the
    lane allows, of whom `gallery` are enrolled.
    """

    subject: SubjectId = field(repr=False)
    score: float
    threshold: float
    gallery: int
    fpir: float
    frames: int
    more_evidence: bool = False
    """The gallery has outgrown what a face alone can tell apart at that rate: the lane asks for more."""


@dataclass(frozen=True, slots=True)
class Eligible:
    """Every rule of the lane file holds."""


@dataclass(frozen=True, slots=True)
class Ineligible:
    """The rules that do not hold, all of them, by name and reason, in the order of the lane file; at least one.

    `verdict` is REFUSE only when one of them says so: else the counter decides.
    """

    failed: tuple[tuple[str, Reason], ...]
    verdict: "Verdict"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The traveller said yes to what was shown."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """Every authority of the lane said yes; each by its name in the lane file."""

    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """`twice`: somebody else of the gallery has this face; an officer looks at it."""

    subject: SubjectId = field(repr=False)
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The question could not be answered, or its answer is no."""

    reason: Reason


Answer = (
    RecordFound
    | FaceCompared
    | FingerCompared
    | DocumentRead
    | FaceIdentified
    | Eligible
    | Ineligible
    | Confirmed
    | Cleared
    | Enrolled
    | Failed
)
"""The reply to one `Question`."""


@dataclass(frozen=True, slots=True)
class AllAnswered:
    """The answers to what was asked together, in that order."""

    answers: tuple[Answer, ...]


Reply = Answer | Inside | AllAnswered


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
    """A token was read, or somebody stepped before the camera, and a run began."""


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
    LET_OUT_ENTRY = "let_out_entry"
    LET_OUT_EXIT = "let_out_exit"
    HOLD = "hold"
    EVACUATE = "evacuate"
    MAINTAIN = "maintain"
    MAINTAIN_EXTEND = "maintain_extend"
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
    REBOOT_WANTED = "service.reboot_wanted"
    PHASE_CHANGED = "lane.phase_changed"
    PASSAGE_STARTED = "passage.started"
    FACE_COMPARED = "passage.face_compared"
    FINGER_COMPARED = "passage.finger_compared"
    DOCUMENT_READ = "passage.document_read"
    FACE_IDENTIFIED = "passage.face_identified"
    RULE_FAILED = "passage.rule_failed"
    QUESTION_FAILED = "passage.question_failed"
    CONFIRMED = "passage.confirmed"
    AUTHORITIES_CLEARED = "passage.authorities_cleared"
    CLEARED_BY_HAND = "passage.cleared_by_hand"
    CASE_SEEN = "passage.case_seen"  # an officer was shown whom it is about
    PASSAGE_DECIDED = "passage.decided"
    PASSAGE_ENDED = "passage.ended"
    DOOR_RELEASED = "door.released"
    RELEASE_DROPPED = "door.release_dropped"
    DOOR_SECURED = "door.secured"
    DOOR_MOVED = "door.moved"
    INPUT_CHANGED = "input.changed"
    ALARM_RAISED = "alarm.raised"
    ALARM_SILENT = "alarm.silent"  # somebody is under duress: nothing at the lane may tell of it
    ALARM_ACKNOWLEDGED = "alarm.acknowledged"
    DEVICE_LOST = "device.lost"
    DEVICE_RECOVERED = "device.recovered"
    DEVICE_IMPAIRED = "device.impaired"
    DEVICE_RESTORED = "device.restored"
    FAULT_LATCHED = "fault.latched"
    FAULT_RESET = "fault.reset"
    OPERATOR_ORDERED = "operator.ordered"
    MAINTENANCE_STARTED = "maintenance.started"
    MAINTENANCE_EXTENDED = "maintenance.extended"
    MAINTENANCE_ENDING = "maintenance.ending"
    MAINTENANCE_ENDED = "maintenance.ended"
    COMMISSIONED = "maintenance.commissioned"
    KEY_GRANTED = "bus_key.granted"
    KEY_REVOKED = "bus_key.revoked"
    SUBJECT_ENROLLED = "subject.enrolled"
    SUBJECT_REVOKED = "subject.revoked"
    FINGER_ENROLLED = "subject.finger_enrolled"
    CONSENT_WITHDRAWN = "subject.consent_withdrawn"
    ENROLLED_TWICE = "subject.enrolled_twice"
    REFUSED_OFTEN = "subject.refused_often"
    PARTITION_MADE = "gallery.partition_made"
    PARTITION_DESTROYED = "gallery.partition_destroyed"
    CLEARANCE_QUEUED = "authority.record_queued"
    CLEARANCE_DELIVERED = "authority.record_delivered"
    CLEARANCE_ERASED = "authority.record_erased"
    CONFIG_LOADED = "config.loaded"
    JOURNAL_CHECKPOINT = "journal.checkpoint"
    JOURNAL_ACKNOWLEDGED = "journal.acknowledged"
    JOURNAL_REMOVED = "journal.removed"


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
