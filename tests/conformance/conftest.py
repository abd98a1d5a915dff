"""Where every driver of a role is tried: a bench has what a driver needs at its far end.

A suite asks for `bench`, which is parametrized over every driver that `hw.drivers()` finds for the suite's ROLE and
over every place it can run in (`BENCHES[how]`). A driver without a bench fails its suite: nothing goes untested.

    pytest tests/conformance --table                          driver by promise, at the end
    pytest tests/conformance --device door.gpio=door.toml -s  the same promises on hardware that is really there
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from by_hand import BenchByHand
from promises import Promises

import hw


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--table", action="store_true", help="print which driver keeps which promise")
    group.addoption(
        "--device",
        metavar="ROLE.HOW=FILE",
        help="this driver alone, with the settings in a TOML file, on real hardware; with -s somebody is asked to act",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--table", default=False):
        config.pluginmanager.register(Promises(), "promises")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bench" not in metafunc.fixturenames:
        return
    module = metafunc.module
    found = [how for role, how in hw.drivers() if role == module.ROLE]
    missing = [how for how in found if not module.BENCHES.get(how)]
    assert not missing, f"{module.__file__}: no bench for {module.ROLE} driver(s) {missing}: add one to BENCHES"
    benches = [(how, make) for how in found for make in module.BENCHES[how]]
    device = metafunc.config.getoption("--device", default=None)
    if device:
        benches = [each for each in [BenchByHand.maker(device, metafunc.config)] if each[0] in found]
        benches = benches if device.startswith(f"{module.ROLE}.") else []
    each = [pytest.param(bench, marks=getattr(bench[1], "marks", ())) for bench in benches]
    metafunc.parametrize("bench", each, ids=[f"{how}-{make.__name__}" for how, make in benches], indirect=True)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """The bench, with its driver's module as `driver`. Whatever it opened is closed again."""
    how, make = request.param
    bench = make(tmp_path)
    bench.driver = hw.load(request.module.ROLE, how)
    yield bench
    bench.close()
