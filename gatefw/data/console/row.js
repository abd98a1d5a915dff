// A card for each lane, in the order of the console's file and never in another: an officer finds a lane by its place.
import { age, at, first, make, paint, say, sign, write } from "/static/words.js";

export const SIGNS = {
  recovering: "wait", idle: "ready", token_presented: "look", entry_released: "moving", entering: "moving",
  verifying: "look", exit_released: "moving", leaving: "moving", refused: "back", referred: "counter", hold: "hold",
  evacuated: "leave", degraded: "fault", fault: "fault", maintenance: "tool", exercise: "tool",
  out_of_service: "closed", silent: "silent",
};
const TYPING_S = 2;

/** The number in a lane's name where each has its own, or else its place in the row. */
export function numbers(lanes) {
  const named = lanes.map((lane) => Number((/(\d+)\D*$/.exec(lane.name) ?? [])[1] ?? NaN));
  const own = named.every((n) => n > 0) && new Set(named).size === lanes.length;
  return new Map(lanes.map((lane, n) => [lane.id, own ? named[n] : n + 1]));
}

/** What to tell of a lane beside its state, most pressing first. */
export function notes(lane, elapsed) {
  const told = [];
  const reason = lane.referral?.reason ?? lane.reason;
  if (lane.waiting_since_s !== null) told.push(say("card.waiting", { age: age(lane.waiting_since_s + elapsed) }));
  if (reason && reason !== "ok" && !(reason === "device_lost" && lane.devices_lost.length)) told.push(first(say(`reason.${reason}`)));
  if (lane.camera !== "ok" && lane.camera !== "none") told.push(say(`card.camera_${lane.camera}`));
  if (lane.devices_lost.length) told.push(say("card.lost", { devices: lane.devices_lost.join(", ") }));
  return told;
}

/** Of a lane that does not answer, or of a console that does not: for how long. */
export function silent(lane, elapsed, stale) {
  if (stale !== null) return say("card.stale", { age: age(stale) });
  return lane.since_s === null ? say("card.never") : say("card.silent", { age: age(lane.since_s + elapsed) });
}

export class Row {
  constructor(chosen, stop) {
    this.chosen = chosen;
    this.stop = stop;
    this.clear();
  }

  clear() {
    this.cards = new Map();
    this.stops = new Map();
    this.order = "";
    this.lanes = [];
    this.selected = null;
    this.typed = "";
    for (const group of at("row").querySelectorAll(".group")) group.remove();
  }

  lane(id = this.selected) { return this.lanes.find((lane) => lane.id === id) ?? null; }

  /** worst: of each lane with unacknowledged alarms the highest priority. stale: for how long nothing came, or null. */
  show(lanes, elapsed, worst, stale, orders) {
    this.lanes = lanes;
    this.numbers = numbers(lanes);
    at("no-lanes").hidden = lanes.length > 0;
    const order = JSON.stringify(lanes.map((lane) => [lane.id, lane.group]));
    if (order !== this.order) this.lay(order);
    for (const lane of lanes) this.draw(lane, elapsed, worst.get(lane.id) ?? "", stale);
    for (const [group, button] of this.stops) {
      button.hidden = !orders;
      button.setAttribute("aria-disabled", String(stale !== null));
      write(button.lastElementChild, say("order.stop"));
      button.setAttribute("aria-label", say("order.stop_of", { group }));
    }
  }

  /** Which lanes there are, or their groups, changed: who is chosen stays chosen. */
  lay(order) {
    const had = this.selected !== null && this.cards.get(this.selected) === document.activeElement;
    const { selected, lanes } = this;
    this.clear();
    Object.assign(this, { order, lanes, selected: lanes.some((lane) => lane.id === selected) ? selected : null });
    for (const group of new Set(lanes.map((lane) => lane.group))) {
      const list = make("ul");
      const stop = make("button", { type: "button", class: "stop", tabindex: "-1" }, make("span"));  // by key: G, at a lane
      stop.addEventListener("click", () => this.stop(group, stop));
      this.stops.set(group, stop);
      const title = make("h3", {}, group || say("page.lanes"));
      at("row").append(make("section", { class: "group", "aria-label": group }, make("div", {}, title, stop), list));
      for (const lane of lanes.filter((each) => each.group === group)) list.append(make("li", {}, this.card(lane)));
    }
    this.roving();
    if (had && this.selected !== null) this.cards.get(this.selected).focus();
  }

