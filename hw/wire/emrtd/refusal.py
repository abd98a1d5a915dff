"""Why a chip is not believed: the one exception of this package."""

from enum import StrEnum


class Why(StrEnum):
    KEY_WRONG = "key wrong"  # the chip does not open with what is printed
    UNREADABLE = "unreadable"  # it answered outside the standard
    UNSUPPORTED = "unsupported"  # it keeps to the standard, but to a part that is not done here
    ALTERED = "altered"  # what it says in the open is not what its signed file says
    CLONED = "cloned"  # it offers a key that it cannot use


class ChipRefused(Exception):
    """Nothing more is asked of this chip. The message holds no key and nothing that is stored in the chip."""

    def __init__(self, why: Why, message: str) -> None:
        self.why = why
        super().__init__(message)


def unsupported(message: str) -> ChipRefused:
    return ChipRefused(Why.UNSUPPORTED, message)


def unreadable(message: str) -> ChipRefused:
    return ChipRefused(Why.UNREADABLE, message)
