"""What the gate tells of itself in numbers, as the Prometheus text format 0.0.4 has it. `docs/metrics.md` is made here.

    python -m gatefw.metrics > docs/metrics.md

Every name is in this table, and a label has few values: devices and threads of the lane, phases, kinds of events,
reasons. No number is about a person, and none says why somebody was refused: who reads the numbers often enough would
know it of whoever stands there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SERIES_MAX = 1000
"""More of one name are not told: something is wrong with its labels."""


@dataclass(frozen=True, slots=True)
class Family:
    """A name, what it counts, and by which labels. `kind`: gauge or counter."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


FAMILIES = (
    Family("gatefw_build_info", "gauge", "1; the version of gatefw is its label", ("version",)),
    Family("gatefw_phase", "gauge", "1 for the phase that the lane is in, 0 for every other", ("phase",)),
    Family("gatefw_in_service", "gauge", "1 while the lane is meant to serve, whatever keeps it from that"),
    Family("gatefw_latched", "gauge", "1 while a fault waits for somebody who resets it"),
    Family("gatefw_maintenance_seconds", "gauge", "until maintenance ends by itself; 0 outside of it"),
    Family("gatefw_device_there", "gauge", "1 while the device is there and answers", ("device",)),
    Family("gatefw_device_state_seconds", "gauge", "for how long the device is there, or is not", ("device",)),
    Family("gatefw_device_tries", "gauge", "tries in vain since it last worked for a while", ("device",)),
    Family("gatefw_device_losses_total", "counter", "how often it was there and went", ("device",)),
    Family("gatefw_device_turns_total", "counter", "turns of work done with it", ("device",)),
    Family(
        "gatefw_device_turn_seconds",
        "gauge",
        "how long a turn takes, without waiting for something to do: median and 99th percentile of the newest 256",
        ("device", "quantile"),
    ),
    Family("gatefw_device_idle_seconds", "gauge", "since its last turn of work", ("device",)),
    Family("gatefw_device_impaired", "gauge", "1 for each thing that is wrong with it now", ("device", "reason")),
    Family("gatefw_thread_turns_total", "counter", "turns of work of a thread without a device", ("thread",)),
    Family("gatefw_thread_stalled", "gauge", "1 while it has work and does none", ("thread",)),
    Family("gatefw_inbox_waiting", "gauge", "inputs that the loop has not taken yet; at 1024 the lane is in fault"),
    Family("gatefw_journal_rows_total", "counter", "number of the newest row on disk"),
    Family(
        "gatefw_events_total",
        "counter",
        "facts recorded by the lane since the daemon's start; of a passage only that it began and ended",
        ("kind",),
    ),
    Family("gatefw_passages_total", "counter", "passages that ended since the daemon's start", ("passed",)),
    Family("gatefw_alarms_total", "counter", "alarms raised since the daemon's start", ("reason",)),
    Family("gatefw_watchdog_fed_total", "counter", "how often systemd was told that the door path works"),
    Family("gatefw_loop_late_total", "counter", "ticks of the loop that came more than a second late"),
    Family("process_cpu_seconds_total", "counter", "processor time of the supervisor"),
    Family("process_resident_memory_bytes", "gauge", "memory of the supervisor"),
    Family("process_open_fds", "gauge", "open files of the supervisor"),
    Family("process_threads", "gauge", "threads of the supervisor"),
)
_BY_NAME = {family.name: family for family in FAMILIES}

Series = tuple[tuple[str, ...], float]
"""The values of a family's labels, in its order, and the number."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(told: Mapping[str, Iterable[Series]]) -> bytes:
    """The exposition. Raises KeyError for a name that is not in the table, ValueError for other labels than its own."""
    lines: list[str] = []
    for name, series in told.items():
        family = _BY_NAME[name]
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
        for labels, number in list(series)[:SERIES_MAX]:
            pairs = ",".join(f'{key}="{_escaped(label)}"' for key, label in zip(family.labels, labels, strict=True))
            lines.append(f"{name}{{{pairs}}} {_number(number)}" if pairs else f"{name} {_number(number)}")
    return ("\n".join(lines) + "\n").encode()


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:.9g}"


def page() -> str:
    """docs/metrics.md."""
    rows = "\n".join(
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.help} |"
        for each in FAMILIES
    )
    return _PAGE.format(rows=rows)


_PAGE = """\
# Metrics

Made by `python -m gatefw.metrics` from the table in [gatefw/metrics.py](../gatefw/metrics.py).

The supervisor serves them as Prometheus text (format 0.0.4) on `metrics/metrics.sock` in its runtime directory: who
connects gets them once, and the connection ends. `gatefw metrics` prints them. `gatefw metrics --listen 127.0.0.1:9464`
is an HTTP exporter, a process of its own that can do nothing but read that socket; as a unit it is
[gatefw-web.service](../systemd/gatefw-web.service), under a user of its own.

They are telemetry: numbers of now, kept nowhere, and none of them decides anything. What must not be lost is in the
journal. Nothing in them is about a person, and the labels have few values: devices and threads of the lane file,
phases, kinds of events, reasons of alarms and ailments.

| name | type | labels | what |
|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    print(page(), end="")
