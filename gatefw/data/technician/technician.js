"use strict";
// Shows what the stream says, with words of one language. It asks for nothing that could change anything.
const SILENT_MS = 3500;
const at = (id) => document.getElementById(id);
const TONES = { idle: "go", token_presented: "go", entry_released: "go", entering: "go", verifying: "go",
  exit_released: "go", leaving: "go", fault: "stop", evacuated: "stop", degraded: "stop" };
let texts = {};
let heard = 0;
const drawn = new Map();
const ENGLISH = { lang: "en" };  // what the doctor says is in no other language

const word = (key) => texts[key] || key;
const filled = (key, time) => word(key).replace("{time}", time);
// A code of the lane in words; one that this page does not know is told as it is.
const code = (kind, value) => texts[`${kind}.${value}`] || value;

function duration(s) {
  if (s < 10) return `${Math.max(s, 0).toFixed(0)} s`;
  for (const [unit_s, unit, most] of [[1, "s", 100], [60, "min", 100], [3600, "h", 48]])
    if (s < unit_s * most) return `${Math.round(s / unit_s)} ${unit}`;
  return `${Math.round(s / 86400)} d`;
}

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  if (Array.isArray(content)) made.append(...content);
  else made.textContent = content;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Draws only what is not drawn already: a page that is read, selected from and listened to must stand still.
function draw(id, of, make) {
  const key = JSON.stringify(of);
  if (drawn.get(id) === key) return;
  drawn.set(id, key);
  at(id).replaceChildren(...make());
}

function table(id, heads, rows) {
  draw(id, [heads, rows], () => [
    element("thead", [element("tr", heads.map((head) => element("th", head, { scope: "col" })))]),
    element("tbody", rows.map(([state, first, ...rest]) => element("tr",
      [element("th", first, { scope: "row" }), ...rest.map((each) => element("td", each))], { "data-state": state }))),
  ]);
}

