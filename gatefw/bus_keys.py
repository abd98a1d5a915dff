"""Keys of the event bus: the gate's own, and who else may connect to do what.

Every key is a CURVE key pair (Curve25519). A client's secret is in its own file and nowhere else; the gate keeps the
public half, under a name, with what it may do. Names stand in the journal: they say which desk or program it is, never
who a person is.
"""

import json
import os
import re
import stat
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import zmq
from zmq.utils import z85

from gatefw import private_file
from gatefw.errors import Refusal, SetupError, StoreError
from gatefw.events import KEY_NAME
from gatefw.key_ring import KeyRing
from gatefw.keys import load_or_create, read

LOCAL = "local"
"""The key of whoever may read the runtime directory: made by the daemon, kept in no store, allowed everything."""
MOST = 64
FILE_BYTES = 4096
STORE_BYTES = 64 * 1024
Z85 = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


class Permission(StrEnum):
    """What a key may do; none includes another."""

    READ = "read"  # events, the replay, and how the lane is
    OPERATE = "operate"  # what an officer orders of the lane
    MAINTAIN = "maintain"  # what a technician orders, and orders about people


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the three sockets of a bus are."""

    events: str
    replay: str
    orders: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Who holds the secret to `public` (Z85), and what they may do."""

    name: str
    public: str
    may: frozenset[Permission]


