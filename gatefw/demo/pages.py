"""The pages of the demo: the traveller's screen and the officer's console, each a process beside the daemon."""

import secrets
from dataclasses import dataclass

from gatefw.console.officers import hashed
from gatefw.demo.stage import Stage

OFFICER = "demo"
CONSOLE = """\
[console]
port = {port}

[[lane]]
name = "sim"
title = "Lane 1"
key = "{key}"

[[officer]]
name = "{officer}"
password = "{password}"
may = ["read", "operate"]
"""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where a browser of this machine finds them. The password is of this demo alone."""

    front: str
    inside: str
    console: str
    password: str


def opened(stage: Stage, port: int) -> Pages:
    """Serves them until the stage ends: the screen at `port`, the console at the next; 0: at any that are free.

    Raises SetupError: a port is not free.
    """
    screen = stage.serve("screen", "screen", "--port", str(port))
    key, file, password = stage.run / "console.key", stage.run / "console.toml", secrets.token_hex(5)
    stage.gatefw("keys", "new", "demo-console", "--may", "read,operate", "--out", str(key))
    said = {"port": port and port + 1, "key": key, "officer": OFFICER, "password": hashed(password)}
    file.touch(mode=0o600)
    file.write_text(CONSOLE.format(**said), encoding="utf-8")
    return Pages(f"{screen}front", f"{screen}inside", stage.serve("console", "console", str(file)), password)
