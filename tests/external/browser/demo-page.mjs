// The demo's own page, by keyboard, and how it looks.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { folder } from "../lib/machine.mjs";
import { until } from "../lib/suite.mjs";
import { launch, openPage } from "./chromium.mjs";
import { Demo, revoke } from "./demo.mjs";
import { standsBack, sticksOut } from "./sight.mjs";

const LOOKS = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  narrow: { viewport: { width: 400, height: 850 }, colorScheme: "light" },
};

export async function demoPage(check) {
  const demo = await Demo.start();
  const browser = await launch();
  const pictures = process.env.KEYGATE_SCREENSHOTS ?? folder();
  mkdirSync(pictures, { recursive: true });

  let page;
  const state = (id) => page.locator(`#${id} .state`).textContent();
  const detail = (id) => page.locator(`#${id} .detail`).textContent();
  const becomes = (id, word) => until(`${id} ${word}`, async () => (await state(id)) === word);
  const messages = () => page.locator("#messages li").evaluateAll((items) =>
    items.map((item) => `${item.querySelector("abbr").textContent} ${item.querySelector("code").textContent}`).sort());
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };

  await check("page: the card's link fills the key in, and Enter connects both streams", async () => {
    page = await openPage(browser, `${demo.page}/#key=${demo.publishable_key}`);
    await press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.value), demo.publishable_key);
    await press("Tab", "Tab");
    assert.equal(await focused(), "Connect");
    await press("Enter");
    await becomes("socket", "open");
    await becomes("events", "open");
  });
  await check("page: what is published appears from both", async () => {
    assert.equal(await demo.publish("news", "hello, page"), 2);
    await until("both messages", async () => (await messages()).length === 2);
    assert.deepEqual(await messages(), ["SSE hello, page", "WS hello, page"]);
  });
  await check("page: a message is shown as text, never as a part of the page", async () => {
    await demo.publish("news", "<img src=x onerror=alert(1)>");
    await until("both messages", async () => (await messages()).length === 4);
    assert.equal(await page.locator("#messages img").count(), 0);
  });
  await check("page: sending with a key that may only subscribe is answered, by keyboard", async () => {
    await press("Tab", "Tab", "Tab");
    assert.equal(await focused(), "text");
    await page.keyboard.type("may I?");
    await press("Enter");
    await until("the answer", async () => (await messages()).includes("WS not capable"));
    assert.equal(await demo.publish("news", "last"), 2);
    await until("the last messages", async () => (await messages()).includes("SSE last"));
    assert(!(await messages()).some((text) => text.includes("may I?")));
  });
  await check("page: each stream is closed and opened by keyboard", async () => {
    await press("Shift+Tab", "Shift+Tab");
    assert.equal(await focused(), "Close WebSocket");
    await press("Enter");
    await becomes("socket", "closed");
    assert.equal(await state("events"), "open");
    await until("one stream fewer", async () => (await demo.metrics()).value("keygate_connections", { transport: "websocket" }) === 0);
    assert.equal(await focused(), "Open WebSocket");
    await press("Space");
    await becomes("socket", "open");
  });
  await check("page: nothing was complained about", async () => assert.deepEqual(page.complaints, []));

  for (const [name, look] of Object.entries(LOOKS)) {
    await check(`page: ${name}: nothing sticks out, and text stands out`, async () => {
      const shown = await openPage(browser, `${demo.page}/#key=${demo.publishable_key}`, look);
      await shown.screenshot({ path: join(pictures, `${name}-before.png`), fullPage: true });
      await shown.getByRole("button", { name: "Connect", exact: true }).press("Enter");
      await until("two streams", async () => (await shown.locator('[data-state="open"]').count()) === 2);
      await demo.publish("news", `A message for ${name} eyes`);
      await until("the messages", async () => (await shown.locator("#messages li").count()) === 2);
      await shown.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
      assert.deepEqual(await shown.evaluate(sticksOut), []);
      assert.deepEqual(await shown.evaluate(standsBack), []);
      await shown.context().close();
    });
  }

  await check("page: a key that is taken away is told, with the reason of the refusal", async () => {
    await demo.editKeys(revoke("web"));
    await becomes("socket", "ended");
    assert.match(await detail("socket"), /1008/);
    await becomes("events", "refused");
    assert.match(await detail("events"), /^401 invalid_token/);
    await page.screenshot({ path: join(pictures, "revoked.png"), fullPage: true });
  });
  await check("page: no key is told as well", async () => {
    await page.locator("#key").fill("");
    await page.locator("#key").press("Enter");
    for (const id of ["socket", "events"]) {
      await becomes(id, "refused");
      assert.match(await detail(id), /^401 missing_key/);
    }
  });

  if (process.env.KEYGATE_SCREENSHOTS) console.log(`        pictures: ${pictures}`);
  await browser.close();
  assert.equal(await demo.stop(), 0);
}
