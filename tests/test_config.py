"""Every problem of a lane file is named by file, line and key, all at once; what holds together becomes settings."""

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hw
from gatefw import clearance, config
from gatefw.cli import check as cli
from gatefw.config import Config, Finding
from gatefw.config_tables import ROLES, SECTIONS
from gatefw.errors import ConfigError, ModelError
from gatefw.model import DoorId, Timer
from gatefw.ports import Bound, Pin

FOLDER = Path(__file__).parent.parent / "config"
REFERENCE = FOLDER / "lanes" / "contactless-e-channel.toml"
SIMULATED = FOLDER / "sim.toml"
ENV = {"GATEFW_STATE": "/state", "GATEFW_RUN": "/run/gate"}


class Lane:
    """The reference lane file, with edits."""

    def __init__(self, path: Path, original: Path = REFERENCE) -> None:
        self.path, self.text = path, original.read_text(encoding="utf-8")

    def edit(self, old: str, new: str) -> "Lane":
        assert old in self.text, f"the reference has no {old!r}"
        self.text = self.text.replace(old, new, 1)
        return self

    def line(self, text: str) -> int:
        """The line on which `text` stands first."""
        return self.text[: self.text.index(text)].count("\n") + 1

    def check(self, **given: Any) -> list[Finding]:
        self.path.write_text(self.text, encoding="utf-8")
        return config.check(self.path, hw.schema, env=ENV, **given)

    def load(self) -> Config:
        self.path.write_text(self.text, encoding="utf-8")
        return config.load(self.path, hw.schema, ENV)

    def only(self, **given: Any) -> Finding:
        (found,) = self.check(**given)
        return found


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path / "lane.toml")


@pytest.fixture
def simulated(tmp_path: Path) -> Lane:
    return Lane(tmp_path / "sim.toml", SIMULATED)


# ---------------------------------------------------------------- the files of the project


@pytest.mark.parametrize("path", [SIMULATED, *sorted((FOLDER / "lanes").glob("*.toml"))], ids=lambda path: path.name)
def test_every_lane_file_of_the_project_holds_together(path: Path) -> None:
    presence = lambda name: clearance.beginning(name) is clearance.Beginning.PRESENCE  # noqa: E731
    assert config.check(path, hw.schema, procedure=clearance.load, presence=presence, env=ENV) == []


def test_the_simulated_lane_has_the_pins_of_the_real_one() -> None:
    real, simulated = (config.load(path, hw.schema, ENV) for path in (REFERENCE, SIMULATED))
    for role in ("door", "sensors", "indicator"):
        assert real.having(role) == simulated.having(role)


def test_settings_come_typed_with_their_drivers_own_inside(lane: Lane) -> None:
    loaded = lane.load()
    entry, exit_ = loaded.having("door")
    assert (entry.label, entry.driver) == ("door.entry_door", "gpio")
    assert isinstance(entry.settings, hw.schema("door", "gpio"))
    assert getattr(exit_.settings, "release") == Pin(23)  # noqa: B009  the driver's type is not known here
    assert loaded.timers.lengths[Timer.SCAN] == 1.0
    assert set(loaded.timers.lengths) == set(Timer)
    assert loaded.way_out("refusal") == (DoorId.ENTRY,)
    assert loaded.way_out("emergency") == (DoorId.ENTRY, DoorId.EXIT)
    assert [(camera.name, camera.driver) for camera in loaded.vision.cameras] == [("camera.inside", "v4l2")]
    assert loaded.vision.gallery == Path("/state/gallery.sqlite")
    assert loaded.bus.events == "ipc:///run/gate/events.sock"
    assert loaded.paths.control == Path("/run/gate/control.sock")


def test_the_runtime_directory_is_put_where_the_file_says_and_nothing_else_is(simulated: Lane) -> None:
    camera = simulated.load().vision.cameras[0]
    assert camera.settings == hw.schema("camera", "socket")(path="/run/gate/frames.sock")
    found = simulated.edit("${RUN}/frames.sock", "${HOME}/frames.sock").only()
    assert (found.key, "only ${RUN}" in found.problem) == ("camera.inside.path", True)


