"""What the vision process says, line by line, and the pictures in which it looks for codes."""

import json

import numpy as np

from gatefw import events, wire_json
from gatefw.code_search import search
from gatefw.errors import BadReply
from gatefw.model import Failed, Reason
from gatefw.passage import facts_of
from gatefw.vision_wire import (
    CODE_BYTES_MAX,
    COMPONENTS,
    OWN_AILMENTS,
    REQUEST_BYTES,
    WHY_CHARS_MAX,
    ailments_told,
    cameras_told,
    code_found,
    hint_told,
    quality_told,
    verify_reply,
)

_FINE = {"lost": "", "ail": "camera_dark", "why": "why"}
_DONE = {"matched": True, "reason": "ok", "score": 0.3, "threshold": 0.5, "fmr": 1e-3, "frames": 1}
_SAID = [
    {"health": {"ok": True, "cameras": {"camera.inside": _FINE}, "ailments": ["scores_drift"]}},
    {"code": {"camera": "camera.front", "payload": "R1dJRDo="}},
    {"id": 1, "done": _DONE},
    {"id": 1, "hint": "too_dark"},
    {"id": 1, "judged": {"camera": "camera.inside", "quality": dict.fromkeys(COMPONENTS, 50)}},
]


def hear(chunks: list[bytes]) -> None:
    lines = wire_json.Lines(REQUEST_BYTES)
    try:
        for chunk in chunks:
            for line in lines.feed(chunk):
                _understand(wire_json.decode(line))
    except BadReply:
        return
    assert len(lines._rest) <= REQUEST_BYTES


def _understand(message: dict[str, object]) -> None:
    if "health" in message:
        assert all(len(state.why) <= WHY_CHARS_MAX for state in cameras_told(message["health"]).values())
        assert ailments_told(message["health"]) <= OWN_AILMENTS
    elif "code" in message:
        assert 0 < len(code_found(message["code"])[1]) <= CODE_BYTES_MAX
    elif "hint" in message:
        hint_told(message["hint"])
    elif "judged" in message:
        assert all(0 <= value <= 100 for value in quality_told(message["judged"])[1].values())
    else:
        for fact in facts_of(verify_reply(message) or Failed(Reason.NO_FACE)):
            events.check(fact)


def search_picture(chunks: list[bytes]) -> None:
    levels = np.frombuffer(b"".join(chunks)[: 64 * 64], np.uint8)
    if levels.size:
        assert all(len(code) <= CODE_BYTES_MAX for code in search(levels.reshape(1, -1)))
        side = int(levels.size**0.5)
        search(levels[: side * side].reshape(side, side))


TARGETS = {"vision_messages": hear, "code_search": search_picture}
SEEDS = {
    "vision_messages": [json.dumps(message).encode() + b"\n" for message in _SAID],
    "code_search": [],
}
