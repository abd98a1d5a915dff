"use strict";
// What is shown may be heard, where the lane says so: a recording of the sign in each language that has one, or a chime.
const CHIMES = { go: [660, 880], calm: [620], act: [520, 390], stop: [390, 290] };
const NOTE_S = 0.22;
const LOUD = 0.15;
const REST_MS = 1500;
let ear = null;
let voice = null;
let sounded = "";
let soundedAt = -Infinity;

function chime(tone) {
  ear = ear || new AudioContext();
  ear.resume();
  CHIMES[tone].forEach((pitch, n) => {
    const note = ear.createOscillator(), volume = ear.createGain(), from = ear.currentTime + n * NOTE_S;
    note.frequency.value = pitch;
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(LOUD, from + 0.03);
    volume.gain.linearRampToValueAtTime(0, from + NOTE_S);
    note.connect(volume).connect(ear.destination);
    note.start(from);
    note.stop(from + NOTE_S);
  });
}

function speak([language, ...others], sign, otherwise) {
  if (!language) return otherwise();
  const said = voice = new Audio(`/audio/${language}/${sign}.ogg`);
  const next = (then) => () => { if (voice === said) speak(others, sign, then); };
  said.addEventListener("ended", next(() => {}));
  said.addEventListener("error", next(otherwise));
  said.play().catch(() => {});
}

// One that comes and goes, as a hint may, is heard once and not again and again.
function sound({ audio, sign, tone, voices }) {
  const again = sign === sounded || performance.now() - soundedAt < REST_MS && tone === "calm";
  if (audio && again) return;
  if (voice) voice.pause();
  voice = null;
  sounded = audio ? sign : "";
  if (!audio) return;
  soundedAt = performance.now();
  speak(voices, sign, () => chime(tone));
}
