// MQTT over WebSocket: Mosquitto behind the gate, MQTT.js in front of it.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import mqtt from "mqtt";
import WebSocket from "ws";
import { Gate, asProtocol, newKey, revoked, tracesOf } from "../lib/gate.mjs";
import { Program, folder, freePort, listening, tryingPorts } from "../lib/machine.mjs";
import { next, until } from "../lib/suite.mjs";
import { Tap } from "../lib/tap.mjs";

const PAGE = "https://app.example.com";
const BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
const ROUNDS = process.env.KEYGATE_LONG ? 25 : 1;

export async function mosquitto(check) {
  const { broker, port } = await tryingPorts(startBroker);
  const tap = await Tap.before(port);
  const server = newKey("secret", "server");
  const other = newKey("secret", "other");
  const web = newKey("publishable", "web", { origins: [PAGE] });
  const config = {
    upstream: `127.0.0.1:${tap.port}`,
    credentials: { header: "x-api-key", bearer: true, query: ["key"], query_secrets: "refuse", websocket_protocol: true },
    routes: [
      { name: "mqtt", match: { path: "/mqtt" }, operation: "subscribe" },
      { name: "inside", match: { path: "/inside" }, operation: "subscribe", enforce_inside: "backend" },
    ],
  };
  const keys = [server, other, web];
  const gate = await Gate.start({ keys, ...config });
  const lenient = await Gate.start({ keys, ...config, credentials: { ...config.credentials, query_secrets: "allow" } });
  const at = (path, of = gate) => `ws://${of.address}${path}`;
  const inHeader = (key) => ({ headers: { "x-api-key": key.text } });

  await check("mqtt: a secret key in a header", () => talk(at("/mqtt"), inHeader(server)));
  await check("mqtt: a secret key as a bearer token", () =>
    talk(at("/mqtt"), { headers: { authorization: `Bearer ${server.text}` } }));
  await check("mqtt: a secret key in a subprotocol, beside the real one, which the broker selects", async () => {
    const client = await talk(at("/mqtt"), { protocols: [asProtocol(server.text)] });
    assert.equal(client.socket.protocol, "mqtt");
  });
  await check("mqtt: a secret key in the query, where that is allowed", () => talk(at(`/mqtt?key=${server.text}`, lenient)));
  await check("mqtt: a secret key in the query, by default", () => refused(gate, at(`/mqtt?key=${server.text}`), {}, "secret_in_query"));

  await check("mqtt: no key", () => refused(gate, at("/mqtt"), {}, "missing_key"));
  await check("mqtt: a key that the gate does not know", () => refused(gate, at("/mqtt"), inHeader(newKey("secret", "x")), "unknown_key"));
  await check("mqtt: a mistyped key", () => {
    const last = server.text.endsWith("A") ? "B" : "A";
    return refused(gate, at("/mqtt"), inHeader({ text: server.text.slice(0, -1) + last }), "malformed_key");
  });
  await check("mqtt: two keys", () => refused(gate, at(`/mqtt?key=${server.text}`), inHeader(server), "ambiguous_key", 400));
  await check("mqtt: a path without a route", () => refused(gate, at("/other"), inHeader(server), "no_route", 404));
  await check("mqtt: a secret key from what looks like a browser", () => {
    const headers = { "x-api-key": server.text, origin: PAGE, "user-agent": BROWSER };
    return refused(gate, at("/mqtt"), { headers }, "secret_in_browser");
  });

  const fromPage = (origin) => ({ headers: { "x-api-key": web.text, origin, "user-agent": BROWSER } });
  await check("mqtt: a publishable key, where the broker says it enforces", () => talk(at("/inside"), fromPage(PAGE)));
  await check("mqtt: a publishable key, where nobody would hold it to its rights", () =>
    refused(gate, at("/mqtt"), fromPage(PAGE), "not_capable", 403));
  await check("mqtt: a publishable key from another origin", () =>
    refused(gate, at("/inside"), fromPage("https://evil.example"), "origin_refused", 403));
  await check("mqtt: a publishable key from no origin", () => refused(gate, at("/inside"), inHeader(web), "origin_missing", 403));

  for (let round = 1; round <= ROUNDS; round++) {
    await check("mqtt: a revoked key's client is told, cannot come back until the key is, and others stay", async () => {
      const cut = connect(at("/mqtt"), { ...inHeader(server), reconnectPeriod: 50 });
      await next(cut, "connect");
      const stays = connect(at("/mqtt"), inHeader(other));
      await next(stays, "connect");
      const closed = next(cut.socket, "close");

      const before = gate.requests.length;
      gate.setKeys([revoked(server), other, web]);
      const [code] = await closed;
      assert.equal(code, 1008);
      await until("three refused attempts to come back", () =>
        gate.requests.slice(before).filter((line) => line.reason === "key_revoked" && line.status === 401).length >= 3);
      assert.equal(cut.connected, false);
      await echo(stays);

      gate.setKeys(keys);
      await next(cut, "connect");
      await echo(cut);
      await Promise.all([cut.endAsync(), stays.endAsync()]);
    });
  }

  await check("mqtt: the broker was told who comes, and never saw a key", async () => {
    const heads = tap.heads.filter((head) => head !== "");
    const sent = tap.sent.join("\n");
    for (const id of ["server", "other", "web"]) {
      assert(heads.some((head) => head.toLowerCase().includes(`\r\nx-keygate-key-id: ${id}\r\n`)), `no head names ${id}`);
    }
    assert(heads.some((head) => head.includes("GET /inside ") && /\r\nx-keygate-capability: .*subscribe/i.test(head)));
    for (const head of heads) assert.match(head, /\r\nsec-websocket-protocol: mqtt\r\n/i);
    for (const trace of [server, other, web].flatMap((key) => tracesOf(key.text))) {
      assert(!sent.includes(trace), `the broker was sent ${trace}`);
    }
  });
  await check("mqtt: no key is in a log or a metric", async () => {
    for (const one of [gate, lenient]) {
      const written = one.output + (await one.metrics()).text;
      assert(one.requests.length > 0);
      for (const trace of [server, other].flatMap((key) => tracesOf(key.text))) assert(!written.includes(trace), trace);
    }
  });

  for (const one of [gate, lenient]) assert.equal(await one.stop(), 0);
  tap.close();
  await broker.stop();
}

