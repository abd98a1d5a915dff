"""Writes `docs/events.md`, `docs/events.schema.json` and `docs/asyncapi.yaml` from the tables in the code.

    python -m gatefw.events_docs docs

A test compares the files with what this makes.
"""

import json
import sys
from collections.abc import Set
from pathlib import Path

from gatefw import asyncapi, health_message
from gatefw.bus import REPLAY_EVERY_S
from gatefw.bus_keys import Permission
from gatefw.bus_orders import BURST, NONCE, NONCE_S, URGENT
from gatefw.bus_socket import CONNECTIONS, SILENT_S
from gatefw.control import EXPIRES_S
from gatefw.event_fields import Code, FieldType, Number, Truth, Word
from gatefw.events import EPOCH, FIELDS, LANE, RUN, SPEC_VERSION, required, type_of

INTRODUCTION = """\
# Events

Made from `gatefw/events.py` by `python -m gatefw.events_docs docs`; do not edit. The same as JSON Schema (2020-12) is
in `events.schema.json`, the bus as AsyncAPI 3.0 in `asyncapi.yaml`.

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
| `data` | the fields of the type, all of them but those that may be absent, and no others |

There is no free text. No event holds a picture, a template, a name, a document number or a traveller's lasting id.

## Keys

The bus is three ZeroMQ sockets (`[bus]` in the lane file), and whoever connects to one shows a key: CURVE, on a
socket file as on a network. `gatefw keys new NAME --may read` writes a file, JSON with `name`, `public`, `secret`,
`server` (the gate's own public key), all in Z85, and the endpoints `events`, `replay` and `orders`. Who has no key,
or one that was taken away, is refused in the handshake and learns no more than that a ZeroMQ server with CURVE is
there. On the machine itself `bus.key` in the runtime directory is such a file, for whoever may read it.

The supervisor has no network. From elsewhere the bus is reached through a relay that carries bytes and has no key
(`systemd/gatefw-bus-*.socket`, ports 5571 to 5573), or the lane file names `tcp://` endpoints on a site without
systemd.

## Following them

A subscriber connects to `events` and `replay`, with a key that may `read`, the first one first:

1. `events` (SUB): messages `[type, n, event]`; `n` is 8 bytes, big-endian. ZeroMQ drops messages for a subscriber that
   is slow or away: a jump in `n` says so.
2. `replay` (DEALER): send `[epoch, n]` (`epoch` empty when not known yet) and receive `["EVENT", n, event]` for up to
   256 events after `n`, then `["HEAD", epoch, n]` with the number of the newest. When that is past your last one, ask
   again; when the epoch is another than yours, the journal is a new one: begin again at 0. Before them comes
   `["REMOVED", epoch, n]` when retention has removed events that you asked for, the newest of them `n`: go on behind
   it, with a `journal.checkpoint` that vouches for them ([audit.md](audit.md)). A request that is not of this form is
   answered with `["BAD"]`.

Every {health_s:.0f} s `events` also carries `["{health}", 0, health]`: of each device its state, how long a
turn of work takes and how old its last one is, of each thread whether it stalls. It has the envelope of an event, with
the number 0; it may be lost, the replay has none, and who follows the numbers passes over it. Its schema is in
`asyncapi.yaml`.

`subscriber.py` beside this file does all of it. `gatefw events conform -- PROGRAM` plays a gate that loses, repeats
and restarts to a subscriber of yours, and says whether what it printed is each event once and in order.

What a subscriber does not take in time is dropped, for it alone, and the replay has it. A thousand messages are
kept for each; whose machine answers nothing for {silent_s:.0f} s is disconnected. The replay answers
{replays:.0f} requests a second in all, in turn, and of each client the newest that waits; at most {connections}
clients are connected.

## Orders

`orders` (DEALER) takes one JSON object a message, and answers each with one:

```text
{{"id": 1, "verb": "nonce"}}
{{"id": 1, "ok": true, "result": {{"nonce": "5f0c...", "lives_s": {nonce_s:.0f}}}}}
{{"id": 2, "verb": "close", "args": {{}}, "nonce": "5f0c...", "expires_s": 5, "expects": "idle"}}
{{"id": 2, "ok": true, "result": {{"detail": "lane is out_of_service", "phase": "out_of_service"}}}}
{{"id": 2, "ok": false, "error": "not_permitted", "message": "..."}}
```

A nonce is good for one order of the key that asked for it, {nonce_s:.0f} s at most and until the gate restarts. The
time of an order, `expires_s` ({expires_s:.0f} where none is given), runs from when its nonce was given out, by the
gate's clock: an order that was held back or kept has no effect. `expects` is the phase in which you believe the
lane to be; orders to the lane are refused without it, or in another. {urgent} want
none: who orders them wants them whatever the lane has come to meanwhile. Nothing is kept for later, and nothing is done
twice; who hears no answer asks for the `status`. What is ordered is journalled as `operator.ordered` by `bus-NAME`,
refused or not; of one key {burst} at once, then one each second, the rest being refused unheard. Those three are
counted by themselves, so that others do not stand before them. An order to the lane may say why it is given, in `args`:
`why`, a word of **OrderedFor** below, stands in its event; no other word is taken, but `hold` and `evacuate` are done
whatever is said, and have `other` then. Where
several people order with one key, `name` says who it is, by initials or badge, and the journal has `bus-NAME/who`.
`gatefw lane` and `gatefw status` do it with `--key FILE`.

| a key that may | orders |
|---|---|
{permissions}

Every key may ask for a nonce. Not over the bus: {never}.

## Types
"""


def _words() -> dict[str, Word]:
    """The sets of words, by name, each once."""
    return {field.name: field for fields in FIELDS.values() for field in fields.values() if isinstance(field, Word)}


def _introduction() -> str:
    by = asyncapi.needed_words()
    rows = [f"| `{each.value}` | {_listed(by[each], {NONCE})} |" for each in Permission]
    return INTRODUCTION.format(
        health=health_message.TYPE,
        health_s=health_message.EVERY_S,
        silent_s=SILENT_S,
        replays=1 / REPLAY_EVERY_S,
        connections=CONNECTIONS,
        nonce_s=NONCE_S,
        expires_s=EXPIRES_S,
        urgent=_listed(sorted(URGENT)),
        burst=BURST,
        permissions="\n".join(rows),
        never=_listed(by[None]),
    )


def _listed(verbs: list[str], without: Set[str] = frozenset()) -> str:
    return ", ".join(f"`{verb}`" for verb in verbs if verb not in without)


def markdown() -> str:
    """The reference for people, as Markdown."""
    parts = [_introduction()]
    for kind, fields in FIELDS.items():
        parts.append(f"### `{type_of(kind)}`\n")
        if fields:
            absent = dict.fromkeys(fields.keys() - required(kind), "; may be absent")
            rows = "\n".join(
                f"| `{name}` | {_markdown(field)}{absent.get(name, '')} |" for name, field in fields.items()
            )
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
                        "required": [name for name in fields if name in required(kind)],
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
    (folder / "asyncapi.yaml").write_text(asyncapi.yaml(asyncapi.document()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
