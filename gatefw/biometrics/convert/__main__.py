"""python -m convert KIND SOURCE TARGET: the int8 TFLite file of a published one. Prints what was compared, as JSON."""

import json
import sys
from pathlib import Path

from . import blazeface, dlib_resnet
from .compare import compare
from .quantise import quantise

BUILD = {"detect": blazeface.build, "embed": dlib_resnet.build}


def main(kind: str, source: str, target: str) -> None:
    float_model = BUILD[kind](Path(source).read_bytes())
    int8_model = quantise(float_model, kind)
    Path(target).write_bytes(int8_model)
    json.dump(compare(float_model, int8_model, kind), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