@dataclass(frozen=True, slots=True)
class ClientKey:
    """All that a client needs: its pair, the gate's public key, where the gate is. Keys are in Z85."""

    name: str
    public: str
    secret: str
    server: str
    events: str
    replay: str
    orders: str

    def __repr__(self) -> str:
        return f"ClientKey({self.name!r})"

    @classmethod
    def read(cls, path: Path) -> "ClientKey":
        """Of a client's file. Raises SetupError: not there, open to others, or no such file."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                status, content = os.fstat(descriptor), file.read(FILE_BYTES)
        except OSError as error:
            raise SetupError(
                f"bus key {path}: cannot be read: {error.strerror}; the daemon makes one beside its sockets, "
                "`gatefw keys new` others"
            ) from error
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise SetupError(f"bus key {path}: mode {stat.S_IMODE(status.st_mode):04o} is open to others; chmod 0600")
        try:
            told = {name: str(value) for name, value in json.loads(content).items()}
            key = cls(**told)
        except (ValueError, TypeError, AttributeError) as error:
            names = ", ".join(each.name for each in fields(cls))
            raise SetupError(f"bus key {path}: a JSON object with {names} is wanted; make another one") from error
        for half in (key.public, key.secret, key.server):
            checked_z85(half, f"bus key {path}")
        return key

    def write(self, path: Path) -> None:
        """Over whatever is there, mode 0600; never half of it. Raises StoreError."""
        _write(path, asdict(self))


def checked_z85(text: object, where: str) -> str:
    """A public or secret key in Z85. Raises SetupError, without the text: it may be a secret."""
    if not isinstance(text, str) or not Z85.fullmatch(text):
        raise SetupError(f"{where}: a key of 40 characters in Z85 is wanted")
    return text


def new_pair() -> tuple[str, str]:
    """A public and a secret key."""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


class Keyholders:
    """Who may use one gate's bus, in `store`, and the gate's own key, a file in `keys`. Any thread may use it.

    `local` is written to `local_file` for whoever may read that, and kept while it is one of ours. Raises StoreError.
    """

    def __init__(self, keys: Path, store: Path, local_file: Path, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._keys, self._store, self._local_file = keys, store, local_file
        self._lock = threading.Lock()
        self._number, self._grants = _read(store) if store.exists() else (1, {})
        self._secret = load_or_create(self._key_file, store.exists())
        self._save(self._grants)
        self._local = self._written_local()

    @property
    def server(self) -> tuple[str, str]:
        """The gate's public and secret key."""
        secret = z85.encode(self._secret)
        return zmq.curve_public(secret).decode(), secret.decode()

    def holder(self, public: str) -> Grant | None:
        """Whose key this is; nobody's is the answer to every other text."""
        with self._lock:
            return self._local if public == self._local.public else self._grants.get(public)

    def listed(self) -> list[Grant]:
        """All that were made and not revoked, by name."""
        with self._lock:
            return sorted(self._grants.values(), key=lambda each: each.name)

    def grant(self, name: str, public: str, may: Iterable[Permission]) -> Grant:
        """From now on that key may do this. Raises Refusal, StoreError."""
        made = Grant(name, public, frozenset(may))
        if not KEY_NAME.fits(name) or name == LOCAL:
            raise Refusal(f"key name: {KEY_NAME.says} is wanted, and not {LOCAL}")
        if not made.may:
            raise Refusal(f"key {name}: what it may do is wanted: {', '.join(Permission)}")
        with self._lock:
            if public in {self._local.public, *self._grants} or name in {each.name for each in self._grants.values()}:
                raise Refusal(f"key {name}: that name or key is there already; revoke it first, or choose another name")
            if len(self._grants) >= MOST:
                raise Refusal(f"key {name}: there are {MOST} keys already; revoke one that is not used")
            self._save(self._grants | {public: made})
        return made

    def revoke(self, name: str) -> Grant:
        """Nobody has that key any more; what is connected is not ended here. Raises Refusal, StoreError."""
        with self._lock:
            gone = next((each for each in self._grants.values() if each.name == name), None)
            if gone is None:
                have = ", ".join(sorted(each.name for each in self._grants.values())) or "none"
                raise Refusal(f"key {name[:40]!r}: there is no such key; there are {have}")
            self._save({public: each for public, each in self._grants.items() if each is not gone})
        return gone

    def rotate(self) -> str:
        """Another key for the gate itself, and for `local`: whoever knew the old one reaches nobody. Returns its public
        half. A crash leaves the old one or the new one. Raises StoreError."""
        with self._lock:
            old = self._key_file
            self._number += 1
            try:
                self._secret = load_or_create(self._key_file, store_exists=False)
                self._save(self._grants)
            except StoreError:
                self._number -= 1
                self._secret = read(old)
                raise
            KeyRing(self._keys).destroy(old)
            self._local = self._written_local()
        return self.server[0]

    @property
    def _key_file(self) -> Path:
        return self._keys / f"bus-{self._number}.key"

    def _save(self, grants: dict[str, Grant]) -> None:
        told = {each.name: {"public": each.public, "may": sorted(each.may)} for each in grants.values()}
        _write(self._store, {"server": self._number, "keys": told})
        self._grants = grants

    def _written_local(self) -> Grant:
        """The key beside the sockets. It stays while it fits: whoever follows the gate goes on after a restart."""
        where = asdict(self.endpoints) | {"name": LOCAL, "server": self.server[0]}
        try:
            key = ClientKey.read(self._local_file)
            kept = self._local_file.stat().st_uid == os.geteuid() and asdict(key).items() >= where.items()
        except SetupError:
            kept = False
        if not kept:
            public, secret = new_pair()
            key = ClientKey(public=public, secret=secret, **where)
            try:
                self._local_file.unlink(missing_ok=True)  # whoever put it there: nothing is written into it
            except OSError as error:
                raise StoreError(f"bus key {self._local_file}: {error.strerror}; move it away") from error
            key.write(self._local_file)
        return Grant(LOCAL, key.public, frozenset(Permission))


def _read(store: Path) -> tuple[int, dict[str, Grant]]:
    try:
        content = json.loads(private_file.read(store, STORE_BYTES))
        grants = [_granted(name, told) for name, told in content["keys"].items()]
        return int(content["server"]), {each.public: each for each in grants}
    except (ValueError, KeyError, TypeError, AttributeError, SetupError) as error:
        raise StoreError(
            f"bus keys {store}: cannot be used ({error}); restore it from backup, or remove it with the keys bus-*.key "
            "and make every client's key anew"
        ) from error


def _granted(name: str, told: Mapping[str, Any]) -> Grant:
    if not KEY_NAME.fits(name):
        raise ValueError("a name that is none")
    return Grant(name, checked_z85(told["public"], name), frozenset(Permission(each) for each in told["may"]))


def _write(path: Path, content: Mapping[str, object]) -> None:
    private_file.replace(path, json.dumps(content, indent=1).encode() + b"\n")
