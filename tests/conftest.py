"""Shared by all tests. Its presence puts this folder on the path, for `peers`."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from leftovers import nothing_stays_open

from gatefw.biometrics import card as cards
from gatefw.biometrics.install import PHOTO_SHA256
from gatefw.errors import ModelError
from gatefw.state import state_dir

# A machine that is busy or draws its first Unicode table is slow, not wrong.
settings.register_profile("gate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gate")


MEMORY, ROOM_BYTES = Path("/dev/shm"), 2 << 30


def pytest_configure() -> None:
    """Tests sync thousands of times and prove in which order, not how fast a disk is: they are in memory, with room.

    Not where TMPDIR says otherwise, nor where programs in memory cannot be run.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    there = os.statvfs(MEMORY)
    if there.f_bavail * there.f_frsize >= ROOM_BYTES and not there.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)  # for children, and for this process


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    """A test that leaves a thread, file, socket or pipe open fails, whatever else it proved."""
    with nothing_stays_open():
        yield


def _required(thing: str) -> None:
    """Skip, or fail where GATEFW_REQUIRE_MODELS says that nothing may be skipped for want of a model."""
    if os.environ.get("GATEFW_REQUIRE_MODELS") == "1":
        pytest.fail(f"{thing}; GATEFW_REQUIRE_MODELS=1 makes that a failure")
    pytest.skip(thing)


@pytest.fixture(scope="session")
def models() -> Path:
    """The directory of the installed face models."""
    found = state_dir(os.environ) / "models"
    try:
        for card in cards.shipped():
            cards.installed(found, card.name)
    except ModelError as error:
        _required(f"face models: {error}")
    return found


@pytest.fixture(scope="session")
def photos() -> Path:
    """The directory of the six test photographs."""
    found = state_dir(os.environ) / "photos"
    if not all((found / name).is_file() for name in PHOTO_SHA256):
        _required(f"photographs: not in {found}; run `gatefw models install --photos`")
    return found


@pytest.fixture(scope="session")
def faces() -> Path:
    """The folder of development photographs, which stands beside the repository or nowhere."""
    found = Path(__file__).resolve().parents[2] / "shared" / "faces" / "lfw-dev"
    if not found.is_dir():
        pytest.skip("the folder of development photographs is not beside this repository")
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files that start real processes come first, those with most of them before all: nothing long is left for the end.

    What needs the real smart card daemon runs only where it was asked for: there is one on a machine.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("real"))
    items.sort(key=lambda item: -slow[item.path])
    if "pcsc" not in config.getoption("markexpr"):
        for item in items:
            if item.get_closest_marker("pcsc"):
                item.add_marker(pytest.mark.skip(reason="tier 2: run it by tests/hil/run --tier 2"))
