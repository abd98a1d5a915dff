"""What stands in an order about people, looked at before it is used. Everything raises Refusal, without the facts."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatefw.errors import Refusal
from gatefw.model import SubjectId
from gatefw.record_terms import FOR_EVER, MAIN, Modality

PHOTOS_MAX, FACTS_MAX, FACT_CHARS_MAX = 8, 64, 200
DAY_S, YEARS_MAX = 86_400.0, 20
_FACT = re.compile(r"[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})*")
_STORES_OWN = re.compile(r"registered|partition|consent\..*|journey\.passed")
_PARTITIONS_OWN = re.compile(r"journey\..*")

Args = Mapping[str, Any]


def texts(args: Args, name: str) -> list[str]:
    """At least one text."""
    found = args.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise Refusal(f"{name}: at least one text is wanted")
    return found


def text(args: Args, name: str) -> str:
    """One, which a store can take: half of a character fits into none."""
    found = texts({name: [args.get(name)]}, name)[0]
    if not found.isprintable():
        raise Refusal(f"{name}: letters and digits are wanted, it has a character that cannot be printed")
    return found


def subject(args: Args) -> SubjectId:
    return SubjectId(text(args, "subject"))


def partition(args: Args) -> str:
    """A partition's name; the main one where none is given."""
    return text(args, "partition") if args.get("partition") is not None else MAIN


def photos(args: Args) -> list[str]:
    """Absolute paths."""
    found = texts(args, "photos")
    if len(found) > PHOTOS_MAX or not all(Path(path).is_absolute() for path in found):
        raise Refusal(f"photos: 1 to {PHOTOS_MAX} absolute paths are wanted")
    return found


def days_s(args: Args) -> float:
    """How many days, in seconds."""
    days = args.get("days")
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 366 * YEARS_MAX:
        raise Refusal(f"days: for how many days is wanted (`--days N`), at most {366 * YEARS_MAX}")
    return float(days) * DAY_S


def ends_at(args: Args) -> float:
    """When a partition ends, in seconds since 1970 UTC; never where nothing is said."""
    given = args.get("expires_at")
    if given is None:
        return FOR_EVER
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= FOR_EVER:
        raise Refusal("expires_at: seconds since 1970 UTC are wanted")
    return float(given)


def modalities(args: Args) -> set[Modality]:
    """Of what a consent is; of all where nothing is said."""
    given = args.get("to")
    try:
        return set(Modality) if given is None else {Modality(text(args, "to"))}
    except ValueError:
        raise Refusal(f"to: one of {', '.join(Modality)} is wanted") from None


def facts(args: Args, of_partition: bool = False, empty: bool = False) -> dict[str, str]:
    """Facts by name, none where none are given. `empty`: a value may be empty, to remove the fact.

    What the store itself knows of a person is refused, as is what only their partition can say: the journey.
    """
    given = args.get("facts", {})
    if not isinstance(given, dict) or len(given) > FACTS_MAX:
        raise Refusal(f"facts: a table of at most {FACTS_MAX} is wanted")
    for name, value in given.items():
        if not isinstance(name, str) or not _FACT.fullmatch(name):
            raise Refusal("facts: a name is words of a-z, 0-9 and _ with dots between, like permit.expires")
        if _STORES_OWN.fullmatch(name) or (not of_partition and _PARTITIONS_OWN.fullmatch(name)):
            raise Refusal(f"facts: {name} is nothing that can be said of somebody; the store knows it")
        if not isinstance(value, str) or len(value) > FACT_CHARS_MAX or not value.isprintable() or not (value or empty):
            raise Refusal(f"facts: {name} is no printable text of 1 to {FACT_CHARS_MAX} characters")
    return dict(given)
