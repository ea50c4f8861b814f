import { run } from "../lib/suite.mjs";
import { gate } from "./gate.mjs";
import { keyboard } from "./keyboard.mjs";
import { looks } from "./looks.mjs";
import { path } from "./path.mjs";
import { roles } from "./roles.mjs";
import { views } from "./views.mjs";

await run(gate, path, keyboard, roles, views, looks);
