"""A lane file that is read again: what counts once the lane is empty, what waits for a restart, what is no good."""

import contextlib
import dataclasses
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from peers import until

import hw
from gatefw import config
from gatefw.config import Config
from gatefw.control import Answer, Done, Order, Rejected
from gatefw.errors import SetupError
from gatefw.model import Fact, FactKind, Occupancy, Phase, Timer
from gatefw.reload import RELOADED, STANDS_ON, Difference, Reloader, reread
from gatefw.supervisor import Supervisor

SIM = Path(__file__).resolve().parents[1] / "config" / "sim.toml"
RELOAD = Order("reload", {}, "uid-7", None, 1e9)
RULE = '\n[[rule]]\nname = "adult"\nfact = "birth_date"\nage_at_least_years = 18\nreason = "under_age"\n'


class Site:
    """A lane file that is edited, and a reloader whose loop is this test."""

    def __init__(self, place: Path) -> None:
        self.place, self.file = place, place / "lane.toml"
        self.text = re.sub(r'(?m)^factory = ".*"', 'factory = "mock:"', SIM.read_text())
        self.file.write_text(self.text)
        self.prepared: list[Config] = []
        self.applied: list[Config] = []
        self.loaded: list[Config] = []
        self.facts: list[Fact] = []
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        self.before_reading: Callable[[], None] = lambda: None
        self.reloader = Reloader(self.load(), self.prepare, self.loaded.append, self.facts.append, self.read)

    def load(self) -> Config:
        env = {"GATEFW_STATE": str(self.place / "state"), "GATEFW_RUN": str(self.place / "run")}
        return config.load(self.file, hw.schema, env)

    def read(self, running: Config) -> Config:
        self.before_reading()
        return reread(running)

    def prepare(self, merged: Config) -> Callable[[], None]:
        self.prepared.append(merged)
        return lambda: self.applied.append(merged)

    def edit(self, *changes: tuple[str, str], more: str = "") -> None:
        text = self.text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        self.file.write_text(text + more)

    def reload(self, free: bool = True) -> Answer | None:
        """Ask, and let the loop go on until it is answered; with a lane that is not free, until all is read."""
        self.reloader.order(RELOAD, self.answers.put)
        until(lambda: not self.reloader._reading, "the file to be read", 60)
        self.reloader.look(free)
        return None if self.answers.empty() else self.answers.get()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_what_is_safe_counts_at_once_and_what_is_not_is_named(site: Site) -> None:
    site.edit(
        ("frames_per_s = 10.0", "frames_per_s = 9.0"),
        ("release = 17", "release = 18"),
        more="\n[tries]\nmost = 7\n" + RULE,
    )
    assert site.reload() == Done({"applied": ["tries.most", "rule"], "refused": ["door.entry_door.release"]})
    (now,) = site.applied
    assert (now.tries.most, len(now.rules)) == (7, 1)
    assert now.devices != site.load().devices
    assert site.reloader.config.tries.most == 7
    assert [each.sha256 for each in site.loaded] == [site.load().sha256]


def test_a_table_that_is_checked_against_one_that_needs_a_restart_waits_with_it(site: Site) -> None:
    """The time-out of a verification stands behind the face's own: half of this change is a lane nobody checked."""
    site.edit(("verify_s = 13.0", "verify_s = 6.0"), ("deadline_s = 9.0 ", "deadline_s = 5.0 "))
    assert site.reload() == Done({"applied": [], "refused": ["timers.verify_s", "face.deadline_s"]})
    assert site.reloader.config.timers.verify_s == 13.0
    assert site.loaded == []


def test_nothing_counts_before_the_lane_is_empty(site: Site) -> None:
    site.edit(more="\n[tries]\nmost = 7\n")
    assert site.reload(free=False) is None
    assert (len(site.prepared), site.applied) == (1, [])
    site.reloader.look(free=True)
    assert site.answers.get(timeout=30) == Done({"applied": ["tries.most"], "refused": []})
    site.reloader.look(free=True)
    assert len(site.applied) == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("verify_s = 13.0", "verify_s = 1.0", r"lane\.toml:\d+: timers\.verify_s: .*face\.deadline_s"),
        ("verify_s = 13.0", "verify_s = ", r"lane\.toml:\d+: verify_s: is not TOML"),
        ("[timers]", "[timer]", r"lane\.toml:\d+: timer"),
    ],
)
def test_a_file_with_a_problem_changes_nothing_and_the_answer_says_where(
    site: Site, old: str, new: str, says: str
) -> None:
    site.edit((old, new), more="\n[tries]\nmost = 7\n")
    answer = site.reload()
    assert isinstance(answer, Rejected)
    assert re.search(says, answer.message)
    assert (site.applied, site.loaded, site.reloader.config.tries.most) == ([], [], 3)
    assert re.search(says, str(site.reloader.told["problem"]))
    assert dict(site.facts[-1].fields)["accepted"] is False


