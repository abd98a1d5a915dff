"use strict";
// Shows what the stream says. When it says nothing for a while, what it said is not true any more.
// All signs are in the page from the beginning: one that is wanted when the server is gone could not be fetched.
const SILENT_MS = 2000;
const LOW_MS = 45000;
const here = location.pathname.replace(/\/$/, "");
const now = () => performance.now();  // of no clock that somebody sets
const at = (id) => document.getElementById(id);
let nothing = null;
let newest = null;
let heard = -SILENT_MS;
let run = "";
let lowered = 0;
let shown = "";

function element(tag, text, lang) {
  const made = document.createElement(tag);
  made.textContent = text || "";
  if (lang) made.lang = lang;
  return made;
}

function show(picture) {
  const all = JSON.stringify(picture);
  if (all === shown) return;
  shown = all;
  document.body.dataset.tone = picture.tone;
  at("sign").dataset.sign = picture.sign;
  for (const sign of at("sign").children) sign.hidden = sign.dataset.of !== picture.sign;
  at("words").replaceChildren(...picture.words.map(([lang, text]) => element("p", text, lang)));
  at("facts").replaceChildren(...picture.facts.map(([names, value]) => {
    const row = document.createElement("div");
    row.append(element("dt"), element("dd", value));
    row.firstChild.append(...names.map(([lang, name]) => element("span", name, lang)));
    return row;
  }));
  at("facts").hidden = at("buttons").hidden = !picture.run;
  ["confirm", "decline"].forEach((touch, n) => {
    at(touch).disabled = false;
    const said = (picture.buttons[n] || []).map(([lang, text]) => element("span", text, lang));
    at(touch).replaceChildren(at(touch).firstElementChild, ...said);
  });
  run = picture.run;
  sound(picture);
  mirror(picture.mirror);
}

function touch(said) {
  for (const button of [at("confirm"), at("decline")]) button.disabled = true;
  const body = JSON.stringify({ touch: said, run });
  const again = () => { for (const button of [at("confirm"), at("decline")]) button.disabled = false; };
  fetch(`${here}/touch`, { method: "POST", headers: { "Content-Type": "application/json" }, body })
    .then((answer) => { if (!answer.ok) again(); }, again);
}

function lower(low) {
  lowered = low ? now() : 0;
  document.body.classList.toggle("low", low);
  at("low").setAttribute("aria-pressed", String(low));
}

function listen({ silent, ...picture }) {
  heard = now();
  nothing = silent;
  newest = picture;
  show(picture);
}

for (const said of ["confirm", "decline"]) at(said).addEventListener("click", () => touch(said));
at("low").addEventListener("click", () => lower(!lowered));

function follow() {
  const stream = new EventSource(`${here}/shown`);
  stream.addEventListener("message", (event) => listen(JSON.parse(event.data)));
  // Nothing new: a server that hung for a while goes on with what it said before.
  stream.addEventListener("beat", () => { heard = now(); if (newest) show(newest); });
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 500);
  });
}

setInterval(() => {
  if (nothing && now() - heard > SILENT_MS) show(nothing);
  if (lowered && now() - lowered > LOW_MS) lower(false);
}, 250);
fetch(`${here}/silent`).then((answer) => answer.json()).then((picture) => {
  nothing = picture;
  follow();
}, () => location.reload());
