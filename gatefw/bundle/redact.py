"""What may be told of a text that nobody has checked: its form and the codes in it, not what somebody wrote.

Rules, not a list of secrets: what leaves is a code (a word of a lane file, a path, a link, a hash) or a word in small
letters. Runs of six digits and more, words with capitals that are none of ours, other scripts than Latin, and what
stands before an @ do not leave at all.
"""

import re
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

HIDDEN, CUT = "<not told>", "..."
_OPAQUE = re.compile(r"[0-9a-f]{16}|[0-9a-f]{40}|[0-9a-f]{64}")
_CODE = re.compile(r"[A-Za-z0-9_.,:;/?=&+*%\[\]{}$<>~^|()\-]{0,200}")
_NAME = re.compile(r"(?=.{5})[A-Za-z]*[A-Z][A-Za-z]*|[A-Z][a-z]+[A-Za-z]*")
_WORDS = re.compile(r"[a-z0-9_.\-]{1,40}( [a-z0-9_.\-]{1,40}){0,40}")
_WORD = re.compile(r"[a-z0-9_./:=+*%<>\-]*")
_OURS = re.compile(
    r"A|I|AIM|CA|CPU|CRL|CSCA|CURVE|Ctrl-C|DG2|Debian|GPIO|HTTP|I2C|ICAO|ID|ISO|JSON|L2|LED|Linux|MRZ|OSDP|OpenCV|PC/SC|"
    r"PIN|PUB|Pi|Python|QR|RAM|RS-485|RTC|Raspberry|SHA-256|SD|SQLite|TCP|TOML|TPM|TTL|UART|USB|UTC|UTF-8|WAL|ZeroMQ|"
    r"GATEFW_[A-Z_]+|(serial:)?/dev/[\w./:\-]+"
)
"""Words with capitals that our own sentences use within."""
_DIGITS = re.compile(r"\d(?:[ .\-]?\d){5,}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_USER = re.compile(r"//[^/@\s]*@")
_HOME = re.compile(r"/home/[^/\s]*")
_SECRET = re.compile(r"secret|passw|passphrase|psk|credential|private|token_key|comment|phone|contact", re.IGNORECASE)


def plain(text: str) -> str:
    """A sentence of ours that may name what somebody wrote: words in small letters, codes, short numbers are left."""
    if _OPAQUE.fullmatch(text):
        return text
    text = _QUOTED.sub(lambda found: found[0][0] + _word(found[0][1:-1]) + found[0][-1], _USER.sub(f"//{CUT}@", text))
    return _digits(" ".join(_word(word) for word in text.split(" ")))


def _word(word: str) -> str:
    bare = word.strip(".,;:()'\"`")
    known = (
        not bare or _OURS.fullmatch(bare) or _OPAQUE.fullmatch(bare) or _WORD.fullmatch(bare.replace(f"//{CUT}@", "//"))
    )
    return _HOME.sub(f"/home/{CUT}", word) if known else word.replace(bare, CUT)


def value(text: str) -> str:
    """A value of somebody's file: a code or some lower-case words; else its length."""
    if _OPAQUE.fullmatch(text):
        return text
    text = _HOME.sub(f"/home/{CUT}", _USER.sub(f"//{CUT}@", text))
    if _NAME.fullmatch(text) or not (_CODE.fullmatch(text.replace(f"//{CUT}@", "")) or _WORDS.fullmatch(text)):
        return f"<text of {len(text)} characters>"
    return text if text.startswith(("serial:", "/")) else _digits(text)


def _digits(text: str) -> str:
    return _DIGITS.sub(lambda found: re.sub(r"\d", "#", found[0]), text)


def told(data: Any) -> Any:
    """Of JSON that we made ourselves: every text through `plain`, keys as they are where they are codes."""
    if isinstance(data, Mapping):
        return {value(str(key)): told(each) for key, each in data.items()}
    if isinstance(data, list | tuple):
        return [told(each) for each in data]
    if isinstance(data, bool | int | float) or data is None:
        return data
    return plain(str(data))


def values(table: Any) -> Any:
    """Of a table that somebody wrote: numbers, truths and codes; comments are not in it at all."""
    if isinstance(table, Mapping):
        return {value(key): HIDDEN if _SECRET.search(key) else values(each) for key, each in table.items()}
    if isinstance(table, list):
        return [values(each) for each in table]
    if isinstance(table, bool | int | float):
        return table
    return value(str(table))


def lane_file(path: Path) -> dict[str, object]:
    """What a lane file sets, without comments and free text; of one that is no TOML its size and the bad line."""
    content = path.read_bytes()
    about: dict[str, object] = {"file": value(str(path)), "sha256": sha256(content).hexdigest(), "bytes": len(content)}
    try:
        return {**about, "tables": values(tomllib.loads(content.decode()))}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"line \d+", str(error))
        return {**about, "problem": f"is no TOML: {line[0] if line else 'not even text'}"}
