"""The outward schema: what an event may hold, and the CloudEvents 1.0 envelope it travels in.

The table `FIELDS` is closed: each kind of fact has these fields and no others, all but those in `OPTIONAL`, and a field
is one of a few words, a bounded number, a truth value or a short code. There is no type for free text, a picture, a
name or a document number, so no event can hold one: a fact that does not fit is refused before it reaches the disk.
`docs/events.md` and `docs/events.schema.json` are made from this table by `events_docs`.
"""

import json
import secrets
from collections.abc import Mapping
from enum import StrEnum

from gatefw.errors import FaultError
from gatefw.event_fields import Code, FieldType, Number, Truth, Word, describe
from gatefw.model import (
    Asked,
    ChipProof,
    DoorId,
    Fact,
    FactKind,
    Input,
    Phase,
    Position,
    Purpose,
    Reason,
    RunId,
    Signal,
    Verb,
    Verdict,
)
from gatefw.wall_time import WallTime

SPEC_VERSION = "1.0"
TYPE_VERSION = "v1"


def _any(words: type[StrEnum]) -> Word:
    return Word(words.__name__, tuple(word.value for word in words))


# A run of four digits is where a document number begins: no device of ours is called so.
DEVICE = Code(r"(?!.*[0-9]{4})[a-z0-9_.\-]{1,40}", "a device's name in the lane file")
_BUS = r"bus-(?!.*[0-9]{4})[a-z][a-z0-9\-]{0,29}(/[a-z][a-z0-9\-]{0,29})?"
OPERATOR = Code(
    rf"uid-[0-9]{{1,10}}|key-switch|lane|{_BUS}",
    "who ordered it: a user of this machine by number, whoever has the key, the lane by itself, a bus key by name, and "
    "behind it who said so there, by initials or badge",
)
TECHNICIAN = Code(
    r"(?!.*[0-9]{4})[a-z][a-z0-9\-]{0,29}", "initials or a badge of a technician in small letters; never a full name"
)
KEY_NAME = Code(r"(?!.*[0-9]{4})[a-z][a-z0-9\-]{0,29}", "a bus key's name: of a desk or program, never a person's")
RULE = Code(r"(?!.*[0-9]{4})[a-z][a-z0-9_\-]{0,39}", "a rule's name in the lane file")
PARTITION = Code(r"[a-z0-9][a-z0-9\-]{0,39}", "a partition's name: a flight, a permit class, a park; never a person's")
RUN = Code(r"[0-9a-f]{16}", "64 random bits, new for each passage")
EPOCH = Code(r"[0-9a-f]{16}", "64 random bits, new for each journal")
LANE = Code(r"[a-z0-9\-]{1,40}", "the lane's name in its file")
AIM = Code(r"(\][A-Za-z][0-9A-Za-z])?", "AIM symbology prefix (ISO/IEC 15424), empty when the reader sends none")
SHA256 = Code(r"[0-9a-f]{64}", "a SHA-256 digest")
_ROW = r"lane=[a-z0-9\-]{1,40} epoch=[0-9a-f]{16} n=(0|[1-9][0-9]{0,15}) hash=[0-9a-f]{64}"
_SIGNED = r"key=[0-9a-f]{64} signature=[0-9a-f]{128}"
ANCHOR = Code(
    rf"gatefw-checkpoint-1 {_ROW} time=[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:.]{{15}}Z clock=(un)?synchronised "
    rf"previous=[0-9a-f]{{64}} {_SIGNED}",
    "a signed checkpoint of the journal, in one line; see audit.md",
)
RECEIPT = Code(
    rf"(gatefw-receipt-1 {_ROW} {_SIGNED})?", "what the archive signed; empty where its word is an operator's"
)
VERSION = Code(r"[0-9]{1,3}(\.[0-9]{1,3}){2}((a|b|rc|\.dev|\.post)[0-9]{1,3})?", "the version of gatefw")
# Every order over the control socket that changes something, or shows a person: those of the lane, and the others.
ORDERS = Word(
    "Order",
    (
        *(verb.value for verb in Verb),
        "enrol",
        "enrol_finger",
        "revoke",
        "withdraw_consent",
        "change_facts",
        "partition_make",
        "partition_change",
        "partition_destroy",
        "clear_by_hand",
        "silent_alarm",
        "acknowledge",
        "case",
        "reload",
        "stop",
        "device_test",
        "device_trace",
        "device_trace_raw",
        "device_renew_secret",
        "device_install",
        "commission_sign",
        "journal_acknowledge",
        "key_new",
        "key_revoke",
        "key_rotate",
    ),
)

BY_HAND = Word(
    "ByHand",
    ("document_seen", "face_seen", "child", "wheelchair", "veil", "device_failed", "authority_asked", "other"),
)
"""Why the counter's officer cleared somebody whom the lane referred."""

