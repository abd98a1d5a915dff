"""A system that nobody had thought of takes one lane file, or one procedure file; its people come by themselves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gatefw.cli import main
from gatefw.simulate import lanes

RULES = """
[port]
timezone = "Asia/Hong_Kong"
place = "staff-door"
direction = "arrival"

[[rule]]
name = "works-here"
fact = "employer"
one_of = ["port-authority", "catering"]
reason = "not_designated"
verdict = "refuse"

[[rule]]
name = "trained"
fact = "safety_training.expires"
not_before = "today"
reason = "permit_expired"
"""
KEYHOLDER = '''"""A strong room: a card in front, finger and face at once inside."""

from gatefw.clearance import Procedure, Terms, allowed, finger, matched, turned_away
from gatefw.model import (
    AllAnswered, Decision, LetIn, LookUpRecord, Reason, RecordFound, Together, Token, Verdict, VerifyFace, VerifyFinger,
)

FACE_FOLLOWS = True


def clear(token: Token, terms: Terms) -> Procedure:
    found = yield LookUpRecord(token)
    if not isinstance(found, RecordFound):
        return turned_away(found)
    if refusal := (yield from allowed(terms, found.subject)):
        return refusal
    yield LetIn()
    who = found.subject
    both = yield Together((VerifyFace(who, terms.face_deadline_s), VerifyFinger(who, terms.finger_s)))
    assert isinstance(both, AllAnswered)
    face, first_try = both.answers
    compared = yield from finger(who, terms, first_try)
    for answer in (face, compared):
        if not matched(answer):
            return turned_away(answer, who)
    return Decision(Verdict.ADMIT, Reason.OK, who)
'''
WITH_IT = """
import sys
from gatefw import clearance
from gatefw.cli import main
clearance.__path__.append(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


def lane_file(directory: Path, name: str, like: str, procedure: str) -> Path:
    """The hardware of a lane of the project, under another name, with rules of its own."""
    text = (lanes.LANES / f"{like}.toml").read_text(encoding="utf-8")
    text = text[: text.index("\n[port]")].replace(f'name = "{like}"', f'name = "{name}"')
    before, _, after = text.partition('procedure = "')
    path = directory / f"{name}.toml"
    text = f'{before}procedure = "{procedure}{after[after.index(chr(34)) :]}'
    path.write_text(text.replace("face_after_finger = true", "face_after_finger = false") + RULES, encoding="utf-8")
    return path


def told(captured: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(captured)
    return found


def test_a_twelfth_system_takes_one_lane_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The port opens a door for its staff: a card, the face, two rules. The file is all there is of it."""
    path = lane_file(tmp_path, "staff-entrance", "contactless-e-channel", "contactless")
    assert main(["simulate", str(path), "--travellers", "25", "--seed", "5", "--json"]) == 0
    found = told(capsys.readouterr().out)
    assert found["unexpected"] == 0 and found["passed"] > 10
    assert main(["systems", str(path), "--json"]) == 0
    rows = {row["story"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["works-here"]["reason"], rows["trained"]["reason"]) == ("not_designated", "permit_expired")
    assert rows["works-here"]["link"].startswith(f"{path}:")


def test_or_one_procedure_file(tmp_path: Path) -> None:
    """A strong room wants a card, and finger and face at once: what no procedure of the project asks."""
    (tmp_path / "strong_room.py").write_text(KEYHOLDER, encoding="utf-8")
    path = lane_file(tmp_path, "strong-room", "e-channel", "strong_room")
    told_to = [sys.executable, "-c", WITH_IT, str(tmp_path), "systems", str(path), "--json"]
    done = subprocess.run(told_to, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    reasons = {row["reason"] for row in json.loads(done.stdout)}
    assert {"ok", "not_designated", "permit_expired", "finger_mismatch", "no_face", "token_unknown"} <= reasons
