"""How everything is, for `status` and as metrics: counted by the loop, gathered by whoever asks. It may be lost."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatefw import __version__
from gatefw.device_states import DeviceStates
from gatefw.metrics import Series, text
from gatefw.model import Fact, FactKind, Phase
from gatefw.thread_watch import ThreadWatch
from gatefw.vitals import Health

OF_A_TRAVELLER = frozenset(kind for kind in FactKind if kind.startswith("passage.")) - {
    FactKind.PASSAGE_STARTED,
    FactKind.PASSAGE_ENDED,
}
"""What is written down of them between the beginning and the end of a passage, and afterwards."""


@dataclass(slots=True)
class Counts:
    """Since the daemon's start; changed by the loop alone."""

    facts: Counter[str] = field(default_factory=Counter)
    passages: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    late: int = 0

    def notice(self, fact: Fact) -> None:
        """A fact that the lane has recorded. Of what was asked and found of a traveller none is counted: whoever reads
        the numbers between two passages would know why the one in between was turned away."""
        if fact.kind not in OF_A_TRAVELLER:
            self.facts[fact.kind.value] += 1
        if fact.kind is FactKind.PASSAGE_ENDED:
            self.passages["true" if dict(fact.fields)["passed"] else "false"] += 1
        elif fact.kind is FactKind.ALARM_RAISED:
            self.alarms[str(dict(fact.fields)["reason"])] += 1


@dataclass(frozen=True, slots=True)
class Lane:
    """What of the lane is told: its phase, whether it is meant to serve, whether a fault is latched, for how long a
    technician has it still.
    """

    phase: Phase
    in_service: bool
    latched: bool
    maintenance_s: float


class Telemetry:
    """Reads what it is handed; any thread may ask. `devices`: the health of each worker's device, by its name."""

    def __init__(
        self,
        lane: Callable[[], Lane],
        devices: Mapping[str, Callable[[], Health]],
        states: DeviceStates,
        threads: ThreadWatch,
        waiting: Callable[[], int],
        rows: Callable[[], int],
        fed: Callable[[], int],
    ) -> None:
        self._lane, self._devices, self._states, self._threads = lane, devices, states, threads
        self._waiting, self._rows, self._fed = waiting, rows, fed
        self.counts = Counts()

    def health(self) -> dict[str, object]:
        """Of each device, and of the threads that have none."""
        stalled = self._threads.stalled
        devices = {name: health().to_json() for name, health in self._devices.items()}
        threads = {name: {"turns": turns, "stalled": name in stalled} for name, turns in self._threads.progress.items()}
        return {"devices": devices, "threads": threads}

    def text(self) -> bytes:
        """As metrics."""
        return text({**self._of_lane(), **self._of_devices(), **self._of_threads(), **self._counted(), **_process()})

    def _of_lane(self) -> dict[str, list[Series]]:
        lane = self._lane()
        return {
            "gatefw_build_info": [((__version__,), 1)],
            "gatefw_phase": [((phase.value,), int(phase is lane.phase)) for phase in Phase],
            "gatefw_in_service": [((), int(lane.in_service))],
            "gatefw_latched": [((), int(lane.latched))],
            "gatefw_maintenance_seconds": [((), lane.maintenance_s)],
        }

    def _of_devices(self) -> dict[str, list[Series]]:
        all_of = {name: health() for name, health in self._devices.items()}
        told = self._states.now()
        return {
            "gatefw_device_there": [((name,), int(lost is None)) for name, (lost, _, _) in told.items()],
            "gatefw_device_state_seconds": [((name,), for_s) for name, (_, _, for_s) in told.items()],
            "gatefw_device_tries": [((name,), each.tries) for name, each in all_of.items()],
            "gatefw_device_losses_total": [((name,), each.losses) for name, each in all_of.items()],
            "gatefw_device_turns_total": [((name,), each.turns) for name, each in all_of.items()],
            "gatefw_device_turn_seconds": [
                ((name, share), took_s)
                for name, each in all_of.items()
                for share, took_s in (("0.5", each.p50_s), ("0.99", each.p99_s))
            ],
            "gatefw_device_idle_seconds": [
                ((name,), each.age_s) for name, each in all_of.items() if each.age_s is not None
            ],
            "gatefw_device_impaired": [
                ((name, ail.value), 1) for name, (_, ails, _) in told.items() for ail in sorted(ails)
            ],
        }

    def _of_threads(self) -> dict[str, list[Series]]:
        stalled = self._threads.stalled
        return {
            "gatefw_thread_turns_total": [((name,), turns) for name, turns in self._threads.progress.items()],
            "gatefw_thread_stalled": [((name,), int(name in stalled)) for name in self._threads.progress],
        }

    def _counted(self) -> dict[str, list[Series]]:
        counts = self.counts
        return {
            "gatefw_inbox_waiting": [((), self._waiting())],
            "gatefw_journal_rows_total": [((), self._rows())],
            "gatefw_events_total": _by(counts.facts),
            "gatefw_passages_total": _by(counts.passages),
            "gatefw_alarms_total": _by(counts.alarms),
            "gatefw_watchdog_fed_total": [((), self._fed())],
            "gatefw_loop_late_total": [((), counts.late)],
        }


def _by(counted: Counter[str]) -> list[Series]:
    return [((name,), number) for name, number in sorted(counted.copy().items())]


def _process() -> dict[str, list[Series]]:
    """Of this process, from what the kernel tells."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    times = os.times()
    return {
        "process_cpu_seconds_total": [((), times.user + times.system)],
        "process_resident_memory_bytes": [((), int(status["VmRSS"].split()[0]) * 1024)],
        "process_open_fds": [((), len(list(Path("/proc/self/fd").iterdir())))],
        "process_threads": [((), int(status["Threads"]))],
    }
