// Disabling, enabling and rotating a key, each asked for in a dialog.

import { Problem, call } from "./api.js";
import { actions, cancel, confirm, open, refused, secretLost, showSecret } from "./dialog.js";
import { choice, h, newId, say, trouble } from "./dom.js";

const GRACES = [["0s", "None: it ends now", "For a secret that has leaked. Streams on it are cut."], ["1h", "1 hour"], ["24h", "24 hours", "Usual."], ["7d", "7 days"], ["30d", "30 days"]];

const step = (key, name, body = {}, once) => call("POST", `/v1/keys/${encodeURIComponent(key.id)}/${name}`, { body, once });

export async function disable(key) {
  const sure = await confirm(`Disable ${key.name || key.id}?`, `It is refused until it is enabled again, and its ${key.connections} live streams are cut.`, "Disable");
  if (sure) await told(() => step(key, "disable"), "Disabled");
}

export async function enable(key) {
  await told(() => step(key, "enable"), "Enabled");
}

async function told(work, done) {
  try {
    await work();
    say(done);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    await refused(problem);
  }
}

// A new text for the key; the old one is good for a while yet, as long as is chosen here.
export async function rotate(key) {
  let made = null;
  // Sent again after an answer that was lost, it rotates once.
  const once = crypto.randomUUID();
  const name = newId("grace");
  await open(`Rotate ${key.name || key.id}`, (dialog) => {
    const wrong = h("div", {});
    const choices = GRACES.map(([value, label, hint]) => choice({ name, value, checked: value === "24h", autofocus: value === "24h" }, label, hint));
    const form = h("form", {},
      h("p", {}, "The key gets a new text. How long is the present one to go on working beside it?"),
      h("fieldset", {}, h("legend", {}, "Grace period"), h("div", { class: "choices" }, choices)),
      wrong,
      actions(cancel(dialog), h("button", { class: "primary" }, "Rotate")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const sender = form.querySelector(".primary");
      sender.disabled = true;
      try {
        made = await step(key, "rotate", { grace: form.elements.namedItem(name).value }, once);
        dialog.close();
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        wrong.replaceChildren(trouble(problem));
      } finally {
        sender.disabled = false;
      }
    });
    return form;
  });
  if (!made) return;
  const note = `The new text of ${key.name || key.id}. Put it where the old one is.`;
  if (key.kind !== "secret") return say("Rotated");
  if (made.secret) await showSecret("The new secret", { secret: made.secret, note });
  else await secretLost("The new secret is lost", "Rotate once more: that makes another new text. The present one is good until its grace period ends.");
}
