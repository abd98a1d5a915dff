"""What this kernel does with an output whose process has died: the GPIO chip's driver decides, and says so in sysfs.

Raspberry Pi's kernels let it stay as it was driven, unless `dtparam=strict_gpiod` (or `persist_gpio_outputs=n`) says
otherwise; mainline makes it an input. Source: raspberrypi/linux pull requests 6117 and 6150; kernels before them keep
outputs and have no parameter.
"""

from pathlib import Path

from gatefw.ports import DeadOutputs

_MODULES = {
    "pinctrl-bcm2835": "pinctrl_bcm2835",
    "pinctrl-bcm2711": "pinctrl_bcm2835",
    "pinctrl-rp1": "pinctrl_rp1",
}
LABELS = tuple(_MODULES)
"""Of the chips whose drivers say so."""
_MEANS_KEPT = {"persist_gpio_outputs": True, "strict_gpiod": False}


def dead_outputs(factory: str, sysfs: Path = Path("/sys")) -> DeadOutputs:
    """Whether the kernel keeps or frees the outputs of a dead process, on the chip of a factory URL of `hw.gpio`.

    `UNKNOWN` when no driver says so, and must be taken for kept.
    """
    scheme, _, label = factory.partition(":")
    module = _MODULES.get(label) if scheme == "lgpio" else None
    for parameter, means_kept in _MEANS_KEPT.items():
        try:
            said = (sysfs / "module" / (module or "") / "parameters" / parameter).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if module and said in ("Y", "1", "N", "0"):
            return DeadOutputs.KEPT if (said in ("Y", "1")) is means_kept else DeadOutputs.FREED
    return DeadOutputs.UNKNOWN
