// The views beside keys: live decisions, connections, the audit trail, operators; and what is text stays text.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { until } from "../lib/suite.mjs";
import { Console, goes, shows } from "./console.mjs";

export async function views(check) {
  const ui = await Console.start();
  const { world, mock } = ui;
  const page = await ui.page("#/keys");
  const rows = () => page.locator("tbody tr:visible");
  const count = (number) => until(`${number} rows`, async () => (await rows().count()) === number);
  const visit = async (hash, title) => {
    await page.goto(`${mock.url}/${hash}`);
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
  };

  await check("views: keys are found by application, environment, state, kind and text", async () => {
    for (const [label, option, left] of [["Application", "shop", 4], ["Environment", "test", 1]]) {
      await page.getByLabel(label, { exact: true }).selectOption(option);
      await count(left);
    }
    await visit("#/keys?kind=secret&state=active", "Keys");
    await count(2);
    await page.getByLabel("Search").fill("DESK");
    await page.keyboard.press("Enter");
    await count(1);
    await goes(page, /q=DESK/);
    await visit("#/keys?q=nobody", "Keys");
    await shows(page.locator(".empty"), /No key is like that[\s\S]+Show all keys/);
  });

  await check("views: a long list comes in pages", async () => {
    for (let more = 0; more < 70; more++) world.key({ app: "telemetry", name: `Sensor ${more}`, kind: "secret", environment: "live" });
    await visit("#/keys?app=telemetry", "Keys");
    await count(50);
    await page.getByRole("button", { name: "Show more" }).click();
    await count(71);
    assert.equal(await page.getByRole("button", { name: "Show more" }).count(), 0);
    const ids = await page.locator("tbody code.sub").allInnerTexts();
    assert.equal(new Set(ids).size, 71);
  });

  await check("views: what the API says is text, and never a part of the page", async () => {
    const bad = "<img src=x onerror=alert(1)>";
    const { key } = world.key({ app: "telemetry", name: bad, kind: "publishable", environment: "live", origins: [bad], capabilities: { [bad]: ["subscribe"] }, metadata: { [bad]: bad } }, { id: "bad" });
    world.used("bad", 0, 1, { [bad]: 1 });
    world.record(bad, `key:${key.id}`, bad, { [bad]: bad });
    for (const hash of ["#/keys?q=bad", "#/keys/bad", "#/keys/bad/edit", "#/audit"]) {
      await page.goto(`${mock.url}/${hash}`);
      await until(`${hash} with the text`, async () => (await page.locator("#main").evaluate((main) => main.textContent + [...main.querySelectorAll("input")].map((input) => input.value).join())).includes(bad));
      assert.equal(await page.locator("img").count(), 0);
    }
  });

  await check("views: decisions appear as they happen, the latest first", async () => {
    await visit("#/live", "Live decisions");
    await until("somebody who watches", () => mock.watchers.size === 1);
    assert.match(mock.calls.findLast(({ path }) => path === "/v1/decisions").headers.authorization, /^Bearer keygate_at_/);
    mock.decide({ key_id: "web" });
    mock.decide({ key_id: "orders", outcome: "deny", status: 429, reason: "rate_limited" });
    await count(2);
    assert.match(await rows().first().innerText(), /refused\s+429[\s\S]+orders[\s\S]+rate_limited/);
  });

  await check("views: they are held still, and then gone on with", async () => {
    await page.getByRole("button", { name: "Pause" }).click();
    for (let more = 0; more < 3; more++) mock.decide({ key_id: "web" });
    await shows(page.locator(".states"), /3 came since/);
    assert.equal(await rows().count(), 2);
    await page.getByRole("button", { name: "Go on" }).click();
    await count(5);
    await page.getByLabel("Key", { exact: true }).fill("orders");
    await count(1);
    await page.getByLabel("Key", { exact: true }).fill("");
  });

  await check("views: no more than 200 of them are kept", async () => {
    for (let more = 0; more < 450; more++) mock.decide({ key_id: "web", path: `/${more}` });
    await shows(rows().first(), /\/449/);
    assert.equal(await page.locator("tbody tr").count(), 200);
  });

  await check("views: a stream that is lost is taken up again, and a view that is left lets go of it", async () => {
    const [lost] = mock.watchers;
    lost.destroy();
    await until("another one", () => mock.watchers.size === 1 && !mock.watchers.has(lost));
    mock.decide({ path: "/again" });
    await shows(rows().first(), /\/again/);
    await visit("#/connections", "Connections");
    await until("nobody who watches", () => mock.watchers.size === 0);
  });

  await check("views: connections are counted by key, and cut one by one or all at once", async () => {
    await count(3);
    await page.getByRole("link", { name: "orders" }).click();
    await count(9);
    await page.getByRole("button", { name: /^Cut number/ }).first().click();
    await page.locator("dialog").getByRole("button", { name: "Cut", exact: true }).click();
    await count(8);
    await page.getByRole("button", { name: "Cut all" }).click();
    await page.locator("dialog").getByRole("button", { name: "Cut", exact: true }).click();
    await shows(page.locator(".empty"), /no live connection/);
    assert.equal(world.streams.length, 59);
  });

  await check("views: the audit trail is filtered, verified and exported", async () => {
    await visit("#/audit", "Audit trail");
    await page.getByLabel("Action").fill("key.");
    await page.keyboard.press("Enter");
    await goes(page, /action=key\./);
    await until("records of keys alone", async () => (await rows().locator("th").allInnerTexts()).every((text) => text.startsWith("key.")));
    await page.getByRole("button", { name: "Verify" }).click();
    await shows(page.locator("#main [role=status]"), new RegExp(`Whole\\. Records 1 to ${world.trail.length}`));
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
    assert.equal(download.suggestedFilename(), "keygate-audit.jsonl");
    const lines = readFileSync(await download.path(), "utf8").trim().split("\n").map(JSON.parse);
    assert.equal(lines.length, world.trail.length);
  });

  await check("views: the trail is read backwards, page by page", async () => {
    for (let more = 0; more < 60; more++) world.record("key.update", "key:web", "operator:ada");
    await visit("#/audit", "Audit trail");
    await count(50);
    await page.getByRole("button", { name: "Show earlier" }).click();
    await count(world.trail.length);
    const numbers = (await page.locator("tbody td.number").allInnerTexts()).map(Number);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => b - a));
  });

  await check("views: operators are made, with a token shown once, and revoked", async () => {
    await visit("#/operators", "Operators");
    await count(3);
    await page.getByRole("button", { name: "Create an operator" }).click();
    await page.locator("dialog").getByRole("button", { name: "Create" }).click();
    await shows(page.locator("dialog [role=alert]"), /Name: Say who it is[\s\S]+Role: Choose/);
    await page.getByLabel("Name").fill("Barbara");
    await page.getByRole("radio", { name: "Viewer" }).check();
    await page.locator("dialog").getByRole("button", { name: "Create" }).click();
    assert.match(await page.locator("dialog .secret code").innerText(), /^keygate_at_/);
    await page.getByLabel("I have stored it").check();
    await page.getByRole("button", { name: "Close" }).click();
    await count(4);
    await page.getByRole("button", { name: "Revoke Barbara" }).click();
    await page.locator("dialog").getByRole("button", { name: "Revoke" }).click();
    await shows(rows().last(), /revoked/);
  });

  await check("views: an empty gate says what to do next", async () => {
    world.keys.clear();
    world.apps.clear();
    await visit("#/keys", "Keys");
    await shows(page.locator(".empty"), /no keys yet[\s\S]+create it with its first two keys/);
    await page.locator(".empty a").click();
    await page.getByLabel("Id", { exact: true }).fill("first");
    await page.getByRole("radio", { name: "Live" }).check();
    await page.getByLabel("Origins").fill("https://app.example.com");
    await page.getByRole("button", { name: "Create the application" }).click();
    await shows(page.locator("dialog"), /secret key of first[\s\S]+sk_live_[\s\S]+pk_live_/);
    await page.getByLabel("I have stored it").check();
    await page.getByRole("button", { name: "Close" }).click();
    await count(2);
  });

  await check("views: nothing was complained about", async () => assert.deepEqual(page.complaints.filter((text) => !/ERR_INCOMPLETE_CHUNKED_ENCODING/.test(text)), []));
  await ui.stop();
}
