"""What tests and the demo may ask of the world. One JSON object a line; every answer holds "ok", a refusal also "why".

{"do": "state"}                                              doors, people, inputs, pins as they are now
{"do": "history", "since": n}    {"do": "violations"}        ground truth, see `history` and `audit`
{"do": "subscribe"}                                          the history so far, then every new entry, one a line
{"do": "traveller", "name": N, "script": S, "with": {...}}   somebody acts by a script of `people`
{"do": "remove", "name": N}                                  somebody is carried out
{"do": "input", "input": I, "on": true}                      fire, call, stop, officer_evacuate ...
{"do": "present", "scanner": S, "code": C}                   a code, with nobody to hold it
{"do": "harm", "door": D, "jammed"|"welded"|"forced": true}  faults of a door
{"do": "stick", "circuit": C, "closed": true|false|null}     a short, a broken wire, mended
{"do": "miswire", "terminal": T, "to": C|null, "inverted": true}   another loop on a terminal; its other contact
{"do": "scanner", "scanner": S, "plugged": false}            or "ailment": see `scanner.Ailment`, "amount_s"
{"do": "line", "line": L, "plugged": false}                  or "ailment", or "act" with "with": see `lines.Lines`
{"do": "issue", "document": D, "holder": {...}}              see `passport_office`; answers what is printed, "mrz"
{"do": "authority", "authority": A, "mode": M}               see `authority.Mode`; or "look_for": [issuer, number]
{"do": "received", "authority": A}                           the clearance records that it has, opened
{"do": "camera", "is": M, "at": C}                           see `frames.Camera`; without "at" the one inside
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args

from gatefw.model import DoorId, Input
from hw.sim.authority import Mode, SimulatedAuthority
from hw.sim.cameras import MAIN, Cameras
from hw.sim.frames import Camera
from hw.sim.lines import Lines
from hw.sim.parts import layings
from hw.sim.passport_office import PassportOffice
from hw.sim.people import SCRIPTS, send_in
from hw.sim.physics import World
from hw.sim.pins import PinTable
from hw.sim.scanner import Ailment, Scanner
from hw.sim.steps import Script

Message = dict[str, Any]


class Control:
    """Obeys control messages."""

    def __init__(
        self,
        world: World,
        pins: PinTable,
        scanners: Mapping[str, Scanner],
        cameras: Cameras,
        lines: Lines,
        office: PassportOffice,
        authorities: Mapping[str, SimulatedAuthority],
    ) -> None:
        self._world, self._pins, self._scanners, self._cameras, self._lines = world, pins, scanners, cameras, lines
        self._office, self._authorities = office, authorities

    def obey(self, message: Message) -> Message:
        """Do it and answer. Never raises: what cannot be done is refused with a reason, and nothing has changed."""
        try:
            return {"ok": True, **self._obey(message)}
        except (ValueError, TypeError) as refusal:
            return {"ok": False, "why": str(refusal)}

    def _obey(self, message: Message) -> Message:
        match message:
            case {"do": "state"}:
                return self._state()
            case {"do": "history"}:
                return {
                    "history": [entry.to_json() for entry in self._world.history.since(int(message.get("since", 0)))]
                }
            case {"do": "violations"}:
                return {"violations": self._all("violation"), "crossings": self._all("crossed")}
            case {"do": "issue", "document": str(name), **more}:
                photo = self._cameras.path(more["photo"]) if more.get("photo") else None
                return {"mrz": self._office.issue(name, photo, more.get("holder", {}), more.get("flaw", ""))}
            case {"do": "received", "authority": str(name)}:
                received = self._authority(name).received
                return {"records": [{"traveller": each.traveller, "passage": each.passage} for each in received]}
        self._act(message)
        return {}

    def _act(self, message: Message) -> None:
        world = self._world
        match message:
            case {"do": "traveller", "name": str(name), "script": str(script)}:
                send_in(world, name, self._script(script, message.get("with", {})), walk_m_s=message.get("walk_m_s"))
            case {"do": "remove", "name": str(name)}:
                world.leave(name)
            case {"do": "input", "input": which, "on": bool(on)}:
                world.set_input(Input(which), on)
            case {"do": "present", "scanner": str(scanner), "code": str(code)}:
                if scanner not in self._lines.named and not self._cameras.has_front(scanner):
                    self._scanner(scanner)
                world.present(scanner, code.encode("latin-1"))
            case {"do": "harm", "door": door, **faults}:
                world.harm(DoorId(door), **faults)
            case {"do": "stick", "circuit": str(circuit), "closed": bool() | None as closed}:
                world.stick(circuit, closed)
            case {"do": "miswire", "terminal": str(terminal), "to": str() | None as to, **more}:
                world.miswire(terminal, to, inverted=bool(more.get("inverted", False)))
            case {"do": "scanner", "scanner": str(scanner), "plugged": bool(plugged)}:
                (self._scanner(scanner).plug if plugged else self._scanner(scanner).unplug)()
            case {"do": "scanner", "scanner": str(scanner), "ailment": ailment}:
                self._scanner(scanner).ail(Ailment(ailment), float(message.get("amount_s", 0.0)))
            case {"do": "line", "line": str(name)}:
                self._lines.obey(name, message, world.now_s)
            case {"do": "authority", "authority": str(name), "look_for": [str(issuer), str(number)]}:
                self._authority(name).look_for(issuer, number)
            case {"do": "authority", "authority": str(name), "mode": mode}:
                self._authority(name).mode = Mode(mode)
            case {"do": "camera", "is": ailment}:
                self._cameras.ail(str(message.get("at", MAIN)), Camera(ailment))
                world.note("camera", ailment=Camera(ailment))
            case _:
                raise ValueError(f"{message!r} is nothing this world can do; see hw/sim/control.py")

    def _scanner(self, name: str) -> Scanner:
        if name not in self._scanners:
            raise ValueError(f"scanner {name!r} is not there; there are {', '.join(self._scanners) or 'none'}")
        return self._scanners[name]

    def _authority(self, name: str) -> SimulatedAuthority:
        if name not in self._authorities:
            raise ValueError(f"authority {name!r} is not there; there are {', '.join(self._authorities) or 'none'}")
        return self._authorities[name]

    def _script(self, name: str, given: Mapping[str, Any]) -> Script:
        """A script with its arguments checked: one of the wrong type would stop the world later, not the sender now."""
        if name not in SCRIPTS:
            raise ValueError(f"script {name!r} is unknown; there are {', '.join(SCRIPTS)}")
        script: Callable[..., Script] = SCRIPTS[name]
        signature = inspect.signature(script)
        for key, value in signature.bind(**given).arguments.items():
            wanted = signature.parameters[key].annotation
            if words := get_args(wanted):
                if value not in words:
                    raise ValueError(f"{name}: {key} is {value!r}, not one of {', '.join(words)}")
            elif isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
                raise ValueError(f"{name}: {key} is {value!r}, not a {wanted.__name__}")
        for photo in (given.get("photo"), given.get("inside")):
            if photo:
                self._cameras.path(photo)
        layings(given.get("fingers", ""))
        if given.get("document"):
            self._office.chip(given["document"])
        return script(**given)

    def _all(self, kind: str) -> list[Message]:
        return [{"at_s": entry.at_s, **entry.facts} for entry in self._world.history.of(kind)]

    def _state(self) -> Message:
        world = self._world
        return {
            "now_s": world.now_s,
            "doors": {
                door: {"position": body.position, "opening": round(body.opening, 3), "relay": body.relay}
                for door, body in world.doors.items()
            },
            "people": {person.name: person.place for person in world.people.values()},
            "occupancy": world.occupancy(),
            "inputs": sorted(world.active),
            "pins": self._pins.snapshot(),
        }
