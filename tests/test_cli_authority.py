"""gatefw authority, and what gatefw check says of authorities: keys, policies, records that wait."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from authority_bench import ANNA, Clock, Desk
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from peers import until

import hw
from gatefw import clearance, config, crew, keys
from gatefw.cli import main
from gatefw.config import Config, Finding
from gatefw.errors import SetupError
from gatefw.model import FactKind

REFERENCE = Path(__file__).parent.parent / "config" / "lanes" / "contactless-e-channel.toml"
SIGNS = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32).public_key().public_bytes_raw().hex() for n in (1, 2)]
SEALS = [X25519PrivateKey.from_private_bytes(bytes([n]) * 32).public_key().public_bytes_raw().hex() for n in (3, 4)]
ENV = {"GATEFW_STATE": "/state", "GATEFW_RUN": "/run/gate"}


def authority(name: str = "home", **changed: str) -> str:
    number = 0 if name == "home" else 1
    table = {
        "driver": "socket", "link": "unix:/run/authority.sock", "signs": SIGNS[number], "seals": SEALS[number],
        "key_file": "/state/authority.key",
    }  # fmt: skip
    return "\n".join([f"\n[authority.{name}]", *(f'{key} = "{value}"' for key, value in (table | changed).items())])


def lane(tmp_path: Path, tables: str) -> Path:
    path = tmp_path / "lane.toml"
    path.write_text(REFERENCE.read_text() + tables + "\n")
    return path


def found(tmp_path: Path, tables: str) -> list[Finding]:
    every = config.check(lane(tmp_path, tables), hw.schema, procedure=clearance.face_follows, env=ENV)
    return [each for each in every if each.key.startswith("authorit")]


def loaded(tmp_path: Path, tables: str) -> Config:
    return config.load(lane(tmp_path, tables), hw.schema, ENV)


# ---------------------------------------------------------------- the lane file


def test_two_authorities_with_keys_of_their_own_are_in_order(tmp_path: Path) -> None:
    assert found(tmp_path, authority() + authority("away")) == []


@pytest.mark.parametrize(
    ("tables", "key", "says"),
    [
        (authority(signs="0" * 64), "authority.home.signs", "place holder"),
        (authority(seals="0" * 64), "authority.home.seals", "place holder"),
        (authority(signs="short"), "authority.home.signs", "64 hex digits"),
        (authority(seals=SEALS[0].upper()), "authority.home.seals", "64 hex digits"),
        (authority() + authority("away", signs=SIGNS[0]), "authority.away.signs", "authority.home already"),
        (authority() + authority("away", seals=SEALS[0]), "authority.away.seals", "authority.home already"),
        ('\n[authorities]\noffline = "admit"\n', "authorities.offline", "refer"),
        ("\n[authorities]\nmost_waiting = 0\n", "authorities.most_waiting", "from 1"),
    ],
)
def test_a_bad_key_or_setting_is_named_with_its_place(tmp_path: Path, tables: str, key: str, says: str) -> None:
    (problem,) = [each for each in found(tmp_path, tables) if not each.warning]
    assert problem.key == key
    assert problem.line is not None
    assert says in problem.problem


def test_nine_authorities_are_one_too_many(tmp_path: Path) -> None:
    tables = ""
    for n in range(9):
        own = bytes([n + 10]) * 32
        signs = Ed25519PrivateKey.from_private_bytes(own).public_key().public_bytes_raw().hex()
        seals = X25519PrivateKey.from_private_bytes(own).public_key().public_bytes_raw().hex()
        tables += authority(f"a{n}", signs=signs, seals=seals)
    assert [each.key for each in found(tmp_path, tables)] == ["authority.a8"]


def test_going_on_without_an_authority_is_a_warning(tmp_path: Path) -> None:
    (warning,) = found(tmp_path, '\n[authorities]\noffline = "clear"\n' + authority())
    assert warning.warning
    assert "stop-list" in warning.problem
    assert found(tmp_path, '\n[authorities]\noffline = "clear"\n') == []


@pytest.mark.parametrize("link", ["tcp:nowhere", "tcp::80", "tcp:host:0", "unix:relative", "http://x"])
def test_check_names_a_link_that_means_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    main(["check", str(lane(tmp_path, authority(link=link)))])
    assert re.search(r"authority\.home\.link: link ", capsys.readouterr().out) or _no_models(tmp_path)


def _no_models(tmp_path: Path) -> bool:
    """Without models a lane file has problems, and its devices are not looked at."""
    return not (tmp_path / "models").exists()


def test_the_gate_asks_where_there_are_authorities_and_needs_room_for_records_not_the_line(tmp_path: Path) -> None:
    settings = crew.gate_settings(loaded(tmp_path, authority()))
    assert settings.terms.authorities
    assert "clearance_records" in settings.required
    assert "authority.home" not in settings.required
    without = crew.gate_settings(loaded(tmp_path, ""))
    assert not without.terms.authorities
    assert "clearance_records" not in without.required


def test_a_lane_whose_own_key_is_missing_does_not_start(tmp_path: Path) -> None:
    (device,) = loaded(tmp_path, authority(key_file=str(tmp_path / "nowhere.key"))).having("authority")
    with pytest.raises(SetupError, match=r"nowhere\.key"):
        crew.correspondent(device, "lane")
    keys.create(tmp_path / "nowhere.key")
    assert crew.correspondent(device, "lane").label == "authority.home"
    (bad,) = loaded_bad(tmp_path)
    with pytest.raises(SetupError, match="public key"):
        crew.correspondent(bad, "lane")


def loaded_bad(tmp_path: Path) -> tuple[Any, ...]:
    """An authority with a bad key, as if the file had been loaded without the rule that finds it."""
    (device,) = loaded(tmp_path, authority()).having("authority")
    settings = type(device.settings)(**{**device.settings.__dict__, "seals": "0" * 64})
    return (type(device)(device.role, device.name, device.driver, settings),)


# ---------------------------------------------------------------- the commands


def test_a_new_key_is_private_and_its_public_half_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys" / "authority.key"
    assert main(["authority", "new-key", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    own = Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    assert told == {"key_file": str(path), "public_key": own.public_key().public_bytes_raw().hex()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert main(["authority", "new-key", str(path)]) == 2
    assert "never written over" in capsys.readouterr().err


def test_status_shows_what_waits_for_whom_and_that_it_has_waited_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    clock.now = 1_700_000_000.0
    desk = Desk(tmp_path, clock=clock)
    try:
        desk.cut.add("shenzhen")
        desk.start()
        desk.pass_through("00000000000000a1", ANNA)
        until(lambda: desk.kinds(FactKind.CLEARANCE_DELIVERED))
        assert main(["authority", "status", "--dir", str(tmp_path), "--json"]) == 1
        here, away = json.loads(capsys.readouterr().out)["authorities"]
        assert (here["authority"], here["waiting"], here["delivered"]) == ("hong-kong", 0, 1)
        assert here["heard_at"] == "2023-11-14T22:13:20Z"
        assert (away["waiting"], away["delivered"], away["heard_at"]) == (1, 0, None)
        assert away["oldest_waiting_at"] == "2023-11-14T22:13:20Z"
        assert main(["authority", "status", "--dir", str(tmp_path)]) == 1
        shown = capsys.readouterr().out
        assert re.search(r"shenzhen +0 +1 +0 +0 +2023-11-14T22:13:20Z +never", shown)
    finally:
        desk.stop()


def test_status_of_a_lane_without_records_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    assert main(["authority", "status", str(lane(tmp_path, authority()))]) == 0
    assert "no clearance records" in capsys.readouterr().out
