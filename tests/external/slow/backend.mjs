// A backend, as a process of its own: while it copies megabytes for somebody, nobody else may be kept waiting whose time is taken.
// Prints its port.

import http from "node:http";
import { listen } from "../lib/machine.mjs";

// Larger than what sockets between the two hold, so that somebody waits for the slow reader.
const LARGE = Buffer.alloc(16 * 1024 * 1024, "x");

const backend = http.createServer((request, response) => {
  if (request.url.startsWith("/slow/large")) return response.end(LARGE);
  request.resume().on("end", () => response.end("ok")).on("error", () => {});
});
console.log(await listen(backend));
