// Who is shown what, what happens when a token ends, and when somebody else is faster.

import assert from "node:assert/strict";
import { until } from "../lib/suite.mjs";
import { Console, goes, shows } from "./console.mjs";

export async function roles(check) {
  const ui = await Console.start();
  const { world, mock } = ui;
  const names = async (page, role) => (await page.getByRole(role).allInnerTexts()).map((text) => text.trim());

  await check("roles: a viewer sees all keys and nothing that changes them", async () => {
    const page = await ui.page("#/keys", "viewer");
    assert.deepEqual(await page.locator("#nav a:visible").allInnerTexts(), ["Keys", "Live", "Connections", "Audit"]);
    assert.equal(await page.locator("tbody tr").count(), 7);
    assert.equal(await page.getByRole("link", { name: "Create a key" }).count(), 0);
    await page.goto(`${mock.url}/#/keys/web`);
    await page.getByRole("heading", { name: "Web client", level: 1 }).waitFor();
    assert.deepEqual((await names(page, "button")).filter((name) => !/Copy/.test(name)), ["Sign out"]);
    for (const hash of ["#/new", "#/keys/web/edit", "#/operators"]) {
      await page.goto(`${mock.url}/${hash}`);
      await shows(page.locator("h1"), /Nothing here/);
    }
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  await check("roles: an operator manages keys, and not operators", async () => {
    const page = await ui.page("#/keys/web", "operator");
    assert.equal(await page.getByRole("link", { name: "Operators" }).count(), 0);
    for (const name of ["Rotate", "Disable", "Revoke"]) assert.equal(await page.getByRole("button", { name, exact: true }).count(), 1);
    await page.context().close();
  });

  await check("roles: a key that manages its application sees its keys alone", async () => {
    world.callers.set("sk_live_manager", { actor: "key:orders", name: "Order service", role: "app", app: "shop", environment: "live" });
    const page = await ui.page("#/keys", null);
    await page.locator("#token").fill("sk_live_manager");
    await page.keyboard.press("Enter");
    await shows(page.locator("#who"), /keys of shop, live/);
    assert.deepEqual(await page.locator("#nav a:visible").allInnerTexts(), ["Keys"]);
    assert.equal(await page.getByLabel("Environment").count(), 0);
    await page.context().close();
  });

  await check("roles: a token is kept in the tab, and forgotten when one signs out", async () => {
    const page = await ui.page("#/audit");
    await page.reload();
    await page.getByRole("heading", { name: "Audit trail" }).waitFor();
    assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), document.cookie]), [[], ""]);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    assert.equal(await page.evaluate(() => JSON.stringify({ ...sessionStorage })), "{}");
    assert(!(await page.content()).includes(ui.tokens.owner));
    await page.context().close();
  });

  await check("roles: a token that ends leads back to signing in, and from there to where one was", async () => {
    const page = await ui.page("#/keys/web", "operator");
    const caller = world.callers.get(ui.tokens.operator);
    world.callers.delete(ui.tokens.operator);
    await shows(page.getByRole("alert"), /no longer takes your token/);
    world.callers.set(ui.tokens.operator, caller);
    await page.locator("#token").fill(ui.tokens.operator);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Web client", level: 1 }).waitFor();
    await page.context().close();
  });

  await check("roles: who is overtaken is told by whom, and keeps what they typed", async () => {
    const page = await ui.page("#/keys/web/edit");
    await page.getByLabel("Name").fill("Web client of the shop");
    await page.getByRole("checkbox", { name: "publish", exact: true }).first().check();
    const web = world.keys.get("web");
    world.changed(web, { limits: { rate: "75/s", connections: 500 } }, "key.update", { actor: "operator:grace" }, { fields: ["limits"] });
    await page.getByRole("button", { name: "Save" }).click();
    await shows(page.getByRole("alert").first(), /operator:grace was ahead of you[\s\S]+Changed meanwhile: limits/);
    assert.equal(web.name, "Web client");
    assert.equal(await page.getByLabel("Requests", { exact: true }).inputValue(), "75/s");
    assert.equal(await page.getByLabel("Name").inputValue(), "Web client of the shop");
    await page.getByRole("button", { name: "Save" }).click();
    await goes(page, /^#\/keys\/web$/);
    const { body, headers } = mock.calls.findLast(({ method }) => method === "PATCH");
    assert.equal(headers["if-match"], `"${web.version - 1}"`);
    assert.deepEqual(body, { name: "Web client of the shop", capabilities: { "orders:*": ["subscribe", "publish", "presence"] } });
    assert.deepEqual(web.limits, { rate: "75/s", connections: 500 });
    await page.context().close();
  });

  await check("roles: what is taken out of a form is taken out of the key", async () => {
    const page = await ui.page("#/keys/web/edit");
    await page.getByRole("button", { name: "Remove this row" }).nth(1).click();
    await page.getByLabel("Streams").fill("");
    await page.getByRole("textbox", { name: "Metadata" }).fill("team = payments\nowner = Ada");
    await page.getByRole("button", { name: "Save" }).click();
    await goes(page, /^#\/keys\/web$/);
    assert.deepEqual(mock.calls.findLast(({ method }) => method === "PATCH").body, { capabilities: { news: null }, limits: { connections: null }, metadata: { team: "payments", owner: "Ada" } });
    await page.goto(`${mock.url}/#/keys/web/edit`);
    await page.getByRole("button", { name: "Save" }).click();
    await shows(page.getByRole("alert"), /Nothing is different/);
    await page.context().close();
  });

  await check("roles: a creation whose answer is lost makes one key, and says that its secret is lost", async () => {
    const page = await ui.page("#/new");
    await page.getByLabel("Secret").check();
    await page.getByLabel("Test", { exact: true }).check();
    await page.getByLabel("Name").fill("Lost and found");
    await page.getByRole("radio", { name: "Everything" }).check();
    const made = () => [...world.keys.values()].filter((key) => key.name === "Lost and found").length;
    await page.route("**/v1/keys", async (route) => {
      await route.fetch();
      await route.abort();
    }, { times: 1 });
    await page.getByRole("button", { name: "Create the key" }).click();
    await shows(page.getByRole("alert"), /The gate does not answer/);
    await page.getByRole("button", { name: "Create the key" }).click();
    await shows(page.locator("dialog"), /whose answer did not arrive/);
    assert.equal(made(), 1);
    await page.context().close();
  });

  await check("roles: a gate that does not answer is told, and tried again", async () => {
    const page = await ui.page("#/keys");
    await page.route("**/v1/**", (route) => route.abort());
    await page.goto(`${mock.url}/#/audit`);
    await shows(page.getByRole("alert"), /The gate does not answer/);
    await page.unroute("**/v1/**");
    await page.getByRole("button", { name: "Try again" }).click();
    await until("the trail", async () => (await page.locator("tbody tr").count()) > 5);
    await page.context().close();
  });
  await ui.stop();
}
