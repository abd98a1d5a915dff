"""From one version to another, with the lane proven empty, and back by itself when the new one does not work.

    close    the lane out of service; then its sensors must say: nobody inside, doors secured
    stop     every process; the doors are made safe
    save     people's stores and the lane file are copied; from here on nothing in them is changed (`gatefw.trial`)
    switch   units, users, lane file and models of the new version; `current` names it
    test     its self-test: this lane file, these models, a passage in virtual time; nothing moves
    trial    it runs, out of service, and must find every device that the old one had
    commit   it is the proven one; from here there is only forward
    open     in service again, if it was; copies and older versions go

The step is written down before it begins. Who finds a record, after a power cut or a kill (`recover`, at boot before
the units), goes on from `commit`, and back from every step before it. Each step, and the way back, may be done twice.
It is driven by the proven version, never by the one that is tried.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gatefw.errors import SetupError
from gatefw.installer import environment, leave, saved
from gatefw.installer.machine import Machine
from gatefw.installer.places import STATES, Places, gone, point, write
from gatefw.installer.system import SHARE, System
from gatefw.model import Phase
from gatefw.trial import DEVICE, RECOVER, mark

Say = Callable[[str], None]
STEPS = ("close", "stop", "save", "switch", "test", "trial", "commit", "open")
TRIAL_S = 120.0


@dataclass(frozen=True, slots=True)
class Record:
    """What is under way, as it stands on disk. `looked`: who says that nobody is inside, where no sensor can."""

    before: str
    to: str
    step: str = "close"
    in_service: bool = False
    answered: bool = False
    fault: bool = False
    missing: tuple[str, ...] = ()
    looked: str = ""

    @property
    def committed(self) -> bool:
        """Whether there is only forward."""
        return STEPS.index(self.step) >= STEPS.index("commit")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The version that is there now; empty when the way back was not finished. `problem`: why it is not the one that
    was wanted; empty when it is.

    refused: orders that were given while it was tried, how often each; who gave them was told to give them again.
    """

    version: str
    problem: str = ""
    refused: Mapping[str, int] = field(default_factory=dict)


