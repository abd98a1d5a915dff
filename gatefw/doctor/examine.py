"""All checks over what is seen. A check that breaks, or may not look, is a finding itself and stops no other."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator

from gatefw.doctor import areas
from gatefw.doctor.finding import Finding, Severity, Unseen
from gatefw.doctor.seen import Seen

Check = Callable[[Seen], Iterable[Finding]]


def names() -> tuple[str, ...]:
    """The areas that there are: the files of `areas/`."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(areas.__path__)))


def checks(area: str) -> tuple[Check, ...]:
    found: tuple[Check, ...] = importlib.import_module(f"{areas.__name__}.{area}").CHECKS
    return found


def examine(seen: Seen, wanted: Iterable[str] | None = None) -> list[Finding]:
    """What the checks of these areas find, of all areas for None; in no order."""
    found: list[Finding] = []
    for area in wanted or names():
        for check in checks(area):
            seen.tell(f"{area}: {_words(check)}")
            found += run(check, area, seen)
    return found


def run(check: Check, area: str, seen: Seen) -> Iterator[Finding]:
    """One check, with what becomes of it."""
    name = f"{area}.{check.__name__}"
    try:
        yield from check(seen)
    except PermissionError as error:
        yield _unseen(name, check, f"{error.filename}: {error.strerror}; run it with sudo")
    except Unseen as why:
        yield _unseen(name, check, str(why))
    except Exception as error:  # noqa: BLE001  whatever it is, the other checks go on
        cause = f"the check {name} broke off: {type(error).__name__}: {error}"
        yield Finding("G0001", Severity.WARNING, name, cause, "report it, with `gatefw --version` and this line")


def _unseen(name: str, check: Check, why: str) -> Finding:
    return Finding("G0002", Severity.NOTE, name, f"not looked at: {_words(check)}", why)


def _words(check: Check) -> str:
    """What a check is about: the first line of its docstring."""
    return (check.__doc__ or check.__name__).partition("\n")[0].rstrip(".")
