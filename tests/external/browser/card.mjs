// The demo's card: its size, and each of its commands, run by a shell as it is printed.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { program, metrics } from "../lib/gate.mjs";
import { Program, removeAtEnd } from "../lib/machine.mjs";
import { until, within } from "../lib/suite.mjs";

const COLOUR = /\x1b\[[0-9;]*m/g;
const LINES = 20;

export async function card(check) {
  await check("card: in a pipe, short and without colour", async () => {
    const demo = program("demo", "--port", "0");
    await demo.line("the card's end", (line) => line.startsWith("Decisions"));
    assert(demo.lines.length <= LINES, `${demo.lines.length} lines`);
    assert(!demo.lines.join("\n").includes("\x1b"));
    assert.equal(await demo.stop(), 0);
  });

  const terminal = new Terminal([process.env.KEYGATE_BIN, "demo", "--port", "0"]);
  await terminal.shows("the card's end", /^Decisions/);
  const lines = terminal.lines;
  const find = (pattern) => lines.map((line) => pattern.exec(line)).find(Boolean) ?? assert.fail(`the card has no ${pattern}`);
  const commands = lines.filter((line) => /^ {2}(curl|sed) /.test(line)).map((line) => line.trim());

  await check("card: in a terminal, short and in colour", async () => {
    assert(lines.length <= LINES, `${lines.length} lines`);
    assert.match(terminal.screen, COLOUR);
    assert.equal(commands.length, 6);
  });
  const [listen, publish, noKey, wrongOrigin, tooFast, takeAway] = commands;
  const [, keys] = find(/(\S+\/keys\.yaml)$/);
  removeAtEnd(dirname(keys));
  const [, metricsUrl] = find(/metrics +(http:\S+)\/metrics$/);

  await check("card: the page and the metrics are where it says", async () => {
    const page = await fetch(find(/^ {2}page +(http:\S+)$/)[1]);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>Keygate demo<\/title>/);
    assert.equal((await metrics(metricsUrl)).value("keygate_keys", { state: "active" }), 2);
  });

  const listener = shell(listen);
  await check("card 1, 2: who listens gets what is published", async () => {
    await listener.line("the stream", (line) => line === ": joined");
    assert.deepEqual(JSON.parse(await outputOf(publish)), { delivered: 1 });
    const event = await listener.line("the event", (line) => line.startsWith("data:") && line);
    assert.equal(JSON.parse(event.slice("data:".length)).message, "hello");
    await terminal.shows("the decision", /✔ 202 POST \/realtime server/);
  });
  await check("card 3: no key is 401, and the terminal says why", async () => {
    assert.match(await outputOf(noKey), /^HTTP\/1\.1 401 .*^www-authenticate: Bearer realm="keygate"$.*"code":"missing_key"/ims);
    await terminal.shows("the decision", /✘ 401 GET \/inspect missing_key/);
  });
  await check("card 3: a wrong origin is 403, and the terminal says why", async () => {
    const output = await outputOf(wrongOrigin);
    assert.match(output, /^HTTP\/1\.1 403 .*"code":"origin_refused"/ms);
    assert.doesNotMatch(output, /^(www-authenticate|access-control-allow-origin)/im);
    await terminal.shows("the decision", /✘ 403 GET \/events origin_refused web https:\/\/evil\.example/);
  });
  await check("card 3: too fast is 429 with Retry-After, and the terminal says why", async () => {
    const counted = Object.fromEntries((await outputOf(tooFast)).trim().split("\n").map((line) => line.trim().split(/\s+/).reverse()));
    assert.deepEqual(Object.keys(counted).sort(), ["200", "429"]);
    assert.equal(Number(counted[200]) + Number(counted[429]), 60);
    // The same once more, with the answers' heads.
    assert(tooFast.includes("-s -o /dev/null"));
    const heads = await outputOf(tooFast.replace("-s -o /dev/null", "-s -i"));
    assert.match(heads, /HTTP\/1\.1 429 [^]*?\bretry-after: [1-9]/i);
    await terminal.shows("the decision", /✘ 429 GET \/inspect rate_limited server/);
  });
  await check("card 4: a key that is taken away ends its streams, and does not open another", async () => {
    assert.equal(listener.how, undefined, "the stream had ended before");
    await outputOf(takeAway);
    // curl does not say that it takes event streams, so this one may end without a last chunk: 18.
    assert([0, 18].includes(await within(5000, "the stream's end", listener.ended)), listener.lines.join("\n"));
    await until("a refusal", async () => (await outputOf(`${listen} -s -o /dev/null -w '%{http_code}'`)) === "401");
    await terminal.shows("the decision", /✘ 401 GET \/events key_revoked web/);
  });
  await check("card: Ctrl-C ends all of it", async () => {
    assert(existsSync(keys));
    terminal.type("\x03");
    assert.equal(await within(10_000, "its end", terminal.ended), 0);
    assert(!existsSync(keys), "its files are still there");
    await assert.rejects(metrics(metricsUrl));
  });
  await check("card: no key is in what the terminal showed after it", async () => {
    const [sk] = /sk_live_\w+/.exec(publish);
    const [pk] = /pk_live_\w+/.exec(listen);
    const after = terminal.screen.slice(terminal.screen.indexOf("as they happen"));
    assert.match(after, /✔ 202/);
    for (const key of [sk, pk]) assert(!after.includes(key));
  });
}

// A program in a terminal of its own.
class Terminal {
  #screen = "";

  constructor(command) {
    const stdio = ["pipe", "pipe", "pipe"];
    this.program = new Program("python3", [new URL("terminal.py", import.meta.url).pathname, ...command], { stdio });
    this.ended = this.program.ended;
    this.program.child.stdout.setEncoding("utf8").on("data", (text) => (this.#screen += text));
    // The terminal's death is no signal to a program that takes SIGHUP for something else.
    this.program.child.stderr.once("data", (pid) => process.on("exit", () => this.program.how ?? kill(Number(pid))));
  }

  // All that was shown.
  get screen() {
    return this.#screen;
  }

  // The same, line by line, without colour and without the last line's end.
  get lines() {
    return this.screen.replace(COLOUR, "").trimEnd().split("\r\n");
  }

  shows(what, pattern) {
    return until(`on the terminal: ${what}`, () => {
      const ended = this.program.how;
      assert.equal(ended, undefined, `the program ended (${ended}): ${this.screen}`);
      return this.lines.some((line) => pattern.test(line));
    });
  }

  type(text) {
    this.program.child.stdin.write(text);
  }
}

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

const shell = (command) => new Program("bash", ["-c", `exec ${command}`]);

// What a command writes to standard output.
async function outputOf(command) {
  const bash = new Program("bash", ["-c", command]);
  let output = "";
  bash.child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  assert.equal(await within(20_000, command, bash.ended), 0, `${command}\n${bash.lines.join("\n")}`);
  return output;
}
