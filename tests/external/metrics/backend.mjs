// A backend of a few lines: answers everything, streams events, and takes WebSockets.

import { createHash } from "node:crypto";
import http from "node:http";
import { listen } from "../lib/machine.mjs";

const SECRET_OF_RFC_6455 = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export async function startBackend() {
  const server = http.createServer((request, response) => {
    request.resume();
    if (request.headers.accept !== "text/event-stream") return response.end("hello\n");
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: hello\n\n");
  });
  server.on("upgrade", ({ headers }, socket) => {
    const accept = createHash("sha1").update(headers["sec-websocket-key"] + SECRET_OF_RFC_6455).digest("base64");
    socket.on("error", () => {});
    // Node leaves the second half of an upgraded connection to its user.
    socket.on("end", () => socket.end()).resume();
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
    // In one piece, as a backend may: what follows the head comes with it.
    socket.write(Buffer.concat([Buffer.from(head), textFrame("hello")]));
  });
  return { port: await listen(server), close: () => server.close().closeAllConnections() };
}

const textFrame = (text) => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
