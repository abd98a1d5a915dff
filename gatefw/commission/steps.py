"""One step after the other: what is asked and told, what is watched meanwhile, and what is concluded from it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from gatefw.commission.doors import Doors
from gatefw.commission.judge import Levels, Wiring, contacts_of
from gatefw.commission.plan import FREES, Kind, Result, Step, Verdict
from gatefw.commission.site import Site
from gatefw.commission.technician import Skipped, Technician, confirmed, goes_on, result_of
from gatefw.config import Config
from gatefw.device_dialogue import Dialogue
from gatefw.doctor.areas.camera import FOCUS_MIN
from gatefw.errors import DeviceLost, GateError, Refusal

ACT_S = 60.0  # so long is waited for what a technician is told to do
SHOW_S = 20.0  # a card or a code
QUIET_S = 1.0  # nothing more belongs to what was said
TWO_WIRES = "On a line of two wires, try A and B the other way round"
LAID = 3  # a finger, so often
DARK, BRIGHT = 40, 215  # grey levels of a whole picture between which a face can be seen
FRAMES_MIN_PER_S = 5.0


class Commissioning:
    """Of one lane. `does` is one step, and never raises for what a gate does wrong: that is its result."""

    def __init__(self, config: Config, site: Site, technician: Technician) -> None:
        self._config, self._site, self._technician = config, site, technician
        self._wiring = Wiring(config.devices)
        doors = Doors(config, site, technician, self._wiring)
        self._does: dict[Kind, Callable[[Step], Result]] = {
            Kind.REST: self._rest,
            Kind.TRAVEL: doors.travel,
            Kind.BEAM: doors.beam,
            Kind.CONTACT: self._contact,
            Kind.TOKEN: self._token,
            Kind.PICTURE: self._picture,
            Kind.FINGER: self._finger,
            Kind.CHIP: self._tested,
            Kind.LAMPS: self._lamps,
        }

    def does(self, step: Step) -> Result:
        """What came of it. Raises DeviceLost: the daemon is gone, which is no finding about this step."""
        try:
            if self._technician.passes_by(step):
                raise Skipped
            result = self._does[step.kind](step)
        except Skipped:
            result = Result(step.id, Verdict.SKIPPED, "passed by")
        except DeviceLost:
            raise
        except GateError as error:
            result = Result(step.id, Verdict.FAILED, str(error))
        self._site.settle()
        return replace(result, about=step.about)

    # ------------------------------------------------------------ levels

    def _rest(self, step: Step) -> Result:
        """Reads the status alone, so that a gate whose wiring keeps it from maintenance is judged as well."""
        confirmed(
            self._technician,
            step,
            "is the lane empty, is every door closed and locked, and does nobody press anything?",
        )
        levels = self._site.levels()
        findings = self._wiring.rest(levels)
        return result_of(step, findings, {"levels": _told(levels)})

    def _contact(self, step: Step) -> Result:
        if step.contact in FREES:
            why = "trying it frees doors: it was seen at rest, and belongs to a drill with the lane in service"
            return Result(step.id, Verdict.SKIPPED, why)
        with self._site.dialogue("device_test", step.device, seconds=ACT_S) as talk:
            levels = self._levels_of(talk.look)
            rest = next(levels, None)
            if rest is None:
                raise Refusal(f"{step.device}: its levels were not told within {ACT_S:g} s: {talk.outcome or ''}")
            self._technician.tell(step, f"{_how(step.contact)}, and undo it again (s skips)")
            seen: list[Levels] = []
            for now in levels:
                goes_on(self._technician, step)
                if now != rest:
                    seen.append(now)
                elif seen:  # done, and undone
                    break
        active = seen[0].get(step.contact) if seen else None
        found = {"at_rest": rest.get(step.contact), "tried": active}
        finding = self._wiring.pressed(step.contact, rest, seen)
        return result_of(step, [finding] if finding else [], found)

    def _levels_of(self, look: Callable[[], list[dict[str, Any]]]) -> Iterator[Levels]:
        """The levels of a test of sensors, again and again; those that stand while nothing is said are told again."""
        newest: Levels = {}
        began_s = self._site.now_s()
        while self._site.now_s() - began_s < ACT_S:
            for line in look():
                if "levels" in line:
                    newest = contacts_of(line)
                    yield newest
            self._site.look()
            if newest:
                yield newest

    # ------------------------------------------------------------ devices

    def _tested(self, step: Step, seconds: float = ACT_S) -> Result:
        """The device's own test, whatever it asks for."""
        outcome = self._outcome(step, "device_test", seconds=seconds)
        found = {name: value for name, value in outcome.items() if name not in ("device", "passed", "why")}
        return Result(step.id, Verdict.PASSED if outcome["passed"] else Verdict.FAILED, str(outcome["why"]), found)

    def _outcome(self, step: Step, verb: str, **args: object) -> dict[str, Any]:
        with self._site.dialogue(verb, step.device, **args) as talk:
            while talk.outcome is None:
                goes_on(self._technician, step)
                for line in talk.look():
                    if "prompt" in line:
                        self._technician.tell(step, str(line["prompt"]))
                    if line.get("ask"):
                        said = self._technician.ask(step, "is it so?")
                        talk.say = "end" if said == "skip" else said
                self._site.look()
        return dict(talk.outcome)

    def _token(self, step: Step) -> Result:
        """One that reads nothing is listened to on its wire: what never ends is told from what was never said."""
        result = self._tested(step, SHOW_S)
        if result.verdict is Verdict.PASSED or not hasattr(self._settings(step), "link"):
            return result
        with self._site.dialogue("device_trace", step.device, seconds=ACT_S) as trace:
            self._await_there(step)
            self._technician.tell(step, "show it once more")
            said = self._heard(step, trace)
        return replace(result, why=_why_unread(said, result.why), found={**result.found, **_ending(said)})

    def _heard(self, step: Step, trace: Dialogue) -> bytes:
        """What the device says, until it has said something and is silent again."""
        said, newest_s = b"", self._site.now_s() + SHOW_S
        while self._site.now_s() < newest_s and trace.outcome is None:
            goes_on(self._technician, step)
            if fresh := b"".join(_said(line["wire"]) for line in trace.look() if "wire" in line):
                said, newest_s = said + fresh, self._site.now_s() + QUIET_S
            self._site.look()
        return said

    def _await_there(self, step: Step) -> None:
        """A traced device is opened anew."""
        listed: dict[str, Any] = {}
        for after_s, _ in self._site.watch(SHOW_S):
            goes_on(self._technician, step)
            listed = {each["device"]: each for each in self._site.order("devices", {})["devices"]}[step.device]
            if listed["state"] == "there" and listed["for_s"] < after_s + QUIET_S:
                return
        why = listed["detail"] or ", ".join(listed["reasons"])
        raise Refusal(f"{step.device} is not there: {why}. {TWO_WIRES}")

    def _finger(self, step: Step) -> Result:
        """Three times, since a sensor that is dirty or dry takes one finger and refuses the next."""
        for number in range(LAID):
            self._technician.tell(step, f"{number + 1} of {LAID}: lay a finger down, and lift it when it is seen")
            result = self._tested(step)
            if result.verdict is not Verdict.PASSED:
                return replace(result, found={**result.found, "laid": number})
        return replace(result, found={**result.found, "laid": LAID})

    def _picture(self, step: Step) -> Result:
        """Numbers of its pictures; none is kept, and none is shown."""
        if (
            self._technician.ask(step, "is the lens at the height of a face, its glass clean, and the light on?")
            != "yes"
        ):
            return Result(step.id, Verdict.FAILED, "mount it at the height of a face, clean it, and put the light on")
        outcome = self._outcome(step, "device_test", seconds=5.0)
        found = {name: value for name, value in outcome.items() if name not in ("device", "passed", "why")}
        if not outcome["passed"]:
            return Result(step.id, Verdict.FAILED, str(outcome["why"]), found)
        grey, rate = float(outcome.get("brightness", 0)), float(outcome.get("frames_per_s", 0))
        why = ""
        if not DARK <= grey <= BRIGHT:
            why = (
                f"its pictures are too {'dark' if grey < DARK else 'bright'} ({grey:g} of 255): look at light and lens"
            )
        elif (focus := outcome.get("focus")) is not None and focus < FOCUS_MIN:
            why = f"its pictures are out of focus ({focus:.0%} of a step at best): turn the lens, and clean it"
        elif rate < FRAMES_MIN_PER_S:
            why = f"{rate:g} pictures a second, {FRAMES_MIN_PER_S:g} are wanted: look at exposure, cable and supply"
        return Result(step.id, Verdict.FAILED if why else Verdict.PASSED, why, found)

    def _lamps(self, step: Step) -> Result:
        outcome = self._outcome(step, "device_test", asks=True, seconds=ACT_S * 2)
        return Result(step.id, Verdict.PASSED if outcome["passed"] else Verdict.FAILED, str(outcome["why"]))

    # ------------------------------------------------------------ small things

    def _settings(self, step: Step) -> object:
        return next(each.settings for each in self._config.devices if each.label == step.device)


