"""Installing: from a stick onto a machine that is a directory; a second time; beside what somebody edited."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stick_bench import LANE, PYTHON, TARGET, Gate, PowerCut, files, machine, nobody_hears, stick, wheel

from gatefw.cli import main
from gatefw.cli.install import to_its_end
from gatefw.errors import DeviceLost, SetupError
from gatefw.installer import environment, removal, signing, stick_make
from gatefw.installer import stick as sticks
from gatefw.installer.environment import target_of
from gatefw.installer.install import Install, Wish
from gatefw.installer.machine import family
from gatefw.installer.places import Places, alone
from gatefw.installer.system import started

UNITS = "usr/local/lib/systemd/system"
WANTS = "etc/systemd/system/multi-user.target.wants"

pytestmark = pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="this machine has no systemd-sysusers")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(machine(tmp_path / "root"))


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return stick(tmp_path / "stick", "1.0")


def test_a_machine_gets_program_users_units_rules_models_and_lane_file_and_is_started(gate: Gate, first: Path) -> None:
    assert gate.install(first).version == "1.0"
    root = gate.places.root
    assert (root / "opt/gatefw/1.0/lib" / PYTHON / "site-packages/gatefw/__init__.py").is_file()
    assert gate.places.version_of(gate.places.current) == gate.places.version_of(gate.places.proven) == "1.0"
    assert (root / "opt/gatefw/1.0/bin/gatefw").read_text().startswith("#!/opt/gatefw/1.0/bin/python\n")
    assert os.access(root / "opt/gatefw/1.0/bin/gatefw", os.X_OK)
    assert {"gatefw", "gatefw-vision", "gatefw-web"} <= {
        line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()
    }
    assert (root / UNITS / "gatefw.service").read_bytes() == (
        Path(__file__).parents[1] / "systemd/gatefw.service"
    ).read_bytes()
    assert (root / "usr/local/lib/udev/rules.d/70-gatefw.rules").is_file()
    enabled = {path.name for path in (root / WANTS).iterdir()}
    assert enabled == {f"gatefw{name}.service" for name in ("", "-watcher", "-vision", "-web", "-upgrade")}
    assert gate.places.lane.read_text() == LANE
    assert (gate.places.vision / "models/finder.tflite").read_bytes() == b"finds 1.0"
    assert gate.done == ["test", "start"]


def test_a_second_install_of_the_same_stick_changes_nothing_and_starts_nothing(gate: Gate, first: Path) -> None:
    gate.install(first)
    before = files(gate.places.root)
    gate.done.clear()
    gate.install(first)
    assert files(gate.places.root) == before
    assert gate.done == []


def test_what_was_deleted_is_mended_and_what_was_disabled_stays_so(gate: Gate, first: Path) -> None:
    gate.install(first)
    (gate.places.root / UNITS / "gatefw.service").unlink()
    (gate.places.root / WANTS / "gatefw-web.service").unlink()
    gate.install(first)
    assert (gate.places.root / UNITS / "gatefw.service").is_file()
    assert not (gate.places.root / WANTS / "gatefw-web.service").exists()


def test_a_lane_file_that_was_edited_stays_and_the_new_one_is_put_beside_it(gate: Gate, first: Path) -> None:
    gate.install(first)
    gate.places.lane.write_text(LANE + "# ours\n")
    install = Install(gate.places, gate, nobody_hears)
    new = gate.places.root / "new.toml"
    new.write_text(LANE + "# theirs\n")
    install.run(Wish(first, new))
    assert gate.places.lane.read_text() == LANE + "# ours\n"
    assert gate.places.lane.with_name("lane.toml.new").read_text() == LANE + "# theirs\n"
    assert install.kept == ["/etc/gatefw/lane.toml"]


def test_a_lane_file_that_nobody_touched_follows_the_stick(gate: Gate, first: Path) -> None:
    gate.install(first)
    new = gate.places.root / "new.toml"
    new.write_text(LANE + "# theirs\n")
    gate.install(first, lane=new)
    assert gate.places.lane.read_text() == LANE + "# theirs\n"
    assert not gate.places.lane.with_name("lane.toml.new").exists()


def test_a_unit_that_was_edited_is_replaced_and_the_edited_text_kept_where_nobody_reads_it(
    gate: Gate, first: Path
) -> None:
    gate.install(first)
    unit = gate.places.root / UNITS / "gatefw.service"
    shipped = unit.read_text()
    unit.write_text("[Service]\n")
    gate.install(first)
    assert unit.read_text() == shipped
    assert unit.with_name("gatefw.service.edited").read_text() == "[Service]\n"


def test_a_lane_whose_keys_are_in_a_tpm_gets_the_drop_in_for_both_processes(gate: Gate, tmp_path: Path) -> None:
    gate.install(stick(tmp_path / "stick", "1.0", LANE + '\n[keys]\nprovider = "tpm"\n'))
    for unit in ("gatefw", "gatefw-vision"):
        assert "/dev/tpmrm0" in (gate.places.root / UNITS / f"{unit}.service.d/keys.conf").read_text()


def test_without_a_lane_file_nothing_is_enabled_or_started_and_with_it_the_same_command_goes_on(
    gate: Gate, tmp_path: Path
) -> None:
    source = stick(tmp_path / "stick", "1.0", lane="")
    gate.install(source)
    assert not (gate.places.root / WANTS).exists()
    assert gate.done == []
    gate.places.lane.parent.mkdir()
    gate.places.lane.write_text(LANE)
    gate.install(source)
    assert gate.done == ["test", "start"]


def test_a_first_install_that_does_not_pass_its_self_test_is_not_enabled_and_can_be_tried_again(
    gate: Gate, first: Path
) -> None:
    gate.tested = lambda _version: ["lane: line 3 is wrong"]
    with pytest.raises(SetupError, match="not put into service: lane: line 3 is wrong"):
        gate.install(first)
    assert not (gate.places.root / WANTS).exists()
    gate.tested = lambda _version: []
    gate.install(first)
    assert gate.done[-1] == "start"


@pytest.mark.parametrize("after", range(0, 64, 3))
def test_a_first_install_that_was_cut_off_is_finished_by_the_next(gate: Gate, first: Path, after: int) -> None:
    gate.left = after
    try:
        gate.install(first)
    except PowerCut:
        gate.power_returns()
        gate.install(first)
    assert gate.places.version_of(gate.places.proven) == "1.0"
    assert (gate.places.root / WANTS / "gatefw.service").is_symlink()


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(gate: Gate, first: Path) -> None:
    before, said = files(gate.places.root), list[str]()
    Install(gate.places, gate, said.append, dry=True).run(Wish(first))
    assert files(gate.places.root) == before
    assert any("would unpack 1 wheels" in line for line in said)
    assert gate.done == []


def test_another_build_of_the_same_version_is_refused(gate: Gate, first: Path, tmp_path: Path) -> None:
    gate.install(first)
    other = stick(tmp_path / "other", "1.0", instead={"gatefw/more.py": ""})
    with pytest.raises(SetupError, match=r"of another build .* give the build a version of its own"):
        gate.install(other)


# ---------------------------------------------------------------- the stick


def test_a_stick_on_which_one_byte_went_bad_is_named_before_anything_is_changed(gate: Gate, first: Path) -> None:
    model = first / TARGET / "models/finder.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"X")
    before = files(gate.places.root)
    with pytest.raises(SetupError, match=r"finder\.tflite: sha256 is .*, the list says .*; make the stick anew"):
        gate.install(first)
    assert files(gate.places.root) == before


def test_a_stick_whose_own_program_was_changed_is_refused_since_root_would_run_it_next_time(
    gate: Gate, first: Path
) -> None:
    with (first / "install").open("a") as program:
        program.write("#")
    with pytest.raises(SetupError, match=r"install: sha256 is .*, the list says .*; make the stick anew"):
        gate.install(first)


def test_a_stick_for_another_machine_says_for_which_it_is(tmp_path: Path, first: Path) -> None:
    other = "aarch64" if TARGET.startswith("x86") else "x86_64"
    places = machine(tmp_path / "other", 0xB7 if other == "aarch64" else 0x3E)
    assert target_of(places.root).startswith(other)
    with pytest.raises(SetupError, match=f"nothing for {other}.*; it is for {TARGET}"):
        Gate(places).install(first)


def test_a_directory_that_is_no_stick_is_told_how_one_is_made(gate: Gate, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="there is no stick; `gatefw stick make` makes one"):
        gate.install(tmp_path)


@pytest.mark.parametrize("name", ["../x", "wheels/../../x", "/etc/passwd", "models/.hidden", "wheels/a/b", "passwd"])
def test_a_list_that_names_a_file_elsewhere_is_refused(first: Path, name: str) -> None:
    path = first / TARGET / sticks.MANIFEST
    told = json.loads(path.read_text())
    told["files"][name] = "0" * 64
    path.write_text(json.dumps(told))
    with pytest.raises(SetupError, match="is not a file of a stick"):
        sticks.read(first, TARGET)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_a_list_is_understood_or_refused_whatever_is_in_it(content: bytes | str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / TARGET
        place.mkdir()
        (place / sticks.MANIFEST).write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(SetupError):
            sticks.read(Path(name), TARGET)


def sign(made: Path, key: Path) -> Path:
    if not key.exists():
        signing.new_key(key)
    signing.sign(made / TARGET, (made / TARGET / sticks.MANIFEST).read_bytes(), key)
    return made


def key_of(made: Path) -> str:
    """Its fingerprint, as its maker would tell it on a telephone."""
    return sticks.fingerprint((made / TARGET / sticks.PUBLIC).read_bytes())


def test_the_key_of_a_first_stick_is_believed_when_somebody_says_that_it_is_the_makers(
    gate: Gate, tmp_path: Path
) -> None:
    made = sign(stick(tmp_path / "stick", "1.0"), tmp_path / "key")
    before, asked = files(gate.places.root), list[str]()

    def says(answer: bool) -> Install:
        def agrees(question: str) -> bool:
            asked.append(question)
            return answer

        return Install(gate.places, gate, gate.say, agrees=agrees)

    with pytest.raises(SetupError, match=f"nothing was changed.*--accept-key {key_of(made)}"):
        says(False).run(Wish(made))
    assert files(gate.places.root) == before
    assert key_of(made) in asked[0]
    assert says(True).run(Wish(made)).version == "1.0"
    assert (gate.places.root / "etc/gatefw/stick.pub").read_bytes() == (made / TARGET / sticks.PUBLIC).read_bytes()
    assert says(False).run(Wish(made)).version == "1.0", "it is asked for once"
    assert len(asked) == 2


@pytest.mark.parametrize("written", [str, str.upper, lambda shown: shown.replace("-", ""), lambda shown: f" {shown}"])
def test_where_nobody_can_be_asked_the_key_is_named_as_people_write_it_down(
    gate: Gate, tmp_path: Path, written: Callable[[str], str]
) -> None:
    made = sign(stick(tmp_path / "stick", "1.0"), tmp_path / "key")
    assert gate.install(made, accept_key=written(key_of(made))).version == "1.0"


def test_a_first_stick_with_another_key_than_was_named_changes_nothing(gate: Gate, tmp_path: Path) -> None:
    made, theirs = stick(tmp_path / "stick", "1.0"), sign(stick(tmp_path / "theirs", "1.0"), tmp_path / "theirs.key")
    before = files(gate.places.root)
    with pytest.raises(SetupError, match="is not signed, and --accept-key names a key"):
        gate.install(made, accept_key=key_of(theirs))
    with pytest.raises(SetupError, match="do not use it"):
        gate.install(sign(made, tmp_path / "key"), accept_key=key_of(theirs))
    assert files(gate.places.root) == before


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (b"", "not a public key"),
        (b"f" * 63, "not a public key"),
        (b"x" * 64, "not a public key"),
        (b"a" * 64, "no man"),
    ],
)
def test_a_key_that_is_none_or_has_signed_nothing_is_never_pinned(
    gate: Gate, tmp_path: Path, key: bytes, says: str
) -> None:
    """Pinned once, it would refuse every stick from then on."""
    made = stick(tmp_path / "stick", "1.0")
    (made / TARGET / sticks.PUBLIC).write_bytes(key)
    with pytest.raises(SetupError, match=says):
        gate.install(made)
    assert not (gate.places.root / "etc/gatefw/stick.pub").exists()


def test_a_first_stick_whose_key_did_not_sign_it_is_refused(gate: Gate, tmp_path: Path) -> None:
    made, theirs = sign(stick(tmp_path / "stick", "1.0"), tmp_path / "key"), tmp_path / "theirs"
    public = signing.new_key(theirs)
    (made / TARGET / sticks.PUBLIC).write_text(public)
    with pytest.raises(SetupError, match="signed with another key"):
        gate.install(made, accept_key=sticks.fingerprint(public.encode()))


@pytest.mark.parametrize(
    ("older", "newer"),
    [("0.9", "0.10"), ("1.0rc1", "1.0"), ("1.0.dev3", "1.0a1"), ("1.0", "1.0.1"), ("1.0", "1.0.post1"), ("2", "10.0")],
)
def test_versions_come_in_the_order_of_their_numbers(older: str, newer: str) -> None:
    assert (sticks.older(older, newer), sticks.older(newer, older)) == (True, False)
    assert not sticks.older(older, older)


def test_versions_that_are_the_same_but_for_zeros_or_the_place_of_building_are_not_older() -> None:
    assert not any(sticks.older(*each) for each in (("1.0", "1"), ("1", "1.0"), ("1.0+b", "1.0"), ("1.0", "1.0+b")))


def test_an_older_version_is_installed_only_when_it_is_asked_for(gate: Gate, first: Path, tmp_path: Path) -> None:
    """The stick from last year is in the drawer beside the new one."""
    gate.install(stick(tmp_path / "second", "2.0"))
    before, done = files(gate.places.root), list(gate.done)
    with pytest.raises(SetupError, match=r"has gatefw 1\.0, and 2\.0 is here, which is newer; nothing changed"):
        gate.install(first)
    assert (files(gate.places.root), gate.done) == (before, done)
    assert gate.install(first, downgrade=True).version == "1.0"


def test_what_is_compiled_beside_a_gate_at_work_takes_what_it_leaves() -> None:
    """The lane is in service while the next version is unpacked; a search on all processors waits for nobody."""
    niceness = [*environment.BESIDE, sys.executable, "-c", "import os; print(os.nice(0))"]
    assert subprocess.run(niceness, capture_output=True, text=True, check=True).stdout.strip() == "19"


def test_a_gate_takes_the_key_of_its_first_stick_and_then_sticks_of_no_other(gate: Gate, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.key", tmp_path / "theirs.key"
    for key in (ours, theirs):
        signing.new_key(key)

    def signed(directory: str, version: str, key: Path | None) -> Path:
        made = stick(tmp_path / directory, version)
        return made if key is None else sign(made, key)

    gate.install(signed("one", "1.0", ours), accept_key=key_of(tmp_path / "one"))
    before = files(gate.places.root)
    with pytest.raises(SetupError, match="signed with another key"):
        gate.install(signed("two", "2.0", theirs))
    with pytest.raises(SetupError, match="no signature"):
        gate.install(signed("three", "2.0", None))
    assert files(gate.places.root) == before
    assert gate.install(signed("four", "2.0", ours)).version == "2.0"


def test_a_signed_list_that_was_changed_is_refused(gate: Gate, tmp_path: Path) -> None:
    key = tmp_path / "stick.key"
    public = tmp_path / "stick.pub"
    public.write_text(signing.new_key(key))
    made = stick(tmp_path / "stick", "1.0")
    path = made / TARGET / sticks.MANIFEST
    signing.sign(made / TARGET, path.read_bytes(), key)
    signing.check(sticks.read(made, TARGET), public)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(SetupError, match="signed with another key"):
        signing.check(sticks.read(made, TARGET), public)


def test_the_installer_runs_out_of_the_wheel_on_a_machine_that_has_python_alone(gate: Gate, tmp_path: Path) -> None:
    """What the stick's own program does: no package of this environment is seen (-I, -S), and no signature checked. It
    does so again after a removal, when the key is known: then keys are compared, at least."""
    source = sign(stick(tmp_path / "stick", "1.0", whole=True), tmp_path / "key")
    (built,) = (source / TARGET / "wheels").glob("gatefw-*.whl")
    start = f"import sys; sys.path.insert(0, {str(built)!r}); from gatefw.cli import main; sys.exit(main())"
    bare = [sys.executable, "-I", "-S", "-c", start, "install", "--from", str(source), "--json"]

    def installs(*more: str) -> subprocess.CompletedProcess[str]:
        command = [*bare, "--root", str(gate.places.root), *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)

    for more in ([f"--accept-key={key_of(source)}"], []):
        ran = installs(*more)
        assert (ran.returncode, json.loads(ran.stdout)["version"]) == (0, "1.0"), ran.stderr
        assert gate.places.version_of(gate.places.proven) == "1.0"
        shutil.rmtree(gate.places.programs)
    sign(source, tmp_path / "theirs")
    assert "signed with another key" in installs().stderr


def test_the_program_on_the_stick_leaves_the_check_of_its_maker_to_what_is_in_place() -> None:
    """Or to what was installed and never started."""
    assert "for there in proven current; do\n    [ ! -x /opt/gatefw/$there/bin/gatefw ] || exec" in stick_make.SCRIPT
    assert subprocess.run(["sh", "-n"], input=stick_make.SCRIPT, text=True, timeout=60).returncode == 0


@pytest.mark.parametrize("wrong", ["--key", "--lane"])
def test_what_a_stick_is_made_with_is_looked_at_before_the_one_that_is_there_goes(tmp_path: Path, wrong: str) -> None:
    """A slip of the pen in the name of the key: minutes later there would be a stick that nobody signed."""
    made, given = stick(tmp_path / "stick", "1.0"), wheel(tmp_path, "2.0")
    before = files(made)
    ran = run("stick", "make", str(made), "--wheel", str(given), wrong, str(tmp_path / "nothere"))
    assert (ran.returncode, "nothere" in ran.stderr) == (2, True)
    assert files(made) == before


def test_a_file_that_is_no_wheel_of_ours_makes_no_stick(tmp_path: Path) -> None:
    assert stick_make.version_of(wheel(tmp_path, "3.1")) == "3.1"
    with pytest.raises(SetupError, match="no wheel of gatefw"):
        stick_make.version_of(tmp_path / "gatefw-3.2-py3-none-any.whl")
    with pytest.raises(SetupError, match="processor and Python are wanted"):
        stick_make.make(tmp_path / "s", wheel(tmp_path, "3.1"), "armv7l", None, None, nobody_hears)


# ---------------------------------------------------------------- who may, and away again


def run(*words: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gatefw", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, user=user, stdin=subprocess.DEVNULL)


@pytest.mark.skipif(os.geteuid() == 0, reason="this is root")
def test_who_is_not_root_is_told_so_before_anything_else(first: Path) -> None:
    ran = run("install", "--from", str(first))
    assert (ran.returncode, ran.stderr) == (
        2,
        "gatefw: /: only root may install here; run it with sudo, or give --root DIR for an image\n",
    )


def test_two_installs_at_once_are_one_too_many(gate: Gate) -> None:
    with alone(gate.places), pytest.raises(SetupError, match="another install is under way"), alone(gate.places):
        raise AssertionError


def test_uninstalling_leaves_state_and_says_what_it_is(gate: Gate, first: Path) -> None:
    gate.install(first)
    records = gate.places.root / "var/lib/gatefw/records.sqlite"
    records.parent.mkdir(parents=True, exist_ok=True)
    records.write_bytes(b"people")
    console = gate.places.root / WANTS / "gatefw-console.service"
    console.symlink_to(f"/{UNITS}/{console.name}")
    before = files(gate.places.root)
    removal.remove(gate.places, gate, nobody_hears, "")
    assert gate.done[-2:] == ["close", "stop"]
    left = files(gate.places.root)
    gone = {name for name in before if name not in left}
    assert {name.split("/")[0] for name in gone} <= {"opt", "usr", "etc"}
    stays = {str(each.path.relative_to(gate.places.root)) for each in removal.kept(gate.places)}
    ours = {name for name in left if "gatefw" in name}
    assert all(any(name.startswith(f"{place}/") for place in stays) for name in ours), ours
    assert records.read_bytes() == b"people" and not console.is_symlink()
    assert not gate.places.programs.exists()
    removal.purge(gate.places, nobody_hears)
    assert not any("gatefw" in name for name in files(gate.places.root))


def test_nothing_is_uninstalled_under_somebody_and_the_lane_is_opened_again(gate: Gate, first: Path) -> None:
    gate.install(first)
    gate.occupancy = "one"
    before = files(gate.places.root)
    with pytest.raises(Exception, match="the sensors say of the lane: one"):
        removal.remove(gate.places, gate, nobody_hears, "")
    assert files(gate.places.root) == before
    assert (gate.running, gate.phase) == ("1.0", "idle")


def test_a_lane_whose_daemon_is_lost_while_it_is_closed_for_the_removal_is_opened_again(
    gate: Gate, first: Path
) -> None:
    """The daemon takes the order and its answer is lost: the lane would stay closed, with nobody who knows why."""

    class Losing(Gate):
        def order(self, verb: str) -> None:
            super().order(verb)
            if verb == "close":
                raise DeviceLost("close got no answer")

    gate.install(first)
    losing = Losing(gate.places, running="1.0")
    with pytest.raises(DeviceLost, match="close got no answer"):
        removal.remove(losing.places, losing, nobody_hears, "")
    assert losing.done == ["close", "open"]
    assert (losing.running, losing.phase) == ("1.0", "idle")


def test_nobodys_data_is_deleted_without_being_asked_for(first: Path, tmp_path: Path) -> None:
    root = machine(tmp_path / "image").root
    assert run("install", "--from", str(first), "--root", str(root)).returncode == 0
    refused = run("uninstall", "--purge", "--root", str(root))
    assert refused.returncode == 2
    assert "say --erase-people" in refused.stderr
    assert Places(root).current.is_symlink()
    done = run("uninstall", "--purge", "--erase-people", "--root", str(root), "--json")
    assert (done.returncode, json.loads(done.stdout)["kept"]) == (0, []), done.stderr


def test_on_a_machine_without_gatefw_an_uninstall_says_so_and_changes_nothing(tmp_path: Path) -> None:
    root = machine(tmp_path / "image").root
    before = sorted(root.rglob("*"))
    for words in ((), ("--purge",), ("--dry-run",)):
        done = run("uninstall", "--root", str(root), *words)
        said = f"{root}: gatefw is not installed here; there is nothing to remove\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
    assert sorted(root.rglob("*")) == before


def test_what_an_uninstall_left_is_said_again_and_can_be_deleted_later(first: Path, tmp_path: Path) -> None:
    root = machine(tmp_path / "image").root
    assert run("install", "--from", str(first), "--root", str(root)).returncode == 0
    assert run("uninstall", "--root", str(root)).returncode == 0
    before = files(root)
    again = run("uninstall", "--root", str(root))
    assert (again.returncode, "is not installed here" in again.stderr) == (0, True), again.stderr
    assert f"stays  {root}/etc/gatefw: " in again.stdout
    assert files(root) == before
    done = run("uninstall", "--purge", "--erase-people", "--root", str(root), "--json")
    assert (done.returncode, json.loads(done.stdout)["kept"]) == (0, []), done.stderr
    assert not any("gatefw" in name for name in files(root))


def test_a_directory_is_not_called_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["self-test", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"gatefw: {tmp_path}: is a directory; name a lane file\n"
    assert main(["self-test", str(tmp_path / "lane.toml")]) == 2
    assert capsys.readouterr().err == f"gatefw: {tmp_path}/lane.toml: is not there; name a lane file\n"


@pytest.mark.parametrize("words", [("install",), ("uninstall",), ("self-test",), ("stick", "make"), ("stick", "check")])
def test_every_help_shows_an_example(words: tuple[str, ...]) -> None:
    assert f"example:\n  sudo sh /media/stick/{words[0]}" in (said := run(*words, "--help").stdout) or (
        f"gatefw {' '.join(words)}" in said.partition("example:")[2]
    )


def test_a_link_that_vision_put_where_models_belong_leads_root_nowhere(gate: Gate, first: Path, tmp_path: Path) -> None:
    """Vision decodes what strangers show it. Taken over, it may put links into its store and wait for an install."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    gate.places.vision.mkdir(parents=True)
    (gate.places.vision / "models").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        gate.install(first)
    assert not any(elsewhere.iterdir())


