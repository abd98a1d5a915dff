"""`docs/asyncapi.yaml`: the bus as AsyncAPI 3.0 has it, for programs and for who writes them. Made by `events_docs`."""

import json
from collections.abc import Mapping, Sequence, Set

from gatefw import __version__, health_message
from gatefw.bus_keys import Permission
from gatefw.bus_orders import NONCE, NONCE_S, permissions
from gatefw.control import EXPIRES_S, LONGEST_S, Rejection
from gatefw.events import EPOCH, TECHNICIAN
from gatefw.model import Phase

ASYNCAPI = "3.0.0"
_EIGHT = "8 bytes, an unsigned number, big-endian"
_CURVE = (
    "CURVE (ZeroMQ RFC 26) on every socket, whatever the transport. A client's file, made by `gatefw keys new`, holds "
    "`server`, `public` and `secret` in Z85. Who has no key, or one that may not do what the socket is for, is refused "
    "in the handshake."
)
_HEALTH = {
    "schemaFormat": "application/schema+json;version=draft-2020-12",
    "schema": health_message.schema(),
}
_EVENT = {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": {"$ref": "events.schema.json"}}


def document() -> dict[str, object]:
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "gatefw event bus",
            "version": __version__,
            "description": "Events of one lane, their replay, and orders to it. events.md says it in sentences.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {name: _server(name, port, says) for name, port, says in _SOCKETS},
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "securitySchemes": {"curve": {"type": "asymmetricEncryption", "description": _CURVE}},
            "messages": _messages(),
        },
    }


_SOCKETS = (
    ("events", 5571, "PUB; connect with SUB. Wants a key that may read."),
    ("replay", 5572, "ROUTER; connect with DEALER. Wants a key that may read."),
    ("orders", 5573, "ROUTER; connect with DEALER. What a key may order stands in events.md."),
)


def _server(name: str, port: int, says: str) -> dict[str, object]:
    return {
        "host": f"{{host}}:{port}",
        "protocol": "zmtp",
        "protocolVersion": "3.1",
        "description": f"{says} The port is that of the relay; on the machine itself it is a socket file, {name}.sock.",
        "variables": {"host": {"description": "The gate, as the client reaches it."}},
        "security": [{"$ref": "#/components/securitySchemes/curve"}],
    }


def _channels() -> dict[str, object]:
    carried = {
        "events": ("event", "health"),
        "replay": ("replayRequest", "replayEvent", "replayRemoved", "replayHead", "replayBad"),
        "orders": ("nonceRequest", "order", "done", "rejected"),
    }
    return {
        name: {
            "address": None,
            "servers": [{"$ref": f"#/servers/{name}"}],
            "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
        }
        for name, messages in carried.items()
    }


def _operations() -> dict[str, object]:
    return {
        "publishEvents": _operation("send", "events", "Every event once it is committed, in order.", ("event",)),
        "publishHealth": _operation("send", "events", "How each device is, now and then; it may be lost.", ("health",)),
        "replay": _operation(
            "receive",
            "replay",
            "Up to 256 events after a number, then the head.",
            ("replayRequest",),
            ("replayEvent", "replayRemoved", "replayHead", "replayBad"),
        ),
        "order": _operation(
            "receive", "orders", "One answer to each request.", ("nonceRequest", "order"), ("done", "rejected")
        ),
    }


def _operation(
    action: str, channel: str, says: str, messages: Sequence[str], replies: Sequence[str] = ()
) -> dict[str, object]:
    def named(names: Sequence[str]) -> list[dict[str, str]]:
        return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]

    told: dict[str, object] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": says,
        "messages": named(messages),
    }
    if replies:
        told["reply"] = {"channel": {"$ref": f"#/channels/{channel}"}, "messages": named(replies)}
    return told


