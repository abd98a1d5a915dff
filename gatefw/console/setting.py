"""The console's file: where it listens, the lanes with the keys to them, the officers."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from gatefw import private_file, settings, toml_document
from gatefw.bus_keys import ClientKey, Permission, checked_z85
from gatefw.console.lanes import Named
from gatefw.console.officers import Officer, checked
from gatefw.errors import ConfigError, SetupError, StoreError
from gatefw.events import LANE, TECHNICIAN
from gatefw.ports import Bound
from gatefw.settings import Shape
from gatefw.toml_document import Place
from gatefw.words import known

TABLES = ("console", "lane", "officer")
LANES_MOST, OFFICERS_MOST = 64, 200
_Text = Annotated[str, Shape(r"[^\x00-\x1f]{1,40}", "1 to 40 characters")]


@dataclass(frozen=True, slots=True)
class ConsoleTable:
    """names: under which browsers reach it besides this machine's own. certificate, key: files of its TLS."""

    host: str = "127.0.0.1"
    port: Annotated[int, Bound(0, 65535)] = 8092
    names: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    idle_min: Annotated[float, Bound(1, 720)] = 30.0
    longest_h: Annotated[float, Bound(0.1, 24)] = 12.0


@dataclass(frozen=True, slots=True)
class LaneTable:
    """key: the file that `gatefw keys new` wrote at that lane; what it says is replaced by what is said here."""

    name: Annotated[str, Shape(LANE.pattern, "small letters, digits and dashes, at most 40")]
    key: str
    title: _Text = ""
    group: _Text = ""
    events: str = ""
    replay: str = ""
    orders: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class OfficerTable:
    name: Annotated[str, Shape(TECHNICIAN.pattern, "initials or a badge in small letters, never a full name")]
    password: str
    may: tuple[Literal["read", "operate"], ...]
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Followed:
    named: Named
    key: ClientKey


@dataclass(frozen=True, slots=True)
class Setting:
    """What a console's file without errors holds. tls: certificate and key, None on this machine alone."""

    console: ConsoleTable
    tls: tuple[Path, Path] | None
    lanes: tuple[Followed, ...]
    officers: tuple[Officer, ...]


def read(path: Path) -> Setting:
    """Raises ConfigError with the first thing that is wrong, and the rest as notes.

    It holds hashes of passwords, so it is its owner's alone.
    """
    document = toml_document.read(path)
    if kind := _other_kind(document.table):
        raise ConfigError(str(path), None, "", f"is {kind}; `gatefw console --help` says what the console's own names")
    try:
        private_file.read(path, toml_document.FILE_BYTES)
    except StoreError as error:
        raise ConfigError(str(path), None, "", str(error).removeprefix(f"key file {path}: ")) from error
    return _Reading(document, path.absolute().parent).setting()


def _other_kind(table: Mapping[str, Any]) -> str:
    """What the file is where none of its tables but perhaps `lane` is the console's; "" for one of ours."""
    if table.keys() & {"console", "officer"} or not table.keys() - set(TABLES):
        return ""
    return "a lane file" if isinstance(table.get("lane"), Mapping) else "no console's file"


class _Reading:
    def __init__(self, document: toml_document.Document, folder: Path) -> None:
        self._document, self._folder = document, folder
        self._found: list[ConfigError] = []

    def setting(self) -> Setting:
        table = self._document.table
        for name in table.keys() - set(TABLES):
            self._error((name,), settings.unknown(name, TABLES, table))
        console = settings.build(ConsoleTable, table.get("console", {}), ("console",), self._error)
        tls = self._tls(console) if console else None
        lanes = [self._lane(*each) for each in self._tables("lane", LaneTable, LANES_MOST)]
        officers = [self._officer(*each) for each in self._tables("officer", OfficerTable, OFFICERS_MOST)]
        if self._found:
            first, *others = sorted(self._found, key=lambda each: each.line or 0)
            for each in others:
                first.add_note(str(each))
            raise first
        assert console is not None
        return Setting(console, tls, tuple(each for each in lanes if each), tuple(each for each in officers if each))

    def _error(self, place: Place, problem: str) -> None:
        document = self._document
        self._found.append(ConfigError(document.file, document.line(place), ".".join(place), problem))

    def _tables(self, name: str, kind: type[Any], most: int) -> list[tuple[Place, Any]]:
        """Of an array of tables those that can be built, each with its place; no name twice."""
        given = self._document.table.get(name, [])
        if not isinstance(given, list) or not 1 <= len(given) <= most:
            self._error((name,), f"1 to {most} tables [[{name}]] are wanted, in double brackets")
            return []
        places = [(name, str(number)) for number, _ in enumerate(given, 1)]
        built = [settings.build(kind, table, place, self._error) for table, place in zip(given, places, strict=True)]
        found: list[tuple[Place, Any]] = [
            (place, each) for place, each in zip(places, built, strict=True) if each is not None
        ]
        names: set[str] = set()
        for place, each in found:
            if each.name in names:
                self._error((*place, "name"), f"there is {each.name!r} already; each {name} has a name of its own")
            names.add(each.name)
        return found

    def _tls(self, console: ConsoleTable) -> tuple[Path, Path] | None:
        try:
            inside = ip_address(console.host).is_loopback
        except ValueError:
            self._error(("console", "host"), f"{console.host!r} is no address; 127.0.0.1 is this machine")
            return None
        if not inside and not (console.certificate and console.key and console.names):
            self._error(
                ("console", "host"),
                f"{console.host} can be reached from outside; that wants certificate and key for TLS, and names",
            )
            return None
        if not (console.certificate or console.key):
            return None
        certificate, key = self._folder / console.certificate, self._folder / console.key
        if not (console.certificate and certificate.is_file()):
            self._error(("console", "certificate"), f"there is no file {certificate}")
        self._private(("console", "key"), key)
        if not self._found:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
            except OSError as error:  # which an SSLError is
                self._error(("console", "certificate"), f"cannot be used with its key: {error}; both are wanted as PEM")
        return certificate, key

    def _private(self, place: Place, path: Path) -> None:
        try:
            private_file.read(path, toml_document.FILE_BYTES)
        except SetupError as error:
            self._error(place, str(error))

    def _lane(self, place: Place, table: LaneTable) -> Followed | None:
        try:
            key = ClientKey.read(self._folder / table.key)
            if table.server:
                checked_z85(table.server, "server")
        except SetupError as error:
            self._error((*place, "key"), str(error))
            return None
        said = {name: getattr(table, name) for name in ("events", "replay", "orders", "server")}
        key = replace(key, **{name: value for name, value in said.items() if value})
        for name in ("events", "replay", "orders"):
            if not getattr(key, name).startswith(("ipc://", "tcp://")):
                self._error((*place, name), f"{getattr(key, name)!r} is no address: ipc://FILE or tcp://HOST:PORT")
        return Followed(Named(table.name, table.title or table.name, table.group), key)

    def _officer(self, place: Place, table: OfficerTable) -> Officer | None:
        language = known(table.language)
        if language is None:
            self._error((*place, "language"), f"{table.language!r} is not there; there are en, zh_HK, zh_CN")
        try:
            checked(table.password)
        except SetupError as error:
            self._error((*place, "password"), str(error))
            return None
        return Officer(table.name, table.password, frozenset(Permission(each) for each in table.may), language or "en")


Reader = Callable[[], Setting]
