"""The units, as systemd itself reads them. What they start is the program of this environment."""

import re
import shutil
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from gatefw.mirror_wire import SOCKET
from gatefw.reboot_request import WANTED

UNITS = Path(__file__).parent.parent / "systemd"
INSTALLED = "/opt/gatefw/current/bin"
PROVEN = "/opt/gatefw/proven/bin"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
EXPOSURE_TENTHS = 20  # of 100: the most that systemd-analyze may find open


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy whose programs are there."""
    copy = shutil.copytree(UNITS, tmp_path / "units")
    for unit in copy.glob("*.service"):
        text = unit.read_text()
        for place in (INSTALLED, PROVEN):
            text = text.replace(place, str(Path(sys.executable).parent))
        unit.write_text(text)
    return copy


def systemd(program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


def test_systemd_has_nothing_to_say_about_the_units(units: Path) -> None:
    """It leaves with 0 even for keys it does not know: what counts is that it prints nothing."""
    ran = systemd("systemd-analyze", "verify", *(f"./{name}" for name in SERVICES), cwd=units)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_misspelt_key_would_be_noticed(units: Path) -> None:
    with (units / "gatefw.service").open("a") as unit:
        unit.write("\n[Service]\nWatchdogSecs=1\n")
    assert "WatchdogSecs" in systemd("systemd-analyze", "verify", "./gatefw.service", cwd=units).stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_may_do_little(name: str, units: Path) -> None:
    threshold = f"--threshold={EXPOSURE_TENTHS}"
    ran = systemd("systemd-analyze", "security", "--offline=true", threshold, f"./{name}", cwd=units)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_users_and_the_place_where_they_meet_can_be_made(tmp_path: Path) -> None:
    """Made below a root of its own; only who owns what needs to be root."""
    (tmp_path / "etc").mkdir()
    sysusers = systemd("systemd-sysusers", f"--root={tmp_path}", str(UNITS / "gatefw.sysusers"), cwd=tmp_path)
    assert (sysusers.returncode, "gatefw-vision" in sysusers.stderr + sysusers.stdout) == (0, True)
    assert "gatefw:" in (tmp_path / "etc" / "group").read_text()


def settings(name: str) -> list[str]:
    return (UNITS / name).read_text().splitlines()


def test_doors_are_made_safe_before_the_supervisor_and_after_any_end_of_it() -> None:
    lines, watcher = settings("gatefw.service"), settings("gatefw-watcher.service")
    assert "After=gatefw-watcher.service gatefw-vision.service" in lines
    assert {"Type=notify", "Before=gatefw.service"} <= set(watcher)  # ready once the doors are safe
    assert f"ExecStopPost={INSTALLED}/gatefw make-safe /etc/gatefw/lane.toml" in lines
    assert {"Type=notify", "WatchdogSec=10s", "Restart=always"} <= set(lines)


def test_every_command_of_a_unit_is_one_that_the_program_has() -> None:
    commands = {
        match[1] for name in SERVICES for line in settings(name) if (match := re.search(r"bin/gatefw (\S+)", line))
    }
    for command in commands - {"models", "metrics", "install", "screen", "console"}:
        shown = subprocess.run(
            [Path(sys.executable).with_name("gatefw"), command, "--help"], capture_output=True, text=True, timeout=60
        )
        assert "FILE" in shown.stdout, command


def test_every_process_of_a_gate_is_watched_and_none_fills_the_log() -> None:
    for name in ("gatefw.service", "gatefw-watcher.service", "gatefw-vision.service"):
        lines = settings(name)
        assert any(line.startswith("WatchdogSec=") for line in lines), name
        assert "NotifyAccess=main" in lines, name
    for name in SERVICES:
        lines = settings(name)
        oneshot = "Type=oneshot" in lines
        assert oneshot or any(line.startswith("LogRateLimitBurst=") for line in lines), name
        assert oneshot or any(line.startswith("MemoryMax=") for line in lines), name


def test_the_exporter_is_of_a_user_of_its_own_and_reaches_this_machine_and_one_socket_alone() -> None:
    lines = settings("gatefw-web.service")
    assert {"User=gatefw-web", "IPAddressDeny=any", "IPAddressAllow=localhost", "PrivateDevices=yes"} <= set(lines)
    assert [line for line in lines if line.startswith("Bind")] == [
        "BindReadOnlyPaths=/run/gatefw/metrics:/run/gatefw-web/metrics"
    ]
    assert not any("SupplementaryGroups" in line or "StateDirectory" in line for line in lines)
    assert "d /run/gatefw/metrics 2750 gatefw gatefw-web -" in settings("gatefw.tmpfiles")


def test_the_screen_is_of_a_user_of_its_own_and_reaches_this_machine_and_what_may_be_seen_alone() -> None:
    lines = settings("gatefw-screen.service")
    assert {"User=gatefw-screen", "IPAddressDeny=any", "IPAddressAllow=localhost", "PrivateDevices=yes"} <= set(lines)
    assert [line for line in lines if line.startswith("Bind")] == [
        "BindReadOnlyPaths=/run/gatefw/screen:/run/gatefw-screen/screen /run/gatefw/mirror:/run/gatefw-screen/mirror"
    ]
    assert {"LimitCORE=0", "StateDirectory=gatefw-screen", "StateDirectoryMode=0700"} <= set(lines)
    assert not any("SupplementaryGroups" in line for line in lines)
    assert "d /run/gatefw/screen 2750 gatefw gatefw-screen -" in settings("gatefw.tmpfiles")
    assert "d /run/gatefw/mirror 2750 gatefw-vision gatefw-screen -" in settings("gatefw.tmpfiles")


def test_the_console_is_of_a_user_of_its_own_and_reaches_lanes_by_their_bus_and_private_networks_alone() -> None:
    lines = settings("gatefw-console.service")
    assert {"User=gatefw-console", "IPAddressDeny=any", "PrivateDevices=yes", "LimitCORE=0"} <= set(lines)
    (allowed,) = [line.partition("=")[2].split() for line in lines if line.startswith("IPAddressAllow=")]
    assert allowed.pop(0) == "localhost" and allowed.pop(0) == "link-local"
    assert all(ip_network(each).is_private for each in allowed)
    assert [line for line in lines if line.startswith("Supplementary")] == ["SupplementaryGroups=gatefw-bus"]
    assert not any(line.startswith(("ReadWritePaths", "StateDirectory", "RuntimeDirectory", "Bind")) for line in lines)
    (hidden,) = [line for line in lines if line.startswith("InaccessiblePaths=")]
    assert {"-/var/lib/gatefw", "-/var/lib/gatefw-vision", "-/run/gatefw"} <= set(hidden.partition("=")[2].split())
    assert any(line.startswith("u gatefw-console ") for line in settings("gatefw.sysusers"))


@pytest.mark.parametrize("name", ["gatefw.service", "gatefw-console.service"])
def test_a_process_with_a_bus_may_say_how_its_threads_are_scheduled(name: str) -> None:
    """libzmq sets that of each thread that it begins, to what it is, and aborts the process where it may not."""
    assert "SystemCallFilter=sched_setscheduler" in settings(name)


@pytest.mark.parametrize("name", [name for name in SERVICES if "DynamicUser=yes" in settings(name)])
def test_a_user_that_systemd_makes_up_is_called_as_nobody_else(name: str) -> None:
    """It has the unit's name where the unit names none, and where a user or a group is called so nothing is started."""
    named = [line.removeprefix("User=") for line in settings(name) if line.startswith("User=")]
    called = named[0] if named else name.partition("@")[0]
    assert called not in {line.split()[1] for line in settings("gatefw.sysusers") if line[:2] in ("u ", "g ")}


