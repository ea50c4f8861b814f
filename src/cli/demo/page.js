// The demo's browser client: what a page does to reach a realtime backend through Keygate.

const gate = document.querySelector("meta[name=gate]").content;
const [keyField, channelField, textField] = ["key", "channel", "text"].map((id) => document.getElementById(id));

// A long session keeps the newest.
const MAX_MESSAGES = 200;

// One connection: the row that tells its state, and the button that opens and closes it.
class Line {
  constructor(id, connect) {
    this.row = document.getElementById(id);
    this.connect = connect;
    this.handle = null;
    this.button = this.row.querySelector("button");
    this.button.addEventListener("click", () => (this.handle ? this.close() : this.open()));
  }

  open() {
    if (this.handle || !channelField.reportValidity()) return;
    this.is("wait", "connecting…");
    this.handle = this.connect(this, keyField.value.trim(), channelField.value);
    this.label();
  }

  close() {
    const handle = this.handle;
    this.ended("closed", "closed");
    handle.close();
  }

  ended(state, word, detail) {
    this.handle = null;
    this.is(state, word, detail);
    this.label();
  }

  is(state, word, detail = "") {
    this.row.dataset.state = state;
    this.row.querySelector(".state").textContent = word;
    this.row.querySelector(".detail").textContent = detail;
    this.changed?.(state === "open");
  }

  label() {
    this.button.firstChild.textContent = this.handle ? "Close" : "Open";
  }

  // Whether this handle is still the one shown: what a closed one reports late is of no interest.
  owns(handle) {
    return this.handle === handle;
  }
}

// A browser's WebSocket can carry a key only as a subprotocol. The gate takes it out and selects the literal beside it.
function openSocket(line, key, channel) {
  const protocols = key ? ["keygate", `keygate.key.${base64url(key)}`] : ["keygate"];
  const socket = new WebSocket(`${gate.replace(/^http/, "ws")}/connection/websocket?${query({ channel })}`, protocols);
  let opened = false;
  socket.onopen = () => {
    opened = true;
    if (line.owns(socket)) line.is("open", "open", `in “${channel}”`);
  };
  socket.onmessage = (event) => show("WS", "WebSocket", event.data);
  socket.onclose = async ({ code, reason }) => {
    if (!line.owns(socket)) return;
    if (opened) line.ended("refused", "ended", code === 1006 ? "cut without a Close (1006)" : `closed with ${code} ${reason}`);
    else await refused(line, socket, key, channel);
  };
  return socket;
}

// An EventSource can carry a key only in its URL: fit for a publishable key, which is no secret, and for no other.
function openEvents(line, key, channel) {
  const events = new EventSource(eventsUrl(key, channel));
  events.onopen = () => line.owns(events) && line.is("open", "open", `in “${channel}”`);
  events.onmessage = (event) => show("SSE", "EventSource", event.data);
  events.onerror = async () => {
    if (!line.owns(events)) return;
    // It comes back by itself from a lost connection, and gives up on an answer other than 200.
    if (events.readyState === EventSource.CONNECTING) line.is("wait", "lost, trying again…");
    else await refused(line, events, key, channel);
  };
  return events;
}

async function refused(line, handle, key, channel) {
  const detail = await reasonOfRefusal(key, channel);
  if (line.owns(handle)) line.ended("refused", "refused", detail);
}

// Browsers hide the answer that refused a WebSocket or an EventSource, but let fetch read it: ask once more, and listen no further.
async function reasonOfRefusal(key, channel) {
  const stop = new AbortController();
  try {
    const answer = await fetch(eventsUrl(key, channel), { signal: stop.signal, cache: "no-store" });
    if (answer.ok) return "refused, though an event stream with this key is not: the demo’s terminal tells why";
    const problem = await answer.json().catch(() => ({}));
    const wait = answer.headers.get("retry-after");
    const text = problem.detail ?? problem.title ?? problem.error ?? answer.statusText;
    return `${answer.status} ${problem.code ?? ""}${problem.code && text ? ": " : ""}${text}${wait ? ` (again in ${wait} s)` : ""}`;
  } catch {
    return `no answer that ${location.origin} may read: the gate is down, or lists no such origin`;
  } finally {
    stop.abort();
  }
}

function show(short, long, data) {
  const list = document.getElementById("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8;
  const item = element("li");
  item.append(element("time", new Date().toLocaleTimeString([], { hour12: false })));
  item.append(Object.assign(element("abbr", short), { title: long }));
  const { text, failed } = reading(data);
  item.append(Object.assign(element("code", text), { className: failed ? "error" : "" }));
  list.append(item);
  if (list.children.length > MAX_MESSAGES) list.firstChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

// What a frame or event says. The backend's own errors have no message.
function reading(data) {
  try {
    const { message, error, missed } = JSON.parse(data);
    if (error) return { text: missed ? `${error}: ${missed} missed` : error, failed: true };
    return { text: typeof message === "string" ? message : JSON.stringify(message) };
  } catch {
    return { text: data };
  }
}

function element(name, text = "") {
  return Object.assign(document.createElement(name), { textContent: text });
}

const query = (parameters) => new URLSearchParams(parameters).toString();

const eventsUrl = (key, channel) => `${gate}/events?${query(key ? { channel, key } : { channel })}`;

function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// In single quotes a shell reads everything as it stands but the quote itself.
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function showCommand() {
  const body = JSON.stringify({ channel: channelField.value, message: "hello" });
  document.getElementById("command").textContent =
    `curl ${gate}/realtime \\\n  -H 'x-api-key: SECRET_KEY' \\\n  -H 'content-type: application/json' \\\n  -d ${quoted(body)}`;
}

// A fragment never leaves the browser, unlike a query.
function readFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("key")) keyField.value = given.get("key");
  if (given.has("channel")) channelField.value = given.get("channel");
  showCommand();
}

const socketLine = new Line("socket", openSocket);
const lines = [socketLine, new Line("events", openEvents)];

socketLine.changed = (open) => {
  textField.disabled = document.getElementById("send-button").disabled = !open;
};
document.getElementById("connect").addEventListener("submit", (event) => {
  event.preventDefault();
  for (const line of lines) line.open();
});
document.getElementById("send").addEventListener("submit", (event) => {
  event.preventDefault();
  socketLine.handle?.send(JSON.stringify({ message: textField.value }));
  textField.value = "";
});
document.getElementById("clear").addEventListener("click", () => document.getElementById("messages").replaceChildren());
document.getElementById("copy").addEventListener("click", async ({ target }) => {
  await navigator.clipboard.writeText(document.getElementById("command").textContent);
  target.textContent = "Copied";
  setTimeout(() => (target.textContent = "Copy"), 1500);
});
channelField.addEventListener("input", showCommand);
addEventListener("hashchange", readFragment);
readFragment();
