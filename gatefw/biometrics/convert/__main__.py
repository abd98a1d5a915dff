"""python -m convert KIND SOURCE TARGET [-]: the int8 TFLite file of a published one. Prints what was compared, as JSON.

With - the chips to measure ranges on are read from standard input (.npy, uint8): pictures of people touch no disk.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np

from . import blazeface, dlib_resnet
from .compare import compare
from .quantise import quantise

BUILD = {"detect": blazeface.build, "embed": dlib_resnet.build}


def main(kind: str, source: str, target: str, feed: str = "") -> None:
    chips = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) if feed else None
    float_model = BUILD[kind](Path(source).read_bytes())
    int8_model = quantise(float_model, kind, chips)
    Path(target).write_bytes(int8_model)
    json.dump(compare(float_model, int8_model, kind, chips), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