def test_a_restart_of_the_machine_is_asked_for_where_only_the_supervisor_can_make_a_file() -> None:
    (wanted,) = [line for line in settings("gatefw-reboot.path") if line.startswith("PathExists=")]
    assert wanted == f"PathExists=/var/lib/gatefw/{WANTED}"
    assert {"StateDirectory=gatefw", "StateDirectoryMode=0700"} <= set(settings("gatefw.service"))
    removes, restarts = [line for line in settings("gatefw-reboot.service") if line.startswith("ExecStart=")]
    assert removes.endswith(f"rm -f /var/lib/gatefw/{WANTED}")
    assert restarts.endswith("systemctl --no-block reboot")


def test_vision_reaches_no_door_no_serial_port_and_no_network() -> None:
    lines = settings("gatefw-vision.service")
    allowed = {line.split("=")[1].split()[0] for line in lines if line.startswith("DeviceAllow=")}
    assert allowed == {"char-video4linux", "char-media", "char-dma_heap"}
    assert {"User=gatefw-vision", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"} <= set(lines)


def test_what_the_camera_sees_lies_where_vision_and_the_screen_come_and_no_other_process_of_the_gate() -> None:
    assert f"d /run/gatefw/{SOCKET.parent} 2750 gatefw-vision gatefw-screen -" in settings("gatefw.tmpfiles")
    assert any(line.startswith("u gatefw-screen ") for line in settings("gatefw.sysusers"))
    assert "ReadWritePaths=/run/gatefw" in settings("gatefw-vision.service")
    members = {line for name in SERVICES for line in settings(name) if line.startswith(("Group=", "Supplementary"))}
    assert not any("gatefw-screen" in line for line in members - {"Group=gatefw-screen"})


def test_the_bus_reaches_a_network_through_a_relay_that_has_neither_network_nor_key_nor_file() -> None:
    lines = settings("gatefw-bus@.service")
    assert {"DynamicUser=yes", "PrivateNetwork=yes", "RestrictAddressFamilies=AF_UNIX"} <= set(lines)
    assert not any(line.startswith(("ReadWritePaths", "StateDirectory", "Group=")) for line in lines)
    assert "d /run/gatefw-bus 2750 gatefw gatefw-bus -" in settings("gatefw.tmpfiles")
    assert any(line.startswith("ReadWritePaths=") and "/run/gatefw-bus" in line for line in settings("gatefw.service"))
    for name in ("events", "replay", "orders"):
        assert f"Service=gatefw-bus@{name}.service" in settings(f"gatefw-bus-{name}.socket")
