"""What leaves a site in a bundle: what helps, in a form that is known, and nothing that anybody wrote or is."""

import io
import json
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept_journal import Kept
from planted import leaks
from taped import recorded_day

from gatefw import cli
from gatefw.bundle import Bundle, Member, Source, collect, redact
from gatefw.bundle.rows import journal_slice
from gatefw.bundle.sources import allowed
from gatefw.bundle.tapes import tape_line
from gatefw.config import Paths
from gatefw.device_trace import SCRUBBED_HEAD
from gatefw.doctor.seen import Machine, Seen
from gatefw.model import Fact, FactKind, Reason
from gatefw.simulate import lanes

NAME, NUMBER, PHONE = "Zebedee Quillfeather", "XQ9988776", "+852 9123 4567"
SECRET = bytes(range(100, 132))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LANE = f"""
# in the evening call {NAME}, {PHONE}
[lane]
name = "lane-1"  # {NAME}'s
procedure = "{NAME}"
note = "document {NUMBER} is his, name and all"
[reader.front]
driver = "serial"
link = "tcp://{NUMBER}:{SECRET.hex()}@10.0.0.7:4001"
secret = "{SECRET.hex()}"
baud = 9600
"""


def opened(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {each.name.partition("/")[2]: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]


def machine(root: Path) -> Machine:
    """A board on which somebody has written names into whatever can be written into."""
    for name, text in {
        "proc/cmdline": f"console=ttyAMA0,115200 quiet root=UUID={NUMBER} owner={NAME.replace(' ', '_')}",
        "boot/firmware/config.txt": f"# {NAME}\ndtoverlay=uart2\nowner={NAME}\nenable_uart=1\n",
        "etc/os-release": f'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="{NAME}"\n',
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0",
        "proc/meminfo": "MemTotal:  4000000 kB\nMemAvailable: 2000000 kB\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Machine(root=root, run=lambda *words: f"Id={words[2]}\nActiveState=failed\nStatusText={NAME}\nNRestarts=5\n")


def seen(tmp_path: Path, **more: Any) -> Seen:
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    (tmp_path / "lane.toml").write_text(LANE)
    paths = Paths(state, tmp_path / "run")
    return Seen(paths, state, tmp_path / "lane.toml", machine=machine(tmp_path / "root"), **more)


# ---------------------------------------------------------------- one archive


def test_the_same_members_make_the_same_bytes_and_the_manifest_says_what_they_are() -> None:
    bundle = Bundle((Member("a.json", "because", b"{}"),), (("b.json", "could not be had: OSError"),))
    archive = bundle.archive("2026-12-01T00:00:00+00:00")
    assert archive == bundle.archive("2026-12-01T00:00:00+00:00")
    members = opened(archive)
    told = json.loads(members["manifest.json"])
    assert list(members) == ["manifest.json", "a.json"]
    assert told["members"] == [{"name": "a.json", "bytes": 2, "sha256": sha256(b"{}").hexdigest(), "why": "because"}]
    assert told["left_out"] == [{"name": "b.json", "why": "could not be had: OSError"}]


def test_what_breaks_is_left_out_by_the_class_of_its_error_alone_and_what_does_not_fit_by_its_size() -> None:
    def breaks() -> dict[str, bytes]:
        raise ValueError(f"cannot read the picture of {NAME}")

    sources = (
        Source("broken", "", breaks),
        Source("large", "", lambda: {"large": bytes(100)}),
        Source("small", "", lambda: {"small": b"s"}),
    )
    bundle = collect(sources, most_bytes=50)
    assert [each.name for each in bundle.members] == ["small"]
    assert bundle.left_out == (
        ("broken", "could not be had: ValueError"),
        ("large", "does not fit: 100 bytes, of 50 that are left"),
    )


# ---------------------------------------------------------------- what a text may say


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("reader.front: nobody is there", "reader.front: nobody is there"),
        (f"lane.name: '{NAME}' is no name", "lane.name: '...' is no name"),
        ("lane.name: 'hetao' is no name", "lane.name: 'hetao' is no name"),
        (f"beside it lies {NAME}.sqlite, and nothing else", "beside it lies ... ..., and nothing else"),
        (f"document {NUMBER}", "document ..."),
        (f"call {PHONE}", "call +### #### ####"),
        ("tcp://who:what@10.0.0.7:4001 is away", "tcp://...@10.0.0.7:4001 is away"),
        ("/home/zebedee/lane.toml is open to others", "/home/.../lane.toml is open to others"),
        ("the GPIO chip (pinctrl-rp1) is held", "the GPIO chip (pinctrl-rp1) is held"),
        ("a3" * 8, "a3" * 8),
        ("0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_a_sentence_leaves_without_what_was_quoted_and_without_long_numbers(text: str, left: str) -> None:
    assert redact.plain(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("gpio", "gpio"),
        ("Asia/Hong_Kong", "Asia/Hong_Kong"),
        ("park-a park-b", "park-a park-b"),
        (NAME, "<text of 20 characters>"),
        ("Zebedee", "<text of 7 characters>"),
        ("HKG", "HKG"),
        (NUMBER, "XQ#######"),
        (
            "serial:/dev/serial/by-id/usb-FTDI_A1000123-if00?baud=9600",
            "serial:/dev/serial/by-id/usb-FTDI_A1000123-if00?baud=9600",
        ),
    ],
)
def test_a_value_leaves_if_it_is_a_code(text: str, left: str) -> None:
    assert redact.value(text) == left


@given(st.text(alphabet=st.characters(categories=("Lo", "Lu", "Zs", "Po")), min_size=3))
def test_what_somebody_wrote_in_any_script_is_no_code(text: str) -> None:
    told = redact.value(f"{text} 陳大文")
    assert told.startswith("<text of ")


def test_a_lane_file_is_told_by_its_keys_and_codes_without_comments_and_secrets(tmp_path: Path) -> None:
    file = tmp_path / "lane.toml"
    file.write_text(LANE)
    told = redact.lane_file(file)
    assert told["tables"] == {
        "lane": {"name": "lane-1", "procedure": "<text of 20 characters>", "note": "<text of 39 characters>"},
        "reader": {
            "front": {
                "driver": "serial",
                "link": "tcp://...@10.0.0.7:4001",
                "secret": "<not told>",
                "baud": 9600,
            }
        },
    }
    file.write_text(f"[lane\nname = {NAME}")
    assert redact.lane_file(file)["problem"] == "is no TOML: line 1"
    file.write_bytes(NAME.encode("utf-16"))
    assert redact.lane_file(file)["problem"] == "is no TOML: not even text"


# ---------------------------------------------------------------- the journal


def test_a_row_that_was_altered_is_left_out_and_the_others_are_as_they_were_published(tmp_path: Path) -> None:
    lost = Fact(FactKind.DEVICE_LOST, None, (("device", "reader.front"), ("reason", Reason.DEVICE_LOST)))
    worked = (("by", "uid-1000"), ("name", "zq"), ("phase", "out_of_service"))
    with Kept(tmp_path / "j") as kept:
        kept.write(lost, lost, Fact(FactKind.MAINTENANCE_ENDED, None, worked))
    with closing(sqlite3.connect(tmp_path / "j")) as database, database:
        query = "update event set body = replace(cast(body as text), 'reader.front', ?) where n = 2"
        database.execute(query, (NAME,))
    rows = [json.loads(line) for line in journal_slice(tmp_path / "j", LONG_AGO).splitlines()]
    assert rows[0]["data"] == {"device": "reader.front", "reason": "device_lost"}
    assert rows[1] == {"sequence": 2, "left_out": "not as this version writes it"}
    assert rows[2]["data"] == {"by": "uid-1000", "name": "...", "phase": "out_of_service"}
    assert journal_slice(tmp_path / "j", datetime(2030, 1, 1, tzinfo=UTC)) == b""


# ---------------------------------------------------------------- recordings


def test_every_line_that_a_recorder_writes_may_leave_and_none_with_anything_else() -> None:
    """A day is recorded; then somebody puts a payload, a reader's name or a kind of their own into a line of it."""
    lines = recorded_day(lanes.load("document-free"), 2, 1, segment_bytes=4000).lines
    lines += recorded_day(lanes.load("smart-departure"), 3, 1).lines
    assert [line for line in lines if not tape_line(line)] == []
    token = next(line for line in lines if b"TokenRead" in line)
    assert b"personal-".hex().encode() in token
    for old, new in (
        (b"personal-".hex().encode(), b"zebedee -".hex().encode()),
        (b'"reader.mrz"', b'"Zebedee Quillfeather"'),
        (b'"TokenRead"', b'"TokensRead"'),
        (b'"t":', b'"note":"x","t":'),
    ):
        assert old in token
        assert not tape_line(token.replace(old, new))
    assert not tape_line(b"Zebedee\n")
    assert not tape_line(token[:-1])


def test_who_worked_at_the_gate_is_nobodys_business_outside_of_the_site(tmp_path: Path) -> None:
    """Somebody commissions the gate, and is in maintenance still when the bundle is made; initials look like a word."""
    stay = {"left_s": 200.0, "name": "zqx", "why": "commissioning", "by": "uid-0"}
    about = seen(tmp_path, status={"phase": "maintenance", "maintenance": stay}, ask=lambda _verb: {"devices": {}})
    by, name, seconds = ("by", "uid-0"), ("name", "zqx"), ("seconds", 300.0)
    report = ("report", "ab" * 32), ("passed", True), ("complete", False)
    with Kept(about.paths.state / "journal.sqlite") as kept:
        kept.write(
            Fact(FactKind.MAINTENANCE_STARTED, None, (by, name, ("why", "commissioning"), seconds)),
            Fact(FactKind.COMMISSIONED, None, (by, name, *report)),
            Fact(FactKind.MAINTENANCE_ENDED, None, (by, name, ("phase", "out_of_service"))),
        )
    told = {each.name: each.content for each in collect(allowed(about, LONG_AGO)).members}
    assert told["journal.jsonl"].count(b"commission") == 2
    assert b'"commissioning"' in told["status.json"]
    assert [name for name, content in told.items() if b"zqx" in content] == []


# ---------------------------------------------------------------- all of it


FACE = bytes(range(256)) * 40
PLANTED = {
    "name": NAME.encode(),
    "number": NUMBER.encode(),
    "phone": PHONE.encode(),
    "secret": SECRET,
    "face": FACE,
    "first name": NAME.split()[0].encode(),
    "underlined": NAME.replace(" ", "_").encode(),
}


@pytest.fixture
def of_a_careless_site(tmp_path: Path) -> Bundle:
    """Where people wrote names wherever they could: into the lane file, file names, the boot config, a journal; and a
    daemon that quotes them. Faces and keys lie beside. A technician gives two traces along, one of them raw."""
    about = seen(
        tmp_path,
        status={"phase": "idle", "hint": f"say '{NAME}'", "config": {"file": f"/etc/{NUMBER}.toml"}},
        ask=lambda _verb: {"devices": {"reader.front": {"why": f"said {NUMBER}, '{NAME}'"}}},
    )
    state = about.paths.state
    (state / "keys").mkdir()
    (state / "keys" / "journal.key").write_bytes(SECRET)
    (state / f"{NAME}.sqlite").write_bytes(b"")
    (state / f"{NUMBER.lower()}.json").write_bytes(b"")
    (state / "gallery.sqlite").write_bytes(FACE)
    with Kept(state / "journal.sqlite") as kept:
        kept.write(Fact(FactKind.SERVICE_STOPPED), Fact(FactKind.SERVICE_STOPPED))
    with closing(sqlite3.connect(state / "journal.sqlite")) as database, database:
        database.execute("update event set body = ? where n = 1", (f'{{"x": "{NAME}"}}'.encode(),))
    traces = [tmp_path / "scrubbed.txt", tmp_path / "raw.txt"]
    traces[0].write_text(f"{SCRUBBED_HEAD}\n# {NAME}\n0.100000 < 7878\n0.2 {NAME}\n")
    traces[1].write_text(f"# serial:x\n0.100000 < {NAME.encode().hex()}\n")
    return collect(allowed(about, LONG_AGO, traces))


def test_names_numbers_secrets_and_faces_that_were_planted_everywhere_are_in_no_member(
    of_a_careless_site: Bundle, tmp_path: Path
) -> None:
    archive = of_a_careless_site.archive("2026-12-01T00:00:00+00:00")
    place = tmp_path / "opened"
    for name, content in opened(archive).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    (place / "as-it-is.tar").write_bytes(archive)
    assert leaks(place, PLANTED, {}) == []
    assert leaks(place, {"number": NUMBER.lower().encode()}, {}) == []

    (place / "status.json").write_text(f"a mistake of ours: {SECRET.hex()}")
    assert leaks(place, PLANTED, {}) == ["secret in status.json, hex"], "were there one, it would have been found"


def test_what_hides_everything_that_was_planted_still_tells_of_the_machine(of_a_careless_site: Bundle) -> None:
    names = {each.name for each in of_a_careless_site.members}
    assert names == {
        "versions.json", "doctor.json", "config.json", "status.json", "units.json", "machine.json", "files.json",
        "passages.json", "traces/scrubbed.txt", "journal.jsonl",
    }  # fmt: skip
    assert [name for name, _ in of_a_careless_site.left_out] == ["metrics.txt", "traces/raw.txt"]
    told = {each.name: each.content.decode() for each in of_a_careless_site.members}
    assert told["traces/scrubbed.txt"] == f"{SCRUBBED_HEAD}\n0.100000 < 7878\n"
    assert json.loads(told["machine.json"])["boot_config"] == ["dtoverlay=uart2", "enable_uart=1"]
    assert json.loads(told["units.json"])["gatefw.service"]["NRestarts"] == "5"
    listed = json.loads(told["files.json"])
    assert {"gallery.sqlite", "keys/journal.key", "journal.sqlite"} <= {each["name"] for each in listed["files"]}
    assert listed["others"] == 2


# ---------------------------------------------------------------- the command


def test_a_bundle_is_written_with_the_daemon_dead_and_the_lane_file_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEFW_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GATEFW_RUN", str(tmp_path / "run"))
    out = tmp_path / "case.tar.gz"
    for broken in (LANE.encode(), b"[lane\n", b"\xff\xfe", b""):
        (tmp_path / "lane.toml").write_bytes(broken)
        asked = ["bundle", str(tmp_path / "lane.toml"), "-o", str(out)]
        assert cli.main([*asked, "--list"]) == 0
        assert not out.exists()
        assert capsys.readouterr().out.endswith("nothing was written\n")
        assert cli.main([*asked, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        members = opened(out.read_bytes())
        assert {"doctor.json", "config.json", "manifest.json"} <= members.keys()
        assert [each["sha256"] for each in told["members"]] == [
            sha256(members[e["name"]]).hexdigest() for e in told["members"]
        ]
        assert out.stat().st_mode & 0o777 == 0o600
        assert cli.main(asked) == 2
        assert "a new file is wanted: File exists" in capsys.readouterr().err
        out.unlink()
    assert cli.main(["bundle", "--since", "yesterday", "-o", str(out)]) == 2
    assert "a span is wanted, as 90m, 24h or 3d" in capsys.readouterr().err
