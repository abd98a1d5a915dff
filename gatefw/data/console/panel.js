// The lane that is chosen: what it does, and what can be ordered. Each order stands always at the same place.
import { age, at, first, make, say, write } from "/static/words.js";
import { notes, silent } from "/static/row.js";

export const KEYS = {
  h: "hold", o: "let_out", c: "clear_by_hand", v: "case", a: "acknowledge", r: "reset", i: "open", x: "close",
  e: "evacuate", g: "stop", s: "silent_alarm",
};
const DANGEROUS = new Set(["evacuate", "stop"]);

export class Panel {
  constructor(give) {
    this.give = give;
    this.buttons = new Map();
    for (const [key, verb] of Object.entries(KEYS)) this.buttons.set(verb, this.button(key, verb));
    at("orders").append(...this.buttons.values());
    this.clear();
  }

  button(key, verb) {
    const made = make("button", { type: "button", "data-verb": verb, "aria-keyshortcuts": key.toUpperCase() },
      make("span"), make("kbd", {}, key.toUpperCase()));
    if (DANGEROUS.has(verb)) made.classList.add("danger");
    made.addEventListener("click", () => this.order(verb));
    return made;
  }

  clear() {
    this.lane = null;
    at("orders").hidden = true;
    at("lane-facts").replaceChildren();
  }

  /** possible: the verbs that can be ordered now; null where this officer may order nothing at all. */
  show(lane, elapsed, stale, possible) {
    this.lane = lane;
    write(at("panel-title"), lane ? lane.name : say("order.choose"));
    const lines = lane ? this.lines(lane, elapsed, stale) : [];
    const list = at("lane-facts");
    while (list.children.length > lines.length) list.lastElementChild.remove();
    lines.forEach((line, n) => write(list.children[n] ?? list.appendChild(make("li")), line));
    at("orders").hidden = !lane || possible === null;
    for (const [verb, button] of this.buttons) {
      button.setAttribute("aria-disabled", String(stale !== null || !possible?.has(verb)));
      const by = verb === "let_out" && lane?.ways_out.length === 1 ? ` (${say(`doorid.${lane.ways_out[0]}`)})` : "";
      write(button.firstElementChild, say(`order.${verb}`) + by);
    }
  }

  lines(lane, elapsed, stale) {
    if (stale !== null || lane.phase === "silent") return [silent(lane, elapsed, stale)];
    const state = `${say(`phase.${lane.phase}`)} (${age(lane.since_s + elapsed)})`;
    const camera = ["ok", "none"].includes(lane.camera) ? [say(`card.camera_${lane.camera}`)] : [];
    return [state, first(say(`occupancy.${lane.occupancy}`)), ...notes(lane, elapsed), ...camera];
  }

  /** By a button or its key; one that is not possible now does nothing. */
  order(verb) {
    const button = this.buttons.get(verb);
    if (this.lane && !at("orders").hidden && button.getAttribute("aria-disabled") !== "true") this.give(verb, this.lane, button);
  }
}