MAINTAINED_FOR = Word(
    "MaintainedFor", ("fitting", "commissioning", "inspection", "fault", "repair", "cleaning", "training", "other")
)
"""Why somebody has a lane for maintenance."""

ORDERED_FOR = Word(
    "OrderedFor",
    (
        *("fire", "medical", "threat", "trapped", "incident", "search", "crowd", "technical", "looked", "colleague"),
        "other",
    ),
)
"""Why an officer gave an order to the lane; `looked` and `colleague`: who saw that it may be reset."""

_PEOPLE = Number(0, 100_000_000, whole=True)
_EVENTS = Number(0, 9_007_199_254_740_991, whole=True)
_STAY_S = Number(0, 86_400)
_DOOR, _REASON, _PHASE = _any(DoorId), _any(Reason), _any(Phase)

FIELDS: Mapping[FactKind, Mapping[str, FieldType]] = {
    FactKind.SERVICE_STARTED: {"version": VERSION, "phase": _PHASE},
    FactKind.SERVICE_STOPPED: {},
    FactKind.REBOOT_WANTED: {"reason": _REASON},
    FactKind.PHASE_CHANGED: {"phase": _PHASE, "previous": _PHASE},
    FactKind.PASSAGE_STARTED: {"reader": DEVICE, "symbology": AIM},
    FactKind.FACE_COMPARED: {
        "matched": Truth(),
        "score": Number(0, 4),
        "threshold": Number(0, 4),
        "fmr": Number(0, 1),
        "frames": Number(0, 1_000_000, whole=True),
    },
    FactKind.FINGER_COMPARED: {
        "matched": Truth(),
        "score": Number(0, 65535, whole=True),
        "attempts": Number(0, 100, whole=True),
    },
    FactKind.DOCUMENT_READ: {"proof": _any(ChipProof)},
    FactKind.FACE_IDENTIFIED: {
        "score": Number(0, 4),
        "threshold": Number(0, 4),
        "gallery": _PEOPLE,
        "fpir": Number(0, 1),
        "frames": Number(0, 1_000_000, whole=True),
    },
    FactKind.RULE_FAILED: {"rule": RULE, "reason": _REASON},
    FactKind.QUESTION_FAILED: {"question": _any(Asked), "reason": _REASON},
    FactKind.CONFIRMED: {},
    FactKind.AUTHORITIES_CLEARED: {"authorities": Number(0, 8, whole=True)},
    FactKind.CLEARED_BY_HAND: {"by": OPERATOR, "why": BY_HAND},
    FactKind.CASE_SEEN: {"by": OPERATOR},
    FactKind.PASSAGE_DECIDED: {"verdict": _any(Verdict), "reason": _REASON},
    FactKind.PASSAGE_ENDED: {"passed": Truth(), "reason": _REASON, "seconds": Number(0, 10_000_000)},
    FactKind.DOOR_RELEASED: {"door": _DOOR, "purpose": _any(Purpose), "alarm": Truth()},
    FactKind.RELEASE_DROPPED: {"door": _DOOR, "purpose": _any(Purpose), "reason": _REASON},
    FactKind.DOOR_SECURED: {"door": _DOOR},
    FactKind.DOOR_MOVED: {"door": _DOOR, "position": _any(Position)},
    FactKind.INPUT_CHANGED: {"input": _any(Input), "signal": _any(Signal)},
    FactKind.ALARM_RAISED: {"reason": _REASON},
    FactKind.ALARM_SILENT: {"by": OPERATOR},
    FactKind.ALARM_ACKNOWLEDGED: {"event": _EVENTS, "by": OPERATOR},
    FactKind.DEVICE_LOST: {"device": DEVICE, "reason": _REASON},
    FactKind.DEVICE_RECOVERED: {"device": DEVICE},
    FactKind.DEVICE_IMPAIRED: {"device": DEVICE, "reason": _REASON},
    FactKind.DEVICE_RESTORED: {"device": DEVICE, "reason": _REASON},
    FactKind.FAULT_LATCHED: {"reason": _REASON},
    FactKind.FAULT_RESET: {"by": OPERATOR},
    FactKind.OPERATOR_ORDERED: {
        "verb": ORDERS,
        "by": OPERATOR,
        "accepted": Truth(),
        "reason": _REASON,
        "why": ORDERED_FOR,
    },
    FactKind.MAINTENANCE_STARTED: {"by": OPERATOR, "name": TECHNICIAN, "why": MAINTAINED_FOR, "seconds": _STAY_S},
    FactKind.MAINTENANCE_EXTENDED: {"by": OPERATOR, "name": TECHNICIAN, "why": MAINTAINED_FOR, "seconds": _STAY_S},
    FactKind.MAINTENANCE_ENDING: {"seconds": _STAY_S},
    FactKind.MAINTENANCE_ENDED: {"by": OPERATOR, "name": TECHNICIAN, "phase": _PHASE},
    FactKind.COMMISSIONED: {
        "by": OPERATOR,
        "name": TECHNICIAN,
        "report": SHA256,
        "passed": Truth(),
        "complete": Truth(),
    },
    FactKind.KEY_GRANTED: {"key": KEY_NAME, "read": Truth(), "operate": Truth(), "maintain": Truth(), "by": OPERATOR},
    FactKind.KEY_REVOKED: {"key": KEY_NAME, "by": OPERATOR},
    FactKind.SUBJECT_ENROLLED: {"by": OPERATOR},
    FactKind.SUBJECT_REVOKED: {"by": OPERATOR},
    FactKind.FINGER_ENROLLED: {"by": OPERATOR},
    FactKind.CONSENT_WITHDRAWN: {"by": OPERATOR},
    FactKind.ENROLLED_TWICE: {},
    FactKind.REFUSED_OFTEN: {"tries": Number(1, 1000, whole=True)},
    FactKind.PARTITION_MADE: {"partition": PARTITION, "by": OPERATOR},
    FactKind.PARTITION_DESTROYED: {
        "partition": PARTITION,
        "by": OPERATOR,
        "people": _PEOPLE,
    },
    FactKind.CLEARANCE_QUEUED: {"authority": DEVICE},
    FactKind.CLEARANCE_DELIVERED: {"authority": DEVICE},
    FactKind.CLEARANCE_ERASED: {"authority": DEVICE, "records": _PEOPLE},
    FactKind.CONFIG_LOADED: {
        "sha256": SHA256,
        "version": VERSION,
        "reversed": Truth(),
        "last_known_good": Truth(),
    },
    FactKind.JOURNAL_CHECKPOINT: {"anchor": ANCHOR},
    FactKind.JOURNAL_ACKNOWLEDGED: {"upto": _EVENTS, "hash": SHA256, "by": OPERATOR, "receipt": RECEIPT},
    FactKind.JOURNAL_REMOVED: {"upto": _EVENTS},
}

