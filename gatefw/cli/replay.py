"""gatefw replay: a recording through today's code and config, up to the first difference."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatefw.cli import command
from gatefw.errors import BadReply, SetupError, system_words

if TYPE_CHECKING:
    from gatefw.replay import Difference, Lane

DESCRIPTION = """\
Plays what a gate was given (tokens as signs, what sensors and devices told, replies and scores, never a picture)
through today's code, and compares what it does with what it did then. A gate has no clock and no chance of its own: the
same code does the same to the last byte. With --config another lane file is tried on yesterday's traffic: its timers,
doors, procedure and terms; a face that was compared is judged anew by its threshold. What is told is the first
difference.

FILE is a segment that `gatefw run` kept below recordings/ in the state directory (`[recording]` in the lane file), or
the directory, then all of them.

example:
  gatefw replay /var/lib/gatefw/recordings
  gatefw replay 00000012.jsonl --config new-timers.toml
  gatefw replay 00000012.jsonl --json

Exit status: 0 nothing differs, 1 something does, 2 it cannot be played.
"""


def add_parser(commands: Any) -> None:
    """Add `replay`."""
    parser = command.add(commands, "replay", "play a recording, up to the first difference", DESCRIPTION)
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording, or a directory of them")
    parser.add_argument("--config", type=Path, metavar="LANE.toml", help="by this lane file, not the recorded settings")
    command.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw.recording import segments
    from gatefw.replay import replay

    paths = segments(arguments.file) if arguments.file.is_dir() else [arguments.file]
    if not paths:
        raise SetupError(f"{arguments.file}: holds no recording; `[recording] most_mb` in the lane file makes some")
    instead = _instead(arguments.config) if arguments.config else None
    inputs = passages = 0
    played = False
    for path in paths:
        try:
            with command.progress(sys.stderr) as tell:
                came = replay(_lines(path), instead, lambda words, name=path.name: tell(f"{name}, {words}"))  # type: ignore[misc]
        except BadReply as error:
            raise SetupError(f"{path}: {error}; a file of recordings/ is wanted") from error
        inputs, passages = inputs + came.inputs, passages + came.passages
        played |= came.played
        if came.difference is not None:
            _tell(path, came.difference, arguments.json)
            return 1
    if not played:
        raise SetupError(f"{arguments.file}: nothing of it was recorded by a gate; a file of recordings/ is wanted")
    if arguments.json:
        print(json.dumps({"same": True, "files": len(paths), "inputs": inputs, "passages": passages}))
    else:
        print(f"the same: {inputs:,} inputs, {passages:,} passages")
    return 0


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {system_words(error)}") from error


def _instead(path: Path) -> "Lane":
    """The lane that this file describes; faces are judged by its thresholds, where a card of its model is shipped."""
    import hw
    from gatefw import config
    from gatefw.biometrics.card import shipped
    from gatefw.biometrics.threshold import threshold_for
    from gatefw.crew import gate_settings
    from gatefw.model import Answer, FaceCompared
    from gatefw.replay import Lane

    lane = config.load(path, hw.schema)
    card = next((each for each in shipped() if each.name == lane.vision_table.embedder), None)
    if card is None:
        print(f"no card of {lane.vision_table.embedder} is shipped: faces are judged as recorded", file=sys.stderr)
        return Lane(gate_settings(lane), lane.lane.procedure)
    at = threshold_for(card, lane.face.fmr)

    def heard(answer: Answer) -> Answer:
        if not isinstance(answer, FaceCompared):
            return answer
        alike = answer.score <= at.distance
        return dataclasses.replace(answer, matched=alike, threshold=at.distance, fmr=lane.face.fmr)

    return Lane(gate_settings(lane), lane.lane.procedure, heard)


def _tell(path: Path, found: "Difference", as_json: bool) -> None:
    if as_json:
        print(json.dumps({"same": False, "file": str(path), **dataclasses.asdict(found)}, indent=2))
        return
    print(f"{path}, line {found.line}, {found.after_s:.3f} s after its beginning:")
    print(f"  given     {words(found.event)}")
    print(f"  expected  {words(found.expected)}")
    print(f"  got       {words(found.got)}")
    for row in found.rows:
        print(f"  row       {row}")


def words(told: Any) -> str:
    """A tape's JSON as a person reads it: `Drive(door=entry_door, lease_s=2.0, purpose=enter)`."""
    if told is None:
        return "nothing"
    if isinstance(told, list):
        return f"[{', '.join(words(each) for each in told)}]"
    if not isinstance(told, dict):
        return str(told)
    ((kind, inner),) = told.items()
    if isinstance(inner, dict):
        fields = ", ".join(f"{name}={'none' if each is None else words(each)}" for name, each in inner.items())
        return f"{kind}({fields})"
    return "an exception" if kind == "raised" else words(inner)
