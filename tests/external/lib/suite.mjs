// Checks that run one after the other, each under a deadline, counted in the last line.

import { inspect } from "node:util";

const CHECK_MS = 30_000;
const POLL_MS = 20;

let passed = 0;
let failed = 0;

// Runs each group, an async function that gets `check(name, body)`, and ends the process.
export async function run(...groups) {
  for (const group of groups) {
    try {
      await group(check);
    } catch (error) {
      fail(`${group.name}: its setting up or taking down`, error);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

async function check(name, body) {
  try {
    await within(CHECK_MS, "the check", body());
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    fail(name, error);
  }
}

function fail(name, error) {
  failed += 1;
  const text = error instanceof Error ? (error.stack ?? error.message) : inspect(error);
  console.log(`FAILED  ${name}\n${text.replace(/^/gm, "        ")}`);
}

// What `promise` gives, or an error once `ms` have passed.
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Asks again and again until the answer is truthy, and gives it.
export async function until(what, ask, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what} did not come about within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

// The arguments of the next `event`, or of the first of several; an `error` that was not asked for is thrown.
export function next(emitter, event, ms = 10_000) {
  const events = [event].flat();
  const listeners = new Map();
  const happened = new Promise((resolve, reject) => {
    listeners.set("error", reject);
    for (const name of events) listeners.set(name, (...values) => resolve(values));
  });
  for (const [name, listener] of listeners) emitter.on(name, listener);
  return within(ms, `the event ${events.join(" or ")}`, happened).finally(() => {
    for (const [name, listener] of listeners) emitter.off(name, listener);
  });
}
