// What a page may do: one of the demo's own origin, which the publishable key lists, and the same page from another port.

import assert from "node:assert/strict";
import http from "node:http";
import { asProtocol } from "../lib/gate.mjs";
import { listen } from "../lib/machine.mjs";
import { until } from "../lib/suite.mjs";
import { launch, openPage } from "./chromium.mjs";
import { Demo, revoke } from "./demo.mjs";

export async function origins(check) {
  const demo = await Demo.start();
  const elsewhere = await servedFromElsewhere(demo.page);
  const browser = await launch();
  const allowed = await openPage(browser, demo.page);
  const refused = await openPage(browser, elsewhere.url);
  const { publishable_key: pk, secret_key: sk } = demo;
  const socket = `${demo.gate.replace(/^http/, "ws")}/connection/websocket?channel=news`;
  const protocols = (key) => ["keygate", asProtocol(key)];
  const events = (key) => `${demo.gate}/events?channel=news&key=${key}`;
  const post = { method: "POST", body: JSON.stringify({ channel: "news", message: "hello" }) };

  await check("allowed origin: a WebSocket with its key in a subprotocol", async () => {
    assert.deepEqual(await openSocket(allowed, socket, protocols(pk)), { opened: true, protocol: "keygate" });
  });
  await check("allowed origin: an EventSource with its key in the query", async () => {
    assert.deepEqual(await openEvents(allowed, events(pk)), { opened: true });
  });
  await check("allowed origin: what a server publishes arrives at both", async () => {
    assert.equal(await demo.publish("news", "for the page"), 2);
    const seen = await until("both messages", async () => {
      const streams = await allowed.evaluate(() => window.streams.map((stream) => stream.seen));
      return streams.every((seen) => seen.length > 0) && streams;
    });
    for (const messages of seen) assert.deepEqual(messages.map((text) => JSON.parse(text).message), ["for the page"]);
    assert.equal(seen.length, 2);
  });
  await check("allowed origin: fetch with a key in a header, after a preflight", async () => {
    const { outcome: answer, preflights } = await withPreflights(allowed, () =>
      ask(allowed, `${demo.gate}/events?channel=news`, { headers: { "x-api-key": pk } }));
    assert.deepEqual([answer.status, answer.text, preflights], [200, ": joined\n\n", [["GET", 204]]]);
  });
  await check("allowed origin: a refusal for lack of rights can be read", async () => {
    const { outcome: answer, preflights } = await withPreflights(allowed, () =>
      ask(allowed, `${demo.gate}/realtime`, { ...post, headers: { "x-api-key": pk } }));
    assert.deepEqual([answer.status, answer.json.code, preflights], [403, "not_capable", [["POST", 204]]]);
    assert.equal(answer.headers["x-request-id"], answer.json.request_id);
  });
  await check("allowed origin: a refusal for lack of a key can be read", async () => {
    const answer = await ask(allowed, `${demo.gate}/inspect`, {});
    assert.deepEqual([answer.status, answer.json.code], [401, "missing_key"]);
  });
  await check("allowed origin: a page can read when to come back", async () => {
    const slow = "pk_live_slow";
    const record = { id: "slow", app: "demo", kind: "publishable", environment: "live", key: slow, origins: [demo.origin], limits: { rate: "1/h", burst: 1 } };
    await demo.editKeys((text) => `${text}  - ${JSON.stringify(record)}\n`);
    const answers = [];
    for (let time = 0; time < 2; time++) {
      answers.push(await ask(allowed, `${demo.gate}/inspect`, { headers: { "x-api-key": slow } }));
    }
    assert.deepEqual(answers.map(({ status }) => status), [200, 429]);
    const wait = Number(answers[1].headers["retry-after"]);
    assert(wait > 3000 && wait <= 3600, `Retry-After: ${answers[1].headers["retry-after"]}`);
    assert.match(answers[1].headers["ratelimit-policy"], /^"rate";q=1;w=3600(,|$)/);
  });

  await check("allowed origin: a secret key in fetch is refused, and counted as leaked", async () => {
    const before = await demo.metrics();
    const answer = await ask(allowed, `${demo.gate}/inspect`, { headers: { "x-api-key": sk } });
    assert.deepEqual([answer.status, answer.json.code], [401, "invalid_token"]);
    await demo.decided(before, { reason: "secret_in_browser", transport: "http" });
  });
  await check("allowed origin: a secret key in a WebSocket is refused, and counted as leaked", async () => {
    const before = await demo.metrics();
    assert.deepEqual(await openSocket(allowed, socket, protocols(sk)), { opened: false, code: 1006 });
    await demo.decided(before, { reason: "secret_in_browser", transport: "websocket" });
  });
  await check("allowed origin: a secret key in an EventSource's URL is refused", async () => {
    const before = await demo.metrics();
    assert.deepEqual(await openEvents(allowed, events(sk)), { opened: false, readyState: 2 });
    await demo.decided(before, { reason: "secret_in_query", transport: "sse" });
  });

  await check("refused origin: a WebSocket", async () => {
    const before = await demo.metrics();
    assert.deepEqual(await openSocket(refused, socket, protocols(pk)), { opened: false, code: 1006 });
    await demo.decided(before, { reason: "origin_refused", transport: "websocket" });
  });
  await check("refused origin: an EventSource", async () => {
    const before = await demo.metrics();
    assert.deepEqual(await openEvents(refused, events(pk)), { opened: false, readyState: 2 });
    await demo.decided(before, { reason: "origin_refused", transport: "sse" });
  });
  await check("refused origin: a publish is stopped at the preflight, whatever the key", async () => {
    for (const key of [pk, sk]) {
      const before = (await demo.metrics()).value("keygate_http_requests_total", { route: "publish" });
      const { outcome, preflights } = await withPreflights(refused, () =>
        ask(refused, `${demo.gate}/realtime`, { ...post, headers: { "x-api-key": key } }));
      assert.deepEqual([outcome, preflights], [{ blocked: "TypeError" }, [["POST", 403]]]);
      assert.equal((await demo.metrics()).value("keygate_http_requests_total", { route: "publish" }), before);
    }
  });
  await check("refused origin: an answer to a request without preflight cannot be read", async () => {
    const before = await demo.metrics();
    assert.deepEqual(await ask(refused, events(pk), {}), { blocked: "TypeError" });
    await demo.decided(before, { reason: "origin_refused", transport: "http" });
  });
  await check("refused origin: nothing came through", async () => {
    assert.deepEqual(await refused.evaluate(() => window.streams.map(({ seen }) => seen)), [[], []]);
    const [first, second] = await allowed.evaluate(() => window.streams.map(({ seen }) => seen.length));
    assert.deepEqual([first, second], [1, 1]);
  });

  await check("revoked: the page's WebSocket is told with 1008, and its EventSource stops for good", async () => {
    assert.equal(await demo.publish("news", "still there"), 2);
    await demo.editKeys(revoke("web"));
    const [webSocket, eventSource] = await until("both ends", () => allowed.evaluate(() => {
      const [webSocket, eventSource] = window.streams;
      return webSocket.closed && eventSource.source.readyState === EventSource.CLOSED
        && [{ ...webSocket.closed, seen: webSocket.seen.length }, { errors: eventSource.errors, seen: eventSource.seen.length }];
    }));
    assert.deepEqual(webSocket, { code: 1008, wasClean: true, seen: 2 });
    assert.deepEqual(eventSource, { errors: 2, seen: 2 });
    assert.equal(await demo.publish("news", "to nobody"), 0);
  });
  await check("revoked: the page cannot come back", async () => {
    assert.deepEqual(await openSocket(allowed, socket, protocols(pk)), { opened: false, code: 1006 });
    const answer = await ask(allowed, `${demo.gate}/inspect`, { headers: { "x-api-key": pk } });
    assert.deepEqual([answer.status, answer.json.code], [401, "invalid_token"]);
  });

  await browser.close();
  elsewhere.close();
  assert.equal(await demo.stop(), 0);
}

