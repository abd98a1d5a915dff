"""Everything that can go wrong, in one tree. A class says what follows, not where it happened.

    GateError
     +-- Refusal          this traveller, command or request is refused; the lane goes on            (REFUSE)
     +-- DeviceError      a device or process did not do its work; its owner tries again             (RETRY)
     |    +-- DeviceLost      it is not there, or it went away
     |    +-- BadReply        it answered, but not what the protocol allows
     |    +-- WrongDevice     something else sits in its socket; trying again cannot help  (RETRY, and an alarm)
     +-- FaultError       the lane can no longer be trusted: latch, let the occupant out, wait for a reset (FAULT)
     |    +-- Overflow        a queue that must never drop anything was full
     |    +-- JournalBroken   the record of what was done cannot be written or does not hold together
     +-- SetupError       the daemon or a command cannot start: config, models, keys, files           (exit 2)
          +-- ConfigError     a place in a config file: file, line, key
          +-- ModelError      a model or model card is missing, altered, or another one than recorded
          +-- StoreError      a sealed store, key or state directory cannot be used

Every message names the thing, what was asked, what was found and what to do.
"""

import errno
from enum import Enum


def printable(text: str) -> str:
    """What a terminal shows and never obeys: names of files and answers of devices may hold escape sequences."""
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


class Consequence(Enum):
    """What the supervisor does about an error that reaches it."""

    RETRY = "retry"
    REFUSE = "refuse"
    FAULT = "fault"
    STOP = "stop"


class GateError(Exception):
    """The root. `consequence` is what the supervisor does; an unknown error is a FAULT."""

    consequence = Consequence.FAULT

    def __str__(self) -> str:
        return printable(super().__str__())


class Refusal(GateError):
    """The request is refused and nothing changed; the message may be shown to who asked."""

    consequence = Consequence.REFUSE


class DeviceError(GateError):
    """A device did not do its work. Its owner closes it and tries again with backoff."""

    consequence = Consequence.RETRY


class DeviceLost(DeviceError):
    """The device is not there or went away: unplugged, closed, never answered."""


class BadReply(DeviceError):
    """The device answered outside its protocol: undecodable, oversize, out of range."""


class WrongDevice(DeviceError):
    """Another device sits where this one was configured. Trying again cannot help: somebody has to come."""


class FaultError(GateError):
    """The lane can no longer be trusted."""

    consequence = Consequence.FAULT


class Overflow(FaultError):
    """A bounded queue whose entries must never be dropped was full."""


class JournalBroken(FaultError):
    """A record cannot be written durably, or the chain of records does not hold together."""


class SetupError(GateError):
    """Cannot start. Command line exit status 2."""

    consequence = Consequence.STOP


class ConfigError(SetupError):
    """A place in a config file is wrong. `str()` is `file:line: key: what, and what would be right`."""

    def __init__(self, file: str, line: int | None, key: str, problem: str) -> None:
        self.file, self.line, self.key, self.problem = file, line, key, problem
        where = f"{file}:{line}" if line is not None else file
        super().__init__(f"{where}: {key}: {problem}" if key else f"{where}: {problem}")


class ModelError(SetupError):
    """A model or its card is missing or altered, or a template was made by another model."""


class StoreError(SetupError):
    """A sealed store, a key file or the state directory cannot be used as it is."""


_TO_DO = {
    errno.EACCES: "be the gate's user (sudo -u gatefw), or use sudo",
    errno.EPERM: "be the gate's user (sudo -u gatefw), or use sudo",
    errno.ENOSPC: "make room and try again",
    errno.EDQUOT: "make room and try again",
    errno.EROFS: "the file system may only be read; name another place",
}


def system_words(error: OSError) -> str:
    """What the system said, and what to do where that is always the same."""
    said = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
    to_do = _TO_DO.get(error.errno or 0)
    return f"{said}; {to_do}" if to_do else said
