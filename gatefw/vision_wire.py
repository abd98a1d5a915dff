"""What the vision process says, as its supervisor reads it: nothing of it is believed before it was looked at.

The vision process decodes what strangers show it, so it may be somebody else's by now. Whatever it sends, it can say no
more than these messages, and no longer ones. The protocol is drawn in `vision`. Standard library only.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gatefw.errors import BadReply
from gatefw.model import Answer, FaceCompared, FaceIdentified, Failed, Reason, SubjectId

Message = Mapping[str, Any]

PORTRAIT_BYTES_MAX = 128 * 1024
REQUEST_BYTES = 192 * 1024
"""The longest line a supervisor sends: a portrait in base64, and what stands around it."""
CODE_BYTES_MAX = 2953
"""What the largest QR code can hold (ISO/IEC 18004, version 40-L, bytes)."""
WHY_CHARS_MAX = 200
SUBJECT_CHARS_MAX = 64
TWICE_MAX = 1000
LISTED = 300
"""So many people stand in one answer to `list`: a line holds no more. A full one has perhaps more after it."""
PEOPLE_MAX = 100_000_000
AILMENTS = frozenset({Reason.CAMERA_DARK, Reason.CAMERA_BLINDED, Reason.CAMERA_COVERED, Reason.CAMERA_FROZEN})
OWN_AILMENTS = frozenset({Reason.GALLERY_TOO_LARGE, Reason.GALLERY_DAMAGED, Reason.SCORES_DRIFT})
"""What may ail the process itself, whose cameras see well."""
UNDECIDED = frozenset({"hint", "judged"})
"""What is said of a question about a face while it is open."""
COMPONENTS = (
    "face_found",
    "face_in_picture",
    "inter_eye_distance",
    "under_exposure_prevention",
    "over_exposure_prevention",
    "luminance_mean",
    "illumination_uniformity",
    "dynamic_range",
    "head_pose_yaw",
    "head_pose_roll",
    "sharpness",
)
"""Of the quality of a face, each 0 to 100, as `biometrics.quality` measures them: docs/quality.md."""
LOST = frozenset(
    {Reason.DEVICE_LOST, Reason.DEVICE_WRONG, Reason.DEVICE_NOT_SET_UP, Reason.DEVICE_STUCK, Reason.SOFTWARE}
)


@dataclass(frozen=True, slots=True)
class CameraState:
    """How a camera is: `lost` when no frames come, else perhaps what ails the picture. `why` is for people."""

    lost: Reason | None = None
    ail: Reason | None = None
    why: str = ""

    def message(self) -> dict[str, str]:
        return {"lost": self.lost or "", "ail": self.ail or "", "why": self.why[:WHY_CHARS_MAX]}


WRONG_WAY = CameraState(Reason.DEVICE_WRONG, why="the vision process has the lane the other way round: see `reverse`")
"""Of every camera, where vision and supervisor differ in which end of the lane is which: one that looks at the wrong
end would find the wrong people."""


def cameras_told(health: object, reverse: bool = False) -> dict[str, CameraState]:
    """The state of each camera in a health message; `reverse`: which way the lane goes. Raises BadReply."""
    try:
        if not isinstance(health, dict) or not isinstance(health["cameras"], dict):
            raise TypeError(health)
        differs = (health.get("reversed") is True) is not reverse
        told = {str(name): _camera_told(each) for name, each in health["cameras"].items()}
        return dict.fromkeys(told, WRONG_WAY) if differs else told
    except (KeyError, TypeError, ValueError) as error:
        raise BadReply(f"vision: not a word on its health: {type(error).__name__}") from error


def ailments_told(health: object) -> frozenset[Reason]:
    """What ails the process itself, by a health message; nothing when it does not say. Raises BadReply."""
    try:
        told = health["ailments"] if isinstance(health, dict) and "ailments" in health else []
        if not isinstance(told, list) or len(told) > len(OWN_AILMENTS):
            raise TypeError
        found = frozenset(Reason(each) for each in told)
        if not found <= OWN_AILMENTS:
            raise ValueError
    except (TypeError, ValueError) as error:
        raise BadReply(f"vision: not a word on its health: {type(error).__name__}") from None
    return found


def _camera_told(told: Mapping[str, str]) -> CameraState:
    lost = Reason(told["lost"]) if told["lost"] else None
    ail = Reason(told["ail"]) if told["ail"] else None
    if lost not in {None, *LOST} or ail not in {None, *AILMENTS}:
        raise ValueError("no such state")
    return CameraState(lost, ail, str(told["why"])[:WHY_CHARS_MAX])


def figures_told(done: object, camera: str) -> dict[str, object]:
    """How a camera's pictures are: its state, frames a second, grey level 0 to 255, size; and how steep its edges are
    at best (`camera_watch.steepness`), once it has seen one. Raises BadReply.
    """
    try:
        if not isinstance(done, dict):
            raise TypeError
        told = done["cameras"][camera]
        state = _camera_told(told)
        rate, grey = float(told["frames_per_s"]), float(told["brightness"])
        width_px, height_px = int(told["width_px"]), int(told["height_px"])
        focus = told.get("focus")
        sharp = {} if focus is None else {"focus": round(float(focus), 2)}
        if not (0 <= rate < 10_000 and 0 <= grey <= 255 and 0 <= width_px < 100_000 and 0 <= height_px < 100_000):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BadReply(f"vision: no figures of {camera}") from None
    size = {"width_px": width_px, "height_px": height_px}
    return {**state.message(), "frames_per_s": round(rate, 1), "brightness": round(grey), **size, **sharp}


def code_found(found: object) -> tuple[str, bytes]:
    """Which camera saw which code. Raises BadReply, without what it says: it may be somebody's code."""
    try:
        if not isinstance(found, dict):
            raise TypeError
        camera, payload = found["camera"], base64.b64decode(found["payload"], validate=True)
        if not isinstance(camera, str) or not 0 < len(payload) <= CODE_BYTES_MAX:
            raise ValueError
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise BadReply("vision: not a code that a camera saw") from None
    return camera, payload


