"""Imported first by the runners: a Python that lacks what gatefw wants is told of in words, and not by a traceback."""

import importlib.util
import sys
from pathlib import Path

if missing := [name for name in ("numpy", "zmq") if importlib.util.find_spec(name) is None]:
    root = Path(__file__).resolve().parents[1]
    runner, python = Path(sys.argv[0]).resolve(), root / ".venv/bin/python"
    shown = runner.relative_to(root) if runner.is_relative_to(root) else runner
    print(
        f"{shown}: {sys.executable} has no {' and no '.join(missing)}; the Python of this project has: "
        f"{python.relative_to(root)} {shown} ({'it is there' if python.exists() else '`make check` makes it'})",
        file=sys.stderr,
    )
    raise SystemExit(2)
