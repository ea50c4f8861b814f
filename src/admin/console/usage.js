// What a key has done: when it was used last, how often, and what it was refused for, as bars.

import { facts, h, link, panel } from "./dom.js";
import { may } from "./session.js";
import { ago } from "./time.js";

export function usage(key, done) {
  const refused = Object.entries(done.refusals).sort(([, one], [, other]) => other - one);
  const sum = refused.reduce((sum, [, count]) => sum + count, 0);
  const live = key.connections.toLocaleString("en");
  return panel("Usage",
    facts([
      ["Last used", ago(done.last_used_at) ?? "never"],
      ["Let in", done.requests.toLocaleString("en")],
      ["Refused", sum.toLocaleString("en")],
      ["Live streams", key.connections && may("gate") ? link(`#/connections/${encodeURIComponent(key.id)}`, live) : live],
    ]),
    refused.length > 0 && bars(refused, sum));
}

// Refusals by reason. The numbers are text; the bars only show their shares.
function bars(refused, sum) {
  const rows = refused.map(([reason, count]) => {
    const bar = h("span", { class: "bar-fill", "aria-hidden": "true" });
    bar.style.setProperty("--share", count / sum);
    return h("li", {}, h("code", {}, reason), h("span", { class: "count" }, count.toLocaleString("en")), bar);
  });
  return [h("h3", {}, "Refusals by reason"), h("ul", { class: "bars" }, rows)];
}
