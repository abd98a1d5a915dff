"""What was typed, understood or not: of a word that is none, the nearest that is one, for whoever types on a phone."""

import argparse
import difflib
from collections.abc import Iterable, Sequence
from enum import EnumMeta
from typing import Any, NoReturn

LISTED = 12
"""More choices than these are not listed in an error; the help has them."""


class Parser(argparse.ArgumentParser):
    """As argparse, but that it says what was perhaps meant, and names the command that did not understand."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(
                action, _none_of(str(value), [str(each) for each in action.choices], self.prog)
            )

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """A word of an enum is looked at before it becomes one: the error would name our type, not the words."""
        if isinstance(action.type, EnumMeta) and action.choices is not None:
            words = [str(each) for each in action.choices]
            if arg_string not in words:
                raise argparse.ArgumentError(action, _none_of(arg_string, words, self.prog))
        return super()._get_value(action, arg_string)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Nothing is left over: what a command does not know is its own error, not that of `gatefw`."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return found, unknown

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        near = _near(unknown[0].partition("=")[0], self._option_string_actions)
        advice = f"did you mean {near}?" if near else f"see `{self.prog} --help`"
        self.error(f"{' '.join(unknown)}: not understood; {advice}")


def _none_of(word: str, words: Sequence[str], prog: str) -> str:
    near = _near(word, words)
    listed = f"there are {', '.join(words)}" if len(words) <= LISTED else f"see `{prog} --help`"
    return f"{word!r} is none of them; {f'did you mean {near}?' if near else listed}"


def _near(word: str, words: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(word, list(words), n=1)), "")
