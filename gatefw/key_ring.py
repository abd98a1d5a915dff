"""The keys in one directory, all kept in one way, and how they come to be kept in another.

    root.json          which root they are wrapped with; not there where they are not wrapped
    NAME.key           a key
    destroyed.jsonl    the last keys that were destroyed, when, and where they had been

A change of root is three steps, each durable before the next: the new root is kept; every key is wrapped with it; the
old root is forgotten. root.json says how far that has come, so whatever a crash leaves is finished by the next start or
destruction, and in between every key opens. It is also how a key is destroyed where roots are in a TPM: the key's file
is erased, all the others get a new root, and the TPM forgets the old one, without which no copy of the file opens that
flash memory, a snapshot or a backup may have kept.

Any thread, any process: who changes something holds a lock on the directory; who reads does not wait for it.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from gatefw import key_root, key_state, private_file
from gatefw.errors import StoreError
from gatefw.keeping import Keeping, Provider
from gatefw.key_root import WRAPPED_BYTES_MAX, OpenTpm, Root, Wrapped
from gatefw.key_state import Destroyed, State
from gatefw.tpm import Tpm

LOCK_S, TRIES = 30.0, 5

_secrets: dict[Path, tuple[str, bytes]] = {}
"""The root of each directory that was used last: a TPM takes some tenths of a second to give one."""
_secrets_lock = threading.Lock()


class KeyRing:
    """The keys in `directory`. Every method raises StoreError. `before` is told each step of a change before it is
    done: there a crash is tried."""

    def __init__(
        self, directory: Path, open_tpm: OpenTpm = Tpm, before: Callable[[str], None] = lambda _step: None
    ) -> None:
        self.directory, self._open_tpm, self._before = directory.absolute(), open_tpm, before

    # ---------------------------------------------------------------- looking

    def state(self) -> State:
        return State.read(self.directory)

    def get(self, path: Path) -> tuple[bytes, tuple[Provider, ...]] | None:
        """A key, and every provider it was ever kept by; None when it was destroyed and only its file is still there.

        Raises StoreError: also when it lies here unwrapped while all others are wrapped.
        """
        for _ in range(TRIES):  # its root may change, and the old one be forgotten, while we are at it
            found = Wrapped.read(private_file.read(path, WRAPPED_BYTES_MAX), path)
            if found is None:
                return None
            if found.root and (held := self._held(found.root)):
                return found.key(held, path), found.lived
            state = self.state()
            root = next((each for each in (state.root, state.next) if each and each.id == found.root), None)
            if root is not None:
                with suppress(_Forgotten):
                    return found.key(self._secret(root, state), path), found.lived
            elif not found.root:
                raise StoreError(
                    f"key file {path}: is not wrapped, as others here are; `gatefw secrets migrate` does it"
                )
            elif state == self.state():
                raise StoreError(
                    f"key file {path}: is wrapped with root {found.root}, and {self.directory / key_state.STATE} "
                    f"{'knows another one' if state.root.id else 'is not there'}; restore it from backup"
                )
        raise StoreError(f"key file {path}: its root changes again and again; try once more")

    def names(self) -> list[str]:
        """Every key file, in order, also those that are destroyed."""
        try:
            return sorted(path.stem for path in self.directory.glob("*.key"))
        except OSError as error:
            raise StoreError(f"keys {self.directory}: {error.strerror}; give it back to us") from error

    def destroyed(self) -> list[Destroyed]:
        """The last that were, the newest last."""
        return key_state.destroyed(self.directory)

    # ---------------------------------------------------------------- changing

    def create(self, path: Path, key: bytes) -> bool:
        """Keep a new key; False when there was one, which stays."""
        with self._locked():
            state = self._finished(self.state())
            secret = self._secret(state.root, state)
            return private_file.create(path, key_root.wrapped(key, (), state.root, secret, path).written())

    def require(self, wanted: Keeping) -> None:
        """Have the keys kept as the lane file says, or say that they are not; what a crash left is finished.

        A directory without keys begins as is wanted. Raises StoreError: they are kept otherwise, or no root is there.
        """
        if wanted.provider is Provider.FILE and not os.path.lexists(self.directory / key_state.STATE):
            return
        with self._locked():
            state = self._finished(self.state())
            if not state.root.id and not self.names() and wanted.provider is not Provider.FILE:
                state = self._changed(state, wanted)
            if not state.root.keeping.same_as(wanted):
                raise StoreError(
                    f"keys {self.directory}: are kept by {state.root.keeping.provider}, the lane file wants "
                    f"{wanted.provider}, or it otherwise; stop the gate and run `gatefw secrets migrate`"
                )
            if state.root.keeping != wanted:  # the same TPM, reached another way
                state = replace(state, root=replace(state.root, keeping=wanted))
                state.save(self.directory)
            self._secret(state.root, state)

    def migrate(self, wanted: Keeping) -> bool:
        """Keep the keys as is wanted from now on; False when they were."""
        with self._locked():
            state = self._finished(self.state())
            if state.root.keeping.same_as(wanted):
                return False
            self._changed(state, wanted)
            return True

    def destroy(self, path: Path) -> None:
        """Make a key unreadable for ever, then its name disappear; nothing happens when that was done before.

        To be repeated when it is interrupted. Whether it is proven, `destroyed` says.
        """
        if not self.directory.is_dir():
            return
        with self._locked():
            state = self._finished(self.state())
            if os.path.lexists(path):
                state = replace(state, ending=Destroyed(path.stem, time.time(), self._lived(path)))
                if state.root.keeping.provider is Provider.TPM:
                    self._before("intend")
                    state.save(self.directory)
                self._erase(path)
                self._ended(state)
            for name in (path.name, key_state.STATE, key_state.DESTROYED):
                for unborn in self.directory.glob(f".{name}.*"):  # of a process that was cut off while it wrote this
                    unborn.unlink(missing_ok=True)
            private_file.sync_directory(self.directory)

    # ---------------------------------------------------------------- inside, while the directory is ours

    def _finished(self, state: State) -> State:
        """What a crash cut off is done now."""
        if state.settled:
            return state
        if state.ending:
            self._erase(self.directory / f"{state.ending.name}.key")
        if state.next:
            return self._let_go(self._moved(state))
        return self._let_go(state) if state.old else self._ended(state)

    def _ended(self, state: State) -> State:
        """The rest of a destruction, when the file is gone: its root goes too, where roots can be forgotten."""
        in_tpm = state.root.keeping.provider is Provider.TPM
        return self._changed(state, state.root.keeping) if in_tpm else self._let_go(state)

    def _changed(self, state: State, wanted: Keeping) -> State:
        """Another root, for every key."""
        stays = state.root.keeping.provider is wanted.provider is Provider.TPM
        root, secret = key_root.fresh(wanted, state.root.index ^ 1 if stays else 0, self._open_tpm)
        state = replace(state, next=root)
        self._before("mark")
        state.save(self.directory)
        self._before("keep")
        key_root.keep(root, secret, self._open_tpm)
        return self._let_go(self._moved(state))

    def _moved(self, state: State) -> State:
        """Every key has the next root, which takes the place of the one before."""
        paths = [self.directory / f"{name}.key" for name in self.names()]
        found = {path: Wrapped.read(private_file.read(path, WRAPPED_BYTES_MAX), path) for path in paths}
        root = state.next
        assert root is not None
        if all(each is None or each.root != root.id for each in found.values()):
            root = self._kept(root, state)
        before, after = self._secret(state.root, state), self._secret(root, state)
        for path, each in found.items():
            if each is not None and each.root != root.id:
                self._before(f"wrap {path.stem}")
                key = each.key(before, path)
                write = private_file.put if each.root else private_file.replace  # only a plain key is worth overwriting
                write(path, key_root.wrapped(key, each.lived, root, after, path).written())
        private_file.sync_directory(self.directory)
        self._before("switch")
        state = replace(state, root=root, next=None, old=state.root)
        state.save(self.directory)
        return state

    def _kept(self, root: Root, state: State) -> Root:
        """The next root, on which nothing hangs yet; another one, if it is not where it belongs."""
        try:
            key_root.secret_of(root, self._open_tpm)
            return root
        except StoreError:
            root, secret = key_root.fresh(root.keeping, root.index, self._open_tpm)
        replace(state, next=root).save(self.directory)
        key_root.keep(root, secret, self._open_tpm)
        return root

    def _let_go(self, state: State) -> State:
        """The old root is forgotten; that a key is destroyed is true now, and written down."""
        if state.old:
            self._before("forget")
            key_root.forget(state.old, self._open_tpm)
        if state.ending:
            self._before("tell")
            key_state.tell(self.directory, state.ending)
        if not state.settled:
            state = State(state.root)
            self._before("settle")
            state.save(self.directory)
        return state

    def _lived(self, path: Path) -> tuple[Provider, ...]:
        """Of a key that may be damaged, or open to others: then nobody knows where else it was."""
        try:
            found = Wrapped.read(private_file.read(path, WRAPPED_BYTES_MAX), path)
            return found.lived if found else (Provider.FILE,)
        except StoreError:
            return (Provider.FILE,)

    def _erase(self, path: Path) -> None:
        self._before("erase")
        private_file.overwrite(path)
        self._before("unlink")
        path.unlink(missing_ok=True)
        private_file.sync_directory(self.directory)

    def _secret(self, root: Root, state: State) -> bytes:
        """The secret of a root. Raises _Forgotten: another process has changed the root meanwhile."""
        if not root.id:
            return b""
        if held := self._held(root.id):
            return held
        try:
            secret = key_root.secret_of(root, self._open_tpm)
        except StoreError as error:
            raise error if state == self.state() else _Forgotten(str(error)) from error
        with _secrets_lock:
            _secrets[self.directory] = root.id, secret
        return secret

    def _held(self, root: str) -> bytes | None:
        with _secrets_lock:
            found = _secrets.get(self.directory)
        return found[1] if found and found[0] == root else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            private_file.make_directory(self.directory)
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"keys {self.directory}: cannot be created: {error.strerror}") from error
        try:
            ends_s = time.monotonic() + LOCK_S
            while not _taken(descriptor):
                if time.monotonic() > ends_s:
                    raise StoreError(f"keys {self.directory}: another process has been changing them for {LOCK_S:g} s")
                time.sleep(0.02)  # a lock on a file is waited for without end, or not at all
            yield
        except OSError as error:
            raise StoreError(f"keys {self.directory}: {error.filename or 'a key'}: {error.strerror}") from error
        finally:
            os.close(descriptor)


class _Forgotten(StoreError):
    """A root that was the right one a moment ago."""


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
