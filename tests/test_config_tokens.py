"""The table `[tokens]` of a lane file: who may sign, and that what can be copied is no clearance by itself."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import hw
from gatefw import clearance, config, settings
from gatefw.config import Finding
from gatefw.config_tables import Tokens
from gatefw.errors import SetupError
from gatefw.signed_token import Direction
from gatefw.token_check import TokenTerms

REFERENCE = Path(__file__).parent.parent / "config" / "lanes" / "contactless-e-channel.toml"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key().public_bytes_raw().hex()
ENV = {"GATEFW_STATE": "/state", "GATEFW_RUN": "/run/gate"}
GOOD = {"direction": "arrival", "issuers": {"5f1c09d2": KEY}}


def _check(tmp_path: Path, table: str, procedure: Any = clearance.face_follows) -> list[Finding]:
    """What is wrong with `[tokens]` in the reference lane, and with nothing else in it."""
    path = tmp_path / "lane.toml"
    path.write_text(REFERENCE.read_text() + table)
    found = config.check(path, hw.schema, procedure=procedure, env=ENV)
    return [each for each in found if each.key.startswith("tokens")]


def _built(table: dict[str, Any]) -> Tokens:
    built = settings.build(Tokens, table, ("tokens",), lambda place, problem: pytest.fail(f"{place}: {problem}"))
    assert built is not None
    return built


def test_a_lane_that_says_nothing_takes_identifiers_and_no_signed_token(tmp_path: Path) -> None:
    assert _check(tmp_path, "") == []
    terms = TokenTerms.of("lane-1", Tokens(), face_follows=True)
    assert (terms.static, dict(terms.issuers)) == (True, {})


def test_what_the_file_says_is_what_a_token_is_judged_by() -> None:
    given = GOOD | {"static": False, "max_life_s": 60, "require_synchronised": False}
    terms = TokenTerms.of("lane-1", _built(given), face_follows=False)
    assert terms.issuers["5f1c09d2"].public_bytes_raw().hex() == KEY
    assert (terms.lane, terms.direction, terms.max_life_s) == ("lane-1", Direction.ARRIVAL, 60.0)
    assert (terms.static, terms.require_synchronised) == (False, False)


@pytest.mark.parametrize(
    ("table", "key", "says"),
    [
        (f'[tokens.issuers]\n5f = "{KEY}"', "tokens.direction", "signed tokens are for one direction"),
        ("[tokens]\nstatic = false", "tokens.static", "nobody could pass"),
        ('[tokens.issuers]\nzz = "00"', "tokens.issuers.zz", "key id of 2 to 32 hex digits"),
        (f'[tokens.issuers]\n5F = "{KEY}"', "tokens.issuers.5F", "key id of 2 to 32 hex digits"),
        ('[tokens.issuers]\n5f = "abc"', "tokens.issuers.5f", "public key of 64 hex digits"),
        ("[tokens.issuers]\n5f = 5", "tokens.issuers.5f", "public key of 64 hex digits"),
        ("[tokens]\nissuers = 5", "tokens.issuers", "a table [tokens.issuers] is wanted"),
        (f'[tokens]\ndirection = "arrival"\n[tokens.issuers]\n5f = "{"00" * 32}"', "tokens.issuers.5f", "place holder"),
        ('[tokens]\ndirection = "north"', "tokens.direction", '"arrival", "departure"'),
        ("[tokens]\nmax_life_s = 100000", "tokens.max_life_s", "from 10 to 86400"),
        ("[tokens]\nleeway_s = 60", "tokens.leeway_s", "unknown key"),
    ],
)
def test_every_problem_is_named_by_its_key(tmp_path: Path, table: str, key: str, says: str) -> None:
    found = {each.key: each.problem for each in _check(tmp_path, f"\n{table}\n")}
    assert says in found.get(key, ""), found


def test_identifiers_are_refused_where_no_face_follows(tmp_path: Path) -> None:
    (found,) = _check(tmp_path, "", procedure=lambda _name: False)
    assert (found.key, "no face or finger follows" in found.problem) == ("tokens.static", True)
    table = f'\n[tokens]\nstatic = false\ndirection = "arrival"\n[tokens.issuers]\n5f = "{KEY}"\n'
    assert _check(tmp_path, table, procedure=lambda _name: False) == []
    with pytest.raises(SetupError, match="no face or finger follows"):
        TokenTerms.of("lane-1", Tokens(), face_follows=False)


def test_a_daemon_that_is_given_a_place_holder_for_a_key_does_not_start() -> None:
    with pytest.raises(SetupError, match="place holder"):
        TokenTerms.of("lane-1", Tokens(issuers={"5f": "00" * 32}), face_follows=True)


def test_the_example_of_the_readme_is_what_a_lane_file_may_say() -> None:
    readme = (REFERENCE.parents[2] / "README.md").read_text()
    (example,) = re.findall(r"^```toml\n(\[tokens\].*?)^```", readme, re.MULTILINE | re.DOTALL)
    terms = TokenTerms.of("lane-1", _built(tomllib.loads(example)["tokens"]), face_follows=False)
    assert (len(terms.issuers), terms.static, terms.direction) == (1, False, Direction.ARRIVAL)


def test_a_procedure_says_itself_whether_a_face_follows() -> None:
    assert clearance.face_follows("contactless")
    with pytest.raises(SetupError, match="did you mean 'contactless'"):
        clearance.face_follows("contactles")
