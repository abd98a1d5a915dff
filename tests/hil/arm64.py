"""Tier 4: a Debian userland for arm64 under emulation, in which gatefw is installed from wheels alone and tested.

The userland is made once with debootstrap and kept in the cache directory, with the packages that were installed into
it. Everything runs in a mount namespace of its own, so that nothing stays mounted whatever happens. The search kernel
is compiled here, for there (Debian: gcc-aarch64-linux-gnu); without that compiler numpy searches, as the wheel allows.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MIRROR = "http://deb.debian.org/debian"
MAKE_S, INSTALL_S, TESTS_S = 1800.0, 900.0, 900.0
PACKAGES = "python3,python3-venv,ca-certificates,libgomp1"
WITH = ("pytest", "pytest-timeout", "hypothesis", "cwt")
CROSS = {
    "CC": "aarch64-linux-gnu-gcc",
    "LDSHARED": "aarch64-linux-gnu-gcc -shared",
    "_PYTHON_HOST_PLATFORM": "linux-aarch64",
}
"""With these pip builds a wheel for arm64."""
BINFMT = Path("/proc/sys/fs/binfmt_misc")
RULE = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


class NotHere(Exception):
    """This machine cannot run the tier; the text says what it lacks."""


def _emulator() -> None:
    """See that the kernel runs arm64 programs."""
    if os.geteuid() != 0:
        raise NotHere("it needs root, for chroot and mounts")
    missing = [package for program, package in _PROGRAMS.items() if not shutil.which(program)]
    if missing:
        raise NotHere(f"packages are missing: {' '.join(missing)}")
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT)], check=False)
    if not (BINFMT / "qemu-aarch64").exists():
        try:
            (BINFMT / "register").write_bytes(RULE.read_bytes().strip())
        except OSError as problem:
            raise NotHere(f"the kernel takes no emulator: {problem}") from problem


_PROGRAMS = {"debootstrap": "debootstrap", "qemu-aarch64-static": "qemu-user-static", "unshare": "util-linux"}


def _inside(root: Path, script: str, limit_s: float) -> int:
    """Run a shell script in the userland; the caller's environment stays outside."""
    mounts = (
        f"mount -t proc proc {root}/proc; mount --rbind /dev {root}/dev; mount -t tmpfs tmpfs {root}/tmp; "
        f"mount -t tmpfs tmpfs {root}/run"
    )
    env = (
        "PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DEFAULT_TIMEOUT=180"
    )
    inner = f"{mounts}; exec chroot {root} /usr/bin/env -i {env} /bin/sh -ec {shlex.quote(script)}"
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "timeout",
        "-k",
        "10",
        str(int(limit_s)),
        "sh",
        "-ec",
        inner,
    ]
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


def userland(cache: Path) -> Path:
    """The directory of the userland, made once."""
    _emulator()
    root = cache / "arm64"
    if (root / "complete").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    log = cache / "arm64.log"
    print("making an arm64 userland; this takes some minutes, once", flush=True)
    with log.open("w") as said:
        first = ["debootstrap", "--arch=arm64", "--foreign", "--variant=minbase", f"--include={PACKAGES}"]
        done = subprocess.run(
            ["timeout", str(int(MAKE_S)), *first, "bookworm", str(root), MIRROR], stdout=said, stderr=said
        )
    if done.returncode:
        raise NotHere(f"debootstrap: exit {done.returncode}; {log.read_text(errors='replace')[-300:]}")
    if status := _inside(root, "/debootstrap/debootstrap --second-stage > /second-stage.log 2>&1", MAKE_S):
        raise NotHere(f"debootstrap's second stage: exit {status}; see {root}/second-stage.log")
    (root / "complete").touch()
    return root


def run(cache: Path, python: str, arguments: list[str]) -> int:
    """Install the wheel there, run pytest with `arguments`, return its status. Raises NotHere before the first test."""
    cache.mkdir(parents=True, exist_ok=True)
    root = userland(cache)
    for name in ("resolv.conf", "hosts", "ssl/certs/ca-certificates.crt"):
        shutil.copy(Path("/etc") / name, root / "etc" / name)
    with tempfile.TemporaryDirectory(dir=root, prefix="t-") as name:
        work = Path(name)
        built = subprocess.run(
            [python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(work), str(ROOT)],
            env={**os.environ, **CROSS},
            capture_output=True,
            text=True,
        )
        if built.returncode:
            print(built.stderr, file=sys.stderr)
            return built.returncode
        [wheel] = work.glob("gatefw-*.whl")
        for folder in ("tests", "config", "docs", "systemd"):
            shutil.copytree(ROOT / folder, work / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / file, work)
        inside = f"/{work.name}"
        install = (
            f"test -x /v/bin/pip || python3 -m venv /v; /v/bin/pip install -q --disable-pip-version-check "
            f"--only-binary=:all: --upgrade --upgrade-strategy only-if-needed {inside}/{wheel.name} {' '.join(WITH)}; "
            f"/v/bin/pip install -q --disable-pip-version-check --no-deps --force-reinstall {inside}/{wheel.name}"
        )
        if status := _inside(root, install, INSTALL_S):
            print(f"wheels alone do not install gatefw on arm64: exit {status}", file=sys.stderr)
            return status
        tests = shlex.join(["/v/bin/python", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *arguments])
        return _inside(root, f"uname -m; cd {inside}; {tests}", TESTS_S)
