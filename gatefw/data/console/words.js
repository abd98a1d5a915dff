// The texts of the page in the language chosen, and the few things that every part does with the page.
const LANG = { en: "en", zh_HK: "zh-Hant-HK", zh_CN: "zh-Hans-CN" };
let texts = {};
let wanted = "";

export const at = (id) => document.getElementById(id);

/** The text of a key, with what stands in braces put in. A code that nobody has a word for is told as it is. */
export function say(key, put = {}) {
  const text = texts[key] ?? key.split(".").pop().replaceAll("_", " ");
  return text.replace(/\{(\w+)\}/g, (all, name) => put[name] ?? all);
}

/** What a fact of a traveller is called: by its whole name or its last part. */
export const fact = (name) => say(`fact.${name}` in texts ? `fact.${name}` : `fact.${name.split(".").pop()}`);

export const first = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** How long ago, in the largest units that matter. */
export function age(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 120) return say("age.s", { n: s });
  if (s < 7200) return say("age.min", { n: Math.floor(s / 60) });
  return say("age.h", { n: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
}

export async function load(language) {
  wanted = language;
  const answer = await fetch(`/words?lang=${encodeURIComponent(language)}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`words: ${answer.status}`);
  const told = await answer.json();
  if (wanted !== language) return;  // another was chosen meanwhile
  texts = told;
  document.documentElement.lang = LANG[language] ?? "en";
  for (const each of document.querySelectorAll("[data-t]")) each.textContent = say(each.dataset.t);
  at("language").value = language;
}

/** The page's language for a tag such as zh-Hant-HK or zh_TW. */
export function known(tag) {
  const plain = (tag || "").toLowerCase().replace("-", "_");
  if (!plain.startsWith("zh")) return "en";
  return /hant|hk|tw|mo/.test(plain) ? "zh_HK" : "zh_CN";
}

export function make(tag, attributes = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...inside);
  return made;
}

export function sign(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
  paint(svg, name);
  return svg;
}

export function paint(svg, name) {
  const href = `#sign-${name}`;
  if (svg.firstElementChild.getAttribute("href") !== href) svg.firstElementChild.setAttribute("href", href);
}

/** Writes only what is new: what a reader of the screen hears, and what is focused, stays. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}
