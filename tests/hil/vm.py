"""Tier 3: a virtual machine on Debian's stock kernel, whose pins, USB serial line and camera are the kernel's own.

gpio-sim is not part of Debian's kernel: it is built, with the simulated interrupts it needs, as one module from
Debian's own kernel source. Everything made is kept in the cache directory, by kernel version.
"""

import gzip
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UP_S, TESTS_S = 240.0, 900.0
MEMORY_MB = 1536
MODULES = (
    "vivid", "dummy_hcd", "u_serial", "usb_f_acm", "usb_f_serial", "usb_f_obex", "g_serial", "cdc-acm", "configfs",
    "netfs", "fscache", "9p", "9pnet_virtio", "virtio_pci",
)  # fmt: skip
"""g_serial wants u_serial and the usb_f_* before it, which modprobe does not know."""
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
    "gcc": "gcc",
    "make": "make",
    "dpkg-deb": "dpkg",
}
SOURCES = ("drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c")


class NotHere(Exception):
    """This machine cannot run the tier; the text says what it lacks."""


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise NotHere(
            f"{' '.join(command[:3])} ...: exit {done.returncode}: {(done.stderr or done.stdout)[-300:].strip()}"
        )
    return done.stdout


def _headers() -> Path:
    """The newest kernel headers that are installed, whose directory names the version."""
    found = sorted(Path("/usr/src").glob("linux-headers-*-amd64"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise NotHere("package linux-headers-amd64 is not installed")
    return found[-1]


def kernel(cache: Path) -> tuple[Path, str]:
    """The unpacked kernel package and its version; downloaded once."""
    if platform.machine() != "x86_64":
        raise NotHere(f"it runs on x86-64 alone, this is {platform.machine()}")
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        raise NotHere(f"packages are missing: {' '.join(missing)}")
    version = _headers().name.removeprefix("linux-headers-")
    tree = cache / version
    if not (tree / "complete").exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _run("apt-get", "download", "-q", f"linux-image-{version}", cwd=Path(folder))
            [package] = Path(folder).glob("*.deb")
            shutil.rmtree(tree, ignore_errors=True)
            _run("dpkg-deb", "-x", str(package), str(tree))
            _run("depmod", "-b", str(tree), version)
        (tree / "complete").touch()
    return tree, version


def gpio_sim(tree: Path, version: str) -> Path:
    """The module with simulated GPIO chips, built once for this kernel."""
    module = tree / "gpio-sim.ko"
    if module.exists():
        return module
    archives = sorted(Path("/usr/src").glob("linux-source-*.tar.xz"))
    if not archives:
        raise NotHere("package linux-source-6.1 (the source of this kernel) is not installed")
    with tempfile.TemporaryDirectory(dir=tree) as name:
        folder = Path(name)
        top = archives[-1].name.removesuffix(".tar.xz")
        members = [f"{top}/{source}" for source in SOURCES]
        _run("tar", "-xJf", str(archives[-1]), "--strip-components=1", *members, cwd=folder)
        shutil.copy(folder / SOURCES[0], folder / "gpio_sim_main.c")
        shutil.copy(folder / SOURCES[1], folder)
        # What handles an interrupt inside the kernel is not open to modules; this is, and does the same.
        interrupts = (folder / SOURCES[2]).read_text()
        handled = interrupts.replace("handle_simple_irq(irq_to_desc(irqnum))", "generic_handle_irq(irqnum)")
        (folder / "irq_sim.c").write_text(handled)
        (folder / "Makefile").write_text("obj-m := gpio-sim.o\ngpio-sim-y := gpio_sim_main.o irq_sim.o\n")
        _run("make", "-C", f"/usr/src/linux-headers-{version}", f"M={folder}", "modules")
        shutil.copy(folder / "gpio-sim.ko", module)
    return module


def _initramfs(tree: Path, version: str, module: Path, into: Path) -> Path:
    stage = into / "stage"
    for name in ("bin", "proc", "sys", "dev", "mnt", "lib/modules"):
        (stage / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", stage / "bin" / "busybox")
    order: list[str] = []
    for wanted in MODULES:
        shown = _run("modprobe", "-d", str(tree), "-S", version, "--show-depends", wanted)
        for line in shown.splitlines():
            if line.startswith("insmod ") and (path := line.split()[1]) not in order:
                order.append(path)
    for path in (*order, str(module)):
        shutil.copy(path, stage / "lib" / "modules")
    (stage / "order.txt").write_text("".join(f"{Path(path).name}\n" for path in (*order, str(module))))
    shutil.copy(HERE / "init", stage / "init")
    (stage / "init").chmod(0o755)
    names = _run("find", ".", cwd=stage)
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"], cwd=stage, input=names.encode(), capture_output=True, check=True
    )
    image = into / "initramfs.gz"
    image.write_bytes(gzip.compress(packed.stdout, 1))
    return image


def run(cache: Path, python: str, arguments: list[str]) -> int:
    """Boot, run pytest with `arguments` in there, and return its exit status. Raises NotHere before the first test."""
    cache.mkdir(parents=True, exist_ok=True)
    tree, version = kernel(cache)
    module = gpio_sim(tree, version)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = _initramfs(tree, version, module, folder)
        script = folder / "run-in-vm"
        command = shlex.join([python, "-u", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *arguments])
        script.write_text(
            f"cd {shlex.quote(str(ROOT))}\nexport HOME=/run TMPDIR=/run PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
            f"export PYTHONDONTWRITEBYTECODE=1 GATEFW_KERNEL_BENCH=1 GATEFW_STATE=/run/state\n{command}\n"
        )
        with gzip.open(image, "ab") as archive:  # archives may follow each other in one initramfs
            packed = subprocess.run(
                ["cpio", "-o", "-H", "newc", "--quiet"], cwd=folder, input=b"run-in-vm", capture_output=True, check=True
            )
            archive.write(packed.stdout)
        return _boot(tree / "boot" / f"vmlinuz-{version}", image, folder)


def _boot(vmlinuz: Path, image: Path, folder: Path) -> int:
    console = folder / "console"
    accelerated = os.access("/dev/kvm", os.R_OK | os.W_OK) and "vmx" in Path("/proc/cpuinfo").read_text()
    command = [
        "qemu-system-x86_64", "-accel", "kvm" if accelerated else "tcg,thread=multi", "-cpu", "max", "-smp", "2",
        "-m", str(MEMORY_MB), "-display", "none", "-no-reboot", "-nic", "none",
        "-serial", f"file:{console}", "-serial", "stdio", "-monitor", "none",
        "-virtfs", "local,path=/,security_model=none,readonly=on,mount_tag=host,multidevs=remap",
        "-kernel", str(vmlinuz), "-initrd", str(image), "-append", "console=ttyS0 quiet loglevel=3 panic=-1",
    ]  # fmt: skip
    began_s = time.monotonic()
    status, ready = None, False
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as machine:
        ender = threading.Timer(UP_S + TESTS_S, machine.kill)
        ender.start()
        try:
            assert machine.stdout is not None
            for line in machine.stdout:
                line = line.rstrip()
                if line == "READY":
                    ready = True
                    print(f"the machine is up after {time.monotonic() - began_s:.0f} s", flush=True)
                elif line.startswith("EXIT "):
                    status = int(line.split()[1])
                else:
                    print(line, flush=True)
        finally:
            ender.cancel()
            machine.kill()
    if not ready:
        tail = console.read_text(errors="replace")[-500:] if console.exists() else ""
        raise NotHere(f"the virtual machine did not come up: {tail}")
    if status is None:
        print(console.read_text(errors="replace")[-2000:], file=sys.stderr)
        return 1
    return status
