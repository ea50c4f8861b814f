// The fields of a key in a form, for a new one and for one that there is: the same words, the same order.

import { h, keyPath } from "./dom.js";
import { Form } from "./fields.js";
import { Picker } from "./picker.js";
import { asField, fromField } from "./time.js";

const LIMITS = [
  ["limits.rate", "Requests", "100/s", "As 100/s; also /m, /h and /d."],
  ["limits.connections", "Streams", "500", "Open at a time."],
];
const MORE_LIMITS = [
  ["limits.burst", "Requests at once", "200"],
  ["limits.messages", "Messages from clients", "100/s"],
  ["limits.bytes", "Bytes from clients", "64KiB/s"],
  ["limits.quota.day", "Requests in a day (UTC)", "50000"],
  ["limits.quota.month", "Requests in a month (UTC)", "1000000"],
];

export class KeyForm extends Form {
  // `key` is what the fields hold at first; `head` are fields in front that only a new key has.
  constructor(submit, key, { kind, head = [], label }) {
    super(submit);
    this.kind = kind;
    this.picker = new Picker(this, kind, key.id ? key : null);
    const limit = ([path, label, placeholder, hint]) => this.field(path, label, { placeholder, hint, class: "code", value: atPath(key, path) });
    const native = this.tick("missing_origin", "Native apps may use it", { hint: "It then works without an Origin, which every program can do.", checked: key.missing_origin === "allow" });
    const browser = this.field("browser", "In a browser", { name: "select", options: [["", "Refuse: it has leaked (default)"], ["report", "Let it pass, and report it"]], value: key.browser === "report" ? "report" : "", hint: "A secret key belongs on servers." });
    this.forPublishable = [native];
    this.forSecret = [browser];
    this.origins = this.field("origins", "Origins", {
      name: "textarea", rows: 3, class: "code", spellcheck: "false", placeholder: "https://app.example.com\nhttps://*.example.com",
      hint: "Pages that may use it, one a line. * is one or more whole labels.", value: (key.origins ?? []).join("\n"),
    });
    this.element.append(
      ...head,
      group("Name and use",
        this.field("name", "Name", { hint: "For people: who uses it, and for what.", maxlength: 200, value: key.name }),
        this.origins, native),
      this.picker.element,
      group("Limits", h("p", { class: "hint" }, "What is left empty is as the gate’s configuration says; ", h("code", {}, "off"), " is without limit."),
        h("div", { class: "pair" }, LIMITS.map(limit)),
        h("details", { open: MORE_LIMITS.some(([path]) => atPath(key, path) !== undefined) }, h("summary", {}, "More limits"), h("div", { class: "pair" }, MORE_LIMITS.map(limit)))),
      group("End and notes",
        this.field("expires_at", "Expires", { type: "datetime-local", value: asField(key.expires_at), hint: "In your time zone. Empty: it does not end by itself." }),
        this.field("metadata", "Metadata", { name: "textarea", rows: 2, class: "code", spellcheck: "false", placeholder: "team = payments", hint: "What you want to remember, one a line.", value: Object.entries(key.metadata ?? {}).map(([name, text]) => `${name} = ${text}`).join("\n") })),
      h("details", { class: "group", open: Boolean(key.ips || key.mode || key.revocable_tokens || key.browser === "report") }, h("summary", {}, "Seldom needed"),
        this.field("ips", "Addresses", { name: "textarea", rows: 2, class: "code", spellcheck: "false", placeholder: "192.0.2.0/24", hint: "Networks that may use it, one a line. Empty: every one.", value: (key.ips ?? []).join("\n") }),
        this.field("mode", "Mode", { name: "select", options: [["", "As the configuration says"], ["enforce", "Enforce"], ["report", "Report: refusals are counted, and pass"]], value: key.mode ?? "" }),
        browser,
        this.tick("revocable_tokens", "Its tokens can be revoked", { checked: key.revocable_tokens })),
      h("div", { class: "actions" }, h("button", { class: "primary" }, label), h("a", { class: "button plain", href: key.id ? keyPath(key.id) : "#/keys" }, "Cancel")));
    this.update();
  }

  // Shows what fits the kind.
  update() {
    const secret = this.kind() === "secret";
    for (const element of this.forPublishable) element.hidden = secret;
    for (const element of this.forSecret) element.hidden = !secret;
    this.picker.update();
  }

  // The fields as a key file has them; what is empty is not there.
  read() {
    const secret = this.kind() === "secret";
    const fields = {
      name: this.value("name"),
      origins: this.lines("origins"),
      missing_origin: !secret && this.value("missing_origin") ? "allow" : undefined,
      capabilities: this.picker.read() ?? undefined,
      expires_at: fromField(this.value("expires_at")),
      ips: this.lines("ips"),
      mode: this.value("mode"),
      browser: secret ? this.value("browser") : undefined,
      revocable_tokens: this.value("revocable_tokens") || undefined,
      metadata: metadata(this.lines("metadata")),
    };
    const limits = {};
    for (const [path] of [...LIMITS, ...MORE_LIMITS]) {
      const text = this.value(path);
      if (text !== undefined) put(limits, path.split(".").slice(1), /^\d+$/.test(text) ? Number(text) : text);
    }
    if (Object.keys(limits).length) fields.limits = limits;
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  }
}

export const group = (title, ...children) => h("fieldset", {}, h("legend", {}, title), children);

const atPath = (value, path) => path.split(".").reduce((inner, name) => inner?.[name], value);

function put(map, [name, ...rest], value) {
  if (rest.length) put((map[name] ??= {}), rest, value);
  else map[name] = value;
}

function metadata(lines) {
  return lines && Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}