async function startBroker() {
  const [plain, port] = [await freePort(), await freePort()];
  const file = join(folder(), "mosquitto.conf");
  // Its WebSocket listener takes no notice of an address, and wants a plain one beside it.
  writeFileSync(file, [
    "allow_anonymous true",
    `listener ${plain} 127.0.0.1`,
    `listener ${port}`,
    "socket_domain ipv4",
    "protocol websockets",
    "",
  ].join("\n"));
  const broker = new Program(process.env.MOSQUITTO, ["-c", file]);
  await listening(port, broker);
  return { broker, port };
}

// An MQTT client. Its WebSocket, which knows more of a refusal than the client tells, is `socket`.
function connect(url, { headers = {}, protocols = [], reconnectPeriod = 0 } = {}) {
  let socket;
  const createWebsocket = (url, own) => (socket = new WebSocket(url, [...own, ...protocols], { headers }));
  const client = mqtt.connect(url, { reconnectPeriod, createWebsocket });
  return Object.defineProperty(client, "socket", { get: () => socket });
}

// Connects, and is a client among others: what it publishes reaches it by its subscription.
async function talk(url, options) {
  const client = connect(url, options);
  await next(client, "connect");
  await echo(client);
  await client.endAsync();
  return client;
}

let messages = 0;

async function echo(client) {
  const text = `message ${(messages += 1)}`;
  await client.subscribeAsync("news/#");
  const arrived = next(client, "message");
  await client.publishAsync("news/today", text, { qos: 1 });
  const [topic, payload] = await arrived;
  assert.deepEqual([topic, payload.toString()], ["news/today", text]);
  await client.unsubscribeAsync("news/#");
}

// The client is refused with `status`, and the gate's log says why.
async function refused(gate, url, options, reason, status = 401) {
  const before = gate.requests.length;
  const client = connect(url, options);
  try {
    const [error] = await next(client.socket, ["error", "open"]);
    assert.equal(error?.message, `Unexpected server response: ${status}`);
  } finally {
    client.end(true);
  }
  const line = await until("a line in the log", () => gate.requests.slice(before).find(({ outcome }) => outcome === "deny"));
  assert.deepEqual([line.reason, line.status, line.transport], [reason, status, "websocket"]);
}
