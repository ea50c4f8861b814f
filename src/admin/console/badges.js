// What a key is, in a few words: its standing, kind and warnings. Never by colour alone.

import { h } from "./dom.js";

const WARNINGS = {
  older_than_90_days: ["Older than 90 days", "The secret was not changed for 90 days: rotate it."],
  grace_ends_soon: ["Grace ends soon", "The earlier secret stops working soon: see that every client has the new one."],
  expires_soon: ["Expires soon", "The key ends soon: change its expiry, or create its successor."],
  never_used: ["Never used", "No request came with this key yet. If none will, revoke it."],
};

export const standing = (key) => h("span", { class: `standing is-${key.standing}` }, key.standing);

export const kind = (key) => h("span", { class: `tag is-${key.kind}` }, key.kind);

export const environment = (key) => h("span", { class: `tag is-${key.environment}` }, key.environment);

export const warnings = (key) => key.warnings.map((name) => {
  const [label, why] = WARNINGS[name] ?? [name.replaceAll("_", " "), ""];
  return h("span", { class: "badge", title: why }, label);
});

// The same in full sentences.
export const advice = (key) => key.warnings.map((name) => WARNINGS[name]?.[1]).filter(Boolean);

const EVERYTHING = "everything, but managing keys";

// What a key may do, as rows of a pattern and its operations. Without `capabilities` it is what its kind may do unless told more.
export function capabilities(key) {
  const said = key.capabilities;
  if (!said) return key.kind === "secret" ? EVERYTHING : "subscribe to every channel";
  const rows = Object.entries(said);
  if (rows.length === 0) return "nothing";
  return h("ul", { class: "plain-list" }, rows.map(([pattern, operations]) =>
    h("li", {}, h("code", {}, pattern === "*" ? "*" : pattern), " ", operations.map((name) => h("span", { class: "op" }, name === "*" ? "every operation" : name)))));
}
