"""What people or other programs are to read is there whole, or as it was: never empty, never half."""

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stick_bench import TARGET, stick

from gatefw import whole_file
from gatefw.installer import places, stick_make

ROOM_BYTES = 20


@contextmanager
def hardly_any_room() -> Iterator[None]:
    """The kernel ends every write beyond a few bytes of a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", [whole_file.write, places.write])
@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_disk_that_fills_up_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path: Path, write: object, before: bytes | None
) -> None:
    path = tmp_path / "chart.svg"
    if before is not None:
        path.write_bytes(before)
    assert callable(write)
    with hardly_any_room(), pytest.raises(OSError) as refused:
        write(path, b"x" * 1000)
    assert refused.value.errno == errno.EFBIG
    assert refused.value.filename == str(path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if before is None else [before])


def test_it_is_replaced_where_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "chart.svg"
    for content in (b"one", b"two"):
        whole_file.write(path, content)
        assert [each.read_bytes() for each in tmp_path.iterdir()] == [content]


def test_a_stick_that_fills_up_has_no_list_and_no_program_that_are_empty(tmp_path: Path) -> None:
    made = stick(tmp_path / "stick", "1.0")
    for name in (made / "install", made / TARGET / "manifest.json"):
        name.unlink()
    with hardly_any_room(), pytest.raises(OSError, match="install"):
        stick_make.finish(made, "1.0", TARGET)
    assert not any(path.stat().st_size == 0 for path in made.rglob("*") if path.is_file())
    assert not (made / TARGET / "manifest.json").exists()


def test_of_a_stick_that_could_not_be_finished_nothing_is_left(tmp_path: Path) -> None:
    """Its wheel is none, which pip finds out: the directory that was made for it goes again."""
    wheel = tmp_path / "gatefw-1.0-py3-none-any.whl"
    wheel.write_bytes(b"no wheel")
    with pytest.raises(Exception, match="pip download"):
        stick_make.make(tmp_path / "stick", wheel, "x86_64-3.11", None, None, lambda _line: None)
    assert not (tmp_path / "stick" / "x86_64-3.11").exists()
