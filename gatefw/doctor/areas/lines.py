"""Serial lines and what hangs on them: exchanged wires, symbol rates, terminators and keys, by what was heard."""

from collections.abc import Iterator, Mapping
from typing import Any

from gatefw.config_tables import Device
from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Seen

TURNS = 2  # of a master on its bus, until its silence or its noise says something
HEARD = 8  # bytes, of whatever
ZEROS_SHARE, TEXT_SHARE = 0.9, 0.6
_WIRES = "gatefw lane maintain --name YOU --why repair, then gatefw device trace {device} shows what is said"


def pair(seen: Seen) -> Iterator[Finding]:
    """whether the two wires of a bus are the right way round, and anybody answers"""
    for device, told, line in _on_lines(seen):
        if told["state"] != "lost" or device.driver not in ("osdp", "modbus") or line["turns"] < TURNS:
            continue
        follows = (f"G0030 {device.label}", f"G0035 {device.label}", "G0031")
        if line["heard"] and line["zeros"] >= ZEROS_SHARE * line["heard"]:
            cause = "RS-485 A and B are swapped: each turn of the line ends in a break, and nothing else is heard"
            remedy = f"exchange the two wires at one end; prove it: {_WIRES.format(device=device.label)}"
            yield Finding("G0600", Severity.ERROR, device.label, cause, remedy, line, follows, 0.9)
        elif not line["heard"]:
            cause = "nobody answers on the line: A and B swapped, no supply, a wire off, another address or baud rate"
            remedy = f"measure its supply, then exchange A and B; {_WIRES.format(device=device.label)}"
            yield Finding("G0601", Severity.ERROR, device.label, cause, remedy, line, follows, 0.6)


def scanners(seen: Seen) -> Iterator[Finding]:
    """whether what a scanner sends is text with an end"""
    for device, _, line in _on_lines(seen):
        if device.role != "reader" or device.driver != "serial" or line["heard"] < HEARD:
            continue
        follows = (f"G0030 {device.label}", f"G0035 {device.label}", "G0031")
        if line["text"] < TEXT_SHARE * line["heard"]:
            cause = f"wrong baud rate or parity: {line['heard']} bytes were heard, {line['text']} of them text"
            remedy = f"set ?baud= of its link to the scanner's rate; {_WIRES.format(device=device.label)}"
            yield Finding("G0610", Severity.ERROR, device.label, cause, remedy, line, follows, 0.9)
        elif not line["ends"]:
            cause = (
                f"the scanner sends no terminator: {line['heard']} bytes of text, and never a CR or LF behind a code"
            )
            remedy = "scan its maker's setup code for a CR suffix; no code is taken until it sends one"
            yield Finding("G0611", Severity.ERROR, device.label, cause, remedy, line, follows, 0.9)


def keys(seen: Seen) -> Iterator[Finding]:
    """whether a card reader knows the key of its secure channel"""
    for device, told, line in _on_lines(seen):
        if device.driver == "osdp" and "device_wrong" in told["reasons"] and "does not know the key" in told["detail"]:
            cause = "wrong key: the card reader answers and does not know the key of its secure channel"
            remedy = (
                f"gatefw device install {device.label}, with the reader in its install mode; or put back the right one"
            )
            follows = (f"G0030 {device.label}", f"G0035 {device.label}", "G0031")
            yield Finding("G0620", Severity.ERROR, device.label, cause, remedy, line, follows, 0.95)


def _on_lines(seen: Seen) -> Iterator[tuple[Device, Mapping[str, Any], Mapping[str, Any]]]:
    """Each device with a serial line, what the daemon tells of it, and what was heard there."""
    told = {each["device"]: each for each in seen.asked("devices").get("devices", [])}
    for device in seen.lane.devices if seen.lane else ():
        if line := told.get(device.label, {}).get("line"):
            yield device, told[device.label], line


CHECKS = (pair, scanners, keys)
