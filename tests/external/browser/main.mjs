import { run } from "../lib/suite.mjs";
import { card } from "./card.mjs";
import { demoPage } from "./demo-page.mjs";
import { origins } from "./origins.mjs";

await run(card, origins, demoPage);
