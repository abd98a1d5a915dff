"""Clauses whose loss no search can tell: why each changes nothing, and what that says of it."""

HARMLESS: dict[str, str] = {}
