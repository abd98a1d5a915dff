"""What a screen may show of a record: enough to say yes to, too little to learn from."""

from collections.abc import Mapping


def masked(facts: Mapping[str, str]) -> dict[str, str]:
    """What of a record a screen may show: first letters of a name, the end of a number, the year of a birth.

    A false hit would else show one traveller's data to another. What is none of these is left out.
    """
    shown = {}
    for name, value in facts.items():
        word = name.rpartition(".")[2]
        if word == "name" or word.endswith("_name"):
            shown[name] = " ".join(part[:1] + "*" * (len(part) - 1) for part in value.split())
        elif word == "number" or word.endswith("_number"):
            known = min(2, max(0, len(value) - 2))
            shown[name] = "*" * (len(value) - known) + value[len(value) - known :]
        elif word == "born":
            year = value[:4]
            shown[name] = year if year.isascii() and year.isdigit() else ""
    return shown
