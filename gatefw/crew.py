"""From a lane file to the workers that own its devices, and to what the Gate is told about them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import hw
from gatefw import keys
from gatefw.authority_desk import CLEARANCE_RECORDS, AuthorityDesk
from gatefw.authority_seal import sealing_key
from gatefw.authority_wire import Addressee, Sender
from gatefw.authority_worker import AuthorityWorker
from gatefw.clearance import Terms, beginning
from gatefw.clearance_writer import Correspondent
from gatefw.config import Config
from gatefw.config_tables import Device, Documents
from gatefw.device_secrets import Installer
from gatefw.errors import DeviceError, SetupError
from gatefw.finger_worker import FingerOf, FingerWorker
from gatefw.gate import GateSettings
from gatefw.gate_terms import Drive, Drop, GateInput
from gatefw.lane_terms import Policy
from gatefw.leases import NEEDS_COMMIT
from gatefw.model import AskAuthorities, DoorId, Phase, Purpose, Question, ReadDocument, Reason, RunId, VerifyFinger
from gatefw.ports import AuthoritySettings
from gatefw.questions import Answers
from gatefw.signed_token import public_key
from gatefw.vision_desk import VISION
from gatefw.watcher import SOCKET, WatcherLine
from gatefw.worker import STUCK_S, Worker
from gatefw.workers import DoorWorker, IndicatorWorker, LastResort, ReaderWorker, SensorsWorker
from hw.link import node_there

if TYPE_CHECKING:  # X.509 with it, which is much for a start without a reader of documents
    from gatefw.document_worker import DocumentWorker, Trusted

WATCHER = "watcher"
WATCHER_POLL_S = 0.5
LOOK_S = 0.25  # a door that moved unbidden waits so long for the sensors to be read again


class WatcherWorker(Worker[WatcherLine]):
    """Keeps the line to the watcher; the beat is the loop's, so that it stops when the loop does."""

    def turn(self, device: WatcherLine) -> None:  # noqa: ARG002  a line that broke is found by the next beat
        self._rest(WATCHER_POLL_S if self.progress else 0.0)

    def beat(self) -> None:
        device = self.device
        try:
            if device is not None:
                device.beat()
        except DeviceError as error:
            self.fail(error)


@dataclass(frozen=True)
class Crew:
    """The workers of one lane. `door_path` are those without which nobody knows what a door does."""

    doors: dict[DoorId, DoorWorker]
    last_resort: LastResort
    sensors: list[SensorsWorker]
    readers: list[ReaderWorker]
    indicators: list[IndicatorWorker]
    answering: dict[type[Question], Answers]
    """Who answers what; a device that the lane file does not have is not there."""
    watcher: WatcherWorker | None
    correspondents: list[AuthorityWorker] = field(default_factory=list)
    """Who keeps the lines to the authorities, in the service of their desk."""
    installers: dict[str, Installer] = field(default_factory=dict)
    """How each device is opened, by its name in events, or given its first secret."""

    @property
    def finger_sensor(self) -> FingerWorker | None:
        found = self.answering.get(VerifyFinger)
        return found if isinstance(found, FingerWorker) else None

    @property
    def document_reader(self) -> "DocumentWorker | None":
        return cast("DocumentWorker | None", self.answering.get(ReadDocument))

    @property
    def door_path(self) -> list[Worker[Any]]:
        return [*self.doors.values(), *self.sensors]

    @property
    def all(self) -> list[Worker[Any]]:
        watcher = [self.watcher] if self.watcher else []
        asked = [each for each in dict.fromkeys(self.answering.values()) if isinstance(each, Worker)]
        return [*self.door_path, *self.readers, *self.indicators, *asked, *self.correspondents, *watcher]

    def drive(self, effect: Drive | Drop) -> None:
        """What the Gate wants of a door; at once."""
        match effect:
            case Drive(door, lease_s, purpose) if purpose in NEEDS_COMMIT:
                self.last_resort.let_through(door, lease_s)
            case Drive(door, lease_s, Purpose.EMERGENCY):
                self.doors[door].free(lease_s)
            case Drive(door, lease_s):
                self.doors[door].let_out(lease_s)
            case Drop(door):
                self.doors[door].drop()

    def show(self, phase: Phase, reason: Reason | None, invites: bool) -> None:
        """To whoever sees a lamp or a reader. `invites`: readers show that they read: they are for whoever comes."""
        for indicator in self.indicators:
            indicator.show(phase, reason)
        for reader in self.readers:
            reader.show(Phase.IDLE if invites else phase, reason)

    def cancel(self, run: RunId) -> None:
        """The run is over: no device is asked for it any more."""
        for asked in self.answering.values():
            asked.cancel(run)

    def start(self) -> None:
        for worker in self.all:
            worker.start()

    def stop(self) -> None:
        """All end at once, and each closes its device; those that hang are waited for together, not one by one."""
        for worker in self.all:
            worker.end()
        ends_s = time.monotonic() + STUCK_S
        for worker in self.all:
            worker.stop(max(0.0, ends_s - time.monotonic()))

    def leave_stuck(self, now_s: float) -> None:
        """Whoever hangs in a driver is left there; its device is gone, and opened anew by a fresh thread."""
        for worker in self.all:
            if worker.overdue(now_s):
                worker.give_up()


