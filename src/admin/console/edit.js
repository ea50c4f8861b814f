// Changing the fields of a key, only where nobody else has changed it meanwhile.

import { Problem, call, get } from "./api.js";
import { attempt } from "./create.js";
import { h, keyPath, link, say } from "./dom.js";
import { KeyForm } from "./form.js";
import { diff, merged } from "./patch.js";
import { localText } from "./time.js";
import { may } from "./session.js";

// What a form can change; the rest of a key is shown beside it.
const EDITABLE = ["name", "origins", "missing_origin", "capabilities", "expires_at", "ips", "mode", "browser", "revocable_tokens", "metadata", "limits"];

export async function editView({ name, signal }) {
  const key = await get(`/v1/keys/${encodeURIComponent(name)}`, {}, signal);
  const holder = h("div", {});
  show(holder, key, key);
  const title = `Edit ${key.name || key.id}`;
  return { title, parts: [h("p", { class: "back" }, link(keyPath(key.id), key.name || key.id)), h("h1", { tabindex: "-1" }, title), holder] };
}

const editable = (key) => Object.fromEntries(EDITABLE.filter((name) => key[name] !== undefined && key[name] !== null).map((name) => [name, key[name]]));

// A form over `key` whose fields hold what `wanted` says.
function show(holder, key, wanted, ahead) {
  const form = new KeyForm(save, wanted, { kind: () => key.kind, label: "Save" });
  // What the form makes of the key as it is: only what then differs was changed by hand.
  const shown = new KeyForm(() => {}, key, { kind: () => key.kind, label: "" }).read();
  holder.replaceChildren(...[ahead, form.element].filter(Boolean));

  async function save() {
    const patch = diff(shown, form.read());
    if (!Object.keys(patch).length) return form.show([], "Nothing is different from the key as it is.");
    const path = `/v1/keys/${encodeURIComponent(key.id)}`;
    const done = await attempt(form, async () => {
      try {
        return await call("PATCH", path, { body: patch, version: key.version });
      } catch (problem) {
        if (!(problem instanceof Problem) || problem.status !== 412) throw problem;
        await overtaken(holder, key, patch);
      }
    });
    if (!done) return;
    say("Saved");
    location.hash = keyPath(key.id);
  }
}

// Somebody else was faster: says who, takes over what they changed, and keeps what was typed here, unsaved, on top of it.
async function overtaken(holder, before, patch) {
  const now = await get(`/v1/keys/${encodeURIComponent(before.id)}`);
  const trail = may("gate") ? await get("/v1/audit", { target: `key:${before.id}`, order: "desc", limit: 1 }) : { items: [] };
  const [last] = trail.items;
  const theirs = Object.keys(diff(editable(before), editable(now)));
  const both = theirs.filter((name) => name in patch);
  const ahead = h("div", { class: "problem", role: "alert", tabindex: "-1" },
    h("p", {}, h("b", {}, last ? `${last.actor} was ahead of you` : "Somebody was ahead of you"), last ? `: ${last.action}, ${localText(last.at)}.` : "."),
    h("p", {}, theirs.length ? `Changed meanwhile: ${theirs.join(", ")}. ` : "", "The form has the key as it is now, with your own changes on top. Nothing of them is saved yet.",
      both.length ? ` You both changed ${both.join(", ")}: yours stands below.` : ""));
  show(holder, now, { ...now, ...merged(editable(now), patch) }, ahead);
  ahead.focus();
}
