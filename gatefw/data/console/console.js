// The officer's console. What is shown is what the stream said last; when it says nothing for a while, that is not true
// any more, every card says so, and no order can be given. Nothing is kept in the browser.
import { Alarms } from "/static/alarms.js";
import * as dialog from "/static/ask.js";
import * as folder from "/static/case.js";
import { Orders } from "/static/orders.js";
import { KEYS, Panel } from "/static/panel.js";
import { Row } from "/static/row.js";
import { Sound } from "/static/sound.js";
import { age, at, known, load, paint, say, write } from "/static/words.js";

const SILENT_S = 2;
const AGAIN_S = 6;  // a stream that is silent for so long may be dead without the browser knowing
const TOUCH_S = 20;  // the server hears that somebody sits here at most so often
const WARN_S = 60;
const now = () => performance.now() / 1000;

let session = null;
let told = { lanes: [], alarms: [] };
let heard = 0;  // when anything came, in seconds since the page began
let came = 0;  // when `told` came
let stream = null;
let followed = 0;  // when it was begun
let touched = 0;  // when the server last heard of a touch
let language = known(navigator.language);
let picked = false;  // by hand: then the officer's own does not take its place

const sound = new Sound(() => hear());
const row = new Row(() => { folder.close(); draw(); }, (group) => orders.stop(group));
const alarms = new Alarms((lane) => row.go(lane), acknowledge);
const orders = new Orders({
  post, lane: (id) => row.lane(id), lanes: () => told.lanes, stale: () => silence() !== null,
  state: (id) => state(row.lane(id)),
});
const panel = new Panel((verb, lane) => {
  if (verb === "acknowledge") acknowledge(alarms.of(lane.id));
  else if (verb === "case") folder.open() ? folder.close() : folder.show(lane);
  else orders.give(verb, lane);
});

const may = (what) => session?.may.includes(what) ?? false;
const state = (lane) => (lane ? say(`state.${lane.phase}`) : say("state.silent"));

/** For how long nothing came from the server; null while it speaks. */
function silence() {
  const silent = now() - heard;
  return silent > SILENT_S ? silent : null;
}

// ------------------------------------------------------------ drawing

function draw() {
  if (!session) return;
  const stale = silence();
  const elapsed = now() - came;
  alarms.take(told.alarms);
  row.show(told.lanes, elapsed, alarms.worst(), stale, may("operate"));
  alarms.show(elapsed, (id) => row.lane(id)?.name ?? id, may("operate"), stale);
  const lane = row.lane();
  folder.check(lane, stale !== null || lane?.phase === "silent");
  panel.show(lane, elapsed, stale, may("operate") ? possible(lane) : null);
  document.body.classList.toggle("stale", stale !== null);
  write(at("stale"), stale === null ? "" : say("page.stale", { age: age(stale) }));
  write(at("who"), say("page.officer", { name: session.name }) + (may("operate") ? "" : `. ${say("page.only_look")}`));
  row.end(now());
  dialog.refresh();
  warn();
  hear();
}

function possible(lane) {
  if (!lane) return new Set();
  const own = lane.phase === "silent" ? [] : lane.orders;
  return new Set([...own, "stop", ...(lane.case ? ["case"] : []), ...(alarms.of(lane.id) ? ["acknowledge"] : [])]);
}

function hear() {
  if (!session) return;
  const loudest = silence() === null ? alarms.loudest || (at("ending").hidden ? "" : "low") : "high";
  sound.sound(loudest);
  at("sound").dataset.sounds = sound.blocked ? "" : loudest;
  at("sound").classList.toggle("blocked", sound.blocked);
  paint(at("sound").firstElementChild, sound.blocked ? "mute" : "sound");
  write(at("sound").lastElementChild, say(sound.blocked ? "page.sound_blocked" : "page.sound_is_on"));
}

function acknowledge(alarm) {
  if (!alarm) return;
  if (silence() !== null) return;
  if (alarm.number === null) { alarms.heard.set(alarm.id, session.name); draw(); } else orders.acknowledge(alarm);
}

// ------------------------------------------------------------ the session

async function begin() {
  const answer = await fetch("/session", { cache: "no-store" }).catch(() => null);
  if (!answer) { setTimeout(begin, 500); return; }
  if (!answer.ok) { over(false); return; }
  session = await answer.json();
  touched = heard = came = now();
  if (session.language && !picked) await speak(known(session.language));
  at("login").hidden = true;
  at("login").reset();
  for (const id of ["console", "logout", "shift", "sound"]) at(id).hidden = false;
  follow();
  draw();
  at("work").focus();
}

/** Nobody is signed in any more: everything that was shown goes. */
function over(ended) {
  stream?.close();
  stream = null;
  session = null;
  told = { lanes: [], alarms: [] };
  folder.close();
  dialog.drop();
  row.clear();
  alarms.clear();
  panel.clear();
  sound.sound("");
  for (const id of ["panel-title", "said", "typed", "who", "stale", "login-said"]) write(at(id), "");
  for (const id of ["console", "logout", "shift", "sound", "ending"]) at(id).hidden = true;
  document.body.classList.remove("stale");
  at("ended").hidden = !ended;
  at("login").hidden = false;
  at("name").focus();
}

