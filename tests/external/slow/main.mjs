// Slow heads, slow bodies, ranges and slow reading (T-SLOW): every request of the honest client is answered, and the attackers are
// gone once their time is up, while they would still stay.

import assert from "node:assert/strict";
import http from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Gate, newKey } from "../lib/gate.mjs";
import { Program } from "../lib/machine.mjs";
import { run, until } from "../lib/suite.mjs";

const CONNECTIONS = process.env.KEYGATE_LONG ? 2000 : 500;
// How long the attackers would stay, in seconds, and how long at most they are waited for: what is between, nobody needs.
const [STAY, GONE] = [28, 14];
const BACKEND = fileURLToPath(new URL("backend.mjs", import.meta.url));

const server = newKey("secret", "server");

await run(async function slow(check) {
  // One for the attacked and one for the honest: how busy the first is shall not be in the second one's times.
  const backends = [0, 1].map(() => new Program(process.execPath, [BACKEND]));
  const [attackedPort, honestPort] = await Promise.all(backends.map((backend) => backend.line("its port", Number)));
  const gate = await Gate.start({
    keys: [server],
    upstream: `127.0.0.1:${attackedPort}`,
    credentials: { header: "x-api-key", query: ["key"], query_secrets: "allow" },
    routes: [
      { name: "honest", match: { path: "/honest" }, operation: "any", upstream: `127.0.0.1:${honestPort}` },
      { name: "slow", match: { path: "/slow/**" }, operation: "any" },
    ],
    limits: { key: { rate: "off", connections: "off" } },
    timeouts: { head: "2s", idle: "2s", body: "2s" },
    log: { access: "off" },
  });
  const url = (path) => `http://${gate.address}${path}`;
  const withKey = (path) => url(`${path}?key=${server.text}`);

  const calm = await honest(gate, async (client) => until("a hundred answers", () => client.times.length >= 100));
  console.log(`        nobody else: ${told(calm)}`);

  const attacks = [
    ["slow heads", CONNECTIONS, ["-H", "-i", "1", "-u", url("/slow/a")]],
    ["slow bodies of clients with a key", CONNECTIONS, ["-B", "-i", "1", "-s", "100000", "-u", withKey("/slow/a")]],
    ["slow bodies of clients without a key", CONNECTIONS, ["-B", "-i", "1", "-s", "60000", "-u", url("/slow/a")]],
    ["many ranges", CONNECTIONS, ["-R", "-u", withKey("/slow/a")]],
    // Few, for the system holds megabytes for each of them.
    ["slow reading", Math.min(CONNECTIONS, 100), ["-X", "-w", "256", "-y", "512", "-n", "1", "-z", "32", "-u", withKey("/slow/large")]],
  ];
  for (const [name, connections, options] of attacks) {
    await check(`${name}: ${connections} of them, gone in time, and an honest client is answered`, async () => {
      const before = attacked(await gate.metrics());
      let [most, came, open] = [0, 0, 0];
      const calmed = await honest(gate, async () => {
        const attackers = new Program(process.env.SLOWHTTPTEST, ["-c", connections, "-r", connections, "-l", STAY, "-p", "2", ...options].map(String));
        // The honest client's connection is one of those that are counted.
        await until("the attackers to be gone", async () => {
          const metrics = await gate.metrics();
          open = metrics.value("keygate_client_connections");
          [most, came] = [Math.max(most, open), attacked(metrics) - before];
          // Some kinds leave by themselves when they are answered; all of them have been decided about.
          return came >= connections && open <= 2;
        }, GONE * 1000).finally(() => console.log(`        ${name}: ${came} decided about, ${most} connections at most, ${open} at the end`) ?? attackers.stop("SIGKILL"));
      });
      console.log(`        ${name}: ${told(calmed)}`);
    });
  }
  await check("the gate lived through it, and ends in good order", async () => assert.equal(await gate.stop(), 0));
  for (const backend of backends) await backend.stop("SIGKILL");
});

// Decisions about all but the honest.
function attacked(metrics) {
  const decided = (labels) => metrics.value("keygate_auth_decisions_total", labels);
  return decided() - decided({ route: "honest" });
}

// An honest client that asks one request after the other for as long as `during` takes; throws where one is not answered.
async function honest(gate, during) {
  const [host, port] = gate.address.split(":");
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const client = { times: [], wrong: [], late: monitorEventLoopDelay({ resolution: 1 }) };
  client.late.enable();
  let over = false;
  const asking = (async () => {
    while (!over) {
      const start = performance.now();
      const status = await ask({ host, port, path: "/honest", headers: { "x-api-key": server.text }, agent });
      client.times.push(performance.now() - start);
      if (status !== 200) client.wrong.push(status);
    }
  })();
  await during(client).finally(() => (over = true));
  await asking;
  client.late.disable();
  agent.destroy();
  assert.deepEqual(client.wrong, []);
  return client;
}

function ask(options) {
  return new Promise((resolve) => {
    const request = http.request(options, (response) => response.resume().on("end", () => resolve(response.statusCode)));
    request.on("error", (error) => resolve(error.message)).end();
  });
}

// Times, and how late this process itself was by its timers, which is in them: on a busy machine, most of them.
function told({ times, late }) {
  times.sort((one, other) => one - other);
  const at = (part) => times[Math.floor((times.length - 1) * part)].toFixed(1);
  return `${times.length} honest requests answered, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; the client late by p99 ${(late.percentile(99) / 1e6).toFixed(1)} ms`;
}
