// Socket.IO, by polling and by WebSocket: its own server behind the gate, its own client in front of it.

import assert from "node:assert/strict";
import http from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";
import { Gate, asProtocol, newKey, revoked, tracesOf } from "../lib/gate.mjs";
import { listen } from "../lib/machine.mjs";
import { next, until } from "../lib/suite.mjs";

const PAGE = "https://app.example.com";

export async function socketio(check) {
  const backend = await startBackend();
  const server = newKey("secret", "server");
  const other = newKey("secret", "other");
  const web = newKey("publishable", "web", { origins: [PAGE] });
  const config = {
    upstream: `127.0.0.1:${backend.port}`,
    credentials: { header: "x-api-key", bearer: true, query: ["key"], query_secrets: "refuse", websocket_protocol: true },
    routes: [{ name: "socketio", match: { path: "/socket.io/**" }, operation: "subscribe", enforce_inside: "backend" }],
  };
  const keys = [server, other, web];
  const gate = await Gate.start({ keys, ...config });
  const lenient = await Gate.start({ keys, ...config, credentials: { ...config.credentials, query_secrets: "allow" } });
  const inHeader = (key) => ({ extraHeaders: { "x-api-key": key.text } });

  for (const transport of ["polling", "websocket"]) {
    const only = { transports: [transport] };
    await check(`socket.io, ${transport}: a secret key in a header`, () => talk(gate, { ...only, ...inHeader(server) }));
    await check(`socket.io, ${transport}: a secret key as a bearer token`, () =>
      talk(gate, { ...only, extraHeaders: { authorization: `Bearer ${server.text}` } }));
    await check(`socket.io, ${transport}: a secret key in the query, where that is allowed`, () =>
      talk(lenient, { ...only, query: { key: server.text, mine: "1" } }));
    await check(`socket.io, ${transport}: a secret key in the query, by default`, () =>
      refused(gate, { ...only, query: { key: server.text } }, "secret_in_query", 401));
    await check(`socket.io, ${transport}: a publishable key in the query, from its origin`, () =>
      talk(gate, { ...only, query: { key: web.text }, extraHeaders: { origin: PAGE } }));
    await check(`socket.io, ${transport}: a publishable key from another origin`, () =>
      refused(gate, { ...only, query: { key: web.text }, extraHeaders: { origin: "https://evil.example" } }, "origin_refused", 403));
    await check(`socket.io, ${transport}: no key`, () => refused(gate, only, "missing_key", 401));
    await check(`socket.io, ${transport}: a key that the gate does not know`, () =>
      refused(gate, { ...only, ...inHeader(newKey("secret", "x")) }, "unknown_key", 401));
    await check(`socket.io, ${transport}: two keys`, () =>
      refused(gate, { ...only, ...inHeader(server), query: { key: web.text } }, "ambiguous_key", 400));
  }

  await check("socket.io: a secret key in a subprotocol, beside `keygate`, which the gate selects", async () => {
    const client = await talk(gate, { transports: ["websocket"], protocols: ["keygate", asProtocol(server.text)] });
    assert.equal(client.protocol, "keygate");
  });

  await check("socket.io: polling that becomes a WebSocket", async () => {
    const client = connect(gate, { transports: ["polling", "websocket"], ...inHeader(server) });
    await next(client, "connect");
    if (client.io.engine.transport.name !== "websocket") await next(client.io.engine, "upgrade");
    assert.equal(client.io.engine.transport.name, "websocket");
    await echo(client);
    client.disconnect();
  });

  await check("socket.io: rooms, between clients of both transports", async () => {
    const [one, two, three] = await Promise.all(["polling", "websocket", "websocket"].map(async (transport) => {
      const client = connect(gate, { transports: [transport], ...inHeader(server) });
      await next(client, "connect");
      return client;
    }));
    for (const client of [one, two]) await client.emitWithAck("join", "kitchen");
    await three.emitWithAck("join", "garden");
    const arrived = Promise.all([next(one, "news"), next(two, "news")]);
    three.on("news", () => assert.fail("a message of another room"));
    await three.emitWithAck("tell", "kitchen", "soup");
    assert.deepEqual(await arrived, [["soup"], ["soup"]]);
    // On its own connection the news would have come before this.
    await echo(three);
    for (const client of [one, two, three]) client.disconnect();
  });

  for (const transport of ["polling", "websocket"]) {
    await check(`socket.io, ${transport}: a revoked key's client is cut off, cannot come back until the key is, and others stay`, async () => {
      const options = { transports: [transport], reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 40 };
      const cut = connect(gate, { ...options, ...inHeader(server) });
      await next(cut, "connect");
      const stays = connect(gate, { transports: [transport], ...inHeader(other) });
      await next(stays, "connect");

      const before = gate.requests.length;
      const disconnected = next(cut, "disconnect");
      gate.setKeys([revoked(server), other, web]);
      await disconnected;
      await until("three refused attempts to come back", () =>
        gate.requests.slice(before).filter((line) => line.reason === "key_revoked" && line.status === 401).length >= 3);
      assert.equal(cut.connected, false);
      await echo(stays);

      gate.setKeys(keys);
      await until("the key's return", () => cut.connected);
      await echo(cut);
      cut.disconnect();
      stays.disconnect();
    });
  }

  await check("socket.io: the server was told who comes, and never saw a key", async () => {
    const { requests, handshakes } = backend;
    assert(requests.length > 0 && handshakes.length > 0);
    for (const id of ["server", "other", "web"]) {
      assert(handshakes.some(({ headers }) => headers["x-keygate-key-id"] === id), `no handshake names ${id}`);
    }
    for (const { headers } of handshakes) {
      assert.equal(headers["x-keygate-app"], "test");
      assert.equal(headers["x-api-key"], undefined);
      assert.equal(headers.authorization, undefined);
    }
    assert(handshakes.some(({ query }) => query.mine === "1"), "the rest of the query was lost");
    assert(handshakes.every(({ query }) => query.key === undefined));
    const seen = JSON.stringify([requests, handshakes]);
    for (const trace of keys.flatMap((key) => tracesOf(key.text))) assert(!seen.includes(trace), `the server saw ${trace}`);
  });
  await check("socket.io: no key is in a log or a metric", async () => {
    for (const one of [gate, lenient]) {
      const written = one.output + (await one.metrics()).text;
      assert(one.requests.length > 0);
      for (const trace of [server, other].flatMap((key) => tracesOf(key.text))) assert(!written.includes(trace), trace);
    }
  });

  for (const one of [gate, lenient]) assert.equal(await one.stop(), 0);
  await backend.server.close();
}

