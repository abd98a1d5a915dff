"""Mutants that change nothing anybody could notice, each with the reason: module, source line, what was changed."""

HARMLESS: dict[tuple[str, str, str], str] = {
    (
        "leases",
        "goes_on = want is not None and recorded and not turned and permits(Keep(door, want), sensed).permitted",
        "clause left out: want is not None",
    ): "said to the type checker alone: what is not wanted is kept as `want`, and that is None",
}
