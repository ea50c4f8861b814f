// The same as echo.py, for Node's own server: what it understood, one JSON line each.

import { writeSync } from "node:fs";
import http from "node:http";

let count = 0;
const write = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

// As lenient as it can be told to be.
const server = http.createServer({ insecureHTTPParser: true, requireHostHeader: false }, (request, response) => {
  const number = String((count += 1));
  const { method, url: target, rawHeaders } = request;
  const headers = [];
  for (let at = 0; at < rawHeaders.length; at += 2) headers.push([rawHeaders[at], rawHeaders[at + 1]]);
  write({ number, method, target, headers });
  const answer = () => response.setHeader("content-type", "text/plain").end(target);
  if (target.includes("unread")) return answer();
  let length = 0;
  request.on("data", (chunk) => (length += chunk.length));
  request.on("end", () => {
    write({ number, length });
    answer();
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
