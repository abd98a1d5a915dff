"""What travellers and officers read: everything is translated, catalogues are of today, the right one is taken."""

import argparse
import io
import re
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from gatefw import model, words
from gatefw.cli import command, main
from gatefw.control import Answer, Done, Order, Rejected, Rejection
from gatefw.control_server import ControlServer
from gatefw.errors import SetupError
from gatefw.events import BY_HAND
from gatefw.gate_terms import HITS
from gatefw.model import DoorId, Phase, Position, Reason
from gatefw.safe_mode import SafeMode
from gatefw.words import ENGLISH, LANGUAGES, SIMPLIFIED, TRADITIONAL, Words, catalogue, language, messages
from gatefw.words.status import in_words

SCREEN = 120
"""Letters that fit on a traveller's screen."""
LINE = 13
"""Characters that fit on one line of an upright one: Chinese is broken at its commas, or else anywhere."""
FIELD = re.compile(r"\{[^}]*\}|%[a-z(]")
BLAME = re.compile(
    r"\b(you (failed|must|cannot)|wrong|invalid|illegal|denied|rejected|refused|suspect)\b", re.IGNORECASE
)
TRANSLATED = pytest.mark.parametrize("tongue", catalogue.TRANSLATED)


def po(tongue: str) -> bytes:
    return (catalogue.folder(tongue) / f"{words.DOMAIN}.po").read_bytes()


# ---------------------------------------------------------------- there is a word for everything


@pytest.mark.parametrize("context", words.OF_CODES)
def test_every_code_that_can_be_shown_has_a_word(context: str) -> None:
    [kind] = {type(code) for code in words.OF_CODES[context]}
    assert issubclass(kind, StrEnum) and kind.__name__.lower() == context
    assert set(words.OF_CODES[context]) == set(kind)


def test_a_traveller_is_told_something_in_every_phase_for_every_reason_and_every_request() -> None:
    english = Words()
    requests = {each.__name__ for each in model.Question.__args__}
    assert requests < set(words.OF_TRAVELLERS["asked"])
    for phase in Phase:
        for reason in (None, *Reason):
            assert english.prompt(phase, reason)
    assert set(BY_HAND.words) == set(words.OF_OFFICERS["why"])


def test_everything_that_is_said_can_be_asked_for() -> None:
    english = Words()
    assert [english.why(each) for each in BY_HAND.words]
    assert (english.outcome("passed"), english.label("phase"), english.label("new_key")) == (
        "passed",
        "phase",
        "new key",
    )
    assert (english.fact("document.given_name"), english.fact("visa")) == ("Given name", "visa")
    assert english.button("decline") == "No, this is not me"


# ---------------------------------------------------------------- catalogues


@TRANSLATED
def test_everything_is_translated_and_nothing_else(tongue: str) -> None:
    there = {(each.context, each.id): each.string for each in read_po(io.BytesIO(po(tongue))) if each.id}
    assert set(there) == set(messages()), "run `python -m gatefw.words.catalogue` and translate what is empty"
    assert [key for key, text in there.items() if not text] == []
    assert not any(each.fuzzy for each in read_po(io.BytesIO(po(tongue))) if each.id)


@TRANSLATED
def test_a_translation_has_the_places_of_its_source(tongue: str) -> None:
    """`{number}` of a source that is missing or misspelt in a translation would fail before a traveller."""
    for each in read_po(io.BytesIO(po(tongue))):
        assert sorted(FIELD.findall(str(each.id))) == sorted(FIELD.findall(str(each.string))), each.id


@TRANSLATED
def test_what_is_read_at_run_time_was_compiled_from_what_was_translated(tongue: str) -> None:
    mo = (catalogue.folder(tongue) / f"{words.DOMAIN}.mo").read_bytes()
    assert catalogue.compiled(po(tongue), tongue) == mo, "run `python -m gatefw.words.catalogue`"
    assert catalogue.spelt(catalogue.updated(po(tongue), tongue)) == po(tongue)


@TRANSLATED
def test_a_translation_is_written_in_its_own_script(tongue: str) -> None:
    """Letters that only the other script has: a sentence in the wrong catalogue is what nobody here would notice."""
    others = {TRADITIONAL: "请门证台码员离闸实设错识", SIMPLIFIED: "請門證檯枱碼員離閘實設錯識"}[tongue]
    for each in read_po(io.BytesIO(po(tongue))):
        assert not set(others) & set(str(each.string)), each.string


@TRANSLATED
def test_no_line_of_a_travellers_screen_is_broken_within_a_word(tongue: str) -> None:
    of_sentences = {*words.OF_TRAVELLERS} - {"fact", "button"}
    for each in read_po(io.BytesIO(po(tongue))):
        if each.context in of_sentences:
            for clause in re.split("(?<=[，。：、])", str(each.string)):
                assert len(clause) <= LINE, (clause, "put a comma where one may breathe")


