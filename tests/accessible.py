"""What axe, the checker of accessibility, finds wrong with a page in a real browser."""

from importlib import resources
from typing import Any

import pytest

pytest.importorskip("axe_playwright_python", reason="pip install gatefw[browser]")
AXE = resources.files("axe_playwright_python") / "axe.min.js"
LOOK = """axe.run({ resultTypes: ["violations"] }).then(
    (found) => found.violations.map((each) => [each.id, each.nodes.map((node) => node.html)]))"""


def violations(page: Any) -> list[Any]:
    """Every rule that is broken, with the elements. To name those that are right, too, takes most of the time."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{AXE.read_text()}; null")
    found: list[Any] = page.evaluate(LOOK)
    return found
