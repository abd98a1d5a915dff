"""A version that is being tried: what is changed in its stores now is undone when it does not stay.

An upgrade copies people's stores and the keys, and puts them back when the new version fails; the journal stays. What
was ordered in between would be undone while the journal says that it was done: somebody revoked would pass again. So
from the copying of the stores until the version is the proven one a mark lies beside the state directory, root's alone
to write, and who finds it changes nothing:

    orders            every one that is not in HARMLESS is refused by name, written down as refused, and counted;
                      whoever upgrades is told which to order again
    travellers        nobody is let in, whoever opens the lane: single-use tokens and tries are among what is undone
    what ends by time partitions and people whose time is over are destroyed and erased when the trial is over
    other commands    that write into the stores themselves are refused (`require_none`)

The mark is taken away by the version that drives the upgrade, and is found again after a power cut that came before.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from gatefw.control import ACKNOWLEDGE, CASE, RELOAD, SILENT_ALARM, Order
from gatefw.errors import Refusal
from gatefw.events import ORDERS
from gatefw.gate_terms import DeviceImpaired
from gatefw.model import Fact, FactKind, Reason, Verb
from gatefw.order_reason import noted

MARK = "gatefw-upgrade"
RECOVER = "sudo /opt/gatefw/proven/bin/gatefw install --recover"
"""What finishes an upgrade that was cut off: of the version that drives, since the one that is tried may not work."""
DEVICE = "upgrade"
"""Its name among what ails the lane, in events and status."""
HARMLESS = frozenset(
    (
        *(verb.value for verb in (Verb.CLOSE, Verb.RESET, Verb.HOLD, Verb.EVACUATE, Verb.MAINTAIN_END)),
        *(verb.value for verb in (Verb.LET_OUT, Verb.LET_OUT_ENTRY, Verb.LET_OUT_EXIT)),
        *("stop", RELOAD, SILENT_ALARM, ACKNOWLEDGE, CASE, "journal_acknowledge", "commission_sign"),
    )
)
"""What lets out or holds, or changes the journal alone; a question is no order. A new order is none of these."""
VERSION_BYTES = 64


def mark(state: Path) -> Path:
    """Where the mark lies: one for all state directories of a machine, which are neighbours."""
    return state.with_name(MARK)


def tried(state: Path) -> str:
    """The version that is being tried here; empty when none is."""
    try:
        with mark(state).open("rb") as file:
            return file.read(VERSION_BYTES).decode("ascii", "replace").strip() or "another version"
    except OSError:
        return ""


def require_none(state: Path, what: str) -> None:
    """Raise Refusal while a version is tried: `what` would change a store that is perhaps put back."""
    if version := tried(state):
        raise Refusal(_why(what, version))


class Trial:
    """Of one daemon. put: into the lane's inbox; record: into the journal. Any thread may ask."""

    def __init__(
        self,
        state: Path,
        put: Callable[[DeviceImpaired], None],
        record: Callable[[Fact], None],
        written_elsewhere: Callable[[Order], bool] = lambda _order: False,
    ) -> None:
        """written_elsewhere: whether a refused order is journalled by who brought it."""
        self._state, self._put, self._record = state, put, record
        self._written_elsewhere = written_elsewhere
        self._refused = Counter[str]()
        self._version = ""

    def look(self) -> bool:
        """Whether a version is tried. Nobody is let in while it is; it ends when this is asked again and finds so."""
        before, self._version = self._version, tried(self._state)
        if bool(before) is not bool(self._version):
            self._put(DeviceImpaired(DEVICE, Reason.CLOSED, bool(self._version)))
        return bool(self._version)

    def why_not(self, order: Order) -> str:
        """Why an order is not to be done now; empty when it is. What is refused is written down."""
        changes = order.verb in ORDERS.words and order.verb not in HARMLESS
        version = tried(self._state) if changes else ""
        if not version:
            return ""
        self._refused[order.verb] += 1
        if not self._written_elsewhere(order):
            fields = (("verb", order.verb), ("by", order.by), ("accepted", False), ("reason", Reason.NOT_NOW))
            self._record(Fact(FactKind.OPERATOR_ORDERED, None, fields + noted(order)))
        return _why(order.verb, version)

    def told(self) -> Mapping[str, object] | None:
        """For `status`, by the last `look`: which version is tried, and how often each order was refused."""
        return {"to": self._version, "refused": dict(self._refused)} if self._version else None


def _why(what: str, version: str) -> str:
    return (
        f"{what}: gatefw {version} is being tried here, and what is changed now would be undone if it does not stay; "
        "nothing was changed. Order it again when `gatefw status` shows no upgrade any more, within two minutes; if it "
        f"stays so, the upgrade was cut off: {RECOVER}"
    )
