"""What the doors do when nobody commands them: stated by each driver, shown by `check`, refused where it harms."""

import dataclasses
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from modbus_peers import MAP

import hw
from gatefw import config_rules, door_table
from gatefw.cli import main
from gatefw.config import Config, load
from gatefw.config_tables import Device, Watcher
from gatefw.errors import SetupError
from gatefw.ports import Alone, DeadOutputs, Pin, Plight
from hw import door_gpio, door_modbus
from hw.gpio.persistence import dead_outputs

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
LINES: dict[str, Any] = {"release": Pin(17), "closed": Pin(27), "locked": Pin(22), "beam": Pin(5)}
MOTOR: dict[str, Any] = {"motor_open": Pin(12), "motor_close": Pin(13), "opened": Pin(6)}
GOOD: dict[str, Any] = {"unpowered": "secured", "off_held_by": "resistor", "hardware_limit_s": 20.0}
KEPT, FREED, UNKNOWN = DeadOutputs.KEPT, DeadOutputs.FREED, DeadOutputs.UNKNOWN


def on_pins(**changes: Any) -> door_gpio.Settings:
    return door_gpio.Settings(**{**LINES, **GOOD, **changes})


def modbus(**changes: Any) -> door_modbus.Settings:
    return door_modbus.Settings(**{"link": "memory:none", **MAP, "reply_s": 0.1, "max_lease_s": 10.0, **changes})


@pytest.fixture
def lane(tmp_path: Path) -> Config:
    """The simulated lane, as if its hardware were real."""
    config = load(SIM, hw.schema, {"GATEFW_RUN": str(tmp_path), "GATEFW_STATE": str(tmp_path)})
    return dataclasses.replace(config, lane=dataclasses.replace(config.lane, simulated=False))


def with_exit(config: Config, settings: object, driver: str = "gpio") -> Config:
    """The lane with another exit door, which no cause but an emergency lets anybody out by."""
    others = [device for device in config.devices if device.label != "door.exit_door"]
    return dataclasses.replace(config, devices=(*others, Device("door", "exit_door", driver, settings)))


def unwatched(config: Config) -> Config:
    return dataclasses.replace(config, watcher=Watcher(required=False))


def wrong(config: Config, outputs: DeadOutputs = FREED) -> dict[str, str]:
    return {".".join(each.place): each.problem for each in door_table.objections(config, outputs) if not each.warning}


# ---------------------------------------------------------------- what a driver states


def test_every_door_driver_states_every_plight() -> None:
    for settings in (on_pins(), modbus()):
        assert set(settings.left_alone(Alone(KEPT, 5.0, 8.0))) == set(Plight)


@pytest.mark.parametrize(
    ("outputs", "limit_s", "watcher_s", "lasts_s", "by"),
    [
        (FREED, 20.0, math.inf, 0.0, "resistor"),
        (KEPT, 20.0, math.inf, 20.0, "timer"),
        (UNKNOWN, 20.0, math.inf, 20.0, "timer"),
        (KEPT, 20.0, 5.0, 5.0, "watcher"),
        (KEPT, 3.0, 5.0, 3.0, "timer"),
        (KEPT, 0.0, math.inf, math.inf, "neither watcher nor timer"),
    ],
)
def test_a_release_on_pins_outlives_its_process_for_as_long_as_kernel_watcher_and_timer_let_it(
    outputs: DeadOutputs, limit_s: float, watcher_s: float, lasts_s: float, by: str
) -> None:
    left = on_pins(hardware_limit_s=limit_s).left_alone(Alone(outputs, watcher_s, watcher_s))[Plight.ON_CRASH]
    assert (left.state, left.lasts_s) == ("secured", lasts_s)
    assert by in left.because


def test_a_line_that_nothing_holds_off_is_undefined_at_boot_and_after_an_end() -> None:
    left = on_pins(off_held_by="nothing").left_alone(Alone(KEPT, 5.0, 8.0))
    assert [plight for plight, each in left.items() if each.state == "undefined"] == [
        Plight.AT_BOOT,
        Plight.ON_EXIT,
        Plight.ON_CRASH,
    ]


def test_a_controller_ends_a_release_by_itself_whatever_the_kernel_does() -> None:
    left = modbus(command_timeout_s=1.5, at_boot="released").left_alone(Alone(KEPT, math.inf, math.inf))
    assert left[Plight.ON_CRASH].lasts_s == left[Plight.ON_HANG].lasts_s == 1.5
    assert left[Plight.AT_BOOT].state == "released"


