"""gatefw check: what this machine lacks of what the drivers will want is said before anybody drives to the gate."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_config import Lane

import hw
from gatefw.cli import check as cli
from gatefw.errors import StoreError
from gatefw.state import state_dir
from hw.secret import SecretFile

CARD = '\n[reader.card]\ndriver = "osdp"\nlink = "memory:card"\nkey_file = "{}"\n'
FINGER = '\n[finger.inside]\ndriver = "r30x"\nlink = "memory:finger"\npassword_file = "{}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir(mode=0o700)
    return tmp_path / "secrets"


@pytest.fixture
def lane(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Lane:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    (state_dir() / "models").symlink_to(models)
    return Lane(tmp_path / "lane.toml")


def warnings(lane: Lane, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """Key and problem of each; there is nothing but warnings."""
    lane.check()  # writes the file
    status = cli.run(argparse.Namespace(file=lane.path, json=True))
    found = json.loads(capsys.readouterr().out)["findings"]
    assert (status, [each["warning"] for each in found]) == (0, [True] * len(found)), found
    assert all(each["line"] for each in found)
    return [(each["key"], each["problem"]) for each in found]


@pytest.mark.models
@pytest.mark.parametrize(("key", "table"), [("reader.card", CARD), ("finger.inside", FINGER)])
def test_a_secret_that_is_not_there_is_a_warning_with_what_makes_it(
    key: str, table: str, lane: Lane, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lane.text += table.format(folder / "device.key")
    [(found, problem)] = warnings(lane, capsys)
    assert found == key
    assert "device.key: is not there yet; `gatefw device install` makes it" in problem
    (folder / "device.key").write_text("whatever it is: nobody but the daemon has to be able to read it")
    (folder / "device.key").chmod(0o600)
    assert warnings(lane, capsys) == []
    (folder / "device.key").chmod(0o640)
    [(found, problem)] = warnings(lane, capsys)
    assert "mode is 0640, open to others" in problem


@pytest.mark.models
def test_so_is_a_directory_for_a_secret(lane: Lane, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lane.text += CARD.format(folder / "none" / "device.key")
    [(found, problem)] = warnings(lane, capsys)
    assert found == "reader.card"
    assert "its directory is not there" in problem


@pytest.mark.models
def test_so_is_a_path_that_is_none(lane: Lane, capsys: pytest.CaptureFixture[str]) -> None:
    lane.text += CARD.format("device.key")
    [(_, problem)] = warnings(lane, capsys)
    assert "'device.key': is no whole path" in problem


@pytest.mark.models
@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("seriel:/dev/ttyUSB0", "none of serial:PATH?baud=N"),
        ("serial:/dev/ttyUSB0?baud=0", "baud= takes 300 to"),
        ("serial:/dev/ttyUSB0?parity=evn", "parity=none, even or odd"),
        ("spy:/tmp/said+serial:/dev/ttyUSB0?stop=3", "stop=1 or 2"),
    ],
)
def test_a_link_that_means_nothing_is_refused_in_its_line(
    link: str, says: str, lane: Lane, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lane.text += FINGER.format("").replace("memory:finger", link)
    lane.check()
    assert cli.run(argparse.Namespace(file=lane.path, json=True)) == 1
    [found] = [each for each in json.loads(capsys.readouterr().out)["findings"] if not each["warning"]]
    assert found["key"] == "finger.inside.link"
    assert found["line"] == lane.line(link)
    assert says in found["problem"]


@pytest.mark.models
def test_a_link_with_two_devices_is_refused_whatever_stands_behind_the_path(
    lane: Lane, capsys: pytest.CaptureFixture[str]
) -> None:
    lane.text += FINGER.format("").replace("memory:finger", "serial:/dev/serial/by-id/one?baud=57600")
    lane.text += '\n[reader.mrz]\ndriver = "mrz_serial"\nlink = "serial:/dev/serial/by-id/one?baud=9600"\n'
    lane.check()
    assert cli.run(argparse.Namespace(file=lane.path, json=True)) == 1
    [found] = [each for each in json.loads(capsys.readouterr().out)["findings"] if not each["warning"]]
    assert "already; a link has one device" in found["problem"]


def test_a_secret_that_was_being_handed_over_is_there(folder: Path) -> None:
    SecretFile(folder / "device.key", 4).stage(b"fine")
    settings = hw.schema("finger", "r30x")(link="memory:finger", password_file=str(folder / "device.key"))
    assert hw.load("finger", "r30x").lacks(settings) == []


def test_what_a_driver_says_when_it_is_opened_says_the_same(folder: Path) -> None:
    settings = hw.schema("reader", "osdp")(link="memory:card", key_file=str(folder / "device.key"))
    with pytest.raises(StoreError, match="is not there; `gatefw device install` makes one"):
        hw.load("reader", "osdp").open(settings)


@pytest.mark.parametrize(
    ("role", "driver", "library", "advice"),
    [("document", "pcsc", "smartcard", "python3-pyscard"), ("camera", "picamera2", "picamera2", "python3-picamera2")],
)
def test_a_library_that_is_not_there_is_named_with_where_to_get_it(
    role: str, driver: str, library: str, advice: str
) -> None:
    program = f"""
import sys
sys.modules[{library!r}] = None  # how Python marks what cannot be imported
import hw
print(hw.load({role!r}, {driver!r}).lacks(None))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert f"{library.replace('smartcard', 'pyscard')} is not there: " in ran.stdout
    assert advice in ran.stdout
