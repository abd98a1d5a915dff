"""The options that all commands share which measure a folder of photographs, and the way from them to its album."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gatefw.cli import command
from gatefw.errors import SetupError
from gatefw.state import state_dir

if TYPE_CHECKING:
    from gatefw.biometrics.chain import Chain
    from gatefw.biometrics.measuring.album import Album, Look

DETECTOR, EMBEDDER = "blazeface-short-range-int8", "dlib-resnet-int8"


def add(parser: argparse.ArgumentParser) -> None:
    """DIR, the models and what runs them, and which face of a picture is meant."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder for each person, with their pictures")
    parser.add_argument("--model", default=EMBEDDER, metavar="NAME", help=f"the embedder (default: {EMBEDDER})")
    parser.add_argument("--detector", default=DETECTOR, metavar="NAME", help=f"default: {DETECTOR}")
    parser.add_argument("--runtime", choices=("litert", "tflite"), default="litert", help="default: litert")
    parser.add_argument("--delegate", choices=("default", "none"), default="default", help="default: default")
    parser.add_argument("--central", action="store_true", help="the central face, good or not; else as a lane looks")


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number of `least` or more."""

    def number(text: str) -> int:
        if not text.removeprefix("-").isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: a whole number of {least} or more is wanted")
        return int(text)

    return number


def require_writable(option: str, path: Path) -> None:
    """Raise SetupError when no file can be written there, before minutes of measuring rather than after them."""
    if not path.parent.is_dir():
        raise SetupError(f"{option} {path}: its folder is not there; make it, or name another file")
    if path.is_dir():
        raise SetupError(f"{option} {path}: is a folder; name a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise SetupError(f"{option} {path}: cannot be written: {error.strerror}; name another file") from error


def collected(
    arguments: argparse.Namespace, around: "Callable[[Chain, Look], Look] | None" = None
) -> "tuple[Chain, Album]":
    """The chain and what it made of every picture; `around` the look at one, another look may be made.

    Raises ModelError, SetupError (see `album.collect`).
    """
    from gatefw.biometrics.chain import Chain
    from gatefw.biometrics.measuring.album import central, collect
    from gatefw.biometrics.runtime import Delegate, Runtime

    runtime, delegate = Runtime(arguments.runtime), Delegate(arguments.delegate)
    models = state_dir(os.environ) / "models"
    chain = Chain.load(models, arguments.detector, arguments.model, runtime, delegate, calibrated=False)
    with command.progress(sys.stderr) as tell:
        look = central(chain) if arguments.central else chain.probe
        return chain, collect(
            around(chain, look) if around else look,
            arguments.folder,
            lambda done, of: tell(f"{done} of {of} pictures seen"),
        )
