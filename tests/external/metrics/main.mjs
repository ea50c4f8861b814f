import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { Gate, newKey, revoked, tracesOf } from "../lib/gate.mjs";
import { next, run, until } from "../lib/suite.mjs";
import { startBackend } from "./backend.mjs";

const TIMES = process.env.KEYGATE_LONG ? 50 : 5;
// Stands wherever a client can write something; a label made of it would be without bound.
const MARK = "e7c3b0a1";
const PAGE = `https://${MARK}.example.com`;

const server = newKey("secret", "server");
const web = newKey("publishable", "web", { origins: [PAGE], capabilities: { "*": ["subscribe"] } });
const slow = newKey("secret", "slow", { limits: { rate: "1/h", burst: 1 } });
const keys = [server, web, slow];

await run(async function metrics(check) {
  const backend = await startBackend();
  const gate = await Gate.start({
    keys,
    upstream: `127.0.0.1:${backend.port}`,
    credentials: { header: "x-api-key", query: ["key"] },
    routes: [
      { name: "publish", match: { path: "/realtime", methods: ["POST"] }, operation: "publish" },
      { name: "socket", match: { path: "/connection/**" }, operation: "subscribe", enforce_inside: "backend" },
      { name: "events", match: { path: "/events/**" }, operation: "subscribe" },
    ],
  });
  const inHeader = (key) => ({ "x-api-key": key.text });

  await check("promtool finds nothing before any traffic", async () => lint((await gate.metrics()).text));
  await check("promtool finds what is wrong with a metric", async () => {
    const { text } = await gate.metrics();
    const { status, stderr } = promtool(text.replaceAll("keygate_config_reloads_total", "keygate_config_reloads"));
    assert.deepEqual([status, stderr], [3, 'keygate_config_reloads counter metrics should have "_total" suffix\n']);
  });
  await check("the type of /metrics is the text format's", async () => {
    const answer = await fetch(`http://${gate.status}/metrics`);
    assert.match(answer.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
  });

  // Each sends a request some times and says how it is decided.
  const cases = [
    { path: "/realtime", method: "POST", headers: inHeader(server), status: 200, route: "publish", key: "server" },
    { path: "/realtime", method: "POST", status: 401, route: "publish", reason: "missing_key" },
    { path: "/realtime", method: "POST", headers: inHeader(newKey("secret", "x")), status: 401, route: "publish", reason: "unknown_key" },
    { path: `/realtime?key=${server.text}`, method: "POST", status: 401, route: "publish", reason: "secret_in_query", key: "server" },
    { path: "/realtime", method: "POST", headers: { ...inHeader(web), origin: PAGE }, status: 403, route: "publish", reason: "not_capable", key: "web" },
    { path: "/events/a", headers: { ...inHeader(web), origin: `https://evil-${MARK}.example` }, status: 403, route: "events", reason: "origin_refused", key: "web" },
    { path: "/events/a", headers: inHeader(web), status: 403, route: "events", reason: "origin_missing", key: "web" },
    { path: `/nowhere/${MARK}`, headers: inHeader(server), status: 404, reason: "no_route" },
  ];
  for (const { path, method = "GET", headers = {}, status, route, reason, key } of cases) {
    await check(`counted and logged: ${method} ${path.replace(/=.*/, "=…")}, ${status} ${reason ?? ""}`, async () => {
      const [before, lines] = [await gate.metrics(), gate.requests.length];
      for (let time = 0; time < TIMES; time++) {
        assert.equal((await send(gate, path, { method, headers: { "user-agent": MARK, ...headers } })).statusCode, status);
      }
      const decision = { outcome: reason ? "deny" : "allow", transport: "http", ...(route && { route }), ...(reason && { reason }) };
      await grown(gate, before, [
        ["keygate_auth_decisions_total", decision],
        ["keygate_auth_decisions_total", {}],
        ["keygate_http_requests_total", { code: status, ...(route && { route }) }],
        ["keygate_auth_duration_seconds_count", {}],
      ]);

      await until("the lines", () => gate.requests.length >= lines + TIMES);
      const logged = gate.requests.slice(lines);
      assert.equal(logged.length, TIMES);
      for (const line of logged) {
        assert.deepEqual(
          [line.outcome, line.reason, line.status, line.route, line.key_id, line.method, line.path, line.transport],
          [decision.outcome, reason, status, route, key, method, path.split("?")[0], "http"],
        );
        assert.equal(line.app, key && "test");
        if (reason) assert.equal(line.origin, headers.origin);
        assert.match(line.request_id, /^\S+$/);
        assert.equal(line.peer, "127.0.0.1");
        assert(Math.abs(Date.now() - Date.parse(line.time)) < 3_600_000, line.time);
      }
      assert.equal(new Set(logged.map((line) => line.request_id)).size, TIMES);
    });
  }

  await check("counted and logged: 429, with the limit that it is of", async () => {
    const [before, lines] = [await gate.metrics(), gate.requests.length];
    const answers = [];
    for (let time = 0; time < 3; time++) answers.push(await send(gate, "/realtime", { method: "POST", headers: inHeader(slow) }));
    assert.deepEqual(answers.map((answer) => answer.statusCode), [200, 429, 429]);
    for (const { headers } of answers.slice(1)) assert(Number(headers["retry-after"]) > 3000, headers["retry-after"]);
    await grown(gate, before, [
      ["keygate_auth_decisions_total", { outcome: "deny", reason: "rate_limited" }, 2],
      ["keygate_rate_limit_decisions_total", { scope: "key", result: "limited" }, 2],
      ["keygate_rate_limit_decisions_total", { scope: "key", result: "ok" }, 1],
    ]);
    await until("the lines", () => gate.requests.length >= lines + 3);
    assert.deepEqual(gate.requests.slice(lines).map((line) => line.reason), [undefined, "rate_limited", "rate_limited"]);
  });

  // The bytes are those of a frame, and of a chunk.
  for (const [transport, open, bytes] of [["websocket", openSocket, "\x81\x05hello".length], ["sse", openEvents, "d\r\ndata: hello\n\n\r\n".length]]) {
    await check(`counted: ${transport}, opened, open, closed by its client`, async () => {
      const before = await gate.metrics();
      const streams = [];
      for (let time = 0; time < TIMES; time++) streams.push(await open(gate, { ...inHeader(web), origin: PAGE }));
      await grown(gate, before, [
        ["keygate_auth_decisions_total", { outcome: "allow", transport }],
        ["keygate_connections_opened_total", { transport }],
        ["keygate_connections", { transport }],
        ["keygate_connections_closed_total", {}, 0],
      ]);
      for (const stream of streams) stream.destroy();
      await grown(gate, before, [
        ["keygate_connections", { transport }, 0],
        ["keygate_connections_closed_total", { transport, initiator: "client" }],
        ["keygate_connection_duration_seconds_count", { transport }],
      ]);
    });
    await check(`counted: ${transport}, every byte behind the answer's head`, async () => {
      const before = await gate.metrics();
      for (let time = 0; time < TIMES; time++) (await open(gate, { ...inHeader(web), origin: PAGE })).destroy();
      await grown(gate, before, [
        ["keygate_bytes_total", { direction: "received", transport }, 0],
        ["keygate_bytes_total", { direction: "sent", transport }, TIMES * bytes],
      ]);
    });
    await check(`logged: ${transport} with its key`, async () => {
      const line = await until("a line", () => gate.requests.find((line) => line.transport === transport));
      assert.deepEqual([line.key_id, line.status, line.outcome, line.reason], ["web", transport === "sse" ? 200 : 101, "allow", undefined]);
    });
  }

  await check("counted: streams cut because their key was revoked, and how long that took", async () => {
    const [socket, events] = [await openSocket(gate, inHeader(server)), await openEvents(gate, inHeader(server))];
    const before = await gate.metrics();
    assert.equal(before.value("keygate_keys", { state: "revoked" }), 0);
    const ended = Promise.all([socket, events].map((stream) => once(stream, "close")));
    gate.setKeys([revoked(server), web, slow]);
    await ended;
    const closed = (transport) => ["keygate_connections_closed_total", { transport, initiator: "gate", reason: "key_revoked" }, 1];
    const after = await grown(gate, before, [
      closed("websocket"),
      closed("sse"),
      ["keygate_connections", {}, -2],
      ["keygate_revocation_close_seconds_count", {}, 2],
      ["keygate_config_reloads_total", { result: "success" }, 1],
      ["keygate_keyset_generation", {}, 1],
    ]);
    assert.equal(after.value("keygate_keys", { kind: "secret", state: "revoked" }), 1);
  });
  await check("counted: a key file that cannot be read, while the last good one stays in force", async () => {
    const before = await gate.metrics();
    assert.equal(before.value("keygate_config_last_reload_successful"), 1);
    gate.setKeys([{ record: { id: "half" } }]);
    await grown(gate, before, [
      ["keygate_config_last_reload_successful", {}, -1],
      ["keygate_config_reloads_total", { result: "failure" }, 1],
      ["keygate_keyset_generation", {}, 0],
    ]);
    assert.equal((await send(gate, "/realtime", { method: "POST", headers: inHeader(slow) })).statusCode, 429);
  });
  await check("counted: a backend that is gone", async () => {
    backend.close();
    gate.setKeys(keys);
    await until("the keys", async () => (await gate.metrics()).value("keygate_config_last_reload_successful") === 1);
    const before = await gate.metrics();
    assert.equal((await send(gate, "/realtime", { method: "POST", headers: inHeader(server) })).statusCode, 502);
    await grown(gate, before, [["keygate_upstream_errors_total", {}, 1]]);
  });

  await check("promtool finds nothing after all that", async () => lint((await gate.metrics()).text));
  await check("no label is made of what clients send", async () => {
    const { text } = await gate.metrics();
    assert(!text.includes(MARK), text.split("\n").find((line) => line.includes(MARK)));
  });
  await check("no key is in the log or the metrics", async () => {
    const written = gate.output + (await gate.metrics()).text;
    for (const trace of [server, slow].flatMap((key) => tracesOf(key.text))) assert(!written.includes(trace), trace);
  });
  await check("all that the gate writes is lines of JSON, and it ends in good order", async () => {
    assert.equal(await gate.stop(), 0);
    assert(gate.program.lines.length > cases.length * TIMES);
    for (const line of gate.program.lines) assert.equal(typeof JSON.parse(line), "object", line);
  });
});

function promtool(text) {
  return spawnSync(process.env.PROMTOOL, ["check", "metrics"], { input: text, encoding: "utf8" });
}

function lint(text) {
  assert(text.includes("keygate_build_info"));
  const { status, stdout, stderr } = promtool(text);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
}

// Waits until, since the reading `before`, samples have grown by so much and no more, and gives the new reading. What is counted
// when something ends is counted a moment after its client has seen the end.
async function grown(gate, before, expected) {
  let after;
  let wrong;
  const right = async () => {
    after = await gate.metrics();
    wrong = expected.map(([family, labels, count = TIMES]) => {
      const growth = after.value(family, labels) - before.value(family, labels);
      return growth === count ? undefined : `${family} ${JSON.stringify(labels)} grew by ${growth}, not by ${count}`;
    }).filter(Boolean);
    return wrong.length === 0;
  };
  await until("the counts", right, 3000).catch(() => assert.fail(wrong.join("\n")));
  return after;
}

function request(gate, path, { method = "GET", headers }) {
  const [host, port] = gate.address.split(":");
  // A connection for each: what one leaves behind is none of the next one's.
  return http.request({ host, port, path, method, headers, agent: false }).end();
}

async function send(gate, path, options) {
  const [response] = await next(request(gate, path, options), "response");
  response.resume();
  await once(response, "end");
  return response;
}

// A stream from which something has arrived.
async function openSocket(gate, headers) {
  const handshake = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const [, socket, head] = await next(request(gate, `/connection/${MARK}`, { headers: { ...headers, ...handshake } }), "upgrade");
  socket.on("error", () => {});
  if (head.length === 0) await next(socket, "data");
  else socket.resume();
  socket.on("end", () => socket.destroy());
  return socket;
}

async function openEvents(gate, headers) {
  const [response] = await next(request(gate, `/events/${MARK}`, { headers: { ...headers, accept: "text/event-stream" } }), "response");
  response.on("error", () => {});
  assert.equal(response.statusCode, 200);
  await next(response, "data");
  return response;
}