def test_what_has_a_default_may_be_left_out(lane: Lane) -> None:
    for table in ("timers", "doors", "face", "watcher"):
        lane.text = re.sub(rf"\[{table}\]\n(?:[^\[\n].*\n)*", "", lane.text)
    assert lane.load().doors.lease_s == 2.0


# ---------------------------------------------------------------- the four places of the issue


def test_a_misspelt_key_a_wrong_unit_a_pin_used_twice_and_a_missing_model_are_all_named_at_once(lane: Lane) -> None:
    lane.edit("scan_s = 1.0", "scan_ms = 1000").edit("locked = 25", "loked = 25").edit("call = 21", "call = 17")

    def model(name: str) -> None:
        if name.startswith("dlib"):
            raise ModelError(f"model {name}: not installed; run `gatefw models install`")

    findings = lane.check(model=model)
    assert [(found.line, found.key) for found in findings if "is missing" not in found.problem] == [
        (lane.line("scan_ms"), "timers.scan_ms"),
        (lane.line("embedder ="), "vision.embedder"),
        (lane.line("loked"), "door.exit_door.loked"),
        (lane.line("call = 17"), "sensors.lane.call"),
    ]
    said = {found.key: found.problem for found in findings}
    assert said["timers.scan_ms"] == "wrong unit: write scan_s, in seconds"
    assert said["door.exit_door.loked"] == "unknown key; did you mean locked?"
    assert said["sensors.lane.call"] == "pin 17 is used already by door.entry_door.release"
    assert "models install" in said["vision.embedder"]
    assert said["door.exit_door.locked"].startswith("is missing; a BCM pin number")
    assert all(found.file == str(lane.path) for found in findings)


