"""Twenty-five ways to break a gate. Each is done where it is done in life: to a wire, a device, a file, the board.

A way says what must stand in the first line of `gatefw doctor`: the code of the cause, and words for it. `tried`: what
people do at the lane before somebody asks the doctor; a break that shows at rest needs nobody.
"""

import fcntl
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from break_it import board
from live_gate import DEADLINE_S, LiveGate
from peers import until

from gatefw.model import Phase
from hw.sim.client import WorldClient

PHOTO, SAME = "obama.jpg", "obama2.jpg"
CARD_KEY, OTHER_KEY = "30313233343536373839414243444546", "46454443424139383736353433323130"
CARD = """
[reader.card]
driver = "osdp"
link = "serial:${RUN}/tty-card?baud=38400"
key_file = "${RUN}/card.key"

[world.lines.card]
device = "osdp_reader"
baud = 38400
key = "30313233343536373839414243444546"
"""
ANY = tuple(Phase)
REST_S = 4.0
"""What stands so long is at rest, for the doctor."""


@dataclass(frozen=True, slots=True)
class Way:
    """`wire`: done to the world before the daemon starts; `site`: to the gate's directory before that; `board`: to the
    machine's tree. `tried`: done at the running gate. phases: the lane must have come to one of these before.
    """

    name: str
    code: str
    words: tuple[str, ...]
    wire: Callable[[WorldClient, Path], None] = lambda _world, _run: None
    site: Callable[[Path], None] = lambda _run: None
    board: Callable[[Path], None] = lambda _root: None
    tried: Callable[[LiveGate, Path], None] = lambda _gate, _photos: None
    change: Callable[[str], str] = str
    tables: str = ""
    phases: tuple[str, ...] = (Phase.IDLE,)
    keep: bool = False
    hardware_limit_s: float = 20.0


# ---------------------------------------------------------------- at the wires


def inverted(*terminals: str) -> Callable[[WorldClient, Path], None]:
    """The wire on the other side of a changeover contact."""

    def wire(world: WorldClient, _run: Path) -> None:
        for each in terminals:
            world.do("miswire", terminal=each, to=each, inverted=True)

    return wire


def exchanged(*pairs: tuple[str, str]) -> Callable[[WorldClient, Path], None]:
    """Two wires, each on the other's terminal."""

    def wire(world: WorldClient, _run: Path) -> None:
        for one, other in pairs:
            world.do("miswire", terminal=one, to=other)
            world.do("miswire", terminal=other, to=one)

    return wire


def stuck(circuit: str, *, closed: bool) -> Callable[[WorldClient, Path], None]:
    def wire(world: WorldClient, _run: Path) -> None:
        world.do("stick", circuit=circuit, closed=closed)

    return wire


def pair_exchanged(world: WorldClient, _run: Path) -> None:
    """A and B of the card reader's line."""
    world.do("line", line="card", ailment="reversed")


def unplugged(world: WorldClient, _run: Path) -> None:
    world.do("scanner", scanner="scanner-front", plugged=False)


# ---------------------------------------------------------------- what happens at the lane


def nobody(gate: LiveGate, _photos: Path) -> None:
    """Nobody comes; levels stand."""
    gate.await_phase(*ANY)
    until(lambda: not gate.ask("status")["missing"], "every device to have come", DEADLINE_S)
    seen_for(gate, REST_S)


def vision_is_there(gate: LiveGate) -> None:
    """It starts later than the rest, on a machine that is busy much later."""
    until(lambda: "vision" not in gate.ask("status")["missing"], "vision to have come", DEADLINE_S)


def seen_for(gate: LiveGate, seconds: float) -> None:
    """The daemon has looked at its inputs for so long."""
    until(lambda: gate.ask("edges")["for_s"] > seconds, f"the gate to have looked for {seconds:g} s", DEADLINE_S)


def one_comes(gate: LiveGate, photos: Path, name: str = "anna", code: str = "") -> None:
    """Somebody registered comes, and goes wherever a door opens."""
    gate.world.traveller(name, code=code or gate.enrol(photos / PHOTO), photo=SAME, leave_patience_s=15.0)
    gate.world.outcome(name, DEADLINE_S)


def two_come(gate: LiveGate, photos: Path) -> None:
    """Two registered people, one after the other."""
    code = gate.enrol(photos / PHOTO)
    for name in ("anna", "berta"):
        one_comes(gate, photos, name, code)
        gate.await_phase("idle")
    rests = until(lambda: _since_last(gate) > REST_S, "the lane to be at rest", DEADLINE_S)
    assert rests


def _since_last(gate: LiveGate) -> float:
    edges = gate.ask("edges")["edges"]
    return float(edges[-1][0]) if edges else 0.0