def test_a_new_word_is_found_untranslated_and_an_old_one_goes(tmp_path: Path) -> None:
    before = po(TRADITIONAL).replace(b'msgid "Ready"', b'msgid "Was once ready"')
    after = catalogue.updated(before, TRADITIONAL)
    assert after.get("Ready", "phase").string == ""
    assert after.get("Was once ready", "phase") is None
    assert len(after) == len(set(messages()))


def test_the_catalogues_are_made_from_nothing(tmp_path: Path) -> None:
    catalogue.main(tmp_path)
    assert sorted(path.suffix for path in tmp_path.rglob("gatefw.*")) == [".mo", ".mo", ".po", ".po"]


def test_a_language_is_added_by_adding_its_catalogue(tmp_path: Path) -> None:
    for tag in ("pt", "zh_Hans"):
        folder = tmp_path / tag / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / f"{words.DOMAIN}.mo").write_bytes(b"")
    (tmp_path / "de" / "LC_MESSAGES").mkdir(parents=True)
    assert words.spoken(tmp_path) == (ENGLISH, TRADITIONAL, SIMPLIFIED, "pt")


# ---------------------------------------------------------------- how travellers are spoken to


def test_a_hit_is_told_as_nothing_but_the_way_to_the_counter() -> None:
    for tongue in LANGUAGES:
        said = Words(tongue)
        for hit in (*HITS, Reason.SEE_COUNTER, Reason.PERMIT_EXPIRED, Reason.FACE_MISMATCH):
            assert said.prompt(Phase.REFERRED, hit) == said.advice(Reason.SEE_COUNTER)


def test_travellers_are_not_blamed_and_their_sentences_fit_a_screen() -> None:
    for context, table in words.OF_TRAVELLERS.items():
        for text in table.values():
            assert len(text) <= SCREEN and not BLAME.search(text), (context, text)


def test_a_traveller_before_the_camera_is_told_what_mends_it() -> None:
    assert Words(TRADITIONAL).prompt(Phase.VERIFYING, hint=Reason.FACE_TOO_SMALL) == "請靠近一點"
    assert Words(SIMPLIFIED).prompt(Phase.REFERRED) == "请前往柜台，工作人员会协助您"
    assert Words(TRADITIONAL).prompt(Phase.REFERRED) == "請前往櫃枱，職員會協助你"
    assert Words().prompt(Phase.EXIT_RELEASED, Reason.OK) == "Thank you. Please go through"


def test_the_same_english_may_be_two_words_elsewhere() -> None:
    """A door that is closed is shut; a lane that is closed serves nobody."""
    said = Words(TRADITIONAL)
    assert (said.name(Position.CLOSED), said.name(Reason.CLOSED)) == ("已關閉，未上鎖", "已停止服務")
    assert said.name(DoorId.ENTRY) == "入口門"


# ---------------------------------------------------------------- which language


@pytest.mark.parametrize(
    ("env", "chosen"),
    [
        ({}, ENGLISH),
        ({"LANG": "zh_HK.UTF-8"}, TRADITIONAL),
        ({"LANG": "zh_CN.UTF-8"}, SIMPLIFIED),
        ({"LANG": "zh_TW"}, TRADITIONAL),
        ({"LANG": "zh-Hant-HK"}, TRADITIONAL),
        ({"LANG": "en_GB.UTF-8"}, ENGLISH),
        ({"LANG": "de_DE.UTF-8"}, ENGLISH),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, SIMPLIFIED),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ENGLISH),
        ({"LANG": "C.UTF-8", "LANGUAGE": "zh_HK"}, ENGLISH),
        ({"LANG": "en_GB.UTF-8", "LANGUAGE": "pt:zh_HK:en"}, TRADITIONAL),
        ({"LANGUAGE": "zh_Hans"}, SIMPLIFIED),
        ({"LANG": "zhongwen"}, ENGLISH),
    ],
)
def test_the_environment_chooses_as_gettext_does(env: dict[str, str], chosen: str) -> None:
    assert language("", env) == chosen


def test_what_is_asked_for_goes_before_the_environment_and_is_refused_where_it_is_not_there() -> None:
    assert language("zh_HK", {"LANG": "zh_CN.UTF-8"}) == TRADITIONAL
    with pytest.raises(SetupError, match="'tlh' is not there; there are en, zh_Hant, zh_Hans"):
        language("tlh", {})


def test_a_catalogue_that_is_not_there_says_so() -> None:
    with pytest.raises(SetupError, match="language de: no catalogue in"):
        Words("de")


# ---------------------------------------------------------------- on the command line

