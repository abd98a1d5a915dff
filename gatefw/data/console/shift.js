// The report of a shift. Times are shown as the reader's clock has them, and asked for in UTC.
import { at, first, known, load, make, say, write } from "./words.js";

const QUARTER_MS = 900000;
const OUTCOMES = ["passed", "refused", "referred", "ended", "by_hand"];
let shown = null;
let picked = false;  // by hand: then the officer's own does not take its place

const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, 16);
const clock = (iso) => new Date(iso).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
const seconds = (value) => (value === null ? "-" : value.toFixed(1));
const words = (kind, code) => first(say(`${kind}.${code}`));
// What a button of the lanes' page orders is called as there; of other orders the lane's own word is told.
const order = (verb) => (say(`order.${verb}`) === verb.replaceAll("_", " ") ? words("verb", verb) : say(`order.${verb}`));
const whys = (counts) => Object.entries(counts).map(([why, n]) => `${say(`why.ordered.${why}`)} (${n})`).join("; ");

function table(id, heads, rows, numbers) {
  const cell = (tag, text, n) => make(tag, { ...(numbers.includes(n) ? { class: "n" } : {}), ...(tag === "th" ? { scope: n ? "col" : "row" } : {}) }, String(text));
  const head = make("thead", {}, make("tr", {}, ...heads.map((each, n) => make("th", { scope: "col", ...(numbers.includes(n) ? { class: "n" } : {}) }, say(each)))));
  const body = make("tbody", {}, ...rows.map(({ all, cells }) => make("tr", all ? { class: "all" } : {}, ...cells.map((each, n) => cell(n ? "td" : "th", each, n)))));
  const none = make("tbody", {}, make("tr", {}, make("td", { colspan: heads.length }, say("shift.none"))));
  at(id).replaceChildren(head, rows.length ? body : none);
}

const sum = (counts) => Object.values(counts).reduce((all, each) => all + each, 0);

function laneRow(name, line, all = false) {
  const cells = [name, ...OUTCOMES.map((each) => line[each]), seconds(line.p50_s), seconds(line.p95_s), sum(line.alarms), line.acknowledged];
  return { all, cells };
}

function draw(told) {
  shown = told;
  write(at("said"), "");
  at("report").hidden = false;
  at("made").textContent = `${clock(told.from)} - ${clock(told.to)}. ${say("shift.made", { time: clock(new Date().toISOString()) })}`;
  const part = told.lanes.filter((each) => !each.whole).map((each) =>
    (!each.since ? say("shift.unheard", { lane: each.name })
      : each.since > told.from ? say("shift.since", { lane: each.name, time: clock(each.since) }) : each.name));
  write(at("part"), part.length ? say("shift.part", { lanes: part.join(", ") }) : "");
  const heads = ["lane", ...OUTCOMES, "p50", "p95", "alarms", "acknowledged"].map((each) => `shift.${each}`);
  const rows = told.lanes.map((each) => laneRow(each.name, each));
  table("lanes", heads, [...rows, laneRow(say("shift.all"), told.total, true)], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const reasons = ["referred", "refused", "ended"].flatMap((what) =>
    Object.entries(told.total.reasons[what]).map(([reason, count]) => ({ cells: [say(`shift.${what}`), words("reason", reason), count] })));
  table("reasons", ["shift.passages", "shift.reason", "shift.times"], reasons, [2]);
  const alarms = Object.entries(told.total.alarms).map(([reason, count]) => ({ cells: [words("reason", reason), count] }));
  table("alarms", ["shift.reason", "shift.times"], alarms, [1]);
  const orders = told.orders.map((each) => ({ cells: [each.by, order(each.verb), each.done, each.refused, whys(each.why)] }));
  table("orders", ["shift.by", "shift.order", "shift.done", "shift.not_done", "shift.reason"], orders, [2, 3]);
  const offset = -new Date(told.from).getTimezoneOffset();
  at("chart").src = `/shift/chart?${new URLSearchParams({ from: told.from, to: told.to, offset, lang: at("language").value })}`;
  at("chart").alt = `${say("shift.hours")}: ${OUTCOMES.slice(0, 3).map((each) => `${say(`shift.${each}`)} ${told.total[each]}`).join(", ")}`;
}

async function ask() {
  const [from, to] = ["from", "to"].map((id) => new Date(at(id).value));
  if (isNaN(from) || isNaN(to) || from >= to || to - from > 36 * 3600000) return write(at("said"), say("shift.bad"));
  const span = new URLSearchParams({ from: from.toISOString(), to: to.toISOString() });
  const answer = await fetch(`/shift/figures?${span}`, { cache: "no-store" }).catch(() => null);
  if (answer?.status === 401) return location.assign("/");
  if (!answer?.ok) return write(at("said"), say("shift.silent"));
  return draw(await answer.json());
}

function last(hours) {
  const ends = Math.ceil(Date.now() / QUARTER_MS) * QUARTER_MS;
  at("to").value = local(ends);
  at("from").value = local(ends - hours * 3600000);
  return ask();
}

for (const id of ["from", "to"]) at(id).addEventListener("change", ask);
at("span").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
at("last8").addEventListener("click", () => last(8));
at("last24").addEventListener("click", () => last(24));
at("print").addEventListener("click", () => print());
async function speak(language) {
  await load(language);
  document.title = say("shift.title");
  if (shown) draw(shown);
}
at("language").addEventListener("change", () => { picked = true; speak(at("language").value); });

const answer = await fetch("/session", { cache: "no-store" }).catch(() => null);
if (answer?.ok) {
  const own = known((await answer.json()).language);
  if (!picked) await speak(own);
  await last(8);
} else {
  location.assign("/");
}
