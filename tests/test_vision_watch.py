"""A vision process that hangs, and one that no kill ends: in virtual time, with a process that is played."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peers import until

from gatefw.errors import StoreError
from gatefw.gate_terms import DeviceImpaired, DeviceWent, GateInput
from gatefw.model import Reason
from gatefw.reboot_request import COUNT, MOST, WANTED, RebootRequest
from gatefw.vision_child import Child, VisionChild
from gatefw.vision_watch import KILLED_S, SILENT_S, VISION, Process, VisionWatch

LOST = DeviceWent(VISION, Reason.DEVICE_STUCK)
STUCK, GONE = (DeviceImpaired(VISION, Reason.PROCESS_STUCK, so) for so in (True, False))


class Vision:
    """A process and its connection. It answers while it is well; it ends by a kill unless it hangs in the kernel."""

    def __init__(self) -> None:
        self.heard, self.pid, self.connected = 1, 4711, True
        self.well, self.in_kernel, self.ended = True, False, False
        self.kills = self.hung_up = 0

    def ask_alive(self) -> None:
        self.heard += self.well and not self.ended

    def hang_up(self) -> None:
        self.connected, self.hung_up = False, self.hung_up + 1

    def kill(self) -> None:
        self.kills += 1
        self.ended = not self.in_kernel

    def close(self) -> None:
        pass

    def starts_again(self) -> None:
        self.ended, self.connected = False, True


class Machine:
    def __init__(self) -> None:
        self.asked = self.forgot = 0

    def ask(self) -> None:
        self.asked += 1

    def forget(self) -> None:
        self.forgot += 1


class Site:
    def __init__(self, reboots: bool = True) -> None:
        self.vision, self.machine, self.told = Vision(), Machine(), list[GateInput]()
        self.now_s, self.empty = 1000.0, True
        self.watch = VisionWatch(
            self.vision,
            self.vision.kill,
            self.told.append,
            self.machine if reboots else None,
            300.0,
            lambda _: self.vision,
        )

    def passes(self, seconds: float, tick_s: float = 1.0) -> None:
        ends_s = self.now_s + seconds
        while self.now_s < ends_s:
            self.now_s += tick_s
            self.watch.look(self.now_s, self.empty)

    def hangs(self) -> None:
        self.vision.well, self.vision.in_kernel = False, True


@pytest.fixture
def site() -> Site:
    return Site()


def test_one_that_answers_is_left_alone_for_ever(site: Site) -> None:
    site.passes(10_000.0)
    assert (site.told, site.vision.kills, site.machine.asked, site.machine.forgot) == ([], 0, 0, 1)


def test_one_that_says_nothing_is_lost_and_killed_and_the_next_one_is_watched_as_well(site: Site) -> None:
    site.vision.well = False
    site.passes(SILENT_S + 10.0)
    assert site.told == [LOST]
    assert (site.vision.kills, site.vision.hung_up) == (1, 1)
    site.vision.starts_again()
    site.vision.well = True
    site.passes(100.0)
    assert site.told == [LOST]
    site.vision.well = False
    site.passes(SILENT_S + 10.0)
    assert site.told == [LOST, LOST]


def test_one_that_never_says_anything_though_it_can_be_connected_to_is_found_as_well(site: Site) -> None:
    """The kernel takes a connection for a process that hangs."""
    site.vision.well, site.vision.heard = False, 0
    site.passes(SILENT_S + 10.0)
    assert site.told == [LOST]


def test_a_machine_that_stood_still_is_not_the_vision_process_fault(site: Site) -> None:
    site.passes(3600.0, tick_s=600.0)
    site.vision.well = False
    site.passes(600.0, tick_s=100.0)
    assert site.told == []


def test_a_camera_that_hangs_in_the_kernel_is_an_alarm_once_and_over_when_the_process_is_gone(site: Site) -> None:
    """An ioctl never returns. The kill does nothing; two minutes later the driver lets go after all."""
    site.hangs()
    site.passes(SILENT_S + KILLED_S + 120.0)
    assert site.told == [LOST, STUCK]
    site.vision.ended = True
    site.passes(10.0)
    assert site.told == [LOST, STUCK, GONE]
    assert site.machine.asked == 0


def test_a_restart_is_asked_for_once_and_never_while_somebody_is_in_the_lane(site: Site) -> None:
    site.hangs()
    site.empty = False
    site.passes(5000.0)
    assert site.machine.asked == 0
    site.empty = True
    site.passes(5000.0)
    assert site.machine.asked == 1


def test_no_restart_is_asked_for_before_its_time_or_where_the_lane_only_degrades() -> None:
    soon, never = Site(), Site(reboots=False)
    for site in (soon, never):
        site.hangs()
        site.passes(SILENT_S + 290.0)
        assert site.machine.asked == 0
        site.passes(3000.0)
    assert (soon.machine.asked, never.machine.asked) == (1, 0)
    assert never.told == [LOST, STUCK]


@given(
    st.lists(
        st.tuples(st.sampled_from(["well", "silent", "kernel", "lets go", "in", "out"]), st.integers(1, 400)),
        max_size=60,
    )
)
def test_whatever_happens_a_restart_is_asked_for_only_with_an_empty_lane_and_a_process_that_was_killed(
    steps: list[tuple[str, int]],
) -> None:
    site = Site()
    for what, seconds in steps:
        vision = site.vision
        if what in ("well", "silent"):
            vision.well = what == "well"
            if vision.ended:
                vision.starts_again()
        elif what in ("kernel", "lets go"):
            vision.in_kernel = what == "kernel"
            vision.ended = vision.ended or (what == "lets go" and vision.kills > 0 and site.watch._dying is not None)
        else:
            site.empty = what == "out"
        for _ in range(seconds):
            asked = site.machine.asked
            site.passes(1.0)
            if site.machine.asked > asked:
                assert site.empty and site.watch.unkillable and vision.kills and not vision.ended
    alarms = [each for each in site.told if isinstance(each, DeviceImpaired)]
    assert alarms == [STUCK, GONE] * (len(alarms) // 2) + [STUCK] * (len(alarms) % 2)


# ---------------------------------------------------------------- real processes


def test_a_process_has_ended_when_all_of_it_has() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        seen = Process(running.pid)
        assert not seen.ended
        running.kill()
        until(lambda: seen.ended, "it to have ended", 60)
    assert Process(running.pid).ended
    seen.close()


def test_a_child_that_no_kill_ends_does_not_keep_the_supervisor_from_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its standard input closes, it is killed, and it is still there: it is left to the kernel."""
    program = "import pathlib, sys, signal; pathlib.Path(sys.argv[2]).touch(); signal.pause()"
    kills: list[Child] = []
    child = VisionChild(tmp_path / "there", (sys.executable, "-c", program), kills.append, ends_s=0.2)
    until((tmp_path / "there").exists, "the child to run", 60)
    child.kill()
    child.stop()
    (process, _) = kills
    assert process.poll() is None
    assert "hangs in the kernel" in caplog.text
    process.kill()
    process.wait(60)