// Echoes, has rooms, and keeps all that requests say.
async function startBackend() {
  const listener = http.createServer();
  const [requests, handshakes] = [[], []];
  for (const event of ["request", "upgrade"]) {
    listener.on(event, ({ method, url, rawHeaders }) => requests.push({ method, url, rawHeaders }));
  }
  const server = new Server(listener, { transports: ["polling", "websocket"] });
  server.on("connection", (socket) => {
    const { headers, query } = socket.handshake;
    handshakes.push({ headers: { ...headers }, query: { ...query } });
    socket.on("echo", (text, done) => done(text));
    socket.on("join", async (room, done) => done(await socket.join(room)));
    socket.on("tell", (room, text, done) => done(server.to(room).emit("news", text)));
  });
  return { server, requests, handshakes, port: await listen(listener) };
}

function connect(gate, options) {
  return io(`http://${gate.address}`, { forceNew: true, reconnection: false, ...options });
}

async function talk(gate, options) {
  const client = connect(gate, options);
  await next(client, "connect");
  assert.equal(client.io.engine.transport.name, options.transports[0]);
  await echo(client);
  client.protocol = client.io.engine.transport.ws?.protocol;
  client.disconnect();
  return client;
}

async function echo(client) {
  assert.equal(await client.timeout(10_000).emitWithAck("echo", "hello"), "hello");
}

// The client gets a `connect_error`, and the gate's log says with which status and why.
async function refused(gate, options, reason, status) {
  const before = gate.requests.length;
  const client = connect(gate, options);
  try {
    const [error] = await next(client, ["connect_error", "connect"]);
    assert(error instanceof Error, "the client was let in");
    if (options.transports[0] === "polling") assert.equal(error.description, status);
    else assert.equal(error.description.message, `Unexpected server response: ${status}`);
  } finally {
    client.disconnect();
  }
  // Earlier clients' last polls may still be coming to their end; they were let in.
  const line = await until("a line in the log", () => gate.requests.slice(before).find(({ outcome }) => outcome === "deny"));
  assert.deepEqual([line.reason, line.status], [reason, status]);
}
