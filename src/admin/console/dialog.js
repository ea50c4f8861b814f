// Dialogs: the focus goes into them and back to where it was, Escape closes them, save the one that shows a secret.

import { add, button, copyButton, h, newId, successor, trouble } from "./dom.js";

// Opens a dialog with what `fill(dialog)` puts there, and resolves with what it is closed with: `dialog.close(value)`, or "" for Escape.
// One that `stays` is not closed by going to another view, a `firm` one by nothing but itself.
export function open(title, fill, { firm = false, stays = firm } = {}) {
  const id = newId("dialog");
  // Where browsers have `closedby`, a second Escape does not close it either.
  const dialog = h("dialog", { "aria-labelledby": id, closedby: firm ? "none" : "closerequest" }, h("h2", { id }, title));
  const before = document.activeElement;
  add(dialog, fill(dialog));
  document.body.append(dialog);
  return new Promise((resolve) => {
    if (!stays) addEventListener("hashchange", () => dialog.close(), { once: true });
    dialog.addEventListener("close", () => {
      dialog.remove();
      // The button that opened it may have been drawn again meanwhile, or be gone with what it changed.
      const main = document.querySelector("main:not([hidden])");
      (before?.isConnected ? before : (before && successor(before, main)) ?? main)?.focus();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
    dialog.querySelector("[autofocus]")?.focus();
  });
}

export const actions = (...buttons) => h("div", { class: "actions" }, buttons);

export const cancel = (dialog) => button("Cancel", () => dialog.close(""), { class: "plain" });

// Asks before something is done; whether it was confirmed.
export async function confirm(title, text, label) {
  const answer = await open(title, (dialog) => [
    h("p", {}, text),
    actions(cancel(dialog), button(label, () => dialog.close("yes"), { class: "danger", autofocus: true })),
  ]);
  return answer === "yes";
}

// Shows what is shown once. It closes only when somebody says that it is kept elsewhere: not by Escape, not by going back.
export function showSecret(title, { secret, note, after }) {
  const guard = (event) => event.preventDefault();
  const fill = (dialog) => {
    const close = button("Close", () => kept.checked && dialog.close(), { class: "primary", disabled: true });
    const remind = h("p", { class: "hint", role: "status" });
    const kept = h("input", { type: "checkbox", onchange: () => (close.disabled = !kept.checked) });
    const refuse = (event) => {
      event.preventDefault();
      remind.textContent = "Say that you have stored it first: it cannot be shown again.";
      kept.focus();
    };
    dialog.addEventListener("cancel", refuse);
    dialog.addEventListener("keydown", (event) => event.key === "Escape" && refuse(event));
    return [
      h("p", {}, note),
      h("div", { class: "secret" }, h("code", { tabindex: "0", autofocus: true, "aria-label": "The text" }, secret), copyButton(secret, "the text")),
      h("p", { class: "warning" }, h("b", {}, "It will not be shown again."), " Keygate keeps only a digest of it."),
      after,
      h("label", { class: "check" }, kept, " I have stored it in a safe place"),
      remind,
      actions(close),
    ];
  };
  addEventListener("beforeunload", guard);
  return open(title, fill, { firm: true }).finally(() => removeEventListener("beforeunload", guard));
}

// A request that was sent again, because its answer was lost, had done its work the first time; what it made was in that answer.
export function secretLost(title, way) {
  return open(title, (dialog) => [
    h("p", {}, "It was made by the first try, whose answer did not arrive, and what is shown only once was in that answer."),
    h("p", { class: "note" }, way),
    actions(button("Close", () => dialog.close(), { class: "primary", autofocus: true })),
  ], { stays: true });
}

// Tells why something that was asked for was not done.
export function refused(why) {
  return open("That did not work", (dialog) => [trouble(why), actions(button("Close", () => dialog.close()))]);
}
