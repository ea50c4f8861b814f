// The console in a browser, over the mock, with somebody signed in.

import { launch, openPage } from "../browser/chromium.mjs";
import { until } from "../lib/suite.mjs";
import { Mock } from "./mock.mjs";
import { furnish } from "./mock-world.mjs";

export class Console {
  static async start() {
    const ui = new Console();
    ui.mock = await Mock.start();
    ui.world = ui.mock.world;
    furnish(ui.world);
    ui.tokens = { owner: ui.world.operator("ada", "Ada", "owner"), operator: ui.world.operator("grace", "Grace", "operator"), viewer: ui.world.operator("linus", "Linus", "viewer") };
    ui.browser = await launch();
    return ui;
  }

  // A page in a profile of its own; with a role, somebody is signed in.
  async page(hash = "#/keys", role = "owner", options = {}) {
    const page = await openPage(this.browser, `${this.mock.url}/${hash}`, { permissions: ["clipboard-read", "clipboard-write"], viewport: { width: 1280, height: 800 }, ...options });
    if (role) {
      await page.locator("#token").fill(this.tokens[role]);
      await page.keyboard.press("Enter");
      await page.locator("#main h1").waitFor();
    }
    return page;
  }

  stop() {
    return this.browser.close();
  }
}

// The text of an element, once it is as wanted.
export const shows = (locator, wanted) => until(`${wanted}`, async () => wanted.test((await locator.allInnerTexts())[0] ?? ""));

export const focused = (page) => page.evaluate(() => {
  const { activeElement: element } = document;
  if (element === document.body) return "nothing";
  return element.innerText?.trim() || element.labels?.[0]?.innerText.trim() || element.id || element.tagName;
});

// Waits until the address is as wanted.
export const goes = (page, wanted) => until(`the address ${wanted}`, () => wanted.test(new URL(page.url()).hash));
