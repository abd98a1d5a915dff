"""The console's file: lanes with their keys, officers, and where it listens; every mistake with its line."""

import subprocess
import sys
from pathlib import Path

import pytest
from console_bench import HASH, OPERATE, PASSWORD, READ

from gatefw.bus_keys import ClientKey, new_pair
from gatefw.cli import main
from gatefw.console import setting
from gatefw.console.officers import fits
from gatefw.errors import ConfigError

EXAMPLE = Path(__file__).parents[1] / "config" / "console.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("e-channel-1", "e-channel-2"):
        public, secret = new_pair()
        at = (f"ipc:///run/{name}/{each}.sock" for each in ("events", "replay", "orders"))
        ClientKey("console", public, secret, new_pair()[0], *at).write(tmp_path / f"{name}.key")
    return tmp_path


def written(folder: Path, change: tuple[str, str] = ("", "")) -> Path:
    text = EXAMPLE.read_text().replace("scrypt:...", HASH)
    assert change[0] in text
    file = folder / "console.toml"
    file.write_text(text.replace(*change, 1))
    file.chmod(0o600)
    return file


def test_the_example_is_in_order_once_its_keys_and_passwords_are_there(folder: Path) -> None:
    found = setting.read(written(folder))
    assert [(each.named.id, each.named.name, each.named.group) for each in found.lanes] == [
        ("e-channel-1", "Lane 1", "Hall A"),
        ("e-channel-2", "Lane 2", "Hall A"),
    ]
    assert found.lanes[0].key.events == "ipc:///run/e-channel-1/events.sock"
    assert found.lanes[1].key.orders == "tcp://192.0.2.12:5573", "what the file says goes before what the key's does"
    assert [(each.name, each.may, each.language) for each in found.officers] == [
        ("mk", frozenset((READ, OPERATE)), "en"),
        ("b-207", frozenset((READ,)), "zh_Hant"),
    ]
    assert found.tls is None


def test_the_example_as_it_is_has_no_password_that_lets_anybody_in(folder: Path) -> None:
    file = folder / "console.toml"
    file.write_bytes(EXAMPLE.read_bytes())
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="gatefw console --hash"):
        setting.read(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[console]", "[consoles]"), r":\d+: consoles: unknown key; did you mean console"),
        (("idle_min", "idle_s"), "idle_min, in minutes"),
        (("port = 8092", "port = 80920"), "console.port"),
        (('host = "127.0.0.1"', 'host = "0.0.0.0"'), "can be reached from outside; that wants certificate and key"),
        (('host = "127.0.0.1"', 'host = "lobby"'), "'lobby' is no address"),
        (('name = "e-channel-2"', 'name = "e-channel-1"'), r"lane.2.name: there is 'e-channel-1' already"),
        (('name = "e-channel-1"', 'name = "Lane 1"'), "lane.1.name"),
        (('key = "e-channel-1.key"', 'key = "nowhere.key"'), "lane.1.key: bus key .*nowhere.key: cannot be read"),
        (('"tcp://192.0.2.12:5571"', '"192.0.2.12:5571"'), "lane.2.events: '192.0.2.12:5571' is no address"),
        (('name = "mk"', 'name = "Max Kim"'), "officer.1.name"),
        (('"operate"]', '"opperate"]'), "officer.1.may"),
        (('language = "en"', 'language = "tlh"'), "officer.1.language: 'tlh' is not there"),
        (('#key = "console.key"', 'key = "console.key"'), "console.key: key file .*console.key: cannot be opened"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(
    folder: Path, change: tuple[str, str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        setting.read(written(folder, change))
    assert "console.toml:" in str(raised.value) and HASH not in str(raised.value)


def test_a_certificate_that_is_none_is_told_before_anybody_comes(folder: Path) -> None:
    for name in ("console.pem", "console.key"):
        (folder / name).write_text("nothing of the kind\n")
        (folder / name).chmod(0o600)
    file = written(folder, ("#certificate", 'key = "console.key"\ncertificate'))
    with pytest.raises(ConfigError, match=r"console\.certificate: cannot be used with its key"):
        setting.read(file)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    file = written(folder, ("port = 8092", "port = -1\nprot = 1"))
    file.write_text(file.read_text().replace('language = "en"', 'language = "tlh"'))
    with pytest.raises(ConfigError) as raised:
        setting.read(file)
    assert len(raised.value.__notes__) == 2


def test_a_file_or_a_key_that_others_may_read_is_refused(folder: Path) -> None:
    file = written(folder)
    (folder / "e-channel-1.key").chmod(0o644)
    with pytest.raises(ConfigError, match="mode 0644 is open to others"):
        setting.read(file)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match=r"console.toml: mode is 0640, open to others"):
        setting.read(file)


def test_a_file_of_another_kind_is_told_as_such_before_anything_else_about_it(tmp_path: Path) -> None:
    """Somebody gives the lane file, which everybody may read: to make it private would not help them."""
    file = tmp_path / "lane.toml"
    file.write_bytes((EXAMPLE.parent / "sim.toml").read_bytes())
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=r"lane\.toml: is a lane file; .*console --help"):
        setting.read(file)
    file.write_text("[tool]\nname = 1\n")
    with pytest.raises(ConfigError, match=r"lane\.toml: is no console's file"):
        setting.read(file)


@pytest.mark.parametrize("lines", ["", "lane = 1\nofficer = []\n", "[lane]\n[officer]\n"])
def test_a_console_has_lanes_and_officers(tmp_path: Path, lines: str) -> None:
    file = tmp_path / "console.toml"
    file.write_text(lines)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"1 to 64 tables \[\[lane\]\]"):
        setting.read(file)


def test_the_command_says_that_a_file_is_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["console", str(written(folder)), "--check"]) == 0
    assert "in order; lanes: 2, officers: 2" in capsys.readouterr().out


def test_a_password_is_read_and_its_line_printed() -> None:
    asked = [sys.executable, "-m", "gatefw", "console", "--hash"]
    done = subprocess.run(asked, input=f"{PASSWORD}\n", capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith('password = "scrypt:') and PASSWORD not in done.stdout
    assert fits(PASSWORD, done.stdout.split('"')[1])
    short = subprocess.run(asked, input="short\n", capture_output=True, text=True, check=False, timeout=60)
    assert (short.returncode, short.stdout) == (2, "") and "10 to 128 characters" in short.stderr
