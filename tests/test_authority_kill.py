"""A lane is killed again and again while travellers pass. No record is lost, and none becomes two."""

import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from authority_bench import NAMES, Served, with_fixed_keys
from peers import without_coverage

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

CHILD = Path(__file__).parent / "authority_child.py"
ENDLESS = 1_000_000


def test_whoever_was_cleared_before_a_kill_has_one_record_with_each_authority(tmp_path: Path) -> None:
    """Three processes die by SIGKILL in the middle of a passage, after one, four and seven travellers; the fourth takes
    nobody, and delivers what they left."""
    authorities = [with_fixed_keys(name) for name in NAMES]
    here, there = (Served(tmp_path / f"{each.name}.sock", each) for each in authorities)
    with closing(here), closing(there):
        cleared: list[str] = []
        for life, passages in enumerate((1, 4, 7)):
            with _child(tmp_path, 1000 * (life + 1), ENDLESS) as child:
                assert child.stdout is not None
                cleared += [line.strip() for line in islice(child.stdout, passages)]
                child.kill()
        with _child(tmp_path, 0, 0) as last:
            assert last.wait(300) == 0
    assert len(cleared) == 12
    for authority in authorities:
        numbers = [str(each.traveller["document.number"]) for each in authority.records.values()]
        assert sorted(set(numbers)) == sorted(numbers), "two records of one passage"
        assert set(cleared) <= set(numbers)
        assert len({each.letter for each in authority.received}) == len(authority.records), "sent again, and not alike"


def _child(directory: Path, first: int, many: int) -> "subprocess.Popen[str]":
    command = [sys.executable, str(CHILD), str(directory), str(first), str(many)]
    environment = {**without_coverage(), "PYTHONPATH": str(CHILD.parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
