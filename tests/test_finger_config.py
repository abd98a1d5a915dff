"""A finger sensor in a lane file: one at most, known settings, and a word about the password that everybody knows."""

from pathlib import Path

import pytest
from test_config import SIMULATED, Lane

from gatefw.config import Finding
from hw import finger_r30x

SENSOR = """
[finger.inside]
driver = "r30x"
link = "serial:/dev/serial/by-id/usb-finger?baud=57600"
"""
LOCKED = 'password_file = "/etc/gatefw/finger.pin"\n'


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    return Lane(tmp_path / "lane.toml", SIMULATED)


def found(lane: Lane, more: str) -> list[Finding]:
    lane.text += more
    return lane.check()


def test_a_lane_with_a_finger_sensor_holds_together(lane: Lane) -> None:
    assert found(lane, SENSOR + LOCKED) == []
    (sensor,) = lane.load().having("finger")
    assert isinstance(sensor.settings, finger_r30x.Settings)
    assert sensor.label == "finger.inside"
    assert (sensor.settings.template_bytes, sensor.settings.security_level) == (512, 3)


@pytest.mark.parametrize("given", ["", 'password_file = ""\n'])
def test_a_sensor_that_answers_to_the_password_everybody_knows_is_a_warning(lane: Lane, given: str) -> None:
    (finding,) = found(lane, SENSOR + given)
    assert finding.warning
    assert finding.key == "finger.inside.password_file"
    assert "gatefw device install" in finding.problem
    assert lane.load().having("finger")


def test_a_second_finger_sensor_is_one_too_many(lane: Lane) -> None:
    (finding,) = found(lane, SENSOR + LOCKED + SENSOR.replace("inside", "outside") + LOCKED)
    assert not finding.warning
    assert finding.key == "finger.outside"
    assert "one [finger.NAME]" in finding.problem


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("security_level = 6", "from 1 to 5"),
        ("template_bytes = 100000", "from 128 to 4096"),
        ("reply_ms = 100", "write reply_s"),
        ("pasword_file = 'x'", "did you mean password_file"),
    ],
)
def test_a_setting_that_cannot_be_is_named(lane: Lane, setting: str, says: str) -> None:
    (finding,) = found(lane, SENSOR + LOCKED + setting)
    assert says in finding.problem
