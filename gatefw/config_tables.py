"""The tables of a lane file that do not belong to a driver: what each may hold, in which bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Annotated, Literal

from gatefw.keeping import Keeping
from gatefw.model import DoorId, Timer
from gatefw.ports import Bound
from gatefw.settings import Shape

Exits = Literal["entry", "exit", "both"]
Name = Annotated[str, Shape(r"[a-z0-9][a-z0-9\-]{0,39}", "a name of a-z, 0-9 and - (at most 40)")]
ModelName = Annotated[str, Shape(r"[a-z0-9][a-z0-9_.\-]{0,79}", "a model's name, as `gatefw models list` shows it")]
PadName = Annotated[str, Shape(r"([a-z0-9][a-z0-9_.\-]{0,79})?", "a model's name, as `gatefw models list` shows it")]
Endpoint = Annotated[
    str,
    Shape(
        r"(ipc:///.+|tcp://(\*|[0-9.]+|\[[0-9a-fA-F:.]+\]):[1-9][0-9]{0,4})?",
        "ipc:///ABSOLUTE/PATH or tcp://ADDRESS:PORT (* for every address)",
    ),
]
KeyId = Annotated[str, Shape(r"([0-9a-f]{2}){1,16}", "a key id of 2 to 32 hex digits (`gatefw tokens new-issuer`)")]
PublicKey = Annotated[str, Shape(r"[0-9a-f]{64}", "a public key of 64 hex digits (`gatefw tokens new-issuer`)")]
CAUSES = ("refusal", "fault", "power_loss", "emergency")


@dataclass(frozen=True, slots=True)
class WayOut:
    """`[lane.way_out]`: by which doors somebody between the doors gets out, for each cause. The site's decision.

    external_egress: hardware lets out whoever is inside when the software is dead (break-glass, fire contact in the
    supply of the locks). Software is never the only way out; a lane without it is refused.
    """

    refusal: Exits
    fault: Exits
    power_loss: Exits
    emergency: Exits
    external_egress: bool

    def doors(self, cause: str) -> tuple[DoorId, ...]:
        """The doors named for one of CAUSES."""
        named: Exits = getattr(self, cause)
        return {"entry": (DoorId.ENTRY,), "exit": (DoorId.EXIT,), "both": (DoorId.ENTRY, DoorId.EXIT)}[named]


@dataclass(frozen=True, slots=True)
class Lane:
    """`[lane]`. `procedure`: a file in `gatefw/clearance`. `simulated` allows pretended pins and a `[world]` table.

    system: which clearance system its passages are counted as; empty for the lane's own name. pipelining: the next
    traveller's token is read while the last one leaves. again_s: where standing before the lane begins a run, one who
    was turned away and stands there still is looked at again after so long, and then less and less often. way_out:
    where there is an entry door.
    """

    name: Name
    procedure: str
    in_service: bool
    on_refusal: Literal["let_out", "hold"]
    way_out: WayOut | None = None
    simulated: bool = False
    system: Annotated[str, Shape(r"([a-z0-9][a-z0-9\-]{0,39})?", "a name of a-z, 0-9 and - (at most 40)")] = ""
    pipelining: bool = False
    again_s: Annotated[float, Bound(0.5, 60.0)] = 5.0


@dataclass(frozen=True, slots=True)
class Timers:
    """`[timers]`: how long a phase of the lane may last. Each is the `_s` of a `model.Timer`."""

    scan_s: Annotated[float, Bound(0.1, 60.0)] = 1.0
    check_s: Annotated[float, Bound(0.1, 240.0)] = 3.0
    enter_s: Annotated[float, Bound(1.0, 300.0)] = 15.0
    secure_s: Annotated[float, Bound(1.0, 120.0)] = 10.0
    verify_s: Annotated[float, Bound(1.0, 300.0)] = 20.0
    leave_s: Annotated[float, Bound(1.0, 300.0)] = 15.0
    let_out_s: Annotated[float, Bound(1.0, 600.0)] = 30.0
    hold_s: Annotated[float, Bound(1.0, 3600.0)] = 300.0
    maintenance_s: Annotated[float, Bound(1.0, 86400.0)] = 3600.0
    exercise_s: Annotated[float, Bound(1.0, 60.0)] = 8.0

    @property
    def lengths(self) -> dict[Timer, float]:
        return {Timer(field.name.removesuffix("_s")): getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Doors:
    """`[doors]`: a release is a lease of `lease_s`, renewed every `renew_s`; it ends by itself when nobody renews it.

    confirm_s: so long may a door take to be where it was sent before that is a fault.
    """

    lease_s: Annotated[float, Bound(0.3, 10.0)] = 2.0
    renew_s: Annotated[float, Bound(0.1, 5.0)] = 0.5
    confirm_s: Annotated[float, Bound(1.0, 120.0)] = 10.0


@dataclass(frozen=True, slots=True)
class Face:
    """`[face]`: `deadline_s` ends a verification whatever happens; see `vision_settings` for the next three.

    require_liveness: every face is judged by `pad` before it is compared, an installed detector of presentation attacks
    that was evaluated independently; without one nobody is let in.
    """

    deadline_s: Annotated[float, Bound(1.0, 60.0)] = 8.0
    fmr: Annotated[float, Bound(1e-8, 0.05)] = 1e-3
    mismatch_frames: Annotated[int, Bound(1, 100)] = 5
    compare_every_s: Annotated[float, Bound(0.0, 5.0)] = 0.25
    require_liveness: bool = False
    pad: PadName = ""


@dataclass(frozen=True, slots=True)
class Clearance:
    """`[clearance]`: what the procedure is granted; one that has no use for a key does not look at it.

    identify_s: for finding a face among many. confirm_s: for the traveller's yes. finger_s: for one try, of
    finger_tries while none can be read. face_after_finger: a finger that cannot be read gives way to the face.
    second_look: the face again behind the entry door. document_s: for the chip. authority_s: for the authorities'
    answers.
    """

    identify_s: Annotated[float, Bound(1.0, 30.0)] = 6.0
    confirm_s: Annotated[float, Bound(2.0, 60.0)] = 15.0
    finger_s: Annotated[float, Bound(1.0, 60.0)] = 8.0
    finger_tries: Annotated[int, Bound(1, 10)] = 3
    face_after_finger: bool = False
    second_look: bool = True
    document_s: Annotated[float, Bound(1.0, 60.0)] = 15.0
    authority_s: Annotated[float, Bound(0.1, 30.0)] = 2.0


@dataclass(frozen=True, slots=True)
class Port:
    """`[port]`: where the lane stands. timezone: IANA name, in which days begin and end. place: a gate, a counter.

    require_synchronised: rules about days do not hold while nobody vouches for the clock.
    """

    timezone: Annotated[str, Shape(r"[A-Za-z]+(/[A-Za-z0-9_+\-]+){0,2}", "an IANA time zone, Asia/Hong_Kong")] = "UTC"
    place: Annotated[str, Shape(r"([a-z0-9][a-z0-9\-]{0,39})?", "a name of a-z, 0-9 and - (at most 40)")] = ""
    direction: Literal["arrival", "departure"] | None = None
    require_synchronised: bool = True


@dataclass(frozen=True, slots=True)
class GallerySize:
    """`[gallery]`: how many people a search may meet, at which rates. The lane does not start where the model cannot.

    most: people enrolled at most. fpir: share of strangers' searches that find somebody, at most; the threshold follows
    from it and from `most` (FPIR = 1 - (1 - FMR)^N). fnir: share of enrolled people not found at that threshold, of one
    look, that the lane bears; the model card says how many it is. frames: the best so many of one traveller are
    searched for together, once. outgrown: what happens while more than `most` are enrolled; "close": nobody is searched
    for and nobody begins a passage; "finger": who is found shows a finger as well.
    """

    most: Annotated[int, Bound(1, 100_000_000)] = 1
    fpir: Annotated[float, Bound(1e-6, 0.1)] = 0.01
    fnir: Annotated[float, Bound(0.0, 1.0)] = 0.35
    frames: Annotated[int, Bound(1, 20)] = 3
    outgrown: Literal["close", "finger"] = "close"


@dataclass(frozen=True, slots=True)
class People:
    """`[people]`: who is registered. directory: shared by lanes of one machine, empty for the lane's own state.

    partitions: whose people a search meets and a look-up finds, as shell patterns; empty for all. enrol_into: the
    partition of those registered here, empty for the one that every gallery has. keep_ended_days: who expired or was
    revoked so long ago is erased, with whatever is left of them.
    """

    directory: str = ""
    partitions: Annotated[str, Shape(r"[a-z0-9\-*? ]*", "names of partitions, perhaps with *, with blanks between")] = (
        ""
    )
    enrol_into: Annotated[str, Shape(r"([a-z0-9][a-z0-9\-]{0,39})?", "a partition's name")] = ""
    touchpoint: Annotated[str, Shape(r"([a-z0-9][a-z0-9\-]{0,39})?", "a touchpoint's name")] = ""
    keep_ended_days: Annotated[float, Bound(0.0, 3650.0)] = 90.0


@dataclass(frozen=True, slots=True)
class Tries:
    """`[tries]`: who was refused `most` times within `within_s`, or looked at and did not fit, is referred to the
    counter. The count expires: it is no blacklist."""

    most: Annotated[int, Bound(1, 100)] = 3
    within_s: Annotated[float, Bound(10.0, 86_400.0)] = 3600.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """`[tokens]`: what the lane takes. `static`: identifiers that can be copied, only where a face or finger follows.

    issuers: who may sign tokens, key id to Ed25519 public key; `direction` is then wanted too. A signed token is for
    this lane's name and direction, for at most `max_life_s`. require_synchronised: none while the kernel does not vouch
    for the clock.
    """

    static: bool = True
    direction: Literal["arrival", "departure"] | None = None
    max_life_s: Annotated[float, Bound(10.0, 86400.0)] = 600.0
    require_synchronised: bool = True
    issuers: Mapping[KeyId, PublicKey] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Documents:
    """`[documents]`: whose travel documents are believed. `csca`: the directory that `gatefw.csca_store` reads.

    revocation: `required` believes no signer without a current revocation list of its state; `when_there` does, and
    still refuses who is on a list. require_synchronised: refuse while nobody vouches for the clock, by which documents
    and signers expire.
    """

    csca: str = ""
    revocation: Literal["required", "when_there"] = "required"
    require_synchronised: bool = True


@dataclass(frozen=True, slots=True)
class Authorities:
    """`[authorities]`: what holds for every [authority.NAME]; see docs/authority.md.

    offline: `refer` sends travellers to the counter while an authority says nothing that counts; `clear` goes on
    without it, and the record says who said yes. most_waiting: clearance records for one authority that have not been
    received; with more, nobody is let in. retention_days: so long is a record kept after it was received.
    """

    offline: Literal["refer", "clear"] = "refer"
    most_waiting: Annotated[int, Bound(1, 1_000_000)] = 10_000
    retention_days: Annotated[float, Bound(0.0, 3650.0)] = 7.0


@dataclass(frozen=True, slots=True)
class JournalTable:
    """`[journal]`: how long it is kept and how large it may be; see docs/audit.md.

    archive: `required` removes nothing that no archive has acknowledged; `none` removes by age alone. archive_key: the
    archive's public key, by which its receipts are believed; empty for an operator's word. least_free_mb: what its disk
    must have left. With more than most_mb, or less free, nobody new is let in. checkpoint_s: so long may a row wait for
    the lane's signature.
    """

    keep_days: Annotated[float, Bound(1.0, 36_500.0)] = 365.0
    most_mb: Annotated[int, Bound(16, 10_000_000)] = 4096
    least_free_mb: Annotated[int, Bound(1, 1_000_000)] = 64
    archive: Literal["required", "none"] = "required"
    archive_key: Annotated[
        str, Shape(r"([0-9a-f]{64})?", "a public key of 64 hex digits (`gatefw journal new-archive-key`)")
    ] = ""
    checkpoint_s: Annotated[float, Bound(1.0, 3600.0)] = 60.0


@dataclass(frozen=True, slots=True)
class Recording:
    """`[recording]`: what the gate is given, without people, for `gatefw replay`: the newest most_mb, none at 0."""

    most_mb: Annotated[int, Bound(0, 4096)] = 0


@dataclass(frozen=True, slots=True)
class Gpio:
    """`[gpio]`: which pins, see `hw.gpio`. There is no default and no fall-back."""

    factory: Annotated[str, Shape(r"(lgpio|mock|socket):.*", "lgpio:CHIP LABEL, mock: or socket:PATH")]


@dataclass(frozen=True, slots=True)
class VisionTable:
    """`[vision]`: who starts the process (`child`: the supervisor, `unit`: systemd), its runtime and its models.

    codes: the name of a camera before the entry door that looks for QR codes and for nothing else; empty for none.
    identify: the name of the camera that finds people by their face, before the entry door; empty for none.
    stuck: what follows when the process hangs in the kernel and no kill ends it; the lane degrades, and with `reboot` a
    restart of the machine is asked for after stuck_after_s, once the lane is empty (`vision_watch`).
    """

    start: Literal["child", "unit"]
    runtime: Literal["litert", "tflite"]
    detector: ModelName
    embedder: ModelName
    delegate: Literal["default", "none"] = "default"
    codes: str = ""
    identify: str = ""
    stuck: Literal["degrade", "reboot"] = "degrade"
    stuck_after_s: Annotated[float, Bound(60.0, 86_400.0)] = 300.0


@dataclass(frozen=True, slots=True)
class ScreenTable:
    """`[screen]`: of the traveller. mirror: it shows what the camera sees while it looks at them (`mirror_wire`).

    languages: in the order of display; empty for all that there are. by_nationality: the language of a traveller's
    document stands first or alone (`tongue`); nationalities: a site's own file of which language that is. audio: a
    chime for go, for wait and for another way.
    """

    mirror: bool = False
    languages: Annotated[
        str, Shape(r"([a-z]{2,3}(_[A-Z][a-z]{3})?( |$))*", "languages with spaces between, en zh_Hant zh_Hans")
    ] = ""
    by_nationality: Literal["no", "first", "alone"] = "no"
    nationalities: str = ""
    audio: bool = False


@dataclass(frozen=True, slots=True)
class Bus:
    """`[bus]`: endpoints of the event bus; empty means a socket in the runtime directory. See docs/events.md."""

    events: Endpoint = ""
    replay: Endpoint = ""
    orders: Endpoint = ""


@dataclass(frozen=True, slots=True)
class Watcher:
    """`[watcher]`: `required` refuses to release a door while the process that can only drop outputs is not there."""

    required: bool = True


@dataclass(frozen=True, slots=True)
class Device:
    """One configured device. `settings` is its driver's own dataclass; `label` is its name in events."""

    role: str
    name: str
    driver: str
    settings: object

    @property
    def label(self) -> str:
        return f"{self.role}.{self.name}"


SECTIONS: dict[str, type] = {
    "lane": Lane,
    "timers": Timers,
    "doors": Doors,
    "face": Face,
    "clearance": Clearance,
    "port": Port,
    "gallery": GallerySize,
    "people": People,
    "tries": Tries,
    "tokens": Tokens,
    "documents": Documents,
    "authorities": Authorities,
    "journal": JournalTable,
    "recording": Recording,
    "gpio": Gpio,
    "vision": VisionTable,
    "screen": ScreenTable,
    "bus": Bus,
    "keys": Keeping,
    "watcher": Watcher,
}
ROLES = ("door", "reader", "sensors", "indicator", "camera", "finger", "document", "authority")
