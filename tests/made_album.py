"""An album of people who do not exist: a vector for each, and noise around it that grows where a picture is blurred."""

from dataclasses import replace

import numpy as np

from gatefw.biometrics.chain import Probe
from gatefw.biometrics.detector import Face
from gatefw.biometrics.measuring.album import Album, Shot
from gatefw.biometrics.quality import Quality
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template

MAKER = Maker("a" * 64, Runtime.LITERT, "2.3", Delegate.DEFAULT)
GOOD = Quality(60.0, 0.1, 120.0, 0.0, 0.4, 1.0, 0.1, 2.0)
NOWHERE = np.zeros(2)
FACE = Face(0.9, np.zeros(4), NOWHERE, NOWHERE, NOWHERE, NOWHERE)


def album(people: int, shots: int, blurred: float = 0.0, seed: int = 1) -> Album:
    """`blurred`: the share of pictures with little sharpness and five times the noise."""
    chance = np.random.default_rng(seed)
    made = []
    for person, centre in enumerate(chance.normal(0, 0.12, (people, 32))):
        for _ in range(shots):
            bad = chance.random() < blurred
            vector = centre + chance.normal(0, 0.15 if bad else 0.03, 32)
            quality = replace(GOOD, sharpness=chance.uniform(0.05, 0.2) if bad else 0.4, tilt_deg=chance.uniform(0, 9))
            made.append(Shot(person, Probe(Template(vector.astype(np.float32), MAKER), quality, FACE)))
    return Album(tuple(made), people)
