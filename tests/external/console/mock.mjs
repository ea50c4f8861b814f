// The management API in memory, by its contract, for what a gate does not do on command: another operator who is faster, a receipt
// that takes its time, a token that ends. Serves the console's files from the source, under the policy that the gate sends.

import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import http from "node:http";
import { listen } from "../lib/machine.mjs";
import { routes } from "./mock-routes.mjs";
import { World, problem } from "./mock-world.mjs";

const FILES = new URL("../../../src/admin/console/", import.meta.url);
const TYPES = { html: "text/html", css: "text/css", js: "text/javascript" };
const POLICY = /CONSOLE_POLICY: &str = "([^"]+)"/.exec(readFileSync(new URL("mod.rs", FILES), "utf8"))[1].replaceAll(/\\\s+/g, "");

export class Mock {
  world = new World();
  // Streams of decisions that are open.
  watchers = new Set();
  // What was asked for, for tests that ask what the page sent.
  calls = [];

  static async start() {
    const mock = new Mock();
    const server = http.createServer((request, response) => mock.#answer(request, response));
    mock.url = `http://127.0.0.1:${await listen(server)}`;
    return mock;
  }

  // Sends a decision to all who watch.
  decide(decision) {
    const line = { time: new Date().toISOString(), event: "request", request_id: randomUUID(), peer: "192.0.2.7", method: "GET", path: "/events", transport: "sse", status: 200, outcome: "allow", duration_ms: 0.4, ...decision };
    for (const watcher of this.watchers) watcher.write(`event: decision\ndata: ${JSON.stringify(line)}\n\n`);
  }

  async #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    if (!pathname.startsWith("/v1/")) return file(pathname, response);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : undefined;
    const headers = request.headers;
    this.calls.push({ method: request.method, path: pathname, body, headers });
    try {
      const by = this.world.callers.get(headers.authorization?.replace(/^Bearer /, ""));
      if (!by) throw problem(401, "unauthorized", "No operator has this token.");
      const found = routes.find(([method, pattern]) => method === request.method && pattern.test(pathname));
      if (!found) throw problem(404, "not_found", "There is no such route.");
      const [, pattern, serve, needs = "viewer"] = found;
      const order = ["viewer", "operator", "owner"];
      const allowed = by.role === "app" ? /^\/v1\/(whoami|usage|keys)/.test(pathname) : order.indexOf(by.role) >= order.indexOf(needs);
      if (!allowed) throw problem(403, "forbidden", `This needs the role ${needs}.`);
      const [, id] = pattern.exec(pathname).map((part) => part && decodeURIComponent(part));
      const once = headers["idempotency-key"];
      const known = once && this.world.once.get(once);
      const answer = known ?? serve({ mock: this, world: this.world, by, id, query: Object.fromEntries(searchParams), body, version: headers["if-match"], response });
      if (answer === undefined) return; // A stream: the route writes it.
      if (once) this.world.once.set(once, { ...answer, body: { ...answer.body, secret: null, token: null, repeated: true } });
      response.writeHead(answer.status ?? 200, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(answer.text ?? (answer.body && JSON.stringify(answer.body)));
    } catch (error) {
      if (!error.status) throw error;
      response.writeHead(error.status, { "content-type": "application/problem+json" });
      response.end(JSON.stringify(error));
    }
  }
}

function file(path, response) {
  const name = path === "/" ? "index.html" : path.slice(1);
  if (!readdirSync(FILES).includes(name) || name.endsWith(".rs")) return response.writeHead(404).end();
  const bytes = readFileSync(new URL(name, FILES));
  response.writeHead(200, {
    "content-type": `${TYPES[name.split(".").pop()]}; charset=utf-8`,
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    etag: `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`,
  });
  response.end(bytes);
}
