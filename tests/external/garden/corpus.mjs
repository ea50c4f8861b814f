// What is sent: honest requests, which every server must understand, and requests that two servers understand in two ways (Http11Probe,
// HTTP Garden, PortSwigger's lists of smuggling and of header aliases). Text is Latin-1: one character, one byte.

// Stands in every target, and becomes the number of its sending, so that what arrives can be told apart.
const TAG = "/any/000/";

// The end of every sending. Whoever answers it has found the beginning of a request where there is one.
const end = (key) => `GET /any/000/end HTTP/1.1\r\nHost: gate\r\nX-Api-Key: ${key}\r\nConnection: close\r\n\r\n`;

// What hides in another request: a request of its own, with an identity that nobody gave it, and without a key.
const HIDDEN = "GET /any/000/smuggled HTTP/1.1\r\nHost: gate\r\nX-Keygate-App: spoof\r\nX-Keygate-Key-Id: spoof\r\nX-Keygate-Kind: spoof\r\n\r\n";
const IDENTITY = ["App", "Key-Id", "Kind", "Environment", "Capability", "Request-Id"];

// Every sending: its name, its tag, its bytes, and of the honest ones how many requests it is beside its end. Where a body is not whole (`cut`), the client
// ends its side: nothing else would end the exchange.
export function corpus(key) {
  const all = [];
  const send = (name, bytes, more = {}) => {
    const tag = String(all.length).padStart(3, "0");
    all.push({ name, tag, bytes: (bytes + end(key)).replaceAll(TAG, `/any/${tag}/`), ...more });
  };
  const head = (method, target, lines, version = "HTTP/1.1") =>
    `${method} ${target} ${version}\r\nHost: gate\r\nX-Api-Key: ${key}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
  const get = (target, ...lines) => head("GET", target, lines);
  const post = (body, ...lines) => head("POST", "/any/000/publish", lines) + body;
  const length = (body, ...lines) => post(body, `Content-Length: ${body.length}`, ...lines);
  const chunked = (body, ...lines) => post(body, "Transfer-Encoding: chunked", ...lines);

  // === honest ===
  const honest = (name, bytes, requests = 1) => send(`honest: ${name}`, bytes, { requests });
  honest("GET", get("/any/000/a"));
  honest("a query", get("/any/000/a?x=1&y=%20"));
  honest("an escaped path", get("/any/000/a%20b/caf%C3%A9"));
  honest("a length", length("hello"));
  honest("a length of 0", length(""));
  honest("chunks", chunked("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
  honest("an extension of a chunk", chunked("5;a=b\r\nhello\r\n0\r\n\r\n"));
  honest("trailers", chunked("5\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n", "Trailer: X-Checksum"));
  honest("a body on a GET", head("GET", "/any/000/body", ["Content-Length: 5"]) + "hello");
  for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS"]) honest(method, head(method, "/any/000/m", ["Content-Length: 2"]) + "hi");
  honest("three in one packet", get("/any/000/1") + get("/any/000/2") + get("/any/000/3"), 3);
  honest("a body, then a request", length("hello") + get("/any/000/after"), 2);
  honest("chunks, then a request", chunked("5\r\nhello\r\n0\r\n\r\n") + get("/any/000/after"), 2);
  honest("HTTP/1.0", head("GET", "/any/000/old", ["Connection: keep-alive"], "HTTP/1.0"));
  honest("an upgrade that is declined", get("/any/000/h2c", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"));
  honest("an expectation", length("hello", "Expect: 100-continue"));
  honest("many headers", get("/any/000/many", ...Array.from({ length: 40 }, (_, at) => `X-Header-${at}: ${at}`)));
  honest("a long header", get("/any/000/long", `X-Long: ${"x".repeat(2000)}`));
  honest("an empty header", get("/any/000/empty", "X-Empty:"));
  honest("white space around a value", get("/any/000/space", "X-Space: \t a b \t "));
  honest("a list in two lines", get("/any/000/list", "Accept: text/html", "Accept: text/plain"));
  honest("a body that nobody reads", head("POST", "/any/000/unread", ["Content-Length: 5"]) + "hello");

  // === who asks ===
  const folds = [
    (name) => name, (name) => name.toLowerCase(), (name) => name.toUpperCase(), (name) => name.replaceAll("-", "_"),
    (name) => name.replaceAll("-", "."), (name) => name.replace("-", "_"), (name) => name.replace(/-(?=[^-]*$)/, "_"),
    (name) => name.replace("-", ".").toUpperCase(),
  ];
  for (const name of IDENTITY) {
    for (const fold of folds) send(`identity: ${fold(`X-Keygate-${name}`)}`, get("/any/000/who", `${fold(`X-Keygate-${name}`)}: spoof`));
    send(`identity: ${name} twice`, get("/any/000/who", `X-Keygate-${name}: spoof`, `x_keygate_${name}: spoof`));
    send(`identity: ${name} nominated`, get("/any/000/who", `Connection: close, X-Keygate-${name}`));
    send(`identity: ${name} before a colon`, get("/any/000/who", `X-Keygate-${name} : spoof`));
    send(`identity: ${name} in a trailer`, chunked(`2\r\nhi\r\n0\r\nX-Keygate-${name}: spoof\r\n\r\n`, `Trailer: X-Keygate-${name}`));
    send(`identity: ${name} behind a bare LF`, get("/any/000/who", `X-A: b\nX-Keygate-${name}: spoof`));
    send(`identity: ${name} behind a bare CR`, get("/any/000/who", `X-A: b\rX-Keygate-${name}: spoof`));
    send(`identity: ${name} folded`, get("/any/000/who", "X-A: b", ` X-Keygate-${name}: spoof`));
  }
  for (const name of ["Forwarded", "X-Forwarded-For", "X_Forwarded_For", "X.Real.IP", "X_Forwarded_Host"]) {
    send(`identity: ${name}`, get("/any/000/who", `${name}: 6.6.6.6`));
  }

  // === where a body ends ===
  const n = HIDDEN.length;
  const lengths = {
    "signed": `Content-Length: +${n}`, "negative": "Content-Length: -1", "zeroes before": `Content-Length: 0${n}`,
    "hex": `Content-Length: 0x${n.toString(16)}`, "a list": `Content-Length: ${n}, ${n}`, "a list of two": `Content-Length: 0, ${n}`,
    "twice": `Content-Length: ${n}\r\nContent-Length: ${n}`, "two, the first 0": `Content-Length: 0\r\nContent-Length: ${n}`,
    "two, the last 0": `Content-Length: ${n}\r\nContent-Length: 0`, "empty": "Content-Length:", "two numbers": `Content-Length: ${n} 0`,
    "a fraction": `Content-Length: ${n}.0`, "an underscore": `Content-Length: ${n}_0`, "a semicolon": `Content-Length: ${n};0`,
    "a quoted number": `Content-Length: "${n}"`, "a vertical tab": `Content-Length: \v${n}`,
    "beyond 64 bits": `Content-Length: ${2n ** 64n + BigInt(n)}`, "before a colon": `Content-Length : ${n}`,
    "an underscore in the name": `Content_Length: ${n}`, "a dot in the name": `Content.Length: ${n}`,
    "behind a bare LF": `X-A: b\nContent-Length: ${n}`, "behind a bare CR": `X-A: b\rContent-Length: ${n}`,
    "folded": `X-A: b\r\n Content-Length: ${n}`, "folded value": `Content-Length:\r\n ${n}`, "NUL": `Content-Length: ${n}\0`,
    "a non-ASCII digit": `Content-Length: ${n}\xb2`,
  };
  for (const [name, line] of Object.entries(lengths)) send(`length: ${name}`, post(HIDDEN, line));
  const codings = {
    "xchunked": "xchunked", "chunked, identity": "chunked, identity", "identity, chunked": "identity, chunked",
    "chunked, chunked": "chunked, chunked", "gzip, chunked": "gzip, chunked", "a comma before": ", chunked", "a comma behind": "chunked,",
    "a parameter": "chunked;a=b", "quoted": '"chunked"', "a vertical tab": "\vchunked", "a form feed": "chunked\f", "NUL": "chunked\0",
    "a high byte": "\xffchunked", "upper case": "CHUNKED", "white space": " \tchunked\t ", "a sharp k": "chun\xe2\x84\xaaed",
    "identity": "identity", "empty": "",
  };
  for (const [name, value] of Object.entries(codings)) {
    send(`coding: ${name}`, post(`0\r\n\r\n${HIDDEN}`, `Transfer-Encoding: ${value}`));
    send(`coding: ${name}, beside a length`, post(`0\r\n\r\n${HIDDEN}`, `Content-Length: ${n + 5}`, `Transfer-Encoding: ${value}`));
  }
  const names = {
    "before a colon": "Transfer-Encoding : chunked", "a tab before a colon": "Transfer-Encoding\t: chunked",
    "an underscore": "Transfer_Encoding: chunked", "a dot": "Transfer.Encoding: chunked",
    "behind a bare LF": "X-A: b\nTransfer-Encoding: chunked", "behind a bare CR": "X-A: b\rTransfer-Encoding: chunked",
    "folded": "X-A: b\r\n Transfer-Encoding: chunked", "a folded value": "Transfer-Encoding:\r\n chunked",
    "NUL": "Transfer-Encoding\0: chunked", "twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "two, the last x": "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "two, the first identity": "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "a quote": "'Transfer-Encoding': chunked",
    "no colon": "Transfer-Encoding chunked", "white space first": " Transfer-Encoding: chunked",
  };
  for (const [name, line] of Object.entries(names)) {
    send(`coding's name: ${name}`, post(`0\r\n\r\n${HIDDEN}`, line));
    send(`coding's name: ${name}, beside a length`, post(`0\r\n\r\n${HIDDEN}`, `Content-Length: ${n + 5}`, line));
  }
  send("CL.TE", post(`0\r\n\r\n${HIDDEN}`, `Content-Length: ${n + 5}`, "Transfer-Encoding: chunked"));
  send("TE.CL", post(`${n.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`, "Transfer-Encoding: chunked", `Content-Length: ${n.toString(16).length + 2}`));
  send("TE in HTTP/1.0", head("POST", "/any/000/publish", ["Transfer-Encoding: chunked", "Connection: keep-alive"], "HTTP/1.0") + `0\r\n\r\n${HIDDEN}`);
  send("TE and CL in HTTP/1.0", head("POST", "/any/000/publish", ["Transfer-Encoding: chunked", "Content-Length: 5", "Connection: keep-alive"], "HTTP/1.0") + `0\r\n\r\n${HIDDEN}`);
  for (const method of ["POST", "GET", "OPTIONS", "DELETE", "HEAD"]) {
    send(`CL.0: ${method}`, head(method, "/any/000/unread", [`Content-Length: ${n}`]) + HIDDEN);
    send(`TE.0: ${method}`, head(method, "/any/000/unread", ["Transfer-Encoding: chunked"]) + `${n.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`);
  }
  send("0.CL", get("/any/000/unread", "Content-Length : 60") + HIDDEN);
  send("a length and an upgrade", get("/any/000/unread", `Content-Length: ${n}`, "Connection: Upgrade", "Upgrade: h2c") + HIDDEN);
  send("a body that never ends", head("POST", "/any/000/unread", ["Content-Length: 100000"]) + HIDDEN, { cut: true });
  send("chunks that never end", head("POST", "/any/000/unread", ["Transfer-Encoding: chunked"]) + `${(n + 9).toString(16)}\r\n${HIDDEN}`, { cut: true });

  // === what is a chunk ===
  const chunks = {
    "hex before": "0x5\r\nhello", "signed": "+5\r\nhello", "negative": "-5\r\nhello", "white space before": " 5\r\nhello",
    "white space behind": "5 \r\nhello", "a tab behind": "5\t\r\nhello", "an underscore": "0_5\r\nhello", "zeroes": "0000005\r\nhello",
    "17 digits": "00000000000000005\r\nhello", "beyond 64 bits": "10000000000000005\r\nhello", "a bare LF": "5\nhello",
    "a bare CR": "5\rhello", "a bare LF behind an extension": `5;a\nhello`, "a CR in an extension": "5;a\rb\r\nhello",
    "a NUL in an extension": "5;\0\r\nhello", "an extension that hides a line": `5;a="\r\nhello`, "a comma": "5,5\r\nhello",
    "no size": "\r\nhello", "too short": "3\r\nhello", "a length of text": "five\r\nhello",
  };
  for (const [name, chunk] of Object.entries(chunks)) {
    send(`chunk: ${name}`, chunked(`${chunk}\r\n0\r\n\r\n${HIDDEN}`), { cut: true });
    send(`chunk: ${name}, unread`, head("POST", "/any/000/unread", ["Transfer-Encoding: chunked"]) + `${chunk}\r\n0\r\n\r\n${HIDDEN}`, { cut: true });
  }
  const lasts = { "two zeroes": "00", "an extension": "0;a", "a bare LF": "0\n", "negative": "-0", "hex": "0x0", "white space": "0 ", "signed": "+0" };
  for (const [name, last] of Object.entries(lasts)) send(`last chunk: ${name}`, chunked(`5\r\nhello\r\n${last}\r\n\r\n${HIDDEN}`), { cut: true });
  send("data without its end", chunked(`5\r\nhello0\r\n\r\n${HIDDEN}`), { cut: true });
  send("data that ends in LF", chunked(`5\r\nhello\n0\r\n\r\n${HIDDEN}`), { cut: true });
  send("data that ends in two bytes", chunked(`5\r\nhelloXX0\r\n\r\n${HIDDEN}`), { cut: true });
  send("trailers that end in LF", chunked(`0\r\nX: y\n\n${HIDDEN}`), { cut: true });
  send("a trailer that is folded", chunked(`0\r\nX: y\r\n z\r\n\r\n${HIDDEN}`), { cut: true });
  send("a trailer that is a length", chunked(`0\r\nContent-Length: ${n}\r\n\r\n${HIDDEN}`), { cut: true });
  send("a trailer that is a request", chunked(`0\r\n${HIDDEN}`), { cut: true });

  // === what is a request line ===
  const lines = {
    "two spaces": "GET  /any/000/a HTTP/1.1", "a tab": "GET\t/any/000/a HTTP/1.1", "a space behind": "GET /any/000/a HTTP/1.1 ",
    "no version": "GET /any/000/a", "HTTP/1.2": "GET /any/000/a HTTP/1.2", "HTTP/0.9": "GET /any/000/a HTTP/0.9",
    "HTTP/2.0": "GET /any/000/a HTTP/2.0", "HTTP/1.10": "GET /any/000/a HTTP/1.10", "lower case": "GET /any/000/a http/1.1",
    "an empty line before": "\r\nGET /any/000/a HTTP/1.1", "a space before": " GET /any/000/a HTTP/1.1",
    "a NUL": "GET /any/000/\0a HTTP/1.1", "a space in the target": "GET /any/000/a b HTTP/1.1",
    "a high byte": "GET /any/000/\xff HTTP/1.1", "absolute": "GET http://other/any/000/a HTTP/1.1", "authority": "GET gate:80 HTTP/1.1",
    "asterisk": "OPTIONS * HTTP/1.1", "CONNECT": "CONNECT gate:80 HTTP/1.1", "TRACE": "TRACE /any/000/a HTTP/1.1",
    "a fragment": "GET /any/000/a#b HTTP/1.1", "no slash": "GET any/a HTTP/1.1", "a backslash": "GET \\any\\a HTTP/1.1",
    "dots": "GET /any/000/../api/a HTTP/1.1", "escaped dots": "GET /any/000/%2e%2e/api/a HTTP/1.1",
    "an escaped slash": "GET /any/000/..%2fapi/a HTTP/1.1", "escaped twice": "GET /any/000/%252e%252e/api HTTP/1.1",
    "a semicolon": "GET /any/000/..;/api HTTP/1.1", "two slashes": "GET /any/000//api HTTP/1.1",
    "lower-case method": "get /any/000/a HTTP/1.1", "a method nobody knows": "FROBNICATE /any/000/a HTTP/1.1",
    "a method that is no token": "G@T /any/000/a HTTP/1.1", "a method with a quote": `GE"T /any/000/a HTTP/1.1`,
  };
  for (const [name, line] of Object.entries(lines)) send(`line: ${name}`, `${line}\r\nHost: gate\r\nX-Api-Key: ${key}\r\n\r\n${HIDDEN}`);
  send("line: ends in LF", `GET /any/000/a HTTP/1.1\nHost: gate\nX-Api-Key: ${key}\n\n${HIDDEN}`);
  send("line: ends in CR", `GET /any/000/a HTTP/1.1\rHost: gate\rX-Api-Key: ${key}\r\r${HIDDEN}`);
  send("the preface of HTTP/2", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`);

  // === whose host ===
  const hosts = {
    "none": "", "two": "Host: gate\r\nHost: other\r\n", "two that are equal": "Host: gate\r\nHost: gate\r\n",
    "a list": "Host: gate, other\r\n", "user info": "Host: gate@other\r\n", "a path": "Host: gate/any\r\n",
    "a port of text": "Host: gate:http\r\n", "an alias": "Host: gate\r\nH.ost: other\r\n", "folded": "Host: gate\r\n other\r\n",
    "empty": "Host:\r\n", "a space": "Host: gate other\r\n", "before a colon": "Host : gate\r\n",
  };
  for (const [name, lines] of Object.entries(hosts)) send(`host: ${name}`, `GET /any/000/a HTTP/1.1\r\n${lines}X-Api-Key: ${key}\r\n\r\n${HIDDEN}`);

  // === what is an upgrade ===
  const nonce = ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
  const upgrades = {
    "premature": ["Connection: Upgrade", "Upgrade: websocket", ...nonce], "without Connection": ["Upgrade: websocket", ...nonce],
    "of nothing known": ["Connection: Upgrade", "Upgrade: foo"],
    "to version 12": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 12", nonce[1]],
    "twice": ["Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c", ...nonce],
    "of two": ["Connection: Upgrade", "Upgrade: h2c, websocket", ...nonce], "to TLS": ["Connection: Upgrade", "Upgrade: TLS/1.0"],
    "to h2c": ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
  };
  for (const [name, lines] of Object.entries(upgrades)) {
    send(`upgrade: ${name}`, get("/any/000/up", ...lines) + HIDDEN);
    send(`upgrade: ${name}, POST`, head("POST", "/any/000/up", [...lines, "Content-Length: 0"]) + HIDDEN);
  }

  // === what is expected ===
  for (const value of ["100-continue", "100-Continue", " 100-continue , 100-continue", "x", "100-continue;a", ""]) {
    send(`expect: ${value}`, head("POST", "/any/000/unread", [`Expect: ${value}`, `Content-Length: ${n}`]) + HIDDEN);
  }

  // === one behind the other ===
  send("a request without a key behind one", get("/any/000/1") + HIDDEN + get("/any/000/2"));
  send("a request without a key behind a body", length("hello") + HIDDEN);
  send("an event stream, then a request", get("/any/000/events", "Accept: text/event-stream") + HIDDEN);
  send("more bytes than the length says", length("hello") + "X" + HIDDEN);
  send("a line behind the length", length("hello") + "\r\n" + HIDDEN);
  return all;
}
