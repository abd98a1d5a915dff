"""Which driver keeps which promise: a table at the end of a run of the conformance suites."""

from collections import defaultdict

import pytest

SIGNS = {"passed": "yes", "failed": "NO", "skipped": "-"}
GRAVEST = ("NO", "-", "yes")


class Promises:
    """A pytest plugin. A promise is a test; a column is a driver in one place it was tried in."""

    def __init__(self) -> None:
        self._tried: dict[str, tuple[str, str, str]] = {}
        self._kept: dict[str, dict[str, dict[str, set[str]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(set))
        )

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        tried = (
            item.callspec.params.get("bench")
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else None
        )
        if isinstance(tried, tuple):
            how, make = tried
            promise = item.originalname.removeprefix("test_").replace("_", " ")
            self._tried[item.nodeid] = (item.module.ROLE, promise, f"{how} {make.__name__.replace('_', ' ')}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid in self._tried and (report.when == "call" or report.outcome != "passed"):
            role, promise, column = self._tried[report.nodeid]
            self._kept[role][promise][column].add(SIGNS[report.outcome])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for role, promises in sorted(self._kept.items()):
            columns = sorted({column for kept in promises.values() for column in kept})
            terminalreporter.section(f"{role}: who keeps what")
            for number, column in enumerate(columns, 1):
                terminalreporter.write_line(f"  {number:2}  {column}")
            terminalreporter.write_line("  " + "".join(f"{number:5}" for number in range(1, len(columns) + 1)))
            for promise, kept in promises.items():
                signs = [next((sign for sign in GRAVEST if sign in kept.get(column, ())), "") for column in columns]
                terminalreporter.write_line(f"  {''.join(f'{sign:>5}' for sign in signs)}  {promise}")
