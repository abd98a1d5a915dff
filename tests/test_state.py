"""Where the state lives is decided by the environment alone, in a fixed order."""

from pathlib import Path

import pytest

from gatefw.errors import StoreError
from gatefw.state import runtime_dir, state_dir

FULL = {"STATE_DIRECTORY": "/a:/b", "GATEFW_STATE": "/c", "XDG_STATE_HOME": "/d", "HOME": "/e"}


@pytest.mark.parametrize(
    ("unset", "expected"),
    [
        ((), "/a"),
        (("STATE_DIRECTORY",), "/c"),
        (("STATE_DIRECTORY", "GATEFW_STATE"), "/d/gatefw"),
        (("STATE_DIRECTORY", "GATEFW_STATE", "XDG_STATE_HOME"), "/e/.local/state/gatefw"),
    ],
)
def test_the_first_variable_that_is_set_wins(unset: tuple[str, ...], expected: str) -> None:
    assert state_dir({k: v for k, v in FULL.items() if k not in unset}) == Path(expected)
    assert state_dir(FULL | dict.fromkeys(unset, "")) == Path(expected), "empty counts as unset"


def test_no_home_at_all_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(StoreError, match="GATEFW_STATE"):
        state_dir({})


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(StoreError, match="not an absolute path"):
        state_dir({"GATEFW_STATE": "state"})


def test_the_runtime_directory_is_systemds_then_ours_then_the_users_then_in_the_state() -> None:
    env = {"RUNTIME_DIRECTORY": "/run/a:/run/b", "GATEFW_RUN": "/c", "XDG_RUNTIME_DIR": "/d", "GATEFW_STATE": "/state"}
    found = []
    for name in ("RUNTIME_DIRECTORY", "GATEFW_RUN", "XDG_RUNTIME_DIR", "GATEFW_STATE"):
        found.append(str(runtime_dir(env)))
        del env[name]
    assert found == ["/run/a", "/c", "/d/gatefw", "/state/run"]


def test_a_relative_runtime_directory_is_refused() -> None:
    with pytest.raises(StoreError, match="runtime directory: 'run' is not an absolute path"):
        runtime_dir({"GATEFW_RUN": "run"})
