"""The world in real time: one loop over sockets, scanners and physics. No threads."""

import contextlib
import json
import math
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.sim.authority import AuthorityCounter, of_settings
from hw.sim.cameras import Cameras
from hw.sim.control import Control
from hw.sim.history import Entry
from hw.sim.lines import Lines
from hw.sim.passport_office import CSCA, DocumentTray, PassportOffice, chip_socket
from hw.sim.peers import Listener, Peer
from hw.sim.physics import World
from hw.sim.pins import PinTable
from hw.sim.scanner import Scanner
from hw.sim.settings import CONTROL, PINS, WorldSettings


@dataclass(frozen=True, slots=True)
class Options:
    """How a world is run. `keep`: outputs of a dead process stay as driven. `until_eof`: the world ends with stdin."""

    directory: Path
    settings: WorldSettings
    keep: bool = False
    until_eof: bool = False


class Server:
    """Serves one world in a directory. Raises OSError when the sockets or ptys cannot be made there."""

    def __init__(self, options: Options) -> None:
        settings = options.settings
        self._running = True
        self.world = World(settings, time.monotonic())
        self._pins = PinTable(self.world, keep=options.keep)
        self._scanners = {
            name: Scanner(options.directory / f"tty-{name}", each, self.world.note)
            for name, each in settings.scanners.items()
        }
        self._lines = Lines(options.directory, settings.lines, self.world, self.world.note)
        self._selector = selectors.DefaultSelector()
        self._cameras = Cameras(
            self._selector, options.directory, settings.cameras, settings.photos, settings.frames_per_s
        )
        self._office = PassportOffice()
        self._trays = {
            name: DocumentTray(self._selector, options.directory / chip_socket(name)) for name in settings.documents
        }
        self._authorities = {name: of_settings(name, each, time.time) for name, each in settings.authorities.items()}
        self._counters = [
            AuthorityCounter(self._selector, options.directory / f"authority-{name}.sock", authority)
            for name, authority in self._authorities.items()
        ]
        if self._trays:
            self._office.believe(options.directory / CSCA)
        self._control = Control(
            self.world, self._pins, self._scanners, self._cameras, self._lines, self._office, self._authorities
        )
        self.world.on_present, self.world.on_lay = self._present, self._lay
        self.world.history.follow(self._publish)
        self._subscribers: list[Peer] = []
        self._pin_clients = Listener(self._selector, options.directory / PINS, self._on_pins, self._pins_gone)
        self._control_clients = Listener(
            self._selector, options.directory / CONTROL, self._on_control, self._unsubscribe
        )
        self._woken, self._wake = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, lambda _mask: None)
        if options.until_eof:
            self._selector.register(sys.stdin, selectors.EVENT_READ, self._on_stdin)

    def run(self) -> None:
        """Serve until `stop`, or until stdin ends (with `until_eof`)."""
        while self._running:
            watched = self._watch_lines()
            ready = self._selector.select(self._wait_s())
            for fileno in watched:
                self._selector.unregister(fileno)
            self.world.advance(time.monotonic())
            for key, mask in ready:
                obey: Callable[[int], None] = key.data
                obey(mask)
            self._catch_up()

    def stop(self) -> None:
        """End `run`. For a signal handler: one that raises would leave locks of whoever it interrupts held."""
        self._running = False
        with contextlib.suppress(OSError):  # closed already
            self._wake.send(b"x")

    def close(self) -> None:
        for listener in (self._pin_clients, self._cameras, self._control_clients):
            listener.close()
        for tray in self._trays.values():
            tray.close()
        for counter in self._counters:
            counter.close()
        for scanner in self._scanners.values():
            scanner.close()
        self._lines.close()
        self._selector.close()
        self._woken.close()
        self._wake.close()

    def _watch_lines(self) -> list[int]:
        """Lines come and go with their plugs: what is there now is watched for one round."""
        filenos = self._lines.filenos()
        for fileno in filenos:
            self._selector.register(fileno, selectors.EVENT_READ, lambda _mask: None)
        return filenos

    def _wait_s(self) -> float | None:
        due_s = min(
            self.world.next_s(),
            self._lines.next_s(),
            self._cameras.next_s(),
            *(scanner.next_s() for scanner in self._scanners.values()),
            math.inf,
        )
        return None if math.isinf(due_s) else max(0.0, due_s - time.monotonic())

    def _catch_up(self) -> None:
        """Let pass what time has passed, then tell everybody what they can see of it."""
        now_s = time.monotonic()
        self.world.advance(now_s)
        for owner, message in self._pins.changes():
            assert isinstance(owner, Peer)
            owner.send_json(message)
        for scanner in self._scanners.values():
            scanner.advance(now_s)
        self._lines.advance(now_s)
        self._cameras.advance(now_s, self.world)

    def _present(self, scanner: str, code: bytes) -> None:
        if scanner in self._scanners:
            self._scanners[scanner].present(code, time.monotonic())
        elif scanner in self._lines.named:
            self._lines.obey(scanner, {"act": "present", "with": {"code": code}}, time.monotonic())
        elif not self._cameras.hold_up(scanner, code, time.monotonic()):
            self.world.note("fault", what="no_scanner", at=scanner)

    def _lay(self, device: str, what: Mapping[str, object] | None) -> None:
        """A finger on its sensor, a document on its reader; None takes away what lies there."""
        if device in self._trays:
            self._trays[device].lay(None if what is None else self._office.chip(what.get("document")))
        elif device in self._lines.named:
            act = {"act": "lift"} if what is None else {"act": "lay", "with": what}
            self._lines.obey(device, act, time.monotonic())
        else:
            self.world.note("fault", what="no_device", at=device)

    def _on_pins(self, peer: Peer, line: bytes) -> None:
        try:
            answers = self._pins.handle(peer, _message(line))
        except ValueError as problem:
            self.world.note("fault", what="bad_message", at=PINS, why=str(problem))
            peer.send_json({"refused": None, "why": str(problem)})
            peer.close()
            return
        for answer in answers:
            peer.send_json(answer)

    def _pins_gone(self, peer: Peer) -> None:
        self._pins.gone(peer)

    def _on_control(self, peer: Peer, line: bytes) -> None:
        try:
            message = _message(line)
        except ValueError as problem:
            peer.send_json({"ok": False, "why": str(problem)})
            return
        if message.get("do") != "subscribe":
            peer.send_json(self._control.obey(message))
            return
        peer.send_json({"ok": True})
        for entry in self.world.history.since(0):
            peer.send_json(entry.to_json())
        self._subscribers.append(peer)

    def _publish(self, entry: Entry) -> None:
        for peer in list(self._subscribers):
            peer.send_json(entry.to_json())

    def _unsubscribe(self, peer: Peer) -> None:
        if peer in self._subscribers:
            self._subscribers.remove(peer)

    def _on_stdin(self, _mask: int) -> None:
        self._running = bool(os.read(sys.stdin.fileno(), 4096))


def _message(line: bytes) -> dict[str, Any]:
    """Raises ValueError for what is not one JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"{line[:80]!r} is not a JSON object")
    return message
