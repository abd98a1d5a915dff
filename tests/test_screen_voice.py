"""What of the traveller's screen is heard: nothing unless it is wanted, recordings if there are any, else a chime."""

import wave
from contextlib import ExitStack, closing
from pathlib import Path

from contact_sheet import Lane as Told
from kiosk import NEEDED, Kiosk, shows
from peers import until
from web_bench import ask

from gatefw.display import SOCKET
from gatefw.model import Phase
from gatefw.screen.album import line
from gatefw.screen.lane import Lane
from gatefw.screen.page import screen
from gatefw.screen.picture import Picture, Place
from gatefw.screen.voice import Voice
from gatefw.words import LANGUAGES, Words

BROWSER, CHROMIUM = NEEDED
LOOK = Picture("look", "calm", (("en", "look"), ("zh-Hant", "look"), ("zh-Hans", "look")))
AUDIO = Lane(behind="shut", audio=True).told()
EARS = """
window.heard = [];
const part = { connect: (other) => other, start() {}, stop() {} };
const gain = { setValueAtTime() {}, linearRampToValueAtTime() {} };
window.AudioContext = class {
  currentTime = 0;
  resume() {}
  createGain() { return { gain, ...part }; }
  createOscillator() { return { ...part, frequency: { set value(pitch) { window.heard.push(pitch); } } }; }
};
"""
PLAYER = """
window.Audio = class extends EventTarget {
  constructor(url) { super(); window.heard.push(url); setTimeout(() => this.dispatchEvent(new Event("ended")), 50); }
  play() { return Promise.resolve(); }
  pause() {}
};
"""


def recorded(folder: Path, *names: str) -> Path:
    """Each is a moment of silence."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(1600))
    return folder


# ---------------------------------------------------------------- what there is


def test_a_sign_is_spoken_in_the_languages_that_have_a_recording_in_the_order_of_its_words(tmp_path: Path) -> None:
    voice = Voice(recorded(tmp_path, "zh_Hans/look.ogg", "en/look.ogg", "en/wait.ogg"))
    assert (voice.told(LOOK)["voices"], voice.told(LOOK)["audio"]) == (["en", "zh_Hans"], True)


def test_without_a_directory_it_is_the_lane_that_says_whether_anything_is_heard() -> None:
    assert (Voice().told(LOOK)["voices"], Voice().told(LOOK)["audio"]) == ([], False)


def test_nothing_is_handed_out_but_recordings_of_signs(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "audio", "en/look.ogg", "en/other-thing.ogg", "fr/look.ogg")
    (tmp_path / "look.ogg").write_text("not a recording")
    app = screen(tmp_path / "display.sock", Place.WHOLE, [Words(each) for each in LANGUAGES], audio=folder)
    good = ask(app, "GET", "/audio/en/look.ogg")
    assert (good.status, good.headers["content-type"]) == (200, "audio/ogg")
    for name in ("en/other-thing", "fr/look", "en/go", "../look", "%2e%2e/look", "en/..%2flook"):
        assert ask(app, "GET", f"/audio/{name}.ogg").status == 404, name
    silent = screen(tmp_path / "display.sock", Place.WHOLE, [Words()])
    assert ask(silent, "GET", "/audio/en/look.ogg").status == 404


# ---------------------------------------------------------------- what is heard


def heard_of(page: object) -> list[object]:
    return list(page.evaluate("window.heard"))  # type: ignore[attr-defined]


class Booth:
    def __init__(self, folder: Path, held: ExitStack, *options: str) -> None:
        (folder / SOCKET).parent.mkdir()
        self.lane = held.enter_context(closing(Told(folder / SOCKET)))
        self.kiosk = Kiosk(folder, folder, held, *options)


@BROWSER
@CHROMIUM
def test_a_lane_that_wants_it_is_heard_once_for_each_change_and_any_other_never(tmp_path: Path) -> None:
    with ExitStack() as held:
        booth = Booth(tmp_path, held)
        page = booth.kiosk.opened(before=EARS)
        booth.lane.say(line(Phase.EXIT_RELEASED))
        shows(page, "through")
        booth.lane.say(line(Phase.EXIT_RELEASED, lane=AUDIO))
        until(lambda: heard_of(page) == [660, 880], "the chime to go")
        booth.lane.say(line(Phase.LEAVING, lane=AUDIO))
        booth.lane.say(line(Phase.REFUSED, lane=AUDIO))
        shows(page, "back")
        assert heard_of(page) == [660, 880, 520, 390]


@BROWSER
@CHROMIUM
def test_recordings_stand_for_the_chime_one_language_after_the_other(tmp_path: Path) -> None:
    audio = recorded(tmp_path / "audio", "en/through.ogg", "zh_Hans/through.ogg")
    with ExitStack() as held:
        booth = Booth(tmp_path, held, "--audio", str(audio))
        page = booth.kiosk.opened(before=EARS + PLAYER)
        booth.lane.say(line(Phase.EXIT_RELEASED))
        both = ["/audio/en/through.ogg", "/audio/zh_Hans/through.ogg"]
        until(lambda: [each for each in heard_of(page) if isinstance(each, str)] == both, "both languages")
        booth.lane.say(line(Phase.REFUSED))
        until(lambda: heard_of(page)[-2:] == [520, 390], "a chime for a sign that nobody recorded")
        loads = "() => new Promise((done) => { const one = document.createElement('audio'); one.preload = 'auto';"
        loads += "one.oncanplaythrough = () => done('plays'); one.onerror = () => done('fails');"
        assert page.evaluate(f"{loads} one.src = '/audio/en/through.ogg'; }})") == "plays", "the page forbids it"
