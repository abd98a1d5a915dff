"""gatefw screen: the traveller's screen, for the browser of a kiosk."""

import argparse
import os
from pathlib import Path
from typing import Any

from gatefw.cli import command
from gatefw.errors import SetupError
from gatefw.state import state_dir

SCREEN = """\
Serves the traveller's screen to a browser on this machine until it is ended: large pictograms and words in English,
Traditional and Simplified Chinese, as the lane goes on, and two buttons while a traveller is asked to confirm what was
read. It opens the daemon's display socket and can order nothing; where the lane file says [screen] mirror = true, also
that on which vision shows what the camera sees while a traveller is looked at. When the daemon is silent for 2 s it
says that the lane is closed, and goes on by itself.

example:
  gatefw screen
  gatefw screen --position inside --port 8091
  gatefw screen --lang zh_HK

With --audio, or where the lane file says [screen] audio = true, a change is heard: a chime for go, for wait and for
another way, or in its place what lies in DIR, as zh_Hant/look.ogg. Signs are named as in gatefw/data/screen/signs.

A lane with two screens has one in front and one inside: /front and /inside of the same address. Without --position its
bare address is the screen of a lane that has one. What the lane lets its door do when its program is dead is kept in
screen.json in the state directory, so that a screen that is started later is right, too.
"""
PORT = 8090
KNOWN = "screen.json"
"""In the state directory: what a screen was told of its lane, and says still when that is dead."""


def add_parser(commands: Any) -> None:
    """Add `screen`."""
    parser = command.add(commands, "screen", "the traveller's screen, for a browser", SCREEN)
    parser.add_argument("--position", choices=("front", "inside"), help="where it hangs, if the lane has two")
    parser.add_argument("--port", type=int, default=PORT, help=f"of 127.0.0.1 (default: {PORT}; 0: one that is free)")
    parser.add_argument("--lang", metavar="LANG", help="one language instead of three: en, zh_HK or zh_CN")
    parser.add_argument("--audio", type=Path, metavar="DIR", help="what is shown is heard: recordings LANG/SIGN.ogg")
    command.add_dir(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from gatefw import hardening, mirror_wire
    from gatefw.display import SOCKET
    from gatefw.screen.page import screen
    from gatefw.screen.picture import Place
    from gatefw.web.serve import bound, serve
    from gatefw.words import LANGUAGES, Words, language

    chosen = LANGUAGES if arguments.lang is None else (language(arguments.lang, os.environ),)
    directory = command.served_dir(arguments, "the screen says that the lane is closed, and inside how to get out")
    place = Place(arguments.position or "whole")
    hardening.harden()
    tongues = [Words(each) for each in chosen]
    app = screen(
        directory / SOCKET,
        place,
        tongues,
        known=state_dir(os.environ) / KNOWN,
        mirror=directory / mirror_wire.SOCKET,
        audio=_recordings(arguments.audio),
    )
    listener = bound("127.0.0.1", arguments.port)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    serve(app, listener)
    return 0


def _recordings(folder: Path | None) -> Path | None:
    if folder is not None and not folder.is_dir():
        raise SetupError(f"--audio {folder}: no such directory; recordings are wanted in it, like en/look.ogg")
    return folder
