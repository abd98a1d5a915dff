"""What must hold between the tables of a lane file: nobody shut in, no border open by mistake, no pin used twice.

Rules look at the tables as written, so that one wrong key does not hide the next problem.
"""

import re
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatefw import authority_seal, signed_token
from gatefw.config_tables import (
    ROLES,
    Authorities,
    Documents,
    Doors,
    Face,
    Lane,
    Port,
    ScreenTable,
    Timers,
    Tokens,
    VisionTable,
)
from gatefw.errors import SetupError
from gatefw.events import DEVICE
from gatefw.ports import Pin
from gatefw.rule import RULE_TABLE, Rule, objections, time_zone
from gatefw.toml_document import Place
from gatefw.words import LANGUAGES

CAMERAS_MAX = 4
"""Each keeps a thread of the vision process busy; more than a lane has heights to look from."""

AUTHORITIES_MAX = 8
"""As many as an event can count."""

Tell = Callable[[Place, str], None]
Roles = Mapping[str, Mapping[str, Mapping[str, Any]]]
Schemas = Mapping[Place, type]
Asked = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""The names of the terms of what a procedure asks, before anybody is inside, then, and besides: `clearance.asked`."""


def devices(roles: Roles, schemas: Schemas, error: Tell) -> None:
    """A lane has cameras, and one set of sensors at most; names fit into events."""
    for role in ROLES:
        for name in roles.get(role, {}):
            if not DEVICE.fits(f"{role}.{name}"):
                error((role, name), "a device's name has a-z, 0-9, _ . - and no four digits in a row")
    if not roles.get("camera"):
        error(("camera",), "is missing; a lane has a table [camera.NAME]")
    for role, most in (("sensors", 1), ("camera", CAMERAS_MAX)):
        found = list(roles.get(role, {}))
        for name in found[most:]:
            error((role, name), f"is one too many; {most} [{role}.NAME] at most, and this has {', '.join(found)}")
    for place, kind in schemas.items():
        if place[0] == "door" and "unpowered" not in typing.get_type_hints(kind):
            error((*place, "driver"), "does not state what the door does without power, so nobody can say who gets out")


def cameras(vision: VisionTable, roles: Roles, error: Tell, warning: Tell) -> None:
    """The camera for codes is one of the lane's, and not its only one: it sees who stands outside."""
    found = list(roles.get("camera", {}))
    for name, table in roles.get("camera", {}).items():
        if re.fullmatch(r"/dev/video\d+", str(table.get("device"))):
            warning(
                ("camera", name, "device"),
                "is numbered anew at every start, and may be another camera then; write its /dev/v4l/by-id/... or, of "
                "two that are alike, /dev/v4l/by-path/...",
            )
    if vision.codes and vision.codes not in found:
        error(("vision", "codes"), f"no camera is called {vision.codes}; there are {', '.join(found) or 'none'}")
    elif found == [vision.codes]:
        error(
            ("vision", "codes"),
            "names the only camera; one that looks for codes is never used to compare faces, so a lane has another",
        )


def fingers(roles: Roles, schemas: Schemas, error: Tell, warning: Tell) -> None:
    """One finger sensor: who asks it has one traveller. A password that everybody knows is none."""
    found = roles.get("finger", {})
    for name in list(found)[1:]:
        error(("finger", name), f"is one too many; a lane has one [finger.NAME], and this has {', '.join(found)}")
    for name, table in found.items():
        kind = schemas.get(("finger", name))
        if kind is not None and "password_file" in typing.get_type_hints(kind) and not table.get("password_file"):
            warning(
                ("finger", name, "password_file"),
                "is not given: the sensor answers to the password that every one is sold with; name a file, then run "
                "`gatefw device install`",
            )


def screen(given: ScreenTable | None, error: Tell) -> None:
    """People are spoken to in languages that there are; the site's own file of nationalities is one whole path."""
    if given is None:
        return
    for tag in given.languages.split():
        if tag not in LANGUAGES:
            error(("screen", "languages"), f"no language is called {tag}; there are {', '.join(LANGUAGES)}")
    if given.nationalities and not Path(given.nationalities).is_absolute():
        error(("screen", "nationalities"), f'is "{given.nationalities}"; the whole path of a file is wanted')
    if given.nationalities and given.by_nationality == "no":
        error(("screen", "nationalities"), 'has no use while by_nationality is "no"; say "first" or "alone"')