class Upgrade:
    """`bring` lays out the new version when its turn has come; `say` hears every step as it begins."""

    def __init__(self, places: Places, machine: Machine, say: Say) -> None:
        self._places, self._machine, self._say = places, machine, say
        self._refused: Mapping[str, int] = {}

    def run(self, record: Record, bring: Callable[[], None]) -> Outcome:
        """Raises nothing that a step raises: it goes back, and says why."""
        self._record, self._bring = record, bring
        try:
            for step in STEPS:
                self._note(step)
                getattr(self, f"_{step}")()
        except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001  the gate is not left lying
            told = str(problem) or type(problem).__name__
            if self._record.committed:
                told = f"{told}; the version is in place, and to finish it: {RECOVER}"
                return Outcome(record.to, told, self._refused)
            self._say(f"gatefw {record.to} does not stay: {told}")
            try:
                self.back(self._record)
            except Exception as worse:  # noqa: BLE001  the record is there still, and --recover goes on
                told = f"{told}; and on the way back: {worse}; mend that, then {RECOVER}"
                return Outcome("", told, self._refused)
            return Outcome(record.before, told, self._refused)
        return Outcome(record.to, refused=self._refused)

    def recover(self) -> Outcome | None:
        """Finish what was interrupted, forward or back; None where nothing was. Raises GateError, OSError."""
        record = read(self._places)
        if record is None:
            saved.discard(self._places)  # the record was taken away by hand: nobody goes back to these any more
            gone(_mark(self._places))
            return None
        self._record = record
        if record.committed:
            self._say(f"the upgrade to gatefw {record.to} was interrupted at {record.step}: going on")
            self._commit()
            self._machine.start(in_service=record.in_service)
            status = self._machine.status()
            if record.in_service and status is not None and not status["in_service"]:
                self._machine.order("open")
            self._clear(record)
            return Outcome(record.to, refused=self._refused)
        told = f"the upgrade to gatefw {record.to} was interrupted at {record.step}"
        self._say(f"{told}: going back to {record.before}")
        self._empty()
        self.back(self._record)
        return Outcome(record.before, told, self._refused)

    def _empty(self) -> None:
        """The lane was closed and found empty, and somebody may have opened it since: then it is done once more."""
        status = self._machine.status()
        if status is not None and status["in_service"] and self._record.step != "close":
            self._note(self._record.step, replace(self._record, in_service=True))
            leave.empty(self._machine, self._record.looked)

    def back(self, record: Record) -> None:
        """The version before, its units and the stores that it left; then the lane is as it was. May be done again."""
        reached = STEPS.index(record.step)
        if reached > STEPS.index("close"):
            self._hear(self._machine.status())
            self._machine.stop()
        if reached >= STEPS.index("switch"):
            saved.restore(self._places, self._say)
        saved.discard(self._places)  # before the record goes, or nobody would come back for them
        if reached >= STEPS.index("switch"):
            System(self._places, self._say).lay_out(self._places.programs / record.before / SHARE)
            point(self._places.current, record.before)
        self._machine.settle()
        gone(_mark(self._places))  # after the stores are as they were
        gone(_path(self._places))  # before anybody is served: what they bring is not taken back
        if reached == STEPS.index("close"):
            if record.in_service:
                self._machine.order("open")
        else:
            self._machine.start(in_service=record.in_service or not record.answered)

    # ---------------------------------------------------------------- the steps

    def _close(self) -> None:
        status = leave.asked(self._machine, self._record.looked)
        if status is None:
            return
        in_service = bool(status["in_service"])
        told = replace(self._record, in_service=in_service, answered=True, missing=tuple(status["missing"]))
        self._note("close", replace(told, fault=status["phase"] == Phase.FAULT))
        leave.close(self._machine, self._record.looked, in_service=in_service)

    def _stop(self) -> None:
        self._machine.stop()

    def _save(self) -> None:
        write(_mark(self._places), self._record.to.encode())
        saved.save(self._places)

    def _switch(self) -> None:
        self._bring()
        point(self._places.current, self._record.to)
        self._machine.settle()

    def _test(self) -> None:
        if found := self._machine.self_test(self._record.to):
            raise SetupError("; ".join(found))

    def _trial(self) -> None:
        self._machine.start(in_service=False)
        leave.until(self._machine, TRIAL_S, self._why_not_well)

    def _why_not_well(self) -> str:
        status = self._machine.status()
        self._hear(status)
        if status is None:
            if self._machine.gave_up():
                raise SetupError("its daemon ended, and is not started again; its log says why")
            return "its daemon does not answer"
        if status["version"] != self._record.to:
            return f"the daemon that answers is gatefw {status['version']}"
        if wrong := status.get("findings"):  # it is in safe mode
            return f"it cannot use the lane file: {wrong[0]}"
        if self._record.answered and (lost := sorted(set(status["missing"]) - set(self._record.missing))):
            return f"it does not find {', '.join(lost)}, which gatefw {self._record.before} had"
        if status["phase"] == Phase.FAULT and not self._record.fault:
            raise SetupError(f"its lane is in fault ({status.get('latched')}), and was not before")
        if status["in_service"] and not self._record.in_service:  # whoever opened it meant it, whatever comes of this
            self._note("trial", replace(self._record, in_service=True))
        kept_out = status["phase"] == Phase.DEGRADED and DEVICE in status["impaired"]
        return "" if status["phase"] in leave.RESTING or kept_out else f"its lane is in {status['phase']}"

    def _hear(self, status: Mapping[str, Any] | None) -> None:
        """Which orders were refused because it is tried."""
        self._refused = ((status or {}).get("upgrade") or {}).get("refused") or self._refused

    def _commit(self) -> None:
        point(self._places.proven, self._record.to)
        self._hear(self._machine.status())
        gone(_mark(self._places))
        self._machine.settle()

    def _open(self) -> None:
        if self._record.in_service:
            self._machine.order("open")
        else:
            self._say("the lane stays out of service; `gatefw lane open` takes it into service")
        self._clear(self._record)

    # ---------------------------------------------------------------- in common

    def _note(self, step: str, record: Record | None = None) -> None:
        new = (record or self._record).step != step
        noted = replace(record or self._record, step=step)
        write(_path(self._places), json.dumps(asdict(noted)).encode(), 0o600)
        self._record = noted  # not before: a step that could not be written down is not taken
        if new or record is None:
            self._say(f"{step} ({STEPS.index(step) + 1} of {len(STEPS)})")

    def _clear(self, record: Record) -> None:
        saved.discard(self._places)
        gone(_path(self._places))
        environment.prune(self._places, {record.to, record.before}, self._say)


def require_none(places: Places) -> None:
    """Raise SetupError where an upgrade was cut off: who goes on from there must know both versions."""
    if (under_way := read(places)) is not None:
        raise SetupError(
            f"an upgrade to gatefw {under_way.to} was interrupted at {under_way.step}; finish it first: {RECOVER}"
        )


def read(places: Places) -> Record | None:
    """What is under way. Raises SetupError."""
    path = _path(places)
    try:
        told = json.loads(path.read_bytes())
        record = Record(**{**told, "missing": tuple(told["missing"])})
        STEPS.index(record.step)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SetupError(
            f"{path}: not the record of an upgrade ({error}); call the supplier, and let it lie"
        ) from error
    return record


def _path(places: Places) -> Path:
    return places.own / "upgrade.json"


def _mark(places: Places) -> Path:
    return mark(places.root / STATES[0])