STATUS = {
    "lane": "hetao",
    "phase": "idle",
    "in_service": False,
    "doors": {"entry_door": "secured", "exit_door": "open"},
    "released": {"entry_door": "way_out", "exit_door": ""},
    "inputs": {"fire": "off", "evacuate": "unknown", "stop": "off"},
    "missing": ["reader.front"],
    "impaired": {"camera.inside": ["camera_dark"]},
    "latched": None,
    "hint": "",
    "new_in_a_later_daemon": {"x": "y"},
}


def test_a_status_is_told_in_words_but_what_nobody_has_a_word_for_as_it_is() -> None:
    assert in_words(STATUS, Words(TRADITIONAL)) == {
        "通道": "hetao",
        "狀態": "就緒",
        "服務中": "否",
        "閘門": {"入口門": "已關閉並上鎖", "出口門": "已開啟"},
        "已解鎖": {"入口門": "讓人離開", "出口門": ""},
        "輸入": {"火警": "關", "職員疏散鑰匙": "未能確定", "緊急停止": "關"},
        "缺少設備": ["reader.front"],
        "異常設備": {"camera.inside": ["鏡頭影像過暗"]},
        "鎖定故障": None,
        "提示": "",
        "new in a later daemon": {"x": "y"},
    }


def test_no_two_headings_of_a_status_are_the_same_word() -> None:
    """The second one would take the first one's place."""
    for tongue in LANGUAGES:
        said = [Words(tongue).label(key) for key in SafeMode(Path("lane.toml"), [""], str, list, None).status]
        assert len(said) == len(set(said))


def test_an_order_that_was_taken_is_answered_in_words() -> None:
    told = {"detail": "lane is out_of_service", "phase": "out_of_service"}
    assert in_words(told, Words(SIMPLIFIED)) == {"状态": "暂停服务"}
    assert in_words({"ways_out": ["entry_door"]}, Words(SIMPLIFIED)) == {"离开的门": ["入口门"]}
    told = {"zones": {"front": "somebody"}, "signals": {"call": "on"}, "lease_left_s": {"exit_door": "1.5 s"}}
    assert in_words(told, Words(SIMPLIFIED)) == {
        "前后区域": {"入口前": "有人"},
        "信号": {"求助按钮": "开"},
        "解锁剩余时间": {"出口门": "1.5 s"},
    }


def test_a_status_with_what_a_later_daemon_senses_is_told_all_the_same() -> None:
    later = {"phase": "dreaming", "inputs": {"moonlight": "on"}, "doors": {"side_door": "ajar"}}
    assert in_words(later, Words(SIMPLIFIED)) == {
        "状态": "dreaming",
        "输入": {"moonlight": "开"},
        "闸门": {"side_door": "ajar"},
    }


@pytest.mark.parametrize(("options", "word"), [([], "idle"), (["--lang", "zh_CN"], "就绪"), (["--lang", "en"], "idle")])
def test_the_command_line_speaks_the_language_that_is_asked_for(
    options: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = {"runs": [], "timer": None, "lease_left_s": {}, "zones": {}, "signals": {}, "face": None}
    answers = Done({"lane": "l", "phase": "idle", **now, "health": {"devices": {}, "threads": {}}})
    server = ControlServer(tmp_path / "control.sock", lambda _order, reply: reply(answers))
    try:
        assert main(["status", "--dir", str(tmp_path), *options]) == 0
    finally:
        server.close()
    assert capsys.readouterr().out.splitlines()[1].split()[-1] == word


def test_a_language_that_is_not_there_could_not_be_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = ControlServer(tmp_path / "control.sock", lambda _order, reply: reply(Done({"health": {}})))
    try:
        assert main(["status", "--dir", str(tmp_path), "--lang", "tlh", "--json"]) == 2
    finally:
        server.close()
    assert "'tlh' is not there" in capsys.readouterr().err


def test_a_terminal_without_chinese_letters_is_spoken_to_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = argparse.Namespace(lang="zh_HK")
    for encoding, tongue in (("ascii", ENGLISH), ("latin-1", ENGLISH), ("utf-8", TRADITIONAL), ("big5", TRADITIONAL)):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        assert command.words(asked).language == tongue


def test_an_order_that_is_refused_says_in_words_what_stands_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = {"phase": "fault", "latched": "door_forced", "occupancy": "one", "inputs": {"fire": "off"}, "missing": []}

    def take(order: Order, reply: Callable[[Answer], None]) -> None:
        asked = order.verb == "status"
        reply(Done(status) if asked else Rejected(Rejection.REFUSED, "reset is not possible now: lane is fault"))

    server = ControlServer(tmp_path / "control.sock", take)
    try:
        assert main(["lane", "reset", "--expects", "fault", "--dir", str(tmp_path), "--lang", "zh_HK"]) == 2
    finally:
        server.close()
    told = capsys.readouterr()
    assert told.out.splitlines()[0] == "重設: 現時不可行"
    assert "閘門被強行打開" in told.out and "一人" in told.out and "缺少設備" not in told.out
    assert "reset is not possible now" in told.err
