"""The newest picture of a camera, between the thread that receives pictures and the one that looks at them."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from gatefw.errors import DeviceError, DeviceLost

T = TypeVar("T")


class Newest(Generic[T]):
    """Holds one picture: a new one replaces one that nobody took. Silence for `stale_s` means the camera is lost.

    It takes a second fruitless `take` to say so: a process that was held up itself must not blame its camera.

    dropped: is given every picture that nobody will take any more, on whatever thread; for those that must be returned.
    """

    def __init__(
        self,
        name: str,
        stale_s: float,
        now_s: Callable[[], float] = time.monotonic,
        dropped: Callable[[T], None] = lambda _picture: None,
    ) -> None:
        self._name, self._stale_s, self._now_s, self._dropped = name, stale_s, now_s, dropped
        self._changed = threading.Condition()
        self._picture: tuple[T, float] | None = None
        self._heard_s = now_s()
        self._fruitless = 0
        self._failure: DeviceError | None = None

    def put(self, picture: T) -> None:
        """A picture was received just now."""
        with self._changed:
            self._heard_s, self._fruitless = self._now_s(), 0
            old, self._picture = self._picture, (picture, self._heard_s)
            self._changed.notify()
        self._drop(old)

    def alive(self) -> None:
        """The camera says that it is there and has no new picture."""
        with self._changed:
            self._heard_s, self._fruitless = self._now_s(), 0

    def fail(self, failure: DeviceError) -> None:
        """The receiver ends; its first cause is what `take` raises from now on."""
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[T, float] | None:
        """The picture not taken yet and when it came (monotonic seconds), or None after `timeout_s`.

        Raises DeviceLost, or what `fail` was given. A picture older than `stale_s` is dropped: it shows who stood
        there, not who stands there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._picture is not None or self._failure is not None, timeout_s)
            picture, self._picture = self._picture, None
            failure, now_s = self._failure, self._now_s()
            silent_s, self._fruitless = now_s - self._heard_s, self._fruitless + 1 if picture is None else 0
            silent = silent_s > self._stale_s and self._fruitless > 1
        if picture is not None and failure is None and now_s - picture[1] <= self._stale_s:
            return picture
        self._drop(picture)
        if failure is not None:
            raise failure
        if silent:
            raise DeviceLost(f"{self._name}: nothing for {silent_s:.1f} s; is it stuck or unplugged?")
        return None

    def _drop(self, old: tuple[T, float] | None) -> None:
        if old is not None:
            self._dropped(old[0])