function facts(rows) {
  draw("facts", rows, () => rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}

function showLane(lane, doctor) {
  const doors = lane.doors.map((door) => [
    door.position === "unknown" ? "bad" : door.position === "secured" ? "" : "odd",
    code("doorid", door.name), code("position", door.position), code("beam", door.beam),
    door.released ? code("purpose", door.released) + (door.left_s === null ? "" : `, ${duration(door.left_s)}`) : "-"]);
  table("doors", [word("doors"), word("state"), word("beams"), word("released")], doors);
  const on = lane.signals.filter(([, level]) => level !== "off");
  const rows = [
    [word("in_service"), word(lane.in_service ? "yes" : "no")],
    [word("occupancy"), code("occupancy", lane.occupancy)],
    [word("zones"), lane.zones.map(([zone, there]) => `${code("zone", zone)}: ${word(there ? "somebody" : "nobody")}`).join(", ")],
    [word("signals"), on.map(([name, level]) => `${code("input", name)}: ${code("signal", level)}`).join(", ")],
    [word("runs"), lane.runs.map((run) => `${run.run} ${word("waits")} ${run.waits_for.join(", ") || "-"}, ${duration(run.waited_s)}`).join("; ")],
    [word("timer"), lane.timer && `${lane.timer}, ${duration(lane.timer_left_s)}`],
    [word("face"), lane.quality.length ? `${lane.quality_of}: ${lane.quality.map(([name, value]) => `${name} ${value}`).join(", ")}` : ""],
    [word("hint"), lane.hint && code("reason", lane.hint)],
    [word("missing"), lane.missing.join(", ")],
    [word("stalled"), lane.stalled.join(", ")],
    [word("latched"), lane.latched && code("reason", lane.latched)],
    [word("maintenance"), lane.maintained.length ? `${lane.maintained.join(", ")}, ${duration(lane.maintained_left_s)}` : ""],
    [word("journal_head"), String(lane.journal_head)],
    [word("version"), doctor && doctor.version || ""],
    [word("file"), doctor && doctor.file || ""],
    [word("read"), doctor && doctor.file && doctor.daemon === "answers" ? word(doctor.changed ? "no" : "yes") : ""],
  ];
  facts(rows.filter(([, value]) => value));
}

function showDevices(devices) {
  const ms = (s) => (s === null ? "-" : `${(s * 1000).toFixed(s < .01 ? 1 : 0)} ms`);
  const rows = devices.map((each) => [
    each.state === "there" ? "" : each.state === "impaired" ? "odd" : "bad", each.name,
    [word(each.state), ...each.reasons.map((reason) => code("reason", reason))].join(": "),
    duration(each.for_s) + (each.tries ? `, ${each.tries}x` : ""),
    each.p50_s === null ? "-" : `${ms(each.p50_s)}, ${ms(each.p99_s)}`]);
  rows.sort((one, other) => (one[0] === "") - (other[0] === ""));
  table("device-rows", [word("device"), word("state"), word("since"), word("turns")], rows);
}

const BAD = ["alarm.raised", "fault.latched", "device.lost"];
const ODD = ["device.impaired", "door.release_dropped", "passage.rule_failed", "passage.question_failed"];

function showEvents(events, deaf) {
  at("deaf").hidden = !deaf;
  at("deaf").textContent = `${word("deaf")}: ${deaf}`;
  const state = (kind) => (BAD.includes(kind) ? "bad" : ODD.includes(kind) ? "odd" : "");
  const rows = events.map((each) => [state(each.kind), each.time, `${each.kind} ${each.words.join(" ")}`]);
  table("event-rows", [word("time"), word("what")], rows);
}

// A page of the doctor: paragraphs, in which **this** is strong and `that` is typed.
function paragraphs(text) {
  const span = (part) => (part.startsWith("**") ? element("strong", part.slice(2, -2))
    : part.startsWith("`") ? element("code", part.slice(1, -1)) : part);
  return text.trim().split(/\n\s*\n/).map((each) =>
    element("p", each.replace(/^# /, "").split(/(\*\*[^*]+\*\*|`[^`]+`)/).filter(Boolean).map(span)));
}

function finding(each) {
  const page = element("div", "", { class: "page", ...ENGLISH });
  const more = element("details", [element("summary", word("more")), page]);
  more.addEventListener("toggle", () => {
    if (more.open && !page.textContent)
      fetch(`/explain/${each.code}`).then((answer) => answer.json()).then((told) => page.replaceChildren(...paragraphs(told.page)), () => {});
  });
  const parts = [
    element("p", `${each.code} ${word(each.severity)}: ${each.where}`, { class: "code" }),
    element("p", each.cause, { class: "cause", ...ENGLISH }),
    element("p", [`${word("mend")}: `, element("span", each.remedy, ENGLISH)])];
  if (each.follows.length) {
    const follows = each.follows.map((one) => element("li", `${one.code} ${one.where}: ${one.cause}`, ENGLISH));
    parts.push(element("p", `${word("follows")}:`), element("ul", follows));
  }
  return element("li", [...parts, more], { "data-severity": each.severity });
}

function showDoctor(doctor) {
  if (!doctor) {
    at("verdict").textContent = `${word("looks")} ...`;
    return;
  }
  at("verdict").textContent = `${word(doctor.state)}${doctor.why ? `: ${doctor.why}` : ""} (${filled("looked", duration(doctor.ago_s))})`;
  draw("findings", doctor.findings, () => doctor.findings.map(finding));
  at("unseen").hidden = !doctor.unseen.length;
  at("unseen").querySelector("ul").replaceChildren(...doctor.unseen.map((each) => element("li", each, ENGLISH)));
}

function notice(text) {
  if (at("notice").textContent !== text) at("notice").textContent = text;
}

function show(seen) {
  if (!("devices" in seen)) return; // the server has only begun
  const { lane, doctor } = seen;
  showDoctor(doctor);
  at("lane").hidden = at("devices").hidden = at("events").hidden = !lane;
  document.body.dataset.tone = seen.gone ? "stop" : !lane ? "wait" : TONES[lane.phase] || "act";
  notice(seen.gone ? `${lane ? filled("gone", duration(seen.gone_s)) : word("never")} ${seen.gone}` : "");
  if (!lane) return;
  at("name").textContent = document.title = lane.name;
  const age_s = seen.gone ? seen.gone_s : seen.age_s;
  const state = seen.gone || age_s > 5 ? `, ${filled("old", duration(age_s))}` : `, ${word("live")}`;
  at("phase").textContent = code("phase", lane.phase) + state;
  showLane(lane, doctor);
  showDevices(seen.devices);
  showEvents(seen.events, seen.deaf);
}

function follow() {
  const stream = new EventSource("/seen");
  stream.addEventListener("message", (event) => { heard = performance.now(); show(JSON.parse(event.data)); });
  stream.addEventListener("beat", () => { heard = performance.now(); });
  stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 1000); });
}

function speak(told) {
  texts = told.texts;
  document.documentElement.lang = told.lang;
  document.title = at("name").textContent = word("title");
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = word(each.dataset.text);
  for (const link of document.querySelectorAll("nav a")) if (link.lang === told.lang) link.setAttribute("aria-current", "true");
}

fetch(`/words${location.search}`).then((answer) => (answer.ok ? answer : fetch("/words"))).then((answer) => answer.json()).then((told) => {
  speak(told);
  heard = performance.now();
  follow();
  setInterval(() => {
    if (performance.now() - heard < SILENT_MS) return;
    document.body.dataset.tone = "stop";
    notice(word("silent"));
  }, 500);
}, () => setTimeout(() => location.reload(), 1000));
