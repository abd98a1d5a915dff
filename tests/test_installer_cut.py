"""An install or a removal that is cut short: by a stick that is pulled, a full disk, a dead terminal, a power cut."""

import errno
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from peers import until
from stick_bench import LANE, PYTHON, TARGET, Gate, PowerCut, files, machine, nobody_hears, stick, wheel
from upgrade_bench import at_each_change, changes, cut_off, migrates, running, sticks, versions

from gatefw.errors import SetupError
from gatefw.installer import removal, signing, stick_make
from gatefw.installer import stick as stick_files
from gatefw.installer.install import Install, Wish
from gatefw.installer.places import Places
from gatefw.installer.system import PUBLIC, WANTS
from gatefw.installer.upgrade import Upgrade

pytestmark = pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="this machine has no systemd-sysusers")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sticks 1.0 and 2.0, whose lane files differ."""
    return sticks(tmp_path_factory.mktemp("two"))


@pytest.fixture
def gate(tmp_path: Path, two: Path) -> Gate:
    """Version 1.0 is in service, and people are enrolled."""
    return running(tmp_path / "root", two)


def hearing(gate: Gate, when: str, act: Callable[[], object]) -> Install:
    """An install that does something when it says this."""

    def say(line: str) -> None:
        if line.startswith(when):
            act()

    return Install(gate.places, gate, say)


# ---------------------------------------------------------------- the stick


def test_a_stick_that_is_pulled_while_it_is_unpacked_leaves_the_gate_its_room_and_its_version(
    gate: Gate, tmp_path: Path
) -> None:
    """350 MB of half a version would lie beside a gate at work until the next upgrade."""
    made = stick(tmp_path / "pulled", "2.0")
    before = files(gate.places.root)
    with pytest.raises(SetupError, match="cannot be read: No such file or directory"):
        hearing(gate, "unpacking", lambda: shutil.rmtree(made)).run(Wish(made))
    assert files(gate.places.root) == before
    assert (gate.done, gate.running) == ([], "1.0")


def test_a_stick_that_is_pulled_after_its_key_was_accepted_leaves_that_key_trusted(tmp_path: Path) -> None:
    """All else was read. Without its key the machine would take sticks of anybody, and nobody would know."""
    gate, made = Gate(machine(tmp_path / "root")), stick(tmp_path / "stick", "1.0")
    shutil.rmtree(made / TARGET / "models")
    signing_key = tmp_path / "key"
    signing.new_key(signing_key)
    manifest = stick_files.seal(made / TARGET, "1.0", TARGET)
    public = signing.sign(made / TARGET, manifest, signing_key)
    wish = Wish(made, accept_key=stick_files.fingerprint(public.encode()))
    hearing(gate, "compiling", lambda: shutil.rmtree(made)).run(wish)
    assert (gate.places.root / PUBLIC).read_text().strip() == public


def test_a_stick_that_shows_another_key_later_is_trusted_for_the_one_that_was_accepted(tmp_path: Path) -> None:
    gate, made = Gate(machine(tmp_path / "root")), stick(tmp_path / "stick", "1.0")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    signing.new_key(ours)
    other = signing.new_key(theirs)
    public = signing.sign(made / TARGET, (made / TARGET / stick_files.MANIFEST).read_bytes(), ours)
    wish = Wish(made, accept_key=stick_files.fingerprint(public.encode()))
    hearing(gate, "compiling", lambda: (made / TARGET / stick_files.PUBLIC).write_text(other)).run(wish)
    assert (gate.places.root / PUBLIC).read_text().strip() == public


def test_a_stick_that_cannot_be_made_anew_stays_as_it_was(tmp_path: Path) -> None:
    """The network is down, or the wheel is none: the stick of last year is all that there is."""
    made = stick(tmp_path / "stick", "1.0")
    before = files(made)
    with pytest.raises(SetupError, match="pip download"):
        stick_make.make(made, wheel(tmp_path, "2.0"), TARGET, None, None, nobody_hears)
    assert files(made) == before


# ---------------------------------------------------------------- the disk


def test_a_disk_that_fills_while_a_version_is_unpacked_is_named_and_what_was_unpacked_goes(
    gate: Gate, two: Path
) -> None:
    before = files(gate.places.root)

    def full(path: Path) -> None:
        if path.name == "gatefw-web.service":
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as failed, at_each_change(full):
        gate.install(two / "two")
    assert failed.value.filename == str(gate.places.programs / "2.0")
    assert files(gate.places.root) == before


def test_half_of_a_version_that_was_being_removed_is_never_taken_for_all_of_it(
    gate: Gate, two: Path, tmp_path: Path
) -> None:
    """An upgrade to 3.0 removes 1.0 at its end, and the power goes in the midst; later somebody wants 1.0 back."""
    gate.install(two / "two")
    third, home = stick(tmp_path / "three", "3.0"), gate.places.programs / "1.0"
    for number in range(20):  # in whichever order a file system tells what is there
        (home / f"part{number}").touch()

    def cut(path: Path) -> None:
        if path.name.startswith("part"):
            raise PowerCut

    with pytest.raises(PowerCut), at_each_change(cut):
        gate.install(third)
    shutil.rmtree(home / "lib")
    Upgrade(gate.places, gate, gate.say).recover()
    assert gate.install(two / "one", downgrade=True).version == "1.0"
    assert (home / "lib" / PYTHON / "site-packages/gatefw/__init__.py").is_file()
    assert (home / "bin/gatefw").is_file()


# ---------------------------------------------------------------- the removal


def test_a_gate_between_two_versions_is_not_removed_before_that_is_finished(gate: Gate, two: Path) -> None:
    """What would be left is a record by which no later install on this machine could begin or go back."""

    def killed() -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        hearing(gate, "trial (", killed).run(Wish(two / "two"))
    before = files(gate.places.root)
    with pytest.raises(SetupError, match="interrupted at trial; finish it first"):
        removal.remove(gate.places, gate, nobody_hears, "")
    assert files(gate.places.root) == before


def test_before_whichever_file_a_removal_is_cut_off_it_is_finished_by_the_next_or_undone_by_an_install(
    gate: Gate, two: Path, tmp_path: Path
) -> None:
    """The next removal leaves what one that nobody cut leaves; an install from the stick brings a gate that serves."""
    begun = gate.places.root

    def begin(name: str) -> Gate:
        shutil.copytree(begun, tmp_path / name, symlinks=True)
        return Gate(Places(tmp_path / name), running="1.0", starts=migrates(Places(tmp_path / name)))

    def off(gate: Gate) -> None:
        removal.remove(gate.places, gate, gate.say, "Chan")

    clean = begin("clean")
    for cut in range(2, changes(lambda: off(clean)), 6):
        for finish in ("remove", "install"):
            after = begin(f"{finish}{cut}")
            cut_off(lambda after=after: off(after), cut)  # type: ignore[misc]
            after.power_returns()
            after.done.clear()
            if finish == "remove":
                off(after)
                assert set(files(after.places.root)) == set(files(clean.places.root)), cut
            else:
                after.install(two / "one")
                assert versions(after) == ("1.0", "1.0", "1.0"), cut
                assert (after.places.root / WANTS / "gatefw.service").is_symlink(), cut
                whole = after.places.programs / "1.0/lib" / PYTHON / "site-packages/gatefw/__init__.py"
                assert whole.is_file(), cut
            shutil.rmtree(after.places.root)


def test_a_removal_that_was_cut_off_asks_for_nobody_to_stop_and_stops_nothing_again(gate: Gate) -> None:
    """Its units are gone, and systemd refuses to stop what it never heard of."""
    cut_off(lambda: removal.remove(gate.places, gate, gate.say, ""), 12)
    gate.power_returns()
    gate.done.clear()
    removal.remove(gate.places, gate, gate.say, "")
    assert gate.done == []
    assert not gate.places.programs.exists() or not any(gate.places.programs.iterdir())


def test_a_gate_whose_first_install_was_cut_off_before_it_was_proven_is_still_emptied_before_it_is_removed(
    gate: Gate,
) -> None:
    """Its units were enabled already, so the next boot started it, and people pass."""
    gate.places.proven.unlink()
    gate.occupancy = "one"
    with pytest.raises(Exception, match="the sensors say of the lane: one"):
        removal.remove(gate.places, gate, nobody_hears, "")
    assert gate.places.lane.read_text() == LANE
    assert gate.running == "1.0"


def test_a_terminal_that_hangs_up_at_the_question_whether_to_erase_removes_nothing(gate: Gate) -> None:
    """Killed instead, a removal that has closed the lane would leave it closed."""
    before = files(gate.places.root)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "gatefw", "uninstall", "--purge", "--root", str(gate.places.root)]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as ran:
        os.close(slave)
        said = bytearray()

        def asked() -> bool:
            said.extend(os.read(master, 4096))
            return b"type `erase`" in said

        until(asked, "the question")
        os.kill(ran.pid, signal.SIGHUP)
        os.close(master)
        assert ran.wait(60) == 1
    before.pop("var/lib/gatefw-install/lock", None)
    after = files(gate.places.root)
    after.pop("var/lib/gatefw-install/lock", None)
    assert after == before
