// One key: what it is and may do, what it has done, and what can be done to it.

import { get } from "./api.js";
import { trail } from "./audit.js";
import { advice, capabilities, environment, kind, standing, warnings } from "./badges.js";
import { refused } from "./dialog.js";
import { add, button, copyButton, facts, h, keyPath, link, panel, redraw } from "./dom.js";
import { may } from "./session.js";
import { disable, enable, rotate } from "./steps.js";
import { revoke } from "./revoke.js";
import { at, ago, countdown, every } from "./time.js";
import { usage } from "./usage.js";

const REFRESH_MS = 3000;

export async function keyView({ name, signal }) {
  const path = `/v1/keys/${encodeURIComponent(name)}`;
  const load = () => Promise.all([get(path, {}, signal), get(`${path}/usage`, {}, signal)]);
  const holder = h("div", {});
  const counts = h("div", {});
  let [key, done] = await load();

  // What was done may have been done while the view was being left.
  const show = async () => {
    try {
      [key, done] = await load();
      draw();
    } catch (problem) {
      if (!signal.aborted) await refused(problem);
    }
  };
  const draw = () => {
    redraw(holder, heading(key, () => key, show), page(key, counts, signal, show));
    redraw(counts, usage(key, done));
  };
  draw();
  // What it does changes all the time; the rest is drawn again only when the key is another one, for somebody may be reading.
  every(REFRESH_MS, signal, async () => {
    const { version } = key;
    [key, done] = await load();
    if (signal.aborted) return;
    if (key.version !== version && !document.querySelector("dialog[open]")) draw();
    else redraw(counts, usage(key, done));
  });
  return { title: key.name || key.id, parts: [h("p", { class: "back" }, link("#/keys", "Keys")), holder] };
}

// `now` gives the key as it was seen last, for how many streams it has changes all the time.
function heading(key, now, show) {
  const alive = key.standing !== "revoked";
  const can = may("manage") && alive;
  const act = (step) => async () => {
    await step(now());
    await show();
  };
  const actions = can && h("div", { class: "actions" },
    link(keyPath(key.id, "/edit"), "Edit", { class: "button" }),
    button("Rotate", act(rotate)),
    key.state === "disabled" ? button("Enable", act(enable)) : button("Disable", act(disable)),
    button("Revoke", act(revoke), { class: "danger" }));
  return h("div", { class: "heading" },
    h("div", {},
      h("h1", { tabindex: "-1" }, key.name || key.id),
      h("p", { class: "meta" }, standing(key), kind(key), environment(key), h("span", {}, "of ", link(`#/keys?app=${encodeURIComponent(key.app)}`, key.app)), warnings(key))),
    actions);
}

function page(key, counts, signal, show) {
  const ends = key.grace.filter((end) => Date.parse(end) > Date.now());
  return h("div", { class: "columns" },
    h("div", { class: "column" },
      advice(key).map((sentence) => h("p", { class: "note" }, sentence)),
      ends.length > 0 && grace(key, ends, signal, show),
      text(key),
      panel("What it may do", h("div", { class: "may" }, capabilities(key))),
      panel("Terms", terms(key))),
    h("div", { class: "column" }, counts, may("gate") && panel("What was done to it", trail({ target: `key:${key.id}` }, signal))));
}

function text(key) {
  if (key.kind === "publishable") {
    return panel("Its text", h("p", { class: "hint" }, "Public: it may stand in pages and apps."), h("div", { class: "secret is-open" }, h("code", {}, key.key), copyButton(key.key, "the key")));
  }
  return panel("Its text", h("p", { class: "hint" }, "Was shown when it was made, and is not kept. If it is lost, rotate the key; if it has leaked, rotate it without a grace period."));
}

// How long the earlier secrets are good, and who is still on them.
function grace(key, ends, signal, show) {
  const left = key.earlier_connections;
  return panel("Rotated: the earlier secret still works",
    h("p", { class: "until" }, countdown(ends[0], signal, show), h("span", { class: "hint" }, "until ", at(ends[0]))),
    ends.length > 1 && h("p", { class: "hint" }, `${ends.length} earlier secrets are good; the others end before.`),
    left !== undefined && h("p", {}, left === 0 ? "No live stream is on it any more." : h("span", {}, h("b", {}, left), left === 1 ? " live stream is on it, and is cut then." : " live streams are on it, and are cut then.")),
    may("manage") && h("p", { class: "hint" }, "It has leaked? Rotate once more, without a grace period: that ends all earlier secrets."));
}

const list = (texts) => texts?.length ? h("ul", { class: "plain-list" }, texts.map((text) => h("li", {}, h("code", {}, text)))) : null;

function terms(key) {
  const limits = flat(key.limits ?? {}).map(([name, value]) => h("li", {}, `${name.replaceAll("_", " ")} `, h("code", {}, value)));
  const metadata = Object.entries(key.metadata ?? {}).map(([name, value]) => h("li", {}, `${name} = ${value}`));
  const made = facts([
    ["Id", add(h("span", { class: "with-copy" }), h("code", {}, key.id), copyButton(key.id, "the id"))],
    ["Origins", list(key.origins) ?? (key.kind === "publishable" ? "none" : null)],
    ["Without an Origin", key.kind === "publishable" ? (key.missing_origin === "allow" ? "let in, for native apps" : "refused") : null],
    ["In a browser", key.kind === "secret" ? (key.browser === "report" ? "let in, and reported" : "refused: it has leaked") : null],
    ["Addresses", list(key.ips)],
    ["Limits", limits.length ? h("ul", { class: "plain-list" }, limits) : "as the gate’s configuration says"],
    ["Mode", key.mode === "report" ? "report: refusals are counted, and pass" : key.mode],
    ["Tokens", key.revocable_tokens ? "can be revoked" : null],
    ["Prefix", key.prefix],
    ["Expires", key.expires_at ? h("span", {}, at(key.expires_at), " (", ago(key.expires_at), ")") : "never"],
    ["Metadata", metadata.length ? h("ul", { class: "plain-list" }, metadata) : null],
    ["Created", at(key.created_at)],
    ["Changed", h("span", {}, at(key.changed_at), ` (version ${key.version})`)],
  ]);
  return made;
}

const flat = (map, before = "") => Object.entries(map).flatMap(([name, value]) =>
  value !== null && typeof value === "object" ? flat(value, `${before}${name} per `) : [[`${before}${name}`, String(value)]]);
