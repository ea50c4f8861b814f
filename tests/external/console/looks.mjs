// How every view looks: nothing sticks out, text stands out, and axe-core finds nothing; wide and light, narrow and dark.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { standsBack, sticksOut } from "../browser/sight.mjs";
import { folder } from "../lib/machine.mjs";
import { until } from "../lib/suite.mjs";
import { Console } from "./console.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// axe-core takes its time: it looks at each scheme once, and the rest is looked at more cheaply.
const LOOKS = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: "light", axe: true },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  "narrow-light": { viewport: { width: 400, height: 850 }, colorScheme: "light" },
  "narrow-dark": { viewport: { width: 400, height: 850 }, colorScheme: "dark", axe: true },
};

const press = (name) => (page) => page.getByRole("button", { name, exact: true }).click();
const inDialog = (page) => page.locator("dialog");

// The views, and what is done in each before it is looked at.
const VIEWS = {
  keys: ["#/keys"],
  "no-keys": ["#/keys?q=nobody"],
  publishable: ["#/keys/web"],
  rotated: ["#/keys/orders"],
  create: ["#/new", async (page) => {
    await page.getByLabel("Secret").check();
    await page.getByRole("radio", { name: "Only what I list" }).check();
    for (const summary of await page.locator("summary").all()) await summary.click();
  }],
  errors: ["#/keys/web/edit", async (page) => {
    await page.getByLabel("Origins").fill("nonsense");
    await page.getByLabel("Requests", { exact: true }).fill("many");
    await press("Save")(page);
    await page.getByRole("alert").waitFor();
  }],
  live: ["#/live", async (page, { mock }) => {
    await until("somebody who watches", () => mock.watchers.size > 0);
    for (let more = 0; more < 4; more++) {
      mock.decide({ key_id: "web", path: "/events?channel=news" });
      mock.decide({ key_id: "orders", method: "POST", path: "/realtime", outcome: more % 2 ? "deny" : "report", status: more % 2 ? 429 : 200, reason: "rate_limited" });
      mock.decide({ outcome: "deny", status: 401, reason: "unknown_key", path: "/connection/websocket", transport: "websocket" });
    }
    await until("the decisions", async () => (await page.locator("tbody tr").count()) >= 12);
  }],
  connections: ["#/connections"],
  "connections-of-key": ["#/connections/orders"],
  audit: ["#/audit", async (page) => {
    await press("Verify")(page);
    await page.locator(".good").waitFor();
  }],
  operators: ["#/operators"],
  nothing: ["#/nowhere"],
  rotate: ["#/keys/desk", press("Rotate")],
  secret: ["#/keys/desk", async (page) => {
    await press("Rotate")(page);
    await inDialog(page).getByRole("button", { name: "Rotate" }).click();
    await inDialog(page).locator(".secret").waitFor();
  }],
  revoke: ["#/keys/web", press("Revoke")],
  receipt: ["#/keys/desk", async (page, { world }) => {
    world.open("desk", 24);
    await page.locator(".facts", { hasText: /Live streams\s*24/ }).waitFor();
    await press("Revoke")(page);
    await inDialog(page).getByRole("textbox").fill("desk");
    await page.keyboard.press("Enter");
    world.end("desk", 17);
    await until("7 left", async () => (await inDialog(page).locator(".big").innerText()) === "7");
  }],
  "create-operator": ["#/operators", press("Create an operator")],
};

export async function looks(check) {
  const pictures = process.env.KEYGATE_SCREENSHOTS ?? folder();
  mkdirSync(pictures, { recursive: true });
  for (const [name, { axe, ...look }] of Object.entries(LOOKS)) {
    // Each look begins with the same keys: some views change them.
    const ui = await Console.start();
    const page = await ui.page("", null, { ...look, reducedMotion: "reduce" });
    await page.evaluate(AXE);

    await check(`looks: ${name}: signing in`, () => inspect(page, join(pictures, `sign-in-${name}.png`), axe));
    await page.locator("#token").fill(ui.tokens.owner);
    await page.keyboard.press("Enter");
    await page.locator("#main h1").waitFor();
    for (const [view, [hash, prepare]] of Object.entries(VIEWS)) {
      await check(`looks: ${name}: ${view}`, async () => {
        // By way of another view, so that nothing is left of the one before; a dialog that holds on is gone with its element.
        await page.evaluate(() => {
          document.querySelector("dialog")?.remove();
          location.hash = "#/elsewhere";
        });
        await page.getByRole("heading", { name: "Nothing here" }).waitFor();
        await page.evaluate((hash) => (location.hash = hash), hash);
        await until(view, () => page.evaluate((hash) => document.querySelector("#main").dataset.path === (hash.slice(1).split("?")[0]) && !document.querySelector("[aria-busy]"), hash));
        await prepare?.(page, ui);
        await until("nothing that is still to come", async () => !(await page.locator("#main").innerText()).includes("…\n"));
        await inspect(page, join(pictures, `${view}-${name}.png`), axe);
      });
    }
    await check(`looks: ${name}: nothing was complained about`, async () => assert.deepEqual(page.complaints.filter((text) => !/status of 422/.test(text)), []));
    await ui.stop();
  }
  if (process.env.KEYGATE_SCREENSHOTS) globalThis.console.log(`        pictures: ${pictures}`);
}

async function inspect(page, path, axe) {
  const dialog = (await page.locator("dialog").count()) > 0;
  await page.screenshot({ path, fullPage: !dialog });
  assert.deepEqual(await page.evaluate(sticksOut), []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "the page scrolls sideways");
  assert.deepEqual(await page.evaluate(standsBack), []);
  if (!axe) return;
  const found = await page.evaluate(async () => {
    const { violations, passes } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return { passes: passes.length, violations: violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join("\n")}`) };
  });
  assert.deepEqual(found.violations, []);
  assert(found.passes > 10, `axe-core looked at ${found.passes} rules only`);
}
