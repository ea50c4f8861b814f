// What a key may do, by a picker: everything, one usual answer, or rows of a channel pattern and its operations.

import { add, button, choice, h, newId } from "./dom.js";

const USUAL = ["subscribe", "publish", "presence", "history"];
const OTHERS = [
  "object-subscribe", "object-publish", "annotation-subscribe", "annotation-publish", "message-update-own", "message-update-any",
  "message-delete-own", "message-delete-any", "stats", "push-subscribe", "push-admin", "channel-metadata", "privileged-headers",
];
const ON_CHANNELS = [...USUAL, ...OTHERS, "*"];
const SUBSCRIBE = { "*": ["subscribe"] };

// Puts itself into `form` under `capabilities`. `kind()` is the key's kind now; `known` is a key that there is already.
export class Picker {
  constructor(form, kind, known) {
    this.kind = kind;
    const said = known && (known.capabilities ?? (known.kind === "publishable" ? SUBSCRIBE : null));
    const how = !known ? null : said === null ? "everything" : same(said, SUBSCRIBE) ? "subscribe" : "rows";
    const name = newId("capabilities");
    const one = (value, title, hint) => choice({ name, value, checked: value === how, onchange: () => this.update() }, title, hint);
    this.rows = h("div", { class: "rows" });
    this.rights = h("input", { id: newId("rights"), class: "code", spellcheck: "false", placeholder: "admin:clients keygate:keys" });
    this.own = h("div", { class: "own" },
      h("p", { class: "hint" }, "Names are segments between colons. ", h("code", {}, "chat:*"), " is all below chat, ", h("code", {}, "*"), " every channel."),
      this.rows,
      button("Add a row", () => this.row().querySelector("input").focus(), { class: "quiet" }),
      this.admin = h("div", { class: "field" }, h("label", { for: this.rights.id }, "Rights to management"),
        h("p", { class: "hint" }, "Separated by spaces: ", h("code", {}, "admin"), " or a part of it, and ", h("code", {}, "keygate:keys"), " to manage the keys of its own application."), this.rights));
    this.error = h("p", { id: newId("capabilities-error"), class: "error" });
    this.element = h("fieldset", { "aria-describedby": this.error.id },
      h("legend", {}, "What it may do"),
      h("div", { class: "choices" },
        one("subscribe", "Subscribe to every channel", "It hears all that is said, and says nothing."),
        one("rows", "Only what I list", "Operations, by pattern of channels."),
        one("everything", "Everything", "Every operation on every channel, and the backend’s management routes; not managing keys.")),
      this.own, this.error);
    form.place("capabilities", "What it may do", this.element, this.error);
    this.#fill(how === "rows" ? said : {});
    this.update();
  }

  get how() {
    const chosen = this.element.querySelector("[type=radio]:checked");
    return chosen && !chosen.disabled ? chosen.value : null;
  }

  // What is chosen as a key file has it: `null` is everything, `undefined` is that nothing was chosen yet.
  read() {
    if (this.how === null) return undefined;
    if (this.how === "everything") return null;
    if (this.how === "subscribe") return SUBSCRIBE;
    const all = {};
    for (const row of this.rows.children) {
      const ticked = [...row.querySelectorAll("input:checked")].map((input) => input.value);
      const pattern = row.querySelector("[data-pattern]").value.trim();
      if (pattern || ticked.length) all[pattern] = [...new Set([...(all[pattern] ?? []), ...ticked])];
    }
    const rights = this.admin.hidden ? [] : this.rights.value.split(/[\s,]+/).filter(Boolean);
    if (rights.length) all["*"] = [...(all["*"] ?? []), ...rights];
    return all;
  }

  // Shows what fits the kind and the choice.
  update() {
    const secret = this.kind() === "secret";
    const everything = this.element.querySelector("[value=everything]");
    everything.disabled = !secret;
    everything.closest("label").hidden = !secret;
    this.admin.hidden = !secret;
    this.own.hidden = this.how !== "rows";
    if (!this.own.hidden && !this.rows.children.length) this.row("", ["subscribe"]);
  }

  // A row for one pattern.
  row(pattern = "", operations = []) {
    const id = newId("pattern");
    const tick = (name) => h("label", { class: "tick" }, h("input", { type: "checkbox", value: name, checked: operations.includes(name) }), ` ${name === "*" ? "every operation" : name}`);
    const more = operations.some((name) => OTHERS.includes(name));
    const row = h("div", { class: "row", role: "group", "aria-label": "Operations by pattern" },
      h("div", { class: "field" }, h("label", { for: id }, "Channels"), h("input", { id, "data-pattern": "", class: "code", spellcheck: "false", autocapitalize: "off", value: pattern, placeholder: "chat:*" })),
      h("div", { class: "ticks", role: "group", "aria-label": "Operations" }, USUAL.map(tick), tick("*"),
        h("details", { open: more }, h("summary", {}, "More operations"), h("div", { class: "ticks" }, OTHERS.map(tick)))),
      button(["Remove", h("span", { class: "hidden" }, " this row")], () => this.#remove(row), { class: "quiet" }));
    add(this.rows, row);
    return row;
  }

  #remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-pattern]") ?? this.own.querySelector(":scope > button")).focus();
  }

  // Names that are no operation stand under `*`, and are rights to management.
  #fill(said) {
    for (const [pattern, names] of Object.entries(said)) {
      const operations = names.filter((name) => ON_CHANNELS.includes(name));
      const rights = names.filter((name) => !ON_CHANNELS.includes(name));
      if (operations.length || !rights.length) this.row(pattern, operations);
      if (rights.length) this.rights.value = rights.join(" ");
    }
  }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
