// Creating a key, or an application with its first two. A secret is shown once.

import { Problem, all, call } from "./api.js";
import { secretLost, showSecret } from "./dialog.js";
import { add, copyButton, h, keyPath, say } from "./dom.js";
import { Form } from "./fields.js";
import { KeyForm, group } from "./form.js";
import { me, may } from "./session.js";

const KINDS = [
  ["publishable", "Publishable", "Lives in browsers and apps. Everybody can read it."],
  ["secret", "Secret", "Lives on servers, and nowhere else. Shown once."],
];
const ENVIRONMENTS = [["live", "Live", "Real users and data."], ["test", "Test", "For gates that let test keys in."]];

export async function createView({ query, signal }) {
  const apps = may("gate") ? await all("/v1/apps", signal) : [{ id: me().app, name: "" }];
  if (!apps.length) return { title: "Create an application", parts: [h("h1", { tabindex: "-1" }, "Create an application"), appForm(query)] };
  const title = "Create a key";
  const holder = h("div", {}, keyForm(apps, query, () => {
    holder.replaceChildren(appForm(query));
    holder.querySelector("input").focus();
  }));
  return { title, parts: [h("h1", { tabindex: "-1" }, title), holder] };
}

function keyForm(apps, query, another) {
  // The same request sent again, after an answer that was lost, makes no second key.
  let once = crypto.randomUUID();
  let form = null;
  form = new KeyForm(submit, {}, { kind: () => form?.value("kind"), label: "Create the key" });
  const scope = me().role === "app" ? me().environment : query.get("environment");
  const app = form.field("app", "Application", { name: "select", options: apps.map(({ id, name }) => [id, name && name !== id ? `${name} (${id})` : id]), value: query.get("app") || apps[0].id });
  if (may("gate")) add(app, h("p", { class: "hint" }, h("button", { type: "button", class: "link", onclick: another }, "Create another application")));
  form.summary.after(group("What it is",
    app,
    form.choice("kind", "Kind", KINDS, { value: query.get("kind"), onchange: () => form.update() }),
    form.choice("environment", "Environment", ENVIRONMENTS.filter(([name]) => me().role !== "app" || name === scope), { value: scope })));
  form.update();
  form.element.addEventListener("input", () => (once = crypto.randomUUID()));
  return form.element;

  async function submit() {
    const head = { app: form.value("app"), kind: form.value("kind"), environment: form.value("environment") };
    const missing = [];
    if (!head.kind) missing.push({ path: "kind", message: "Say where it is going to live." });
    if (!head.environment) missing.push({ path: "environment", message: "Say which half of the world it is for." });
    if (form.picker.read() === undefined) missing.push({ path: "capabilities", message: "Choose what it may do. Nothing is granted unasked." });
    if (missing.length) return form.show(missing);
    const made = await attempt(form, () => call("POST", "/v1/keys", { body: { ...head, ...form.read() }, once }));
    if (made) await present(made);
  }
}

// Shows the text of a key that was made, and goes to its page.
async function present({ key, secret }) {
  location.hash = keyPath(key.id);
  if (key.kind !== "secret") return say(`${key.name || key.id} created`);
  if (secret) await showSecret("The new secret key", { secret, note: `This is ${key.name || key.id}, for a server of ${key.app}.` });
  else await secretLost("The secret key is lost", "Rotate the key without a grace period: that makes a new text, and ends the lost one.");
}

function appForm(query) {
  let once = crypto.randomUUID();
  const form = new Form(submit);
  add(form.element,
    group("The application",
      form.field("id", "Id", { class: "code", spellcheck: "false", autocapitalize: "off", maxlength: 64, placeholder: "shop", hint: "Letters, digits, _ and -. It stands in logs and in the headers that the backend gets.", value: query.get("app") }),
      form.field("name", "Name", { maxlength: 200, hint: "For people." }),
      form.choice("environment", "Environment of its first two keys", ENVIRONMENTS, { value: query.get("environment") }),
      form.field("origins", "Origins", { name: "textarea", rows: 3, class: "code", spellcheck: "false", placeholder: "https://app.example.com", hint: "Pages that may use the publishable key, one a line. Without any it works without an Origin, for native apps." })),
    h("div", { class: "actions" }, h("button", { class: "primary" }, "Create the application"), h("a", { class: "button plain", href: "#/keys" }, "Cancel")));
  form.element.addEventListener("input", () => (once = crypto.randomUUID()));
  return form.element;

  async function submit() {
    const body = { id: form.value("id"), name: form.value("name") ?? "", environment: form.value("environment"), origins: form.lines("origins") ?? [] };
    const missing = [];
    if (!body.id) missing.push({ path: "id", message: "Give it an id." });
    if (!body.environment) missing.push({ path: "environment", message: "Say which half of the world it is for." });
    if (missing.length) return form.show(missing);
    const made = await attempt(form, () => call("POST", "/v1/apps", { body, once }));
    if (!made) return;
    const [secret, publishable] = ["secret", "publishable"].map((kind) => made.keys.find(({ key }) => key.kind === kind));
    location.hash = `#/keys?app=${encodeURIComponent(made.app.id)}`;
      if (!secret.secret) return;
    const text = publishable.key.key;
    const after = h("div", {}, h("p", {}, "Its publishable key can be read at any time:"), h("div", { class: "secret is-open" }, h("code", {}, text), copyButton(text, "the publishable key")));
    await showSecret(`The secret key of ${made.app.id}`, { secret: secret.secret, note: "For the servers of the application.", after });
  }
}

// What `work` gives, or nothing, and the form says why.
export async function attempt(form, work) {
  try {
    return await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    form.show(problem.errors, problem.errors.length ? undefined : problem.message);
  }
}
