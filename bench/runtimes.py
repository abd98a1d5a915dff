"""Both runtimes on the same chips: how far their vectors lie apart, and what a pass takes. Nothing else differs.

tflite-runtime 2.14 runs in an environment of its own (Python 3.11, numpy below 2, OpenCV 4, and this project without
its default runtime). `litert`: as the product runs it by default. `plain`: without default delegates. `tflite`, `tflite
plain`: the other runtime, likewise. The notes say over how many chips, and the largest L2 distance to `litert plain`.

Chips: of DIR, with `python -m bench.runtimes --faces DIR` 100 people's; else of the installed photographs.

Seen in November 2026 on 100 people of press photographs, on x86-64 with AVX2: tflite-runtime with and without delegates
and litert without are the same bit by bit; litert with its default delegate lies 0.018 (median) to 0.023 (most) beside.
"""

import argparse
import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.harness import Row, row, table
from bench.peer_env import python_with
from gatefw.biometrics import picture
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.measuring.album import SUFFIXES
from gatefw.biometrics.quality import the_face
from gatefw.biometrics.runtime import Delegate, Picture, Runtime
from gatefw.errors import GateError, SetupError
from gatefw.model import Reason
from gatefw.state import state_dir

ROUNDS = 5
DETECTOR, EMBEDDER = "blazeface-short-range-int8", "dlib-resnet-int8"
PACKAGES = ("tflite-runtime==2.14.0", "numpy>=1.26,<2", "opencv-python-headless>=4.11,<4.12")
ROOT = Path(__file__).resolve().parent.parent
CHIPS_MOST = 100
WAYS = {
    "litert": (Runtime.LITERT, Delegate.DEFAULT),
    "litert plain": (Runtime.LITERT, Delegate.NONE),
    "tflite": (Runtime.TFLITE, Delegate.DEFAULT),
    "tflite plain": (Runtime.TFLITE, Delegate.NONE),
}
CHILD = """
import json, sys, time
from pathlib import Path
import numpy as np
from gatefw.biometrics.chain import Chain
from gatefw.biometrics.runtime import Delegate, Runtime
models, detector, embedder, delegate, runtime, rounds = sys.argv[1:]
chain = Chain.load(Path(models), detector, embedder, Runtime(runtime), Delegate(delegate))
shape = json.loads(sys.stdin.buffer.readline())
chips = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(shape)
seconds = []
for _ in range(int(rounds)):
    began_s = time.perf_counter()
    vectors = [chain.embed(chip).tolist() for chip in chips]
    seconds.append((time.perf_counter() - began_s) / len(chips))
json.dump({"version": chain.maker.version, "vectors": vectors, "seconds": seconds}, sys.stdout)
"""

Vectors = NDArray[np.float32]


def embedded(python: Path, way: str, chips: NDArray[np.uint8], rounds: int = 1) -> tuple[Vectors, list[float]]:
    """The vectors that one way makes of chips (n x rows x columns x RGB), and the seconds of one in each round."""
    runtime, delegate = WAYS[way]
    models = str(state_dir() / "models")
    command = [str(python), "-c", CHILD, models, DETECTOR, EMBEDDER, delegate, runtime, str(rounds)]
    fed = json.dumps(chips.shape).encode() + b"\n" + chips.tobytes()
    done = subprocess.run(command, input=fed, capture_output=True, cwd=ROOT)
    if done.returncode != 0:
        raise SetupError(f"bench: {way}: {(done.stderr.decode().strip().splitlines() or ['no message'])[-1]}")
    answer = json.loads(done.stdout)
    return np.array(answer["vectors"], np.float32), answer["seconds"]


def python_with_tflite() -> Path:
    """A Python with the other runtime and not ours. Raises SetupError: not for this Python, or not to be had."""
    if sys.version_info >= (3, 12):
        raise SetupError("bench: tflite-runtime 2.14 has no wheel for this Python; 3.11 is the last")
    return python_with("tflite", PACKAGES)


def run(rounds: int, faces: Path | None = None) -> list[Row]:
    """A row for each way. Raises SetupError: the other runtime or a face cannot be had here."""
    pythons = {Runtime.LITERT: Path(sys.executable), Runtime.TFLITE: python_with_tflite()}
    chips = chips_of(faces or state_dir() / "photos")
    made = {way: embedded(pythons[WAYS[way][0]], way, chips, rounds) for way in WAYS}
    exact, samples = made["litert plain"][0], {way: seconds for way, (_, seconds) in made.items()}
    apart = {way: np.linalg.norm(vectors - exact, axis=1) for way, (vectors, _) in made.items()}
    notes = {
        way: f"{len(chips)} chips; L2 to litert plain: median {np.median(of):.4f}, most {of.max():.4f}"
        + (", bit by bit the same" if np.array_equal(made[way][0], exact) else "")
        for way, of in apart.items()
    }
    return [row(samples, way, "ms", 1e3, ("litert",), notes[way]) for way in WAYS]


def chips_of(folder: Path) -> NDArray[np.uint8]:
    """Of the first picture of each person, or of every picture that lies in the folder itself, the nearest face."""
    chain = Chain.load(state_dir() / "models", DETECTOR, EMBEDDER, Runtime.LITERT)
    homes = [each for each in sorted(folder.iterdir()) if each.is_dir()] or [folder]
    pictures = [sorted(each for each in home.iterdir() if each.suffix.lower() in SUFFIXES) for home in homes]
    paths = [of[0] for of in pictures if of] if len(homes) > 1 else pictures[0]
    found = (_chip(chain, picture.load(path)) for path in paths[:: max(1, len(paths) // (2 * CHIPS_MOST))])
    chips = list(islice((chip for chip in found if chip is not None), CHIPS_MOST))
    if not chips:
        raise SetupError(f"{folder}: no picture with a face; run `gatefw models install --photos`, or name a folder")
    return np.stack(chips)


def _chip(chain: Chain, rgb: Picture) -> Picture | None:
    face = the_face(chain.faces(rgb), rgb)
    return None if isinstance(face, Reason) else chain.align(rgb, face)[0]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.runtimes", description=str(__doc__).split("\n")[0])
    parser.add_argument("--faces", type=Path, help="a folder with a folder of photographs a person")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="all numbers in one line, at the end")
    options = parser.parse_args(arguments)
    try:
        rows = run(options.rounds, options.faces)
    except GateError as error:
        print(f"bench.runtimes: {error}", file=sys.stderr)
        return 2
    print(table(f"runtimes: {str(__doc__).splitlines()[0]}", rows))
    if options.json:
        print(json.dumps([each.to_json() for each in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
