"""Who may log in, and how: names, hashes of passwords, and how long somebody waits who tries too often.

A hash is scrypt's (RFC 7914) with its parameters and salt, in one line. Whoever asks with a name that is not there
waits as long for the answer as with one that is, and learns no more.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gatefw.bus_keys import Permission
from gatefw.errors import Refusal, SetupError

PASSWORD_LEAST, PASSWORD_MOST = 10, 128
COST, BLOCK, PARALLEL = 2**15, 8, 1
"""32 MiB and about 0.1 s for one try, here as there where somebody has the file."""
COST_MOST = 2**18
_MEMORY_BYTES = 512 * 1024 * 1024
_HASH = re.compile(r"scrypt:([0-9]{1,7}):([0-9]{1,2}):([0-9]{1,2}):([A-Za-z0-9+/]{22}==):([A-Za-z0-9+/]{43}=)")
FREE, NAME_WAIT_S, ADDRESS_WAIT_S = 3, 30.0, 300.0
"""Tries without a wait; then it doubles, up to so much. Of a name less: nobody is to lock an officer out for long."""
KEPT = 1024


@dataclass(frozen=True, slots=True)
class Officer:
    """name: initials or a badge, which stand in the journals of the lanes. password: its hash."""

    name: str
    password: str = field(repr=False)
    may: frozenset[Permission]
    language: str


def hashed(password: str, salt: bytes | None = None) -> str:
    """The line for the console's file. Raises Refusal: too short or too long."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise Refusal(f"password: {PASSWORD_LEAST} to {PASSWORD_MOST} characters are wanted, these are {len(password)}")
    salt = os.urandom(16) if salt is None else salt
    return _line(salt, _scrypt(password, salt, COST, BLOCK, PARALLEL))


def _line(salt: bytes, known: bytes) -> str:
    told = (base64.b64encode(each).decode() for each in (salt, known))
    return ":".join(("scrypt", str(COST), str(BLOCK), str(PARALLEL), *told))


def checked(line: str) -> str:
    """A hash as `hashed` makes it. Raises SetupError, without the line."""
    _parts(line)
    return line


def fits(password: str, line: str) -> bool:
    cost, block, parallel, salt, known = _parts(line)
    return hmac.compare_digest(_scrypt(password, salt, cost, block, parallel), known)


def _parts(line: str) -> tuple[int, int, int, bytes, bytes]:
    found = _HASH.fullmatch(line)
    try:
        cost, block, parallel = (int(each) for each in found.groups()[:3]) if found else (0, 0, 0)
        salt, known = (base64.b64decode(each, validate=True) for each in found.groups()[3:]) if found else (b"", b"")
    except binascii.Error:
        cost = block = parallel = 0
        salt = known = b""
    if not (COST <= cost <= COST_MOST and cost & (cost - 1) == 0 and block == BLOCK and 1 <= parallel <= 4):
        raise SetupError("a line that `gatefw console --hash` printed is wanted")
    return cost, block, parallel, salt, known


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    typed = password.encode(errors="surrogatepass")  # half of a character is no error of ours, and nobody's password
    return hashlib.scrypt(typed, salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY_BYTES, dklen=32)


class Officers:
    """All of one console's file. Any thread may ask."""

    def __init__(self, officers: Iterable[Officer]) -> None:
        self._by_name: Mapping[str, Officer] = {each.name: each for each in officers}
        self._nobody = _line(os.urandom(16), os.urandom(32))  # no password fits; to try one takes as long as any

    def get(self, name: str) -> Officer | None:
        return self._by_name.get(name)

    def known(self, name: str, password: str) -> Officer | None:
        """The officer whose password it is. Takes as long for a name that nobody has."""
        officer = self._by_name.get(name)
        right = fits(password[: PASSWORD_MOST + 1], officer.password if officer else self._nobody)
        return officer if right else None


def mark(officer: Officer, nonce: str = "") -> str:
    """For the browser from which they logged in, until their password is another one: it opens nothing."""
    nonce = nonce or secrets.token_hex(16)
    return f"{nonce}.{hmac.new(officer.password.encode(), nonce.encode(), hashlib.sha256).hexdigest()}"


def bears(officer: Officer | None, told: str | None) -> bool:
    """Whether what a browser has is that officer's mark."""
    if officer is None or not told:
        return False
    return hmac.compare_digest(mark(officer, told.partition(".")[0]).encode(), told.encode())


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    until_s: float = 0.0


class Throttle:
    """How long one waits who tries to log in: of a name and of an address, each by itself; a browser that bears the
    officer's mark by neither, but for its own tries: whoever tries in their name keeps them out of no desk of theirs.
    One thread alone.
    """

    def __init__(self) -> None:
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def enter(self, name: str, address: str, now_s: float, borne: str = "") -> float:
        """Seconds to wait, or 0: then this is a try, and failed until `passed` says otherwise.

        So that nobody tries often at once while the first try is still being looked at. borne: the mark of that name.
        """
        by = _by(name, address, borne)
        wait_s = max((self._tries[each].until_s for each in by if each in self._tries), default=now_s) - now_s
        if wait_s > 0:
            return wait_s
        for each, most_s in by.items():
            tries = self._of(each)
            tries.failed += 1
            if tries.failed >= FREE:
                tries.until_s = now_s + min(most_s, 2.0 ** min(tries.failed - FREE, 16))
        return 0.0

    def passed(self, name: str, address: str, borne: str = "") -> None:
        for each in _by(name, address, borne):
            self._tries.pop(each, None)

    def _of(self, key: tuple[str, str]) -> _Tries:
        """Of the newest tries. Who only asks while they wait makes room for none; a thousand names are tried slowly."""
        found = self._tries.setdefault(key, _Tries())
        self._tries.move_to_end(key)
        while len(self._tries) > KEPT:
            self._tries.popitem(last=False)
        return found


def _by(name: str, address: str, borne: str) -> dict[tuple[str, str], float]:
    """By what tries are counted, and how long a wait may grow."""
    if borne:
        return {("mark", borne): ADDRESS_WAIT_S}
    return {("name", name): NAME_WAIT_S, ("address", address): ADDRESS_WAIT_S}
