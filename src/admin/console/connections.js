// Live connections: counted by key, and those of one key, with the knife at hand.

import { Problem, call, get } from "./api.js";
import { confirm, refused } from "./dialog.js";
import { button, empty, h, keyPath, link, redraw, say, table } from "./dom.js";
import { may } from "./session.js";
import { every, span } from "./time.js";

const REFRESH_MS = 3000;
const PAGE = 200;
const CUT_WAIT_MS = 2000;

export const connectionsView = ({ name, signal }) => (name ? ofKey(name, signal) : byKey(signal));

async function byKey(signal) {
  const holder = h("div", { class: "panel flush" });
  const total = h("p", { class: "hint" });
  const show = async () => {
    const { total: all, clients, groups, left_off } = await get("/v1/connections", { by: "key" }, signal);
    if (signal.aborted) return;
    total.textContent = `${count(all, "stream or exchange", "streams and exchanges")} under way, ${count(clients, "client connection")} in all.`;
    redraw(holder, groups.length ? [table("Connections by key", GROUPS, groups), left_off > 0 && h("p", { class: "more hint" }, `${left_off} more keys have fewer.`)]
      : empty("Nobody is connected.", "Streams appear here as soon as a client opens one."));
  };
  await show();
  every(REFRESH_MS, signal, show);
  return { title: "Connections", parts: [h("div", { class: "heading" }, h("div", {}, h("h1", { tabindex: "-1" }, "Connections"), total)), holder] };
}

const GROUPS = [
  { title: "Key", heads: true, class: "grow", cell: ({ name }) => (name ? link(`#/connections/${encodeURIComponent(name)}`, h("code", {}, name)) : "without a key") },
  { title: "Live", class: "number", cell: (group) => group.connections.toLocaleString("en") },
  { title: "From clients", class: "number", cell: (group) => bytes(group.received_bytes) },
  { title: "To clients", class: "number", cell: (group) => bytes(group.sent_bytes) },
  { title: "Oldest", class: "number", cell: (group) => span(group.oldest_seconds * 1000) },
];

async function ofKey(id, signal) {
  const holder = h("div", { class: "panel flush" });
  const title = h("h1", { tabindex: "-1" }, "Connections of ", h("code", {}, id));
  const all = may("manage") && button("Cut all", () => cut({ key: id }, `Cut every live stream of ${id}?`, show), { class: "danger" });
  const total = h("p", { class: "hint" });
  const show = async () => {
    const { matching, connections } = await get("/v1/connections", { key: id, limit: PAGE }, signal);
    if (signal.aborted) return;
    if (all) all.disabled = matching === 0;
    total.textContent = matching > connections.length ? `${matching} live; the ${connections.length} oldest are shown.` : `${matching} live.`;
    redraw(holder, connections.length ? table(`Connections of ${id}`, columns(show), connections)
      : empty("This key has no live connection.", link(keyPath(id), "To the key"), "."));
  };
  await show();
  every(REFRESH_MS, signal, show);
  return { title: `Connections of ${id}`, parts: [h("p", { class: "back" }, link("#/connections", "Connections")), h("div", { class: "heading" }, h("div", {}, title, total), all), holder] };
}

const columns = (show) => [
  { title: "No.", class: "number", cell: (one) => one.id },
  { title: "Peer", heads: true, class: "grow", cell: (one) => h("code", {}, one.peer) },
  { title: "Kind", cell: (one) => [one.transport, one.route && h("span", { class: "sub" }, one.route)] },
  { title: "Open for", class: "number", cell: (one) => span(one.age_seconds * 1000) },
  { title: "Idle for", class: "number", cell: (one) => (one.idle_seconds === null ? "–" : span(one.idle_seconds * 1000)) },
  { title: "In", class: "number", cell: (one) => bytes(one.received_bytes) },
  { title: "Out", class: "number", cell: (one) => bytes(one.sent_bytes) },
  may("manage") && { title: h("span", { class: "hidden" }, "Actions"), cell: (one) => button(["Cut", h("span", { class: "hidden" }, ` number ${one.id}`)], () => cut({ id: one.id }, `Cut connection ${one.id} from ${one.peer}?`, show), { class: "quiet" }) },
].filter(Boolean);

async function cut(which, question, show) {
  if (!(await confirm(question, "It may come back: to keep a key out, disable or revoke it.", "Cut"))) return;
  try {
    const { cut, remaining } = await call("POST", "/v1/connections/cut", { body: { ...which, wait_ms: CUT_WAIT_MS } });
    say(remaining ? `${cut} told to end, ${remaining} still there` : `${count(cut, "connection")} cut`);
    await show();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    await refused(problem);
  }
}

const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

function bytes(number) {
  if (number === null) return "–";
  const unit = Math.min(Math.floor(Math.log2(Math.max(number, 1)) / 10), 4);
  return `${(number / 1024 ** unit).toFixed(unit && number / 1024 ** unit < 10 ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}
