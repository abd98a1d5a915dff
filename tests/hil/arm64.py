"""Tier 4: a Debian userland for arm64 under emulation, for which gatefw is installed from wheels alone, and tested.

debootstrap fetches the userland once. It is unpacked into the cache directory and nothing in it is configured: all that
is wanted is a Python that runs. The wheels are chosen and unpacked here, for there; what has none for arm64 is an
error. Everything runs in a mount namespace of its own, so that nothing stays mounted whatever happens. The search
kernel is compiled here, for there (Debian: gcc-aarch64-linux-gnu); without that compiler numpy searches, as the wheel
allows.
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
PACKAGES = "python3,ca-certificates,libgomp1,tzdata"
WITH = ("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "cwt")
PYTHON = "3.11"  # Debian's
PLATFORMS = ("linux", "manylinux2014", *(f"manylinux_2_{minor}" for minor in range(17, 37)))
"""Whose wheels run there: Debian's C library is 2.36."""
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
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        # A package's /lib is a directory, which must not take the place of the link to /usr/lib.
        unpack = f"dpkg-deb --fsys-tarfile {shlex.quote(str(package))} | tar -x --keep-directory-symlink"
        subprocess.run(["bash", "-o", "pipefail", "-c", unpack], cwd=root, check=True)
    if (root / "proc").is_symlink():  # a link to itself, where debootstrap ran in a container
        (root / "proc").unlink()
        (root / "proc").mkdir()
    for name in ("passwd", "group"):
        shutil.copy(root / "usr/share/base-passwd" / f"{name}.master", root / "etc" / name)
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
        if status := _install(python, [str(wheel), *WITH], work / "site"):
            print(f"wheels alone do not install gatefw on arm64: exit {status}", file=sys.stderr)
            return status
        if status := _as_on_a_gate(root, python, wheel):
            print(f"`gatefw install` makes no arm64 image that works: exit {status}", file=sys.stderr)
            return status
        inside, jobs = f"/{work.name}", str(os.cpu_count())
        tests = shlex.join(["python3", "-m", "pytest", "-n", jobs, "--dist", "loadfile", "--color=no", *arguments])
        found = f"echo {inside}/site > /usr/lib/python3/dist-packages/gatefw.pth"  # for processes that tests start, too
        return _inside(root, f"uname -m; {found}; cd {inside}; {tests}", TESTS_S)


def _as_on_a_gate(root: Path, python: str, wheel: Path) -> int:
    """A stick for this userland, installed into it from here as into an image; what is in it then checks its lane."""
    for name in ("opt/gatefw", "var/lib/gatefw-install", "etc/gatefw"):
        shutil.rmtree(root / name, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="gatefw-stick-") as stick:
        gatefw = [python, "-m", "gatefw"]
        make = [*gatefw, "stick", "make", stick, "--wheel", str(wheel), "--for", f"aarch64-{PYTHON}", "--models"]
        lane = ["--lane", str(ROOT / "config/sim.toml")]
        for command in ([*make, *lane], [*gatefw, "install", "--from", stick, "--root", str(root)]):
            if status := subprocess.run(command, stdout=subprocess.DEVNULL, timeout=INSTALL_S).returncode:
                return status
    program = "/opt/gatefw/current/bin/gatefw"
    state = "STATE_DIRECTORY=/var/lib/gatefw-vision"
    return _inside(root, f"{program} --version; {state} {program} check /etc/gatefw/lane.toml", INSTALL_S)


def _install(python: str, wanted: list[str], into: Path) -> int:
    """Choose the wheels for the userland's Python, fetch and unpack them. Returns pip's exit status."""
    platforms = [word for platform in PLATFORMS for word in ("--platform", f"{platform}_aarch64")]
    target = ["--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON, *platforms]
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(into)]
    return subprocess.run([*pip, *target, *wanted], timeout=INSTALL_S).returncode
