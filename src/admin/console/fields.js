// Fields of a form: a label, a hint, and the place where the gate's words about it stand.

import { add, choice as radio, h, newId } from "./dom.js";

// A form whose fields are known by their paths in the API, so that `errors` of a problem find their places.
export class Form {
  #fields = new Map();

  constructor(submit) {
    this.summary = h("div", { class: "problem", role: "alert", tabindex: "-1", hidden: true });
    this.element = h("form", { class: "form", autocomplete: "off", novalidate: true }, this.summary);
    this.element.addEventListener("submit", async (event) => {
      event.preventDefault();
      this.show([]);
      const sender = event.submitter ?? this.element.querySelector(".primary");
      sender.disabled = true;
      await submit().finally(() => (sender.disabled = false));
    });
  }

  // One input. `path` is a field's name in the API; `more` are the attributes of its element.
  field(path, label, { hint, name = "input", options, ...more } = {}) {
    const id = newId(path);
    const children = options?.map(([value, text]) => h("option", { value }, text)) ?? [];
    const input = h(name, { id, name: path, "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-error`, ...more }, children);
    const says = hint && h("p", { id: `${id}-hint`, class: "hint" }, hint);
    const error = h("p", { id: `${id}-error`, class: "error" });
    this.#fields.set(path, { input, error, label });
    return add(h("div", { class: "field" }), h("label", { for: id }, label), says, input, error);
  }

  // A box to tick.
  tick(path, label, { hint, checked } = {}) {
    const id = newId(path);
    const input = h("input", { id, name: path, type: "checkbox", checked, "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-error` });
    const error = h("p", { id: `${id}-error`, class: "error" });
    this.#fields.set(path, { input, error, label });
    return h("div", { class: "field" }, h("label", { class: "check" }, input, ` ${label}`), hint && h("p", { id: `${id}-hint`, class: "hint" }, hint), error);
  }

  // One of several. Options are `[value, label, hint]`; nothing is chosen unless `value` says so.
  choice(path, label, options, { value, hint, onchange } = {}) {
    const id = newId(path);
    const error = h("p", { id: `${id}-error`, class: "error" });
    const radios = options.map(([option, text, more]) => radio({ name: path, value: option, checked: option === value, onchange }, text, more));
    const box = h("fieldset", { "aria-describedby": error.id }, h("legend", {}, label), hint && h("p", { class: "hint" }, hint), h("div", { class: "choices" }, radios), error);
    this.#fields.set(path, { input: box.querySelector("input"), error, label });
    return box;
  }

  // A place for errors of a path whose fields are made elsewhere; the first of `box` gets the focus.
  place(path, label, box, error) {
    this.#fields.set(path, { get input() { return box.querySelector("input, textarea, select"); }, error, label });
    return box;
  }

  // What stands in a field; nothing is `undefined`.
  value(path) {
    const input = this.element.elements.namedItem(path);
    if (!input) return undefined;
    if (input.type === "radio") return input.checked ? input.value : undefined;
    const value = input.type === "checkbox" ? input.checked : input.value?.trim();
    return value === "" ? undefined : value;
  }

  lines(path) {
    const lines = this.value(path)?.split("\n").map((line) => line.trim()).filter(Boolean);
    return lines?.length ? lines : undefined;
  }

  // Puts each of `errors` at its field, and all of them where the focus goes: a list of links to the fields.
  show(errors, whole) {
    for (const { input, error } of this.#fields.values()) {
      error.textContent = "";
      input?.removeAttribute("aria-invalid");
    }
    const items = errors.map(({ path, message }) => {
      const found = this.#owner(path);
      if (!found) return h("li", {}, path ? `${path}: ${message}` : message);
      const { name, input, error, label } = found;
      // Of a list the place is a line, of a map a name.
      const rest = path.slice(name.length).replace(/^\[(\d+)\]$/, (_, at) => `line ${Number(at) + 1}`).replace(/^\./, "");
      error.textContent += `${error.textContent ? "\n" : ""}${rest ? `${rest}: ` : ""}${message}`;
      input?.setAttribute("aria-invalid", "true");
      const go = (event) => {
        event.preventDefault();
        input?.closest("details")?.setAttribute("open", "");
        input?.focus();
      };
      input?.closest("details")?.setAttribute("open", "");
      return h("li", {}, h("a", { href: "#", onclick: go }, label), `: ${message}`);
    });
    this.summary.replaceChildren(h("p", {}, whole ?? (items.length === 1 ? "One field needs another look:" : `${items.length} fields need another look:`)), h("ul", {}, items));
    this.summary.hidden = !items.length && !whole;
    if (!this.summary.hidden) this.summary.focus();
  }

  // The field whose path is the longest beginning of `path`, up to a `.` or `[`.
  #owner(path) {
    const names = [...this.#fields.keys()].filter((name) => path === name || (path.startsWith(name) && ".[".includes(path[name.length])));
    const name = names.sort((a, b) => b.length - a.length)[0];
    return name && Object.assign(Object.create(this.#fields.get(name)), { name });
  }
}
