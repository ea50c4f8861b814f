// The audit trail, the latest first: who did what, and whether it is whole.

import { download, get } from "./api.js";
import { button, empty, h, keyPath, link, newId, say, table, tableRow, trouble } from "./dom.js";
import { at } from "./time.js";

const PAGE = 50;
const FILTERS = [["actor", "By", "operator:…"], ["action", "Action", "key. or key.rotate"], ["target", "On", "key:…"]];

export async function auditView({ query, signal }) {
  const wanted = Object.fromEntries(FILTERS.map(([name]) => [name, query.get(name) ?? ""]));
  const outcome = h("div", { role: "status" });
  const verify = async ({ currentTarget: sender }) => {
    sender.disabled = true;
    outcome.replaceChildren(h("p", { class: "hint" }, "Reading all of it…"));
    const said = await get("/v1/audit/verify", {}, signal).then(whole, trouble);
    outcome.replaceChildren(said);
    sender.disabled = false;
  };
  const heading = h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, "Audit trail"),
    h("div", { class: "actions" },
      button("Verify", verify),
      button("Export", () => download("/v1/audit/export", {}, "keygate-audit.jsonl").then(() => say("Exported as JSON lines"), (problem) => outcome.replaceChildren(trouble(problem))))));
  const first = await records(wanted, undefined, signal);
  const found = first.items.length ? list(wanted, first, signal) : nothing(wanted);
  return { title: "Audit trail", parts: [heading, outcome, filters(wanted), h("div", { class: "panel flush" }, found)] };
}

const whole = (head) => h("p", { class: "good" },
  h("b", {}, "Whole. "), `Records ${head.first} to ${head.sequence} hang together. Keep the last hash elsewhere, and a trail that was cut short shows: `, h("code", {}, head.hash));

// From behind the record with the number `after`, backwards in time.
const records = (wanted, after, signal) => get("/v1/audit", { ...wanted, order: "desc", after, limit: PAGE }, signal);

const COLUMNS = [
  { title: "No.", class: "number", cell: (record) => record.sequence },
  { title: "When", cell: (record) => at(record.at) },
  { title: "Who", cell: (record) => h("code", {}, record.actor) },
  { title: "What", heads: true, cell: (record) => h("code", { class: /refused|misuse|revoke/.test(record.action) ? "is-grave" : null }, record.action) },
  { title: "On", cell: (record) => target(record.target) },
  { title: "Detail", class: "grow", cell: detail },
];

function target(text) {
  const [, id] = /^key:(.+)$/.exec(text) ?? [];
  return id ? link(keyPath(id), h("code", {}, text)) : h("code", {}, text);
}

// Names and values, as they are; what is nested, as JSON.
function detail({ detail }) {
  const said = typeof detail === "string" ? parsed(detail) : detail;
  if (said === null || typeof said !== "object") return String(said ?? "");
  const words = Object.entries(said).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return h("span", { class: "detail" }, words.join(" · "));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function list(wanted, first, signal) {
  const shown = table("Audit trail", COLUMNS, first.items);
  if (!first.next) return shown;
  let { next } = first;
  const more = button("Show earlier", async () => {
    more.disabled = true;
    const { items, next: then } = await records(wanted, next, signal);
    shown.tBodies[0].append(...items.map((row) => tableRow(COLUMNS, row)));
    next = then;
    more.disabled = false;
    if (!next) more.remove();
  });
  return [shown, h("div", { class: "more" }, more)];
}

const nothing = (wanted) => Object.values(wanted).some(Boolean)
  ? empty("No record is like that.", link("#/audit", "Show all"), ".")
  : empty("Nothing was done yet.", "Every change, and every call that is refused, will stand here.");

function filters(wanted) {
  const go = (event) => {
    event.preventDefault();
    const said = [...new FormData(event.target)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
    location.hash = `#/audit${said.length ? `?${new URLSearchParams(said)}` : ""}`;
  };
  return h("form", { class: "filters", role: "search", "aria-label": "Which records", onsubmit: go }, FILTERS.map(([name, label, placeholder]) => {
    const id = newId(name);
    return h("div", { class: "filter grow" }, h("label", { for: id }, label), h("input", { id, name, class: "code", value: wanted[name], placeholder, spellcheck: "false" }));
  }), h("button", {}, "Filter"));
}

// A few records for a panel; the rest stands in the whole trail.
export function trail(wanted, signal) {
  const holder = h("div", {}, h("p", { class: "hint" }, "…"));
  get("/v1/audit", { ...wanted, order: "desc", limit: 8 }, signal).then(({ items }) => {
    const lines = items.map((record) => h("li", {}, h("span", { class: "row-line" }, h("code", {}, record.action), at(record.at)), h("span", { class: "sub" }, record.actor)));
    const all = link(`#/audit?${new URLSearchParams(wanted)}`, "All of it");
    holder.replaceChildren(items.length ? h("ol", { class: "trail" }, lines) : h("p", { class: "hint" }, "Nothing yet."), h("p", { class: "hint" }, all));
  }, (problem) => signal.aborted || holder.replaceChildren(trouble(problem)));
  return holder;
}
