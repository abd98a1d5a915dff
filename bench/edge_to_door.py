"""From an edge at an input to the release line of a door, through the real daemon on simulated pins.

`fire entry`, `fire both`: the fire loop opens -> the line of the entry door, of both doors is on. Of this, 20 ms are
the input's debouncing (`debounce_s`). `token entry`: a code is presented to the scanner -> the entry door's line is on:
38 characters at 115200 baud take 3 ms, then the record is looked up and the release is committed to the journal, on
this machine's disk. `echo`, the peer: the same way through the simulated world, answered by this bench on a raw pin
socket without thinking: an input edge goes out, a line is set, and it is seen.

`busy ...`: the same daemon with a thread that never lets go of the GIL by itself, under the supervisor's switch
interval of 0.5 ms and under Python's default of 5 ms, in blocks that take turns.

Seen in November 2026 on two shared, noisy x86-64 cores under Python 3.11.7, 100 rounds, in ms:

                     median    p99                                           median    p99
    echo                1.5    4.5          busy, switch 0.5, fire both        27      37
    fire both          24     30            busy, switch 5,   fire both        46     114
    token entry        11     28
"""

import json
import socket
import time
from typing import Any

from bench.harness import Row, Samples, rotate, row
from bench.live import START_S, LiveGate, live, until
from gatefw.identifier import new_identifier
from gatefw.model import DoorId, Phase, Position
from gatefw.state import state_dir

ROUNDS = 100
BLOCKS = 2
SWITCH_MS = ("0.5", "5")
TAMPER, BUZZER = 7, 8
"""An input and an output that `live` wires and the lane does not use."""


def run(rounds: int) -> list[Row]:
    """A row for each edge. Raises TimeoutError when a door does not answer."""
    samples = _quiet(rounds)
    blocks = min(BLOCKS, rounds)
    for _ in range(blocks):
        for switch_ms in SWITCH_MS:
            for name, values in _busy(switch_ms, rounds // blocks).items():
                samples.setdefault(name, []).extend(values)
    return [row(samples, name, "ms", 1e3, (_echo_of(name),)) for name in samples]


def _quiet(rounds: int) -> Samples:
    code, both = new_identifier().decode(), list[float]()
    with live() as gate, Edges(gate, Phase.IDLE) as edges:
        gate.order("enrol", tokens=[code], photos=[str(state_dir() / "photos" / "obama.jpg")], days=1, consent=True)
        samples = rotate(
            {"echo": edges.echo, "fire entry": lambda: edges.fire(both), "token entry": lambda: edges.token(code)},
            rounds,
        )
    return {**samples, "fire both": both}


def _busy(switch_ms: str, rounds: int) -> Samples:
    """Without vision: a DEGRADED lane frees its doors as any other does."""
    module, both = ("bench.busy", str(float(switch_ms) / 1e3)), list[float]()
    with live({"start": '"unit"'}, module) as gate, Edges(gate, Phase.DEGRADED) as edges:
        samples = rotate({"echo": edges.echo, "fire entry": lambda: edges.fire(both)}, rounds)
    return {f"busy {switch_ms} ms, {name}": values for name, values in {**samples, "fire both": both}.items()}


def _echo_of(name: str) -> str:
    """The echo that was measured in the same rounds."""
    return f"{name.partition(', ')[0]}, echo" if ", " in name else "echo"


class Edges:
    """Makes edges in the world of a gate, and returns the seconds until what follows; then all is as it was."""

    def __init__(self, gate: LiveGate, home: Phase) -> None:
        self._gate, self._world, self._home = gate, gate.world, home
        gate.await_phase(home)
        self._pins = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._pins.settimeout(START_S)
        self._pins.connect(str(gate.run / "pins.sock"))
        self._told = self._pins.makefile("rb")
        self._tell({"claim": TAMPER, "direction": "in", "pull": "up"})
        self._told.readline()
        self._tell({"claim": BUZZER, "direction": "out", "level": 0})
        self._told.readline()

    def __enter__(self) -> "Edges":
        return self

    def __exit__(self, *_: object) -> None:
        self._told.close()
        self._pins.close()

    def echo(self) -> float:
        """An input changes, and we set a line."""
        began_s = self._now()
        self._world.do("input", input="tamper", on=True)
        self._told.readline()
        self._tell({"write": BUZZER, "level": 1})
        took_s = self._line("buzzer") - began_s
        self._tell({"write": BUZZER, "level": 0})
        self._world.do("input", input="tamper", on=False)
        self._told.readline()
        return took_s

    def fire(self, both: list[float]) -> float:
        """Fire, and the entry door is released; when both doors are is added to `both`."""
        began_s = self._now()
        self._world.do("input", input="fire", on=True)
        took_s = self._line(f"{DoorId.ENTRY}.release") - began_s
        both.append(self._line(f"{DoorId.EXIT}.release") - began_s)
        self._gate.await_phase(Phase.EVACUATED)
        self._world.do("input", input="fire", on=False)
        until(lambda: self._gate.status()["inputs"]["fire"] == "off", "the fire to be over")
        self._gate.order("reset")
        self._gate.await_phase(self._home)
        return took_s

    def token(self, code: str) -> float:
        """A code, and the entry door is released; nobody comes."""
        began_s = self._now()
        self._world.do("present", scanner="scanner-front", code=code)
        took_s = self._line(f"{DoorId.ENTRY}.release") - began_s
        until(lambda: self._gate.status()["doors"][DoorId.ENTRY] == Position.OPEN, "the door to open")
        for verb, phase in (("close", Phase.OUT_OF_SERVICE), ("open", self._home)):
            self._gate.order(verb)
            self._gate.await_phase(phase)
        return took_s

    def _now(self) -> float:
        """The time; `_line` looks for what happens from now on."""
        self._after = len(self._world.seen)
        return time.monotonic()

    def _line(self, name: str) -> float:
        """When this line was switched on."""
        self._world.wait_for(lambda entry: entry.says("line", name=name, level=1), START_S, name, self._after)
        return time.monotonic()

    def _tell(self, message: dict[str, Any]) -> None:
        self._pins.sendall(json.dumps(message).encode() + b"\n")