# ---------------------------------------------------------------- what is refused


def test_the_simulated_lane_stands_and_so_does_a_modbus_door_in_it(lane: Config) -> None:
    assert wrong(lane, KEPT) == {}
    assert wrong(with_exit(lane, modbus(), "modbus"), KEPT) == {}
    door_table.refuse(lane, KEPT)


@pytest.mark.parametrize("outputs", [KEPT, UNKNOWN])
def test_a_door_on_pins_without_a_watcher_is_refused_where_a_dead_process_may_leave_it_released(
    lane: Config, outputs: DeadOutputs
) -> None:
    assert "no watcher runs" in wrong(unwatched(lane), outputs)["watcher.required"]
    with pytest.raises(SetupError, match=r"watcher\.required.*no watcher runs"):
        door_table.refuse(unwatched(lane), outputs)
    assert wrong(unwatched(lane), FREED) == {}


def test_doors_that_end_their_releases_themselves_need_no_watcher(lane: Config) -> None:
    doors = tuple(Device("door", name, "modbus", modbus()) for name in ("entry_door", "exit_door"))
    others = tuple(device for device in lane.devices if device.role != "door")
    assert wrong(unwatched(dataclasses.replace(lane, devices=(*others, *doors))), KEPT) == {}


@pytest.mark.parametrize(
    ("settings", "driver", "key", "why"),
    [
        (on_pins(off_held_by="nothing"), "gpio", "door.exit_door.at_boot", "nobody can say"),
        (on_pins(hardware_limit_s=0.0), "gpio", "door.exit_door.hardware_limit_s", "nothing but software"),
        (on_pins(**MOTOR), "gpio", "door.exit_door.motor_stopped_by", "cut the supply of the motor"),
        (on_pins(motor_open=Pin(12)), "gpio", "door.exit_door.motor_open", "all three are wired, or none"),
        (on_pins(max_lease_s=0.5), "gpio", "doors.lease_s", "exit_door gives 0.5"),
        (modbus(at_boot="released"), "modbus", "door.exit_door.at_boot", "this door is open"),
        (modbus(fault_register=200), "modbus", "door.exit_door.status_register", "lie 184 apart"),
        (modbus(command_timeout_s=0.3), "modbus", "door.exit_door.command_timeout_s", "at least 4 reply_s"),
        (object(), "other", "door.exit_door.driver", "does not state"),
    ],
)
def test_a_door_that_would_harm_somebody_when_it_is_left_alone_is_refused_by_its_key(
    lane: Config, settings: object, driver: str, key: str, why: str
) -> None:
    found = wrong(with_exit(lane, settings, driver))
    assert why in found[key]
    with pytest.raises(SetupError, match=key):
        door_table.refuse(with_exit(lane, settings, driver), FREED)


def test_a_release_that_nothing_ends_is_refused(lane: Config) -> None:
    endless = with_exit(unwatched(lane), on_pins(hardware_limit_s=0.0))
    assert "nothing ends a release" in wrong(endless, FREED)["door.exit_door.on_hang"]


@pytest.mark.parametrize(
    "settings",
    [on_pins(off_held_by="nothing", covered_by="a shutter"), on_pins(hardware_limit_s=0.0, covered_by="a guard")],
)
def test_hardware_that_covers_it_is_named_in_a_warning_instead(lane: Config, settings: Any) -> None:
    covered = with_exit(unwatched(lane), settings)
    assert wrong(covered, FREED) == {}
    warnings = [each.problem for each in door_table.objections(covered, FREED) if each.warning]
    assert warnings
    assert all(settings.covered_by in problem for problem in warnings)


def test_a_motor_that_hardware_stops_may_stay(lane: Config) -> None:
    assert wrong(with_exit(lane, on_pins(**MOTOR, motor_stopped_by="hardware"))) == {}


# ---------------------------------------------------------------- what the kernel does


