"""Byte links by URL: how a driver reaches a device on a wire, and how a dialogue is recorded and played back.

    serial:PATH?baud=9600    a serial port, raw, 8 data bits, opened for us alone; PATH is a stable link
                             (/dev/serial/by-id/...). More after the baud rate: `&parity=even` or `odd`, `&stop=2`,
                             `&usb=VENDOR:PRODUCT` or `&usb=VENDOR:PRODUCT:SERIAL`, which the device at the other end
                             of the cable must have (hex, as `lsusb` prints them)
    unix:PATH                a stream socket of another process on this machine
    tcp:HOST:PORT            a stream socket anywhere; what is said on it is anybody's to read and change
    memory:NAME              an in-process wire; `plug(NAME)` gives the device's end, which must be there first
    spy:FILE+URL             the link URL, with both directions and their times written to FILE (0600: it holds tokens)
    replay:FILE              plays such a file back, and objects when the driver writes something else

Only the thread that owns a link reads, writes and closes it: a pyserial port closed under a blocked reader raises
TypeError there. Every failure of a link is DeviceLost; another device in the socket is WrongDevice.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from gatefw.errors import SetupError
from hw.link import tally
from hw.link.memory import MemoryLink, lay, plug, plugged
from hw.link.protocol import Link
from hw.link.recorded import ReplayLink, ReplayMismatch, SpyLink
from hw.link.serial_port import Parity, SerialLink, SerialPort
from hw.link.stream_socket import SocketLink
from hw.link.usb import UsbIdentity

__all__ = [
    "Link",
    "MemoryLink",
    "ReplayLink",
    "ReplayMismatch",
    "SerialLink",
    "SocketLink",
    "SpyLink",
    "heard_on",
    "lay",
    "link_problem",
    "node_there",
    "open_link",
    "plug",
]

_PARITIES: dict[str, Parity] = {"none": "none", "even": "even", "odd": "odd"}


def open_link(url: str) -> Link:
    """The link for a URL, ready.

    Raises SetupError for a URL that means nothing, DeviceLost when nobody is there or another process has it,
    WrongDevice when it is not the USB device that the URL wants.
    """
    return _opener(url)()


def link_problem(url: str) -> str:
    """Why a URL means nothing, for whoever checks a lane file and opens no device; "" when it means something."""
    try:
        _opener(url)
    except SetupError as problem:
        return str(problem)
    return ""


def _opener(url: str) -> Callable[[], Link]:
    scheme, _, rest = url.partition(":")
    if scheme == "serial" and rest:
        port = _port(url, rest)
        return lambda: SerialLink(port)
    if scheme == "unix" and rest.startswith("/"):
        return lambda: SocketLink(rest)
    if scheme == "tcp":
        host, port_number = _host(url, rest)
        return lambda: SocketLink((host, port_number))
    if scheme == "memory" and rest:
        return lambda: plugged(rest)
    if scheme == "spy" and "+" in rest:
        file, _, inner = rest.partition("+")
        opens = _opener(inner)
        return lambda: SpyLink(Path(file), opens(), inner)
    if scheme == "replay" and rest:
        return lambda: ReplayLink(Path(rest))
    raise SetupError(
        f"link {url!r} is none of serial:PATH?baud=N, unix:/PATH, tcp:HOST:PORT, memory:NAME, spy:FILE+URL, "
        "replay:FILE: correct it in the config"
    )


def heard_on(url: str) -> Mapping[str, object]:
    """How much was said and heard on a serial link since it was opened, see `hw.link.tally`; empty for other links."""
    scheme, _, rest = url.partition(":")
    if scheme == "spy" and "+" in rest:
        return heard_on(rest.partition("+")[2])
    return tally.of(rest.partition("?")[0]) if scheme == "serial" else {}


def node_there(url: str) -> bool:
    """Whether the node of a serial link exists now, which says nothing of who is behind it. False for other links."""
    scheme, _, rest = url.partition(":")
    if scheme == "spy" and "+" in rest:
        return node_there(rest.partition("+")[2])
    return scheme == "serial" and Path(rest.partition("?")[0]).exists()


def _host(url: str, rest: str) -> tuple[str, int]:
    host, _, number = rest.rpartition(":")
    if not host or not number.isdecimal() or not 1 <= int(number) <= 65535:
        raise SetupError(f"link {url!r}: wanted is tcp:HOST:PORT, a port from 1 to 65535")
    return host.removeprefix("[").removesuffix("]"), int(number)


def _port(url: str, rest: str) -> SerialPort:
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    baud, stop = options.pop("baud", "9600"), options.pop("stop", "1")
    parity = _PARITIES.get(options.pop("parity", "none"))
    usb = UsbIdentity.parse(options.pop("usb")) if "usb" in options else None
    if not baud.isdecimal() or not 300 <= int(baud) <= 4_000_000:
        raise SetupError(f"link {url!r}: ?baud= takes 300 to 4000000")
    if options or parity is None or stop not in ("1", "2"):
        raise SetupError(
            f"link {url!r}: only ?baud=, &parity=none, even or odd, &stop=1 or 2 and &usb= may follow the path"
        )
    return SerialPort(path, int(baud), parity, int(stop), usb)
