import assert from "node:assert/strict";
import net from "node:net";
import { Gate, newKey, tracesOf } from "../lib/gate.mjs";
import { run, until, within } from "../lib/suite.mjs";
import { corpus } from "./corpus.mjs";
import { broken, isSpoofed, tagOf, wasAdmitted } from "./rules.mjs";
import { NAMES, Server } from "./servers.mjs";

const key = newKey("secret", "server");
const sendings = corpus(key.text);
const honest = sendings.filter((sending) => sending.requests);

// What a server declines by itself although it is honest: SCGI wants to know the length, and lighttpd has no use for a GET's body.
const DECLINED = { apache: /chunk|trailers/, lighttpd: /a body on a GET/ };

// The requests of one sending, but for its end.
const of = (seen, tag) => seen.filter(({ target }) => tagOf(target) === tag && !target.endsWith("/end"));

await run(async function garden(check) {
  const gated = new Map();
  const direct = new Map();
  // Two at a time: as many as there are processors on a small machine.
  await inTurns(2, NAMES, async (name) => {
    gated.set(name, await behindGate(name).catch((error) => ({ error })));
    direct.set(name, await withoutGate(name).catch((error) => ({ error })));
  });

  for (const [name, { error, seen, log, decided, output }] of gated) {
    await check(`${name}: what it understood is what the gate admitted`, () => {
      if (error) throw error;
      assert.equal(log.length, decided.all, "a line of the log for each decision");
      assert.equal(log.filter(wasAdmitted).length, decided.allowed);
      assert.deepEqual(broken(seen, log), []);
      console.log(`        ${sendings.length} sendings, ${log.length} requests, ${decided.allowed} admitted, ${seen.length} understood`);
    });
    await check(`${name}: honest requests arrive, each once`, () => {
      if (error) throw error;
      for (const { name: sending, tag, requests } of honest) {
        const wanted = DECLINED[name]?.test(sending) ? requests - 1 : requests;
        assert.equal(of(seen, tag).length, wanted, `${sending}: ${JSON.stringify(of(seen, tag))}`);
      }
    });
    await check(`${name}: the key is in nothing that it was sent, nor in a log`, () => {
      if (error) throw error;
      const told = JSON.stringify(seen) + output;
      for (const trace of tracesOf(key.text)) assert(!told.includes(trace), trace);
    });
  }

  await check("without a gate the servers disagree and are told lies: else all this would prove nothing", () => {
    for (const [name, { error }] of direct) if (error) throw new Error(`${name}: ${error.stack}`);
    // Those that take a request behind another at all.
    const { tag } = honest.find(({ requests }) => requests === 3);
    const able = [...direct.values()].filter(({ seen }) => of(seen, tag).length === 3);
    const disagreed = sendings.filter(({ tag }) => new Set(able.map(({ seen }) => of(seen, tag).length)).size > 1);
    const count = (rule) => able.filter(({ seen }) => seen.some(rule)).length;
    const smuggled = count(({ target }) => target.includes("smuggled"));
    const spoofed = count(({ target, headers }) => !target.includes("smuggled") && isSpoofed(headers));
    console.log(`        ${disagreed.length} of ${sendings.length} sendings are understood in two ways by ${able.length} servers`);
    assert(able.length >= 10, `${able.length} servers take requests one behind the other`);
    assert(disagreed.length > sendings.length / 4, `${disagreed.length} sendings are understood in two ways`);
    assert.deepEqual([smuggled, spoofed], [able.length, able.length], "who found a hidden request, and who a false identity");
    for (const { seen } of able) assert(broken(seen, []).length >= seen.length, "the rules find fault with each");
  });
});

// Sends everything through a gate, and says what the gate admitted and the server understood.
async function behindGate(name) {
  const server = await Server.start(name);
  const gate = await Gate.start({
    keys: [key],
    upstream: `127.0.0.1:${server.port}`,
    credentials: { header: "x-api-key" },
    routes: [{ name: "any", match: { path: "/any/**" }, operation: "any", enforce_inside: "backend" }],
  });
  const port = Number(gate.address.split(":").pop());
  // One after the other, so that each finds the connections to the backend as the last one left them.
  for (const sending of sendings) {
    await within(10_000, `${name}: the end of "${sending.name}"`, exchange(port, sending));
  }
  const { value } = await gate.metrics();
  const [all, allowed] = [{}, { outcome: "allow" }].map((labels) => value("keygate_auth_decisions_total", labels));
  await until("a line for each decision", () => gate.requests.length >= all);
  assert.equal(await gate.stop(), 0);
  await server.stop();
  return { seen: server.requests, log: gate.requests, decided: { all, allowed }, output: gate.output };
}

// Sends everything straight to the server.
async function withoutGate(name) {
  const server = await Server.start(name);
  await inTurns(16, sendings, (sending) => exchange(server.port, sending, 400));
  await server.stop();
  return { seen: server.requests };
}

// Sends, and waits until the other side ends the connection. A server without a gate may wait for ever: it gets `patience`.
function exchange(port, { bytes, cut, tag }, patience) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let timer;
    let answers = "";
    const wait = () => {
      clearTimeout(timer);
      if (patience) timer = setTimeout(() => (socket.writableEnded ? socket.destroy() : (socket.end(), wait())), patience);
    };
    socket.on("connect", () => {
      socket.write(bytes, "latin1");
      if (cut) socket.end();
      wait();
    });
    socket.on("data", (chunk) => {
      answers += chunk.toString("latin1");
      if (patience && answers.includes(`/any/${tag}/end`)) socket.destroy();
      else wait();
    });
    socket.on("end", () => socket.destroy());
    // A reset is an end.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answers);
    });
  });
}

// Does `work` for each of `items`, so many at a time.
async function inTurns(width, items, work) {
  const waiting = [...items];
  const worker = async () => {
    while (waiting.length > 0) await work(waiting.shift());
  };
  await Promise.all(Array.from({ length: width }, worker));
}
