// All of it without a mouse: where the focus goes, and that nothing holds it fast.

import assert from "node:assert/strict";
import { until } from "../lib/suite.mjs";
import { Console, focused, goes, shows } from "./console.mjs";

const MOST_TABS = 60;

export async function keyboard(check) {
  const ui = await Console.start();
  const { world } = ui;
  const page = await ui.page("#/keys", null);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  // Tabs to what `wanted` names, as somebody does who hears or sees where they are; each stop must be seen to have the focus.
  const to = async (wanted, key = "Tab") => {
    const stops = [];
    while (stops.length < MOST_TABS) {
      await press(key);
      const [stop, seen] = await Promise.all([focused(page), page.evaluate(isSeen)]);
      stops.push(stop.split("\n")[0]);
      assert(seen, `the focus is not seen on ${stop}`);
      if (wanted.test(stop)) return;
    }
    throw new Error(`no Tab leads to ${wanted}, but to ${stops.join(", ")}`);
  };

  await check("keyboard: signing in", async () => {
    assert.equal(await focused(page), "Operator token");
    await page.keyboard.type(ui.tokens.operator);
    await press("Enter");
    await page.getByRole("heading", { name: "Keys", level: 1 }).waitFor();
  });

  await check("keyboard: the first stop skips to the content", async () => {
    await to(/Skip to the content/);
    await press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  });

  await check("keyboard: a filter keeps the focus when the list changes", async () => {
    await to(/^State$|All\s+Active/);
    await press("d");
    await goes(page, /state=disabled/);
    await until("one key", async () => (await page.locator("tbody tr").count()) === 1);
    assert.equal(await page.evaluate(() => document.activeElement.name), "state");
    await page.goBack();
    await until("all keys", async () => (await page.locator("tbody tr").count()) === 7);
  });

  await check("keyboard: creating a secret key", async () => {
    await to(/^Create a key$/);
    await press("Enter");
    await goes(page, /^#\/new/);
    await until("the heading has the focus", () => page.evaluate(() => document.activeElement.matches("h1")));
  });
  await check("keyboard: … and filling its form in", async () => {
    await to(/^Publishable/);
    await press("ArrowDown");
    assert.match(await focused(page), /^Secret/);
    await to(/^Live/);
    await press("Space");
    await to(/^Name$/);
    await page.keyboard.type("By keyboard");
    await to(/^Subscribe to every channel/);
    await press("ArrowUp");
    assert.match(await focused(page), /^Everything/);
    await to(/^Create the key$/);
    await press("Enter");
    await page.locator("dialog").waitFor();
  });

  await check("keyboard: the secret's dialog holds Escape off, and lets go when it is confirmed", async () => {
    await to(/^Copy/);
    await press("Enter");
    await press("Escape");
    assert.match(await focused(page), /I have stored it/);
    await shows(page.locator("dialog [role=status]"), /cannot be shown again/);
    await press("Space");
    await to(/^Close$/);
    await press("Enter");
    await page.locator("dialog").waitFor({ state: "detached" });
    await goes(page, /^#\/keys\/\w+$/);
    assert.notEqual(await focused(page), "BODY");
  });

  await check("keyboard: Escape leaves a dialog, and the focus is where it was", async () => {
    for (const name of ["Rotate", "Disable", "Revoke"]) {
      await to(new RegExp(`^${name}$`));
      await press("Enter");
      await page.locator("dialog").waitFor();
      assert(await page.evaluate(() => document.querySelector("dialog").contains(document.activeElement)));
      await press("Escape");
      await page.locator("dialog").waitFor({ state: "detached" });
      await until("the focus back", async () => (await focused(page)) === name);
    }
  });

  await check("keyboard: … though the page is drawn again behind a dialog", async () => {
    const held = [];
    await page.route(/\/v1\/keys\/\w+$/, (route) => void held.push(route), { times: 1 });
    // What an action leads to is asked for when its dialog closes, here held back until the next dialog is open.
    await to(/^Disable$/, "Shift+Tab");
    await press("Enter", "Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await until("the key is asked for again", () => held.length > 0);
    await press("Enter");
    await page.locator("dialog").waitFor();
    await page.evaluate(() => (window.drawnBefore = document.querySelector("#main .heading")));
    await held[0].continue();
    await until("the page is drawn again", () => page.evaluate(() => !window.drawnBefore.isConnected));
    await press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await until("the focus back", async () => (await focused(page)) === "Disable");
  });

  await check("keyboard: revoking", async () => {
    const id = new URL(page.url()).hash.split("/")[2];
    world.open(id, 2);
    await to(/^Revoke$/, "Shift+Tab").catch(() => to(/^Revoke$/));
    await press("Enter");
    await page.locator("dialog").waitFor();
    await page.keyboard.type(id);
    await press("Enter");
    world.end(id);
    await shows(page.locator("dialog .big"), /^0$/);
    await until("the focus on the way out", async () => (await focused(page)) === "Close");
    await press("Enter");
    await page.locator("dialog").waitFor({ state: "detached" });
    await shows(page.locator(".meta"), /revoked/);
  });

  for (const hash of ["#/keys", "#/keys/web", "#/new", "#/live", "#/connections", "#/audit"]) {
    await check(`keyboard: Tab leads through ${hash} and out of it`, async () => {
      await page.goto(`${ui.mock.url}/${hash}`);
      await until(hash, async () => (await page.locator("#main").getAttribute("data-path")) === hash.slice(1));
      // What has the focus is told by its place in the page, for names may be the same.
      const place = () => page.evaluate(() => [...document.querySelectorAll("*")].indexOf(document.activeElement));
      await page.locator(".skip").focus();
      const first = await place();
      const stops = new Set([first]);
      for (let last; last !== first && stops.size < MOST_TABS; stops.add(last)) {
        await press("Tab");
        last = await place();
      }
      assert(stops.size > 5 && stops.size < MOST_TABS, `${stops.size} stops`);
    });
  }
  await ui.stop();
}

function isSeen() {
  const { activeElement: element } = document;
  return element === document.body || getComputedStyle(element.closest(".choice") ?? element).outlineStyle !== "none";
}
