"""Another version that is being put on this machine, or was left half-way there."""

from collections.abc import Iterator

from gatefw.doctor.finding import Finding, Severity
from gatefw.doctor.seen import Seen
from gatefw.errors import SetupError
from gatefw.installer import upgrade
from gatefw.installer.places import STATES, Places, busy
from gatefw.trial import RECOVER, mark, tried

FOLLOWS = ("G0010", "G0012", "G0014", "G0016", "G0020", "G0021", "G0023", "G0024", "G0031", "G0032 upgrade", "G0142")
"""What is stopped, closed or between two versions meanwhile."""
MEANWHILE = {"close": "the lane may stay closed", "stop": "the gate may be stopped"}
CLOSED = "nobody is let in, and no order that changes people is taken"


def unfinished(seen: Seen) -> Iterator[Finding]:
    """whether an upgrade was cut off"""
    places = Places(seen.machine.root)
    own = places.own / "upgrade.json"
    state = places.root / STATES[0]
    at_work = busy(places)
    try:
        record = upgrade.read(places)
    except SetupError as error:
        remedy = "call the supplier, and let it lie: it says which version the stores are of"
        yield Finding("G0017", Severity.ERROR, str(own), str(error).partition(": ")[2], remedy, explains=FOLLOWS)
        return
    if record is None:
        if (version := tried(state)) and not at_work:
            cause = f"says that gatefw {version} is tried, and no upgrade is recorded: {CLOSED}"
            yield Finding("G0017", Severity.ERROR, str(mark(state)), cause, RECOVER, explains=FOLLOWS)
        return
    evidence = {"before": record.before, "to": record.to, "step": record.step}
    step = f"step {record.step}, {upgrade.STEPS.index(record.step) + 1} of {len(upgrade.STEPS)}"
    way = f"from gatefw {record.before} to {record.to}"
    if at_work:
        cause, remedy = f"an upgrade {way} is under way ({step})", "wait for its end, some minutes; then gatefw doctor"
        yield Finding("G0017", Severity.NOTE, "upgrade", cause, remedy, evidence, FOLLOWS)
        return
    cause = f"the upgrade {way} was cut off ({step}): {MEANWHILE.get(record.step, CLOSED)}"
    if record.committed:
        cause = f"the upgrade {way} was cut off at its end ({step}): copies of people's stores are there still"
    ends = f"goes on to {record.to}" if record.committed else f"goes back to {record.before} and its stores"
    remedy = f"look that nobody is inside, then {RECOVER}, which {ends}; a restart of the board does so by itself"
    yield Finding("G0017", Severity.ERROR, "upgrade", cause, remedy, evidence, FOLLOWS)


CHECKS = (unfinished,)
