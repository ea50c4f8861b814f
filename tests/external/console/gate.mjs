// The console over a gate and a store: create, copy, use, rotate, revoke, see the streams drop, and read what was done.

import assert from "node:assert/strict";
import http from "node:http";
import { launch, openPage } from "../browser/chromium.mjs";
import { Gate } from "../lib/gate.mjs";
import { listen } from "../lib/machine.mjs";
import { until } from "../lib/suite.mjs";
import { goes, shows } from "./console.mjs";

const STREAMS = 3;

export async function gate(check) {
  const backend = http.createServer((request, response) => response.writeHead(200, { "content-type": "text/event-stream" }).write(": open\n\n"));
  const running = await Gate.start({
    store: true,
    upstream: `127.0.0.1:${await listen(backend)}`,
    routes: [{ name: "events", match: { path: "/events" }, operation: "subscribe", channel: { query: "channel" } }],
  });
  const browser = await launch();
  const page = await openPage(browser, `http://${running.admin}/`, { permissions: ["clipboard-read", "clipboard-write"], viewport: { width: 1280, height: 800 } });
  const dialog = page.locator("dialog");
  const pressed = (name) => page.getByRole("button", { name, exact: true }).click();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  const kept = async () => {
    await page.getByLabel("I have stored it").check();
    await pressed("Close");
    await dialog.waitFor({ state: "detached" });
  };
  const ask = (key) => fetch(`http://${running.address}/events?channel=news`, { headers: { "x-api-key": key, accept: "text/event-stream" } });
  let secret, next, id;
  let ended = 0;
  // Opens streams that are counted when they end, however they do.
  const open = async (key, count) => {
    for (let left = count; left > 0; left--) {
      const answer = await ask(key);
      assert.equal(answer.status, 200);
      answer.text().then(() => ended++, () => ended++);
    }
  };

  await check("gate: its files come under the policy, and the browser has no complaint", async () => {
    const answer = await fetch(`http://${running.admin}/`);
    assert.match(answer.headers.get("content-security-policy"), /^default-src 'none'; script-src 'self'/);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    assert.deepEqual(page.complaints, []);
  });

  await check("gate: the first token signs in, and the first application is made", async () => {
    await page.locator("#token").fill(running.token);
    await page.keyboard.press("Enter");
    await shows(page.locator("#who"), /Tester owner/);
    await page.getByRole("link", { name: "create it with its first two keys" }).click();
    await page.getByLabel("Id", { exact: true }).fill("demo");
    await page.getByRole("radio", { name: "Live" }).check();
    await page.getByLabel("Origins").fill("https://app.example.com");
    await pressed("Create the application");
    await shows(dialog, /sk_live_\w+[\s\S]+pk_live_\w+/);
    await kept();
    await until("two keys", async () => (await page.locator("tbody tr").count()) === 2);
  });

  await check("gate: what it says of a field stands at the field", async () => {
    await page.getByRole("link", { name: "Create a key" }).click();
    await page.getByRole("radio", { name: "Secret" }).check();
    await page.getByRole("radio", { name: "Live" }).check();
    await page.getByLabel("Name").fill("Jobs");
    await page.getByRole("radio", { name: "Only what I list" }).check();
    await page.getByRole("textbox", { name: "Channels" }).fill("news");
    await page.getByLabel("Requests", { exact: true }).fill("many");
    await pressed("Create the key");
    await shows(page.getByRole("alert"), /Requests: /);
    assert.equal(await page.getByLabel("Requests", { exact: true }).getAttribute("aria-invalid"), "true");
    await page.getByLabel("Requests", { exact: true }).fill("100/s");
  });

  await check("gate: a secret key is created, copied, and let in", async () => {
    await pressed("Create the key");
    await dialog.getByRole("button", { name: "Copy" }).click();
    await until("the copy", async () => /^sk_live_\w+$/.test(await copied()));
    secret = await copied();
    await kept();
    await goes(page, /^#\/keys\/\w+$/);
    id = new URL(page.url()).hash.split("/")[2];
    await open(secret, STREAMS);
    await shows(page.locator(".facts", { hasText: "Live streams" }), new RegExp(`Live streams\\s+${STREAMS}`));
  });

  await check("gate: an edit is in force at once", async () => {
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByRole("textbox", { name: "Channels" }).fill("other");
    await pressed("Save");
    await goes(page, /^#\/keys\/\w+$/);
    assert.equal((await ask(secret)).status, 403);
    await until("the streams cut", () => ended === STREAMS);
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByRole("textbox", { name: "Channels" }).fill("news");
    await pressed("Save");
    await goes(page, /^#\/keys\/\w+$/);
    await page.getByRole("button", { name: "Rotate" }).waitFor();
  });

  await check("gate: a rotation makes a new text, and the old one works for its grace period", async () => {
    await pressed("Rotate");
    await dialog.getByRole("button", { name: "Rotate" }).click();
    await dialog.locator(".secret").waitFor();
    next = await dialog.locator(".secret code").innerText();
    await kept();
    await shows(page.locator(".countdown"), /^23 h 59 min \d\d s$/);
    ended = 0;
    await open(next, 2);
    await open(secret, 1);
    await shows(page.locator(".facts", { hasText: "Live streams" }), /Live streams\s+3/);
  });

  await check("gate: decisions appear as they happen", async () => {
    await page.getByRole("link", { name: "Live" }).click();
    await shows(page.locator(".states"), /Connected/);
    await ask("sk_live_nobody");
    await shows(page.locator("tbody tr").first(), /refused\s+401/);
  });

  await check("gate: connections are counted by key", async () => {
    await page.getByRole("link", { name: "Connections" }).click();
    await page.getByRole("link", { name: id }).click();
    await until("three rows", async () => (await page.locator("tbody tr").count()) === 3);
  });

  await check("gate: revoking shows the streams drop to 0, and they do", async () => {
    await page.goto(`http://${running.admin}/#/keys/${id}`);
    await pressed("Revoke");
    await dialog.getByRole("textbox").fill(id);
    await pressed("Revoke for good");
    await shows(dialog.locator(".big"), /^0$/);
    await shows(dialog.getByRole("status"), /All 3 streams have ended/);
    await until("the streams ended", () => ended === 3);
    await pressed("Close");
    await shows(page.locator(".meta"), /revoked/);
    for (const key of [secret, next]) assert.equal((await ask(key)).status, 401);
  });

  await check("gate: the trail has all of it, and is whole", async () => {
    await page.getByRole("link", { name: "Audit" }).click();
    await until("the trail", async () => (await page.locator("tbody tr").count()) >= 6);
    const actions = await page.locator("tbody th").allInnerTexts();
    // The first two were made with the application.
    const done = ["key.revoke", "key.rotate", "key.update", "key.update", "key.create", "key.create", "key.create"];
    assert.deepEqual(actions.filter((action) => action.startsWith("key.")), done);
    await pressed("Verify");
    await shows(page.locator("#main [role=status]"), /Whole\. Records 1 to \d+/);
  });

  await check("gate: no secret is in what it logs", async () => {
    for (const text of [secret, next, running.token]) assert(!running.output.includes(text));
  });

  await browser.close();
  backend.closeAllConnections();
  backend.close();
  await running.stop();
}