def test_what_cannot_be_made_ready_changes_nothing(site: Site) -> None:
    """A store of certificates that is bad, say."""
    site.edit(more="\n[tries]\nmost = 7\n")

    def prepare(_merged: Config) -> Callable[[], None]:
        raise SetupError("csca: no certificate in it can be read")

    site.reloader._prepare = prepare
    answer = site.reload()
    assert isinstance(answer, Rejected)
    assert "csca" in answer.message


def test_a_mistake_of_ours_changes_nothing_either_and_the_next_try_goes(site: Site) -> None:
    def breaks() -> None:
        raise ZeroDivisionError

    site.before_reading = breaks
    assert isinstance(site.reload(), Rejected)
    site.before_reading = lambda: None
    assert site.reload() == Done({"applied": [], "refused": []})


def test_who_asks_while_it_is_read_hears_of_the_file_as_it_was_when_they_asked(site: Site) -> None:
    """The file is saved twice in a moment. Both who asked hear the same, and the newer one counts, once."""
    site.edit(more="\n[tries]\nmost = 7\n")
    edits = [lambda: None, lambda: None]

    def meanwhile() -> None:
        if edits:
            edits.clear()
            site.edit(more="\n[tries]\nmost = 9\n")
            site.reloader.order(RELOAD, site.answers.put)

    site.before_reading = meanwhile
    site.reloader.order(RELOAD, site.answers.put)
    until(lambda: not site.reloader._reading, "the file to be read", 60)
    site.reloader.look(free=True)
    answers = [site.answers.get(timeout=30) for _ in range(2)]
    assert answers == [Done({"applied": ["tries.most"], "refused": []})] * 2
    assert [each.tries.most for each in site.applied] == [9]


def test_an_order_is_written_down_with_what_came_of_it(site: Site) -> None:
    site.reload()
    (fact,) = site.facts
    assert fact.kind is FactKind.OPERATOR_ORDERED
    assert dict(fact.fields) == {"verb": "reload", "by": "uid-7", "accepted": True, "reason": "ok"}


def test_every_table_of_a_lane_file_is_either_reloaded_or_refused_by_name(site: Site) -> None:
    """One that nobody thought of is refused: the lists are of what is known to be safe."""
    fields = set(Config.__dataclass_fields__)
    assert set(RELOADED) <= fields
    assert set(STANDS_ON) <= set(RELOADED)
    assert {other for others in STANDS_ON.values() for other in others} <= fields - set(RELOADED)
    here = site.load()
    for name, value in (("bus", None), ("watcher", None), ("lane", None), ("gpio", None)):
        changed = Difference.of(here, _with(here, name, value))
        assert (changed.applied, changed.refused) == ((), (name,))


def _with(here: Config, name: str, value: object) -> Config:
    return dataclasses.replace(here, **{name: value})


# ---------------------------------------------------------------- in a supervisor


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with tempfile.TemporaryDirectory(prefix="gw-") as place, contextlib.ExitStack() as stack:
        site = Site(Path(place))
        made = Supervisor(site.load())
        stack.callback(made._files.close)
        yield made


def test_a_lane_goes_on_by_the_new_times_only_when_nobody_is_under_way(supervisor: Supervisor) -> None:
    file = supervisor._config.file
    file.write_text(file.read_text().replace("leave_s = 6.0", "leave_s = 7.5"))
    supervisor._hung_up.set()
    supervisor._tick(10.0)
    until(lambda: supervisor._reloader._ready, "the file to be read", 60)
    assert supervisor.gate.state.occupancy is Occupancy.UNKNOWN  # nobody has looked yet: somebody may be inside
    supervisor._tick(10.1)
    assert supervisor.gate._settings.timers[Timer.LEAVE] == 6.0
    at_rest = {"phase": Phase.OUT_OF_SERVICE, "occupancy": Occupancy.EMPTY}
    supervisor.gate.state = supervisor.gate.state._replace(**at_rest)
    supervisor._tick(10.2)
    assert supervisor.gate._settings.timers[Timer.LEAVE] == 7.5
    assert supervisor._orders._status[0]["reloaded"] == {"applied": ["timers.leave_s"], "refused": []}
