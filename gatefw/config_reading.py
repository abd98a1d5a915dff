"""One reading of a lane file: every table built, every rule applied, every problem collected with its line and key."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatefw import config_gallery, config_rules, config_shape, settings, toml_document
from gatefw.config_gallery import Holds
from gatefw.config_migrate import renamed
from gatefw.config_tables import ROLES, SECTIONS, Device, Documents
from gatefw.errors import ConfigError, SetupError
from gatefw.reversal import REVERSED, is_reversed, one_way
from gatefw.rule import RULE_TABLE, Rule
from gatefw.state import runtime_dir, state_dir
from gatefw.toml_document import Document, Place

Schema = Callable[[str, str], type]
Lookup = Callable[[str], object]
Asks = Callable[[str], config_rules.Asked]
Look = Callable[[str], Iterable[tuple[str, bool]]]
"""What is wrong with something that a lane file names, and of each whether it is a warning only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in a lane file. A warning is allowed and must be known; all others keep the daemon from starting."""

    file: str
    line: int | None
    key: str
    problem: str
    warning: bool = False

    def __str__(self) -> str:
        return str(ConfigError(self.file, self.line, self.key, ("warning: " if self.warning else "") + self.problem))


@dataclass(frozen=True, slots=True)
class Contents:
    """What a lane file without errors holds, and the two directories its daemon works in."""

    state: Path
    run: Path
    sections: Mapping[str, Any]
    devices: tuple[Device, ...]
    rules: tuple[Rule, ...]
    reversible: bool
    reversed: bool
    sha256: str


class Reading:
    """One reading of one file: goes on after every problem, and collects them."""

    def __init__(
        self,
        schema: Schema,
        env: Mapping[str, str],
        procedure: Lookup | None = None,
        model: Lookup | None = None,
        csca: Look | None = None,
        holds: Holds | None = None,
        presence: Callable[[str], bool] | None = None,
        asked: Asks | None = None,
        reverse: bool | None = None,
        pad: Lookup | None = None,
    ) -> None:
        """`reverse`: which way of a reversible lane to read; None for the way it goes now."""
        self.reversible, self._reverse = False, reverse
        self._schema, self._env, self._procedure, self._model, self._csca = schema, env, procedure, model, csca
        self._holds, self._presence, self._asks, self._pad = holds, presence, asked, pad
        self._document = Document("", {}, {})
        self._schemas: dict[Place, type] = {}
        self._face_follows: bool | None = None
        self._by_presence: bool | None = None
        self._asked: config_rules.Asked | None = None
        self.findings: list[Finding] = []

    def error(self, place: Place, problem: str) -> None:
        if problem.startswith(settings.UNKNOWN) and (now := renamed(place)):
            problem = now
        self._find(place, problem, warning=False)

    def warn(self, place: Place, problem: str) -> None:
        self._find(place, problem, warning=True)

    def _find(self, place: Place, problem: str, warning: bool) -> None:
        document, other = self._document, (REVERSED, *place)
        if self._reverse and other in document.lines:
            place = other
        self.findings.append(Finding(document.file, document.line(place), ".".join(place), problem, warning))

    def read(self, path: Path) -> Contents | None:
        """The contents, or None after at least one error was found."""
        try:
            self._document = toml_document.read(path)
            state, run = state_dir(self._env), runtime_dir(self._env)
        except ConfigError as error:
            self.findings.append(Finding(error.file, error.line, error.key, error.problem))
            return None
        except SetupError as error:
            self.findings.append(Finding(str(path), None, "", str(error)))
            return None
        whole = self._document.table
        self.reversible = REVERSED in whole
        self._reverse = self.reversible and (is_reversed(state) if self._reverse is None else self._reverse)
        if not isinstance(whole.get(REVERSED, {}), dict):
            self.error((REVERSED,), f"tables [{REVERSED}.NAME] are wanted: what is different the other way round")
        tables = self._substituted(one_way(whole, self._reverse), (), str(run))
        self._find_unknown(tables)
        sections = {name: self._section(name, kind, tables) for name, kind in SECTIONS.items()}
        devices = self._devices(tables)
        rules = self._rules(tables)
        self._find_unavailable(sections)
        self._find_untrusted(sections["documents"])
        self._apply_rules(_by_role(tables), sections, rules)
        if any(not found.warning for found in self.findings):
            return None
        return Contents(
            state, run, sections, tuple(devices), rules, self.reversible, self._reverse, self._document.sha256
        )

    def _substituted(self, value: Any, place: Place, run: str) -> Any:
        if isinstance(value, dict):
            return {key: self._substituted(inner, (*place, key), run) for key, inner in value.items()}
        if not isinstance(value, str):
            return value
        if "${" in value.replace("${RUN}", ""):
            self.error(place, "only ${RUN}, the runtime directory, is replaced in a text")
        return value.replace("${RUN}", run)

    def _find_unknown(self, tables: dict[str, Any]) -> None:
        lane = tables.get("lane")
        simulated = isinstance(lane, dict) and lane.get("simulated") is True
        known = (*SECTIONS, *ROLES, RULE_TABLE)
        for name in tables.keys() - {*known}:
            if name != "world":
                self.error((name,), settings.unknown(name, known, tables))
            elif not simulated:
                self.error(
                    (name,), "a simulated gate; a real lane has none, a simulated one says lane.simulated = true"
                )

    def _section(self, name: str, kind: type, tables: dict[str, Any]) -> Any:
        missing = dataclasses.MISSING
        required = any(field.default is field.default_factory is missing for field in dataclasses.fields(kind))
        if name in tables:
            return settings.build(kind, tables[name], (name,), self.error)
        if not required:
            return kind()
        if name != "gpio":  # which only pins need; see `config_rules.pins`
            self.error((name,), "the table is missing, and has no defaults")
        return None

    def _devices(self, tables: dict[str, Any]) -> list[Device]:
        """The devices that can be built; every table of a role is looked at."""
        built = []
        for role in ROLES:
            named = tables.get(role, {})
            if not isinstance(named, dict):
                self.error((role,), f"tables [{role}.NAME] are wanted")
                continue
            for name, table in named.items():
                device = self._device(role, name, table)
                if device is not None:
                    built.append(device)
        return built

    def _device(self, role: str, name: str, table: Any) -> Device | None:
        place = (role, name)
        if not isinstance(table, dict):
            self.error(place, f"a table [{role}.{name}] is wanted")
            return None
        driver = table.get("driver")
        if not isinstance(driver, str):
            self.error((*place, "driver"), f"the name of a driver is wanted: hw/{role}_NAME.py")
            return None
        try:
            kind = self._schemas[place] = self._schema(role, driver)
        except SetupError as error:
            self.error((*place, "driver"), str(error))
            return None
        own = {key: value for key, value in table.items() if key != "driver"}
        values = settings.build(kind, own, place, self.error)
        return None if values is None else Device(role, name, driver, values)

    def _rules(self, tables: dict[str, Any]) -> tuple[Rule, ...]:
        """The rules, none when one of them cannot be built; every one is looked at."""
        given = tables.get(RULE_TABLE, [])
        if not isinstance(given, list):
            self.error((RULE_TABLE,), f"tables [[{RULE_TABLE}]] are wanted, in double brackets")
            return ()
        places = [(RULE_TABLE, str(number)) for number, _ in enumerate(given, 1)]
        built = [settings.build(Rule, table, place, self.error) for table, place in zip(given, places, strict=True)]
        rules = tuple(rule for rule in built if rule is not None)
        return rules if len(rules) == len(given) else ()

    def _find_unavailable(self, sections: dict[str, Any]) -> None:
        """Names of procedure and models that lead to nothing."""
        for section, key, look_up in (
            ("lane", "procedure", self._procedure),
            ("vision", "detector", self._model),
            ("vision", "embedder", self._model),
        ):
            if look_up is None or sections[section] is None:
                continue
            try:
                found = look_up(getattr(sections[section], key))
            except SetupError as error:
                self.error((section, key), str(error))
            else:
                if key == "procedure":
                    self._face_follows = found is not False
                    self._by_presence = self._presence(sections["lane"].procedure) if self._presence else None
                    self._asked = self._asks(sections["lane"].procedure) if self._asks else None

    def _find_untrusted(self, given: Documents | None) -> None:
        """What is wrong in the directory that says whose documents are believed."""
        if self._csca is None or given is None or not given.csca:
            return
        for problem, warning in self._csca(given.csca):
            self._find(("documents", "csca"), problem, warning)

    def _apply_rules(self, roles: config_rules.Roles, sections: dict[str, Any], rules: tuple[Rule, ...]) -> None:
        lane, gpio = sections["lane"], sections["gpio"]
        config_rules.devices(roles, self._schemas, self.error)
        config_shape.doors(roles, self.error)
        config_shape.sensors(roles, self._by_presence, self.error)
        config_shape.beginning(self._by_presence, roles, sections["vision"], sections["clearance"], self.error)
        config_rules.fingers(roles, self._schemas, self.error, self.warn)
        config_rules.pins(roles, self._schemas, "gpio" in self._document.table, self.error)
        config_rules.units(roles, self.error)
        config_rules.times(sections["timers"], sections["doors"], sections["face"], self.error)
        config_rules.liveness(sections["face"], self._pad, self.error, self.warn)
        config_rules.asked(self._asked, sections, "authority" in roles, self.error)
        config_gallery.outgrown(
            sections["gallery"], self._asked, sections["clearance"], bool(roles.get("finger")), self.error
        )
        config_rules.screen(sections["screen"], self.error)
        config_rules.documents(sections["documents"], roles, self.error, self.warn)
        config_rules.authorities(sections["authorities"], roles, self.error, self.warn)
        config_rules.tokens(sections["tokens"], self._face_follows, self.error)
        if sections["vision"] is not None:
            config_rules.cameras(sections["vision"], roles, self.error, self.warn)
            cameras = roles.get("camera", {})
            config_gallery.identification(sections["vision"], sections["gallery"], cameras, self._holds, self.error)
        config_rules.port(sections["port"], self.error)
        if lane is not None:
            config_rules.eligibility(rules, sections["port"], lane.name, self.error, self.warn)
            config_rules.pipelining(lane, self._by_presence, self.error)
            config_shape.way_out(lane, roles, self.error, self.warn)
            if gpio is not None:
                config_rules.gpio(gpio.factory, lane.simulated, self.error)


def _by_role(tables: dict[str, Any]) -> config_rules.Roles:
    """The devices' tables as written: role, name, table. What is no table is left out; it was reported."""
    return {
        role: {name: table for name, table in tables[role].items() if isinstance(table, dict)}
        for role in ROLES
        if isinstance(tables.get(role), dict)
    }