def test_a_link_in_the_place_of_a_model_is_replaced_and_what_it_named_is_left_alone(gate: Gate, first: Path) -> None:
    named = gate.places.root / "etc/secret"
    named.write_bytes(b"finds 1.0")
    named.chmod(0o600)
    model = gate.places.vision / "models/finder.tflite"
    model.parent.mkdir(parents=True)
    model.symlink_to(named)
    gate.install(first)
    assert not model.is_symlink()
    assert (named.read_bytes(), named.stat().st_uid) == (b"finds 1.0", os.geteuid())


def test_a_terminal_that_goes_away_in_an_upgrade_does_not_leave_a_gate_between_two_versions(
    gate: Gate, first: Path, tmp_path: Path
) -> None:
    """Whoever upgrades over a network loses it: nobody reads what is said, and the terminal hangs up."""
    gate.install(first)
    second = stick(tmp_path / "second", "2.0")
    command = [sys.executable, "-m", "gatefw", "install", "--from", str(second), "--root", str(gate.places.root)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as ran:
        assert ran.stderr is not None
        ran.stderr.close()
        assert ran.wait(300) == 0
    assert gate.places.version_of(gate.places.proven) == "2.0"


def test_who_presses_ctrl_c_again_does_not_end_the_way_back() -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with to_its_end():
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_the_gates_users_may_read_what_a_careful_or_a_careless_root_installs_and_not_write_it(
    gate: Gate, first: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        assert main(["install", "--from", str(first), "--root", str(gate.places.root), "--json"]) == 0
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o066 for path in (gate.places.programs / "1.0").rglob("*") if path.is_file()}
    assert modes == {0o044}


def test_a_screen_is_started_where_the_lane_file_has_a_table_for_it_and_nobody_disabled_it(
    gate: Gate, first: Path
) -> None:
    gate.install(first)
    assert not (gate.places.root / WANTS / "gatefw-screen.service").exists()
    gate.places.lane.write_text(f"{LANE}\n[screen]\n")
    gate.install(first)
    assert started(gate.places)[-1] == "gatefw-screen"
    (gate.places.root / WANTS / "gatefw-screen.service").unlink()
    assert "gatefw-screen" not in started(gate.places)


def test_a_console_is_brought_and_runs_only_where_the_site_enabled_it(gate: Gate, first: Path) -> None:
    """Its file is the site's. An upgrade stops it with the gate, for it runs the same programs, and starts it again."""
    gate.install(first)
    assert (gate.places.root / UNITS / "gatefw-console.service").is_file()
    assert "gatefw-console.service" in family(gate.places) and "gatefw-console" not in started(gate.places)
    link = gate.places.root / WANTS / "gatefw-console.service"
    link.symlink_to(f"/{UNITS}/gatefw-console.service")
    gate.install(first)
    assert link.is_symlink() and started(gate.places)[-1] == "gatefw-console"


def test_a_unit_that_an_older_version_did_not_bring_is_not_stopped_by_its_upgrade(gate: Gate, first: Path) -> None:
    gate.install(first)
    assert family(gate.places)[-1] == "gatefw-screen.service"
    (gate.places.root / UNITS / "gatefw-screen.service").unlink()
    (gate.places.root / UNITS / "gatefw.service").unlink()
    assert family(gate.places)[-1] == "gatefw-web.service"
    assert "gatefw.service" in family(gate.places), "one that runs without its file is stopped all the same"


def test_an_exporter_that_somebody_disabled_or_masked_is_not_started_by_an_upgrade(gate: Gate, first: Path) -> None:
    gate.install(first)
    assert started(gate.places) == ["gatefw-watcher", "gatefw", "gatefw-web", "gatefw-vision"]
    masked = gate.places.root / "etc/systemd/system/gatefw-web.service"
    masked.symlink_to("/dev/null")
    assert started(gate.places) == ["gatefw-watcher", "gatefw", "gatefw-vision"]
    masked.unlink()
    (gate.places.root / WANTS / "gatefw-web.service").unlink()
    assert started(gate.places) == ["gatefw-watcher", "gatefw", "gatefw-vision"]
