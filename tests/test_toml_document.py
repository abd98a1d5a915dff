"""Every key has the line it stands on, however it is written."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatefw.errors import ConfigError
from gatefw.toml_document import FILE_BYTES, Document, read

TEXT = '''\
# a comment
title = "x"

[lane]
name = "a"   # [not.a.table]
"quoted key" = 1
dotted.inner.key = 2
text = """
[no.table]
name = "no key"
"""
list = [
  1,
  2,
]
inline = { a = 1, b = { c = 2 } }
[lane.way_out]
refusal = 'entry'
[door."entry.door"]
release = 17
[[many]]
x = 1
[[many]]
y = 2
[many.sub]
z = 3
[[many.inner]]
[[many.inner]]
u = 1
[last]
mixed = [{ a = 1 }, { b = { c = 2 } }]'''
LINES = {
    ("title",): 2,
    ("lane",): 4,
    ("lane", "name"): 5,
    ("lane", "quoted key"): 6,
    ("lane", "dotted"): 7,
    ("lane", "dotted", "inner", "key"): 7,
    ("lane", "text"): 8,
    ("lane", "list"): 12,
    ("lane", "inline", "b", "c"): 16,
    ("lane", "way_out"): 17,
    ("lane", "way_out", "refusal"): 18,
    ("door",): 19,
    ("door", "entry.door", "release"): 20,
    ("many",): 21,
    ("many", "1"): 21,
    ("many", "1", "x"): 22,
    ("many", "2"): 23,
    ("many", "2", "y"): 24,
    ("many", "2", "sub", "z"): 26,
    ("many", "2", "inner", "1"): 27,
    ("many", "2", "inner", "2", "u"): 29,
    ("last",): 30,
    ("last", "mixed", "1", "a"): 31,
    ("last", "mixed", "2", "b", "c"): 31,
}


def document(path: Path, text: str | bytes) -> Document:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_key_and_table_has_its_line(tmp_path: Path, end: str) -> None:
    found = document(tmp_path / "f", TEXT.replace("\n", end))
    assert {place: found.lines[place] for place in LINES} == LINES
    assert found.table == tomllib.loads(TEXT.replace("\n", end))


def test_a_key_that_is_not_there_has_the_line_of_the_table_around_it(tmp_path: Path) -> None:
    found = document(tmp_path / "f", TEXT)
    assert found.line(("lane", "way_out", "fault")) == 17
    assert found.line(("nowhere", "x")) is None


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (b"a = 1\nb = \n", 2, "is not TOML"),
        (b"a = 1\na = 2\n", 2, "is not TOML"),
        (b"a = 1\nb = \xff\n", 2, "is not UTF-8"),
        (b"a = " + b"[" * 100_000, None, "nested too deeply"),
        (b"#" * (FILE_BYTES + 1), None, "is longer than"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_its_line(
    tmp_path: Path, text: bytes, line: int | None, says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        document(tmp_path / "f", text)
    assert line is None or caught.value.line == line


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "no", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read(path)


def test_a_pipe_is_refused_and_nobody_waits_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ConfigError, match=r"pipe\.toml: is a pipe or a device; name a plain file"):
        read(tmp_path / "pipe.toml")
    with pytest.raises(ConfigError, match="is a pipe or a device"):
        read(Path("/dev/zero"))


def test_a_statement_of_thousands_of_lines_costs_its_line_and_no_more(tmp_path: Path) -> None:
    found = document(tmp_path / "f", "a = [\n" + "1,\n" * 5000 + "]\nb = 2\n")
    assert len(found.table["a"]) == 5000


@given(st.text(st.sampled_from("[]{}=\"'\n#,.ab1 \\\t"), max_size=80) | st.binary(max_size=40))
def test_anything_is_a_document_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    try:
        found = document(path, text)
    except ConfigError:
        return
    assert set(found.table) <= {place[0] for place in found.lines}


def test_a_line_that_is_not_toml_is_named_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "lane.toml"
    path.write_text("[timers]\nscan_s = 2.0\nscan_s = 3.0\n")
    with pytest.raises(ConfigError, match=r"lane\.toml:3: scan_s: is not TOML: .*is there already, take one away"):
        read(path)
    path.write_text("[timers]\nscan_s = 2.0.0\n")
    with pytest.raises(ConfigError, match=r"lane\.toml:2: scan_s: is not TOML"):
        read(path)
    path.write_text("[timers\n")
    with pytest.raises(ConfigError, match=r"lane\.toml:1: is not TOML"):
        read(path)
