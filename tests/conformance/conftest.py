"""Where every driver of a role is tried: a bench has what a driver needs at its far end.

A suite asks for `bench`, which is parametrized over every driver that `hw.drivers()` finds for the suite's ROLE and
over every place it can run in (`BENCHES[how]`). A driver without a bench fails its suite: nothing goes untested.
"""

import pytest

import hw


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bench" not in metafunc.fixturenames:
        return
    module = metafunc.module
    found = [how for role, how in hw.drivers() if role == module.ROLE]
    missing = [how for how in found if not module.BENCHES.get(how)]
    assert not missing, f"{module.__file__}: no bench for {module.ROLE} driver(s) {missing}: add one to BENCHES"
    benches = [(how, make) for how in found for make in module.BENCHES[how]]
    metafunc.parametrize("bench", benches, ids=[f"{how}-{make.__name__}" for how, make in benches], indirect=True)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path):
    """The bench, with its driver's module as `driver`. Whatever it opened is closed again."""
    how, make = request.param
    bench = make(tmp_path)
    bench.driver = hw.load(request.module.ROLE, how)
    yield bench
    bench.close()