def documents(given: Documents | None, roles: Roles, error: Tell, warning: Tell) -> None:
    """A reader of travel documents needs somebody to trust, and there is one of it: who asks it holds one document."""
    found = list(roles.get("document", {}))
    for name in found[1:]:
        error(("document", name), f"is one too many; a lane has one [document.NAME], and this has {', '.join(found)}")
    if given is None:
        return
    if found and not Path(given.csca).is_absolute():
        error(
            ("documents", "csca"),
            f'is "{given.csca}"; wanted is the whole path of the directory of CSCA certificates and revocation lists, '
            "without which no document is believed",
        )
    if found and given.revocation == "when_there":
        warning(
            ("documents", "revocation"),
            "a signer whose key was stolen is believed wherever its state's revocation list is missing or out of date",
        )
    if found and not given.require_synchronised:
        warning(
            ("documents", "require_synchronised"),
            "a document that expired is believed again whenever the clock is wrong",
        )


def authorities(given: Authorities | None, roles: Roles, error: Tell, warning: Tell) -> None:
    """Each has keys of its own: two yes that one key can sign are one yes."""
    used: dict[object, str] = {}
    found = roles.get("authority", {})
    for name, table in found.items():
        for key, read in (("signs", signed_token.public_key), ("seals", authority_seal.sealing_key)):
            try:
                read(str(table.get(key)))
            except ValueError as problem:
                error(("authority", name, key), str(problem))
            if (value := table.get(key)) in used:
                error(("authority", name, key), f"is the key of {used[value]} already; each authority has its own")
            used.setdefault(value, f"authority.{name}")
    for name in list(found)[AUTHORITIES_MAX:]:
        error(("authority", name), f"is one too many; a lane asks {AUTHORITIES_MAX} authorities at most")
    if given is not None and given.offline == "clear" and found:
        warning(
            ("authorities", "offline"),
            "whoever cuts the line to an authority switches off its stop-list: people pass about whom nobody was asked",
        )


def pins(roles: Roles, schemas: Schemas, gpio_given: bool, error: Tell) -> None:
    """A line does one thing: the second use of a pin is named, with the first."""
    used: dict[int, str] = {}
    for role, name in schemas:
        for key, kind in typing.get_type_hints(schemas[role, name], include_extras=True).items():
            number = roles[role][name].get(key)
            if Pin not in (kind, *typing.get_args(kind)) or type(number) is not int:
                continue
            place = (role, name, key)
            if number in used:
                error(place, f"pin {number} is used already by {used[number]}")
            used.setdefault(number, ".".join(place))
    if used and not gpio_given:
        error(("gpio",), 'is missing; pins are used, so say which: [gpio] factory = "lgpio:CHIP LABEL"')


def units(roles: Roles, error: Tell) -> None:
    """A unit on a field bus is one device: two doors that name the same unit would be one door that both move."""
    used: dict[tuple[object, object], str] = {}
    for role, named in roles.items():
        for name, table in named.items():
            if "unit" not in table or "link" not in table:
                continue
            unit, label = (str(table["link"]), str(table["unit"])), f"{role}.{name}"
            if unit in used:
                error((role, name, "unit"), f"unit {unit[1]} of this link is used already by {used[unit]}")
            used.setdefault(unit, label)


def gpio(factory: str, simulated: bool, error: Tell) -> None:
    """A gate whose pins are pretended looks healthy and sees nobody."""
    if not simulated and not factory.startswith("lgpio:"):
        error(("gpio", "factory"), f"{factory} is simulated hardware; a real lane has lgpio:CHIP LABEL")


def times(timers: Timers | None, doors: Doors | None, face: Face | None, error: Tell) -> None:
    """One time-out does not come before the one it stands behind."""
    if doors is not None and doors.renew_s > doors.lease_s / 2:
        error(("doors", "renew_s"), f"is {doors.renew_s:g}; at most half of lease_s, or one late tick drops a door")
    if timers is not None and face is not None and timers.verify_s <= face.deadline_s:
        error(("timers", "verify_s"), f"is {timers.verify_s:g}; it stands behind face.deadline_s = {face.deadline_s:g}")


