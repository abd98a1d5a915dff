"""What is said while something is done with a device: the far end of `device_session`, for whoever ordered it."""

from collections.abc import Callable, Mapping
from typing import Any

Line = dict[str, Any]
Order = Callable[[str, Mapping[str, object]], Mapping[str, Any]]


class Dialogue:
    """It has begun. `say` is told with the next look: `yes`, `no`, or `end`. Raises what the order does."""

    def __init__(self, order: Order, verb: str, device: str, args: Mapping[str, object]) -> None:
        self._order, self._verb, self.say = order, verb, ""
        self._told = order(verb, {"device": device, **args})

    @property
    def outcome(self) -> Line | None:
        """How it ended, once it has."""
        return self._told.get("outcome")

    def look(self) -> list[Line]:
        """What was said since the last look; nothing, when nothing was for a second or so."""
        args = {"session": self._told["session"], "seen": self._told["seen"], "say": self.say}
        self._told = self._order(self._verb, args)
        self.say = ""
        return list(self._told["said"])


def in_words(line: Line) -> str:
    """A line for people; `wire` lines are not among these."""
    if "prompt" in line:
        within = f" (within {line['seconds']} s)" if "seconds" in line else ""
        return f"{line['prompt']}{within}" + (" [y/n]" if line.get("ask") else "")
    return "  ".join(pairs(line))


def pairs(line: Line) -> list[str]:
    found = []
    for key, value in line.items():
        if isinstance(value, dict):
            found += [f"{name}={inner}" for name, inner in value.items() if inner != ""]
        elif value != "":
            found.append(f"{key}={value}")
    return found


def ended(outcome: Line) -> str:
    """How it ended, in one line; why, where it failed, is the outcome's own word."""
    found = {name: value for name, value in outcome.items() if name not in ("device", "passed", "why", "levels")}
    return "  ".join([f"{outcome['device']}: {'passed' if outcome['passed'] else 'failed'}", *pairs(found)])