def muster(
    config: Config, put: Callable[[GateInput], None], finger_of: FingerOf, authorities: AuthorityDesk | None = None
) -> Crew:
    """A worker for every device of the lane file; none is started and nothing is opened.

    `finger_of` looks up whose finger is asked for; `authorities` is there where the lane file has some.

    Raises SetupError: there is no such driver, the store of those whose documents are believed is bad, or a key is.
    """

    installers: dict[str, Installer] = {}

    def opener(device: Device) -> Installer:
        installers[device.label] = Installer(hw.load(device.role, device.driver), device.settings)
        return installers[device.label]

    def openers(role: str) -> list[tuple[str, Installer]]:
        return [(each.label, opener(each)) for each in config.having(role)]

    named = {device.name: device for device in config.having("door")}
    doors = {door: DoorWorker(door, opener(named[door]), put) for door in config.door_ids}
    last_resort = LastResort(doors, config.way_out("emergency"), config.doors.lease_s)
    sensors = [SensorsWorker(label, open_device, put, last_resort) for label, open_device in openers("sensors")]

    def look_first() -> None:
        for each in sensors:
            each.look_again(LOOK_S)

    for door in doors.values():
        door.look_first = look_first
    path = config.paths.run / SOCKET
    crew = Crew(
        doors,
        last_resort,
        sensors,
        [ReaderWorker(label, open_device, put) for label, open_device in openers("reader")],
        [IndicatorWorker(label, open_device, put) for label, open_device in openers("indicator")],
        _answering(config, openers, put, finger_of),
        WatcherWorker(WATCHER, lambda: WatcherLine(path), put) if config.watched else None,
        installers=installers,
    )
    if authorities is not None:
        for device in config.having("authority"):
            authorities.employ(correspondent(device, config.lane.name), opener(device))
        crew.answering[AskAuthorities] = authorities
        crew.correspondents.extend(authorities.workers)
    _watch_nodes(config, crew)
    return crew


def _watch_nodes(config: Config, crew: Crew) -> None:
    """A device whose node comes back is opened at once, not at the next try."""
    links = {each.label: getattr(each.settings, "link", None) for each in config.devices}
    for worker in crew.all:
        link = links.get(worker.name)
        if isinstance(link, str):
            worker.there = partial(node_there, link)


def _answering(
    config: Config,
    openers: Callable[[str], list[tuple[str, Installer]]],
    put: Callable[[GateInput], None],
    finger_of: FingerOf,
) -> dict[type[Question], Answers]:
    """Which device answers what is asked during a passage, where the lane file has it."""
    answering: dict[type[Question], Answers] = {}
    for label, open_device in openers("document"):
        from gatefw.document_worker import DocumentWorker

        answering[ReadDocument] = DocumentWorker(label, open_device, put, trusted(config.documents))
    for label, open_device in openers("finger"):
        answering[VerifyFinger] = FingerWorker(label, open_device, put, finger_of)
    return answering


def trusted(given: Documents) -> "Trusted":
    """Whose documents are believed. Raises StoreError when the store is bad."""
    from gatefw.document_worker import Trusted

    return Trusted(Path(given.csca), given.revocation == "required", needs_synchronised=given.require_synchronised)


def correspondent(device: Device, lane: str) -> Correspondent:
    """An authority of the lane file. Raises SetupError: a key of it, or our own, is none."""
    settings = cast(AuthoritySettings, device.settings)  # what every driver of one states
    try:
        addressee = Addressee(device.name, public_key(settings.signs), sealing_key(settings.seals))
    except ValueError as problem:
        raise SetupError(f"{device.label}: a public key of the authority: {problem}") from problem
    key = Ed25519PrivateKey.from_private_bytes(keys.read(Path(settings.key_file)))
    return Correspondent(device.label, addressee, Sender(lane, key))


def _terms(config: Config) -> Terms:
    """What the lane file grants its procedure."""
    given = {name: getattr(config.clearance, name) for name in config.clearance.__dataclass_fields__}
    return Terms(face_deadline_s=config.face.deadline_s, authorities=bool(config.having("authority")), **given)


def gate_settings(config: Config) -> GateSettings:
    """What the Gate needs to know of the lane file. A lane whose lamps are out still serves; all else is required."""
    needed = {device.label for device in config.devices if device.role not in ("indicator", "camera", "authority")}
    if config.having("authority"):  # one that is away says nothing, and what that means stands in the lane file
        needed.add(CLEARANCE_RECORDS)
    if config.watched:
        needed.add(WATCHER)
    return GateSettings(
        Policy(
            config.way_out("refusal"),
            config.way_out("fault"),
            config.way_out("emergency"),
            config.lane.on_refusal == "hold",
            config.door_ids,
        ),
        config.timers.lengths,
        _terms(config),
        frozenset(needed | {VISION} | {camera.name for camera in config.vision.having(codes=False)}),
        config.lane.in_service,
        config.doors.lease_s,
        config.doors.renew_s,
        config.doors.confirm_s,
        begins=beginning(config.lane.procedure),
        identifier=f"camera.{config.vision_table.identify}",
        again_s=config.lane.again_s,
        pipelining=config.lane.pipelining,
        bears=frozenset({Reason.GALLERY_TOO_LARGE} if config.gallery.outgrown == "finger" else ()),
    )
