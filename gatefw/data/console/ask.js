// The second step before an order that cannot be taken back: what it does, why, then Enter. No time-out gives it.
import { at, first, make, say, write } from "/static/words.js";

let asked = null;
const untold = [];  // what became of orders, while another one is begun

/**
 * Asks for a reason, or what else `asks` says. order: title, means, doing (of the button), danger, why ({code: text}),
 * state() (of the lane, in words, as it is now), stale() (no order can be given), then(code); over(), of an order for
 * the lane as it was seen: whether it is something else by now, or was meanwhile. Once it is, the order is not given.
 */
export function ask(order) {
  if (at("ask").open) return;
  const choices = Object.entries(order.why).map(([code, text], n) => choice(code, text, n + 1));
  const now = make("p", { class: "now", role: "status" });
  const cancel = button("button", "plain", "Esc", say("ask.cancel"));
  const go = button("submit", order.danger ? "danger" : "", "Enter", order.doing);
  const form = make("form", {}, make("h2", { id: "ask-title" }, order.title), make("p", {}, order.means), now,
    make("fieldset", {}, make("legend", {}, order.asks ?? say("ask.why")), ...choices),
    make("p", { class: "hint" }, say("ask.choose")), make("div", { class: "buttons" }, cancel, go));
  asked = { ...order, now, go, was: order.state() };
  cancel.addEventListener("click", () => at("ask").close());
  form.addEventListener("change", refresh);
  form.addEventListener("keydown", (event) => byNumber(event, choices));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const code = new FormData(form).get("why");
    refresh();
    if (!code || order.stale() || asked.past) return;
    at("ask").close();
    order.then(code);
  });
  show(form);
  refresh();
  choices[0].querySelector("input").focus();
}

/** What became of it, until it is closed; after what is asked now. lines: what went wrong, each a line. */
export function tell(title, heading, lines) {
  if (at("ask").open) { untold.push(() => tell(title, heading, lines)); return; }
  const done = button("submit", "", "Enter", say("ask.done"));
  const list = make("ul", {}, ...lines.map((line) => make("li", {}, line)));
  const form = make("form", { method: "dialog" }, make("h2", { id: "ask-title" }, title),
    ...(lines.length ? [make("p", { class: "wrong" }, heading), list] : []), make("div", { class: "buttons" }, done));
  show(form);
  done.focus();
}

function show(form) {
  at("ask").replaceChildren(form);
  at("ask").showModal();
}

function button(type, name, key, text) {
  return make("button", { type, class: name }, make("kbd", {}, key), make("span", {}, text));
}

function choice(code, text, n) {
  const radio = make("input", { type: "radio", name: "why", value: code });
  return make("label", { class: "choice" }, radio, make("kbd", {}, String(n)), make("span", {}, first(text)));
}

function byNumber(event, choices) {
  if (!/^[1-9]$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
  const radio = choices[Number(event.key) - 1]?.querySelector("input");
  if (!radio) return;
  radio.checked = true;
  radio.focus();
  refresh();
}

/** As the row changes behind it: what the lane does now, and whether an order can be given at all. */
export function refresh() {
  if (!asked) return;
  const state = asked.state();
  asked.past ||= asked.over?.() ?? false;
  const how = asked.stale() ? "ask.stale" : asked.past ? "ask.over" : state === asked.was ? "ask.now" : "ask.changed";
  write(asked.now, say(how, { state }));
  asked.now.classList.toggle("wrong", how !== "ask.now");
  const chosen = at("ask").querySelector("input:checked");
  asked.go.setAttribute("aria-disabled", String(!chosen || asked.stale() || Boolean(asked.past)));
}

/** The session is over: nothing of it stays. */
export function drop() {
  untold.length = 0;
  at("ask").close();
}

at("ask").addEventListener("close", () => {
  if (at("ask").open) return;  // begun anew before this was told
  asked = null;
  at("ask").replaceChildren();
  untold.shift()?.();
});
