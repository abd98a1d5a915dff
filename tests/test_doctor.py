"""gatefw doctor, explain: the order in which findings are told, their pages, and the commands around them."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patients import first, lane, machine, patient, plant, status

from gatefw import config
from gatefw.cli import main
from gatefw.control import Answer, Done, Order
from gatefw.control_server import ControlServer
from gatefw.doctor import examine, gather, pages
from gatefw.doctor.areas import lane as lane_area
from gatefw.doctor.finding import Finding, Severity, Unseen
from gatefw.doctor.ranking import ranked
from gatefw.doctor.seen import Machine, Seen, Silence, machine_at
from gatefw.events import MAINTAINED_FOR

AREAS = Path(examine.__file__).parent / "areas"


def finding(code: str, severity: Severity = Severity.ERROR, *explains: str, where: str = "here") -> Finding:
    return Finding(code, severity, where, "it is so", "do this", explains=explains)


def told(findings: list[Finding]) -> list[tuple[str, list[str]]]:
    return [(group.cause.code, [each.code for each in group.follows]) for group in ranked(findings)]


# ---------------------------------------------------------------- the order


def test_a_cause_stands_before_what_follows_from_it_however_bad_that_is() -> None:
    swapped = finding("G0501", Severity.WARNING, "G0030 reader.front")
    lost, other = finding("G0030", where="reader.front"), finding("G0030", where="camera.inside")
    assert told([lost, swapped, other]) == [("G0501", ["G0030"]), ("G0030", [])]


def test_of_causes_as_bad_the_one_that_explains_more_of_what_there_is_comes_first() -> None:
    many = finding("G0009", Severity.ERROR, "G0031", "G0032")
    one = finding("G0001", Severity.ERROR, "G0031", "G0033", "G0034")
    assert told([finding("G0032"), one, finding("G0031"), many]) == [("G0009", ["G0031", "G0032"]), ("G0001", [])]


def test_what_follows_from_what_follows_stands_there_too() -> None:
    chain = [finding("G0031"), finding("G0020", Severity.ERROR, "G0031"), finding("G0103", Severity.ERROR, "G0020")]
    assert told(chain) == [("G0103", ["G0020", "G0031"])]


def test_the_worst_comes_first_and_of_two_as_bad_the_surer() -> None:
    likely = Finding("G0002", Severity.ERROR, "x", "perhaps", "look", confidence=0.6)
    assert told([finding("G0009", Severity.NOTE), likely, finding("G0003")]) == [
        ("G0003", []),
        ("G0002", []),
        ("G0009", []),
    ]


CODES = st.sampled_from([f"G000{number}" for number in range(1, 7)])
FINDINGS = st.builds(
    lambda code, severity, explains, where: finding(code, severity, *explains, where=where),
    CODES,
    st.sampled_from(Severity),
    st.lists(CODES, max_size=3),
    st.sampled_from(["here", "there"]),
)


@given(st.lists(FINDINGS, max_size=8))
def test_each_finding_is_told_once_whatever_explains_what(findings: list[Finding]) -> None:
    groups = ranked(findings)
    shown = [each for group in groups for each in (group.cause, *group.follows)]
    assert sorted(map(id, shown)) == sorted(map(id, findings))
    severities = [group.severity.value for group in groups]
    assert severities == sorted(severities, reverse=True)


# ---------------------------------------------------------------- checks that cannot be made


def breaks(_seen: Seen) -> Iterator[Finding]:
    """whether it breaks"""
    yield finding("G0103")
    raise KeyError("surprise")


def forbidden(_seen: Seen) -> Iterator[Finding]:
    """whether a file can be read"""
    raise PermissionError(13, "Permission denied", "/etc/secret")
    yield


def unseen(_seen: Seen) -> Iterator[Finding]:
    """whether there is a tool"""
    raise Unseen("there is none; install it")
    yield


def test_a_check_that_breaks_is_a_finding_and_what_it_found_before_stays(tmp_path: Path) -> None:
    before, broken = examine.run(breaks, "area", patient(tmp_path))
    assert (before.code, broken.code, broken.where) == ("G0103", "G0001", "area.breaks")
    assert "KeyError: 'surprise'" in broken.cause


def test_what_may_not_be_looked_at_is_said_with_what_would_help(tmp_path: Path) -> None:
    [denied] = examine.run(forbidden, "area", patient(tmp_path))
    [lacking] = examine.run(unseen, "area", patient(tmp_path))
    assert denied.code == lacking.code == "G0002"
    assert (denied.cause, denied.remedy) == (
        "not looked at: whether a file can be read",
        "/etc/secret: Permission denied; run it with sudo",
    )
    assert lacking.remedy == "there is none; install it"


# ---------------------------------------------------------------- the pages


def codes_in_use() -> set[str]:
    texts = [path.read_text() for path in (*AREAS.glob("*.py"), AREAS.parent / "examine.py")]
    return {code for text in texts for code in re.findall(r'"(G\d{4})[" ]', text)}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert codes_in_use() == set(pages.titles())


def test_a_page_says_what_it_means_what_happens_meanwhile_how_to_find_and_how_to_mend_it() -> None:
    asked = ["What it means.", "What the gate does meanwhile.", "How to find it.", "How to mend it."]
    for code in pages.titles():
        assert re.findall(r"(?m)^\*\*(.+?)\*\*", pages.page(code))[:4] == asked, code


def test_the_index_lists_every_page() -> None:
    listed = (Path(__file__).parents[1] / "docs" / "findings.md").read_text()
    assert listed == pages.index(), "python -m gatefw.doctor.pages > docs/findings.md"


def test_a_reason_that_somebody_is_told_to_type_is_one_that_there_is() -> None:
    sources = (*AREAS.glob("*.py"), *(AREAS.parent.parent / "data" / "findings").glob("G*.md"))
    typed = [each for file in sources for each in re.findall(r"--why (\w+)", file.read_text())]
    assert typed
    assert set(typed) <= set(MAINTAINED_FOR.words)


def test_every_area_says_what_each_of_its_checks_is_about() -> None:
    assert examine.names()
    for area in examine.names():
        for check in examine.checks(area):
            assert check.__doc__ and "\n" not in check.__doc__, (area, check)


# ---------------------------------------------------------------- the lane and its daemon


def test_a_socket_that_a_dead_daemon_left_can_be_removed(tmp_path: Path) -> None:
    seen = patient(tmp_path, silence=Silence.STALE)
    seen.paths.run.mkdir()
    [dead] = lane_area.daemon(seen)
    assert (dead.code, dead.fix is not None) == ("G0023", True)
    with closing(socket.socket(socket.AF_UNIX)) as started:
        started.bind(str(seen.paths.control))
        started.listen()
        assert dead.fix and "somebody listens there now" in dead.fix.apply()
    assert dead.fix.apply() == f"{seen.paths.control} is gone"
    assert not seen.paths.control.exists()


def test_a_daemon_whose_control_socket_was_removed_runs_and_holds_its_own_bus(tmp_path: Path) -> None:
    """A job that tidies up emptied the runtime directory: that the daemon is dead would be said of one that serves,
    and that somebody else has its bus.
    """
    seen = patient(tmp_path, lane(tmp_path), silence=Silence.ABSENT)
    assert first(seen, "lane").code == "G0020"
    row = f"0000000000000000: 00000002 00000000 00010000 0001 01 4711 {seen.paths.control}"
    plant(tmp_path / "root", {"/proc/net/unix": f"Num RefCount Protocol Flags Type St Inode Path\n{row}\n"})
    events = Path(str(seen.lane.bus.events).removeprefix("ipc://")) if seen.lane else tmp_path
    with closing(socket.socket(socket.AF_UNIX)) as listens:
        listens.bind(str(events))
        listens.listen()
        assert first(seen, "lane").code == "G0025"
        assert "G0281" in {each.code for each in ranked(examine.examine(seen, ["lane", "bus"]))[0].follows}


def test_a_lane_file_that_is_not_the_daemon_s_says_nothing_of_the_daemon_s_next_start(tmp_path: Path) -> None:
    """A technician mistypes the name; told that the gate does not start again, they would restart nothing, or all."""
    running = {"file": str(tmp_path / "lane.toml"), "sha256": "0" * 64}
    wrong = config.Finding("laen.toml", None, "", "cannot be read: No such file or directory")
    seen = patient(tmp_path, status=status(config=running), file=tmp_path / "laen.toml", problems=(wrong,))
    [finding] = lane_area.file(seen)
    assert finding.cause == f"{wrong.problem} (the daemon runs by another file, {running['file']})"
    assert finding.remedy.startswith("name a lane file that is there")


def test_a_lane_file_that_was_changed_since_the_daemon_read_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "lane.toml"
    file.write_text("[lane]\n")
    running = {"file": str(file), "sha256": "0" * 64}
    seen = patient(tmp_path, file=file, status=status(config=running))
    [drift] = lane_area.drift(seen)
    assert drift.code == "G0012"
    seen = patient(tmp_path, file=file, status=status(reloaded={"applied": [], "refused": ["lane.name"]}))
    [drift] = lane_area.drift(seen)
    assert drift.cause == "changes of the lane file wait for a restart: lane.name"


def test_a_device_that_is_lost_is_the_reason_why_nobody_can_pass(tmp_path: Path) -> None:
    lost = {"device": "reader.front", "state": "lost", "reasons": ["device_lost"], "for_s": 12.3, "detail": ""}
    answers = {"devices": {"devices": [lost]}}
    seen = patient(tmp_path, status=status(phase="degraded"), ask=lambda verb: answers[verb])
    found = [*lane_area.phase(seen), *lane_area.devices(seen)]
    assert told(found) == [("G0030", ["G0031"])]
    assert found[1].cause == "is lost, since 12 s (device lost)"


def test_a_daemon_in_safe_mode_is_named_and_its_broken_file_before_it(tmp_path: Path) -> None:
    problem = "lane.toml:3: lane.procedur: unknown key; did you mean procedure?"
    safe = status(phase="out_of_service", reason="config_broken", findings=[problem], file="lane.toml")
    seen = patient(tmp_path, status=safe, file=tmp_path / "lane.toml")
    assert told([*lane_area.phase(seen)]) == [("G0016", ["G0031"])]
    broken = config.Finding("lane.toml", 3, "lane.procedur", "unknown key; did you mean procedure?")
    seen = patient(tmp_path, status=safe, file=tmp_path / "lane.toml", problems=(broken,))
    assert told([*lane_area.phase(seen), *lane_area.file(seen)]) == [("G0010", ["G0016", "G0031"])]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"latched": "door_forced", "phase": "fault"}, "G0033"),
        ({"phase": "out_of_service"}, "G0031"),
        ({"health": {"devices": {}, "threads": {"journal": {"turns": 3, "stalled": True}}}}, "G0034"),
    ],
)
def test_what_keeps_a_lane_from_serving_is_named(facts: dict[str, object], code: str, tmp_path: Path) -> None:
    groups = ranked(lane_area.phase(patient(tmp_path, status=status(**facts))))
    assert groups[0].cause.code == code


def test_a_daemon_that_is_started_again_and_again_is_named(tmp_path: Path) -> None:
    told = "NRestarts=41\nActiveState=activating\nSubState=auto-restart\nExecMainStatus=1\nResult=exit-code\n"
    board = machine(tmp_path / "root", {"systemctl": told})
    first, *_ = lane_area.restarts(patient(tmp_path, machine=board, silence=Silence.ABSENT))
    assert (first.code, first.where) == ("G0021", "gatefw")
    assert "started again 41 times" in first.cause


# ---------------------------------------------------------------- where the gate is


def test_the_gate_that_systemd_starts_is_found_without_being_named(tmp_path: Path) -> None:
    for place in ("run/gatefw", "var/lib/gatefw"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "etc" / "gatefw").mkdir(parents=True)
    (tmp_path / "etc" / "gatefw" / "lane.toml").write_text("nonsense")
    seen = gather.gather(None, None, machine(tmp_path), {"HOME": "/nobody"})
    assert (seen.paths.state, seen.paths.run) == (tmp_path / "var/lib/gatefw", tmp_path / "run/gatefw")
    assert (seen.file, seen.lane, seen.silence) == (tmp_path / "etc/gatefw/lane.toml", None, Silence.ABSENT)
    assert [each.code for each in lane_area.file(seen)] == ["G0010"]


def test_a_card_out_of_a_dead_board_is_looked_at_without_asking_this_machine(tmp_path: Path) -> None:
    """Nobody expects a daemon to answer from it, and what systemd says here is not about it."""
    (tmp_path / "var/lib/gatefw").mkdir(parents=True, mode=0o700)
    card = machine_at(tmp_path)
    assert card.run("true") is None
    seen = gather.gather(None, None, card, {"HOME": "/nobody", "GATEFW_RUN": "/run/here"})
    assert seen.paths.state == tmp_path / "var/lib/gatefw"
    assert list(lane_area.daemon(seen)) == []
    assert machine_at(Path("/")).run("true") == ""


# ---------------------------------------------------------------- the commands


def ran(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "gatefw", *words], capture_output=True, text=True, timeout=120)


def test_explain_prints_a_page_and_offers_what_is_near_where_there_is_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "g200"]) == 0
    assert capsys.readouterr().out == pages.page("G0200")
    assert main(["explain", "G0200", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "A key is open to others"
    assert main(["explain"]) == 0
    assert "G0200  A key is open to others\n" in capsys.readouterr().out
    assert main(["explain", "G02"]) == 0
    listed = capsys.readouterr().out
    assert "G0200  A key is open to others\n" in listed
    assert "G01" not in listed
    assert main(["explain", "G0299"]) == 2
    assert "near are G0" in capsys.readouterr().err
    assert main(["explain", "persistence"]) == 2
    assert "G0141 (Pin persistence is on)" in capsys.readouterr().err


def test_the_first_line_names_the_cause_and_the_exit_status_how_bad_it_is(tmp_path: Path) -> None:
    broken = tmp_path / "lane.toml"
    broken.write_text('[lane]\nname = "here"\nprocedur = "contactless"\n')
    done = ran("doctor", str(broken), "--dir", str(tmp_path), "--only", "lane")
    line = done.stdout.splitlines()[0]
    assert (done.returncode, line.startswith(f"G0010 error {broken}")) == (3, True), done
    assert "did you mean" in done.stdout
    told = json.loads(ran("doctor", str(broken), "--dir", str(tmp_path), "--json", "--only", "lane").stdout)
    assert (told["state"], told["daemon"], told["findings"][0]["code"]) == ("broken", "absent", "G0010")
    assert ran("doctor", "--only", "weather").returncode == 2


def test_a_card_that_is_not_mounted_is_no_gate_that_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--root", "/nowhere/mounted"]) == 2
    assert "/nowhere/mounted: no directory; mount the card" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_daemon_that_was_taken_over_sends_root_into_no_directory_that_is_not_its_own(tmp_path: Path) -> None:
    """It says that its state is in /etc, and waits for root to mend what others may read there."""
    etc, state, run = tmp_path / "etc", tmp_path / "state", tmp_path / "run"
    for each in (etc, state, run):
        each.mkdir()

    def take(_order: Order, reply: Callable[[Answer], None]) -> None:
        reply(Done({"config": {"state": str(etc)}}))

    env = {"HOME": "/nobody", "GATEFW_STATE": str(state), "GATEFW_RUN": str(run)}
    with closing(ControlServer(run / "control.sock", take)):
        os.chown(run / "control.sock", 1234, 1234)
        assert gather.gather(None, None, Machine(), env).paths.state == state
        os.chown(etc, 1234, 1234)
        assert gather.gather(None, None, Machine(), env).paths.state == etc


RIGHTLESS = """\
import importlib, os, pkgutil, sys
import gatefw.doctor.areas as areas
from gatefw.cli import main
from gatefw.cli import doctor
from gatefw.doctor import examine, gather, ranking, report
for each in pkgutil.iter_modules(areas.__path__):
    importlib.import_module(f"{areas.__name__}.{each.name}")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main(["doctor", "--root", sys.argv[1]]))
"""


def test_whoever_may_not_look_is_told_first_to_come_back_with_the_rights() -> None:
    """A technician forgets `sudo`: what is found without the lane file and the keys is not what is the matter."""
    with tempfile.TemporaryDirectory(prefix="gate-", dir="/tmp") as name:
        root = Path(name)
        root.chmod(0o755)
        for place in ("etc/gatefw", "var/lib/gatefw", "run/gatefw"):
            (root / place).mkdir(parents=True)
        (root / "etc/gatefw/lane.toml").write_text("[lane]\n")
        (root / "etc/gatefw/lane.toml").chmod(0)
        (root / "var/lib/gatefw").chmod(0)
        done = subprocess.run([sys.executable, "-c", RIGHTLESS, name], capture_output=True, text=True)
        (root / "var/lib/gatefw").chmod(0o700)
    first, second, *_ = done.stdout.splitlines()
    assert "could not be made with the rights of this user" in first, done
    assert second.strip() == "mend: run it again with sudo"
    assert ", as far as this user may look:" in done.stdout.splitlines()[-1]
