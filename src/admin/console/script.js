// The console of a gate: signing in, and which view the address names. Each view makes its own part of the page.

import { Problem, token } from "./api.js";
import { auditView } from "./audit.js";
import { connectionsView } from "./connections.js";
import { createView } from "./create.js";
import { byId, button, h, trouble } from "./dom.js";
import { editView } from "./edit.js";
import { keyView } from "./key.js";
import { keysView } from "./keys.js";
import { liveView } from "./live.js";
import { operatorsView } from "./operators.js";
import { begin, end, may, signedIn } from "./session.js";

// A view gets what the address says and a signal for when it is left, and gives its title and its elements.
const VIEWS = [
  [/^\/keys$/, keysView],
  [/^\/new$/, createView, "manage"],
  [/^\/keys\/([^/]+)$/, keyView],
  [/^\/keys\/([^/]+)\/edit$/, editView, "manage"],
  [/^\/live$/, liveView, "gate"],
  [/^\/connections(?:\/([^/]+))?$/, connectionsView, "gate"],
  [/^\/audit$/, auditView, "gate"],
  [/^\/operators$/, operatorsView, "own"],
];

let leaving = new AbortController();

async function route() {
  if (!signedIn()) return;
  leaving.abort();
  const { signal } = (leaving = new AbortController());
  const [path, query = ""] = (location.hash.slice(1) || "/keys").split("?");
  for (const link of document.querySelectorAll("#nav a")) {
    const here = path.startsWith(link.hash.slice(1)) || (path === "/new" && link.hash === "#/keys");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const main = byId("main");
  main.setAttribute("aria-busy", "true");
  const shown = await view(path, new URLSearchParams(query), signal).catch((problem) => signal.aborted || failed(problem));
  if (signal.aborted) return;
  const { title, parts } = shown;
  const moved = main.dataset.path !== undefined && main.dataset.path !== path;
  const field = main.contains(document.activeElement) && document.activeElement.name;
  main.dataset.path = path;
  main.removeAttribute("aria-busy");
  main.replaceChildren(...[parts].flat());
  document.title = `${title} – Keygate`;
  // A filter that was changed is a new element with the same name.
  if (!moved) return field && main.querySelector(`[name="${field}"]`)?.focus();
  main.querySelector("h1")?.focus();
  scrollTo(0, 0);
}

async function view(path, query, signal) {
  for (const [pattern, make, needs] of VIEWS) {
    const found = pattern.exec(path);
    if (found && (!needs || may(needs))) return make({ name: found[1] && decodeURIComponent(found[1]), query, signal });
  }
  return { title: "Nothing here", parts: [h("h1", { tabindex: "-1" }, "Nothing here"), h("p", {}, "No page has this address, or not for your role. ", h("a", { href: "#/keys" }, "To the keys"))] };
}

function failed(problem) {
  if (!(problem instanceof Problem)) throw problem;
  const title = problem.status === 404 ? "Not found" : "That did not work";
  return { title, parts: [h("h1", { tabindex: "-1" }, title), trouble(problem), button("Try again", route)] };
}

async function signIn(why) {
  leaving.abort();
  end();
  byId("token").value = "";
  explain(why);
  byId("token").focus();
}

function explain(why = "") {
  byId("sign-in-problem").textContent = why;
  byId("sign-in-problem").hidden = !why;
  byId("token").setAttribute("aria-invalid", String(Boolean(why)));
}

async function enter() {
  try {
    await begin();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return signIn(problem.status === 401 ? "This token is unknown, has ended or was revoked." : problem.message);
  }
  delete byId("main").dataset.path;
  await route();
}

token.onEnd(() => signedIn() && signIn("The gate no longer takes your token: it has ended or was revoked."));
byId("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("token").value.trim();
  if (!/^[\x21-\x7e]+$/.test(text)) return explain("An operator token is letters, digits and underscores, without spaces.");
  explain();
  token.set(text);
  byId("token").value = "";
  enter().then(() => signedIn() && byId("main").focus());
});
byId("sign-out").addEventListener("click", () => signIn(""));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.querySelector("main:not([hidden])").focus();
});
addEventListener("hashchange", route);
// What a view still asked for when it was left is no error.
addEventListener("unhandledrejection", (event) => event.reason?.name === "AbortError" && event.preventDefault());
if (token.get()) enter();
else signIn("");
