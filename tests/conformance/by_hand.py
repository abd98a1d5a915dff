"""A bench whose far end is a real device and a pair of hands: what a suite wants done, somebody is asked to do."""

import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hw
from gatefw import settings
from hw import gpio


class BenchByHand:
    """`--device ROLE.HOW=FILE`: the file has the driver's settings, and `factory = "lgpio:LABEL"` if it uses pins."""

    def __init__(self, settings: Any, factory: str | None, hands: bool) -> None:
        self._settings, self._hands, self._opened = settings, hands, []  # type: ignore[var-annotated]
        self._pins = factory is not None
        self.driver: Any = None
        if factory is not None:
            gpio.open_factory(factory)

    @classmethod
    def maker(cls, device: str, config: pytest.Config) -> tuple[str, Callable[[Path], "BenchByHand"]]:
        """The driver's name, and what makes its bench. Ends the session when the option cannot be understood."""
        name, _, file = device.partition("=")
        role, _, how = name.partition(".")
        if (role, how) not in hw.drivers() or not file:
            pytest.exit(f"--device {device}: wanted is ROLE.HOW=FILE, with a driver hw/ROLE_HOW.py", returncode=2)
        hands = config.getoption("capture") == "no" and sys.stdin.isatty()
        table = tomllib.loads(Path(file).read_text())
        factory = table.pop("factory", None)
        wrong: list[str] = []
        built = settings.build(
            hw.schema(role, how), table, (role, how), lambda place, why: wrong.append(f"{place}: {why}")
        )
        if wrong:
            pytest.exit(f"--device {role}.{how}: {'; '.join(wrong)}", returncode=2)

        def by_hand(_path: Path) -> BenchByHand:
            return cls(built, factory, hands)

        return how, by_hand

    def open(self, **changes: Any) -> Any:
        if changes:
            pytest.skip(f"wants other settings than the device has: {', '.join(changes)}")
        device = self.driver.open(self._settings)
        self._opened.append(device)
        return device

    def close(self) -> None:
        for device in self._opened:
            device.close()
        if self._pins:
            gpio.close_factory()

    def __getattr__(self, deed: str) -> "Deed":
        """Everything else that a bench can do is done by whoever stands at the device."""
        if deed.startswith("_"):
            raise AttributeError(deed)
        return Deed(deed.replace("_", " "), self._hands)


class Deed:
    """Something that a suite wants of a bench: asked of somebody, if anybody is there."""

    def __init__(self, words: str, hands: bool) -> None:
        self._words, self._hands = words, hands

    def __call__(self, *given: object, **named: object) -> None:
        if not self._hands:
            pytest.skip(f"wants somebody at the device to {self._words}; run it with -s on a terminal")
        words = [str(each) for each in given] + [f"{name} {value}" for name, value in named.items()]
        answer = input(f"\n    please {self._words} {' '.join(words)}; then Enter (n: it is not so) ")
        assert answer.strip().lower() != "n", f"{self._words}: not so, says who stands there"

    def __iter__(self) -> Iterator[object]:
        """What a bench of ours knows by itself."""
        pytest.skip(f"wants to know its {self._words}, which only a simulated bench can tell")
