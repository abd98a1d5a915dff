"""The units of a gate whose keys are wrapped: what is added to them is read by systemd, and opens little."""

import shutil
import sys
from pathlib import Path

import pytest
from test_systemd import EXPOSURE_TENTHS, INSTALLED, UNITS, systemd

SERVICES = ("gatefw.service", "gatefw-vision.service")


@pytest.fixture(params=["keys-credential.conf", "keys-tpm.conf"])
def units(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy with one of them installed, whose programs are there."""
    copy = shutil.copytree(UNITS, tmp_path / "units")
    for unit in copy.glob("*.service"):
        unit.write_text(unit.read_text().replace(INSTALLED, str(Path(sys.executable).parent)))
    for name in SERVICES:
        (copy / f"{name}.d").mkdir()
        shutil.copy(copy / request.param, copy / f"{name}.d")
    return copy


def test_systemd_has_nothing_to_say_about_them(units: Path) -> None:
    ran = systemd("systemd-analyze", "verify", *(f"./{name}" for name in SERVICES), cwd=units)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    for added in units.glob("gatefw.service.d/*"):
        added.write_text(f"{added.read_text()}\nLoadCredentialEncrypteds=x\n")
    assert "LoadCredentialEncrypteds" in systemd("systemd-analyze", "verify", "./gatefw.service", cwd=units).stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_may_still_do_little(name: str, units: Path) -> None:
    threshold = f"--threshold={EXPOSURE_TENTHS}"
    ran = systemd("systemd-analyze", "security", "--offline=true", threshold, f"./{name}", cwd=units)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_who_holds_keys_dumps_no_core_and_may_lock_its_memory(name: str) -> None:
    lines = (UNITS / name).read_text().splitlines()
    assert {"LimitCORE=0", "LimitMEMLOCK=infinity"} <= set(lines)
    assert [line for line in lines if line.startswith("MemoryMax=")], "what may be locked is bounded by the pages"
