// Keygate as its users run it: from files, by its command line.

import { createHash, randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Program, folder } from "./machine.mjs";

const PROGRAM = process.env.KEYGATE_BIN;
if (!PROGRAM) {
  console.error("KEYGATE_BIN must name the program that is to be tested");
  process.exit(2);
}

export const program = (...args) => new Program(PROGRAM, args);

// A gate, its key file, and what it logs.
export class Gate {
  #folder = folder();

  // `config` is what differs from a gate with one listener that logs everything. With `store`, it manages the keys itself: it has an
  // `admin` listener then, and `token` is an owner's.
  static async start({ keys = [], store = false, ...config }) {
    const gate = new Gate();
    if (store) config = { keys: { sqlite: "keygate.db" }, admin: { address: "127.0.0.1:0" }, ...config };
    else gate.setKeys(keys);
    // JSON is YAML.
    writeFileSync(gate.#path("keygate.yaml"), JSON.stringify({
      listeners: [{ address: "127.0.0.1:0" }],
      environments: ["live"],
      keys: { file: "keys.yaml" },
      log: { access: "all", format: "json" },
      status: { address: "127.0.0.1:0" },
      control: { socket: "control.sock" },
      ...config,
    }));
    if (store) {
      const made = program("admin-token", "create", "--name", "Tester", "-c", gate.#path("keygate.yaml"));
      gate.token = await made.line("the token", (line) => /^keygate_at_\w+$/.exec(line)?.[0]);
      await made.ended;
    }
    gate.program = program("serve", "-c", gate.#path("keygate.yaml"));
    gate.address = await gate.#listens("gate listens");
    gate.status = await gate.#listens("status listens");
    if (store) gate.admin = await gate.#listens("admin listens");
    return gate;
  }

  #path(name) {
    return join(this.#folder, name);
  }

  #listens(message) {
    return this.program.line(message, (line) => {
      const event = json(line);
      return event?.message === message && event.address;
    });
  }

  // Puts a new key file in the place of the old one, as deployments do.
  setKeys(keys) {
    writeFileSync(this.#path("keys.new"), JSON.stringify({ keys: keys.map((key) => key.record) }));
    renameSync(this.#path("keys.new"), this.#path("keys.yaml"));
  }

  // The access log so far.
  get requests() {
    return this.program.lines.map(json).filter((line) => line?.event === "request");
  }

  // All that it wrote so far.
  get output() {
    return this.program.lines.join("\n");
  }

  metrics() {
    return metrics(`http://${this.status}`);
  }

  stop() {
    return this.program.stop();
  }
}

// The metrics' text; `value` adds the samples of a family whose labels include the given ones.
export async function metrics(status) {
  const answer = await fetch(`${status}/metrics`);
  if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
  const text = await answer.text();
  const value = (family, labels = {}) => {
    const wanted = Object.entries(labels).map(([name, text]) => `${name}="${text}"`);
    let sum = 0;
    for (const line of text.split("\n")) {
      const [, name, given = "", number] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === family && wanted.every((label) => `,${given},`.includes(`,${label},`))) sum += Number(number);
    }
    return sum;
  };
  return { text, value };
}

// A new key, made here from the description of the format rather than by the program: its text, and its record in a key file.
export function newKey(kind, id, more = {}) {
  const checked = `${kind === "secret" ? "sk" : "pk"}_live_${randomBase62(44)}`;
  const text = checked + base62(crc32(checked)).padStart(6, "0");
  const shown = kind === "secret" ? { digest: `sha256$${createHash("sha256").update(text).digest("hex")}` } : { key: text };
  return { text, record: { id, app: "test", kind, environment: "live", ...shown, ...more } };
}

export const revoked = (key) => ({ ...key, record: { ...key.record, state: "revoked" } });

// A key as the subprotocol that carries it.
export const asProtocol = (key) => `keygate.key.${Buffer.from(key).toString("base64url")}`;

// Every way in which a key might stand in something that must not hold it.
export function tracesOf(key) {
  return [key, key.slice(-38), Buffer.from(key).toString("base64url"), Buffer.from(key).toString("base64")];
}

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function randomBase62(length) {
  return Array.from(randomBytes(length), (byte) => BASE62[byte % 62]).join("");
}

function base62(number) {
  return (number >= 62 ? base62(Math.floor(number / 62)) : "") + BASE62[number % 62];
}

function crc32(text) {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function json(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
