"""`python -m hw.sim --dir DIR --config config/sim.toml`: a simulated gate, until SIGTERM.

Prints "ready" when every socket and serial line is there.
"""

import argparse
import contextlib
import dataclasses
import signal
import sys
from pathlib import Path

from hw.sim.server import Options, Server
from hw.sim.settings import bounded, load


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m hw.sim", description="A simulated gate and the people in it.")
    parser.add_argument("--dir", type=Path, required=True, help="where the sockets and serial lines appear")
    parser.add_argument("--config", type=Path, required=True, help="a TOML file with a [world] table")
    parser.add_argument("--pins", choices=("drop", "keep"), default="drop", help="outputs of a dead process")
    parser.add_argument("--photos", help="directory of the JPEG files that people show to the camera")
    parser.add_argument("--hardware-limit-s", type=float, help="the door hardware's own limit on a release")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    given = parser.parse_args(arguments)
    try:
        settings = load(given.config)
        if given.photos is not None:
            settings = dataclasses.replace(settings, photos=given.photos)
        if given.hardware_limit_s is not None:
            limit_s = bounded("hardware_limit_s", given.hardware_limit_s)
            settings = dataclasses.replace(settings, hardware_limit_s=limit_s)
    except (ValueError, OSError) as problem:
        parser.error(str(problem))
    return Options(given.dir, settings, given.pins == "keep", given.until_eof)


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    options.directory.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Server(options)) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
