"""What people write and send: lane files, orders to the control socket, the codes of registered people."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import hw
from gatefw import config, wire_json
from gatefw.control import Order, Rejected, line_of, parse
from gatefw.errors import BadReply, GateError
from gatefw.identifier import new_identifier, parse_identifier
from gatefw.model import Failed, Token

_ROOT = Path(__file__).resolve().parents[2]
_LANES = [
    path.read_bytes() for path in (_ROOT / "config" / "sim.toml", *sorted((_ROOT / "config/lanes").glob("*.toml")))
]
_ENV = {"GATEFW_STATE": "/nowhere/state", "GATEFW_RUN": "/nowhere/run"}


def _lane_file(chunks: list[bytes]) -> None:
    """Whatever stands in it: settings, or an error that names the file; never anything else."""
    descriptor, name = tempfile.mkstemp(suffix=".toml")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(chunks))
        try:
            loaded = config.load(path, hw.schema, _ENV)
        except GateError as refused:
            assert str(path) in str(refused), f"the file is not named: {refused}"
            return
        assert loaded.lane.name, "a lane without a name"
    finally:
        path.unlink()


def _control(chunks: list[bytes]) -> None:
    lines = wire_json.Lines()
    try:
        for chunk in chunks:
            for line in lines.feed(chunk):
                request_id, order = parse(line, "uid-0", 0.0)
                assert isinstance(order, Order | Rejected)
                if isinstance(order, Rejected):
                    assert line_of(request_id, order).endswith(b"\n")
    except BadReply:
        return


def _identifier(chunks: list[bytes]) -> None:
    found = parse_identifier(Token(b"".join(chunks)))
    assert isinstance(found, bytes | Failed)


TARGETS: dict[str, Callable[[list[bytes]], None]] = {
    "lane file": _lane_file,
    "control order": _control,
    "identifier": _identifier,
}
SEEDS: dict[str, list[bytes]] = {
    "lane file": _LANES,
    "control order": [
        b'{"id": 7, "verb": "open", "args": {}, "expires_s": 5, "expects": "out_of_service"}\n',
        b'{"id": "a", "verb": "enrol", "args": {"tokens": ["X"], "days": 1}}\n{"id": 8, "verb": "status"}\n',
    ],
    "identifier": [new_identifier(), new_identifier()],
}
