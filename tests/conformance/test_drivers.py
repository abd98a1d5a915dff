"""Rules for every driver file, whatever its role: what it exports, and that a laptop can check a config with it."""

import dataclasses
import inspect
import subprocess
import sys
import typing
from pathlib import Path
from types import NoneType, UnionType

import pytest

import gatefw
import hw
from gatefw.errors import SetupError
from gatefw.ports import Bound, Pin

DRIVERS = hw.drivers()
CONFIGURABLE = (str, int, float, bool, Pin, NoneType)


def test_the_drivers_of_the_first_lane_are_there() -> None:
    assert {
        ("reader", "serial"),
        ("door", "gpio"),
        ("sensors", "gpio"),
        ("indicator", "gpio"),
        ("camera", "socket"),
        ("camera", "v4l2"),
    } <= set(DRIVERS)


@pytest.mark.parametrize(("role", "how"), DRIVERS)
def test_a_driver_exports_frozen_settings_and_open(role: str, how: str) -> None:
    settings = hw.schema(role, how)
    assert dataclasses.is_dataclass(settings)
    assert settings.__dataclass_params__.frozen
    assert list(inspect.signature(hw.load(role, how).open).parameters) == ["settings"]


def plain(kind: object, bounded: bool = False) -> bool:
    """Whether a config can hold it: a plain type, a Pin, a choice of words, a bounded number, one of these or none."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        inner, *notes = typing.get_args(kind)
        return plain(inner, any(isinstance(note, Bound) for note in notes))
    if origin is typing.Literal:
        return all(isinstance(word, str) for word in typing.get_args(kind))
    if origin in (typing.Union, UnionType):
        return all(plain(part) for part in typing.get_args(kind))
    return kind in CONFIGURABLE and bounded == (kind in (int, float))


@pytest.mark.parametrize(("role", "how"), DRIVERS)
def test_every_setting_can_stand_in_a_config_and_numbers_have_bounds_that_their_defaults_keep(
    role: str, how: str
) -> None:
    settings = hw.schema(role, how)
    hints = typing.get_type_hints(settings, include_extras=True)
    for field in dataclasses.fields(settings):
        kind = hints[field.name]
        assert plain(kind), f"{field.name}: a plain type is wanted, and a number needs a Bound"
        bounds = [note for note in getattr(kind, "__metadata__", ()) if isinstance(note, Bound)]
        if bounds and field.default is not dataclasses.MISSING:
            assert bounds[0].low <= field.default <= bounds[0].high, field.name


def test_the_wiring_guide_names_every_line_of_every_driver() -> None:
    guide = Path(hw.__file__).with_name("README.md").read_text()
    for role, how in DRIVERS:
        kinds = typing.get_type_hints(hw.schema(role, how))
        lines = [name for name, kind in kinds.items() if Pin in (kind, *typing.get_args(kind))]
        assert [name for name in lines if f"`{name}`" not in guide] == [], f"{role}_{how}"


def test_loading_every_driver_needs_no_hardware_library() -> None:
    program = """
import sys, hw
for role, how in hw.drivers():
    hw.schema(role, how)
print(sorted({"serial", "osdp_sys", "gpiozero", "lgpio", "cv2", "picamera2"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[]", ran.stderr


@pytest.mark.parametrize(
    ("role", "how", "advice"),
    [("door", "gpoi", "did you mean 'gpio'"), ("door", "zzz", "there are: .*gpio"), ("dor", "gpio", "roles are")],
)
def test_a_driver_that_is_not_there_is_refused_with_the_nearest_one(role: str, how: str, advice: str) -> None:
    with pytest.raises(SetupError, match=advice):
        hw.load(role, how)


@pytest.mark.parametrize("name", ["../../etc/passwd", "gpio.os", "", "gpio\n"])
def test_a_driver_name_is_a_name_and_not_a_path(name: str) -> None:
    with pytest.raises(SetupError, match="no door driver"):
        hw.load("door", name)


def test_both_halves_come_from_one_wheel() -> None:
    assert hw.__version__ == gatefw.__version__
    hw.require_ours()


def test_a_gatefw_of_another_release_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "gatefw"
    other.mkdir()
    (other / "__init__.py").write_text('__version__ = "9.9.9"\n')
    (other / "errors.py").write_text(Path(gatefw.__file__).with_name("errors.py").read_text())
    (tmp_path / "hw").symlink_to(Path(hw.__file__).parent)
    program = "import hw\ntry:\n    hw.require_ours()\nexcept Exception as problem:\n    print(problem)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "9.9.9" in ran.stdout, ran.stderr
