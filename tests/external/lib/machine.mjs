// Processes, ports and folders of a suite, all gone when it ends, however it ends.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { until } from "./suite.mjs";

const children = new Set();
const folders = [];

process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

export function folder() {
  const path = mkdtempSync(join(tmpdir(), "keygate-test-"));
  removeAtEnd(path);
  return path;
}

// For a folder that a program makes, and removes only if it is given the time.
export function removeAtEnd(path) {
  folders.push(path);
}

// A child process and, as they come, the lines that it writes.
export class Program {
  lines = [];

  constructor(command, args = [], options = {}) {
    this.name = command.split("/").pop();
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    children.add(this.child);
    this.ended = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message));
      this.child.once("close", (code, signal) => resolve(signal ?? code));
    });
    this.ended.then((how) => {
      this.how = how;
      children.delete(this.child);
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.lines.push(line));
    }
  }

  // The first line, of those written so far and those to come, that `pick` makes something of.
  line(what, pick) {
    return until(`${this.name}: ${what}`, () => {
      for (const line of this.lines) {
        const picked = pick(line);
        if (picked) return picked;
      }
      if (this.how !== undefined) throw new Error(`${this.name} ended (${this.how}):\n${this.lines.join("\n")}`);
    });
  }

  // Ends it, and gives its exit code, or the signal that it died of.
  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    return this.ended;
  }
}

// A port that was free a moment ago, for programs that cannot choose one themselves.
export async function freePort() {
  const server = net.createServer();
  await listen(server);
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// What `start` gives, tried again while it throws: between the look for a free port and its use, somebody else may take it.
export async function tryingPorts(start, tries = 5) {
  for (let left = tries; ; left--) {
    try {
      return await start();
    } catch (error) {
      if (left <= 1) throw error;
    }
  }
}

// Has `server` listen on a free loopback port, and gives that.
export async function listen(server, port = 0) {
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return server.address().port;
}

// Waits until somebody listens on a loopback port.
export function listening(port, program) {
  return until(`${program.name} on port ${port}`, () => {
    if (program.how !== undefined) throw new Error(`${program.name} ended (${program.how}):\n${program.lines.join("\n")}`);
    return new Promise((resolve) => {
      const socket = net.connect(port, "127.0.0.1");
      socket.once("connect", () => socket.destroy() && resolve(true)).once("error", () => resolve(false));
    });
  });
}
