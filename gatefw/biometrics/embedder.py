"""From a chip to a vector: one pass of the network or two, and the length that the metric wants."""

import numpy as np

from gatefw.biometrics.align import Frame
from gatefw.biometrics.runtime import Network, Picture, Vector
from gatefw.errors import ModelError


class Embedder:
    """A loaded embedder. `frame`: the chip that it wants. To be called from one thread at a time."""

    def __init__(self, network: Network) -> None:
        """Raises ModelError: the network is no embedder, or its output is not one row of numbers."""
        card, shapes = network.card, network.shapes
        if card.alignment is None:
            raise ModelError(f"model {card.name}: its kind is {card.kind!r}, an embedder is wanted here; name another")
        if len(shapes) != 1 or len(shapes[0]) != 1 or shapes[0][0] < 2:
            raise ModelError(f"model {card.name}: its outputs are {shapes}; an embedder has one row of numbers")
        self.network, self.frame = network, Frame(card.input.side_px, card.alignment)

    def embed(self, chip: Picture, mirror: bool | None = None) -> Vector:
        """float32[n]: of the chip, or the mean of it and its mirror image, as the card says unless `mirror` does.

        The default model's FNMR at FMR 1e-3 falls from 6.6 to 4.8 % by the mirror image. Of length 1 where the metric
        is "cosine". Raises ModelError when the model gives no numbers, or a cosine without a direction: a vector of
        length 0 would be equally near to everybody.
        """
        card = self.network.card
        vector = self.network.run(chip)[0]
        if card.mirror if mirror is None else mirror:
            vector = (vector + self.network.run(np.ascontiguousarray(chip[:, ::-1]))[0]) / np.float32(2)
        length = np.float32(np.linalg.norm(vector)) if card.metric == "cosine" else np.float32(1)
        if not (np.isfinite(vector).all() and length > 0):
            raise ModelError(f"model {card.name}: made no usable numbers of a face; remove it, or convert it anew")
        return vector / length
