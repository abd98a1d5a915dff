"""What the doctor says of wires, lines and cameras: the cause first, by what the daemon has seen and heard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from miswirings import MISWIRINGS, Miswiring
from patients import first, found, lane, patient, status
from test_miswired import LANES, come, who_passes

from gatefw.doctor import pages
from gatefw.doctor.areas.wiring import TOLD
from gatefw.doctor.finding import Severity
from gatefw.doctor.miswired import Kind
from gatefw.doctor.seen import Seen
from gatefw.simulate.day import scripted_lane

LINE = {"open_s": 9.0, "turns": 20, "heard": 0, "zeros": 0, "text": 0, "ends": 0}
CARD = """
[reader.card]
driver = "osdp"
link = "serial:/dev/serial/by-id/card?baud=38400"
key_file = "/etc/gatefw/card.key"
"""


def answering(tmp_path: Path, answers: Mapping[str, Mapping[str, Any]], tables: str = "", **given: Any) -> Seen:
    """A gate whose daemon answers these orders so, and has nothing to say to any other."""
    plain = lane(tmp_path)
    assert plain.file
    of = lane(tmp_path, plain.file.read_text() + tables) if tables else plain
    return patient(tmp_path, of, status=status(**given), ask=lambda verb: answers.get(verb, {}))


def of_device(label: str, state: str = "there", line: Mapping[str, int] | None = None, **given: Any) -> dict[str, Any]:
    told = {"device": label, "state": state, "reasons": [], "for_s": 60.0, "detail": ""} | given
    return {"devices": [told | ({"line": LINE | line} if line is not None else {})]}


# ---------------------------------------------------------------- wires


@pytest.mark.parametrize("wrong", MISWIRINGS, ids=lambda wrong: f"{wrong.kind}-{wrong.where}")
def test_a_miswiring_is_told_first_with_its_place_and_the_fault_that_it_ends_in_beneath(
    tmp_path: Path, wrong: Miswiring
) -> None:
    """A lane is wired wrongly, people try, it ends in whatever it ends in; the doctor is asked what is wrong."""
    played = come(scripted_lane(LANES["contactless-e-channel"], 3, wrong.wire), 3, who_passes)
    course = played.edges.course(played.now_s).to_json()
    latched = "door_forced" if played.phase == "fault" else None
    seen = answering(tmp_path, {"edges": course}, phase=played.phase.value, latched=latched)
    cause = first(seen, "wiring", "lane")
    assert cause.code == TOLD[wrong.kind].code
    assert cause.where == (f"door.{wrong.where}" if wrong.where.endswith("_door") else wrong.where)
    assert cause.severity in (Severity.ERROR, Severity.DANGER)
    assert "{" not in cause.cause + cause.remedy


def test_every_kind_of_miswiring_has_a_code_and_a_page_of_its_own() -> None:
    codes = [told.code for told in TOLD.values()]
    assert set(TOLD) == set(Kind)
    assert len(set(codes)) == len(codes)
    assert set(codes) <= set(pages.titles())


@pytest.mark.parametrize("answer", [{}, {"for_s": "long"}])
def test_of_a_daemon_that_tells_no_course_of_levels_nothing_is_said(tmp_path: Path, answer: dict[str, Any]) -> None:
    assert found(answering(tmp_path, {"edges": answer}), "wiring") == {}


# ---------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("line", "code"), [({"heard": 20, "zeros": 20}, "G0600"), ({}, "G0601"), ({"heard": 20, "zeros": 3}, None)]
)
def test_a_bus_that_brings_breaks_alone_has_its_pair_swapped_and_one_that_brings_nothing_may(
    tmp_path: Path, line: dict[str, int], code: str | None
) -> None:
    seen = answering(tmp_path, {"devices": of_device("reader.card", "lost", line, reasons=["device_lost"])}, CARD)
    assert set(found(seen, "lines")) == ({code} if code else set())


def test_a_bus_that_was_hardly_asked_yet_has_nothing_wrong(tmp_path: Path) -> None:
    seen = answering(tmp_path, {"devices": of_device("reader.card", "lost", {"turns": 1})}, CARD)
    assert found(seen, "lines") == {}


def test_the_swapped_pair_stands_before_the_device_that_is_lost_by_it(tmp_path: Path) -> None:
    line = {"heard": 20, "zeros": 20}
    answers = {"devices": of_device("reader.card", "lost", line, reasons=["device_lost"], detail="does not answer")}
    assert first(answering(tmp_path, answers, CARD), "lines", "lane").code == "G0600"


def test_a_reader_that_does_not_know_its_key_is_told_as_that_and_not_as_lost(tmp_path: Path) -> None:
    why = "OSDP reader 0: answers, and does not know the key: it is another reader"
    answers = {"devices": of_device("reader.card", "lost", {"heard": 90}, reasons=["device_wrong"], detail=why)}
    cause = first(answering(tmp_path, answers, CARD), "lines", "lane")
    assert (cause.code, cause.where) == ("G0620", "reader.card")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"heard": 40, "text": 3}, "G0610"),
        ({"heard": 40, "text": 40}, "G0611"),
        ({"heard": 40, "text": 40, "ends": 1}, None),
        ({"heard": 2, "text": 0}, None),
    ],
)
def test_a_scanner_is_heard_at_the_wrong_rate_or_without_an_end(
    tmp_path: Path, line: dict[str, int], code: str | None
) -> None:
    scanner = '[reader.qr]\ndriver = "serial"\nlink = "serial:/dev/serial/by-id/qr?baud=9600"\n'
    seen = answering(tmp_path, {"devices": of_device("reader.qr", line=line)}, scanner)
    assert set(found(seen, "lines")) == ({code} if code else set())


# ---------------------------------------------------------------- cameras


@pytest.mark.parametrize("ail", ["dark", "blinded", "covered", "frozen"])
def test_a_camera_that_sees_nothing_is_told_by_what_it_looks_like(tmp_path: Path, ail: str) -> None:
    answers = {"devices": of_device("camera.inside", "impaired", reasons=[f"camera_{ail}"])}
    cause = first(answering(tmp_path, answers), "camera", "lane")
    assert cause.where == "camera.inside"
    assert cause.code.startswith("G070")


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"focus": 0.17}, True),
        ({"focus": 0.4}, False),
        ({}, False),
        ({"focus": 0.15, "ail": "camera_covered"}, False),
        ({"focus": 0.15, "lost": "device_lost"}, False),
    ],
)
def test_a_camera_without_a_steep_edge_is_out_of_focus_unless_it_sees_nothing_at_all(
    tmp_path: Path, figures: dict[str, Any], told: bool
) -> None:
    seen = answering(tmp_path, {"cameras": {"cameras": {"camera.inside": figures}}})
    assert ("G0710" in found(seen, "camera")) is told