@pytest.mark.parametrize(
    ("label", "module", "parameter", "said", "found"),
    [
        ("pinctrl-bcm2711", "pinctrl_bcm2835", "persist_gpio_outputs", "Y\n", KEPT),
        ("pinctrl-bcm2711", "pinctrl_bcm2835", "persist_gpio_outputs", "N\n", FREED),
        ("pinctrl-bcm2835", "pinctrl_bcm2835", "strict_gpiod", "1", FREED),
        ("pinctrl-rp1", "pinctrl_rp1", "strict_gpiod", "0", KEPT),
        ("pinctrl-rp1", "pinctrl_rp1", "persist_gpio_outputs", "N", FREED),
        ("pinctrl-rp1", "pinctrl_rp1", "persist_gpio_outputs", "maybe", UNKNOWN),
        ("pinctrl-rp1", "pinctrl_bcm2835", "persist_gpio_outputs", "N", UNKNOWN),
        ("gpio-sim", "gpio_sim", "persist_gpio_outputs", "N", UNKNOWN),
    ],
)
def test_the_driver_of_the_chip_says_what_becomes_of_dead_outputs(
    tmp_path: Path, label: str, module: str, parameter: str, said: str, found: DeadOutputs
) -> None:
    directory = tmp_path / "module" / module / "parameters"
    directory.mkdir(parents=True)
    (directory / parameter).write_text(said)
    assert dead_outputs(f"lgpio:{label}", tmp_path) is found


@pytest.mark.parametrize("factory", ["", "mock:", "socket:/run/pins.sock", "lgpio:pinctrl-rp1", "lgpio:../../etc"])
def test_a_kernel_that_says_nothing_is_unknown(tmp_path: Path, factory: str) -> None:
    assert dead_outputs(factory, tmp_path) is UNKNOWN


@pytest.mark.parametrize(("reply_s", "warned"), [(0.2, False), (0.5, True)])
def test_a_door_on_a_line_that_a_silent_unit_may_hold_for_longer_than_its_release_lasts_is_warned_of(
    lane: Config, reply_s: float, warned: bool
) -> None:
    door = modbus(command_timeout_s=1.0)
    silent = Device("sensors", "silent", "modbus", SimpleNamespace(link=door.link, reply_s=reply_s))
    elsewhere = Device("sensors", "elsewhere", "modbus", SimpleNamespace(link="memory:other", reply_s=2.0))
    config = with_exit(dataclasses.replace(lane, devices=(*lane.devices, silent, elsewhere)), door, "modbus")
    warnings = {".".join(each.place) for each in door_table.objections(config, FREED) if each.warning}
    assert ("door.exit_door.command_timeout_s" in warnings) is warned


# ---------------------------------------------------------------- gatefw check


def test_two_devices_that_name_the_same_unit_of_a_line_are_refused() -> None:
    found: list[tuple[tuple[str, ...], str]] = []
    door = {"link": "serial:/dev/bus", "unit": 1}
    roles = {
        "door": {"entry_door": door, "exit_door": {**door}},
        "sensors": {"lane": {**door, "link": "serial:/dev/b"}},
    }
    config_rules.units(roles, lambda place, problem: found.append((place, problem)))
    assert found == [
        (("door", "exit_door", "unit"), "unit 1 of this link is used already by door.entry_door"),
    ]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory in which the models are there, and a lane file that may be changed."""
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path))
    file = tmp_path / "lane.toml"
    file.write_text(SIM.read_text())
    return file


def _checked(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    status = main(["check", str(file), *options])
    return status, capsys.readouterr().out


def test_check_shows_every_door_in_every_plight(models: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here.parent / "models").symlink_to(models)
    status, shown = _checked(here, capsys)
    assert status == 0
    for door in ("entry_door", "exit_door"):
        for plight in Plight:
            assert any(line.startswith(door) and f" {plight} " in line for line in shown.splitlines())
    status, shown = _checked(here, capsys, "--json")
    rows = json.loads(shown)["doors"]
    assert len(rows) == 2 * len(Plight)
    assert {
        "door": "exit_door",
        "when": "unpowered",
        "state": "secured",
        "lasts_s": 0,
        "why": "the lock without current",
    } in rows


def test_check_refuses_a_door_without_a_time_limit_with_file_line_and_key(
    models: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here.parent / "models").symlink_to(models)
    here.write_text(here.read_text().replace("hardware_limit_s = 20.0\n", "hardware_limit_s = 0\n", 1))
    line = here.read_text().splitlines().index("hardware_limit_s = 0") + 1
    status, shown = _checked(here, capsys)
    assert status == 1
    assert f"{here}:{line}: door." in shown
    assert "nothing but software ends a release" in shown
