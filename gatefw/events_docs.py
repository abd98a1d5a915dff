"""Writes `docs/events.md` and `docs/events.schema.json` from the table in `events`.

    python -m gatefw.events_docs docs

A test compares the files with what this makes.
"""

import json
import sys
from pathlib import Path

from gatefw.events import (
    EPOCH,
    FIELDS,
    LANE,
    RUN,
    SPEC_VERSION,
    Code,
    FieldType,
    Number,
    Truth,
    Word,
    type_of,
)

INTRODUCTION = """\
# Events

Made from `gatefw/events.py` by `python -m gatefw.events_docs docs`; do not edit. The same as JSON Schema (2020-12) is
in `events.schema.json`.

Every event was committed to the journal before it was published. It is a CloudEvents 1.0 JSON object:

| attribute | value |
|---|---|
| `specversion` | `"1.0"` |
| `id` | `"<epoch>:<n>"`, unique for ever |
| `source` | `"/gatefw/<lane>"` |
| `type` | one of the types below |
| `time` | RFC 3339, UTC, microseconds; never runs backwards within an epoch |
| `datacontenttype` | `"application/json"` |
| `sequence` | the event's number n as 20 digits; from 1, without gaps, within an epoch |
| `epoch` | 16 hexadecimal digits, random, new when the journal is a new one |
| `clockquality` | `"synchronised"` while the kernel vouches for its clock, else `"unsynchronised"` |
| `run` | 16 hexadecimal digits, random, new for each passage; absent outside of one |
| `data` | the fields of the type, all of them, and no others |

There is no free text. No event holds a picture, a template, a name, a document number or a traveller's lasting id.

## Following them

Two ZeroMQ sockets (`[bus]` in the lane file). A subscriber connects to both, the first one first:

1. `events` (SUB): messages `[type, n, event]`; `n` is 8 bytes, big-endian. ZeroMQ drops messages for a subscriber that
   is slow or away: a jump in `n` says so.
2. `replay` (DEALER): send `[epoch, n]` (`epoch` empty when not known yet) and receive `["EVENT", n, event]` for up to
   256 events after `n`, then `["HEAD", epoch, n]` with the number of the newest. When that is past your last one, ask
   again; when the epoch is another than yours, the journal is a new one: begin again at 0. Before them comes
   `["REMOVED", epoch, n]` when retention has removed events that you asked for, the newest of them `n`: go on behind
   it, with a `journal.checkpoint` that vouches for them ([audit.md](audit.md)). A request that is not of this form is
   answered with `["BAD"]`.

`subscriber.py` beside this file does all of it.

## Types
"""


def _words() -> dict[str, Word]:
    """The sets of words, by name, each once."""
    return {field.name: field for fields in FIELDS.values() for field in fields.values() if isinstance(field, Word)}


def markdown() -> str:
    """The reference for people, as Markdown."""
    parts = [INTRODUCTION]
    for kind, fields in FIELDS.items():
        parts.append(f"### `{type_of(kind)}`\n")
        if fields:
            rows = "\n".join(f"| `{name}` | {_markdown(field)} |" for name, field in fields.items())
            parts.append(f"| field | value |\n|---|---|\n{rows}\n")
        else:
            parts.append("No fields.\n")
    parts.append("## Words\n")
    for name, word in _words().items():
        parts.append(f"**{name}**: {', '.join(f'`{each}`' for each in word.words)}\n")
    return "\n".join(parts)


def _markdown(field: FieldType) -> str:
    match field:
        case Word(name):
            return f"a word of **{name}**, below"
        case Number(low, high, whole):
            return f"{'whole ' if whole else ''}number, {low:,} to {high:,}"
        case Truth():
            return "`true` or `false`"
        case Code(pattern, says):
            return f"{says}: `{pattern.replace('|', chr(92) + '|')}`"


def _schema(field: FieldType) -> dict[str, object]:
    return {"$ref": f"#/$defs/{field.name}"} if isinstance(field, Word) else field.schema


def json_schema() -> dict[str, object]:
    """The reference for programs: JSON Schema 2020-12 of one event."""
    envelope: dict[str, object] = {
        "specversion": {"const": SPEC_VERSION},
        "id": {"type": "string", "pattern": f"^{EPOCH.pattern}:[1-9][0-9]*$"},
        "source": {"type": "string", "pattern": f"^/gatefw/{LANE.pattern}$"},
        "type": {"enum": [type_of(kind) for kind in FIELDS]},
        "time": {"type": "string", "format": "date-time", "pattern": "Z$"},
        "datacontenttype": {"const": "application/json"},
        "sequence": {"type": "string", "pattern": "^[0-9]{20}$"},
        "epoch": EPOCH.schema,
        "clockquality": {"enum": ["synchronised", "unsynchronised"]},
        "run": RUN.schema,
        "data": {"type": "object"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of gatefw, CloudEvents 1.0",
        "type": "object",
        "properties": envelope,
        "required": [name for name in envelope if name != "run"],
        "additionalProperties": False,
        "oneOf": [
            {
                "properties": {
                    "type": {"const": type_of(kind)},
                    "data": {
                        "properties": {name: _schema(field) for name, field in fields.items()},
                        "required": list(fields),
                        "additionalProperties": False,
                    },
                }
            }
            for kind, fields in FIELDS.items()
        ],
        "$defs": {name: word.schema for name, word in _words().items()},
    }


def main(folder: Path) -> None:
    (folder / "events.md").write_text(markdown(), encoding="utf-8")
    (folder / "events.schema.json").write_text(json.dumps(json_schema(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
