"""A fused template is the mean of what was fused, by weight, and never of what may not be compared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.biometrics.fusion import fuse
from gatefw.biometrics.runtime import Delegate, Maker, Runtime
from gatefw.biometrics.template import Template
from gatefw.errors import ModelError

MAKER = Maker("a" * 64, Runtime.LITERT, "2.3", Delegate.DEFAULT)
numbers = st.floats(-2, 2, width=32)
vectors = st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=1, max_size=8)


def template(*numbers: float) -> Template:
    return Template(np.array(numbers, np.float32), MAKER)


def test_weights_say_how_much_of_each_is_in_the_mean() -> None:
    found = fuse([template(1, 0), template(0, 1)], [0.9, 0.3])
    assert found.vector == pytest.approx([0.75, 0.25])
    assert found.vector.dtype == np.float32
    assert found.maker == MAKER


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, -2.0]])
def test_the_plain_mean_is_taken_where_no_weight_is_positive(weights: list[float]) -> None:
    assert fuse([template(1, 0), template(0, 1)], weights).vector == pytest.approx([0.5, 0.5])


def test_templates_of_two_models_are_not_fused() -> None:
    other = Template(np.ones(2, np.float32), replace(MAKER, model_sha256="b" * 64))
    with pytest.raises(ModelError, match="not comparable"):
        fuse([template(1, 0), other], [1.0, 1.0])


@pytest.mark.parametrize(("count", "weights"), [(0, []), (2, [1.0]), (1, [1.0, 1.0])])
def test_each_template_has_one_weight_and_there_is_at_least_one(count: int, weights: list[float]) -> None:
    with pytest.raises(ValueError):
        fuse([template(1, 0)] * count, weights)


@given(vectors, st.data())
def test_a_mean_lies_among_what_it_is_made_of_and_is_no_longer(found: list[list[float]], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(0, 1), min_size=len(found), max_size=len(found)))
    mean = fuse([template(*numbers) for numbers in found], weights).vector
    all_of_them = np.array(found)
    assert (mean >= all_of_them.min(0) - 1e-5).all()
    assert (mean <= all_of_them.max(0) + 1e-5).all()
    assert np.linalg.norm(mean) <= np.linalg.norm(all_of_them, axis=1).max() + 1e-5


@given(vectors)
def test_one_alone_stays_as_it_is_and_equal_weights_do_not_matter(found: list[list[float]]) -> None:
    templates = [template(*numbers) for numbers in found]
    assert fuse(templates[:1], [0.2]).vector == pytest.approx(templates[0].vector, abs=1e-6)
    ones, halves = (fuse(templates, [weight] * len(found)).vector for weight in (1.0, 0.5))
    assert ones == pytest.approx(halves, abs=1e-6)
