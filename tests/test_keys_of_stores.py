"""A store whose key is missing is an error, whoever keeps the keys: nobody makes it a fresh one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from swtpm import swtpm

import hw
from gatefw import config, key_ring, vision
from gatefw.config import Config
from gatefw.errors import StoreError
from gatefw.keeping import Provider
from gatefw.office import Office

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
FINGERS = """
[finger.lane]
driver = "r30x"
link = "socket:${RUN}/finger.sock"
"""


@pytest.fixture(params=list(Provider))
def lane(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """A lane with every store, before its first start."""
    key_ring._secrets.clear()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keys-")))
        keys = f'[keys]\nprovider = "{request.param}"\n'
        if request.param is Provider.TPM:
            keys += f'tcti = "{stack.enter_context(swtpm(folder))}"\n'
        (folder / "gatefw-root").write_bytes(bytes(range(32)))
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        (tmp_path / "lane.toml").write_text(f"{SIM.read_text()}\n{FINGERS}\n{keys}")
        env = {"GATEFW_STATE": str(tmp_path / "state"), "GATEFW_RUN": str(tmp_path / "run")}
        yield config.load(tmp_path / "lane.toml", hw.schema, env)


def open_all(lane: Config) -> None:
    """As the supervisor does, and vision."""
    key_ring._secrets.clear()
    lane.paths.state.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as files:
        Office(lane, lambda _event: None, files)
    vision.opened_gallery(lane.vision).close()


def test_no_store_gets_a_fresh_key(lane: Config) -> None:
    """After a first start keys are lost one by one, then all of them, and come back out of a backup."""
    open_all(lane)
    keys = sorted((lane.paths.state / "keys").glob("*.key"))
    assert {"fingers", "gallery", "journal", "records"} <= {path.stem for path in keys}
    wrapped = {len(path.read_bytes()) != 32 for path in keys}
    assert wrapped == {lane.keys.provider is not Provider.FILE}
    backup = shutil.copytree(lane.paths.state / "keys", lane.paths.state / "backup")
    for path in keys:
        path.unlink()
        with pytest.raises(StoreError, match=f"{path.stem}.key: missing, but its store exists"):
            open_all(lane)
        assert not path.exists()
        shutil.copy(backup / path.name, path)
    for path in keys:
        path.unlink()
    with pytest.raises(StoreError, match="missing, but its store exists"):
        open_all(lane)
    assert not list((lane.paths.state / "keys").glob("*.key"))
    shutil.copytree(backup, lane.paths.state / "keys", dirs_exist_ok=True)
    open_all(lane)