def relay_welds(gate: LiveGate, photos: Path) -> None:
    """The exit's relay welds while it carries current; the door hardware ends the release after its own time."""
    gate.world.traveller("anna", code=gate.enrol(photos / PHOTO), photo=SAME)
    until(lambda: "exit_door" in gate.driven(), "the exit to be released", DEADLINE_S)
    gate.world.do("harm", door="exit_door", welded=True)
    gate.world.outcome("anna", DEADLINE_S)
    until(lambda: gate.doors()["exit_door"] == "secured", "the hardware to end the release", DEADLINE_S)
    seen_for(gate, 0.0)


def code_is_shown(gate: LiveGate, photos: Path) -> None:
    """Somebody holds a code before the scanner, a few times, and gives up."""
    code = gate.enrol(photos / PHOTO)
    for _ in range(3):
        before = _heard(gate)
        gate.world.do("present", scanner="scanner-front", code=code)
        until(lambda before=before: _heard(gate) > before, "the code to have been heard", DEADLINE_S)  # type: ignore[misc]


def _heard(gate: LiveGate) -> int:
    told = {each["device"]: each for each in gate.ask("devices")["devices"]}
    return int(told["reader.front"].get("line", {}).get("heard", 0))


def device_is(gate: LiveGate, device: str, state: str) -> None:
    def so() -> bool:
        return any(each["device"] == device and each["state"] == state for each in gate.ask("devices")["devices"])

    until(so, f"{device} to be {state}", DEADLINE_S)
    vision_is_there(gate)


def lost(device: str) -> Callable[[LiveGate, Path], None]:
    return lambda gate, _photos: device_is(gate, device, "lost")


def bus_is_asked(gate: LiveGate, _photos: Path) -> None:
    """The reader was asked often enough for its silence to say something."""
    device_is(gate, "reader.card", "lost")

    def turns() -> int:
        told = {each["device"]: each for each in gate.ask("devices")["devices"]}
        return int(told["reader.card"].get("line", {}).get("turns", 0))

    until(lambda: turns() >= 3, "the reader to have been asked", DEADLINE_S)


def camera_is(ailment: str) -> Callable[[WorldClient, Path], None]:
    """The camera between the doors, from the beginning."""

    def wire(world: WorldClient, _run: Path) -> None:
        world.do("camera", **{"is": ailment})

    return wire


def looked_at(gate: LiveGate, photos: Path) -> None:
    """Somebody stands before the camera inside, and leaves by whichever door opens."""
    one_comes(gate, photos)
    gate.await_phase(Phase.IDLE)


def impaired(device: str) -> Callable[[LiveGate, Path], None]:
    return lambda gate, _photos: device_is(gate, device, "impaired")


# ---------------------------------------------------------------- files, processes


def card_key(key: str) -> Callable[[Path], None]:
    def site(run: Path) -> None:
        file = run / "card.key"
        file.write_text(key)
        file.chmod(0o600)

    return site


def readable_key(gate: LiveGate, photos: Path) -> None:
    """Somebody copied the keys about, and left one for everybody to read."""
    gate.enrol(photos / PHOTO)
    (gate.run / "state" / "keys" / "records.key").chmod(0o644)


def damaged_gallery(gate: LiveGate, photos: Path) -> None:
    """A bit of the gallery's only chunk has flipped on the disk."""
    gate.enrol(photos / PHOTO)
    gate.kill(signal.SIGTERM)
    with closing(sqlite3.connect(gate.run / "state" / "gallery.sqlite")) as database, database:
        ((sealed,),) = database.execute("SELECT sealed FROM seal").fetchall()
        flipped = sealed[:40] + bytes((sealed[40] ^ 1,)) + sealed[41:]
        database.execute("UPDATE seal SET sealed = ?", (flipped,))
    gate.restart()
    nobody(gate, photos)