def _frames(name: str, *frames: str) -> dict[str, object]:
    """A message of several frames: ZeroMQ has them, AsyncAPI has not."""
    words = "; ".join(f"{number}: {frame}" for number, frame in enumerate(frames, 1))
    return {"name": name, "contentType": "application/octet-stream", "description": f"ZeroMQ frames. {words}."}


def _messages() -> dict[str, object]:
    event = "the event, JSON"
    request_id = {"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 64}]}
    nonce = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
    order = {
        "id": request_id,
        "verb": {"enum": [verb for verb, needed in permissions().items() if needed and verb != NONCE]},
        "nonce": nonce,
        "args": {"type": "object"},
        "expires_s": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_S, "default": EXPIRES_S},
        "expects": {"enum": [phase.value for phase in Phase]},
        "name": {"type": "string", "pattern": f"^(?:{TECHNICIAN.pattern})$"},
    }
    done = {"id": request_id, "ok": {"const": True}, "result": {"type": "object"}}
    rejected = {
        "id": {"oneOf": [*request_id["oneOf"], {"type": "null"}]},
        "ok": {"const": False},
        "error": {"enum": [each.value for each in Rejection]},
        "message": {"type": "string"},
    }
    return {
        "event": {**_frames("event", "its type, to subscribe by", f"its number, {_EIGHT}", event), "payload": _EVENT},
        "health": {
            **_frames("health", f"`{health_message.TYPE}`", f"0, {_EIGHT}", "its state, JSON"),
            "payload": _HEALTH,
        },
        "replayRequest": _frames(
            "request", f"the epoch, empty or {EPOCH.pattern}", f"the number of the last, {_EIGHT}"
        ),
        "replayEvent": {**_frames("EVENT", "`EVENT`", f"its number, {_EIGHT}", event), "payload": _EVENT},
        "replayRemoved": _frames("REMOVED", "`REMOVED`", "the epoch", f"the newest that retention removed, {_EIGHT}"),
        "replayHead": _frames("HEAD", "`HEAD`", "the epoch", f"the newest there is, {_EIGHT}"),
        "replayBad": _frames("BAD", "`BAD`"),
        "nonceRequest": _json("nonce", "Asks for a nonce.", {"id": request_id, "verb": {"const": NONCE}}),
        "order": _json(
            "order", f"Worth nothing {NONCE_S:.0f} s after its nonce.", order, {"args", "expires_s", "expects", "name"}
        ),
        "done": _json("done", "The outcome; of a nonce, `nonce` and `lives_s`.", done),
        "rejected": _json("rejected", "It had no effect, or none that is known.", rejected),
    }


def _json(
    name: str, says: str, properties: Mapping[str, object], optional: Set[str] = frozenset()
) -> dict[str, object]:
    payload = {
        "type": "object",
        "properties": properties,
        "required": [each for each in properties if each not in optional],
        "additionalProperties": False,
    }
    return {"name": name, "description": says, "payload": payload}


def needed_words() -> dict[Permission | None, list[str]]:
    """The verbs by what they want of a key; None: not over the bus."""
    by: dict[Permission | None, list[str]] = {}
    for verb, permission in permissions().items():
        by.setdefault(permission, []).append(verb)
    return by


def yaml(value: object, depth: int = 0) -> str:
    """Plain data as YAML in block style; every text that could be read as anything else is quoted as in JSON."""
    pad = "  " * depth
    match value:
        case Mapping() if value:
            return "".join(f"{pad}{_key(key)}:{_below(inner, depth)}" for key, inner in value.items())
        case list() if value:
            return "".join(f"{pad}-{_below(inner, depth)}" for inner in value)
    return f"{pad}{json.dumps(value, ensure_ascii=False)}\n"


def _below(value: object, depth: int) -> str:
    if isinstance(value, Mapping | list) and value:
        return "\n" + yaml(value, depth + 1)
    return " " + yaml(value)


def _key(text: str) -> str:
    return text if text.isidentifier() else json.dumps(text)