def hint_told(hint: object) -> Reason:
    """What keeps the traveller's face from being compared. Raises BadReply."""
    try:
        return Reason(str(hint))
    except ValueError:
        raise BadReply("vision: a hint that is none") from None


def quality_told(judged: object) -> tuple[str, dict[str, int]]:
    """Which camera saw a face, and how good each component of its picture was, 0 to 100. Raises BadReply."""
    try:
        if not isinstance(judged, dict):
            raise TypeError
        camera, told = judged["camera"], judged["quality"]
        if not isinstance(camera, str) or not isinstance(told, dict) or told.keys() != set(COMPONENTS):
            raise ValueError
        if not all(type(value) is int and 0 <= value <= 100 for value in told.values()):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise BadReply("vision: not the quality of a face") from None
    return camera, {name: told[name] for name in COMPONENTS}


@dataclass(frozen=True, slots=True)
class EnrolTold:
    """What became of an `enrol` or `enrol_live`. Nobody is enrolled unless the reason is OK.

    twice: others with this face; None where nobody was looked for, because too many are enrolled.
    """

    reason: Reason
    templates: int
    twice: tuple[SubjectId, ...] | None = field(repr=False)


def enrol_told(done: object) -> EnrolTold:
    """What became of an enrolment. Raises BadReply."""
    try:
        if not isinstance(done, dict):
            raise TypeError
        reason, templates, others = Reason(done.get("reason", Reason.OK)), done["templates"], done["twice"]
        twice = None if others is None else tuple(_subject(each) for each in others)
        if type(templates) is not int or not 0 <= templates <= 8 or (templates > 0) is not (reason is Reason.OK):
            raise ValueError
        if twice is not None and len(twice) > TWICE_MAX:
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise BadReply("vision: not an answer to enrol") from None
    return EnrolTold(reason, templates, twice)


def _subject(told: object) -> SubjectId:
    if not isinstance(told, str) or not 0 < len(told) <= SUBJECT_CHARS_MAX or not told.isascii():
        raise ValueError
    return SubjectId(told)


def identify_reply(message: Message) -> Answer | None:
    """The reply to `IdentifyFace` in a message, None while there is none yet (a hint).

    Raises BadReply as `verify_reply`. A subject is believed only beside a score that fits, in a gallery of somebody.
    """
    if UNDECIDED & message.keys():
        return None
    if "failed" in message:
        return Failed(Reason.VISION_UNAVAILABLE)
    try:
        done = message["done"]
        reason = Reason(done["reason"])
        if reason is not Reason.OK:
            return Failed(reason)
        subject = _subject(done["subject"])
        score, threshold, fpir = (float(done[name]) for name in ("score", "threshold", "fpir"))
        gallery, frames, more = int(done["gallery"]), int(done["frames"]), done["more_evidence"]
        if type(more) is not bool or not (0 <= score <= threshold <= 4 and 0 <= fpir <= 1 and 0 < frames <= 1_000_000):
            raise ValueError
        if not 0 < gallery <= PEOPLE_MAX:
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # whose words may be anybody's, and without end
        raise BadReply(f"vision: not an answer to identify: {type(error).__name__}") from None
    return FaceIdentified(subject, score, threshold, gallery, fpir, frames, more)


def verify_reply(message: Message) -> Answer | None:
    """The reply to `VerifyFace` or `VerifyPortrait` in a message, None while there is none yet (a hint).

    Raises BadReply when the message is not of this protocol, or holds numbers that no event can (`events.FIELDS`).
    """
    if UNDECIDED & message.keys():
        return None
    if "failed" in message:
        return Failed(Reason.VISION_UNAVAILABLE)
    try:
        done = message["done"]
        matched, reason = done["matched"], Reason(done["reason"])
        if type(matched) is not bool or matched is not (reason is Reason.OK):
            raise ValueError
        if reason not in (Reason.OK, Reason.FACE_MISMATCH):
            return Failed(reason)
        score, threshold, fmr = (float(done[name]) for name in ("score", "threshold", "fmr"))
        frames = int(done["frames"])
        possible = 0 <= score <= 4 and 0 <= threshold <= 4 and 0 <= fmr <= 1 and 0 <= frames <= 1_000_000
        if not possible or matched is not (score <= threshold):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # whose words may be anybody's, and without end
        raise BadReply(f"vision: not an answer to verify: {type(error).__name__}") from None
    return FaceCompared(matched, score, threshold, fmr, frames)
