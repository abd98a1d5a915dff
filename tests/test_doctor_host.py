"""The doctor looks at a board: trouble is planted in a tree that stands for /, and the code that names it comes."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from patients import NOON, disk, found, lane, machine, patient, plant, status

from gatefw.doctor import examine
from gatefw.doctor.finding import Severity
from gatefw.doctor.seen import Seen

THROTTLED = "/sys/devices/platform/soc/soc:firmware/get_throttled"
PI5 = "/sys/module/pinctrl_rp1/parameters"
QUIET = {
    "/sys/class/watchdog/watchdog0/state": "active\n",
    "/sys/class/rtc/rtc0/since_epoch": f"{int(NOON.timestamp()) + 5}\n",
    f"{PI5}/persist_gpio_outputs": "N\n",
    "/proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\nSwapTotal: 0 kB\n",
    "/proc/cmdline": "console=tty1 root=/dev/mmcblk0p2\n",
    "/proc/sys/kernel/arch": "aarch64\n",
}
"""A board in order."""


def board(folder: Path, files: Mapping[str, str] | None = None, text: str = "", **given: Any) -> Seen:
    """A gate in order on a board in order, but for `files`, `text` (of the lane file) and what is given."""
    plant(folder / "root", QUIET | dict(files or {}))
    of = lane(folder, text)
    (of.paths.run / "watcher.sock").touch()
    return patient(folder, of, **{"machine": machine(folder / "root"), "status": status()} | given)


def text_with(change: str, to: str, folder: Path) -> str:
    """The reference lane with one line changed."""
    whole = lane(folder).file.read_text()
    assert change in whole
    return whole.replace(change, to, 1)


@pytest.mark.parametrize("area", ["host", "clock", "boot"])
def test_a_board_in_order_has_no_findings(area: str, tmp_path: Path) -> None:
    assert found(board(tmp_path), area) == {}


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({THROTTLED: "50005\n"}, "G0100"),
        ({"/sys/class/hwmon/hwmon1/name": "rpi_volt\n", "/sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}, "G0100"),
        ({THROTTLED: "50000\n"}, "G0101"),
        ({THROTTLED: "4\n"}, "G0102"),
        (
            {
                "/sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
                "/sys/class/thermal/thermal_zone0/temp": "86200\n",
            },
            "G0102",
        ),
        ({"/sys/block/mmcblk0/device/life_time": "0x01 0x0a\n"}, "G0107"),
        ({"/sys/fs/ext4/mmcblk0p2/errors_count": "3\n"}, "G0108"),
        ({"/proc/meminfo": "MemAvailable: 40000 kB\nSwapTotal: 0 kB\n"}, "G0110"),
        ({"/sys/class/watchdog/watchdog0/state": "inactive\n"}, "G0113"),
    ],
)
def test_trouble_of_the_machine_has_its_code(files: dict[str, str], code: str, tmp_path: Path) -> None:
    assert list(found(board(tmp_path, files), "host")) == [code]


def test_the_firmware_is_asked_where_the_kernel_does_not_tell_of_the_supply(tmp_path: Path) -> None:
    asked = machine(tmp_path / "root", {"vcgencmd": "throttled=0x50005\n"})
    assert list(found(board(tmp_path, machine=asked), "host")) == ["G0100"]


@pytest.mark.parametrize(
    ("state", "code", "severity"),
    [
        (disk(free_mb=10), "G0103", Severity.ERROR),
        (disk(free_mb=100), "G0104", Severity.WARNING),
        (disk(flags=os.ST_RDONLY), "G0105", Severity.ERROR),
        (disk(inodes=7), "G0106", Severity.ERROR),
    ],
)
def test_a_disk_that_cannot_be_written_is_named_with_what_it_lacks(
    state: Any, code: str, severity: Severity, tmp_path: Path
) -> None:
    full = found(board(tmp_path, machine=machine(tmp_path / "root", disk=state)), "host")
    assert [(each.code, each.severity) for each in full.values()] == [(code, severity)]


def test_keys_that_may_come_to_lie_on_the_swap_are_said_of_a_daemon_that_could_not_lock_its_memory(
    tmp_path: Path,
) -> None:
    swap = {"/proc/meminfo": "MemAvailable: 3000000 kB\nSwapTotal: 2000000 kB\n"}
    loose = status(memory={"locked": False, "undumpable": False, "why_not": ""})
    assert set(found(board(tmp_path, swap, status=loose), "host")) == {"G0111", "G0112"}
    assert found(board(tmp_path, swap), "host") == {}
    vision = {
        "/proc/77/cmdline": "python\0-m\0gatefw.vision\0",
        "/proc/77/status": "Name:\tpython\nVmLck:\t       0 kB\n",
    }
    [finding] = found(board(tmp_path, swap | vision), "host").values()
    assert (finding.code, finding.where) == ("G0111", "vision")


def test_a_unit_without_a_watchdog_is_named(tmp_path: Path) -> None:
    tools = {"systemctl": "LoadState=loaded\nWatchdogUSec=0\n"}
    assert list(found(board(tmp_path, machine=machine(tmp_path / "root", tools)), "host")) == ["G0114"]


# ---------------------------------------------------------------- the clock


def test_a_clock_before_the_program_was_installed_cannot_be_right(tmp_path: Path) -> None:
    early = machine(tmp_path / "root", now=lambda: NOON.replace(year=1970), synchronised=lambda: False)
    wrong = found(board(tmp_path, machine=early), "clock")
    assert "G0120" in wrong
    assert all(each.code == "G0120" or each.is_explained_by(wrong["G0120"]) for each in wrong.values())


def test_a_clock_that_nobody_vouches_for_keeps_people_out_where_rules_are_about_days(tmp_path: Path) -> None:
    loose = machine(tmp_path / "root", {"timedatectl": "NTP=no\n"}, synchronised=lambda: False)
    [finding] = found(board(tmp_path, machine=loose), "clock").values()
    assert (finding.code, finding.severity) == ("G0121", Severity.ERROR)
    assert "no service for that runs" in finding.cause


def test_a_clock_that_went_back_is_seen_by_the_journal(tmp_path: Path) -> None:
    seen = board(tmp_path)
    with closing(sqlite3.connect(seen.paths.journal)) as database, database:
        database.execute("CREATE TABLE event (n INTEGER, at INTEGER)")
        database.execute("INSERT INTO event VALUES (1, ?)", (int((NOON + timedelta(hours=3)).timestamp() * 1e9),))
    assert list(found(seen, "clock")) == ["G0122"]


def test_a_clock_that_differs_from_the_battery_s_is_off(tmp_path: Path) -> None:
    rtc = {"/sys/class/rtc/rtc0/since_epoch": f"{int(NOON.timestamp()) - 86_400}\n"}
    assert list(found(board(tmp_path, rtc), "clock")) == ["G0123"]


def test_a_board_without_a_battery_clock_is_only_worth_a_note(tmp_path: Path) -> None:
    seen = board(tmp_path)
    (tmp_path / "root/sys/class/rtc/rtc0/since_epoch").unlink()
    [finding] = found(seen, "clock").values()
    assert (finding.code, finding.severity) == ("G0124", Severity.NOTE)


# ---------------------------------------------------------------- kernel and firmware


def test_a_kernel_that_keeps_pins_as_driven_is_a_danger_without_a_watcher(tmp_path: Path) -> None:
    kept = {f"{PI5}/persist_gpio_outputs": "Y\n"}
    [watched] = found(board(tmp_path, kept), "boot").values()
    assert (watched.code, watched.severity) == ("G0141", Severity.WARNING)
    alone = text_with("required = true", "required = false", tmp_path)
    [finding] = found(board(tmp_path, kept, alone), "boot").values()
    assert (finding.code, finding.severity) == ("G0140", Severity.DANGER)
    assert "pin persistence" in finding.cause
    (tmp_path / f"root{PI5}/persist_gpio_outputs").unlink()
    [finding] = found(patient(tmp_path, lane(tmp_path, alone), machine=machine(tmp_path / "root")), "boot").values()
    assert (finding.code, "does not say" in finding.cause) == ("G0140", True)


def test_a_watcher_that_does_not_run_is_a_danger_while_the_daemon_does(tmp_path: Path) -> None:
    [finding] = found(board(tmp_path, status=status(missing=["watcher"])), "boot").values()
    assert (finding.code, finding.severity) == ("G0142", Severity.DANGER)
    seen = board(tmp_path, status=None)
    assert found(seen, "boot") == {}
    (seen.paths.run / "watcher.sock").unlink()
    [finding] = found(seen, "boot").values()
    assert (finding.code, finding.severity) == ("G0142", Severity.WARNING)


@pytest.mark.parametrize(
    ("line", "code", "where"),
    [
        ("gpio=17=op,dh", "G0144", "door.entry_door"),
        ("gpio=2-24=op,dh", "G0144", "door.entry_door"),
        ("dtparam=spi=on", "G0145", "indicator.lamps"),
        ("dtoverlay=w1-gpio", "G0145", "sensors.lane"),
    ],
)
def test_what_the_firmware_does_with_a_pin_of_the_lane_is_named(
    line: str, code: str, where: str, tmp_path: Path
) -> None:
    seen = board(tmp_path, {"/boot/firmware/config.txt": f"# by hand\narm_64bit=1\n{line}\n"})
    assert (code, where) in {(each.code, each.where) for each in examine.examine(seen, ["boot"])}


@pytest.mark.parametrize("line", ["gpio=17=op,dl", "gpio=17=ip,pd", "dtparam=i2c_arm=off", "#dtparam=spi=on"])
def test_what_the_firmware_does_elsewhere_is_no_matter(line: str, tmp_path: Path) -> None:
    assert found(board(tmp_path, {"/boot/firmware/config.txt": f"{line}\n"}), "boot") == {}


@pytest.mark.parametrize(
    ("held_by", "code", "severity"), [("resistor", "G0147", Severity.NOTE), ("nothing", "G0146", Severity.DANGER)]
)
def test_a_release_on_a_pin_that_the_board_pulls_to_its_active_level_stands_released_at_boot(
    held_by: str, code: str, severity: Severity, tmp_path: Path
) -> None:
    text = text_with("release = 17", "release = 7", tmp_path)
    text = text.replace('off_held_by = "resistor"', f'off_held_by = "{held_by}"', 1)
    [finding] = found(board(tmp_path, text=text), "boot").values()
    assert (finding.code, finding.severity, finding.where) == (code, severity, "door.entry_door")


def test_a_pin_that_another_program_holds_is_named_with_its_holder(tmp_path: Path) -> None:
    chip = " gpio-586 (GPIO17              |lg                  ) out lo\n gpio-582 (GPIO13    |blinker    ) out hi\n"
    [finding] = found(board(tmp_path, {"/sys/kernel/debug/gpio": chip}), "boot").values()
    assert (finding.code, finding.where, finding.evidence["holder"]) == ("G0148", "sensors.lane", "blinker")


def test_a_console_on_the_port_of_a_reader_is_named(tmp_path: Path) -> None:
    text = text_with("serial:/dev/serial/by-id/usb-SCANNER-if00", "serial:/dev/serial0", tmp_path)
    files = {"/proc/cmdline": "console=serial0,115200 console=tty1\n", "/dev/ttyAMA0": ""}
    seen = board(tmp_path, files, text)
    (tmp_path / "root/dev/serial0").symlink_to("ttyAMA0")
    [finding] = found(seen, "boot").values()
    assert (finding.code, finding.where) == ("G0143", "reader.front")


def test_a_32_bit_system_is_refused_by_name(tmp_path: Path) -> None:
    assert list(found(board(tmp_path, {"/proc/sys/kernel/arch": "armv7l\n"}), "boot")) == ["G0149"]


# ---------------------------------------------------------------- serial ports

SCANNER, CAMERA = "/dev/serial/by-id/usb-SCANNER-if00", "/dev/v4l/by-id/usb-CAMERA-video-index0"
PLUGGED = {"/dev/ttyUSB0": "", "/dev/video0": ""}


def plugged(folder: Path, **given: Any) -> Seen:
    """Scanner and camera in their sockets."""
    seen = board(folder, PLUGGED, **given)
    for name, port in ((SCANNER, "ttyUSB0"), (CAMERA, "video0")):
        link = folder / "root" / name[1:]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder / "root/dev" / port)
    return seen


def test_ports_that_are_there_are_in_order(tmp_path: Path) -> None:
    assert found(plugged(tmp_path), "serial") == {}


def test_a_port_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    seen = plugged(tmp_path)
    (tmp_path / "root" / SCANNER[1:]).rename(tmp_path / "root" / "dev/serial/by-id/usb-OTHER-if00")
    [finding] = found(seen, "serial").values()
    assert (finding.code, finding.where) == ("G0160", "reader.front")
    assert "usb-OTHER-if00" in finding.cause


def test_a_port_that_another_process_has_open_is_named_with_that_process(tmp_path: Path) -> None:
    seen = plugged(tmp_path)
    plant(tmp_path / "root", {"/proc/4711/cmdline": "minicom\0-D\0/dev/ttyUSB0", "/proc/4712/cmdline": "gatefw run x"})
    for process in ("4711", "4712"):
        (tmp_path / "root/proc" / process / "fd").mkdir()
        (tmp_path / "root/proc" / process / "fd/3").symlink_to(tmp_path / "root/dev/ttyUSB0")
    [finding] = found(seen, "serial").values()
    assert (finding.code, finding.where, finding.evidence["pid"]) == ("G0161", "reader.front", 4711)
    assert "minicom" in finding.cause
    assert "-D" not in finding.cause


def test_a_name_that_may_pass_to_another_device_is_a_warning_with_the_one_that_stays(tmp_path: Path) -> None:
    text = text_with(SCANNER, "/dev/ttyUSB0", tmp_path)
    [finding] = found(plugged(tmp_path, text=text), "serial").values()
    assert (finding.code, finding.severity) == ("G0163", Severity.WARNING)
    assert SCANNER in finding.remedy


def test_two_devices_that_name_one_port_are_named_both(tmp_path: Path) -> None:
    finger = '\n[finger.inside]\ndriver = "r30x"\nlink = "serial:/dev/serial/by-path/first"\n'
    seen = plugged(tmp_path, text=lane(tmp_path).file.read_text() + finger)
    link = tmp_path / "root/dev/serial/by-path/first"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "root/dev/ttyUSB0")
    [finding] = found(seen, "serial").values()
    assert finding.code == "G0162"
    assert "reader.front" in finding.cause
    assert "finger.inside" in finding.cause


def test_a_port_that_the_gate_s_user_may_not_open_is_named_with_its_group(tmp_path: Path) -> None:
    seen = plugged(tmp_path)
    port = tmp_path / "root/dev/ttyUSB0"
    port.chmod(0o660)
    groups = f"root:x:0:\nothers:x:{port.stat().st_gid + 1}:\nmine:x:{port.stat().st_gid}:\n"
    plant(tmp_path / "root", {"/etc/passwd": "gatefw:x:990:990::/:/bin/false\n", "/etc/group": groups})
    assert ("G0164", "reader.front") in {(each.code, each.where) for each in examine.examine(seen, ["serial"])}
    plant(tmp_path / "root", {"/etc/group": f"dialout:x:{port.stat().st_gid}:\n"})
    assert found(seen, "serial") == {}
