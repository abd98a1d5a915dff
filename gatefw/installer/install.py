"""The first install on a machine, the same one again, and the way to an upgrade."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gatefw.errors import SetupError
from gatefw.installer import environment, signing, stick
from gatefw.installer.machine import Machine
from gatefw.installer.places import Places, held, point, write
from gatefw.installer.stick import PUBLIC as SIGNER
from gatefw.installer.stick import Stick
from gatefw.installer.system import PUBLIC, SHARE, System, give, owner
from gatefw.installer.upgrade import STEPS, Outcome, Record, Upgrade, require_none

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be installed. `lane`: a lane file in place of the stick's own, if that has one.

    accept_key: the fingerprint of the key that this machine is to trust from now on, where it trusts none yet.
    downgrade: an older version is wanted, too.
    """

    source: Path
    lane: Path | None = None
    looked: str = ""
    accept_key: str = ""
    downgrade: bool = False


def nobody(_question: str) -> bool:
    """Is there to be asked."""
    return False


class Install:
    """Of one machine. With `dry` everything is read and checked, and `say` tells what would be done.

    agrees: whether whoever sits there says yes to what they are asked.
    """

    def __init__(
        self, places: Places, machine: Machine, say: Say, *, dry: bool = False, agrees: Callable[[str], bool] = nobody
    ) -> None:
        self._places, self._machine, self._say, self._dry, self._agrees = places, machine, say, dry, agrees
        self.kept: list[str] = []
        self._public: bytes | None = None

    def run(self, wish: Wish) -> Outcome:
        """Raises SetupError before anything is changed, and where a first install cannot be finished; OSError."""
        require_none(self._places)
        proven = self._places.version_of(self._places.proven)
        found = stick.read(wish.source, environment.target_of(self._places.root))
        self._trusted(found, wish)
        if proven is not None and stick.older(found.version, proven) and not wish.downgrade:
            raise SetupError(
                f"{found.place}: has gatefw {found.version}, and {proven} is here, which is newer; nothing changed. "
                "If the older is wanted: --downgrade (where it cannot use what the newer has stored, that comes back)"
            )
        self._say(f"gatefw {found.version} for {found.target}: checking {len(found.files)} files")
        found.verify()
        lane = self._lane(found, wish)
        if self._dry:
            return self._tell(found, proven, lane)
        environment.make(self._places, found, self._say)
        if proven in (None, found.version):
            return self._settle(found, lane)
        upgrade = Upgrade(self._places, self._machine, self._say)

        def bring() -> None:
            self._lay_out(found, lane)

        return upgrade.run(Record(proven, found.version, looked=wish.looked), bring)

    def _trusted(self, found: Stick, wish: Wish) -> None:
        """Who made it is known, or somebody vouches for the key of its maker. Raises SetupError."""
        trusted, public = self._places.root / PUBLIC, found.offered()
        self._public = public  # what is shown here is what is trusted then, whatever the stick says later
        if trusted.exists():
            try:
                signing.check(found, trusted)
            except ImportError:  # it was removed, and comes again: this Python alone can compare keys, and no more
                if public is None or public != trusted.read_bytes().strip():
                    raise SetupError(f"{found.place}: signed with another key than {trusted}; do not use it") from None
            return
        if public is None:
            if wish.accept_key:
                raise SetupError(f"{found.place}: is not signed, and --accept-key names a key; it is not that maker's")
            self._say("this stick is not signed: its files are checked for wear, and nobody says who made it")
            return
        with suppress(ImportError):  # where nothing is installed yet; from then on it is always looked at
            signing.check(found, found.place / SIGNER, public)
        shown = stick.fingerprint(public)
        if wish.accept_key:
            if _plain(wish.accept_key) != _plain(shown):
                raise SetupError(f"{found.place}: signed with key {shown}, not with {wish.accept_key}; do not use it")
            return
        told = f"this stick is signed with key {shown}, and this machine trusts no key yet"
        if self._dry:
            self._say(f"{told}: would ask for it, or for --accept-key {shown}")
        elif not self._agrees(f"{told}. From now on it takes sticks of no other. Is that the maker's key?"):
            raise SetupError(
                f"{told}; nothing was changed. Compare it with what the maker tells you (`gatefw stick make` and "
                f"`stick new-key` print it), then say so with --accept-key {shown}"
            )

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
        if self._public is not None:
            system.trust(self._public + b"\n")
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


def _plain(fingerprint: str) -> str:
    """As people write it down: with or without dashes, in either case."""
    return fingerprint.lower().replace("-", "").replace(":", "").replace(" ", "")
