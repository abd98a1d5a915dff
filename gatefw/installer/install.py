"""The first install on a machine, the same one again, and the way to an upgrade."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gatefw.errors import SetupError
from gatefw.installer import environment, signing, stick
from gatefw.installer.machine import Machine
from gatefw.installer.places import Places, held, point, write
from gatefw.installer.stick import Stick
from gatefw.installer.system import PUBLIC, SHARE, System, give, owner
from gatefw.installer.upgrade import STEPS, Outcome, Record, Upgrade, read

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be installed. `lane`: a lane file in place of the stick's own, if that has one."""

    source: Path
    lane: Path | None = None
    looked: str = ""


class Install:
    """Of one machine. With `dry` everything is read and checked, and `say` tells what would be done."""

    def __init__(self, places: Places, machine: Machine, say: Say, *, dry: bool = False) -> None:
        self._places, self._machine, self._say, self._dry = places, machine, say, dry
        self.kept: list[str] = []

    def run(self, wish: Wish) -> Outcome:
        """Raises SetupError before anything is changed, and where a first install cannot be finished; OSError."""
        if (under_way := read(self._places)) is not None:
            raise SetupError(
                f"an upgrade to gatefw {under_way.to} was interrupted at {under_way.step}; finish it first: "
                "gatefw install --recover"
            )
        found = self._checked(stick.read(wish.source, environment.target_of(self._places.root)))
        lane = self._lane(found, wish)
        proven = self._places.version_of(self._places.proven)
        if self._dry:
            return self._tell(found, proven, lane)
        environment.make(self._places, found, self._say)
        if proven in (None, found.version):
            return self._settle(found, lane)
        upgrade = Upgrade(self._places, self._machine, self._say)

        def bring() -> None:
            self._lay_out(found, lane)

        return upgrade.run(Record(proven, found.version, looked=wish.looked), bring)

    def _checked(self, found: Stick) -> Stick:
        trusted = self._places.root / PUBLIC
        if trusted.exists():
            signing.check(found, trusted)
        self._say(f"gatefw {found.version} for {found.target}: checking {len(found.files)} files")
        found.verify()
        return found

    def _lane(self, found: Stick, wish: Wish) -> bytes | None:
        if wish.lane is not None:
            try:
                return wish.lane.read_bytes()
            except OSError as error:
                raise SetupError(f"{wish.lane}: cannot be read: {error.strerror}") from error
        return found.content("lane.toml") if "lane.toml" in found.files else None

    def _settle(self, found: Stick, lane: bytes | None) -> Outcome:
        """The first install, or the same version again, which mends what is not as it was laid out."""
        system = self._lay_out(found, lane)
        first = self._places.version_of(self._places.proven) is None
        if first or self._places.version_of(self._places.current) != found.version:
            point(self._places.current, found.version)
        elif not system.changed:
            self._say(f"gatefw {found.version} is installed, nothing was to do")
            return Outcome(found.version)
        self._machine.settle()
        if not self._places.lane.exists():
            self._say(f"{self._places.lane}: no lane file yet, so nothing is started; put it there, and install again")
            return Outcome(found.version)
        if first and (problems := self._machine.self_test(found.version)):
            raise SetupError(
                f"gatefw {found.version} is not put into service: {'; '.join(problems)}; install again then"
            )
        system.enable()
        point(self._places.proven, found.version)
        if first:
            self._machine.start(in_service=True)
        return Outcome(found.version)

    def _lay_out(self, found: Stick, lane: bytes | None) -> System:
        system = System(self._places, self._say)
        system.lay_out(self._places.programs / found.version / SHARE, lane)
        if (public := signing.offered(found)) is not None:
            system.trust(public)
        self.kept = system.kept
        self._models(found)
        return system

    def _models(self, found: Stick) -> None:
        """Finished models into vision's store, cards last; a second time only looks.

        Vision may put links there, and decodes what strangers show it: root follows none.
        """
        names = found.named("models")
        if not names:
            return
        who = owner(self._places, "gatefw-vision", "gatefw")
        self._places.vision.mkdir(mode=0o700, parents=True, exist_ok=True)
        with held(self._places.vision) as store:
            give(store, who)
            (store / "models").mkdir(mode=0o700, exist_ok=True)
            with held(store / "models") as folder:
                give(folder, who)
                for name in sorted(names, key=lambda each: each.endswith(".toml")):
                    self._model(folder / PurePosixPath(name).name, found, name, who)

    def _model(self, path: Path, found: Stick, name: str, who: tuple[int, int]) -> None:
        there = path.is_file() and not path.is_symlink()
        if there and hashlib.sha256(path.read_bytes()).hexdigest() == found.files[name]:
            return
        self._say(f"model file {path.name}")
        write(path, found.content(name), who=who)

    def _tell(self, found: Stick, proven: str | None, lane: bytes | None) -> Outcome:
        """What would be done, and nothing of it."""
        if not environment.complete(self._places, found):
            self._say(f"would unpack {len(found.named('wheels'))} wheels into {self._places.programs / found.version}")
        if proven in (None, found.version):
            self._say("would lay out users, units, rules and models" + (", and the lane file" if lane else ""))
            self._say("would test it and start it" if proven is None else "would mend what differs, and start nothing")
        else:
            self._say(f"would go from gatefw {proven} to {found.version}: {', '.join(STEPS)}")
        return Outcome(proven or "")
