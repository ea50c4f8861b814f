// The keys, by application and environment: what there is, and what needs a look.

import { all, get } from "./api.js";
import { environment, kind, standing, warnings } from "./badges.js";
import { button, empty, h, keyPath, link, newId, table, tableRow } from "./dom.js";
import { me, may } from "./session.js";
import { ago } from "./time.js";

const PAGE = 50;
const FILTERS = ["app", "environment", "state", "kind", "q"];

export async function keysView({ query, signal }) {
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  const [apps, first] = await Promise.all([may("gate") ? all("/v1/apps", signal) : null, page(wanted, signal)]);
  const create = may("manage") && link(`#/new${asQuery({ app: wanted.app, environment: wanted.environment })}`, "Create a key", { class: "button primary" });
  const heading = h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, "Keys"), create);
  const found = first.rows.length ? list(wanted, first, signal) : nothing(wanted, apps?.length === 0);
  return { title: "Keys", parts: [heading, filters(wanted, apps), h("div", { class: "panel flush" }, found)] };
}

// The keys and what they have done come in pages of the same order.
async function page(wanted, signal, cursor) {
  const asked = { ...wanted, cursor, limit: PAGE };
  const [keys, usage] = await Promise.all([get("/v1/keys", asked, signal), get("/v1/usage", asked, signal)]);
  const done = new Map(usage.items.map((one) => [one.id, one]));
  return { rows: keys.items.map((key) => ({ ...key, usage: done.get(key.id) })), next: keys.next };
}

const COLUMNS = [
  { title: "Key", heads: true, class: "grow", cell: (key) => [link(keyPath(key.id), key.name || key.id), h("code", { class: "sub" }, key.id)] },
  { title: "Application", cell: (key) => [h("span", {}, key.app), " ", environment(key)] },
  { title: "Kind", cell: kind },
  { title: "State", cell: (key) => [standing(key), warnings(key)] },
  { title: "Live", class: "number", cell: (key) => key.connections },
  { title: "Requests", class: "number", cell: (key) => key.usage?.requests.toLocaleString("en") ?? "0" },
  { title: "Last used", cell: (key) => ago(key.usage?.last_used_at) ?? "never" },
];

function list(wanted, first, signal) {
  const shown = table("Keys", COLUMNS, first.rows);
  if (!first.next) return shown;
  let { next } = first;
  const more = button("Show more", async () => {
    more.disabled = true;
    const { rows, next: then } = await page(wanted, signal, next);
    const added = rows.map((row) => tableRow(COLUMNS, row));
    shown.tBodies[0].append(...added);
    next = then;
    more.disabled = false;
    added[0]?.querySelector("a").focus();
    if (!next) more.remove();
  });
  return [shown, h("div", { class: "more" }, more)];
}

function nothing(wanted, bare) {
  if (Object.values(wanted).some(Boolean)) {
    return empty("No key is like that.", link("#/keys", "Show all keys"), may("manage") && [", or ", link(`#/new${asQuery(wanted)}`, "create one")], ".");
  }
  if (!may("manage")) return empty("There are no keys yet.", "Somebody with the role operator can create one.");
  if (bare) return empty("There are no keys yet.", "Begin with an application: ", link("#/new", "create it with its first two keys"), ".");
  return empty("There are no keys yet.", link("#/new", "Create the first one"), ".");
}

// Every choice is an address of its own: it can be kept, sent, and left by going back.
function filters(wanted, apps) {
  const go = (change) => (location.hash = `#/keys${asQuery({ ...wanted, ...change })}`);
  const choice = (name, label, options) => {
    const id = newId(name);
    const change = ({ target }) => go({ [name]: target.value });
    const items = options.map(([value, text]) => h("option", { value }, text));
    return h("div", { class: "filter" }, h("label", { for: id }, label), h("select", { id, name, onchange: change, value: wanted[name] }, items));
  };
  const search = newId("search");
  const one = [["", "All"]];
  const count = apps?.reduce((sum, app) => sum + app.keys, 0);
  const known = apps?.map(({ id, name, keys }) => [id, `${name || id} (${keys})`]);
  if (known && wanted.app && !known.some(([id]) => id === wanted.app)) known.push([wanted.app, wanted.app]);
  return h("form", { class: "filters", role: "search", "aria-label": "Which keys", onsubmit: (event) => { event.preventDefault(); go({ q: event.target.q.value.trim() }); } },
    known && choice("app", "Application", [["", `All (${count})`], ...known]),
    me().role !== "app" && choice("environment", "Environment", [...one, ["live", "Live"], ["test", "Test"]]),
    choice("state", "State", [...one, ["active", "Active"], ["disabled", "Disabled"], ["revoked", "Revoked"]]),
    choice("kind", "Kind", [...one, ["publishable", "Publishable"], ["secret", "Secret"]]),
    h("div", { class: "filter grow" }, h("label", { for: search }, "Search"), h("input", { id: search, name: "q", type: "search", value: wanted.q, placeholder: "id or name" })),
    h("button", {}, "Search"));
}

function asQuery(wanted) {
  const said = Object.entries(wanted).filter(([name, value]) => value && FILTERS.includes(name));
  return said.length ? `?${new URLSearchParams(said)}` : "";
}
