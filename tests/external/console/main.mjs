import { run } from "../lib/suite.mjs";
import { keyboard } from "./keyboard.mjs";
import { looks } from "./looks.mjs";
import { path } from "./path.mjs";
import { roles } from "./roles.mjs";
import { views } from "./views.mjs";

await run(path, keyboard, roles, views, looks);