OPTIONAL: Mapping[FactKind, frozenset[str]] = {FactKind.OPERATOR_ORDERED: frozenset({"why"})}
"""Fields that are there only where they were said: an order needs no reason, and older ones have none."""


def required(kind: FactKind) -> frozenset[str]:
    """The fields without which there is no such event."""
    return frozenset(FIELDS[kind]) - OPTIONAL.get(kind, frozenset())


def new_run() -> RunId:
    """The id of one more passage: 64 random bits, which lead to nobody."""
    return RunId(secrets.token_hex(8))


def check(fact: Fact) -> None:
    """Raise FaultError unless `fact` has the fields of its kind and no others, each of its type.

    The message names kind and field and never repeats the value: what does not fit may be what must not be told.
    """
    wanted = FIELDS[fact.kind]
    given = dict(fact.fields)
    if len(given) != len(fact.fields) or not required(fact.kind) <= given.keys() <= wanted.keys():
        found = ", ".join(sorted(name for name in given if name in wanted)) or "none of them"
        raise FaultError(
            f"event {fact.kind.value}: its fields are {', '.join(wanted) or 'none'}; "
            f"found {found} and {len(fact.fields) - len(given.keys() & wanted.keys())} that do not belong"
        )
    for name, value in given.items():
        if not wanted[name].fits(value):
            raise FaultError(f"event {fact.kind.value}: field {name} is not {describe(wanted[name])}")
    if fact.run is not None and not RUN.fits(fact.run):
        raise FaultError(f"event {fact.kind.value}: the run id is not {describe(RUN)}")


# ---------------------------------------------------------------- the envelope


def type_of(kind: str) -> str:
    """The CloudEvents type, which is also the topic on the bus: `gatefw.door.released.v1`.

    Also of a kind that is not ours: a newer version, which was taken back, may have written it.
    """
    return f"gatefw.{kind}.{TYPE_VERSION}"


def encode(fact: Fact, lane: str, epoch: str, n: int, at: WallTime) -> bytes:
    """The event as it is journalled and published: CloudEvents 1.0 JSON, UTF-8, about 400 bytes.

    `n` counts from 1 within `epoch`. `subject` is not part of it. Raises FaultError as `check` does.
    """
    check(fact)
    event: dict[str, object] = {
        "specversion": SPEC_VERSION,
        "id": f"{epoch}:{n}",
        "source": f"/gatefw/{lane}",
        "type": type_of(fact.kind),
        "time": at.rfc3339,
        "datacontenttype": "application/json",
        "sequence": f"{n:020d}",  # the registered extension is a string that sorts as the numbers do
        "epoch": epoch,
        "clockquality": at.quality,
    }
    if fact.run is not None:
        event["run"] = fact.run
    event["data"] = dict(fact.fields)
    return json.dumps(event, separators=(",", ":"), allow_nan=False).encode()
