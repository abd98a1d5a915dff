"""The lane file: TOML to typed settings, with units and bounds, and every problem named by file, line and key.

The tables of drivers are checked against the drivers' own `Settings`, which the caller hands in as `schema(role,
driver)`: this module knows no hardware. `${RUN}` in a text stands for the runtime directory; nothing else is replaced.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatefw import mirror_wire
from gatefw.config_gallery import Holds
from gatefw.config_reading import Asks, Contents, Finding, Look, Lookup, Reading, Schema
from gatefw.config_tables import (
    Authorities,
    Bus,
    Clearance,
    Device,
    Documents,
    Doors,
    Face,
    GallerySize,
    Gpio,
    JournalTable,
    Lane,
    People,
    Port,
    Recording,
    ScreenTable,
    Timers,
    Tokens,
    Tries,
    VisionTable,
    Watcher,
)
from gatefw.errors import ConfigError
from gatefw.keeping import Keeping
from gatefw.model import DoorId
from gatefw.rule import Rule
from gatefw.vision_settings import CameraPlace, Searched, VisionSettings

__all__ = ["Config", "Finding", "Paths", "check", "load"]


PEOPLES = frozenset({"records", "gallery", "fingers"})
"""Stores about registered people."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where everything of one lane lies, all absolute. Key files are `keys/<store>.key` in the state directory."""

    state: Path
    run: Path
    shared: Path | None = None
    """Where registered people are kept, when several lanes of this machine share them."""

    @property
    def people(self) -> Path:
        return self.shared or self.state

    @property
    def journal(self) -> Path:
        return self.state / "journal.sqlite"

    @property
    def records(self) -> Path:
        return self.people / "records.sqlite"

    @property
    def gallery(self) -> Path:
        return self.people / "gallery.sqlite"

    @property
    def fingers(self) -> Path:
        return self.people / "fingers.sqlite"

    @property
    def tokens(self) -> Path:
        return self.state / "tokens.sqlite"

    @property
    def recordings(self) -> Path:
        return self.state / "recordings"

    @property
    def clearance_records(self) -> Path:
        return self.state / "authority.sqlite"

    @property
    def bus_keys(self) -> Path:
        return self.state / "bus_keys.json"

    @property
    def bus_key(self) -> Path:
        """For whoever may read the runtime directory."""
        return self.run / "bus.key"

    @property
    def models(self) -> Path:
        return self.state / "models"

    @property
    def control(self) -> Path:
        return self.run / "control.sock"

    @property
    def metrics(self) -> Path:
        return self.run / "metrics" / "metrics.sock"

    @property
    def display(self) -> Path:
        return self.run / "screen" / "display.sock"

    @property
    def vision(self) -> Path:
        return self.run / "vision.sock"

    @property
    def mirror(self) -> Path:
        return self.run / mirror_wire.SOCKET

    def key(self, store: str) -> Path:
        """The key file of a store; those of the people's stores lie beside them."""
        place = self.people if store in PEOPLES else self.state
        return place / "keys" / f"{store}.key"


@dataclass(frozen=True, slots=True)
class Config:
    """A lane file that holds together."""

    file: Path
    paths: Paths
    lane: Lane
    timers: Timers
    doors: Doors
    face: Face
    clearance: Clearance
    port: Port
    gallery: GallerySize
    people: People
    tries: Tries
    tokens: Tokens
    documents: Documents
    authorities: Authorities
    journal: JournalTable
    recording: Recording
    gpio: Gpio | None
    vision_table: VisionTable
    screen: ScreenTable
    vision: VisionSettings
    bus: Bus
    keys: Keeping
    watcher: Watcher
    devices: tuple[Device, ...]
    rules: tuple[Rule, ...]
    reversible: bool = False
    reversed: bool = False
    """Whether this is the lane as `[reversed]` has it: see `reversal`."""
    sha256: str = ""
    """Of the lane file's bytes, hex."""
    last_known_good: bool = False
    """Whether somebody chose to run the copy of the last lane file that served (`known_good`)."""

    @property
    def door_ids(self) -> tuple[DoorId, ...]:
        """The doors that there are, in the order in which a traveller comes to them."""
        named = {device.name for device in self.having("door")}
        return tuple(door for door in DoorId if door in named)

    @property
    def watched(self) -> bool:
        """Whether a watcher is needed: there is a door whose release it could end."""
        return self.watcher.required and bool(self.door_ids)

    def way_out(self, cause: str) -> tuple[DoorId, ...]:
        """The doors by which the site lets people out, for one of `config_tables.CAUSES`; of those that there are."""
        named = self.lane.way_out.doors(cause) if self.lane.way_out else ()
        return tuple(door for door in named if door in self.door_ids)

    def having(self, role: str) -> tuple[Device, ...]:
        """The devices of one role, in the order of the file."""
        return tuple(device for device in self.devices if device.role == role)


