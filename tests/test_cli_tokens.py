"""gatefw tokens: keys, tokens and verdicts from the command line, as an issuer and a technician see them."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from test_config_tokens import REFERENCE

from gatefw import base45, signed_token
from gatefw.cli import main
from gatefw.identifier import new_identifier
from gatefw.model import Token

LANE = "contactless-e-channel"


class Issuer:
    """An issuer with a key, and a lane that knows it; made with the commands themselves."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        monkeypatch.setenv("GATEFW_STATE", str(folder / "state"))
        monkeypatch.setenv("GATEFW_RUN", str(folder / "run"))
        self.key, self.lane = folder / "issuer.key", folder / "lane.toml"
        status, self.lines = self.run("new-issuer", str(self.key))
        assert status == 0
        table = '[tokens]\ndirection = "arrival"\nrequire_synchronised = false\n'
        self.lane.write_text(f"{REFERENCE.read_text()}\n{table}{self.lines}")

    def run(self, *arguments: str) -> tuple[int, str]:
        status = main(["tokens", *arguments])
        captured = self._capsys.readouterr()
        return status, captured.out + captured.err

    def issue(self, **changed: str) -> tuple[int, str]:
        given = {"key": str(self.key), "subject": new_identifier().decode(), "lane": LANE, "direction": "arrival"}
        given |= changed
        return self.run("issue", "--json", *(part for name, value in given.items() for part in (f"--{name}", value)))

    def token(self, **changed: str) -> str:
        status, out = self.issue(**changed)
        assert status == 0, out
        return str(json.loads(out)["token"])

    def show(self, token: str, *arguments: str) -> tuple[int, str]:
        return self.run("show", str(self.lane), token, *arguments)


@pytest.fixture
def issuer(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Issuer:
    return Issuer(tmp_path, capsys, monkeypatch)


def test_the_key_of_a_new_issuer_is_its_owners_alone_and_the_lines_go_into_the_lane_file(issuer: Issuer) -> None:
    assert stat.S_IMODE(issuer.key.stat().st_mode) == 0o600
    assert issuer.lines.startswith("[tokens.issuers]\n")
    assert issuer.key.read_bytes().hex() not in issuer.lines


def test_a_key_is_never_written_over(issuer: Issuer) -> None:
    before = issuer.key.read_bytes()
    status, out = issuer.run("new-issuer", str(issuer.key))
    assert (status, "never written over" in out) == (2, True)
    assert issuer.key.read_bytes() == before


def test_machines_get_the_public_key_of_a_new_issuer(issuer: Issuer, tmp_path: Path) -> None:
    status, out = issuer.run("new-issuer", str(tmp_path / "second.key"), "--json")
    found = json.loads(out)
    assert status == 0
    assert len(bytes.fromhex(found["key_id"])) == 4
    assert signed_token.public_key(found["public_key"])


def test_an_issued_token_would_be_taken_by_the_lane_it_is_for(issuer: Issuer) -> None:
    status, out = issuer.show(issuer.token(), "--json")
    found = json.loads(out)
    assert (status, found["verdict"], found["lane"], found["life_s"]) == (0, "ok", LANE, 300)


def test_showing_a_token_says_nothing_of_whose_it_is_and_does_not_use_it_up(issuer: Issuer, tmp_path: Path) -> None:
    subject = new_identifier().decode()
    token = issuer.token(subject=subject)
    for _ in range(2):
        status, out = issuer.show(token)
        assert (status, "verdict        ok" in out) == (0, True)
        assert subject not in out
        assert token not in out
    assert not (tmp_path / "state" / "tokens.sqlite").exists()


def test_a_token_is_read_from_standard_input_where_nobody_sees_it(issuer: Issuer) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "gatefw", "tokens", "show", str(issuer.lane)],
        input=issuer.token() + "\n", capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (ran.returncode, "verdict        ok" in ran.stdout) == (0, True), ran.stderr


def test_whose_a_token_is_may_be_said_on_standard_input_too(issuer: Issuer) -> None:
    subject = new_identifier()
    ran = subprocess.run(
        [sys.executable, "-m", "gatefw", "tokens", "issue", "--key", str(issuer.key), "--subject", "-", "--lane", LANE,
         "--direction", "arrival"],
        input=subject + b"\n", capture_output=True, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert subject in base45.decode(ran.stdout.strip().removeprefix(signed_token.PREFIX))


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"lane": "another"}, "token_elsewhere"),
        ({"direction": "departure"}, "token_elsewhere"),
        ({"life-s": "601"}, "token_not_allowed"),
    ],
)
def test_showing_says_why_a_token_would_not_be_taken(issuer: Issuer, changed: dict[str, str], verdict: str) -> None:
    status, out = issuer.show(issuer.token(**changed), "--json")
    assert (status, json.loads(out)["verdict"]) == (1, verdict)


def test_showing_tells_a_forged_token_from_a_malformed_one(issuer: Issuer, tmp_path: Path) -> None:
    issuer.run("new-issuer", str(tmp_path / "stranger.key"))
    status, out = issuer.show(issuer.token(key=str(tmp_path / "stranger.key")))
    assert (status, "token_forged" in out, "no issuer of this lane" in out) == (1, True, True)
    status, out = issuer.run("show", str(issuer.lane), "NONSENSE")
    assert (status, "token_malformed" in out) == (1, True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"subject": "A1234567"}, "a whole GATE1: identifier is wanted"),
        ({"subject": "GATE1:AAAA"}, "a whole GATE1: identifier is wanted"),
        ({"lane": "No Lane"}, "look at --lane and --life-s"),
        ({"life-s": "0"}, "look at --lane and --life-s"),
        ({"key": "/nonexistent/key"}, "/nonexistent/key"),
    ],
)
def test_what_no_lane_would_read_is_not_issued(issuer: Issuer, changed: dict[str, str], says: str) -> None:
    status, out = issuer.issue(**changed)
    assert (status, says in out) == (2, True), out


def test_a_key_that_others_can_read_signs_nothing(issuer: Issuer) -> None:
    issuer.key.chmod(0o644)
    status, out = issuer.issue()
    assert (status, "chmod 0600" in out) == (2, True)


def test_the_drawn_code_is_the_token_and_a_decoder_reads_it(issuer: Issuer) -> None:
    subject = new_identifier().decode()
    arguments = ("--key", str(issuer.key), "--subject", subject, "--lane", LANE, "--direction", "arrival", "--qr")
    status, out = issuer.run("issue", *arguments)
    text, *drawn = out.rstrip("\n").split("\n")
    shades = {" ": (0, 0), "▄": (0, 255), "▀": (255, 0), "█": (255, 255)}
    rows = [[shades[cell][half] for cell in line] for line in drawn for half in (0, 1)]
    picture = np.kron(np.array(rows, np.uint8), np.ones((4, 4), np.uint8))
    (read,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    assert (status, read.text) == (0, text)
    assert signed_token.is_signed(Token(read.bytes))
