"""Cameras: whether they see anything, and whether it is sharp."""

from collections.abc import Iterator

from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Seen

FOCUS_MIN = 0.22  # see `gatefw.camera_watch.steepness`
_SEES = {
    "camera_dark": (
        "G0701",
        "too dark: no face can be told in its pictures",
        "switch its light on; look for a cap on it",
    ),
    "camera_blinded": ("G0702", "blinded: most of its picture is white", "turn it away from the lamp or the sun"),
    "camera_covered": ("G0703", "covered: there is light and not one edge", "look for tape, dirt or a hand before it"),
    "camera_frozen": ("G0704", "frozen: it gives the same picture again and again", "pull its plug and put it back"),
}


def sees(seen: Seen) -> Iterator[Finding]:
    """whether each camera sees anything"""
    for each in seen.asked("devices").get("devices", []):
        for reason in each["reasons"] if each["state"] == "impaired" else ():
            if reason in _SEES:
                code, cause, remedy = _SEES[reason]
                label = each["device"]
                follows = (f"G0032 {label}", "G0031")
                remedy = f"{remedy}; gatefw device test {label} shows its figures"
                yield Finding(code, Severity.ERROR, label, cause, remedy, {"for_s": each["for_s"]}, follows)


def focus(seen: Seen) -> Iterator[Finding]:
    """whether each camera's pictures can be sharp"""
    for label, figures in seen.asked("cameras").get("cameras", {}).items():
        steep = figures.get("focus")
        if steep is None or steep >= FOCUS_MIN or figures.get("ail") or figures.get("lost"):
            continue
        cause = f"out of focus, or its lens is dirty: no edge in its pictures is steeper than {steep:.0%} of a step"
        remedy = (
            f"hold a printed page where faces are and turn the lens until gatefw device test {label} shows the most"
        )
        yield Finding("G0710", Severity.ERROR, label, cause, remedy, figures, confidence=0.85)


CHECKS = (sees, focus)