  card(lane) {
    const made = make("button", { type: "button", class: "card" });
    const span = (name, ...inside) => made.appendChild(make("span", { class: name }, ...inside));
    made.parts = {
      number: make("kbd"), name: make("span", { class: "name" }), worst: make("span", { class: "worst" }, sign("low")),
      sign: sign("silent"), state: make("span", { class: "state" }), age: make("span", { class: "age" }),
      notes: [make("span"), make("span")],
      camera: make("span", { class: "camera" }, sign("camera"), make("span", { class: "unseen" })),
    };
    const part = made.parts;
    part.worst.append(make("span", { class: "unseen" }));
    span("top", part.number, part.name, part.worst);
    span("middle", part.sign, part.state);
    span("notes", ...part.notes);
    span("bottom", part.age, part.camera);
    made.addEventListener("focus", () => this.choose(lane.id));
    made.addEventListener("click", () => { made.focus(); this.choose(lane.id); });
    this.cards.set(lane.id, made);
    return made;
  }

  draw(lane, elapsed, worst, stale) {
    const card = this.cards.get(lane.id);
    const part = card.parts;
    const mute = lane.phase === "silent" || stale !== null;
    card.dataset.tone = mute ? "silent" : lane.tone;
    card.dataset.phase = mute ? "silent" : lane.phase;
    write(part.number, String(this.numbers.get(lane.id)));
    write(part.name, lane.name);
    paint(part.sign, mute ? "silent" : SIGNS[lane.phase] ?? "silent");
    write(part.state, say(`state.${mute ? "silent" : lane.phase}`));
    write(part.age, mute ? "" : age(lane.since_s + elapsed));
    const lines = mute ? [silent(lane, elapsed, stale)] : notes(lane, elapsed);
    part.notes.forEach((note, n) => write(note, lines[n] ?? ""));
    part.camera.dataset.camera = lane.camera;
    part.camera.hidden = mute || lane.camera === "none";
    write(part.camera.lastElementChild, say(`card.camera_${lane.camera}`));
    part.worst.hidden = !worst || stale !== null;
    part.worst.dataset.priority = worst;
    if (worst) paint(part.worst.firstElementChild, worst);
    write(part.worst.lastElementChild, worst ? say(`alarm.${worst}`) : "");
  }

  choose(id) {
    if (this.selected === id) return;
    this.selected = id;
    this.roving();
    this.chosen();
  }

  roving() {
    const tabbed = this.selected ?? this.lanes[0]?.id;
    for (const [id, card] of this.cards) {
      card.tabIndex = id === tabbed ? 0 : -1;
      if (id === this.selected) card.setAttribute("aria-current", "true");
      else card.removeAttribute("aria-current");
    }
  }

  go(id) {
    const card = this.cards.get(id);
    card?.focus();
    card?.scrollIntoView({ block: "nearest" });
  }

  /** Left and right by the order, up and down by what stands there. Whether the key was one of ours. */
  move(key) {
    const all = [...this.cards.values()];
    const card = this.cards.get(this.selected) ?? all[0];
    const here = all.indexOf(card);
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: all.length - 1 }[key];
    if (to === undefined && key !== "ArrowUp" && key !== "ArrowDown") return false;
    const found = to === undefined ? beside(card, all, key === "ArrowUp" ? -1 : 1) : all[to];
    (found ?? card)?.focus();
    found?.scrollIntoView({ block: "nearest" });
    this.end();
    return true;
  }

  /** A digit more of a lane's number: 1, then 7, is lane 17. What was typed is shown, and forgotten after a moment. */
  digit(key, now) {
    if (now > this.forget) this.typed = "";
    this.forget = now + TYPING_S;
    const find = (typed) => this.lanes.find((lane) => this.numbers.get(lane.id) === Number(typed));
    if (this.typed && !find(this.typed + key)) this.typed = "";
    this.typed += key;
    const found = find(this.typed);
    if (found) this.go(found.id);
  }

  end(now = Infinity) {
    if (now > this.forget) this.typed = "";
    write(at("typed"), this.typed ? say("page.typed", { n: this.typed }) : "");
  }
}

function beside(card, all, way) {
  const of = (each) => each.getBoundingClientRect();
  const from = of(card);
  const there = all.filter((each) => (of(each).top - from.top) * way > from.height / 2);
  const far = (each) => Math.abs(of(each).top - from.top) * 100 + Math.abs(of(each).left - from.left);
  return there.sort((one, other) => far(one) - far(other))[0];
}
