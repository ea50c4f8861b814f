// Making elements. What comes from the API becomes text and attributes, never HTML: a child is an element or text.

// Handlers are properties that begin with `on`; `value` and `checked` are what a field holds now; all others are attributes.
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  const later = {};
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") later[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  add(element, children);
  // A select takes a value only when its options are there.
  return Object.assign(element, later);
}

export function add(element, ...children) {
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

// Puts `children` in the place of what `holder` held. The focus stays on what is the same, or else goes to the heading.
export function redraw(holder, ...children) {
  const had = holder.contains(document.activeElement) && document.activeElement;
  holder.replaceChildren();
  add(holder, children);
  if (had) (successor(had, holder) ?? document.querySelector("#main h1"))?.focus();
}

// What stands in `holder` now for `gone`, an element that was drawn again: the one that is the same, or leads to the same place.
export function successor(gone, holder) {
  const alike = (one) => one.tagName === gone.tagName && one.name === gone.name && one.href === gone.href && one.textContent === gone.textContent;
  const counts = (one) => gone.href && one.href === gone.href;
  const all = [...holder.querySelectorAll("a, button, input, select, summary")];
  return all.find(alike) ?? all.find(counts);
}

export const byId = (id) => document.getElementById(id);

let made = 0;
export const newId = (stem) => `${stem.replaceAll(/\W/g, "-")}-${++made}`;

// Says something once, in sight and to screen readers, without moving the focus.
let hush;
export function say(text) {
  const said = byId("said");
  said.textContent = text;
  clearTimeout(hush);
  hush = setTimeout(() => (said.textContent = ""), 5000);
}

export const keyPath = (id, rest = "") => `#/keys/${encodeURIComponent(id)}${rest}`;

export function button(label, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, label);
}

export const link = (href, label, properties = {}) => h("a", { href, ...properties }, label);

// A copy button for `text`. Where the browser does not let a page copy, it says how to.
export function copyButton(text, what) {
  const copy = async ({ currentTarget: button }) => {
    try {
      await navigator.clipboard.writeText(text);
      button.firstChild.textContent = "Copied";
      setTimeout(() => (button.firstChild.textContent = "Copy"), 1500);
      say(`${what} copied`);
    } catch {
      say(`This browser does not let a page copy: select the text and copy it`);
    }
  };
  return button(["Copy", h("span", { class: "hidden" }, ` ${what}`)], copy, { class: "quiet" });
}

// A table. Columns are `{ title, cell(row), class }`; on narrow screens each row becomes a card, so roles are said in full.
export function table(caption, columns, rows) {
  const head = columns.map(({ title, class: kind }) => h("th", { scope: "col", role: "columnheader", class: kind }, title));
  const body = h("tbody", { role: "rowgroup" }, rows.map((row) => tableRow(columns, row)));
  return h("table", { role: "table" },
    h("caption", { class: "hidden" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    body);
}

export function tableRow(columns, row) {
  const cells = columns.map(({ title, cell, class: kind, heads }) => heads
    ? h("th", { scope: "row", role: "rowheader", class: kind }, cell(row))
    : h("td", { role: "cell", class: kind, "data-title": typeof title === "string" ? title : null }, cell(row)));
  return h("tr", { role: "row" }, cells);
}

// Pairs of a name and what stands there; pairs without anything are left out.
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return h("dl", { class: "facts" }, shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export function panel(title, ...children) {
  const id = newId("panel");
  return h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), children);
}

// One of several, as a box: its name is the title alone, and the hint describes it.
export function choice(properties, title, hint) {
  const id = newId("choice");
  const input = h("input", { type: "radio", "aria-labelledby": id, "aria-describedby": hint && `${id}-hint`, ...properties });
  return h("label", { class: "choice" }, input, h("span", {}, h("b", { id }, title), hint && h("span", { id: `${id}-hint`, class: "hint" }, hint)));
}

// What stands where nothing is yet, and what to do about it.
export const empty = (title, ...next) => h("div", { class: "empty" }, h("p", {}, h("b", {}, title)), h("p", {}, next));

// Why something could not be done.
export const trouble = (problem) => h("p", { class: "problem", role: "alert" }, `${problem.message}${problem.code ? ` (${problem.code})` : ""}`);
