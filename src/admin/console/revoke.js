// Revoking a key: typed to be meant, then seen to happen. The streams of the key are counted down to none, gate by gate.

import { Problem, call, get } from "./api.js";
import { actions, cancel, open } from "./dialog.js";
import { add, button, h, newId, table, trouble } from "./dom.js";

const LOOK_MS = 150;
const PATIENCE_MS = 30_000;

export async function revoke(key) {
  await open(`Revoke ${key.name || key.id}`, (dialog) => {
    const id = newId("confirm");
    const typed = h("input", { id, class: "code", autocomplete: "off", spellcheck: "false", autocapitalize: "off", autofocus: true, oninput: () => (go.disabled = typed.value.trim() !== key.id) });
    const go = h("button", { class: "danger", disabled: true }, "Revoke for good");
    const wrong = h("div", {});
    const form = h("form", {},
      h("p", {}, "It is refused from now on, in every gate, and cannot come back. ", key.connections ? h("b", {}, `${key.connections} live streams are cut.`) : "It has no live streams here."),
      h("div", { class: "field" }, h("label", { for: id }, "To confirm, type its id: ", h("code", {}, key.id)), typed),
      wrong, actions(cancel(dialog), go));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      const seen = new Witness(key);
      try {
        const watching = seen.watch();
        const { receipt } = await call("POST", `/v1/keys/${encodeURIComponent(key.id)}/revoke`, { body: { wait: "1s" } });
        form.replaceWith(seen.element);
        seen.show(receipt);
        const close = button("Close", () => dialog.close(), { class: "primary" });
        add(dialog, actions(close));
        close.focus();
        await watching;
      } catch (problem) {
        seen.stop();
        if (!(problem instanceof Problem)) throw problem;
        wrong.replaceChildren(trouble(problem));
        go.disabled = false;
      }
    });
    return form;
  });
}

// What is seen of a revocation: how many streams are left, and what each gate says.
class Witness {
  #ended = false;

  constructor(key) {
    this.key = key;
    this.most = key.connections;
    this.outcome = "";
    this.number = h("span", { class: "big" }, key.connections);
    this.fill = h("span", { class: "bar-fill", "aria-hidden": "true" });
    this.said = h("p", { role: "status" });
    this.receipt = h("div", {});
    this.element = h("div", {}, h("p", { class: "dropping" }, this.number, h("span", {}, "live streams left")), h("p", { class: "bars" }, this.fill), this.said, this.receipt);
    this.#draw(key.connections);
  }

  stop() {
    this.#ended = true;
  }

  // Looks until none is left, for a while.
  async watch() {
    const end = Date.now() + PATIENCE_MS;
    while (!this.#ended && Date.now() < end) {
      const { connections } = await get(`/v1/keys/${encodeURIComponent(this.key.id)}`).catch(() => this.key);
      this.#draw(connections);
      if (connections === 0 && this.element.isConnected) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  #draw(left) {
    this.most = Math.max(this.most, left);
    this.number.textContent = left.toLocaleString("en");
    this.fill.style.setProperty("--share", this.most ? left / this.most : 0);
    if (left === 0 && this.most && this.element.isConnected) this.said.textContent = `All ${this.most} streams have ended. ${this.outcome}`;
  }

  show(receipt) {
    this.outcome = receipt.complete ? `Revoked in every gate, in ${receipt.took_ms} ms.` : "The key is revoked.";
    this.said.textContent = receipt.complete ? this.outcome : `${this.outcome} Not every gate had said within a second that all is done.`;
    const columns = [
      { title: "Gate", heads: true, cell: (gate) => gate.gate },
      { title: "Obeys", cell: (gate) => (gate.acknowledged ? "yes" : "not yet") },
      { title: "Cut", class: "number", cell: (gate) => gate.cut },
      { title: "Left after 1 s", class: "number", cell: (gate) => gate.remaining },
      { title: "Took", class: "number", cell: (gate) => (gate.took_ms === null ? "–" : `${gate.took_ms} ms`) },
    ];
    this.receipt.replaceChildren(h("h3", {}, "Receipt"), table("What each gate says", columns, receipt.gates));
  }
}