def test_a_child_that_is_killed_is_started_again(tmp_path: Path) -> None:
    program = "import sys; open(sys.argv[2], 'a').write('started '); sys.stdin.read()"
    child, file = VisionChild(tmp_path / "starts", (sys.executable, "-c", program)), tmp_path / "starts"
    until(lambda: file.exists() and "started" in file.read_text(), "the start", 60)
    child.kill()
    until(lambda: file.read_text().count("started") == 2, "the second start", 60)
    child.stop()


# ---------------------------------------------------------------- the request


def test_a_restart_of_the_machine_is_a_file_and_never_asked_for_for_ever(tmp_path: Path) -> None:
    told: list[str] = []
    request = RebootRequest(tmp_path, lambda: told.append("asked"))
    for number in range(1, MOST + 3):
        (tmp_path / WANTED).unlink(missing_ok=True)  # as systemd does before it restarts
        request._ask()
        assert (tmp_path / WANTED).exists() is (number <= MOST)
    assert (told, request.count()) == (["asked"] * MOST, MOST)
    request._forget()
    assert (request.count(), list(tmp_path.iterdir())) == (0, [])


def test_a_count_that_is_none_is_no_reason_to_begin_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / COUNT).write_text("many")
    request = RebootRequest(tmp_path)
    with pytest.raises(StoreError, match="holds no number"):
        request.count()
    request.ask()
    until(lambda: "no restart of the machine can be asked for" in caplog.text, "the log", 60)
    assert not (tmp_path / WANTED).exists()
