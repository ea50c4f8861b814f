// What the mock manages: keys, applications, operators, streams, and a trail of what was done.

import { createHash } from "node:crypto";
import { newKey } from "../lib/gate.mjs";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const past = (ms) => new Date(Date.now() - ms).toISOString();

export const problem = (status, code, detail, errors) => ({ type: `urn:keygate:problem:${code}`, title: code, status, code, detail, errors });

export class World {
  apps = new Map();
  keys = new Map();
  usage = new Map();
  // Live streams: each `{ id, key_id, … }`.
  streams = [];
  operators = [];
  trail = [];
  once = new Map();
  callers = new Map();

  operator(id, name, role) {
    const token = `keygate_at_${id.padEnd(12, "0")}${newKey("secret", id).text.slice(-38)}`;
    this.operators.push({ id, name, role, created_at: past(40 * DAY), expires_at: null, revoked: false, token });
    this.callers.set(token, { actor: `operator:${id}`, name, role });
    return token;
  }

  app(id, name) {
    this.apps.set(id, { id, name, created_at: past(120 * DAY) });
  }

  // Makes a key of the fields that were asked for, and gives it with its text.
  key(fields, { age = 0, id } = {}) {
    const { text } = newKey(fields.kind, "mock");
    const made = text.replace("_live_", `_${fields.environment}_`);
    id ??= made.split("_")[2].slice(0, 12);
    const key = {
      ...fields, id, ...(fields.kind === "publishable" ? { key: made } : {}), standing: "active", grace: [], created_at: past(age), changed_at: past(age),
      version: 1, warnings: ["never_used"], earlier_connections: 0,
    };
    this.keys.set(id, key);
    this.usage.set(id, { id, last_used_at: null, requests: 0, refusals: {} });
    return { key, secret: made };
  }

  // A key as it is shown.
  view(key) {
    return { ...key, connections: this.streams.filter((one) => one.key_id === key.id).length };
  }

  used(id, ago, requests, refusals = {}) {
    this.usage.set(id, { id, last_used_at: past(ago), requests, refusals });
    const key = this.keys.get(id);
    key.warnings = key.warnings.filter((name) => name !== "never_used");
  }

  open(key_id, count, more = {}) {
    for (let left = count; left > 0; left--) {
      const id = (this.streams.at(-1)?.id ?? 100) + 1;
      this.streams.push({ id, key_id, app: this.keys.get(key_id)?.app, transport: "websocket", route: "socket", peer: `192.0.2.${id % 250}`, age_seconds: 60 + left * 97, idle_seconds: left, received_bytes: 2048 * left, sent_bytes: 65_536 * left, received_messages: 3, sent_messages: 40, ...more });
    }
  }

  end(key_id, count = Infinity) {
    let left = count;
    this.streams = this.streams.filter((one) => one.key_id !== key_id || left-- <= 0);
  }

  changed(key, fields, action, by, detail = {}) {
    Object.assign(key, fields, { version: key.version + 1, changed_at: new Date().toISOString() });
    this.record(action, `key:${key.id}`, by.actor, detail);
  }

  record(action, target, actor, detail = {}, ago = 0) {
    const record = { sequence: this.trail.length + 1, at: past(ago), actor, action, target, detail };
    const before = this.trail.at(-1)?.hash ?? "";
    record.hash = createHash("sha256").update(before + JSON.stringify(record)).digest("hex");
    this.trail.push(record);
  }
}

// A company with some history, for pictures and for reading.
export function furnish(world) {
  const at = (key, ago, fields) => Object.assign(key, { changed_at: past(ago) }, fields);
  world.app("shop", "Shop");
  world.app("support", "Support desk");
  world.app("telemetry", "");
  const web = world.key({ app: "shop", name: "Web client", kind: "publishable", environment: "live", origins: ["https://shop.example.com", "https://*.shop.example.com"], capabilities: { "orders:*": ["subscribe", "presence"], news: ["subscribe", "history"] }, limits: { rate: "50/s", connections: 500 }, metadata: { team: "storefront" } }, { age: 61 * DAY, id: "web" }).key;
  const orders = world.key({ app: "shop", name: "Order service", kind: "secret", environment: "live", capabilities: { "orders:*": ["publish", "history"], "*": ["admin:clients"] }, limits: { rate: "200/s", quota: { day: 500000 } }, ips: ["192.0.2.0/24"] }, { age: 128 * DAY, id: "orders" }).key;
  const phone = world.key({ app: "shop", name: "Phone app", kind: "publishable", environment: "live", missing_origin: "allow", origins: ["https://shop.example.com"], capabilities: { "*": ["subscribe"] } }, { age: 30 * DAY, id: "phone" }).key;
  world.key({ app: "shop", name: "Web client, test", kind: "publishable", environment: "test", origins: ["http://localhost:3000"] }, { age: 3 * DAY, id: "web-test" });
  const desk = world.key({ app: "support", name: "Desk backend", kind: "secret", environment: "live" }, { age: 12 * DAY, id: "desk" }).key;
  const old = world.key({ app: "support", name: "Old importer", kind: "secret", environment: "live" }, { age: 200 * DAY, id: "importer" }).key;
  const leaked = world.key({ app: "telemetry", name: "Found in a repository", kind: "secret", environment: "live" }, { age: 90 * DAY, id: "leaked" }).key;
  at(web, 2 * DAY, { version: 4 });
  at(orders, HOUR / 3, { version: 7, grace: [new Date(Date.now() + 23.66 * HOUR).toISOString()], earlier_connections: 4, warnings: ["never_used"] });
  at(old, 20 * DAY, { state: "disabled", standing: "disabled", warnings: ["older_than_90_days", "never_used"] });
  at(leaked, DAY, { state: "revoked", standing: "revoked" });
  world.used("web", 4000, 1_284_022, { origin_refused: 812, rate_limited: 240, not_capable: 31 });
  world.used("orders", 1500, 482_113, { address_refused: 3, rate_limited: 18 });
  world.used("phone", 63_000, 90_117, { key_connections: 12 });
  world.used("desk", 7 * HOUR, 3021, { secret_in_browser: 2 });
  world.used("leaked", DAY, 77_120, { key_revoked: 4410 });
  phone.warnings.push("expires_soon");
  phone.expires_at = new Date(Date.now() + 6 * DAY).toISOString();
  desk.warnings = [];
  world.open("web", 42);
  world.open("orders", 9, { route: "publish" });
  world.open("phone", 17, { transport: "sse", received_messages: null, sent_messages: null });
  for (const [action, target, actor, detail, ago] of [
    ["app.create", "app:shop", "operator:ada", { keys: 2 }, 120 * DAY],
    ["key.create", "key:web", "operator:ada", { name: "Web client" }, 61 * DAY],
    ["key.update", "key:web", "operator:ada", { fields: ["origins"] }, 9 * DAY],
    ["key.update", "key:web", "operator:grace", { fields: ["capabilities", "limits"] }, 2 * DAY],
    ["key.disable", "key:importer", "operator:grace", {}, 20 * DAY],
    ["key.misuse", "key:desk", "gate", { reason: "secret_in_browser", origin: "https://desk.example.com" }, 8 * HOUR],
    ["key.revoke", "key:leaked", "operator:ada", { cut: 6 }, DAY],
    ["key.create.refused", "app:shop", "operator:linus", { why: "needs the role operator" }, 3 * HOUR],
    ["key.rotate", "key:orders", "operator:grace", { grace: "24h" }, HOUR / 3],
  ]) world.record(action, target, actor, detail, ago);
}
