"""SIGHUP, or `gatefw reload`: what a lane file says anew counts between two travellers, where that is safe.

The whole file is read and checked first, on a thread of its own: one with a problem changes nothing, and says why by
line and key. What can be reloaded is applied by the loop, all of it at once, at a moment when the lane is empty and
nobody is under way; what cannot is refused by name, and counts after a restart. A table that is checked against another
is refused with it: half of a change might be a lane that no check ever saw.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import hw
from gatefw import config as lane_file
from gatefw.config import Config
from gatefw.control import RELOAD, Answer, Done, Order, Rejected
from gatefw.errors import GateError, Refusal
from gatefw.model import Fact, FactKind, Reason

RELOADED = ("timers", "rules", "tries", "tokens", "documents", "authorities")
"""Everything else needs a restart: it is built into what owns a device, a store, a socket or another process."""
STANDS_ON = {
    "timers": ("lane", "doors", "face", "clearance", "gallery", "devices"),
    "rules": ("lane", "port"),
    "tokens": ("lane",),
    "documents": ("devices", "port"),
    "authorities": ("devices",),
}
"""With which tables a reloaded one is checked."""
_KEPT_OUT = ("file", "paths", "sha256", "vision", "reversed", "reversible", "last_known_good")
"""What is no table of the file, or made of others."""

_log = logging.getLogger(__name__)
Reply = Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """What another lane file says otherwise, key by key: what may count now, and what wants a restart."""

    applied: tuple[str, ...]
    refused: tuple[str, ...]

    @classmethod
    def of(cls, old: Config, new: Config) -> "Difference":
        names = [field.name for field in dataclasses.fields(Config) if field.name not in _KEPT_OUT]
        changed = {
            name: keys for name in names if (keys := tuple(_changed(name, getattr(old, name), getattr(new, name))))
        }
        unsafe = {name for name in RELOADED if any(other in changed for other in STANDS_ON.get(name, ()))}
        applied = [key for name, keys in changed.items() if name in RELOADED and name not in unsafe for key in keys]
        refused = [key for name, keys in changed.items() if name not in RELOADED or name in unsafe for key in keys]
        return cls(tuple(applied), tuple(refused))

    def merged(self, old: Config, new: Config) -> Config:
        """The old one with what is applied."""
        tables = {key.partition(".")[0] for key in self.applied}
        return dataclasses.replace(old, **{name: getattr(new, name) for name in RELOADED if _table(name) in tables})

    def to_json(self) -> dict[str, object]:
        return {"applied": list(self.applied), "refused": list(self.refused)}


def _changed(name: str, old: object, new: object) -> Iterable[str]:
    """The keys below `name` whose values differ."""
    if name == "devices":
        yield from _changed_devices(old, new)
    elif dataclasses.is_dataclass(old) and type(old) is type(new):
        for field in dataclasses.fields(old):
            if getattr(old, field.name) != getattr(new, field.name):
                yield f"{_table(name)}.{field.name}"
    elif old != new:
        yield _table(name)


def _changed_devices(old: object, new: object) -> Iterable[str]:
    before, after = ({each.label: each for each in devices} for devices in (old, new))  # type: ignore[attr-defined]
    for label in sorted(before.keys() | after.keys()):
        if label not in before or label not in after:
            yield label
        elif before[label].driver != after[label].driver:
            yield f"{label}.driver"
        else:
            yield from (
                f"{label}.{key.partition('.')[2]}"
                for key in _changed("x", before[label].settings, after[label].settings)
            )


def _table(name: str) -> str:
    return {"vision_table": "vision", "rules": "rule"}.get(name, name)


def reread(config: Config) -> Config:
    """The lane file of a running daemon as it stands now. Raises ConfigError."""
    env = {"GATEFW_STATE": str(config.paths.state), "GATEFW_RUN": str(config.paths.run)}
    return lane_file.load(config.file, hw.schema, env, config.reversed if config.reversible else None)


@dataclass(frozen=True, slots=True)
class _Read:
    config: Config
    difference: Difference
    apply: Callable[[], None]


class Reloader:
    """Of one lane, which runs as `config` says. `order` and `ask` may be called from any thread, `look` by the loop.

    prepare(merged): makes ready what the lane needs to run so, off the loop, and returns what the loop has to do then;
    raises SetupError. `loaded(config)` notes which file counts from now on.
    """

    def __init__(
        self,
        config: Config,
        prepare: Callable[[Config], Callable[[], None]],
        loaded: Callable[[Config], None],
        record: Callable[[Fact], None],
        read: Callable[[Config], Config] = reread,
    ) -> None:
        self.config, self.told = config, dict[str, object]()
        self.read_sha256 = config.sha256
        """Of the lane file as it was taken up last, at the start or since; what of it waits for a restart is told."""
        self._prepare, self._loaded, self._record, self._read = prepare, loaded, record, read
        self._lock = threading.Lock()
        self._asked, self._reading = 0, False
        self._replies: list[Reply] = []
        self._ready: _Read | None = None

    def order(self, order: Order, reply: Reply) -> None:
        def heard(answer: Answer) -> None:
            done = isinstance(answer, Done)
            reason = Reason.OK if done else Reason.NOT_NOW
            fields = (("verb", RELOAD), ("by", order.by), ("accepted", done), ("reason", reason))
            self._record(Fact(FactKind.OPERATOR_ORDERED, None, fields))
            reply(answer)

        self.ask(heard)

    def ask(self, reply: Reply | None = None) -> None:
        """Read the file now; `reply` hears what came of it, once it counts. What was read before and waits is void."""
        with self._lock:
            self._asked, self._ready = self._asked + 1, None
            self._replies += [reply] if reply else []
            if self._reading:
                return
            self._reading = True
        threading.Thread(target=self._work, name="reload").start()

    def look(self, free: bool) -> None:
        """Apply what is ready, if the lane is `free`: empty, and nobody is under way."""
        if not free or self._ready is None:
            return
        with self._lock:
            ready, self._ready = self._ready, None
            replies, self._replies = self._replies, []
        if ready is None:
            return
        ready.apply()
        self.config = ready.difference.merged(self.config, ready.config)
        self.read_sha256 = ready.config.sha256
        if ready.difference.applied:
            self._loaded(ready.config)
        self.told = ready.difference.to_json()
        _log.warning("%s: read again; applied: %s; for the next start: %s", self.config.file, *self.told.values())
        for reply in replies:
            reply(Done(self.told))

    # ------------------------------------------------------------ the reading thread

    def _work(self) -> None:
        """Until what was read is what was asked for last."""
        while True:
            asked = self._asked
            found = self._found()
            with self._lock:
                if asked != self._asked:
                    continue
                self._reading = False
                if isinstance(found, _Read):
                    self._ready = found
                    return
                replies, self._replies = self._replies, []
            self.told = {"applied": [], "refused": [], "problem": found}
            for reply in replies:
                reply(Rejected.by(Refusal(f"nothing was reloaded: {found}")))
            return

    def _found(self) -> _Read | str:
        """What is to be applied, or why nothing is."""
        try:
            new = self._read(self.config)
            difference = Difference.of(self.config, new)
            return _Read(new, difference, self._prepare(difference.merged(self.config, new)))
        except GateError as error:
            why = "; ".join((str(error), *getattr(error, "__notes__", ())))
            _log.error("nothing was reloaded: %s", why)
            return why
        except Exception as error:  # noqa: BLE001  whatever it is, the lane goes on as it was
            _log.exception("nothing was reloaded")
            return f"{type(error).__name__}: the daemon's log says more"