# ---------------------------------------------------------------- keys and values


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("lease_s = 2.0", 'lease_s = "2s"', "doors.lease_s", 'not "2s"; write 2, without quotes and unit'),
        ("lease_s = 2.0", "lease_s = 60", "doors.lease_s", "a number of seconds from 0.3 to 10 is wanted, not 60"),
        ("lease_s = 2.0", "lease_s = nan", "doors.lease_s", "not nan"),
        ("lease_s = 2.0", "lease_s = true", "doors.lease_s", "not true"),
        ("lease_s = 2.0", "lease_s = [2.0]", "doors.lease_s", "not a list"),
        ("lease_s = 2.0", "lease = 2.0", "doors.lease", "wrong unit: write lease_s, in seconds"),
        ("lease_s = 2.0", "leese_s = 2.0", "doors.leese_s", "did you mean lease_s?"),
        ("in_service = true", 'in_service = "yes"', "lane.in_service", 'true or false is wanted, not "yes"'),
        ("in_service = true", "in_service = 1", "lane.in_service", "true or false is wanted, not 1"),
        ('on_refusal = "let_out"', 'on_refusal = "shout"', "lane.on_refusal", 'one of "let_out", "hold" is wanted'),
        ('on_refusal = "let_out"', 'on_refusal = "letout"', "lane.on_refusal", 'did you mean "let_out"?'),
        ('name = "contactless-e-channel"', 'name = "Lane 3"', "lane.name", "a name of a-z"),
        ('refusal = "entry"', 'refusal = "window"', "lane.way_out.refusal", 'one of "entry", "exit", "both"'),
        ("release = 17", "release = 54", "door.entry_door.release", "a BCM pin number from 0 to 53 is wanted, not 54"),
        ("release = 17", 'release = "17"', "door.entry_door.release", "write 17, without quotes"),
        ("release = 17", "release = true", "door.entry_door.release", "a BCM pin number"),
        ('unpowered = "released"', 'unpowered = "open"', "door.entry_door.unpowered", 'one of "released", "secured"'),
        ('driver = "v4l2"', 'driver = "v4l3"', "camera.inside.driver", "did you mean 'v4l2'"),
        ('driver = "serial"', "driver = 3", "reader.front.driver", "the name of a driver is wanted: hw/reader_NAME.py"),
        ('procedure = "contactless"', 'procedure = "contactles"', "lane.procedure", "did you mean 'contactless'?"),
        ('factory = "lgpio:pinctrl-rp1"', 'factory = "rpigpio"', "gpio.factory", "lgpio:CHIP LABEL"),
        ('runtime = "litert"', 'runtime = "torch"', "vision.runtime", 'one of "litert", "tflite"'),
        ("[gpio]", "[gpoi]\nx = 1\n[gpio]", "gpoi", "unknown key; did you mean gpio?"),
        ("[reader.front]", "[reader.id-12345]", "reader.id-12345", "no four digits in a row"),
        ("renew_s = 0.5", "renew_s = 1.5", "doors.renew_s", "at most half of lease_s"),
        ("deadline_s = 8.0", "deadline_s = 20", "timers.verify_s", "stands behind face.deadline_s"),
        ("[watcher]", '[bus]\nevents = "udp://1.2.3.4:5555"\n[watcher]', "bus.events", "ipc:///ABSOLUTE/PATH"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(lane: Lane, old: str, new: str, key: str, says: str) -> None:
    found = lane.edit(old, new).only(procedure=clearance.load)
    assert (found.key, found.warning) == (key, False)
    assert says in found.problem
    if key not in ("timers.verify_s", "gpoi", "bus.events"):
        assert found.line == lane.line(new)


def test_the_daemon_gets_the_first_problem_and_the_others_as_notes(lane: Lane) -> None:
    lane.edit("lease_s = 2.0", "lease_s = 60").edit("release = 17", "release = 99")
    with pytest.raises(ConfigError) as caught:
        lane.load()
    assert caught.value.line == lane.line("lease_s = 60")
    assert "release" in caught.value.__notes__[0]


def test_a_missing_table_key_or_device_is_named(lane: Lane) -> None:
    for old, new, key in (
        ("[vision]\nstart", "[world.vision]\nstart", "vision"),
        ("in_service = true", "", "lane.in_service"),
        ('fault = "entry"', "", "lane.way_out.fault"),
        ("external_egress = true", "", "lane.way_out.external_egress"),
        ("[door.exit_door]", "[door.side_door]", "door.exit_door"),
        ("[camera.inside]", "[camera]", "camera.driver"),
        ("[reader.front]", "[[reader.front]]", "reader.front"),
        ("[gpio]\nfactory", "[watcher.gpio]\nfactory", "gpio"),
        ('unpowered = "released"', "", "door.entry_door.unpowered"),
    ):
        other = Lane(lane.path).edit(old, new)
        assert key in [found.key for found in other.check() if not found.warning], old
    assert "line" in {found.key for found in Lane(lane.path).edit("[lane]", "[line]").check()}


def with_cameras(lane: Lane, *names: str) -> Lane:
    for name in names:
        lane.text += f'\n[camera.{name}]\ndriver = "v4l2"\ndevice = "/dev/v4l/by-id/{name}"\n'
    return lane


def test_a_lane_has_one_set_of_sensors_and_up_to_four_cameras(lane: Lane) -> None:
    assert [camera.name for camera in with_cameras(lane, "low", "high", "front").load().vision.cameras] == [
        "camera.inside",
        "camera.low",
        "camera.high",
        "camera.front",
    ]
    found = with_cameras(lane, "fifth").only()
    assert (found.key, "is one too many; 4 [camera.NAME] at most" in found.problem) == ("camera.fifth", True)
    lane.text += '\n[sensors.second]\ndriver = "gpio"\n'
    assert any("is one too many; 1 [sensors.NAME] at most" in found.problem for found in lane.check())


def test_a_camera_for_codes_is_one_of_several_and_never_sees_faces(lane: Lane) -> None:
    lane.edit('start = "unit"', 'start = "unit"\ncodes = "front"')
    assert "no camera is called front; there are inside" in lane.only().problem
    loaded = with_cameras(lane, "front").load().vision
    assert [camera.name for camera in loaded.having(codes=True)] == ["camera.front"]
    assert [camera.name for camera in loaded.having(codes=False)] == ["camera.inside"]
    lane.edit('codes = "front"', 'codes = "inside"').edit("[camera.front]", "[camera.inside2]")
    assert lane.load().vision.having(codes=True)


def test_a_camera_by_its_number_is_a_warning(lane: Lane) -> None:
    found = lane.edit("/dev/v4l/by-id/usb-CAMERA-video-index0", "/dev/video0").only()
    assert (found.key, found.warning) == ("camera.inside.device", True)
    assert "/dev/v4l/by-id/" in found.problem


def test_the_only_camera_of_a_lane_is_not_for_codes(lane: Lane) -> None:
    found = lane.edit('start = "unit"', 'start = "unit"\ncodes = "inside"').only()
    assert (found.key, "names the only camera" in found.problem) == ("vision.codes", True)


# ---------------------------------------------------------------- ways out


@pytest.mark.parametrize("cause", ["refusal", "fault"])
@pytest.mark.parametrize("exits", ["exit", "both"])
def test_an_exit_that_opens_for_who_was_not_admitted_is_a_warning_and_may_stand(
    lane: Lane, cause: str, exits: str
) -> None:
    found = lane.edit(f'{cause} = "entry"', f'{cause} = "{exits}"').only()
    assert found.warning
    assert (found.key, found.line) == (f"lane.way_out.{cause}", lane.line(f'{cause} = "{exits}"'))
    assert "border breach" in found.problem
    assert "warning: " in str(found)
    assert lane.load().way_out(cause)[-1] is DoorId.EXIT


def test_nobody_is_shut_in_by_dead_software(lane: Lane) -> None:
    found = lane.edit("external_egress = true", "external_egress = false").only()
    assert found.key == "lane.way_out.external_egress"
    assert "shuts in" in found.problem


@pytest.mark.parametrize(
    ("entry", "exit_", "power_loss", "egress", "keys"),
    [
        ("released", "secured", "entry", "true", set()),
        ("secured", "secured", "entry", "true", {"door.entry_door.unpowered"}),
        ("secured", "secured", "entry", "false", {"lane.way_out.external_egress", "door.entry_door.unpowered"}),
        ("released", "released", "entry", "true", {"door.exit_door.unpowered"}),
        ("released", "released", "both", "true", {"lane.way_out.power_loss"}),
        (
            "released",
            "secured",
            "exit",
            "true",
            {"lane.way_out.power_loss", "door.entry_door.unpowered", "door.exit_door.unpowered"},
        ),
    ],
)
def test_a_lock_without_current_does_what_the_way_out_says(
    lane: Lane, entry: str, exit_: str, power_loss: str, egress: str, keys: set[str]
) -> None:
    lane.edit('unpowered = "secured"', f'unpowered = "{exit_}"').edit(
        'unpowered = "released"', f'unpowered = "{entry}"'
    )
    lane.edit('power_loss = "entry"', f'power_loss = "{power_loss}"')
    lane.edit("external_egress = true", f"external_egress = {egress}")
    assert {found.key for found in lane.check()} == keys


def test_a_lock_that_stays_shut_without_current_needs_more_than_a_break_glass_in_its_supply(lane: Lane) -> None:
    found = lane.edit('unpowered = "released"', 'unpowered = "secured"').only()
    assert (found.key, found.warning) == ("door.entry_door.unpowered", True)
    assert "cutting its supply frees nobody" in found.problem
    lane.edit('unpowered = "secured"', 'unpowered = "secured"\ncovered_by = "break-glass with a battery of its own"')
    assert lane.check() == []


# ---------------------------------------------------------------- simulation


@pytest.mark.parametrize("factory", ["mock:", "socket:/tmp/pins"])
def test_a_real_lane_has_no_simulated_pins_and_no_world(lane: Lane, factory: str) -> None:
    found = lane.edit("lgpio:pinctrl-rp1", factory).only()
    assert (found.key, "simulated hardware" in found.problem) == ("gpio.factory", True)
    found = Lane(lane.path).edit("[watcher]", "[world]\ntravel_s = 1\n[watcher]").only()
    assert (found.key, "lane.simulated = true" in found.problem) == ("world", True)


def test_a_simulated_lane_says_so(simulated: Lane) -> None:
    keys = {found.key for found in simulated.edit("simulated = true", "").check()}
    assert keys == {"gpio.factory", "world"}


# ---------------------------------------------------------------- settings of any driver


@dataclass(frozen=True)
class AnyDriver:
    """One field of every kind a driver may have."""

    unpowered: Literal["released", "secured"]
    travel_s: Annotated[float, Bound(0.1, 30.0)]
    release: Pin
    spare: Pin | None = None
    baud: Annotated[int, Bound(1200, 115200)] = 9600
    inverted: bool = False
    label: str | None = None
    height_mm: Annotated[float, Bound(0, 3000)] | None = None


def drivers(role: str, name: str) -> type:
    return AnyDriver if role == "door" else hw.schema(role, name)


def check_any(lane: Lane, table: str) -> list[Finding]:
    lane.text = re.sub(r"(\[door.entry_door\]\n)(?:[^\[\n].*\n)*", rf"\1driver = 'any'\n{table}\n", lane.text)
    lane.text = re.sub(r"(\[door.exit_door\]\n)(?:[^\[\n].*\n)*", "\\1driver='any'\nunpowered='secured'\n"
                       "travel_s=1\nrelease=40\n", lane.text)  # fmt: skip
    lane.path.write_text(lane.text, encoding="utf-8")
    return config.check(lane.path, drivers, env=ENV)


def test_every_kind_of_field_is_read_from_its_toml(lane: Lane) -> None:
    table = 'unpowered="released"\ntravel_s=3\nrelease=41\nspare=42\nbaud=1200\ninverted=true\nlabel="x"\nheight_mm=1.5'
    assert check_any(lane, table) == []
    settings = config.load(lane.path, drivers, ENV).having("door")[0].settings
    assert settings == AnyDriver("released", 3.0, Pin(41), Pin(42), 1200, True, "x", 1.5)


@pytest.mark.parametrize(
    ("line", "key", "says"),
    [
        ("travel_ms = 3000", "travel_ms", "wrong unit: write travel_s, in seconds"),
        ("travel_s = 31", "travel_s", "a number of seconds from 0.1 to 30 is wanted, not 31"),
        ('travel_s = "3 s"', "travel_s", "write 3, without quotes and unit"),
        ("baud = 9600.0", "baud", "a whole number from 1200 to 115200 is wanted, not 9600.0"),
        ("height_cm = 10", "height_cm", "wrong unit: write height_mm, in millimetres"),
        ("height = 10", "height", "wrong unit: write height_mm, in millimetres"),
        ("height_mm = -1", "height_mm", "from 0 to 3000 is wanted, not -1"),
        ("label = 5", "label", "a text is wanted, not 5"),
        ("spare = -1", "spare", "a BCM pin number"),
        ("spare = 40", "spare", ""),
        ("lable = 'x'", "lable", "did you mean label?"),
        ("xyzzy = 1", "xyzzy", "unknown key; known are baud, height_mm"),
    ],
)
def test_each_wrong_field_says_what_is_wanted(lane: Lane, line: str, key: str, says: str) -> None:
    rest = "\n".join(each for each in ("unpowered='released'", "travel_s=1", "release=41") if each[:8] != line[:8])
    found = [each for each in check_any(lane, f"{rest}\n{line}") if each.key.endswith(key) or "40" in each.problem]
    assert says in found[0].problem
    if line == "spare = 40":
        assert found[0].problem == "pin 40 is used already by door.entry_door.spare"


def test_a_door_driver_that_does_not_say_what_it_does_without_power_is_refused(lane: Lane) -> None:
    @dataclass(frozen=True)
    class Silent:
        release: Pin | None = None

    lane.path.write_text(lane.text, encoding="utf-8")
    schema = lambda role, name: Silent if role == "door" else hw.schema(role, name)  # noqa: E731
    keys = {found.key for found in config.check(lane.path, schema, env=ENV) if "without power" in found.problem}
    assert keys == {"door.entry_door.driver", "door.exit_door.driver"}


# ---------------------------------------------------------------- anything at all


def test_a_file_that_cannot_be_read_is_one_finding(tmp_path: Path) -> None:
    for path, text in ((tmp_path / "no", None), (tmp_path / "bad", "a = "), (tmp_path / "empty", "")):
        if text is not None:
            path.write_text(text)
        findings = config.check(path, hw.schema, env=ENV)
        assert findings
        with pytest.raises(ConfigError):
            config.load(path, hw.schema, ENV)
    (found,) = config.check(REFERENCE, hw.schema, env={"GATEFW_STATE": "relative"})
    assert "not an absolute path" in found.problem


values = st.recursive(
    st.booleans() | st.integers(-9, 99) | st.floats() | st.sampled_from(["gpio", "entry", "3s", "${RUN}", "${X}", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["driver", "release", "entry_door", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


def dump(table: Mapping[str, Any]) -> str:
    """TOML for what `values` makes, everything inline."""

    def spell(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(k)} = {spell(v)}" for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(spell, value)) + "]"
        return str(value) if isinstance(value, float) else json.dumps(value)

    return "".join(f"{json.dumps(key)} = {spell(value)}\n" for key, value in table.items())


@given(
    st.dictionaries(st.sampled_from([*SECTIONS, *ROLES, "world", "x"]), values, max_size=6).map(dump)
    | st.tuples(st.integers(0, 80), values).map(lambda edit: edited(*edit))
)
def test_any_file_is_settings_or_findings(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8")
    more = config.check(path, hw.schema, procedure=clearance.load, env=ENV)  # who loads it looks for the procedure then
    findings = config.check(path, hw.schema, env=ENV)
    assert all(str(found).startswith(str(path)) for found in (*findings, *more))
    assert {*findings} <= {*more}
    if all(found.warning for found in findings):
        config.load(path, hw.schema, ENV)
    else:
        with pytest.raises(ConfigError):
            config.load(path, hw.schema, ENV)


def edited(number: int, value: Any) -> str:
    """The reference with another value for one key."""
    lines = REFERENCE.read_text(encoding="utf-8").splitlines()
    keys = [n for n, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    chosen = keys[number % len(keys)]
    lines[chosen] = dump({lines[chosen].split(" = ")[0]: value}).rstrip()
    return "\n".join(lines)


# ---------------------------------------------------------------- gatefw check


def run_check(path: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["check", str(path), *options])
    return int(arguments.run(arguments))


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A state directory in which nothing was installed."""
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path / "state"))


def test_check_prints_every_finding_and_fails(lane: Lane, no_models: None, capsys: pytest.CaptureFixture[str]) -> None:
    lane.edit("lease_s = 2.0", "lease_s = 60").check()
    assert run_check(lane.path) == 1
    out = capsys.readouterr().out
    assert f"{lane.path}:{lane.line('lease_s = 60')}: doors.lease_s: a number of seconds" in out
    assert out.count("vision.") == 2  # neither model is installed
    assert "3 problems, no warnings" in out


def test_check_tells_machines_the_same(lane: Lane, no_models: None, capsys: pytest.CaptureFixture[str]) -> None:
    lane.edit('refusal = "entry"', 'refusal = "both"').check()
    assert run_check(lane.path, "--json") == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {(found["key"], found["warning"]) for found in findings} == {
        ("lane.way_out.refusal", True),
        ("vision.detector", False),
        ("vision.embedder", False),
    }
