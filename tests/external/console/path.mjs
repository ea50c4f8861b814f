// The way of a key: signing in, creating, copying, using, rotating, revoking, and the sockets that drop.

import assert from "node:assert/strict";
import { until } from "../lib/suite.mjs";
import { Console, focused, goes, shows } from "./console.mjs";

export async function path(check) {
  const ui = await Console.start();
  const { world, mock } = ui;
  let page, id, secret;
  const dialog = () => page.locator("dialog");
  const pressed = (name) => page.getByRole("button", { name, exact: true }).click();

  await check("path: a token that nobody has is told, and one that somebody has opens", async () => {
    page = await ui.page("#/keys/web", null);
    await page.getByLabel("Operator token").fill("keygate_at_nobody");
    await page.keyboard.press("Enter");
    await shows(page.getByRole("alert"), /unknown, has ended or was revoked/);
    await page.getByLabel("Operator token").fill(ui.tokens.owner);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Web client", level: 1 }).waitFor();
    await shows(page.locator("#who"), /Ada owner/);
  });

  await check("path: a key without a choice of what it may do is not created", async () => {
    await page.goto(`${mock.url}/#/new`);
    await page.getByLabel("Secret").check();
    await page.getByLabel("Live", { exact: true }).check();
    await page.getByLabel("Name").fill("Billing <b>jobs</b>");
    await pressed("Create the key");
    await shows(page.getByRole("alert"), /What it may do: Choose what it may do/);
    assert(!mock.calls.some(({ method, path }) => method === "POST" && path === "/v1/keys"));
  });

  await check("path: what the gate says of fields stands at the fields", async () => {
    await page.getByRole("radio", { name: "Only what I list" }).check();
    await page.getByRole("textbox", { name: "Channels" }).fill("billing:*");
    await page.getByRole("checkbox", { name: "publish", exact: true }).check();
    await page.getByLabel("Origins").fill("https://ok.example.com\nnonsense");
    await page.getByLabel("Requests", { exact: true }).fill("many");
    await pressed("Create the key");
    await shows(page.getByRole("alert"), /2 fields need another look/);
    assert.match(await focused(page), /2 fields/);
    for (const [label, error] of [["Origins", /line 2: must be an origin/], ["Requests", /must be a rate/]]) {
      const field = page.getByLabel(label, { exact: true });
      assert.equal(await field.getAttribute("aria-invalid"), "true");
      assert.match(await page.locator(`#${(await field.getAttribute("aria-describedby")).split(" ").pop()}`).innerText(), error);
    }
    await page.getByRole("alert").getByRole("link", { name: "Origins" }).click();
    assert.equal(await focused(page), "Origins");
    await page.getByLabel("Origins").fill("");
    await page.getByLabel("Requests", { exact: true }).fill("100/s");
  });

  await check("path: a secret is shown once, copied, and not closed by accident", async () => {
    await pressed("Create the key");
    await dialog().waitFor();
    await goes(page, /^#\/keys\/\w+$/);
    const { body, headers } = mock.calls.findLast(({ method, path }) => method === "POST" && path === "/v1/keys");
    assert.deepEqual(body, { app: "shop", kind: "secret", environment: "live", name: "Billing <b>jobs</b>", capabilities: { "billing:*": ["subscribe", "publish"] }, limits: { rate: "100/s" } });
    assert.match(headers["idempotency-key"], /^[0-9a-f-]{36}$/);
    secret = await dialog().locator(".secret code").innerText();
    id = new URL(page.url()).hash.split("/")[2];
    assert.match(secret, /^sk_live_[0-9A-Za-z]{50}$/);
    await shows(dialog(), /It will not be shown again/);
    for (let again = 0; again < 3; again++) await page.keyboard.press("Escape");
    assert.equal(await dialog().count(), 1);
    assert(await page.getByRole("button", { name: "Close" }).isDisabled());
    await dialog().getByRole("button", { name: "Copy" }).click();
    await until("the copy", async () => (await page.evaluate(() => navigator.clipboard.readText())) === secret);
    await page.getByLabel("I have stored it").check();
    await pressed("Close");
    await dialog().waitFor({ state: "detached" });
    assert(!(await page.content()).includes(secret), "the secret is still in the page");
    assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "Billing <b>jobs</b>");
  });

  await check("path: what it does shows without a reload", async () => {
    world.open(id, 3);
    world.used(id, 0, 12, { rate_limited: 5, not_capable: 1 });
    await shows(page.locator(".facts", { hasText: "Live streams" }), /Last used\s+(now|\d+ seconds? ago)\s+Let in\s+12\s+Refused\s+6\s+Live streams\s+3/);
    assert.deepEqual(await page.locator(".bars li").allInnerTexts(), ["rate_limited\n5", "not_capable\n1"]);
  });

  await check("path: a rotation asks for the grace period, and counts it down", async () => {
    await pressed("Rotate");
    assert(await page.getByRole("radio", { name: "24 hours" }).isChecked());
    await page.getByRole("radio", { name: "1 hour" }).check();
    await dialog().getByRole("button", { name: "Rotate" }).click();
    await shows(dialog(), /The new secret/);
    const next = await dialog().locator(".secret code").innerText();
    assert.notEqual(next, secret);
    await page.getByLabel("I have stored it").check();
    await pressed("Close");
    await shows(page.locator(".countdown"), /^59 min \d\d s$/);
    await shows(page.getByRole("region", { name: /earlier secret/ }), /3 live streams are on it/);
    const before = await page.locator(".countdown").innerText();
    await until("a second less", async () => (await page.locator(".countdown").innerText()) !== before);
    assert.deepEqual(mock.calls.findLast(({ path }) => path.endsWith("/rotate")).body, { grace: "1h" });
  });

  await check("path: disabling and enabling", async () => {
    await pressed("Disable");
    await dialog().getByRole("button", { name: "Disable" }).click();
    await shows(page.locator(".meta"), /disabled/);
    await pressed("Enable");
    await shows(page.locator(".meta"), /active/);
  });

  await check("path: revoking asks for the id, and shows the sockets drop to 0", async () => {
    world.open(id, 3);
    await until("three streams", async () => /Live streams\s+3/.test(await page.locator("#main").innerText()));
    await pressed("Revoke");
    const sure = dialog().getByRole("button", { name: "Revoke for good" });
    assert(await sure.isDisabled());
    await dialog().getByRole("textbox").fill("somethingelse");
    assert(await sure.isDisabled());
    await dialog().getByRole("textbox").fill(id);
    await sure.click();
    await shows(dialog().locator(".big"), /^3$/);
    await shows(dialog(), /gate-b\s+yes/);
    world.end(id, 2);
    await shows(dialog().locator(".big"), /^1$/);
    world.end(id);
    await shows(dialog().locator(".big"), /^0$/);
    await shows(dialog().getByRole("status"), /All 3 streams have ended/);
    await pressed("Close");
    await shows(page.locator(".meta"), /revoked/);
    assert.equal(await page.getByRole("button", { name: /Rotate|Revoke|Disable/ }).count(), 0);
    await shows(page.getByRole("region", { name: "What was done to it" }), /key\.revoke[\s\S]+key\.enable[\s\S]+key\.rotate[\s\S]+key\.create/);
  });

  await check("path: a publishable key can always be read", async () => {
    await page.goto(`${mock.url}/#/keys/web`);
    const region = page.getByRole("region", { name: "Its text" });
    const text = world.keys.get("web").key;
    await shows(region, new RegExp(text));
    await region.getByRole("button", { name: "Copy" }).click();
    await until("the copy", async () => (await page.evaluate(() => navigator.clipboard.readText())) === text);
  });

  // The two refusals are what the browser itself reports of a 401 and a 422.
  await check("path: nothing else was complained about", async () => {
    assert.deepEqual(page.complaints.filter((text) => !/status of (401|422)/.test(text)), []);
  });
  await ui.stop();
}
