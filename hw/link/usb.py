"""Which USB device is behind a device node, from sysfs: by the node's number, not by a name that may lead elsewhere."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gatefw.errors import SetupError, WrongDevice

SYSFS = Path("/sys")
_CAP_BYTES = 256
_FORM = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::(.{1,126}))?")


@dataclass(frozen=True, slots=True)
class UsbIdentity:
    """Vendor and product as four hex digits each, in small letters; the serial number where it is asked for or told."""

    vendor: str
    product: str
    serial: str | None = None

    @classmethod
    def parse(cls, text: str) -> "UsbIdentity":
        """From `VENDOR:PRODUCT[:SERIAL]`. Raises SetupError."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise SetupError(
                f"usb={text!r}: VENDOR:PRODUCT or VENDOR:PRODUCT:SERIAL is wanted, as in usb=0403:6001:A5XK3RJT"
            )
        return cls(found[1].lower(), found[2].lower(), found[3])

    def __str__(self) -> str:
        return ":".join(part for part in (self.vendor, self.product, self.serial) if part)


def require(wanted: UsbIdentity, descriptor: int, path: str, sysfs: Path = SYSFS) -> None:
    """Raises WrongDevice unless the open device is the one that is wanted; it names what was found."""
    found = identity(os.fstat(descriptor).st_rdev, sysfs)
    if found is None:
        raise WrongDevice(
            f"serial port {path}: usb={wanted} is wanted there, but no USB device is behind it; plug the right one in, "
            "or correct usb= in the config"
        )
    asked = found if wanted.serial else UsbIdentity(found.vendor, found.product)
    if asked != wanted:
        raise WrongDevice(
            f"serial port {path}: usb={wanted} is wanted there, usb={found} was found; plug the right one in, "
            "or correct usb= in the config"
        )


def identity(number: int, sysfs: Path = SYSFS) -> UsbIdentity | None:
    """Of the character device with that number; None when it hangs on no USB device."""
    root = sysfs.resolve()
    node = (root / "dev" / "char" / f"{os.major(number)}:{os.minor(number)}").resolve()
    while root in node.parents:
        vendor, product = _attribute(node / "idVendor"), _attribute(node / "idProduct")
        if vendor and product:
            return UsbIdentity(vendor.lower(), product.lower(), _attribute(node / "serial"))
        node = node.parent
    return None


def _attribute(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_CAP_BYTES).decode("utf-8", "replace").strip() or None
    except OSError:
        return None
