"""The decision records: a number each, and all of them in the list, with their titles."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parents[1] / "docs" / "decisions"


def test_every_record_has_a_number_of_its_own_and_its_line_in_the_list() -> None:
    wanted = []
    for path in sorted(HERE.glob("0*.md")):
        title = re.fullmatch(r"# (\d+)\. (.+)", path.read_text(encoding="utf-8").splitlines()[0])
        assert title is not None, path.name
        assert int(title[1]) == int(path.name[:4]), path.name
        wanted.append(f"- [{path.name[:4]}]({path.name}) {title[2]}")
    numbers = [line[:8] for line in wanted]
    assert len(set(numbers)) == len(numbers) > 10
    listed = [line for line in (HERE / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("- ")]
    assert listed == wanted