// The demo's page, file by file, at another port: another origin.
async function servedFromElsewhere(page) {
  const server = http.createServer(async ({ url }, response) => {
    const original = await fetch(new URL(url, page));
    const kept = ["content-type", "content-security-policy"].map((name) => [name, original.headers.get(name)]);
    response.writeHead(original.status, Object.fromEntries(kept.filter(([, value]) => value))).end(await original.text());
  });
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close().closeAllConnections() };
}

// Does something in a page and gives, with its outcome, the method and the answer's status of each preflight that it caused.
async function withPreflights(page, act) {
  const methods = new Map();
  const preflights = [];
  const session = await page.context().newCDPSession(page);
  session.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (request.method === "OPTIONS") methods.set(requestId, request.headers["Access-Control-Request-Method"]);
  });
  session.on("Network.responseReceived", ({ requestId, response }) => {
    if (methods.has(requestId)) preflights.push([methods.get(requestId), response.status]);
  });
  await session.send("Network.enable");
  const outcome = await act();
  // Their answers came before the outcome, but are told of on another channel.
  await session.send("Network.disable");
  await session.detach();
  return { outcome, preflights };
}

// Each keeps its stream in the page's `window.streams`, with what it has seen, and tells how opening it went.

function openSocket(page, url, protocols) {
  return page.evaluate(([url, protocols]) => new Promise((resolve) => {
    const source = new WebSocket(url, protocols);
    const stream = { source, seen: [] };
    (window.streams ??= []).push(stream);
    source.onopen = () => resolve({ opened: true, protocol: source.protocol });
    source.onmessage = ({ data }) => stream.seen.push(data);
    source.onclose = ({ code, wasClean }) => {
      stream.closed = { code, wasClean };
      resolve({ opened: false, code });
    };
  }), [url, protocols]);
}

function openEvents(page, url) {
  return page.evaluate((url) => new Promise((resolve) => {
    const source = new EventSource(url);
    const stream = { source, seen: [], errors: 0 };
    (window.streams ??= []).push(stream);
    source.onopen = () => resolve({ opened: true });
    source.onmessage = ({ data }) => stream.seen.push(data);
    source.onerror = () => {
      stream.errors += 1;
      resolve({ opened: false, readyState: source.readyState });
    };
  }), url);
}

// What `fetch` in the page lets it read: of an event stream, the first piece.
function ask(page, url, options) {
  return page.evaluate(async ([url, options]) => {
    const stop = new AbortController();
    try {
      const answer = await fetch(url, { ...options, signal: stop.signal });
      const { value } = await answer.body.getReader().read();
      const text = new TextDecoder().decode(value);
      const json = text.startsWith("{") ? JSON.parse(text) : undefined;
      return { status: answer.status, headers: Object.fromEntries(answer.headers), text, json };
    } catch (error) {
      return { blocked: error.name };
    } finally {
      stop.abort();
    }
  }, [url, options]);
}
