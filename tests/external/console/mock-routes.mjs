// The routes of the mock: method, path, what it does, and the least role that may.

import { problem } from "./mock-world.mjs";

const GRACES = { "0s": 0, "1h": 1, "24h": 24, "7d": 168, "30d": 720 };
const OPERATIONS = new Set(["subscribe", "publish", "presence", "history", "stats", "*", "admin", "admin:clients", "keygate:keys"]);

export const routes = [
  ["GET", /^\/v1\/whoami$/, ({ by }) => ok(by)],
  ["GET", /^\/v1\/apps$/, ({ world }) => ok({ items: [...world.apps.values()].map((app) => ({ ...app, keys: [...world.keys.values()].filter((key) => key.app === app.id).length })), next: null })],
  ["POST", /^\/v1\/apps$/, createApp, "operator"],
  ["GET", /^\/v1\/keys$/, ({ world, query }) => ok(page(world, query, (key) => world.view(key)))],
  ["POST", /^\/v1\/keys$/, createKey, "operator"],
  ["GET", /^\/v1\/keys\/([^/]+)$/, ({ world, id }) => ok(world.view(found(world, id)))],
  ["PATCH", /^\/v1\/keys\/([^/]+)$/, updateKey, "operator"],
  ["GET", /^\/v1\/keys\/([^/]+)\/usage$/, ({ world, id }) => ok(world.usage.get(found(world, id).id))],
  ["POST", /^\/v1\/keys\/([^/]+)\/disable$/, stepped("key.disable", { state: "disabled", standing: "disabled" }), "operator"],
  ["POST", /^\/v1\/keys\/([^/]+)\/enable$/, stepped("key.enable", { state: "active", standing: "active" }), "operator"],
  ["POST", /^\/v1\/keys\/([^/]+)\/rotate$/, rotate, "operator"],
  ["POST", /^\/v1\/keys\/([^/]+)\/revoke$/, revoke, "operator"],
  ["GET", /^\/v1\/usage$/, ({ world, query }) => ok(page(world, query, (key) => world.usage.get(key.id)))],
  ["GET", /^\/v1\/audit$/, audit],
  ["GET", /^\/v1\/audit\/verify$/, ({ world }) => ok({ first: 1, sequence: world.trail.length, hash: world.trail.at(-1)?.hash ?? "" })],
  ["GET", /^\/v1\/audit\/export$/, ({ world }) => ({ text: world.trail.map((record) => `${JSON.stringify(record)}\n`).join("") })],
  ["GET", /^\/v1\/connections$/, connections],
  ["POST", /^\/v1\/connections\/cut$/, cut, "operator"],
  ["GET", /^\/v1\/decisions$/, decisions],
  ["GET", /^\/v1\/operators$/, ({ world }) => ok({ items: world.operators.map(shownOperator), next: null }), "owner"],
  ["POST", /^\/v1\/operators$/, createOperator, "owner"],
  ["POST", /^\/v1\/operators\/([^/]+)\/revoke$/, revokeOperator, "owner"],
];

const ok = (body) => ({ status: 200, body });
const created = (body) => ({ status: 201, body });
const shownOperator = ({ token: _, ...operator }) => operator;

function found(world, id) {
  const key = world.keys.get(id);
  if (!key) throw problem(404, "not_found", `there is no key:${id}`);
  return key;
}

function page(world, { cursor, limit = 100, q, ...wanted }, shown) {
  const all = [...world.keys.values()].filter((key) => Object.entries(wanted).every(([name, value]) => (key[name] ?? (name === "state" ? "active" : undefined)) === value))
    .filter((key) => !q || `${key.id} ${key.name}`.toLowerCase().includes(q.toLowerCase()))
    .sort((a, b) => (a.id < b.id ? -1 : 1)).filter((key) => !cursor || key.id > cursor);
  const items = all.slice(0, limit);
  return { items: items.map(shown), next: all.length > items.length ? items.at(-1).id : null };
}

// A few of the gate's rules, in its words.
function checked(fields) {
  const errors = [];
  const wrong = (path, message) => errors.push({ path, message });
  if (fields.kind === "publishable" && !fields.origins && fields.missing_origin !== "allow") wrong("origins", "must list the pages that may use the key, or say `missing_origin: allow`");
  (fields.origins ?? []).forEach((origin, at) => /^https?:\/\/[^/]+$/.test(origin) || wrong(`origins[${at}]`, "must be an origin such as `https://app.example.com`"));
  for (const [pattern, names] of Object.entries(fields.capabilities ?? {})) {
    if (!pattern) wrong(`capabilities[""]`, "must be a pattern of channels, such as `chat:*`");
    names.forEach((name, at) => OPERATIONS.has(name) || wrong(`capabilities[${JSON.stringify(pattern)}][${at}]`, "is no operation"));
  }
  if (fields.limits?.rate && !/^(off|\d+\/[smhd])$/.test(fields.limits.rate)) wrong("limits.rate", "must be a rate such as `100/s`, or `off`");
  if (fields.expires_at && Date.parse(fields.expires_at) <= Date.now()) wrong("expires_at", "must be in the future");
  if (errors.length) throw problem(422, "invalid_fields", "Some fields are not right.", errors);
}

function createKey({ world, body, by }) {
  checked(body);
  const { key, secret } = world.key(body);
  world.record("key.create", `key:${key.id}`, by.actor, { name: body.name });
  return created({ key: world.view(key), secret, repeated: false });
}

