// All alarms in one bar: who was not seen yet before who was, by priority, the newest of the highest first.
import { age, at, first, make, paint, say, sign, write } from "/static/words.js";

export const PRIORITIES = ["emergency", "high", "medium", "low"];
const rank = (alarm) => PRIORITIES.indexOf(alarm.priority);

export class Alarms {
  constructor(go, acknowledge) {
    this.go = go;
    this.acknowledge = acknowledge;
    this.clear();
  }

  clear() {
    this.all = [];
    this.lines = new Map();
    this.known = null;
    this.heard = new Map();  // who acknowledged, by its id, what no lane can note: that the lane is silent
    at("alarm-list").replaceChildren();
    at("counts").querySelector("ul").replaceChildren();
    write(at("heard"), "");
  }

  take(alarms) {
    for (const id of this.heard.keys()) if (!alarms.some((alarm) => alarm.id === id)) this.heard.delete(id);
    const shown = alarms.map((alarm) => ({ ...alarm, since_s: alarm.since_s ?? 0, ever: alarm.since_s !== null, by: alarm.by ?? this.heard.get(alarm.id) ?? null }));
    this.all = shown.sort((one, other) => (one.by !== null) - (other.by !== null)
      || rank(one) - rank(other) || one.since_s - other.since_s);
    return this.all;
  }

  get unseen() { return this.all.filter((alarm) => alarm.by === null); }

  /** The highest priority to be sounded. One that is over rings no more, and a silent alarm never does. */
  get loudest() { return this.unseen.find((alarm) => !alarm.over && alarm.reason !== "silent_alarm")?.priority ?? ""; }

  worst() {
    const found = new Map();
    for (const alarm of this.unseen) if (!found.has(alarm.lane)) found.set(alarm.lane, alarm.priority);
    return found;
  }

  of(lane) { return this.unseen.find((alarm) => alarm.lane === lane) ?? null; }

  show(elapsed, name, orders, stale) {
    at("no-alarms").hidden = this.all.length > 0;
    at("alarms").dataset.worst = this.unseen[0]?.priority ?? "";
    this.count();
    const list = at("alarm-list");
    for (const [id, line] of this.lines) {
      if (this.all.some((alarm) => alarm.id === id)) continue;
      this.lines.delete(id);
      leave(line, list);
    }
    this.all.forEach((alarm, n) => {
      const line = this.lines.get(alarm.id) ?? this.line(alarm);
      if (list.children[n] !== line) keeping(line, () => list.insertBefore(line, list.children[n] ?? null));
      this.draw(line, alarm, elapsed, name(alarm.lane), orders, stale);
    });
    this.announce(name);
  }

  count() {
    const list = at("counts").querySelector("ul");
    if (!list.children.length) {
      list.append(...PRIORITIES.map((each) => make("li", { "data-priority": each }, sign(each), make("span"))));
    }
    PRIORITIES.forEach((each, n) => {
      const many = this.all.filter((alarm) => alarm.priority === each).length;
      list.children[n].hidden = many === 0;
      write(list.children[n].lastElementChild, `${say(`alarm.${each}`)} ${many}`);
    });
  }

  line(alarm) {
    const line = make("li", {}, sign(alarm.priority));
    const part = {
      reason: make("b"), priority: make("span"), age: make("span", { class: "age" }),
      lane: make("button", { type: "button", class: "go" }),
      done: make("button", { type: "button", class: "done" }, sign("ready"), make("span")),
    };
    line.append(make("span", { class: "what" }, part.reason, part.priority, " ", part.age), part.lane, part.done);
    part.lane.addEventListener("click", () => this.go(alarm.lane));
    part.done.addEventListener("click", () => this.acknowledge(alarm));
    line.parts = part;
    this.lines.set(alarm.id, line);
    return line;
  }

  draw(line, alarm, elapsed, lane, orders, stale) {
    const part = line.parts;
    const reason = first(say(`reason.${alarm.reason}`));
    line.dataset.priority = alarm.priority;
    line.classList.toggle("seen", alarm.by !== null);
    paint(line.firstElementChild, alarm.priority);
    write(part.priority, say(`alarm.${alarm.priority}`));
    write(part.reason, reason);
    const state = alarm.by !== null ? [say("alarm.by", { name: alarm.by })] : [];
    const since = alarm.ever ? say("alarm.since", { age: age(alarm.since_s + elapsed) }) : say("alarm.never");
    write(part.age, [alarm.over ? say("alarm.over") : since, ...state].join(" · "));
    write(part.lane, lane);
    part.lane.setAttribute("aria-label", say("alarm.go_to", { lane }));
    write(part.done.lastElementChild, say("alarm.acknowledge"));
    part.done.setAttribute("aria-label", say("alarm.acknowledge_of", { lane, reason }));
    if (alarm.by !== null && part.done === document.activeElement) part.lane.focus();
    part.done.setAttribute("aria-disabled", String(stale !== null));
    part.done.hidden = alarm.by !== null || !orders;
  }

  /** A reader of the screen hears of each new alarm once; of those that were there before, nothing. */
  announce(name) {
    const fresh = this.unseen.find((alarm) => this.known && !this.known.has(alarm.id));
    if (fresh) write(at("heard"), `${say(`alarm.${fresh.priority}`)}: ${name(fresh.lane)}, ${say(`reason.${fresh.reason}`)}`);
    this.known = new Set(this.all.map((alarm) => alarm.id));
  }
}

/** Moving what is focused would take its focus away. */
function keeping(line, move) {
  const focused = line.contains(document.activeElement) ? document.activeElement : null;
  move();
  focused?.focus();
}

/** A line goes; focus that was in it goes to the next one, or to the row. */
function leave(line, list) {
  const had = line.contains(document.activeElement);
  const next = line.nextElementSibling ?? line.previousElementSibling;
  line.remove();
  if (had) (next?.querySelector("button") ?? at("row").querySelector('[tabindex="0"]') ?? list).focus();
}
