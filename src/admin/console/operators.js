// Who may manage keys: operators, by the tokens that prove it.

import { Problem, all, call } from "./api.js";
import { attempt } from "./create.js";
import { actions, cancel, confirm, open, refused, secretLost, showSecret } from "./dialog.js";
import { add, button, h, link, say, table } from "./dom.js";
import { Form } from "./fields.js";
import { me } from "./session.js";
import { at, fromField } from "./time.js";

const ROLES = [["viewer", "Viewer", "Sees everything but secrets."], ["operator", "Operator", "Manages keys, applications and connections."], ["owner", "Owner", "Manages operators too."]];

export async function operatorsView({ signal }) {
  const holder = h("div", { class: "panel flush" });
  const show = async () => {
    holder.replaceChildren(table("Operators", columns(show), await all("/v1/operators", signal)));
  };
  await show();
  const heading = h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, "Operators"), button("Create an operator", () => create(show), { class: "primary" }));
  return { title: "Operators", parts: [heading, holder] };
}

const columns = (show) => [
  { title: "Name", heads: true, class: "grow", cell: (one) => [one.name, `operator:${one.id}` === me().actor && h("span", { class: "tag" }, "you"), h("code", { class: "sub" }, one.id)] },
  { title: "Role", cell: (one) => one.role },
  { title: "State", cell: (one) => h("span", { class: `standing is-${standing(one)}` }, standing(one)) },
  { title: "Created", cell: (one) => at(one.created_at) },
  { title: "Ends", cell: (one) => at(one.expires_at) ?? "never" },
  { title: h("span", { class: "hidden" }, "Actions"), cell: (one) => [link(`#/audit?actor=operator:${encodeURIComponent(one.id)}`, ["Trail", h("span", { class: "hidden" }, ` of ${one.name}`)]), " ", standing(one) === "active" && button(["Revoke", h("span", { class: "hidden" }, ` ${one.name}`)], () => revoke(one, show), { class: "quiet" })] },
];

const standing = (one) => (one.revoked ? "revoked" : one.expires_at && Date.parse(one.expires_at) <= Date.now() ? "expired" : "active");

async function revoke(one, show) {
  const self = `operator:${one.id}` === me().actor;
  if (!(await confirm(`Revoke the token of ${one.name}?`, self ? "It is your own: you are signed out at once." : "It is refused from now on, for good.", "Revoke"))) return;
  try {
    await call("POST", `/v1/operators/${encodeURIComponent(one.id)}/revoke`, { body: {} });
    say(`${one.name} revoked`);
    await show();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // A token that revokes itself is signed out.
    if (problem.status !== 401) await refused(problem);
  }
}

async function create(show) {
  let made = null;
  let once = crypto.randomUUID();
  await open("Create an operator", (dialog) => {
    const form = new Form(async () => {
      const body = { name: form.value("name") ?? "", role: form.value("role"), expires_at: fromField(form.value("expires_at")) };
      const missing = [];
      if (!body.name) missing.push({ path: "name", message: "Say who it is." });
      if (!body.role) missing.push({ path: "role", message: "Choose what they may do." });
      if (missing.length) return form.show(missing);
      made = await attempt(form, () => call("POST", "/v1/operators", { body, once }));
      if (made) dialog.close();
    });
    add(form.element,
      form.field("name", "Name", { maxlength: 200, autofocus: true }),
      form.choice("role", "Role", ROLES),
      form.field("expires_at", "Ends", { type: "datetime-local", hint: "In your time zone. Empty: it does not end by itself." }),
      actions(cancel(dialog), h("button", { class: "primary" }, "Create")));
    form.element.addEventListener("input", () => (once = crypto.randomUUID()));
    return form.element;
  });
  if (!made) return;
  await show();
  if (!made.token) return secretLost("The token is lost", "Revoke it, and create another one.");
  await showSecret("The operator’s token", { secret: made.token, note: `For ${made.operator.name}, to sign in here and for the management API.` });
}