def altered_model(run: Path) -> None:
    """The embedder's file is another one than the one that was measured."""
    models = run / "state" / "models"
    there = models.resolve()
    models.unlink()
    shutil.copytree(there, models)
    file = next(each for each in models.glob("dlib-resnet-int8*") if each.suffix == ".tflite")
    changed = bytearray(file.read_bytes())
    changed[len(changed) // 2] ^= 1
    file.write_bytes(changed)


def slow(text: str) -> str:
    """The lane file has another rate than the scanner."""
    return text.replace("tty-scanner-front?baud=115200", "tty-scanner-front?baud=9600")


def endless(text: str) -> str:
    """The scanner was set up without a suffix."""
    return text.replace('terminator = "\\r"', 'terminator = ""')


def short_limit(text: str) -> str:
    """The timer relay in front of the locks is set to twelve seconds."""
    return text.replace("hardware_limit_s = 20.0 ", "hardware_limit_s = 12.0 ")


HOLDERS: dict[Path, int] = {}
"""What somebody else holds open until a way is over, by the gate's directory."""


def someone_holds_the_port(_world: WorldClient, run: Path) -> None:
    """A terminal program was left running on the scanner's port."""
    HOLDERS[run] = descriptor = os.open(run / "tty-scanner-front", os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def let_go(run: Path) -> None:
    if run in HOLDERS:
        os.close(HOLDERS.pop(run))


_CONTACTS = (("entry_door.closed", "exit_door.closed"), ("entry_door.locked", "exit_door.locked"))
WAYS = (
    Way(
        "closed contact NO/NC swapped",
        "G0501",
        ("door.entry_door", "closed contact NO/NC swapped"),
        wire=inverted("entry_door.closed"),
        tried=nobody,
        phases=ANY,
    ),
    Way(
        "locked contact NO/NC swapped",
        "G0502",
        ("door.exit_door", "locked contact NO/NC swapped"),
        wire=inverted("exit_door.locked"),
        tried=nobody,
        phases=ANY,
    ),
    Way(
        "beam NO/NC swapped",
        "G0510",
        ("door.entry_door", "beam NO/NC swapped"),
        wire=inverted("entry_door.beam"),
        tried=two_come,
    ),
    Way(
        "beam stuck clear",
        "G0512",
        ("door.exit_door", "stuck clear"),
        wire=stuck("exit_door.beam", closed=True),
        tried=two_come,
    ),
    Way("zones swapped", "G0520", ("zones swapped",), wire=exchanged(("zone_front", "zone_behind")), tried=two_come),
    Way(
        "zone behind NO/NC swapped",
        "G0521",
        ("zone_behind", "NO/NC swapped"),
        wire=inverted("zone_behind"),
        tried=two_come,
    ),
    Way(
        "relay welded",
        "G0508",
        ("door.exit_door", "relay welded"),
        tried=relay_welds,
        hardware_limit_s=12.0,
        change=short_limit,
    ),
    Way(
        "door contacts crossed",
        "G0506",
        ("door.entry_door", "contacts crossed"),
        wire=exchanged(*_CONTACTS),
        tried=one_comes,
    ),
    Way(
        "airlock zone NO/NC swapped",
        "G0524",
        ("zone_airlock NO/NC swapped",),
        wire=inverted("zone_airlock"),
        tried=nobody,
        phases=ANY,
    ),
    Way(
        "call button NO/NC swapped", "G0525", ("call", "NO/NC swapped"), wire=inverted("call"), tried=nobody, phases=ANY
    ),
    Way("stop loop cut", "G0525", ("stop", "loop is cut"), wire=stuck("stop", closed=False), tried=nobody, phases=ANY),
    Way(
        "RS-485 A/B swapped",
        "G0600",
        ("reader.card", "A and B are swapped"),
        wire=pair_exchanged,
        site=card_key(CARD_KEY),
        tables=CARD,
        tried=bus_is_asked,
        phases=ANY,
    ),
    Way(
        "wrong key of the card reader",
        "G0620",
        ("reader.card", "wrong key"),
        site=card_key(OTHER_KEY),
        tables=CARD,
        tried=lost("reader.card"),
        phases=ANY,
    ),
    Way("scanner at another baud rate", "G0610", ("reader.front", "wrong baud rate"), change=slow, tried=code_is_shown),
    Way(
        "scanner without a terminator", "G0611", ("reader.front", "no terminator"), change=endless, tried=code_is_shown
    ),
    Way(
        "scanner unplugged",
        "G0160",
        ("reader.front", "not there"),
        wire=unplugged,
        tried=lost("reader.front"),
        phases=ANY,
    ),
    Way(
        "port held by another program",
        "G0161",
        ("reader.front", "has it"),
        wire=someone_holds_the_port,
        tried=lost("reader.front"),
        phases=ANY,
    ),
    Way("camera out of focus", "G0710", ("camera.inside", "out of focus"), wire=camera_is("blurred"), tried=looked_at),
    Way(
        "camera in the dark",
        "G0701",
        ("camera.inside", "too dark"),
        wire=camera_is("dark"),
        tried=impaired("camera.inside"),
        phases=ANY,
    ),
    Way("clock off", "G0123", ("clock", "off"), board=board.clock_off),
    Way("pin persistence on", "G0141", ("pin persistence is on",), board=board.persistent_pins, keep=True),
    Way("under-voltage", "G0100", ("under-voltage",), board=board.too_little_current),
    Way("model altered", "G0241", ("dlib-resnet-int8", "altered"), site=altered_model, phases=ANY),
    Way("gallery chunk damaged", "G0225", ("gallery",), tried=damaged_gallery),
    Way("key readable by everybody", "G0200", ("records.key",), tried=readable_key),
)
"""All of them."""
