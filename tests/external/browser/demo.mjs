// `keygate demo --json`, and what is done to its key file.

import assert from "node:assert/strict";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { metrics, program } from "../lib/gate.mjs";
import { removeAtEnd } from "../lib/machine.mjs";
import { until } from "../lib/suite.mjs";

export class Demo {
  static async start() {
    const demo = new Demo();
    demo.program = program("demo", "--json", "--port", "0");
    const card = await demo.program.line("the card", (line) => line.startsWith("{") && JSON.parse(line));
    removeAtEnd(dirname(card.keys));
    return Object.assign(demo, card);
  }

  metrics() {
    return metrics(this.status);
  }

  // Waits until so many requests of one kind have been decided since the reading `before`.
  async decided(before, labels, count = 1) {
    const family = "keygate_auth_decisions_total";
    return until(`${count} × ${JSON.stringify(labels)}`, async () =>
      (await this.metrics()).value(family, labels) - before.value(family, labels) === count);
  }

  // Publishes as a server does, and gives the number of streams that got it.
  async publish(channel, message) {
    const answer = await fetch(`${this.gate}/realtime`, {
      method: "POST",
      headers: { "x-api-key": this.secret_key },
      body: JSON.stringify({ channel, message }),
    });
    assert.equal(answer.status, 202);
    return (await answer.json()).delivered;
  }

  // Changes the key file, and waits until the gate has taken it over.
  async editKeys(edit) {
    const before = (await this.metrics()).value("keygate_keyset_generation");
    const text = readFileSync(this.keys, "utf8");
    const edited = edit(text);
    assert.notEqual(edited, text);
    writeFileSync(`${this.keys}.new`, edited);
    renameSync(`${this.keys}.new`, this.keys);
    await until("the change of keys", async () => (await this.metrics()).value("keygate_keyset_generation") > before);
  }

  stop() {
    return this.program.stop();
  }
}

export const revoke = (id) => (text) => text.replace(`  - id: ${id}\n`, `$&    state: revoked\n`);
