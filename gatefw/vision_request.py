"""What stands in a request to the vision process, looked at before it is used. Everything here raises Refusal."""

import base64
import binascii
from typing import Any

from gatefw import portrait
from gatefw.biometrics.gallery_layout import MAIN
from gatefw.biometrics.runtime import Picture
from gatefw.errors import Refusal
from gatefw.vision_server import Asked


def text(asked: Asked, name: str, shown: bool = True) -> str:
    """A text that is not empty, and can be written. `shown`: what it is instead may stand in the message."""
    value = asked.fields.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():  # half a surrogate pair fits into no store
        raise Refusal(f"{asked.do}: {name} must be a text" + (f", it is {value!r}" if shown else ""))
    return value


def texts(asked: Asked, name: str) -> list[str]:
    """A list of texts, which may be empty."""
    value = asked.fields.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Refusal(f"{asked.do}: {name} must be a list of texts, it is {value!r}")
    return value


def number(asked: Asked, name: str) -> float:
    """A number from 0 up."""
    value: Any = asked.fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e18:
        raise Refusal(f"{asked.do}: {name} must be a number from 0 up, it is {value!r}")
    return float(value)


def truth(asked: Asked, name: str) -> bool:
    """True or false."""
    value = asked.fields.get(name)
    if not isinstance(value, bool):
        raise Refusal(f"{asked.do}: {name} must be true or false, it is {value!r}")
    return value


def partition(asked: Asked) -> str:
    """The partition that somebody is enrolled in, MAIN where none is named."""
    return text(asked, "partition") if "partition" in asked.fields else MAIN


def picture(asked: Asked) -> Picture | None:
    """The portrait of a document, None for one that cannot be decoded."""
    try:
        encoded = base64.b64decode(text(asked, "portrait", shown=False), validate=True)
    except binascii.Error:
        raise Refusal(f"{asked.do}: portrait must be base64") from None
    try:
        return portrait.decode(encoded)
    except Refusal:
        return None