function createApp({ world, body, by }) {
  if (world.apps.has(body.id)) throw problem(409, "exists", `there is app:${body.id} already`);
  world.app(body.id, body.name);
  world.record("app.create", `app:${body.id}`, by.actor, { keys: 2 });
  const keys = ["publishable", "secret"].map((kind) => {
    const { key, secret } = world.key({ app: body.id, kind, environment: body.environment, name: kind, ...(kind === "publishable" ? { origins: body.origins } : {}) });
    return { key: world.view(key), secret, repeated: false };
  });
  return created({ app: { ...world.apps.get(body.id), keys: 2 }, keys });
}

function merge(target, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const whole = { ...(target ?? {}) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete whole[name];
    else whole[name] = merge(whole[name], value);
  }
  return whole;
}

function updateKey({ world, id, body, version, by }) {
  const key = found(world, id);
  if (version && version !== `"${key.version}"`) throw problem(412, "precondition_failed", `it was changed meanwhile and has version ${key.version} now`);
  const after = merge(key, body);
  checked(after);
  for (const name of Object.keys(key)) if (!(name in after)) delete key[name];
  world.changed(key, after, "key.update", by, { fields: Object.keys(body) });
  return ok(world.view(key));
}

function stepped(action, fields) {
  return ({ world, id, by }) => {
    const key = found(world, id);
    world.changed(key, fields, action, by);
    if (action === "key.disable") world.end(id);
    return ok({ key: world.view(key), repeated: false });
  };
}

function rotate({ world, id, body, by }) {
  const key = found(world, id);
  const hours = GRACES[body.grace];
  if (hours === undefined) throw problem(422, "invalid_fields", "Some fields are not right.", [{ path: "grace", message: "must be from 0s to 30d" }]);
  const { secret, key: other } = world.key({ ...key, id: undefined });
  world.keys.delete(other.id);
  const grace = hours ? [new Date(Date.now() + hours * 3_600_000).toISOString()] : [];
  world.changed(key, { grace, earlier_connections: hours ? world.view(key).connections : 0 }, "key.rotate", by, { grace: body.grace });
  return ok({ key: world.view(key), secret, repeated: false });
}

// The streams end when the test says so, with `World.end`.
function revoke({ world, id, by }) {
  const key = found(world, id);
  const { connections } = world.view(key);
  world.changed(key, { state: "revoked", standing: "revoked", grace: [] }, "key.revoke", by, { cut: connections });
  const gates = [{ gate: "gate-a (this one)", acknowledged: true, cut: connections, remaining: connections, took_ms: null }, { gate: "gate-b", acknowledged: true, cut: 0, remaining: 0, took_ms: 38 }];
  return ok({ key: world.view(key), receipt: { version: { epoch: 1, sequence: world.trail.length }, gates, complete: connections === 0, took_ms: 41 }, repeated: false });
}

function audit({ world, query: { order, after, limit = 100, actor, action, target } }) {
  const match = (record) => (!actor || record.actor === actor) && (!action || record.action === action || (action.endsWith(".") && record.action.startsWith(action))) && (!target || record.target === target);
  const all = order === "desc" ? [...world.trail].reverse() : world.trail;
  const behind = (record) => !after || (order === "desc" ? record.sequence < after : record.sequence > after);
  const found = all.filter(match).filter(behind);
  const items = found.slice(0, limit);
  return ok({ items, next: found.length > items.length ? String(items.at(-1).sequence) : null });
}

function connections({ world, query: { by, key, limit = 1000 } }) {
  const mine = world.streams.filter((one) => !key || one.key_id === key);
  const whole = { clients: world.streams.length + 3, total: world.streams.length, matching: mine.length };
  if (!by) return ok({ ...whole, connections: mine.slice(0, limit), next: null });
  const groups = [...grouped(mine)].map(([name, list]) => ({ name, connections: list.length, received_bytes: sum(list, "received_bytes"), sent_bytes: sum(list, "sent_bytes"), oldest_seconds: Math.max(...list.map((one) => one.age_seconds)) }));
  return ok({ ...whole, groups: groups.sort((a, b) => b.connections - a.connections), left_off: 0 });
}

function grouped(list) {
  const groups = new Map();
  for (const one of list) groups.set(one.key_id, [...(groups.get(one.key_id) ?? []), one]);
  return groups;
}

const sum = (list, name) => list.reduce((sum, one) => sum + one[name], 0);

function cut({ world, body, by }) {
  const before = world.streams.length;
  world.streams = world.streams.filter((one) => (body.id ? one.id !== body.id : one.key_id !== body.key));
  world.record("connections.cut", body.key ? `key:${body.key}` : `connection:${body.id}`, by.actor);
  return ok({ cut: before - world.streams.length, remaining: 0 });
}

function decisions({ mock, response }) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": open\n\n");
  mock.watchers.add(response);
  response.on("close", () => mock.watchers.delete(response));
}

function createOperator({ world, body, by }) {
  const id = `op${world.operators.length + 1}`;
  const token = world.operator(id, body.name, body.role);
  world.record("operator.create", `operator:${id}`, by.actor, { role: body.role });
  return created({ operator: shownOperator(world.operators.at(-1)), token, repeated: false });
}

function revokeOperator({ world, id, by }) {
  const operator = world.operators.find((one) => one.id === id);
  operator.revoked = true;
  world.callers.delete(operator.token);
  world.record("operator.revoke", `operator:${id}`, by.actor);
  return { status: 204 };
}
