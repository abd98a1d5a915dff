"""Whether a line of a recording is what a recorder writes: signs where people were, codes, and nothing else."""

import json
import re
from collections.abc import Iterator
from typing import Any

from gatefw.bundle import redact
from gatefw.errors import BadReply
from gatefw.tape import KINDS, Played, packed, unpacked

HEAD = {"gatefw_recording", "version", "lane", "config", "procedure", "latched", "settings", "photograph"}
_SIGN = re.compile(r"((personal|technician)-[0-9]+)?")


class _Signs(Played):
    """Takes signs, and nothing else, where something personal stood."""

    def sign(self, personal: str | bytes) -> str | bytes:
        text = personal.decode("ascii") if isinstance(personal, bytes) else personal
        if not _SIGN.fullmatch(text):
            raise ValueError("no sign")
        return personal

    def name(self, name: str) -> str:
        return str(self.sign(name))


def tape_line(line: bytes) -> bool:
    """Every value comes back as it stands there, and every text is a code."""
    try:
        told = json.loads(line)
        if not line.endswith(b"\n") or any(redact.value(text) != text for text in _texts(told)):
            return False
        if "gatefw_recording" in told:
            return bool(told.keys() == HEAD)
        data = [told[key] for key in ("in", "timers") if key in told] + list(told.get("out") or ())
        return told.keys() <= {"t", "in", "out", "timers"} and all(packed(unpacked(x), _Signs()) == x for x in data)
    except (AttributeError, BadReply, TypeError, ValueError):
        return False


def _texts(told: Any) -> Iterator[str]:
    """Every text, but for the names of kinds. Raises ValueError: bytes that are no sign."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict):
        for key, each in told.items():
            if key == "bytes":
                if not _SIGN.fullmatch(bytes.fromhex(each).decode("ascii")):
                    raise ValueError("no sign")
                continue
            if key not in KINDS:
                yield key
            yield from _texts(each)
    elif isinstance(told, list):
        for each in told:
            yield from _texts(each)