def load(path: Path, schema: Schema, env: Mapping[str, str] = os.environ, reverse: bool | None = None) -> Config:
    """The settings in the lane file at `path`. Raises ConfigError: the first problem, the others as its notes.

    `reverse`: which way of a reversible lane; None for the way it goes now.
    """
    reading = Reading(schema, env, reverse=reverse)
    contents = reading.read(path)
    if contents is not None:
        return _assembled(path, contents)
    first, *others = [found for found in reading.findings if not found.warning]
    error = ConfigError(first.file, first.line, first.key, first.problem)
    for other in others:
        error.add_note(str(other))
    raise error


def check(
    path: Path,
    schema: Schema,
    procedure: Lookup | None = None,
    model: Lookup | None = None,
    csca: Look | None = None,
    holds: Holds | None = None,
    presence: Callable[[str], bool] | None = None,
    asked: Asks | None = None,
    pad: Lookup | None = None,
    env: Mapping[str, str] = os.environ,
) -> list[Finding]:
    """Every problem of the lane file, in the order of its lines, last what stands on none; nothing is opened or moved.

    `procedure` and `model` look a name up and raise SetupError when there is none; without them that is not checked.
    `procedure` returns whether a face or finger follows in it. `csca` looks into the directory of CSCA certificates.
    `holds` raises SetupError when a model cannot search so large a gallery. `presence` returns whether a procedure
    begins when somebody stands there, without a token; `asked` what it asks for, in front and inside.
    `pad` raises SetupError for a model that is no detector of attacks good enough for `face.require_liveness`.
    A reversible lane is read both ways.
    """

    def reading(reverse: bool) -> Reading:
        done = Reading(schema, env, procedure, model, csca, holds, presence, asked, reverse, pad)
        done.read(path)
        return done

    one_way = reading(reverse=False)
    other_way = reading(reverse=True).findings if one_way.reversible else []
    found = one_way.findings + [each for each in other_way if each not in one_way.findings]
    return sorted(found, key=lambda found: (found.line is None, found.line))


def _assembled(path: Path, contents: Contents) -> Config:
    sections, devices = contents.sections, contents.devices
    shared = sections["people"].directory
    paths = Paths(contents.state, contents.run, Path(shared) if shared else None)
    bus = sections["bus"]
    return Config(
        file=path,
        paths=paths,
        lane=sections["lane"],
        timers=sections["timers"],
        doors=sections["doors"],
        face=sections["face"],
        clearance=sections["clearance"],
        port=sections["port"],
        gallery=sections["gallery"],
        people=sections["people"],
        tries=sections["tries"],
        tokens=sections["tokens"],
        documents=sections["documents"],
        authorities=sections["authorities"],
        journal=sections["journal"],
        recording=sections["recording"],
        gpio=sections["gpio"],
        vision_table=sections["vision"],
        screen=sections["screen"],
        vision=_vision(contents, paths),
        bus=Bus(*(getattr(bus, name) or f"ipc://{paths.run}/{name}.sock" for name in ("events", "replay", "orders"))),
        keys=sections["keys"],
        watcher=sections["watcher"],
        devices=devices,
        rules=contents.rules,
        reversible=contents.reversible,
        reversed=contents.reversed,
        sha256=contents.sha256,
    )


def _vision(contents: Contents, paths: Paths) -> VisionSettings:
    """What the vision process is given of the lane file."""
    sections = contents.sections
    table, face, size = sections["vision"], sections["face"], sections["gallery"]
    return VisionSettings(
        socket=paths.vision,
        models=paths.models,
        gallery=paths.gallery,
        key=paths.key("gallery"),
        keeping=sections["keys"],
        cameras=tuple(
            CameraPlace(each.label, each.driver, each.settings, each.name == table.codes, each.name == table.identify)
            for each in contents.devices
            if each.role == "camera"
        ),
        detector=table.detector,
        embedder=table.embedder,
        runtime=table.runtime,
        delegate=table.delegate,
        fmr=face.fmr,
        mismatch_frames=face.mismatch_frames,
        compare_every_s=face.compare_every_s,
        require_liveness=face.require_liveness,
        pad=face.pad,
        searched=Searched(
            most=size.most,
            fpir=size.fpir,
            fnir=size.fnir,
            frames=size.frames,
            partitions=tuple(sections["people"].partitions.split()),
            outgrown=size.outgrown,
        ),
        mirror=paths.mirror if sections["screen"].mirror else None,
        reversed=contents.reversed,
    )