function follow() {
  followed = now();
  stream?.close();
  const mine = stream = new EventSource("/lanes");
  const own = (then) => (event) => { if (stream === mine) then(event); };
  mine.addEventListener("message", own((event) => { heard = came = now(); told = JSON.parse(event.data); draw(); }));
  mine.addEventListener("beat", own(() => { heard = now(); draw(); }));
  mine.addEventListener("ended", own(() => over(true)));
  mine.addEventListener("error", own(() => { if (mine.readyState === EventSource.CLOSED) again(); }));
}

/** The stream was refused: because the session is over, or the server is not what it was for a moment. */
async function again() {
  const answer = await fetch("/session", { cache: "no-store" }).catch(() => null);
  if (!session) return;
  if (answer?.status === 401) over(true);
  else setTimeout(() => session && follow(), 500);
}

/** An answer with its body, or null when none came. */
async function post(path, body, within_ms) {
  const headers = { "Content-Type": "application/json", "X-CSRF": session?.csrf ?? "" };
  try {
    const signal = AbortSignal.timeout(within_ms);
    const answer = await fetch(path, { method: "POST", cache: "no-store", headers, body: JSON.stringify(body), signal });
    touched = now();
    if (answer.status === 401 && session) over(true);
    return { ok: answer.ok, status: answer.status, body: await answer.json().catch(() => ({})) };
  } catch {
    return null;
  }
}

async function enter(event) {
  event.preventDefault();
  sound.unblock();
  at("enter").disabled = true;
  const answer = await post("/login", { name: at("name").value, password: at("password").value }, 15000);
  at("enter").disabled = false;
  at("password").value = "";
  if (answer?.ok) { begin(); return; }
  const put = { s: Math.ceil(answer?.body.wait_s ?? 0) };
  const why = !answer ? "unreachable" : answer.status === 429 ? "wait" : answer.status === 401 ? "refused" : "unreachable";
  write(at("login-said"), say(`login.${why}`, put));
  at("password").focus();
}

/** Who sits here stays signed in; who has gone is told before. */
function touch() {
  if (!session || now() - touched < TOUCH_S) return;
  touched = now();
  fetch("/session", { cache: "no-store" }).then((answer) => { if (answer.status === 401 && session) over(true); }, () => {});
}

function warn() {
  const left = (session.idle_s ?? Infinity) - (now() - touched);
  at("ending").hidden = left > WARN_S;
  if (left <= WARN_S) write(at("ending").firstElementChild, say("page.ending", { s: Math.max(0, Math.ceil(left / 5) * 5) }));
}

async function speak(tongue) {
  await load(tongue);
  language = tongue;
  document.title = say("login.title");
  draw();
}

// ------------------------------------------------------------ keys

/** Letters and digits act only while the row, the lane's panel or the alarms have the focus. */
function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !session || at("ask").open) return;
  const inside = at("console").contains(document.activeElement);
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!inside && document.activeElement !== document.body) return;
  if (key === "Escape") escape();
  else if (key.startsWith("Arrow") || key === "Home" || key === "End") {
    if (["panel", "case"].some((id) => at(id).contains(document.activeElement)) || !row.move(key)) return;
  } else if (!inside || event.repeat) return;
  else if (/^[0-9]$/.test(key)) { row.digit(key, now()); event.preventDefault(); return; }
  else if (key === "n") { if (alarms.unseen[0]) row.go(alarms.unseen[0].lane); }
  else if (KEYS[key]) panel.order(KEYS[key]);
  else return;
  row.end();  // a number ends with what is done to its lane: the next digit begins another
  event.preventDefault();
}

function escape() {
  if (folder.open()) folder.close();
  else if (row.selected !== null) row.go(row.selected);
}

document.addEventListener("keydown", (event) => { touch(); pressed(event); });
document.addEventListener("pointerdown", () => { touch(); if (session) row.end(); });
addEventListener("pagehide", () => folder.close());
document.addEventListener("visibilitychange", () => { if (document.hidden) folder.close(); draw(); });
at("login").addEventListener("submit", enter);
at("sound").addEventListener("click", () => { sound.unblock(); if (session) at("work").focus(); });
at("go-on").addEventListener("click", () => { touched = -TOUCH_S; touch(); draw(); at("work").focus(); });
at("logout").addEventListener("click", () => { post("/logout", {}, 5000); over(false); });
at("language").addEventListener("change", () => { picked = true; speak(at("language").value); });
setInterval(() => {
  draw();
  if (stream && now() - Math.max(heard, followed) > AGAIN_S) follow();
}, 250);

async function start() {
  try {
    await speak(language);
  } catch {
    setTimeout(() => location.reload(), 1000);
    return;
  }
  begin();
}
start();
