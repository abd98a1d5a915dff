"""Mutants that change nothing anybody could notice, each with the reason: module, source line, what was changed."""

HARMLESS: dict[tuple[str, str, str], str] = {}
