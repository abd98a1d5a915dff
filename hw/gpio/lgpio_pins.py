"""The kernel's GPIO lines, through lgpio and gpiozero. The only file that knows lgpio.

What lgpio does to a process, each tried: importing it makes a FIFO in `$LG_WD` and *moves the process there*, and two
processes with one `$LG_WD` take each other's edges; claiming an output first drives it low; a callback that raises ends
the thread of all callbacks. What gpiozero does: it gives a line back only when the whole chip is closed.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any, cast

from gatefw.errors import SetupError
from hw.gpio.lines import PinFactory

_ANY_40_PIN_BOARD = 0xC03111
"""gpiozero wants a board to name header pins by; the 40-pin header has been the same on every one (here: Pi 4B 1.1)."""


def open_chip(label: str) -> PinFactory:
    """Pins of the one GPIO chip labelled so; chip numbers change between kernels. Raises SetupError."""
    lgpio = library()
    chip = choose(label, _labels(lgpio))

    from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin

    class ChipPin(LGPIOPin):  # type: ignore[misc]
        def output_with_state(self, state: bool) -> None:
            """Claim with the level it shall have: a relay that is active low must not see a low level first."""
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))

        def close(self) -> None:
            """An input first, then nobody's: the next owner, in whatever process, finds it free."""
            super().close()
            if self.factory._handle is not None:
                lgpio.gpio_free(self.factory._handle, self._number)

    class ChipFactory(LGPIOFactory):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(chip)
            self.pin_class = ChipPin

        def close(self) -> None:
            """Also where the chip went away: its lines cannot be given back any more, its file can."""
            for pin in self.pins.values():
                with suppress(lgpio.error):
                    pin.close()
            self.pins.clear()
            super().close()

        def _get_revision(self) -> int:
            return _ANY_40_PIN_BOARD

    try:
        return cast(PinFactory, ChipFactory())
    except lgpio.error as problem:
        raise SetupError(f"pins lgpio:{label}: cannot open /dev/gpiochip{chip}: {problem}") from problem


def choose(label: str, labels: Mapping[int, str]) -> int:
    """The number of the chip with that label. Raises SetupError naming the labels there are."""
    chips = [number for number, found in labels.items() if found == label]
    if len(chips) != 1:
        there = ", ".join(f"{found!r} (gpiochip{number})" for number, found in sorted(labels.items()))
        raise SetupError(
            f"pins lgpio:{label}: {len(chips)} chips have that label; there are: {there or 'none that may be opened'}"
        )
    return chips[0]


def library() -> Any:
    """The library, in a directory of this process alone, which goes with it."""
    try:
        runtime = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        directory = tempfile.mkdtemp(prefix="gatefw-lgpio-", dir=runtime or None)
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        os.environ["LG_WD"] = directory
        with chdir(Path.cwd()):
            import lgpio
    except (ImportError, OSError) as problem:
        raise SetupError(
            f"pins lgpio: the library cannot be used: {problem}; install lgpio (Debian: python3-lgpio), "
            "and see that the runtime directory may be written"
        ) from problem
    return lgpio


def _labels(lgpio: Any) -> dict[int, str]:
    labels = {}
    for device in Path("/dev").glob("gpiochip*"):
        number = int(device.name.removeprefix("gpiochip"))
        try:
            handle = lgpio.gpiochip_open(number)
        except lgpio.error:  # not ours to use: it is missing from the list that `choose` shows
            continue
        labels[number] = str(lgpio.gpio_get_chip_info(handle)[3])
        lgpio.gpiochip_close(handle)
    return labels
