// A relay that keeps what passes: between the gate and a backend, it sees what the backend is told.

import net from "node:net";
import { listen } from "./machine.mjs";

export class Tap {
  #connections = [];

  static async before(port) {
    const tap = new Tap();
    const server = net.createServer((gate) => {
      const backend = net.connect(port, "127.0.0.1");
      const chunks = [];
      tap.#connections.push(chunks);
      gate.on("data", (chunk) => chunks.push(chunk));
      for (const [from, to] of [[gate, backend], [backend, gate]]) {
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
    });
    tap.port = await listen(server);
    tap.close = () => server.close();
    return tap;
  }

  // What the gate sent on each connection, byte for byte, as Latin-1.
  get sent() {
    return this.#connections.map((chunks) => Buffer.concat(chunks).toString("latin1"));
  }

  // The first head on each connection.
  get heads() {
    return this.sent.map((sent) => sent.slice(0, sent.indexOf("\r\n\r\n") + 4));
  }
}
