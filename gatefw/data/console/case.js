// What an officer needs of the case that is open: asked for when it is opened, gone from the page with the case, when it
// is closed, when another lane is chosen and when the console hears nothing. It is never kept anywhere.
import { age, at, fact, first, make, say, sign } from "/static/words.js";

const PLAIN = ["reason", "phase", "procedure", "run"];
let shown = null;  // {lane, run} of what is on the page or asked for
let asking = null;

export const open = () => shown !== null;

/** lane: a row with a case. An answer that comes after it was closed is thrown away. */
export async function show(lane) {
  close();
  const mine = shown = { lane: lane.id, run: lane.case };
  asking = new AbortController();
  frame(lane, make("p", {}, say("case.asking")));
  let inside;
  try {
    const answer = await fetch(`/lanes/${encodeURIComponent(lane.id)}/case?run=${lane.case}`, { cache: "no-store", signal: asking.signal });
    inside = answer.ok ? parts(await answer.json()) : [make("p", {}, say(answer.status === 404 ? "case.none" : "case.unreachable"))];
  } catch {
    inside = [make("p", {}, say("case.unreachable"))];
  }
  if (shown === mine) frame(lane, ...inside);
}

export function close() {
  asking?.abort();
  asking = shown = null;
  const had = at("case").contains(document.activeElement);
  at("case").replaceChildren();
  at("case").hidden = true;
  if (had) at("row").querySelector('[tabindex="0"]')?.focus();
}

/** As the row changes: a case that ended, or of which nobody knows whether it did, is not shown any more. */
export function check(lane, stale) {
  if (shown && (stale || !lane || lane.id !== shown.lane || lane.case !== shown.run)) close();
}

function frame(lane, ...inside) {
  const shut = make("button", { type: "button" }, make("kbd", {}, "Esc"), make("span", {}, say("case.close")));
  shut.addEventListener("click", close);
  const title = make("h3", { id: "case-title", tabindex: "-1" }, say("case.title", { lane: lane.name }));
  at("case").replaceChildren(make("div", { class: "head" }, title, shut), ...inside,
    make("p", { class: "hint" }, say("case.private")));
  at("case").hidden = false;
  at("row").querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });  // it is narrower now
}

function parts(told) {
  const rows = PLAIN.filter((key) => told[key]).map((key) => [say(`case.${key}`), word(key, told[key])]);
  if (typeof told.since_s === "number") rows.push([say("case.since"), age(told.since_s)]);
  const facts = Object.entries(told.facts ?? {}).map(([name, value]) => [fact(name), String(value)]);
  const needs = (told.requirements ?? []).map(requirement);
  const list = needs.length ? [make("h4", {}, say("case.requirements")), make("ul", { class: "needs" }, ...needs)] : [];
  return [table(facts, "facts"), ...list, table(rows, "rows")];
}

const word = (key, value) => (key === "phase" || key === "reason" ? first(say(`${key}.${value}`)) : String(value));

function table(rows, name) {
  return make("dl", { class: name }, ...rows.flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]));
}

function requirement(need) {
  const outcome = need.outcome ?? "open";
  const line = make("li", { "data-outcome": outcome }, sign(outcome === "met" ? "ready" : outcome === "open" ? "wait" : "high"),
    make("span", {}, `${say(`need.${need.name}`)}: ${say(`case.${outcome}`)}`));
  const why = need.rules?.map((rule) => `${rule.rule}: ${say(`reason.${rule.reason}`)}`)
    ?? (need.reason ? [first(say(`reason.${need.reason}`))] : []);
  line.append(...why.map((text) => make("span", {}, text)));
  if (need.score !== undefined) line.append(make("span", {}, say("case.score", need)));
  return line;
}
