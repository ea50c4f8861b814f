// Decisions as they happen: the latest on top, a bounded number of them, and a way to hold them still.

import { Problem, events } from "./api.js";
import { button, h, keyPath, link, newId, say, table, tableRow } from "./dom.js";
import { clock } from "./time.js";

// More is no reading; and a page that is open all night must not grow.
const MAX_ROWS = 200;
const AGAIN_MS = [500, 1000, 2000, 5000];

const COLUMNS = [
  { title: "Time", cell: (one) => clock(one.time) },
  { title: "Outcome", cell: (one) => h("span", { class: `outcome is-${one.outcome}` }, WORDS[one.outcome] ?? one.outcome) },
  { title: "Status", class: "number", cell: (one) => one.status },
  { title: "Request", heads: true, class: "grow", cell: (one) => h("code", {}, `${one.method} ${one.path}`) },
  { title: "Key", cell: (one) => (one.key_id ? link(keyPath(one.key_id), h("code", {}, one.key_id)) : "–") },
  { title: "Why", cell: (one) => [one.reason && h("code", {}, one.reason), one.misuse && h("code", { class: "is-grave" }, one.misuse), one.detail && h("span", { class: "sub" }, one.detail)] },
  { title: "Peer", cell: (one) => h("code", {}, one.peer) },
];
const WORDS = { allow: "let in", deny: "refused", report: "reported" };

export async function liveView({ query, signal }) {
  const shown = table("Decisions", COLUMNS, []);
  const body = shown.tBodies[0];
  const none = h("div", { class: "empty" }, h("p", {}, h("b", {}, "Waiting for the next request.")), h("p", {}, "What the gate decides appears here at once."));
  const state = h("span", { role: "status", class: "hint" });
  const waiting = h("span", { class: "hint" });
  const key = h("input", { id: newId("key"), name: "key", class: "code", spellcheck: "false", value: query.get("key") ?? "", placeholder: "all keys", oninput: () => filter() });
  let paused = false;
  let held = [];
  let drawn = 0;

  const wanted = (one) => !key.value.trim() || one.key_id === key.value.trim();
  const draw = () => {
    drawn = 0;
    if (paused) return (waiting.textContent = held.length ? `${held.length === MAX_ROWS ? "more than " : ""}${held.length} came since` : "");
    body.prepend(...held.map((one) => Object.assign(tableRow(COLUMNS, one), { one })).reverse());
    held = [];
    while (body.children.length > MAX_ROWS) body.lastChild.remove();
    waiting.textContent = "";
    filter();
  };
  const filter = () => {
    let any = false;
    for (const row of body.children) any = !(row.hidden = !wanted(row.one)) || any;
    shown.hidden = !any;
    none.hidden = any;
  };
  // Drawn once a frame, however many come.
  const take = (name, data) => {
    if (name === "missed") return say(`${data} decisions were missed: they come faster than this page takes them`);
    held.push(JSON.parse(data));
    if (held.length > MAX_ROWS) held.shift();
    drawn ||= requestAnimationFrame(draw);
  };
  const pause = button("Pause", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    draw();
  });
  const clear = button("Clear", () => {
    held = [];
    body.replaceChildren();
    draw();
  }, { class: "plain" });

  filter();
  follow({ signal, take, tell: (text) => (state.textContent = text) });
  const heading = h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, "Live decisions"), h("div", { class: "actions" }, clear, pause));
  const filters = h("form", { class: "filters", "aria-label": "Which decisions", onsubmit: (event) => event.preventDefault() },
    h("div", { class: "filter grow" }, h("label", { for: key.id }, "Key"), key), h("p", { class: "states" }, state, waiting));
  return { title: "Live decisions", parts: [heading, filters, h("div", { class: "panel flush" }, none, shown)] };
}

// Follows the stream until `signal`; a lost one is taken up again.
async function follow({ signal, take, tell }) {
  for (let tries = 0; !signal.aborted; tries++) {
    tell(tries ? "Lost. Trying again…" : "Connecting…");
    try {
      await events("/v1/decisions", { signal, take, opened: () => { tries = 0; tell("Connected"); } });
    } catch (problem) {
      if (signal.aborted) return;
      // It will not change its mind.
      if (problem instanceof Problem && problem.status >= 400 && problem.status < 500) return tell(problem.message);
    }
    if (!signal.aborted) tell("Lost. Trying again…");
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]));
  }
}