def _told(levels: Levels) -> dict[str, str]:
    return {name: "active" if active else "inactive" for name, active in sorted(levels.items())}


def _how(contact: str) -> str:
    words = contact.replace("_", " ")
    return f"step into {words}" if contact.startswith("zone_") else f"press, turn or open {words}"


def _said(line: str) -> bytes:
    """What the device said in a line of a trace; scrubbed, in the same length."""
    parts = line.split(" ")
    return bytes.fromhex(parts[2]) if len(parts) == 3 and parts[1] == "<" else b""


def _ending(said: bytes) -> dict[str, Any]:
    """How a reader of lines ends them, and whether it says the kind of symbol first."""
    ends = next((word for end, word in ((b"\r\n", "CRLF"), (b"\r", "CR"), (b"\n", "LF")) if end in said), "none")
    return {"terminator": ends, "prefix": "AIM" if said[:1] == b"]" else "none", "said_bytes": len(said)}


def _why_unread(said: bytes, why: str) -> str:
    if not said:
        return f"nothing came on its wire: {why}. {TWO_WIRES}"
    if _ending(said)["terminator"] == "none":
        return (
            f"{len(said)} bytes came on its wire and no CR, LF or CRLF behind them: set its terminator (suffix) to CR, "
            "with the code in its manual"
        )
    return f"{len(said)} bytes came on its wire and were no code: look at its baud rate and mode; {why}"