def asked(found: Asked | None, sections: Mapping[str, Any], authorities: bool, error: Tell) -> None:
    """The lane's own time-outs stand behind all that its procedure may ask, in front and inside.

    `found` is None where the procedure is not known.
    """
    if found is None or None in (sections["timers"], sections["clearance"], sections["face"]):
        return
    in_front, inside, more = found
    if (size := sections["gallery"]) is not None and size.outgrown == "finger":
        inside = (*inside, *(each for each in more if each not in inside))
    _stands_behind("check_s", (*in_front, *(("authority_s",) if authorities else ())), sections, error)
    _stands_behind("verify_s", inside, sections, error)


def _stands_behind(timer: str, names: Sequence[str], sections: Mapping[str, Any], error: Tell) -> None:
    """`names` are those of the terms that are asked one after the other; a finger is asked for several times."""
    clearance, face, ends_s = sections["clearance"], sections["face"], getattr(sections["timers"], timer)
    tries = clearance.finger_tries
    known = {
        "face_deadline_s": ("face.deadline_s", face.deadline_s),
        "finger_s": (f"clearance.finger_tries = {tries} times clearance.finger_s", tries * clearance.finger_s),
    }
    terms = [known.get(name) or (f"clearance.{name}", getattr(clearance, name)) for name in names]
    if terms and ends_s <= sum(length for _, length in terms):
        behind = " + ".join(f"{name} ({length:g})" for name, length in terms)
        error(("timers", timer), f"is {ends_s:g}; it stands behind {behind}, one after the other")


def pipelining(lane: Lane, by_presence: bool | None, error: Tell) -> None:
    """Only a token can be read before there is room to be looked at."""
    if lane.pipelining and by_presence:
        error(
            ("lane", "pipelining"), "is true, but this lane's procedure begins with a face, not with a token; say false"
        )


def tokens(given: Tokens | None, face_follows: bool | None, error: Tell) -> None:
    """What can be copied is no clearance by itself. `face_follows` is None where the procedure is not known."""
    if given is None:
        return
    for key_id, text in given.issuers.items():
        try:
            signed_token.public_key(text)
        except ValueError as problem:
            error(("tokens", "issuers", key_id), str(problem))
    if given.issuers and given.direction is None:
        error(("tokens", "direction"), 'is missing; signed tokens are for one direction: "arrival" or "departure"')
    if not given.static and not given.issuers:
        error(("tokens", "static"), "is false, and there are no [tokens.issuers]: nobody could pass")
    if given.static and face_follows is False:
        error(
            ("tokens", "static"),
            "is true, but in this lane's procedure no face or finger follows: whoever copies a code passes with it; "
            "say false, and name [tokens.issuers]",
        )


def liveness(face: Face | None, satisfies: Callable[[str], object] | None, error: Tell, warning: Tell) -> None:
    """What is required can be had: `satisfies` raises SetupError for a detector that will not do."""
    if face is None:
        return
    if not face.require_liveness:
        if face.pad:
            warning(("face", "pad"), "is named and not used; say require_liveness = true, or leave it out")
    elif not face.pad:
        error(
            ("face", "require_liveness"), "is true, and [face] pad names no detector of presentation attacks; name one"
        )
    elif satisfies is not None:
        try:
            satisfies(face.pad)
        except SetupError as problem:
            error(("face", "pad"), str(problem))


def port(given: Port | None, error: Tell) -> None:
    """Days begin and end in a zone that there is."""
    if given is not None:
        try:
            time_zone(given.timezone)
        except SetupError as problem:
            error(("port", "timezone"), str(problem))


def eligibility(rules: Sequence[Rule], given: Port | None, lane: str, error: Tell, warning: Tell) -> None:
    """Rules that can be judged, and classes of people that hold together."""
    if given is None:
        return
    for each in objections(rules, given, lane):
        tell = warning if each.warning else error
        tell((RULE_TABLE, str(each.number), *each.key), each.problem)
    timed = [rule.name for rule in rules if rule.needs_clock]
    if timed and not given.require_synchronised:
        warning(
            ("port", "require_synchronised"),
            f"what expired is valid again whenever the clock is wrong: {', '.join(timed)}",
        )
