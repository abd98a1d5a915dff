"""Several templates of one person made into one: the weighted mean of their vectors."""

from collections.abc import Sequence

import numpy as np

from gatefw.biometrics.template import Template


def fuse(templates: Sequence[Template], weights: Sequence[float]) -> Template:
    """The weighted mean vector of at least one template; the plain mean where no weight is positive.

    Raises ModelError when different models or runtimes made them, ValueError when the counts differ or there are none.
    A mean is shorter than what it is made of, and lies nearer to everybody, strangers too: compare it by a threshold
    measured for so many. It is not scaled to length 1, not even that of "cosine" vectors, which are so before: how
    much shorter a mean is says how far its templates disagree, and the thresholds are measured on it as it is.
    """
    first, *others = templates
    for other in others:
        first.require_comparable(other.maker)
    shares = np.clip(np.asarray(weights, np.float32), 0, None)
    if len(shares) != len(templates):
        raise ValueError(f"{len(shares)} weights for {len(templates)} templates; each has one")
    if not shares.sum() > 0:
        shares = np.ones_like(shares)
    vectors = np.stack([template.vector for template in templates])
    return Template((shares / shares.sum()) @ vectors, first.maker)
