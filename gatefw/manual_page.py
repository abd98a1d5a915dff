"""The manual page gatefw(1), out of the parsers themselves: what is not in a parser's help is not in the page.

In the macros of man(7), which every formatter of manual pages knows. What stands indented in a description is an
example and is kept line by line.
"""

import argparse
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

Commands = Iterator[tuple[str, argparse.ArgumentParser]]
WIDTH = 72
STATUSES = (
    ("0", "done"),
    ("1", "done, and the answer is no: a config with problems, a test that failed, a story that went wrong"),
    ("2", "could not be done, or not be understood: the message says what was asked, what was found, what to do"),
    ("3", "of `gatefw doctor` alone: broken, where 1 is degraded"),
    ("130", "ended by Ctrl-C"),
)
"""The exit statuses of every command. Whoever follows events ends by the signal itself, as tail does."""
ENVIRONMENT = (
    ("GATEFW_STATE", "where models, stores, journal and keys are, where systemd does not say it (STATE_DIRECTORY)"),
    ("GATEFW_RUN", "where the sockets of the running gate are, likewise (RUNTIME_DIRECTORY)"),
    ("NO_COLOR, FORCE_COLOR", "no colours on a terminal (`gatefw watch`, `demo`); colours also where there is none"),
)


def leaves(parser: argparse.ArgumentParser, name: str = "") -> Commands:
    """Every command that does something, by the words that are typed for it."""
    inner = {id(child): (word, child) for word, child in _children(parser)}
    if not inner:
        yield name, parser
    for word, child in inner.values():
        yield from leaves(child, f"{name} {word}".strip())


def summaries(parser: argparse.ArgumentParser) -> Mapping[str, str]:
    """What stands beside each command in the list of its parser."""
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {choice.dest: choice.help or "" for action in found for choice in action._choices_actions}


def page(parser: argparse.ArgumentParser, version: str) -> str:
    """The whole page. The same parsers and version give the same bytes."""
    commands = list(leaves(parser))
    lines = [
        f'.TH GATEFW 1 "" "gatefw {version}" "User Commands"',
        *(".SH NAME", "gatefw \\- runs a border e\\-gate, and is what people who fit and mend gates use"),
        *(".SH SYNOPSIS", ".B gatefw", ".I COMMAND", "[options]"),
        *(".SH DESCRIPTION", *list(_prose(parser.description or ""))[1:]),  # a heading begins a paragraph
        ".SH COMMANDS",
    ]
    for name, each in commands:
        lines += [f'.SS "gatefw {_plain(name)}"', *_usage(each), *_prose(each.description or ""), *_options(each)]
    lines += [".SH EXIT STATUS", *_pairs(STATUSES), ".SH ENVIRONMENT", *_pairs(ENVIRONMENT)]
    return "\n".join((*lines, ""))


def _children(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _usage(parser: argparse.ArgumentParser) -> list[str]:
    usage = " ".join(parser.format_usage().removeprefix("usage:").split())
    return list(_filled(usage))


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; what is indented stays as it is."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        if not lines[0].startswith(" "):
            yield ".PP"
        while lines:
            kept = lines[0].startswith(" ")
            some = list(_while(lines, kept))
            lines = lines[len(some) :]
            yield from _kept(some) if kept else _filled(" ".join(some))


def _while(lines: Iterable[str], kept: bool) -> Iterator[str]:
    for line in lines:
        if line.startswith(" ") is not kept:
            return
        yield line


def _filled(text: str) -> Iterator[str]:
    return (_plain(line) for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False))


def _kept(lines: Iterable[str]) -> Iterator[str]:
    yield from (".RS 2", ".nf")
    for line in lines:
        yield _plain(line.strip())
    yield from (".fi", ".RE")


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        metavar = action.metavar or (
            "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
        )
        named = metavar if isinstance(metavar, str) else " ".join(metavar)
        takes = action.nargs != 0
        flags = ", ".join(action.option_strings)
        told = f"{flags} {named if takes else ''}".strip() if flags else named
        yield from (".TP", f".B {_plain(told)}", *_filled((action.help or "see above").replace("%%", "%")))


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, what in pairs:
        yield from (".TP", f".B {_plain(name)}", *_filled(what))


def _plain(text: str) -> str:
    """Text that says nothing to the formatter."""
    escaped = " ".join(text.split("\n")).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
